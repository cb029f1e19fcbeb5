"""Adapters between what a writer gives and what a port takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from types import GenericAlias, NoneType
from typing import TYPE_CHECKING, Any, TypeVar

from headwater.annotations import alternatives, plain, shape, union
from headwater.graph.plan import Adapter, PlannedMerge
from headwater.streams.frames import StreamType
from headwater.types.fit import Fit, check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from headwater.config.policies.merge_specs import MergeSpec
    from headwater.kinds.definition import Port
    from headwater.kinds.task import Task

__all__ = [
    "STREAM_POLICIES",
    "TUPLE_POLICIES",
    "Fitting",
    "Flow",
    "fit_output",
    "fit_port",
    "item_of_list",
    "item_of_tuple",
    "meet",
    "modes_differ",
    "planned_merge",
    "takes_anything",
]

STREAM_POLICIES = frozenset({"interleave", "concat"})
"""The merge policies that make one stream of all items, even where each edge brings one value."""

_MOST_PARTS = 100  # of a type

TUPLE_POLICIES = frozenset({"zip", "latest"})
"""The merge policies that make one tuple of an item of each edge."""


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """What comes out of a port, with the task whose output it is, for its rules; equal only to itself."""

    type: StreamType
    streaming: bool
    task: Task | None = None


def meet(flows: Sequence[Flow], merge: MergeSpec | None) -> Flow:
    """Return what a port gets of its edges: one header and one footer at most, decided here and not by chance."""
    first = flows[0]
    if merge is None:
        return first
    types = [flow.type for flow in flows]
    item = _tuple_of(types, merge) if merge.policy in TUPLE_POLICIES else first.type.item  # the others fit on their own
    has_one_mode = merge.policy not in TUPLE_POLICIES and all(one.mode == types[0].mode for one in types)
    met = StreamType(
        item,
        header=_passing([one.header for one in types], merge),
        footer=None if merge.unequal == "shortest" else _passing([one.footer for one in types], merge),
        mode=types[0].mode if has_one_mode else None,
    )
    return Flow(met, streaming=any(flow.streaming for flow in flows))


def _tuple_of(types: Sequence[StreamType], merge: MergeSpec) -> Any:
    """Return the type of tuples; those that tuples of tuples would make too large are of anything."""
    pads: list[Any] = [type(merge.padding)] if merge.unequal == "pad" else []
    if _is_large([one.item for one in types]):
        return tuple[Any, ...]
    return GenericAlias(tuple, tuple(union(one.item, *pads) for one in types))


def _is_large(annotations: list[Any]) -> bool:
    """Return whether types have more parts than anyone declares."""
    waiting, seen = annotations, 0
    while waiting and seen + len(waiting) <= _MOST_PARTS:
        waiting += shape(waiting.pop())[1]
        seen += 1
    return bool(waiting)


def _passing(frames: Sequence[Any], merge: MergeSpec) -> Any:
    """Return the type of the header or footer that passes a merge: the only one, or that of any edge that may win."""
    passing = _passing_edges(frames, merge)
    return union(*(frames[place] for place in passing)) if passing else None


def _passing_edges(frames: Sequence[Any], merge: MergeSpec) -> Sequence[int]:
    """Return the places of the edges whose header or footer may pass a merge."""
    written = [place for place, frame in enumerate(frames) if frame is not None]
    return written if len(written) == (len(frames) if merge.policy == "first" else 1) else ()


def planned_merge(spec: MergeSpec | None, edges: Sequence[int], flows: Sequence[Flow]) -> PlannedMerge | None:
    """Return how several edges with some indexes meet, and which of them may pass a header or footer."""
    if spec is None:
        return None
    headers, footers = ([getattr(flow.type, part) for flow in flows] for part in ("header", "footer"))
    passing = () if spec.unequal == "shortest" else _passing_edges(footers, spec)
    return PlannedMerge(
        spec.policy,
        unequal=(spec.unequal or "fail") if spec.policy == "zip" else None,
        pad=spec.padding,
        headers=tuple(edges[place] for place in _passing_edges(headers, spec)),
        footers=tuple(edges[place] for place in passing),
    )


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


_WITHOUT_CHANGE = frozenset({Adapter.NONE, Adapter.TO_DELTA, Adapter.TO_SNAPSHOT})
_LISTS = (list, Sequence)


@dataclass(frozen=True, slots=True)
class Fitting:
    """One way for a flow to feed a port: the adapter, its rule, how well types fit, and bound type variables.

    `rival` is another adapter that the types allow as well, so that the document has to choose; `type` is what becomes
    of an output of the pipeline, where that differs from what the step writes.
    """

    adapter: Adapter
    fit: Fit
    rule: Callable[..., Any] | None = None
    bindings: dict[Any, Any] = field(default_factory=dict[Any, Any])
    rival: Adapter | None = None
    type: StreamType | None = None

    @property
    def cost(self) -> int:
        """The cost compared with passing values unchanged; less is better."""
        return _COSTS[self.adapter]

    @property
    def is_direct(self) -> bool:
        """Whether a stream is read as a stream, or a value as a value."""
        return self.adapter in _WITHOUT_CHANGE


def fit_port(flow: Flow, port: Port, task: Task | None, forced: str | None, bindings: dict[Any, Any]) -> Fitting | None:
    """Return how a flow feeds a port, or None when it cannot.

    `task` is that of the reader's method, `forced` the adapter that the document asks for, and `bindings` are the type
    variables of the method so far.
    """
    ways = (way for way in _ways(flow, port, task, bindings) if way.fit is not Fit.NO)
    if forced is not None:
        return next((replace(way, rival=None) for way in ways if way.adapter.value == forced), None)
    return next(ways, None)


def fit_output(flow: Flow, forced: str | None) -> Fitting | None:
    """Return how a flow becomes an output of the pipeline, or None when it cannot; it is left as it is by default."""
    task, item = flow.task, flow.type.item
    if forced is None or forced == ("map" if flow.streaming else ""):
        return Fitting(Adapter.NONE, Fit.PROVEN)
    if forced == "collect" and flow.streaming:
        return Fitting(Adapter.COLLECT, Fit.PROVEN, type=StreamType(GenericAlias(list, item)))
    if forced == "join" and flow.streaming and task is not None and task.output_join is not None:
        return Fitting(Adapter.JOIN, Fit.PROVEN, task.output_join, type=task.unary_output)
    if forced == "one" and not flow.streaming:
        return Fitting(Adapter.ONE, Fit.PROVEN)
    if forced == "split" and not flow.streaming and task is not None and task.output_split is not None:
        return Fitting(Adapter.SPLIT, Fit.PROVEN, task.output_split, type=task.stream_output)
    return None


def takes_anything(item: Any) -> bool:
    """Return whether a declared type accepts values of any type, so that it says nothing about what is meant."""
    return any(one is Any or one is object or isinstance(one, TypeVar) for one in alternatives(item))


def item_of_list(annotation: Any) -> Any:
    """Return the type of the items that a port of a list collects; for any other port its own type."""
    lists = [shape(one)[1] for one in alternatives(annotation) if shape(one)[0] in _LISTS]
    return union(*(args[0] for args in lists if args)) if lists else annotation


def item_of_tuple(annotation: Any, place: int, size: int) -> Any:
    """Return the type of one item of the tuples of a size that a port takes; Any where its type does not say it."""
    for one in alternatives(annotation):
        origin, args = shape(one)
        if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
            return args[0]
        if origin is tuple and len(args) == size:
            return args[place]
    return Any


def _ways(flow: Flow, port: Port, task: Task | None, bindings: dict[Any, Any]) -> Iterator[Fitting]:
    """Yield the ways for a flow to feed a port, the one to choose first."""
    if flow.streaming == port.streaming:
        yield _directly(flow, port, bindings)
    elif flow.streaming:
        yield from _stream_to_value(flow, port, task, bindings)
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
    if flow.streaming and modes_differ(writes, reads):
        adapter = Adapter.TO_DELTA if reads.mode == "delta" else Adapter.TO_SNAPSHOT
        rule = writes.to_delta if adapter is Adapter.TO_DELTA else writes.to_snapshot
        rule = rule or (reads.to_delta if adapter is Adapter.TO_DELTA else reads.to_snapshot)
        if rule is None:
            return Fitting(adapter, Fit.NO)
    return _way(adapter, writes.item, reads.item, bindings, rule)


def modes_differ(writes: StreamType, reads: StreamType) -> bool:
    """Return whether the items of two streams are declared to relate in different ways."""
    return writes.mode != reads.mode and writes.mode is not None and reads.mode is not None


def _stream_to_value(flow: Flow, port: Port, task: Task | None, bindings: dict[Any, Any]) -> Iterator[Fitting]:
    """Yield how a port of one value reads a stream: by a declared join, collected, or item by item."""
    mapped = _way(Adapter.MAP, flow.type.item, port.type.item, bindings)
    if task is not None and task.input_join is not None and task.stream_input is not None:
        by_reader = _way(Adapter.JOIN, flow.type.item, task.stream_input.item, bindings, task.input_join)
        if modes_differ(flow.type, task.stream_input):
            return
        if flow.type.mode == "snapshot" != task.stream_input.mode:  # each of them, or all: neither is surely meant
            yield replace(mapped, rival=Adapter.JOIN)
        yield by_reader
    if (joined := _joined(flow, port, bindings)) is None:
        yield from _collect_and_map(flow, port, mapped, bindings)
    elif mapped.fit is Fit.NO or _is_whole(flow.task, port):
        yield joined
        yield from _collect_and_map(flow, port, mapped, bindings)
    elif takes_anything(port.type.item) or joined.fit < mapped.fit:
        yield from _collect_and_map(flow, port, mapped, bindings)
        yield joined
    else:
        yield replace(joined, rival=Adapter.MAP)
        yield mapped


def _joined(flow: Flow, port: Port, bindings: dict[Any, Any]) -> Fitting | None:
    """Return the join that the task of the writer declares for its output, if the port takes the result."""
    task = flow.task
    if task is None or task.output_join is None or task.unary_output is None:
        return None
    joined = _way(Adapter.JOIN, task.unary_output.item, port.type.item, bindings, task.output_join)
    return None if joined.fit is Fit.NO else joined


def _is_whole(task: Task | None, port: Port) -> bool:
    """Return whether a port declares the type of a task's whole output, beside None."""
    if task is None or task.unary_output is None or takes_anything(port.type.item):
        return False
    whole = plain(task.unary_output.item)
    declared = union(*(one for one in alternatives(port.type.item) if one is not NoneType or one is whole))
    return check(whole, declared) is check(declared, whole) is Fit.PROVEN


