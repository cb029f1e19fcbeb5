"""A source that reads another one, and passes through what it does not change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headwater.streams.ends import ChannelStatistics, Source

__all__ = ["Wrapped"]


class Wrapped:
    """Another source; subclasses change what they need to."""

    __slots__ = ("_source",)

    def __init__(self, source: Source) -> None:
        self._source = source

    async def take(self, *, ahead: bool = False) -> list[Any]:
        """Return the next items."""
        return await self._source.take(ahead=ahead)

    def acknowledge(self, items: int | None = None) -> None:
        """Count the oldest items that were taken as done; None for all of them."""
        self._source.acknowledge(items)

    async def header(self) -> Any:
        """Return the header, or `NOTHING`."""
        return await self._source.header()

    async def branch_taken(self) -> bool:
        """Wait for the first frame or the end, and return whether the branch was taken."""
        return await self._source.branch_taken()

    @property
    def footer(self) -> Any:
        """The footer, or `NOTHING`."""
        return self._source.footer

    def close(self) -> None:
        """Read no further."""
        self._source.close()

    def statistics(self) -> ChannelStatistics:
        """Return what the source holds and has seen."""
        return self._source.statistics()
