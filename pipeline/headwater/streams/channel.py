"""The bounded edge between one writer and one reader: a list, two places to wait, and no frame objects.

The writer appends and looks at one number, `limit`; only when the buffer has reached it does anything else happen. The
reader takes everything there is on each wake-up, so nobody waits for a batch to fill.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

from anyio import Event
from anyio.lowlevel import checkpoint

from headwater.errors import StreamOrderError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headwater.streams.meter import Meter

__all__ = ["NOTHING", "Channel", "ChannelStatistics", "Concatenated", "Interleaved", "ReaderLeft", "Source", "Waiter"]


class _Nothing:
    """The absence of a header or footer, where None could be a value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "NOTHING"


NOTHING: Any = _Nothing()


class ReaderLeft(Exception):  # noqa: N818 - not an error: tells a writer inside the engine that nobody reads on
    """Nobody reads this channel any more, so its writer may stop."""


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


class Waiter:
    """A place where one task sleeps until it is woken; it may be shared by several channels."""

    __slots__ = ("_event", "waited_s")

    def __init__(self) -> None:
        self._event: Event | None = None
        self.waited_s = 0.0

    def wake(self) -> None:
        """Wake the sleeper, if there is one."""
        if self._event is not None:
            self._event.set()
            self._event = None

    async def pause(self) -> None:
        """Let every other task have a turn: the other end often needs no more, and it costs half of a sleep."""
        started = perf_counter()
        await checkpoint()
        self.waited_s += perf_counter() - started

    async def sleep(self) -> None:
        """Sleep until `wake` is called."""
        started = perf_counter()
        self._event = event = Event()
        try:
            await event.wait()
        finally:
            self._event = None
            self.waited_s += perf_counter() - started


