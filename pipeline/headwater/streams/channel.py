"""The edge inside one process: a bounded list between a writer and a reader, without frame objects.

The writer appends and compares the length with one number, `limit`; only when the buffer has reached it does anything
else happen. The reader takes everything that is there on each wake-up, so no item waits for a batch to fill.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.errors import StreamOrderError
from headwater.streams.ends import NOTHING, ChannelStatistics, ReaderLeft
from headwater.streams.waiter import Waiter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headwater.streams.meter import Meter

__all__ = ["Channel"]


class Channel:
    """Both ends of an edge whose writer and reader share an event loop; see `EdgeSink` and `EdgeSource`."""

    # fmt: off
    __slots__ = (
        "_comes_in_batches", "_footer", "_unary", "buffer", "capacity", "done_items", "ended", "error", "given_header",
        "limit", "meter", "on_close", "on_first", "read_items", "reader", "reader_left", "skipped", "writer",
    )
    ended: bool; skipped: bool; reader_left: bool; read_items: int; done_items: int  # noqa: E702 - one line of names
    # fmt: on

    def __init__(self, capacity: int = 256, reader: Waiter | None = None, *, unary: bool = False) -> None:
        self.buffer: list[Any] = []
        self.capacity: int = capacity
        # 1 while the reader sleeps, 0 once it has left, so that the next item wakes it or stops the writer; otherwise
        # the next look of the meter, or the capacity. One number, as the writer compares it for every item.
        self.limit: int = 1
        self.meter: Meter | None = None
        self.on_close: Callable[[], None] | None = None
        self.on_first: Callable[[Any], object] | None = None
        self.ended = self.skipped = self.reader_left = False
        self.error: Exception | None = None
        self.read_items = self.done_items = 0
        self.given_header: Any = NOTHING
        self._comes_in_batches = False  # as the last take showed
        self._footer: Any = NOTHING
        self._unary = unary
        self.reader: Waiter = reader or Waiter()
        self.writer: Waiter = Waiter()

    def flush(self) -> bool:
        """Wake the reader and look at the pace; True when the channel is full, or a whole slice has passed."""
        if self.reader_left:
            self.buffer.clear()
            raise ReaderLeft
        self.reader.wake()
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
        """Append one item; True when the writer should `await wait_writable()` before the next."""
        self.buffer.append(item)
        return len(self.buffer) >= self.limit and self.flush()

    @property
    def writable(self) -> bool:
        """Whether an item can be written now."""
        return self.free > 0 and not self.reader_left

    @property
    def free(self) -> int:
        """How many items fit now."""
        return self.capacity - len(self.buffer)

    async def wait_writable(self) -> None:
        """Wait until an item can be written; always let others run."""
        await self.writer.pause()
        while len(self.buffer) >= self.capacity and not self.reader_left:
            await self.writer.sleep()
        if self.reader_left:
            raise ReaderLeft

    async def write(self, items: Sequence[Any]) -> bool:
        """Append items, never more than fit; True when others have run since the last one was appended."""
        start, paused = 0, False
        while start < len(items):
            free = self.free
            self.buffer += items[start : start + free]
            start += free
            paused = self.flush() or start < len(items)
            if paused:
                await self.wait_writable()
        return paused

    def set_header(self, header: Any) -> None:
        """Write the header, before the first item."""
        self.given_header = header
        self.reader.wake()

    def finish(self, footer: Any = NOTHING) -> None:
        """End the stream; one that should have brought an item and did not was not taken."""
        self._footer = footer
        self.ended = True
        self.skipped = self._unary and not self.written_items
        self.reader.wake()

    def skip(self) -> None:
        """End the stream because its branch was not taken."""
        self.ended = self.skipped = True
        self.reader.wake()

    def fail(self, error: Exception) -> None:
        """Break the stream, unless it has ended."""
        if not self.ended:
            self.error = error
            self.ended = True
            self.reader.wake()

    async def take(self, *, ahead: bool = False) -> list[Any]:
        """Return every item that is there, waiting for at least one; an empty list at the end."""
        if not ahead:
            self.done_items = self.read_items
        if self._comes_in_batches and not self.buffer and not self.ended:
            self.limit = 1
            # A writer that can go on has its turn now and fills the buffer, which spares both ends a sleep.
            await self.reader.pause()
        while not self.buffer:
            if self.ended:
                return self._end()
            self.limit = 1
            await self.reader.sleep()
        return self.take_nowait()

    def take_nowait(self) -> list[Any]:
        """Return every item that is there, perhaps none."""
        batch = self.buffer[:]  # copied, as the writer's loop keeps the list itself
        self.buffer.clear()
        self.read_items += len(batch)
        self._comes_in_batches = len(batch) > 1
        # The reader is busy with the batch: it need not be woken before the buffer is full, but the meter looks.
        self.limit = min(self.capacity, self.meter.stride) if self.meter else self.capacity
        self.writer.wake()
        return batch

    def ask(self) -> None:
        """Have the next item handed over at once."""
        self.limit = 1

    def acknowledge(self, items: int | None = None) -> None:
        """Count the oldest items that were taken as done; None for all of them."""
        self.done_items = self.read_items if items is None else self.done_items + items

    def _end(self) -> list[Any]:
        if self.error is not None:
            raise self.error
        return []

    async def header(self) -> Any:
        """Return the header, or `NOTHING` once it is clear that none comes."""
        await self._wait_opened()
        if self.given_header is NOTHING and not self.buffer and not self.read_items:
            self._end()
        return self.given_header

    async def branch_taken(self) -> bool:
        """Wait for the first frame or the end, and return whether the branch was taken."""
        await self._wait_opened()
        return not self.skipped

    async def _wait_opened(self) -> None:
        while not self.opened:
            self.limit = 1
            await self.reader.sleep()

    @property
    def footer(self) -> Any:
        """The footer, or `NOTHING`."""
        if not self.ended or self.buffer:
            raise StreamOrderError("the footer is known only when all items were read")
        return self._footer

    def close(self) -> None:
        """Leave: drop the items not yet taken, and stop the writer at its next item."""
        self.reader_left = True
        if self.on_close is not None:
            self.on_close()
        self.limit = 0
        self.buffer.clear()
        self.writer.wake()

    @property
    def opened(self) -> bool:
        """Whether the first frame or the end is there."""
        return self.given_header is not NOTHING or bool(self.written_items) or self.ended

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
            done_items=self.done_items,
            reader_wait_s=self.reader.waited_s,
            writer_wait_s=self.writer.waited_s,
            ended=self.ended,
        )
