"""Adapters between what a writer gives and what a port takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import GenericAlias
from typing import TYPE_CHECKING, Any

from headwater.annotations import shape
from headwater.graph.plan import Adapter
from headwater.graph.types.fit import Fit, check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from headwater.kinds.definition import Port
    from headwater.kinds.task import Task
    from headwater.streams.frames import StreamType

__all__ = ["Fitting", "Flow", "fit_port"]


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """What comes out of a port, with the task whose output it is, for its rules; equal only to itself."""

    type: StreamType
    streaming: bool
    task: Task | None = None


_COSTS = {
    Adapter.NONE: 0,
    Adapter.JOIN: 1,
    Adapter.SPLIT: 1,
    Adapter.TO_DELTA: 1,
    Adapter.TO_SNAPSHOT: 1,
    Adapter.COLLECT: 2,
    Adapter.MAP: 3,
    Adapter.ONE: 3,
}


@dataclass(frozen=True, slots=True)
class Fitting:
    """One way for a flow to feed a port: the adapter, its rule, how well types fit, and bound type variables."""

    adapter: Adapter
    fit: Fit
    rule: Callable[..., Any] | None = None
    bindings: dict[Any, Any] = field(default_factory=dict[Any, Any])

    @property
    def cost(self) -> int:
        """The cost compared with passing values unchanged; less is better."""
        return _COSTS[self.adapter]


def fit_port(flow: Flow, port: Port, task: Task | None, forced: str | None, bindings: dict[Any, Any]) -> Fitting | None:
    """Return the cheapest way for a flow to feed a port, or None.

    `task` is that of the reader's method, `forced` the adapter that the document asks for, and `bindings` are the type
    variables of the method so far.
    """
    ways = [way for way in _ways(flow, port, task, bindings) if way.fit is not Fit.NO]
    if forced is not None:
        ways = [way for way in ways if way.adapter.value == forced]
    return min(ways, key=lambda way: way.cost, default=None)


def _ways(flow: Flow, port: Port, task: Task | None, bindings: dict[Any, Any]) -> Iterator[Fitting]:
    if flow.streaming == port.streaming:
        yield _directly(flow, port, bindings)
    elif flow.streaming:
        yield from _joins(flow, port, task, bindings)
        yield from _collect_and_map(flow, port, bindings)
    else:
        yield from _splits(flow, port, task, bindings)
        yield _way(Adapter.ONE, flow.type.item, port.type.item, bindings)


def _way(
    adapter: Adapter, source: Any, target: Any, bindings: dict[Any, Any], rule: Callable[..., Any] | None = None
) -> Fitting:
    bound = dict(bindings)
    return Fitting(adapter, check(source, target, bound), rule, bound)


def _directly(flow: Flow, port: Port, bindings: dict[Any, Any]) -> Fitting:
    writes, reads = flow.type, port.type
    adapter, rule = Adapter.NONE, None
    if flow.streaming and writes.mode != reads.mode and writes.mode is not None and reads.mode is not None:
        adapter = Adapter.TO_DELTA if reads.mode == "delta" else Adapter.TO_SNAPSHOT
        rule = writes.to_delta if adapter is Adapter.TO_DELTA else writes.to_snapshot
        rule = rule or (reads.to_delta if adapter is Adapter.TO_DELTA else reads.to_snapshot)
        if rule is None:
            return Fitting(adapter, Fit.NO)
    return _way(adapter, writes.item, reads.item, bindings, rule)


def _joins(flow: Flow, port: Port, task: Task | None, bindings: dict[Any, Any]) -> Iterator[Fitting]:
    """Yield the declared joins: of the reader's task for its input, of the writer's task for its output."""
    if task is not None and task.input_join is not None:
        yield _way(Adapter.JOIN, flow.type.item, task.stream_input.item, bindings, task.input_join)
    if flow.task is not None and flow.task.output_join is not None:
        yield _way(Adapter.JOIN, flow.task.unary_output.item, port.type.item, bindings, flow.task.output_join)


def _splits(flow: Flow, port: Port, task: Task | None, bindings: dict[Any, Any]) -> Iterator[Fitting]:
    if task is not None and task.input_split is not None:
        yield _way(Adapter.SPLIT, flow.type.item, task.unary_input.item, bindings, task.input_split)
    if flow.task is not None and flow.task.output_split is not None:
        yield _way(Adapter.SPLIT, flow.task.stream_output.item, port.type.item, bindings, flow.task.output_split)


def _collect_and_map(flow: Flow, port: Port, bindings: dict[Any, Any]) -> Iterator[Fitting]:
    """Yield how a port reads a stream without a join: a port of `list` collects it, unless only single items fit."""
    mapped = _way(Adapter.MAP, flow.type.item, port.type.item, bindings)
    if shape(port.type.item)[0] in {list, Sequence}:
        collected = _way(Adapter.COLLECT, GenericAlias(list, flow.type.item), port.type.item, bindings)
        if collected.fit >= mapped.fit:
            yield collected
            if mapped.fit is collected.fit:
                return
    yield mapped