class Channel:
    """A bounded edge of a running pipeline.

    Hot loops append to `buffer` themselves and call `full` only when `len(buffer) >= limit`; `put` and `write` do the
    same for everyone else. `buffer` keeps its identity for the whole life of the channel.

    Args:
        capacity: Most items that may wait for the reader.
        reader: Where the reader sleeps; shared by the channels that meet in one port.
        unary: Whether exactly one item is to come, so that an end without one means that the branch was not taken.
    """

    __slots__ = (
        "_footer",
        "_left",
        "_reader",
        "_unary",
        "_writer",
        "buffer",
        "capacity",
        "ended",
        "error",
        "given_header",
        "limit",
        "meter",
        "on_first",
        "on_left",
        "read_items",
        "skipped",
    )

    def __init__(self, capacity: int = 256, reader: Waiter | None = None, *, unary: bool = False) -> None:
        self.buffer: list[Any] = []
        self.capacity = capacity
        self.limit = 1
        self.meter: Meter | None = None
        self.on_left: Callable[[], None] | None = None
        self.on_first: Callable[[Any], object] | None = None
        self.ended = False
        self.skipped = False
        self.error: Exception | None = None
        self.read_items = 0
        self.given_header: Any = NOTHING
        self._footer: Any = NOTHING
        self._left = False
        self._unary = unary
        self._reader = reader or Waiter()
        self._writer = Waiter()

    # ---- the writer's side

    def full(self) -> bool:
        """Wake the reader and look at the pace; called when the buffer has reached `limit`.

        Returns:
            True when the writer should `await room()`: the channel is full, or the writer has worked for a whole slice.

        Raises:
            ReaderLeft: Nobody reads this channel any more.
        """
        if self._left:
            self.buffer.clear()
            raise ReaderLeft
        self._reader.wake()
        if (tell := self.on_first) is not None:
            self.on_first = None
            tell(self.buffer[0])
        buffered = len(self.buffer)
        if self.meter is None:
            self.limit = self.capacity
            return buffered >= self.capacity
        pause = self.meter.look()
        self.limit = min(self.capacity, buffered + self.meter.stride)
        return pause or buffered >= self.capacity

    def put(self, item: Any) -> bool:
        """Append one item.

        Returns:
            True when the writer should `await room()` before the next item.
        """
        self.buffer.append(item)
        return len(self.buffer) >= self.limit and self.full()

    async def room(self) -> None:
        """Wait until there is room for an item; always let others run."""
        await self._writer.pause()
        while len(self.buffer) >= self.capacity and not self._left:
            await self._writer.sleep()
        if self._left:
            raise ReaderLeft

    async def write(self, items: Sequence[Any]) -> None:
        """Append all the items, never more at a time than there is room for."""
        start = 0
        while start < len(items):
            free = self.capacity - len(self.buffer)
            self.buffer += items[start : start + free]
            start += free
            if self.full() or start < len(items):
                await self.room()

    def set_header(self, header: Any) -> None:
        """Give the header, before the first item."""
        self.given_header = header
        self._reader.wake()

    def finish(self, footer: Any = NOTHING) -> None:
        """End the stream: the writer has written everything."""
        self._footer = footer
        self.ended = True
        self.skipped = self._unary and not self.written_items
        self._reader.wake()

    def skip(self) -> None:
        """End the stream because its branch was not taken."""
        self.ended = True
        self.skipped = True
        self._reader.wake()

    def fail(self, error: Exception) -> None:
        """Break the stream: the reader gets the items already written, then the error."""
        if not self.ended:
            self.error = error
            self.ended = True
            self._reader.wake()

    # ---- the reader's side

    async def take(self) -> list[Any]:
        """Return everything that is there, waiting for at least one item.

        Returns:
            The items, oldest first; an empty list when the stream has ended.

        Raises:
            StreamBrokenError: The writer failed, and every item it had written was taken before.
        """
        if not self.buffer and not self.ended:
            self.limit = 1
            await self._reader.pause()
        while not self.buffer:
            if self.ended:
                return self._end()
            self.limit = 1
            await self._reader.sleep()
        return self.take_nowait()

    def take_nowait(self) -> list[Any]:
        """Return everything that is there, perhaps nothing."""
        buffer = self.buffer
        batch = buffer[:]
        buffer.clear()
        self.read_items += len(batch)
        self.limit = min(self.capacity, self.meter.stride) if self.meter else self.capacity
        self._writer.wake()
        return batch

    def _end(self) -> list[Any]:
        if self.error is not None:
            raise self.error
        return []

    async def header(self) -> Any:
        """Return the header as soon as it is there, or `NOTHING` once it is clear that none comes."""
        await self._opened()
        if self.given_header is NOTHING and not self.buffer and not self.read_items:
            self._end()
        return self.given_header

    async def taken(self) -> bool:
        """Wait for the first frame or the end, and return whether the branch was taken."""
        await self._opened()
        return not self.skipped

    async def _opened(self) -> None:
        while not self.opened:
            self.limit = 1
            await self._reader.sleep()

    @property
    def footer(self) -> Any:
        """The footer, or `NOTHING` when there is none or the items are not exhausted."""
        if not self.ended or self.buffer:
            msg = "the footer is known only when all items were read"
            raise StreamOrderError(msg)
        return self._footer

    def close(self) -> None:
        """Leave: items not yet read are let go, and the writer is told at its next item."""
        self._left = True
        if self.on_left is not None:
            self.on_left()
        self.limit = 0
        self.buffer.clear()
        self._writer.wake()

    # ---- for both

    @property
    def opened(self) -> bool:
        """Whether the first frame or the end is there."""
        return self.given_header is not NOTHING or bool(self.written_items) or self.ended

    @property
    def left(self) -> bool:
        """Whether the reader has left."""
        return self._left

    @property
    def writer_wait_s(self) -> float:
        """How long the writer waited for room, in seconds."""
        return self._writer.waited_s

    @property
    def written_items(self) -> int:
        """Items written so far."""
        return self.read_items + len(self.buffer)

    def statistics(self) -> ChannelStatistics:
        """Return what the channel holds and has seen."""
        return ChannelStatistics(
            buffered_items=len(self.buffer),
            capacity_items=self.capacity,
            written_items=self.written_items,
            read_items=self.read_items,
            reader_wait_s=self._reader.waited_s,
            writer_wait_s=self._writer.waited_s,
            ended=self.ended,
        )


