"""Several edges that race: the first to bring an item is read, and the others are left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.streams.ends import NOTHING
from headwater.streams.merging.merged import Merged

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from headwater.streams.ends import EdgeSource
    from headwater.streams.waiter import Waiter

__all__ = ["Race"]


class Race(Merged):
    """The items of the edge that brings the first one; where none does, the first edge that was taken counts.

    Attributes:
        stop_others: Stops what writes only to edges other than the one at a place, and waits until it has ended.
    """

    __slots__ = ("_is_over", "_winner", "stop_others")

    def __init__(self, sources: Sequence[EdgeSource], reader: Waiter) -> None:
        super().__init__(sources, reader)
        self.stop_others: Callable[[int], Awaitable[None]] | None = None
        self._winner: int | None = None
        self._is_over = False

    async def take(self, *, ahead: bool = False) -> list[Any]:
        """Return every item that is there at the edge that has won."""
        return await (await self._decided()).take(ahead=ahead)

    async def branch_taken(self) -> bool:
        """Wait for the first item or the end of all edges, and return whether any branch was taken."""
        return not (await self._decided()).skipped

    async def header(self) -> Any:
        """Return the header of the edge that has won, or `NOTHING`."""
        winner = await self._decided()
        return await winner.header() if winner in self.with_header else NOTHING

    @property
    def footer(self) -> Any:
        """The footer of the edge that has won, or `NOTHING`."""
        winner = None if self._winner is None else self._sources[self._winner]
        return winner.footer if winner is not None and winner in self.with_footer else NOTHING

    def acknowledge(self, items: int | None = None) -> None:
        """Count the oldest items that were taken as done; None for all of them."""
        if self._winner is not None:
            self._sources[self._winner].acknowledge(items)

    async def _decided(self) -> EdgeSource:
        """Return the edge that has won, when all that only wrote to others has ended."""
        while self._winner is None:
            self._winner = self._found()
            if self._winner is None:
                await self._sleep()
        if not self._is_over:
            for place, source in enumerate(self._sources):
                if place != self._winner:
                    source.close()
            if self.stop_others is not None:
                await self.stop_others(self._winner)
            self._is_over = True
        return self._sources[self._winner]

    def _found(self) -> int | None:
        """Return the place of the edge that has won, if one has."""
        for place, source in enumerate(self._sources):
            if source.buffer:
                return place
        self._raise_break()
        if not all(source.ended for source in self._sources):
            return None
        return next((place for place, source in enumerate(self._sources) if not source.skipped), 0)
