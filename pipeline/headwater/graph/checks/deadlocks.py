"""Finds steps that would wait forever.

`concat` reads one branch to its end before the next; and a step gets its values, lists of whole streams among them,
before it reads a stream. When both come from one step, the branch that is read later fills up meanwhile and stops that
step, and then the first branch never ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import TYPE_CHECKING, TypeAlias

from headwater.annotations import plain, shape
from headwater.config.problems import quote
from headwater.graph.edges import PIPELINE_INPUT, Edge

if TYPE_CHECKING:
    from headwater.config.problems import Problems
    from headwater.graph.graph import Graph
    from headwater.kinds.definition import Method, Port

__all__ = ["check_deadlocks"]

_Order: TypeAlias = Sequence[Sequence[Edge]]
"""Edges that are read together, in groups that are read one after the other."""


@dataclass(frozen=True, slots=True)
class _Deadlock:
    """Two edges from one step that cannot be read one after the other: the later one fills up meanwhile."""

    first: Edge
    later: Edge
    tee: str


def check_deadlocks(graph: Graph, problems: Problems) -> None:
    """Report the edges that fill up while the step that feeds them is still needed, in a graph without cycles."""
    for deadlock in _find_deadlocks(graph):
        message = (
            f"'{deadlock.later}' is read only after '{deadlock.first}' has ended, but both come from"
            f" {quote(deadlock.tee)}: the first to fill up stops the other"
        )
        own = "give the branches sources of their own"
        merged = deadlock.first.target == deadlock.later.target
        hint = f'merge step {quote(deadlock.later.target.step)} by "interleave", or {own}' if merged else own
        problems.add("deadlock-risk", message, deadlock.later.path, hint)


def _find_deadlocks(graph: Graph) -> Iterator[_Deadlock]:
    """Find the edges that fill up while the step that feeds them is still needed.

    Sets of steps are bits of an integer, so that a graph of 10,000 steps takes milliseconds.
    """
    merges = list(_concatenations(graph))
    mixed = list(_several_inputs(graph))
    if not (merges or mixed):
        return
    ranks = [PIPELINE_INPUT.step, *graph.steps]
    needed, stopped = _reach(graph, ranks)
    for order in (*merges, *(_values_first(method, edges, stopped) for method, edges in mixed)):
        before = 0
        for part in order:
            later = next((edge for edge in part if before & _shared(edge, stopped)), None)
            if later is not None:
                common = before & _shared(later, stopped)
                first = next(edge for edge in chain(*order) if _shared(edge, needed) & common)
                yield _Deadlock(first, later, ranks[(common & _shared(first, needed)).bit_length() - 1])
                break
            for edge in part:
                before |= _shared(edge, needed)


def _several_inputs(graph: Graph) -> Iterator[tuple[Method, Sequence[Edge]]]:
    """Yield the steps with edges into several ports; it is not known yet which of several methods will run."""
    for step, bound in graph.steps.items():
        edges = graph.edges_into(step)
        if len(edges) > 1 and len(bound.definition.methods) == 1 and len({edge.target.port for edge in edges}) > 1:
            yield bound.definition.methods[0], edges


def _values_first(method: Method, edges: Sequence[Edge], stopped: Mapping[str, int]) -> _Order:
    """Return the edges that bring values, then those that bring streams; a port that is mapped over reads a stream."""
    late = [
        edge
        for edge, port in _ports([method], edges)
        if port.streaming or (stopped[edge.source.step] and not _collects(edge, port))
    ]
    return [edge for edge in edges if edge not in late], late


def _concatenations(graph: Graph) -> Iterator[_Order]:
    for step in graph.steps:
        if graph.specs[step].merge is None:
            continue
        in_order = sorted(graph.edges_into(step), key=lambda edge: edge.target.port)  # stable: the document's order
        for target, edges in groupby(in_order, key=lambda edge: edge.target):
            if graph.merge_policy(target) == "concat":
                yield [[edge] for edge in edges]


def _reach(graph: Graph, ranks: Sequence[str]) -> tuple[dict[str, int], dict[str, int]]:
    """Return, for each step, the steps that its output needs, and those that stop when its output is not read."""
    needed: dict[str, int] = {}
    stopped: dict[str, int] = {}
    for rank, step in enumerate(ranks):
        bit = 1 << rank
        needed[step], above = bit, 0
        edges = graph.edges_into(step)
        for edge in edges:
            needed[step] |= _shared(edge, needed)
            above |= _shared(edge, stopped)
        stopped[step] = (
            bit | above if _streams(graph, step, [edge for edge in edges if stopped[edge.source.step]]) else 0
        )
    return needed, stopped


def _shared(edge: Edge, sets: Mapping[str, int]) -> int:
    """Return the set of an edge's source; an input that the document does not write is fed by data of its own."""
    is_own = edge.source is PIPELINE_INPUT and edge.path[:1] != ("edges",)
    return 0 if is_own else sets[edge.source.step]


def _streams(graph: Graph, step: str, streams: Sequence[Edge]) -> bool:
    """Return whether the output of a step may be a stream, when these of its inputs are."""
    if step == PIPELINE_INPUT.step:
        return any(_reads_stream(graph, edge) for edge in graph.inputs)
    methods = graph.steps[step].definition.methods
    mapped = any(not _gathers(edge, port) for edge, port in _ports(methods, streams))
    return any(_writes_stream(method, mapped=mapped) for method in methods)


def _reads_stream(graph: Graph, edge: Edge) -> bool:
    return any(port.streaming for _, port in _ports(graph.steps[edge.target.step].definition.methods, [edge]))


def _ports(methods: Sequence[Method], edges: Sequence[Edge]) -> Iterator[tuple[Edge, Port]]:
    return (
        (edge, port) for method in methods for port in method.inputs for edge in edges if port.name == edge.target.port
    )


def _gathers(edge: Edge, port: Port) -> bool:
    """Return whether a port takes a stream as a whole."""
    return port.streaming or _collects(edge, port)


def _collects(edge: Edge, port: Port) -> bool:
    """Return whether a port takes a whole stream as one value."""
    return edge.spec.adapt in {"collect", "join"} or shape(plain(port.type.item))[0] is list


def _writes_stream(method: Method, *, mapped: bool) -> bool:
    return mapped or any(port.streaming for port in method.outputs)
