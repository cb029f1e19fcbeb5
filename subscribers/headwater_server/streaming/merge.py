"""Several executions that one client follows in one task."""

from __future__ import annotations

from collections.abc import Iterator

import anyio

from headwater.toolkit import EventLog
from headwater_server.streaming.broadcast import Broadcast, Line

__all__ = ["Followed", "Merge"]


class Followed:
    """A line, and the number of the last event of it that the client has."""

    __slots__ = ("line", "seq")

    def __init__(self, line: Line, seq: int) -> None:
        self.line: Line = line
        self.seq: int = min(seq, line.blocks.log.last_seq)

    @property
    def log(self) -> EventLog:
        """The events."""
        return self.line.blocks.log

    @property
    def ended(self) -> bool:
        """Whether the client has everything up to the terminal event."""
        return self.log.closed and self.seq >= self.log.last_seq


class Merge:
    """The lines that one client follows, by the ids of their executions."""

    __slots__ = ("_broadcast", "_followed", "_news")

    def __init__(self, broadcast: Broadcast) -> None:
        self._broadcast = broadcast
        self._followed: dict[str, Followed] = {}
        self._news = anyio.Event()

    def __len__(self) -> int:
        return len(self._followed)

    def __contains__(self, key: str) -> bool:
        return key in self._followed

    def __iter__(self) -> Iterator[tuple[str, Followed]]:
        """Iterate over what is followed now, which may change meanwhile."""
        return iter(list(self._followed.items()))

    @property
    def pings(self) -> int:
        """How many pings were due in total."""
        return sum(followed.line.pings for followed in self._followed.values())

    def add(self, key: str, line: Line, seq: int) -> None:
        """Follow a line after a number, in the place of what had the same key."""
        self.remove(key)
        self._followed[key] = Followed(line, seq)
        self._broadcast.follow(line)
        line.listeners.add(self.wake)
        self.wake()

    def remove(self, key: str) -> None:
        """Follow a line no longer."""
        followed = self._followed.pop(key, None)
        if followed is not None:
            followed.line.listeners.discard(self.wake)
            self._broadcast.leave(followed.line)

    def clear(self) -> None:
        """Follow nothing."""
        for key in list(self._followed):
            self.remove(key)

    def wake(self) -> None:
        """End the wait."""
        self._news.set()

    async def wait(self) -> None:
        """Wait until there may be more, since the last wait."""
        await self._news.wait()
        self._news = anyio.Event()
