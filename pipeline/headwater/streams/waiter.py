"""A place where one end of a stream sleeps until the other wakes it."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from anyio import Event
from anyio.lowlevel import checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Waiter"]


class Waiter:
    """A place where one task sleeps until it is woken; several channels that meet in one port share it."""

    __slots__ = ("_event", "_waited_s", "asleep_since", "on_sleep")

    def __init__(self) -> None:
        self.asleep_since: float | None = None
        self.on_sleep: Callable[[], None] | None = None  # called once, in the task that falls asleep next
        self._event: Event | None = None
        self._waited_s = 0.0

    @property
    def waited_s(self) -> float:
        """How long tasks have waited here, in seconds, including one that waits now."""
        since = self.asleep_since
        return self._waited_s if since is None else self._waited_s + perf_counter() - since

    def wake(self) -> None:
        """Wake the sleeper, if there is one."""
        if self._event is not None:
            self._event.set()
            self._event = None

    async def pause(self) -> None:
        """Let every other task run once: often the other end needs no more, and it costs half as much as a sleep."""
        started = perf_counter()
        await checkpoint()
        self._waited_s += perf_counter() - started

    async def sleep(self) -> None:
        """Sleep until `wake` is called."""
        self.asleep_since = started = perf_counter()
        self._event = event = Event()
        if self.on_sleep is not None:
            on_sleep, self.on_sleep = self.on_sleep, None
            on_sleep()
        try:
            await event.wait()
        finally:
            self._event = self.asleep_since = None
            self._waited_s += perf_counter() - started
