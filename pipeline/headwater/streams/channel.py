"""The bounded edge between one writer and one reader: a list, two places to wait, and no frame objects.

The writer appends and looks at one number, `limit`; only when the buffer has reached it does anything else happen. The
reader takes everything there is on each wake-up, so nobody waits for a batch to fill.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from anyio import Event
from anyio.lowlevel import checkpoint

from headwater.errors import StreamOrderError
from headwater.streams.source import NOTHING, ChannelStatistics, ReaderLeft

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headwater.streams.meter import Meter

__all__ = ["Channel", "Waiter"]


class Waiter:
    """A place where one task sleeps until it is woken; it may be shared by several channels."""

    __slots__ = ("_asleep_since", "_event", "_waited_s")

    def __init__(self) -> None:
        self._event: Event | None = None
        self._waited_s = 0.0
        self._asleep_since: float | None = None

    @property
    def waited_s(self) -> float:
        """How long tasks have waited here, in seconds, the present one included."""
        since = self._asleep_since
        return self._waited_s if since is None else self._waited_s + perf_counter() - since

    def wake(self) -> None:
        """Wake the sleeper, if there is one."""
        if self._event is not None:
            self._event.set()
            self._event = None

    async def pause(self) -> None:
        """Let every other task have a turn: the other end often needs no more, and it costs half of a sleep."""
        started = perf_counter()
        await checkpoint()
        self._waited_s += perf_counter() - started

    async def sleep(self) -> None:
        """Sleep until `wake` is called."""
        self._asleep_since = started = perf_counter()
        self._event = event = Event()
        try:
            await event.wait()
        finally:
            self._event = self._asleep_since = None
            self._waited_s += perf_counter() - started


class Channel:
    """A bounded edge of a running pipeline.

    Hot loops append to `buffer` themselves and call `flush` only when `len(buffer) >= limit`; `put` and `write` do the
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
        self.capacity: int = capacity
        self.limit: int = 1
        self.meter: Meter | None = None
        self.on_left: Callable[[], None] | None = None
        self.on_first: Callable[[Any], object] | None = None
        self.ended: bool = False
        self.skipped: bool = False
        self.error: Exception | None = None
        self.read_items: int = 0
        self.given_header: Any = NOTHING
        self._footer: Any = NOTHING
        self._left = False
        self._unary = unary
        self._reader = reader or Waiter()
        self._writer = Waiter()

    # ---- the writer's side

    def flush(self) -> bool:
        """Wake the reader and look at the pace; called when the buffer has reached `limit`.

        Returns:
            True when the writer should `await wait_writable()`: the channel is full, or a whole slice has passed.

        Raises:
            ReaderLeft: Nobody reads this channel any more.
        """
        if self._left:
            self.buffer.clear()
            raise ReaderLeft
        self._reader.wake()
        if (on_first := self.on_first) is not None:
            self.on_first = None
            on_first(self.buffer[0])
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
            True when the writer should `await wait_writable()` before the next item.
        """
        self.buffer.append(item)
        return len(self.buffer) >= self.limit and self.flush()

    async def wait_writable(self) -> None:
        """Wait until there is room for an item; always let others run."""
        await self._writer.pause()
        while len(self.buffer) >= self.capacity and not self._left:
            await self._writer.sleep()
        if self._left:
            raise ReaderLeft

    async def write(self, items: Sequence[Any]) -> bool:
        """Append all the items, never more at a time than there is room for.

        Returns:
            Whether others have had a turn since the last one was appended.
        """
        start = 0
        paused = False
        while start < len(items):
            free = self.capacity - len(self.buffer)
            self.buffer += items[start : start + free]
            start += free
            paused = self.flush() or start < len(items)
            if paused:
                await self.wait_writable()
        return paused

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
