"""Ends of streams that stand before others, and pass through what they do not change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from headwater.streams.ends import NOTHING, Sink

if TYPE_CHECKING:
    from headwater.streams.ends import ChannelStatistics, Source

__all__ = ["Wrapped", "WrappedSink"]


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


SinkT = TypeVar("SinkT", bound=Sink)


class WrappedSink(Generic[SinkT]):
    """Another sink; subclasses say how items go there, and change what else they need to."""

    __slots__ = ("_sink",)

    def __init__(self, sink: SinkT) -> None:
        self._sink = sink

    def set_header(self, header: Any) -> None:
        """Write the header."""
        self._sink.set_header(header)

    def finish(self, footer: Any = NOTHING) -> None:
        """End the stream."""
        self._sink.finish(footer)

    def skip(self) -> None:
        """End the stream because its branch was not taken."""
        self._sink.skip()

    def fail(self, error: Exception) -> None:
        """Break the stream, unless it has ended."""
        self._sink.fail(error)

    def statistics(self) -> ChannelStatistics:
        """Return what the stream holds and has seen."""
        return self._sink.statistics()
