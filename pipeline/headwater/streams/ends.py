"""The two ends of a stream: what its writer and its reader see, wherever the other end is.

A step writes to a `Sink` and reads a `Source`. Each belongs to a port, which may have several edges; `EdgeSink` and
`EdgeSource` belong to one edge, and have what a tee and a merge need as well. Hot loops use `buffer`, `limit` and
`flush`, which never wait; everything else is for once per batch or once per stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headwater.streams.meter import Meter

__all__ = ["NOTHING", "ChannelStatistics", "EdgeSink", "EdgeSource", "Ends", "ReaderLeft", "Sink", "Source", "totals"]


class _Nothing:
    """The absence of a header or footer, where None could be a value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "NOTHING"


NOTHING: Any = _Nothing()


class ReaderLeft(Exception):  # noqa: N818 - not an error: it stops a writer inside the engine
    """Internal: every reader of the stream has left, so its writer may stop."""


class ChannelStatistics(NamedTuple):
    """What a stream holds now, and what has passed.

    Args:
        buffered_items: Items that wait for the reader now.
        capacity_items: Most items that may wait.
        written_items: Items written so far.
        read_items: Items taken by the reader so far.
        done_items: Items that the reader has finished with: it asked for more, or ended.
        reader_wait_s: How long the reader waited for items, in seconds.
        writer_wait_s: How long the writer waited until it could write, in seconds.
        ended: Whether the writer has finished or failed.
    """

    buffered_items: int
    capacity_items: int
    written_items: int
    read_items: int
    done_items: int
    reader_wait_s: float
    writer_wait_s: float
    ended: bool


def totals(parts: Sequence[ChannelStatistics]) -> ChannelStatistics:
    """Return the sums over several streams."""
    if len(parts) == 1:
        return parts[0]
    return ChannelStatistics(
        buffered_items=sum(part.buffered_items for part in parts),
        capacity_items=sum(part.capacity_items for part in parts),
        written_items=sum(part.written_items for part in parts),
        read_items=sum(part.read_items for part in parts),
        done_items=sum(part.done_items for part in parts),
        reader_wait_s=sum(part.reader_wait_s for part in parts),
        writer_wait_s=sum(part.writer_wait_s for part in parts),
        ended=bool(parts) and all(part.ended for part in parts),
    )


class Sink(Protocol):
    """The writing end of a port.

    A hot loop appends to `buffer` and calls `flush` when `len(buffer) >= limit`. When that returns True, or `put` does,
    it awaits `wait_writable` before its next item.

    Attributes:
        buffer: Where items are appended; the same list for the whole life of the stream.
    """

    buffer: list[Any]

    @property
    def meter(self) -> Meter | None:
        """What measures the pace of the writer, and makes it pause once per slice; None to leave it alone."""
        ...

    @meter.setter
    def meter(self, meter: Meter | None) -> None: ...

    @property
    def limit(self) -> int:
        """How many items in the buffer call for `flush`; it changes as the stream goes on."""
        ...

    @property
    def capacity(self) -> int:
        """Most items worth handing over at once."""
        ...

    def flush(self) -> bool:
        """Hand over what is in the buffer, and return whether to await `wait_writable`; raises `ReaderLeft`."""
        ...

    def put(self, item: Any) -> bool:
        """Write one item, and return whether to await `wait_writable`; raises `ReaderLeft`."""
        ...

    async def wait_writable(self) -> None:
        """Wait until an item can be written, and always let other tasks run; raises `ReaderLeft`."""
        ...

    async def write(self, items: Sequence[Any]) -> bool:
        """Write items, and return whether other tasks have run since the last one; raises `ReaderLeft`."""
        ...

    def set_header(self, header: Any) -> None:
        """Write the header, before the first item."""
        ...

    def finish(self, footer: Any = NOTHING) -> None:
        """End the stream: everything was written."""
        ...

    def skip(self) -> None:
        """End the stream because its branch was not taken."""
        ...

    def fail(self, error: Exception) -> None:
        """Break the stream: its reader gets the items already written, then the error. After an end it does nothing."""
        ...

    def statistics(self) -> ChannelStatistics:
        """Return what the stream holds and has seen."""
        ...


class EdgeSink(Sink, Protocol):
    """The writing end of one edge.

    Attributes:
        on_first: Called once with the first item, so that a writer whose other items are of no interest need not ask.
    """

    on_first: Callable[[Any], object] | None

    @property
    def writable(self) -> bool:
        """Whether `wait_writable` has nothing to wait for, and nothing to raise."""
        ...

    @property
    def free(self) -> int:
        """How many items may be written now without waiting."""
        ...

    @property
    def reader_left(self) -> bool:
        """Whether the reader has left."""
        ...


class Source(Protocol):
    """The reading end of a port."""

    async def take(self, *, ahead: bool = False) -> list[Any]:
        """Return every item that is there, waiting for at least one; an empty list at the end.

        A reader that asks for more has finished with what it took before, unless it works `ahead`: then it calls
        `acknowledge` as it finishes. Raises the writer's error once every item before it was taken.
        """
        ...

    def acknowledge(self, items: int | None = None) -> None:
        """Count the oldest items that were taken as done; None for all of them."""
        ...

    async def header(self) -> Any:
        """Return the header, or `NOTHING` once it is clear that none comes."""
        ...

    async def branch_taken(self) -> bool:
        """Wait for the first frame or the end, and return whether the branch was taken."""
        ...

    @property
    def footer(self) -> Any:
        """The footer, or `NOTHING`; known once the items are exhausted."""
        ...

    def close(self) -> None:
        """Leave: items not yet taken are dropped, and the writer is stopped at its next item."""
        ...

    def statistics(self) -> ChannelStatistics:
        """Return what the stream holds and has seen."""
        ...


class EdgeSource(Source, Protocol):
    """The reading end of one edge: the parts that never wait, for a reader of several edges.

    Attributes:
        buffer: Items that wait.
        given_header: The header, or `NOTHING` as long as there is none.
        error: The writer's error, which counts when the buffer is empty.
        on_close: Called when the reader leaves.
    """

    buffer: list[Any]
    given_header: Any
    error: Exception | None
    on_close: Callable[[], None] | None

    def take_nowait(self) -> list[Any]:
        """Return every item that is there, perhaps none; says nothing about those taken before."""
        ...

    def ask(self) -> None:
        """Have the next item handed over at once; called before the reader sleeps."""
        ...

    @property
    def opened(self) -> bool:
        """Whether the first frame or the end is there."""
        ...

    @property
    def ended(self) -> bool:
        """Whether the writer has finished or failed."""
        ...

    @property
    def skipped(self) -> bool:
        """Whether the stream has ended because its branch was not taken."""
        ...


class Ends(NamedTuple):
    """The two ends of one edge; they may be one object, or far from each other."""

    sink: EdgeSink
    source: EdgeSource
