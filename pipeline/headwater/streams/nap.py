"""How a task sleeps until another one wakes it, and how it lets others run, by the cheapest means of each event loop.

A nap costs one switch of tasks, a third of what an event costs. A task makes it, leaves it where others find it, and
awaits it at once; cancellation ends it as it ends every wait. All of it belongs to the thread of the event loop.
"""

from __future__ import annotations

from functools import partial
from types import coroutine
from typing import TYPE_CHECKING, Any, NamedTuple

from anyio.lowlevel import current_token

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

__all__ = ["Bell", "Loop", "Nap", "this_loop"]

Nap = Any
"""One sleep of the task that makes and awaits it: what the event loop has for that, and nothing around it."""


class Loop(NamedTuple):
    """What a task needs of its event loop."""

    nap: Callable[[], Nap]
    wake: Callable[[Nap], None]
    """End a nap; one that has already ended, or was cancelled, is left alone."""
    turn: Callable[[], Awaitable[None]]
    """Let every other task run once."""


def this_loop() -> Loop:
    """Return the means of the running event loop."""
    create_future = getattr(current_token().native_token, "create_future", None)
    if create_future is not None:
        return Loop(create_future, _wake_future, _turn)
    from trio import lowlevel

    return Loop(partial(_TrioNap, lowlevel), _TrioNap.wake, lowlevel.checkpoint)


class Bell:
    """A place where any number of tasks wait until it rings next."""

    __slots__ = ("_loop", "_naps")

    def __init__(self) -> None:
        self._loop: Loop | None = None  # known on first use, as an event log may be made outside of a loop
        self._naps: set[Nap] = set()

    async def wait(self) -> None:
        """Sleep until the bell rings."""
        if self._loop is None:
            self._loop = this_loop()
        nap = self._loop.nap()
        self._naps.add(nap)
        try:
            await nap
        finally:
            self._naps.discard(nap)

    async def turn(self) -> None:
        """Let every other task run once, after a wait."""
        if self._loop is not None:
            await self._loop.turn()

    def ring(self) -> None:
        """Wake those that wait now."""
        if self._naps and self._loop is not None:
            for nap in self._naps:
                self._loop.wake(nap)


def _wake_future(future: Any) -> None:
    """End a nap on asyncio and its like, which is a future."""
    if not future.done():
        future.set_result(None)


@coroutine
def _turn() -> Generator[None, None, None]:
    """Let others run on asyncio and its like, where a task that yields nothing is resumed after all that are ready."""
    yield


class _TrioNap:
    """A nap on trio."""

    __slots__ = ("_sleeper", "_trio")

    def __init__(self, trio: Any) -> None:
        self._trio = trio
        self._sleeper: Any = trio.current_task()

    def wake(self) -> None:
        if self._sleeper is not None:
            sleeper, self._sleeper = self._sleeper, None
            self._trio.reschedule(sleeper)

    def __await__(self) -> Generator[Any, Any, object]:
        return self._trio.wait_task_rescheduled(self._abort).__await__()  # type: ignore[no-any-return]  # of trio

    def _abort(self, _raise_cancel: object) -> object:
        self._sleeper = None
        return self._trio.Abort.SUCCEEDED
