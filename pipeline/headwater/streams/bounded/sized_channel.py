"""A channel that limits the bytes of the items that wait, beside their number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.streams.bounded.item_size import item_size
from headwater.streams.channel import Channel
from headwater.streams.ends import ChannelStatistics, ReaderLeft

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headwater.streams.waiter import Waiter

__all__ = ["SizedChannel"]


class SizedChannel(Channel):
    """Measures every item. One that does not fit is held back and stops the writer until what waits before it is read.

    So an item that is larger than the bound passes too, alone.
    """

    __slots__ = ("_held", "_measured_items", "buffered_bytes", "capacity_bytes")

    def __init__(self, capacity: int, capacity_bytes: int, reader: Waiter | None = None) -> None:
        super().__init__(capacity, reader)
        self.capacity_bytes: int = capacity_bytes
        self.buffered_bytes: int = 0
        self._measured_items = 0
        self._held: list[Any] = []  # there is something only while the buffer has something

    @property
    def is_full(self) -> bool:
        """Whether the writer has to wait."""
        return bool(self._held) or self.buffered_bytes >= self.capacity_bytes or len(self.buffer) >= self.capacity

    @property
    def free(self) -> int:
        """How many items may be written now without a look at their size."""
        return 0 if self.is_full else 1

    @property
    def writable(self) -> bool:
        """Whether an item can be written now."""
        return not self.is_full and not self.reader_left

    @property
    def written_items(self) -> int:
        """Items written so far."""
        return super().written_items + len(self._held)

    def flush(self) -> bool:
        """Measure what is new, and wake the reader; True when the channel is full, or a whole slice has passed."""
        if not self.reader_left:
            self._admit(self.buffer[self._measured_items :])
        pauses = super().flush()
        self.limit = len(self.buffer) + 1  # every item is measured
        return pauses or self.is_full

    async def wait_writable(self) -> None:
        """Wait until an item can be written; always let others run."""
        await self.writer.pause()
        while self.is_full and not self.reader_left:
            await self.writer.sleep()
        if self.reader_left:
            raise ReaderLeft

    async def write(self, items: Sequence[Any]) -> bool:
        """Append items one by one; True when others have run since the last one was appended."""
        paused = False
        for item in items:
            paused = self.put(item)
            if paused:
                await self.wait_writable()
        return paused

    def take_nowait(self) -> list[Any]:
        """Return every item that is there, perhaps none, and make room for those held back."""
        batch = super().take_nowait()
        self.buffered_bytes = self._measured_items = 0
        if self._held:
            held, self._held = self._held, []
            self.buffer.extend(held)
            self._admit(held)
        self.limit: int = len(self.buffer) + 1
        return batch

    def close(self) -> None:
        """Leave: drop the items not yet taken, and stop the writer at its next item."""
        self._held.clear()
        self.buffered_bytes = self._measured_items = 0
        super().close()

    def statistics(self) -> ChannelStatistics:
        """Return what the channel holds and has seen."""
        return super().statistics()._replace(buffered_items=len(self.buffer) + len(self._held))

    def _admit(self, items: Sequence[Any]) -> None:
        """Count the last items of the buffer, and hold back the first that does not fit, with all after it."""
        for item in items:
            size = item_size(item)
            if self._held or (self._measured_items and self.buffered_bytes + size > self.capacity_bytes):
                self._held += self.buffer[self._measured_items :]
                del self.buffer[self._measured_items :]
                return
            self._measured_items += 1
            self.buffered_bytes += size
