"""What a reader of an edge sees: the reading end, its figures, and the two things that are no frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["NOTHING", "ChannelStatistics", "ReaderLeft", "Source"]


class _Nothing:
    """The absence of a header or footer, where None could be a value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "NOTHING"


NOTHING: Any = _Nothing()


class ReaderLeft(Exception):  # noqa: N818 - a signal, not an error
    """Internal: this channel is no longer read, so its writer may stop."""


@dataclass(frozen=True, slots=True)
class ChannelStatistics:
    """What a channel holds and has seen.

    Args:
        buffered_items: Items that wait for the reader now.
        capacity_items: Most items that may wait.
        written_items: Items written so far.
        read_items: Items taken by the reader so far.
        reader_wait_s: How long the reader waited for items, in seconds.
        writer_wait_s: How long the writer waited for room, in seconds.
        ended: Whether the writer has finished or failed.
    """

    buffered_items: int
    capacity_items: int
    written_items: int
    read_items: int
    reader_wait_s: float
    writer_wait_s: float
    ended: bool


class Source(Protocol):
    """The reading end of an edge, or of several that meet in one port."""

    async def take(self) -> list[Any]:
        """Return everything that is there, at least one item; an empty list at the end."""
        ...

    async def header(self) -> Any:
        """Return the header, or `NOTHING` when the stream turns out to have none."""
        ...

    async def taken(self) -> bool:
        """Wait for the first frame or the end; False when the branch that leads here was not taken."""
        ...

    @property
    def footer(self) -> Any:
        """The footer, or `NOTHING`; known once the items are exhausted."""
        ...

    def close(self) -> None:
        """Tell the writer that nobody reads on."""
        ...

    def statistics(self) -> ChannelStatistics:
        """Return what the channel holds and has seen."""
        ...
