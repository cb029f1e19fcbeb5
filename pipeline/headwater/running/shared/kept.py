"""What policies remember between executions: breakers, rate limits, caches and batches, by their keys."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, TypeVar, cast

from anyio import CancelScope, sleep

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Hashable

    from anyio.abc import TaskGroup

__all__ = ["Kept", "Memory"]

_LOOKS = 100


class Memory:
    """What a policy remembers."""

    @property
    def is_idle(self) -> bool:
        """Return whether it may be forgotten, as a new one would do the same."""
        return True

    async def aclose(self) -> None:
        """Release what it holds."""


Remembered = TypeVar("Remembered", bound=Memory)


class _Entry:
    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.users = 0
        self.idle = CancelScope()


class Kept:
    """What policies remember, in one event loop: while it is used, and then for `idle_s`, or as long as the owner.

    At most about `max_entries` are kept, the ones that were used last; what is in use, or not idle, is never dropped.
    """

    def __init__(self, group: TaskGroup, idle_s: float | None = None, max_entries: int = 10_000) -> None:
        self.group = group
        self._idle_s = idle_s
        self._max_entries = max_entries
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    @contextmanager
    def use(self, key: Hashable, make: Callable[[], Remembered]) -> Generator[Remembered]:
        """Yield what is remembered for a key, made on first use."""
        entry = self._entries.get(key)
        if entry is None:
            self._make_room()
            entry = self._entries[key] = _Entry(make())
        self._entries.move_to_end(key)
        entry.users += 1
        entry.idle.cancel()
        try:
            yield cast("Remembered", entry.memory)
        finally:
            entry.users -= 1
            if not entry.users and self._idle_s is not None and self._entries.get(key) is entry:
                entry.idle = CancelScope()
                self.group.start_soon(self._release_idle, key, entry, entry.idle, self._idle_s)

    async def aclose(self) -> None:
        """Forget everything, and release what is held."""
        while self._entries:
            _, entry = self._entries.popitem()
            entry.idle.cancel()
            await entry.memory.aclose()

    async def _release_idle(self, key: Hashable, entry: _Entry, scope: CancelScope, idle_s: float) -> None:
        with scope:
            while True:
                await sleep(idle_s)
                if entry.memory.is_idle:
                    del self._entries[key]
                    break
            with CancelScope(shield=True):
                await entry.memory.aclose()

    def _make_room(self) -> None:
        """Drop what was not used for the longest time, among the oldest few, so that this takes a bounded time."""
        if len(self._entries) < self._max_entries:
            return
        for key, entry in list(islice(self._entries.items(), _LOOKS)):
            if not entry.users and entry.memory.is_idle:
                entry.idle.cancel()
                del self._entries[key]
                self.group.start_soon(entry.memory.aclose)
