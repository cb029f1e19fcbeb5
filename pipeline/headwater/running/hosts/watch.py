"""Notices a coroutine that holds the event loop for long."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

__all__ = ["Watched"]

Value = TypeVar("Value")


class Watched(Generic[Value]):
    """An awaitable that runs a coroutine and measures each stretch between two suspensions.

    It costs a fraction of a microsecond each time the coroutine is resumed, and nothing per item.

    Example:
        >>> import anyio
        >>> stretches = []
        >>> async def main() -> int:
        ...     async def two_stretches() -> int:
        ...         await anyio.sleep(0)
        ...         return 3
        ...
        ...     return await Watched(two_stretches(), stretches.append)
        >>> anyio.run(main), len(stretches)
        (3, 2)
    """

    __slots__ = ("_coroutine", "_report")

    def __init__(self, coroutine: Coroutine[Any, Any, Value], report: Callable[[float], None]) -> None:
        self._coroutine = coroutine
        self._report = report

    def __await__(self) -> Generator[Any, Any, Value]:
        resume: Callable[[Any], Any] = self._coroutine.send
        given: Any = None
        while True:
            started = perf_counter()
            try:
                waits_for = resume(given)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]  # what the coroutine returns
            finally:
                self._report(perf_counter() - started)
            try:
                resume, given = self._coroutine.send, (yield waits_for)
            except BaseException as error:  # noqa: BLE001 - cancellation and everything else belong to the coroutine
                resume, given = self._coroutine.throw, error
