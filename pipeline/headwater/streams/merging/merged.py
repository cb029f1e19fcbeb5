"""Several edges that meet in one port; their reader sleeps at one place, where each of them wakes it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from headwater.streams.ends import NOTHING, ChannelStatistics, totals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headwater.streams.ends import EdgeSource
    from headwater.streams.waiter import Waiter

__all__ = ["Concatenated", "Interleaved", "Merged"]


class Merged:
    """Several edges as one source.

    Attributes:
        with_header: The edges whose header may pass, by default any.
        with_footer: The same for the footer.
    """

    __slots__ = ("_reader", "_sources", "with_footer", "with_header")

    def __init__(self, sources: Sequence[EdgeSource], reader: Waiter) -> None:
        self._sources = tuple(sources)
        self._reader = reader
        self.with_header: Sequence[EdgeSource] = self._sources
        self.with_footer: Sequence[EdgeSource] = self._sources

    @property
    def footer(self) -> Any:
        """The one footer among the edges, or `NOTHING`."""
        footers = [source.footer for source in self.with_footer]
        return next((footer for footer in footers if footer is not NOTHING), NOTHING)

    async def branch_taken(self) -> bool:
        """Wait for the first frame of any edge or the end of all, and return whether any branch was taken."""
        while True:
            if any(source.opened and not source.skipped for source in self._sources):
                return True
            if all(source.skipped for source in self._sources):
                return False
            await self._sleep()

    async def header(self) -> Any:
        """Return the header of the one edge that has one, or `NOTHING`."""
        while True:
            for source in self.with_header:
                if (header := source.given_header) is not NOTHING:
                    return header
            self._raise_break()
            if all(source.opened for source in self.with_header):
                return NOTHING
            await self._sleep()

    async def _all_taken(self) -> bool:
        """Wait for the first frame or the end of each edge, and return whether all branches were taken."""
        while not any(source.skipped for source in self._sources):
            if all(source.opened for source in self._sources):
                return True
            await self._sleep()
        return False

    def close(self) -> None:
        """Leave all the edges."""
        for source in self._sources:
            source.close()

    def statistics(self) -> ChannelStatistics:
        """Return the sums over the edges; the reader waits for all of them at a time."""
        sums = totals([source.statistics() for source in self._sources])
        return sums._replace(reader_wait_s=self._reader.waited_s)

    def _raise_break(self) -> None:
        for source in self._sources:
            if source.error is not None:
                raise source.error

    async def _sleep(self) -> None:
        for source in self._sources:
            source.ask()
        await self._reader.sleep()


class _OfItems(Merged):
    """Several edges as one source of all their items."""

    __slots__ = ("_undone",)

    def __init__(self, sources: Sequence[EdgeSource], reader: Waiter) -> None:
        super().__init__(sources, reader)
        self._undone: deque[tuple[EdgeSource, int]] = deque()  # whose items are in the reader's hands, and how many

    def acknowledge(self, items: int | None = None) -> None:
        """Count the oldest items that were taken as done, each at its own edge; None for all of them."""
        if items is None:
            for source, _ in self._undone:
                source.acknowledge()
            self._undone.clear()
        while items:
            source, taken = self._undone.popleft()
            done = min(items, taken)
            source.acknowledge(done)
            items -= done
            if done < taken:
                self._undone.appendleft((source, taken - done))


class Interleaved(_OfItems):
    """Items of several edges as they come; within each edge the order is kept."""

    __slots__ = ()

    async def take(self, *, ahead: bool = False) -> list[Any]:
        """Return every item that is there at any of the edges."""
        if not ahead and self._undone:
            self.acknowledge()
        while True:
            if batch := [item for source in self._sources if source.buffer for item in self._taken(source)]:
                return batch
            self._raise_break()
            if all(source.ended for source in self._sources):
                return []
            await self._sleep()

    def _taken(self, source: EdgeSource) -> list[Any]:
        batch = source.take_nowait()
        self._undone.append((source, len(batch)))
        return batch


class Concatenated(_OfItems):
    """Items of several edges, one edge after the other."""

    __slots__ = ("_index",)

    def __init__(self, sources: Sequence[EdgeSource], reader: Waiter) -> None:
        super().__init__(sources, reader)
        self._index = 0

    async def take(self, *, ahead: bool = False) -> list[Any]:
        """Return every item that is there at the edge whose turn it is."""
        if not ahead and self._undone:
            self.acknowledge()
        while self._index < len(self._sources):
            source = self._sources[self._index]
            if batch := await source.take(ahead=True):
                self._undone.append((source, len(batch)))
                return batch
            self._index += 1
        return []

    async def branch_taken(self) -> bool:
        """Wait for a frame of one edge or the end of all, and return whether any branch was taken."""
        for source in self._sources:
            if await source.branch_taken():
                return True
        return False

    async def header(self) -> Any:
        """Return the header of the one edge that has one, or `NOTHING`."""
        headers = [await source.header() for source in self.with_header]
        return next((header for header in headers if header is not NOTHING), NOTHING)
