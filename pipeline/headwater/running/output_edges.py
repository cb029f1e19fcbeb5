"""The writing end of an edge to the pipeline's output whose adapter turns a stream into one value, or the other way."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from anyio.lowlevel import checkpoint

from headwater.graph.plan import Adapter
from headwater.streams.ends import NOTHING, Ends
from headwater.streams.wrapped import WrappedSink
from headwater.types.value_checkers import checker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from headwater.graph.plan import PlannedEdge
    from headwater.streams.ends import ChannelStatistics, EdgeSink
    from headwater.streams.grammar import Checker
    from headwater.streams.meter import Meter

__all__ = ["adapted"]


def adapted(ends: Ends, edge: PlannedEdge) -> Ends:
    """Return the ends of an edge to the pipeline's output, with its adapter before the writing end.

    The rules run where the step writes, so that their errors are failures of that step.
    """
    if edge.adapter in {Adapter.COLLECT, Adapter.JOIN}:
        return Ends(_Gathered(ends.sink, edge), ends.source)
    if edge.adapter is Adapter.SPLIT and edge.rule is not None:
        return Ends(_Divided(ends.sink, edge, edge.rule), ends.source)
    return ends


class _Adapted(WrappedSink["EdgeSink"]):
    """Another writing end; what is written is passed to `_pass` at once."""

    limit = 1

    def __init__(self, sink: EdgeSink, edge: PlannedEdge) -> None:
        super().__init__(sink)
        self._rule_made = f"step {edge.source!r} output: what the {edge.adapter.value} rule made"
        self._check: Checker = checker(edge.type.item)
        self._written_items = 0
        self.buffer: list[Any] = []
        self.capacity: int = max(sink.capacity, 2)
        self.meter: Meter | None = None
        self.on_first: Callable[[Any], object] | None = None

    @property
    def writable(self) -> bool:
        """Whether an item can be written now."""
        return self._sink.writable

    @property
    def free(self) -> int:
        """How many items may be written now without waiting."""
        return self.capacity - len(self.buffer)

    @property
    def reader_left(self) -> bool:
        """Whether the reader has left."""
        return self._sink.reader_left

    def flush(self) -> bool:
        """Pass on what is in the buffer; True when the writer should pause."""
        pause = self.meter.look() if self.meter is not None else False
        items = self.buffer[:]
        self.buffer.clear()
        if items and (on_first := self.on_first) is not None:
            self.on_first = None
            on_first(items[0])
        self._written_items += len(items)
        return self._pass(items) or pause

    def put(self, item: Any) -> bool:
        """Pass on one item; see `flush`."""
        self.buffer.append(item)
        return self.flush()

    async def wait_writable(self) -> None:
        """Wait until an item can be written; always let others run."""
        await checkpoint()

    async def write(self, items: Sequence[Any]) -> bool:
        """Pass on items; True, as others have run since the last one."""
        self.buffer += items
        self.flush()
        await self.wait_writable()
        return True

    def statistics(self) -> ChannelStatistics:
        """Return the statistics of the edge, with what the step has written."""
        return super().statistics()._replace(written_items=self._written_items)

    def _pass(self, items: Sequence[Any]) -> bool:
        raise NotImplementedError


class _Gathered(_Adapted):
    """Keeps every item, and writes one value at the end: their list, or what a rule makes of it."""

    def __init__(self, sink: EdgeSink, edge: PlannedEdge) -> None:
        super().__init__(sink, edge)
        self._rule = edge.rule
        self._items: list[Any] = []

    def finish(self, footer: Any = NOTHING) -> None:
        """Write the value and end."""
        if not self.reader_left:
            value = self._items if self._rule is None else self._check.check(self._rule(self._items), self._rule_made)
            self._sink.put(value)
        super().finish(footer)

    def _pass(self, items: Sequence[Any]) -> bool:
        self._items += items
        return False


class _Divided(_Adapted):
    """Writes the items that a rule makes of each value, never more at once than fit."""

    def __init__(self, sink: EdgeSink, edge: PlannedEdge, rule: Callable[[Any], Iterable[Any]]) -> None:
        super().__init__(sink, edge)
        self._rule = rule
        self._parts: Iterator[Any] = iter(())
        self._is_dividing = False

    @property
    def writable(self) -> bool:
        """Whether an item can be written now."""
        return not self._is_dividing and super().writable

    async def wait_writable(self) -> None:
        """Write the items of the last value, waiting until they fit."""
        await checkpoint()
        while self._is_dividing:
            await self._sink.wait_writable()
            self._continue()

    def _pass(self, items: Sequence[Any]) -> bool:
        for value in items:
            self._parts = iter(self._rule(value))
            self._continue()
        return self._is_dividing

    def _continue(self) -> None:
        part = list(islice(self._parts, self._sink.free))
        self._sink.buffer += [self._check.check(item, self._rule_made) for item in part]
        self._is_dividing = bool(part)
        if part:
            self._sink.flush()