class _Joined:
    """Several channels that meet in one port."""

    __slots__ = ("_channels", "_footer", "_reader")

    def __init__(self, channels: Sequence[Channel], reader: Waiter) -> None:
        self._channels = tuple(channels)
        self._reader = reader
        self._footer: Any = NOTHING

    @property
    def footer(self) -> Any:
        """The one footer among the channels, or `NOTHING`."""
        footers = [channel.footer for channel in self._channels]
        return next((footer for footer in footers if footer is not NOTHING), NOTHING)

    def close(self) -> None:
        """Leave all the channels."""
        for channel in self._channels:
            channel.close()

    def statistics(self) -> ChannelStatistics:
        """Return the sums over the channels."""
        parts = [channel.statistics() for channel in self._channels]
        return ChannelStatistics(
            buffered_items=sum(part.buffered_items for part in parts),
            capacity_items=sum(part.capacity_items for part in parts),
            written_items=sum(part.written_items for part in parts),
            read_items=sum(part.read_items for part in parts),
            reader_wait_s=self._reader.waited_s,
            writer_wait_s=sum(part.writer_wait_s for part in parts),
            ended=all(part.ended for part in parts),
        )


class Interleaved(_Joined):
    """Items of several channels as they come; within each channel the order is kept.

    Args:
        channels: Channels made with the same `reader`.
        reader: Where the reader sleeps.
    """

    __slots__ = ()

    async def take(self) -> list[Any]:
        """Return everything that is there in any of the channels."""
        while True:
            batch = [item for channel in self._channels if channel.buffer for item in channel.take_nowait()]
            if batch:
                return batch
            self._raise_break()
            if all(channel.ended for channel in self._channels):
                return batch
            await self._sleep()

    async def taken(self) -> bool:
        """Wait for the first frame of any channel or the end of all; False when no branch was taken."""
        while True:
            if any(channel.written_items or (channel.ended and not channel.skipped) for channel in self._channels):
                return True
            if all(channel.skipped for channel in self._channels):
                return False
            await self._sleep()

    async def header(self) -> Any:
        """Return the header of the one channel that has one, or `NOTHING`."""
        while True:
            for channel in self._channels:
                if (header := channel.given_header) is not NOTHING:
                    return header
            self._raise_break()
            if all(channel.opened for channel in self._channels):
                return NOTHING
            await self._sleep()

    def _raise_break(self) -> None:
        for channel in self._channels:
            if channel.error is not None:
                raise channel.error

    async def _sleep(self) -> None:
        for channel in self._channels:
            channel.limit = 1
        await self._reader.sleep()


class Concatenated(_Joined):
    """Items of several channels, one channel after the other.

    Args:
        channels: Channels made with the same `reader`, in the order they are read.
        reader: Where the reader sleeps.
    """

    __slots__ = ("_index",)

    def __init__(self, channels: Sequence[Channel], reader: Waiter) -> None:
        super().__init__(channels, reader)
        self._index = 0

    async def take(self) -> list[Any]:
        """Return everything that is there in the channel whose turn it is."""
        while self._index < len(self._channels):
            if batch := await self._channels[self._index].take():
                return batch
            self._index += 1
        return []

    async def taken(self) -> bool:
        """Wait until one channel has a frame or all have ended; False when no branch was taken."""
        for channel in self._channels:
            if await channel.taken():
                return True
        return False

    async def header(self) -> Any:
        """Return the header of the one channel that has one, or `NOTHING`."""
        headers = [await channel.header() for channel in self._channels]
        return next((header for header in headers if header is not NOTHING), NOTHING)
