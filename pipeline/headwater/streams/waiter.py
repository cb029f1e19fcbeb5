"""A place where one end of a stream sleeps until the other wakes it."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from headwater.streams.nap import Loop, Nap, this_loop

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Waiter"]


class Waiter:
    """A place where one task sleeps until it is woken; several channels that meet in one port share it."""

    __slots__ = ("_loop", "_nap", "_waited_s", "asleep_since", "on_sleep")

    def __init__(self) -> None:
        self.asleep_since: float | None = None
        self.on_sleep: Callable[[], None] | None = None  # called once, in the task that falls asleep next
        self._loop: Loop | None = None  # known on first use, as a stream may be made outside of a loop
        self._nap: Nap | None = None
        self._waited_s = 0.0

    @property
    def waited_s(self) -> float:
        """How long tasks have waited here, in seconds, including one that waits now."""
        since = self.asleep_since
        return self._waited_s if since is None else self._waited_s + perf_counter() - since

    def wake(self) -> None:
        """Wake the sleeper, if there is one."""
        if self._nap is not None and self._loop is not None:
            self._loop.wake(self._nap)
            self._nap = None

    async def pause(self) -> None:
        """Let every other task run once: often the other end needs no more, and it costs half as much as a sleep."""
        started = perf_counter()
        if self._loop is None:
            self._loop = this_loop()
        await self._loop.turn()
        self._waited_s += perf_counter() - started

    async def sleep(self) -> None:
        """Sleep until `wake` is called."""
        self.asleep_since = started = perf_counter()
        if self._loop is None:
            self._loop = this_loop()
        self._nap = nap = self._loop.nap()
        if self.on_sleep is not None:
            on_sleep, self.on_sleep = self.on_sleep, None
            on_sleep()
        try:
            await nap
        finally:
            self._nap = self.asleep_since = None
            self._waited_s += perf_counter() - started