def _splits(flow: Flow, port: Port, task: Task | None, bindings: dict[Any, Any]) -> Iterator[Fitting]:
    if task is not None and task.input_split is not None and task.unary_input is not None:
        yield _way(Adapter.SPLIT, flow.type.item, task.unary_input.item, bindings, task.input_split)
    writes = flow.task
    if writes is not None and writes.output_split is not None and writes.stream_output is not None:
        yield _way(Adapter.SPLIT, writes.stream_output.item, port.type.item, bindings, writes.output_split)


def _collect_and_map(flow: Flow, port: Port, mapped: Fitting, bindings: dict[Any, Any]) -> Iterator[Fitting]:
    """Yield how a port reads a stream without a join: item by item where items surely fit, else as a list of them.

    Items of any type count as items, not as lists.
    """
    collected = None
    if any(shape(one)[0] in _LISTS for one in alternatives(port.type.item)):
        collected = _way(Adapter.COLLECT, GenericAlias(list, flow.type.item), port.type.item, bindings)
    if collected is None or collected.fit is Fit.NO:
        yield mapped
    elif mapped.fit is Fit.PROVEN or collected.fit < mapped.fit:
        yield mapped
        yield collected
    elif mapped.fit is collected.fit and plain(flow.type.item) is not Any:
        yield replace(collected, rival=Adapter.MAP)
        yield mapped
    else:
        yield collected
        yield mapped
