"""The writing end of a port that has not exactly one plain edge: a tee to several, conditions on edges, an audience."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anyio.lowlevel import checkpoint

from headwater.streams.channel import Channel
from headwater.streams.source import NOTHING, ReaderLeft

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headwater.streams.meter import Meter

__all__ = ["Branch", "Sink", "Tee"]

Branch = tuple[Channel, "Callable[[Any], bool] | None"]
"""A channel and the condition that an item must meet to go there; None lets every item pass."""


class Tee:
    """One output that goes to any number of channels: each gets every item that meets its condition.

    It is written like a channel. The slowest reader sets the pace; readers that leave are forgotten, and when the last
    one has left the writer is told.

    Args:
        branches: The channels and their conditions; none when nobody reads the output.
        audience: Called with every item, or None; True asks the writer to pause.
    """

    __slots__ = ("_audience", "_branches", "_open", "buffer", "limit", "meter", "written_items")

    def __init__(self, branches: Sequence[Branch], audience: Callable[[Any], bool] | None = None) -> None:
        self.buffer: list[Any] = []
        self.limit: int = 1
        self.meter: Meter | None = None
        self.written_items: int = 0
        self._branches = tuple(branches)
        self._open = list(branches)
        self._audience = audience

    def full(self) -> bool:
        """Pass on what is in the buffer; called after every item.

        Returns:
            True when the writer should `await room()`.

        Raises:
            ReaderLeft: There were readers, and all of them have left.
        """
        wait = self.meter.look() if self.meter is not None else False
        items = self.buffer[:]
        self.buffer.clear()
        self.written_items += len(items)
        for item in items:
            if self._audience is not None:
                wait = self._audience(item) or wait
            for branch in tuple(self._open):
                wait = self._pass(branch, item) or wait
        return wait

    def put(self, item: Any) -> bool:
        """Pass on one item; see `full`."""
        self.buffer.append(item)
        return self.full()

    async def room(self) -> None:
        """Wait until every reader has room for an item; always let others run."""
        if not self._open:
            await checkpoint()
        for branch in tuple(self._open):
            try:
                await branch[0].room()
            except ReaderLeft:
                self._forget(branch)

    async def write(self, items: Sequence[Any]) -> None:
        """Pass on all the items, waiting for room between them."""
        for item in items:
            if self.put(item):
                await self.room()

    def set_header(self, header: Any) -> None:
        """Give the header to every reader."""
        for channel, _ in self._branches:
            channel.set_header(header)

    def finish(self, footer: Any = NOTHING) -> None:
        """End every branch."""
        for channel, _ in self._branches:
            channel.finish(footer)

    def skip(self) -> None:
        """End every branch because it was not taken."""
        for channel, _ in self._branches:
            channel.skip()

    def fail(self, error: Exception) -> None:
        """Break every branch."""
        for channel, _ in self._branches:
            channel.fail(error)

    @property
    def writer_wait_s(self) -> float:
        """How long the writer waited for room, in seconds."""
        return sum(channel.writer_wait_s for channel, _ in self._branches)

    @property
    def capacity(self) -> int:
        """Most items worth handing over at once: the smallest capacity of the branches."""
        return min((channel.capacity for channel, _ in self._branches), default=256)

    def _pass(self, branch: Branch, item: Any) -> bool:
        channel, condition = branch
        if condition is not None and not condition(item):
            return False
        try:
            return channel.put(item)
        except ReaderLeft:
            self._forget(branch)
            return False

    def _forget(self, branch: Branch) -> None:
        if branch in self._open:
            self._open.remove(branch)
        if not self._open and self._branches:
            raise ReaderLeft


Sink = Channel | Tee
"""What a step writes an output port to."""
