"""Notices how long a coroutine holds the event loop."""

from __future__ import annotations

from math import inf
from time import perf_counter
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

    from headwater.streams.meter import Turn

__all__ = ["Watched"]

Value = TypeVar("Value")


class Watched(Generic[Value]):
    """An awaitable that runs a coroutine, notes when each stretch without a suspension begins, and reports long ones.

    It costs a fraction of a microsecond each time the coroutine is resumed, and nothing per item.

    Example:
        >>> import anyio
        >>> from headwater.streams.meter import Turn
        >>> stretches = []
        >>> async def main() -> int:
        ...     async def two_stretches() -> int:
        ...         await anyio.sleep(0)
        ...         return 3
        ...
        ...     return await Watched(two_stretches(), Turn(), stretches.append, longer_than_s=0)
        >>> anyio.run(main), len(stretches)
        (3, 2)
    """

    __slots__ = ("_coroutine", "_longer_than_s", "_report", "_turn")

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, Value],
        turn: Turn,
        report: Callable[[float], object] = float,
        *,
        longer_than_s: float = inf,
    ) -> None:
        self._coroutine = coroutine
        self._turn = turn
        self._report = report
        self._longer_than_s = longer_than_s

    def __await__(self) -> Generator[Any, Any, Value]:
        send: Callable[[Any], Any] = self._coroutine.send
        throw: Callable[[BaseException], Any] = self._coroutine.throw
        resume: Callable[[Any], Any] = send
        given: Any = None
        turn, longer_than_s = self._turn, self._longer_than_s
        while True:
            turn.began_s = perf_counter()
            try:
                waits_for = resume(given)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]  # what the coroutine returns
            finally:
                if (elapsed_s := perf_counter() - turn.began_s) > longer_than_s:
                    self._report(elapsed_s)
            try:
                resume, given = send, (yield waits_for)
            except BaseException as error:  # noqa: BLE001 - cancellation and everything else belong to the coroutine
                resume, given = throw, error
