"""The writing end of a port that has not exactly one plain edge: several edges, conditions on them, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anyio.lowlevel import checkpoint

from headwater.streams.ends import NOTHING, ReaderLeft, totals

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headwater.streams.ends import ChannelStatistics, EdgeSink
    from headwater.streams.meter import Meter

__all__ = ["Branch", "Tee"]

Branch = tuple["EdgeSink", "Callable[[Sequence[Any]], list[Any]] | None"]
"""An edge, and what selects those that go there; None lets every item pass."""


class Tee:
    """One output that goes to any number of edges: each gets every item that meets its condition.

    The slowest reader sets the pace. A reader that leaves is forgotten; when the last one has left, the writer stops.
    """

    __slots__ = ("_branches", "_every", "_on_item", "_open", "_written_items", "buffer", "capacity", "meter")

    limit = 1  # every item goes on at once: it is the buffers of the branches that hold items

    def __init__(
        self, branches: Sequence[Branch], on_item: Callable[[Any], bool] | None = None, *, every: bool = True
    ) -> None:
        self.buffer: list[Any] = []
        self.meter: Meter | None = None
        self.capacity: int = min((sink.capacity for sink, _ in branches), default=256)
        self._branches = tuple(branches)
        self._open = dict.fromkeys(branches)
        self._on_item = on_item
        self._every = every
        self._written_items = 0

    def flush(self) -> bool:
        """Pass on what is in the buffer; True when the writer should `await wait_writable()`."""
        items = self.buffer[:]
        self.buffer.clear()
        return self._pass_all(items)

    def put(self, item: Any) -> bool:
        """Pass on one item; see `flush`."""
        return self._pass_all([item])

    async def wait_writable(self) -> None:
        """Wait until every reader can take an item; always let others run."""
        await checkpoint()
        for branch in tuple(self._open):
            try:
                if not branch[0].writable:
                    await branch[0].wait_writable()
            except ReaderLeft:
                self._forget(branch)

    async def write(self, items: Sequence[Any]) -> bool:
        """Pass on items, never more than every reader can take; True when others have run since the last one."""
        start = 0
        paused = False
        while start < len(items):
            free = min([sink.free for sink, _ in self._open], default=len(items))
            part = items[start : start + free] if free > 0 else ()
            start += len(part)
            paused = self._pass_all(part) or start < len(items)
            if paused:
                await self.wait_writable()
        return paused

    def set_header(self, header: Any) -> None:
        """Write the header to every branch."""
        for sink, _ in self._branches:
            sink.set_header(header)

    def finish(self, footer: Any = NOTHING) -> None:
        """End every branch."""
        for sink, _ in self._branches:
            sink.finish(footer)

    def skip(self) -> None:
        """End every branch because it was not taken."""
        for sink, _ in self._branches:
            sink.skip()

    def fail(self, error: Exception) -> None:
        """Break every branch."""
        for sink, _ in self._branches:
            sink.fail(error)

    def statistics(self) -> ChannelStatistics:
        """Return the sums over the branches; an item counts as written once."""
        return totals([sink.statistics() for sink, _ in self._branches])._replace(written_items=self._written_items)

    def _pass_all(self, items: Sequence[Any]) -> bool:
        """Pass on items that every branch can take; see `flush`."""
        wait = self.meter.look() if self.meter is not None and items else False
        self._written_items += len(items)
        if (on_item := self._on_item) is not None and items:
            for item in items if self._every else items[:1]:
                wait = on_item(item) or wait
            if not self._every:
                self._on_item = None
        for branch in tuple(self._open):
            wait = self._pass(branch, items) or wait
        return wait

    def _pass(self, branch: Branch, items: Sequence[Any]) -> bool:
        sink, select = branch
        passed = items if select is None else select(items)
        if not passed:
            return False
        sink.buffer += passed
        try:
            return len(sink.buffer) >= sink.limit and sink.flush()
        except ReaderLeft:
            self._forget(branch)
            return False

    def _forget(self, branch: Branch) -> None:
        self._open.pop(branch, None)
        if not self._open and self._branches:
            raise ReaderLeft
