"""Several edges that bring a tuple of the newest item of each whenever one of them brings another."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from headwater.streams.ends import NOTHING, ChannelStatistics
from headwater.streams.merging.merged import Merged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headwater.streams.ends import EdgeSource
    from headwater.streams.waiter import Waiter

__all__ = ["Latest"]


class Latest(Merged):
    """Tuples of the newest item of each edge: the first once each has one, then one for each further item."""

    __slots__ = ("_acknowledged", "_missing", "_newest", "_read_tuples", "_taken", "_undone", "_undone_tuples")

    def __init__(self, sources: Sequence[EdgeSource], reader: Waiter) -> None:
        super().__init__(sources, reader)
        self._newest: list[Any] = [NOTHING] * len(sources)
        self._missing = len(sources)
        self._taken: list[tuple[EdgeSource, int]] = []  # items that have not made a tuple yet
        # The numbers of tuples in the reader's hands, with the items that made them.
        self._undone: deque[tuple[int, Sequence[tuple[EdgeSource, int]]]] = deque()
        self._undone_tuples = 0
        self._acknowledged = 0  # tuples of the oldest of these
        self._read_tuples = 0

    async def take(self, *, ahead: bool = False) -> list[Any]:
        """Return a tuple for every item that is there at any of the edges."""
        if not ahead and self._undone:
            self.acknowledge()
        while True:
            tuples: list[Any] = []
            for place, source in enumerate(self._sources):
                if source.buffer:
                    items = source.take_nowait()
                    self._taken.append((source, len(items)))
                    tuples += self._changes(place, items)
            if tuples:
                return self._handed_over(tuples)
            self._raise_break()
            if all(source.ended for source in self._sources):
                return []
            await self._sleep()

    def _changes(self, place: int, items: Sequence[Any]) -> list[Any]:
        """Return the tuples that new items of one edge make; only the last of them counts before each edge has one."""
        newest = self._newest
        self._missing -= newest[place] is NOTHING
        newest[place] = items[-1]
        if self._missing:
            return []
        before, after = newest[:place], newest[place + 1 :]
        return [(*before, item, *after) for item in items]

    def _handed_over(self, tuples: list[Any]) -> list[Any]:
        self._undone.append((len(tuples), self._taken))
        self._taken = []
        self._undone_tuples += len(tuples)
        self._read_tuples += len(tuples)
        return tuples

    def acknowledge(self, items: int | None = None) -> None:
        """Count the items of the oldest tuples as done once all tuples taken with them are; None for all of them."""
        done = self._undone_tuples if items is None else items
        self._undone_tuples -= done
        self._acknowledged += done
        while self._undone and self._undone[0][0] <= self._acknowledged:
            tuples, taken = self._undone.popleft()
            self._acknowledged -= tuples
            for source, count in taken:
                source.acknowledge(count)

    async def branch_taken(self) -> bool:
        """Wait for the first frame or the end of each edge, and return whether all branches were taken."""
        return await self._all_taken()

    def statistics(self) -> ChannelStatistics:
        """Return the sums over the edges, with the items read and done counted as tuples."""
        read = self._read_tuples
        return super().statistics()._replace(read_items=read, done_items=read - self._undone_tuples)
