"""A channel that never stops its writer: when it is full, the items that have waited longest are dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.streams.bounded.item_size import item_size
from headwater.streams.channel import Channel
from headwater.streams.ends import NOTHING, ChannelStatistics, ReaderLeft

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headwater.streams.waiter import Waiter

__all__ = ["DroppingChannel"]

_HANDED_OVER = 256


class DroppingChannel(Channel):
    """Keeps the newest items. The reader gets a turn whenever the channel has become full, and then items are dropped.

    Attributes:
        on_lost: Called with the number of items at each loss.
    """

    __slots__ = ("_capacity_bytes", "_kept_items", "_sizes", "lost_items", "on_lost")

    def __init__(self, capacity: int, reader: Waiter | None = None, capacity_bytes: int | None = None) -> None:
        super().__init__(max(capacity, _HANDED_OVER), reader)  # a tee hands over as many as its narrowest edge takes
        self._kept_items = capacity
        self._capacity_bytes = capacity_bytes
        self._sizes: list[int] = []  # of the oldest items in the buffer
        self.lost_items: int = 0
        self.on_lost: Callable[[int], object] | None = None

    @property
    def free(self) -> int:
        """How many items may be handed over at once: as many as are kept, also when that drops others."""
        return max(self._kept_items - len(self.buffer), 0) or self._kept_items

    @property
    def writable(self) -> bool:
        """Whether an item can be written now."""
        return not self.reader_left

    @property
    def written_items(self) -> int:
        """Items written so far, also those that were dropped."""
        return super().written_items + self.lost_items

    def flush(self) -> bool:
        """Drop what does not fit, and wake the reader; True when it has just become full, or a slice has passed."""
        if self.reader_left or not self.buffer:
            return super().flush()
        was_full = self._trim()
        self.reader.wake()
        if (on_first := self.on_first) is not None:
            self.on_first: Callable[[Any], object] | None = None
            on_first(self.buffer[0])
        buffered, kept = len(self.buffer), self._kept_items
        stride = 1 if self.meter is None or self._capacity_bytes is not None else self.meter.stride
        self.limit: int = buffered + stride if buffered >= kept else min(buffered + stride, kept)
        pauses = self.meter.look() if self.meter is not None else False
        gives_turn = buffered >= kept and not was_full and (kept > 1 or self.meter is not None)
        return pauses or gives_turn  # beside the other edges of a tee, there is no turn for every single item

    async def wait_writable(self) -> None:
        """Let others run, so that the reader may take what waits."""
        await self.writer.pause()
        if len(self.buffer) >= self._kept_items:  # the reader may be among those whose turn comes after this one
            await self.writer.pause()
        if self.reader_left:
            raise ReaderLeft

    async def write(self, items: Sequence[Any]) -> bool:
        """Append items, as many as are kept at a time; True when others have run since the last one was appended."""
        start = 0
        paused = False
        while start < len(items):
            free = self.free
            self.buffer.extend(items[start : start + free])
            start += free
            paused = self.flush()
            if paused:
                await self.wait_writable()
        return paused

    def take_nowait(self) -> list[Any]:
        """Return the newest items that are there, perhaps none."""
        self._trim()
        self._sizes.clear()
        return super().take_nowait()

    def statistics(self) -> ChannelStatistics:
        """Return what the channel holds and has seen."""
        return super().statistics()._replace(capacity_items=self._kept_items)

    def finish(self, footer: Any = NOTHING) -> None:
        """End the stream; what waits stays to be read."""
        self._trim()
        super().finish(footer)

    def fail(self, error: Exception) -> None:
        """Break the stream, unless it has ended; what waits stays to be read."""
        self._trim()
        super().fail(error)

    def _trim(self) -> bool:
        """Drop the oldest items that do not fit; return whether there were any."""
        excess = max(len(self.buffer) - self._kept_items, 0)
        if self._capacity_bytes is not None:
            excess = self._excess_of_bytes(excess, self._capacity_bytes)
        if not excess:
            return False
        del self.buffer[:excess]
        self.lost_items += excess
        if self.on_lost is not None:
            self.on_lost(excess)
        return True

    def _excess_of_bytes(self, excess: int, most: int) -> int:
        """Return how many of the oldest items have to go; the newest one stays, whatever its size is."""
        sizes = self._sizes
        sizes += map(item_size, self.buffer[len(sizes) :])
        total = sum(sizes[excess:])
        while total > most and excess < len(sizes) - 1:
            total -= sizes[excess]
            excess += 1
        del sizes[:excess]
        return excess
