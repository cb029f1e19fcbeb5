"""Several edges that meet in one port: each keeps its own channel, and they share the place where the reader sleeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.streams.source import NOTHING, ChannelStatistics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headwater.streams.channel import Channel, Waiter

__all__ = ["Concatenated", "Interleaved"]


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
