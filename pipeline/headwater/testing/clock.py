"""A clock that skips waiting times, so that a test of an hour takes no time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from headwater.errors import MissingExtraError

if TYPE_CHECKING:
    from trio.testing import MockClock

__all__ = ["VirtualClock"]

Result = TypeVar("Result")


class VirtualClock:
    """The clock of a trio event loop that jumps to the next deadline whenever every task waits.

    It needs trio (https://trio.readthedocs.io) and wraps its `MockClock`. A step that works in a thread does not hold
    the clock, so a deadline may pass before the thread is done: use the clock for steps that wait in the event loop.

    Raises:
        MissingExtraError: trio is not installed.

    Example:
        >>> import anyio
        >>> clock = VirtualClock()
        >>> clock.run(anyio.sleep, 3600)
        >>> clock.elapsed_s
        3600.0
    """

    def __init__(self) -> None:
        try:
            from trio.testing import MockClock
        except ImportError as error:
            raise MissingExtraError("a virtual clock", "testing") from error
        self._clock: MockClock = MockClock(autojump_threshold=0)
        self._start_s: float = self._clock.current_time()

    @property
    def elapsed_s(self) -> float:
        """Seconds on this clock since it was made."""
        return self._clock.current_time() - self._start_s

    @property
    def backend(self) -> tuple[str, dict[str, Any]]:
        """The backend of anyio that uses this clock: name and options, as its pytest plugin takes them."""
        return "trio", {"clock": self._clock}

    def run(self, function: Callable[..., Awaitable[Result]], *args: Any) -> Result:
        """Run an async function with this clock.

        Args:
            function: The function.
            *args: Its arguments.

        Returns:
            What it returns.
        """
        import trio

        async def main() -> Result:
            return await function(*args)

        return trio.run(main, clock=self._clock)
