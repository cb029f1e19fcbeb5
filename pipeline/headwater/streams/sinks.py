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

Branch = tuple[Channel, "Callable[[Sequence[Any]], list[Any]] | None"]
"""A channel, and what selects the items that go there; None lets every item pass."""


class Tee:
    """One output that goes to any number of channels: each gets every item that meets its condition.

    It is written like a channel. The slowest reader sets the pace; readers that leave are forgotten, and when the last
    one has left the writer is told.

    Args:
        branches: The channels, and what selects their items; none when nobody reads the output.
        audience: Called with the first item, or None; True asks the writer to pause.
        every: Whether the audience is called with every item.

    Attributes:
        capacity: Most items worth handing over at once: the smallest capacity of the branches.
    """

    __slots__ = ("_branches", "_every", "_on_item", "_open", "buffer", "capacity", "limit", "meter", "written_items")

    def __init__(
        self, branches: Sequence[Branch], on_item: Callable[[Any], bool] | None = None, *, every: bool = True
    ) -> None:
        self.buffer: list[Any] = []
        self.limit: int = 1
        self.meter: Meter | None = None
        self.written_items: int = 0
        self.capacity: int = min((channel.capacity for channel, _ in branches), default=256)
        self._branches = tuple(branches)
        self._open = list(branches)
        self._on_item = on_item
        self._every = every

    def flush(self) -> bool:
        """Pass on what is in the buffer; called after every item.

        Returns:
            True when the writer should `await wait_writable()`.

        Raises:
            ReaderLeft: There were readers, and all of them have left.
        """
        items = self.buffer[:]
        self.buffer.clear()
        return self._pass_all(items)

    def put(self, item: Any) -> bool:
        """Pass on one item; see `flush`."""
        return self._pass_all([item])

    async def wait_writable(self) -> None:
        """Wait until every reader has room for an item; always let others run."""
        await checkpoint()
        for branch in tuple(self._open):
            channel = branch[0]
            try:
                if channel.left or len(channel.buffer) >= channel.capacity:
                    await channel.wait_writable()
            except ReaderLeft:
                self._forget(branch)

    async def write(self, items: Sequence[Any]) -> bool:
        """Pass on all the items, never more at a time than every reader has room for.

        Returns:
            Whether others have had a turn since the last one was passed on.
        """
        start = 0
        paused = False
        while start < len(items):
            free = min([channel.capacity - len(channel.buffer) for channel, _ in self._open], default=len(items))
            part = items[start : start + free] if free > 0 else ()
            start += len(part)
            paused = self._pass_all(part) or start < len(items)
            if paused:
                await self.wait_writable()
        return paused

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

    def _pass_all(self, items: Sequence[Any]) -> bool:
        """Pass on items for which every branch has room; see `flush`."""
        wait = self.meter.look() if self.meter is not None and items else False
        self.written_items += len(items)
        if self._on_item is not None:
            wait = self._tell(items) or wait
        for branch in tuple(self._open):
            wait = self._pass(branch, items) or wait
        return wait

    def _tell(self, items: Sequence[Any]) -> bool:
        """Show the audience what it wants to see."""
        wait = False
        for item in items if self._every else items[:1]:
            if self._on_item is not None:
                wait = self._on_item(item) or wait
        if items and not self._every:
            self._on_item = None
        return wait

    def _pass(self, branch: Branch, items: Sequence[Any]) -> bool:
        channel, select = branch
        passed = items if select is None else select(items)
        if not passed:
            return False
        channel.buffer += passed
        try:
            return len(channel.buffer) >= channel.limit and channel.flush()
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
