"""Finds steps that would wait forever once a stream is longer than the buffers.

A step awaits its values, lists of whole streams among them, before it reads a stream; and `concat` reads one branch to
its end before the next. Meanwhile, the branch that is read later fills up and stops its writer. When what is read first
waits for that writer, near or far, neither ends.

Each edge has two states in which a step waits: its reader waits while it is empty, and its writer while it is full.
From each state lead arcs to the states that hold on to it, and a cycle is a deadlock.
"""

from __future__ import annotations

from collections import deque
from itertools import chain, islice, pairwise
from typing import TYPE_CHECKING

from headwater.config.problems import PROBLEMS_LIMIT, quote
from headwater.graph.choices import edges_by_port
from headwater.graph.edges import PIPELINE_INPUT, Edge
from headwater.graph.plan import Adapter
from headwater.graph.topological_order import strong_components

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from headwater.config.problems import Problems
    from headwater.graph.choices import Choice, ResolvedInput
    from headwater.graph.graph import Graph

__all__ = ["check_deadlocks"]


def check_deadlocks(graph: Graph, choices: Mapping[str, Choice], problems: Problems, *, stream_input: bool) -> None:
    """Report the edges that fill up while what is read before them still needs their writers."""
    several = {step: choice for step, choice in choices.items() if len(graph.edges_into(step)) > 1}
    if not any(_Reader(graph, step, choice).orders for step, choice in several.items()):
        return
    readers = [_Reader(graph, step, choice) for step, choice in choices.items()]
    waits = _Waits(graph, choices, readers)
    for first, later, way in islice(waits.deadlocks(), PROBLEMS_LIMIT):  # each takes a search through its ring
        message = f"'{later}' is read only after '{first}' has ended, but {_reason(waits, way)}"
        message += ": the first to fill up stops the other"
        own = "give the branches sources of their own"
        if stream_input:
            message = f"for an input of many items, {message}"
            own = "give the branches inputs of their own, or run the pipeline once for each item"
        merged = first.target == later.target
        hint = f'merge step {quote(later.target.step)} by "interleave", or {own}' if merged else own
        problems.add("deadlock-risk", message, later.path, hint)


def _reason(waits: _Waits, way: Sequence[int]) -> str:
    """Return why two edges hold on to each other: their common writer, or other edges that are read in turn."""
    if turns := waits.turns(way):
        others = " and ".join(f"'{later}' only after '{first}'" for first, later in turns)
        return f"{others}, and each of them waits for the other"
    step = waits.writer(way)
    return f"both come from {quote(step) if step != PIPELINE_INPUT.step else 'the same input'}"


class _Reader:
    """A step and its edges: groups of them that are read one after the other, and those that fill up meanwhile."""

    def __init__(self, graph: Graph, step: str, choice: Choice) -> None:
        self.step = step
        self.orders: list[list[Sequence[Edge]]] = []
        self.passing: list[Edge] = []
        values: list[Edge] = []
        edges = edges_by_port(graph.edges_into(step), choice.method)
        for given in choice.inputs:
            leading = edges[given.port.name]
            if _is_awaited(given):
                values += leading
            else:
                self.passing += leading
            if len(leading) > 1 and graph.merge_policy(leading[0].target) == "concat":
                self.orders.append([[edge] for edge in leading])
        if values and self.passing:
            self.orders.append([values, self.passing])


def _is_awaited(given: ResolvedInput) -> bool:
    """Return whether a step starts only when it has the whole input."""
    return given.adapter is Adapter.SPLIT or not (given.port.streaming or given.adapter is Adapter.MAP)


class _Waits:
    """The states of edges as the nodes of a graph, each with arcs to the states that it waits for."""

    def __init__(self, graph: Graph, choices: Mapping[str, Choice], readers: Sequence[_Reader]) -> None:
        self._edges = graph.edges
        self._readers = readers
        self._streams = _streams(graph, choices)
        self._arcs: list[list[int]] = [[] for _ in range(2 * len(graph.edges))]
        self._writers: dict[int, str] = {}
        self._add_writer(PIPELINE_INPUT.step, (), [*self._filling(_shared_inputs(graph))])  # values are given first
        for reader in readers:
            self._add_writer(
                reader.step, graph.edges_into(reader.step), graph.edges_out_of(reader.step), reader.passing
            )
            for order in reader.orders:
                self._add_order(order)
        self._rings = strong_components(self._arcs)

    def _add_writer(
        self, step: str, into: Sequence[Edge], out_of: Sequence[Edge], passing: Sequence[Edge] = ()
    ) -> None:
        """Add what a step waits for: what it has not written needs all around it, what it does not read its readers."""
        needs, blocked = self._node(), self._node()
        self._writers[blocked] = step
        self._arcs[needs] += [blocked, *map(_empty, into)]
        self._arcs[blocked] += map(_full, self._filling(out_of))
        for edge in out_of:
            self._arcs[_empty(edge)].append(needs)
        for edge in self._filling(passing):
            self._arcs[_full(edge)].append(blocked)

    def _add_order(self, order: Sequence[Sequence[Edge]]) -> None:
        """Add that each group of edges is read when those before it have ended."""
        before: list[int] = []
        for group in order:
            for edge in self._filling(group):
                self._arcs[_full(edge)] += before
            node = self._node()
            self._arcs[node] += [*before, *map(_empty, group)]
            before = [node]

    def _filling(self, edges: Sequence[Edge]) -> Iterator[Edge]:
        """Yield the edges that can be full: one value always fits."""
        return (edge for edge in edges if edge.index in self._streams)

    def _node(self) -> int:
        self._arcs.append([])
        return len(self._arcs) - 1

    def deadlocks(self) -> Iterator[tuple[Edge, Edge, Sequence[int]]]:
        """Yield an edge that is awaited, one that fills up meanwhile, and the way from the first to the second."""
        for order in chain.from_iterable(reader.orders for reader in self._readers):
            awaited: dict[int, Edge] = {}
            for group in order:
                later = next((edge for edge in group if self._rings.get(_full(edge)) in awaited), None)
                if later is not None:
                    first = awaited[self._rings[_full(later)]]
                    yield first, later, self._way(_empty(first), _full(later))
                    break
                for edge in group:
                    if (ring := self._rings.get(_empty(edge))) is not None:
                        awaited.setdefault(ring, edge)

    def _way(self, start: int, end: int) -> list[int]:
        """Return a shortest way between two nodes of one ring."""
        came_from = {start: start}
        queue = deque([start])
        while end not in came_from:
            node = queue.popleft()
            for following in self._arcs[node]:
                if self._rings.get(following) == self._rings[start] and following not in came_from:
                    came_from[following] = node
                    queue.append(following)
        way = [end]
        while way[-1] != start:
            way.append(came_from[way[-1]])
        return way[::-1]

    def turns(self, way: Sequence[int]) -> list[tuple[Edge, Edge]]:
        """Return the pairs of edges on a way where one is awaited before the other is read."""
        edges = [node for node in way if node < 2 * len(self._edges)]
        return [
            (self._edges[early // 2], self._edges[late // 2])
            for late, early in pairwise(edges)
            if late % 2 and not early % 2
        ]

    def writer(self, way: Sequence[int]) -> str:
        """Return the step (or `input`) whose outputs the first and the last edge of a way come from."""
        return next(self._writers[node] for node in way if node in self._writers)


def _empty(edge: Edge) -> int:
    """Return the node of the state in which the reader of an edge waits."""
    return 2 * edge.index


def _full(edge: Edge) -> int:
    """Return the node of the state in which the writer of an edge waits."""
    return 2 * edge.index + 1


def _shared_inputs(graph: Graph) -> list[Edge]:
    """Return the edges that share the pipeline's input; one that the document does not write has data of its own."""
    return [edge for edge in graph.inputs if edge.path[:1] == ("edges",)]


def _streams(graph: Graph, choices: Mapping[str, Choice]) -> set[int]:
    """Return the indexes of the edges that carry a stream."""
    streams: set[int] = set()
    for step, choice in choices.items():
        edges = edges_by_port(graph.edges_into(step), choice.method)
        for given in choice.inputs:
            for edge, flow in zip(edges[given.port.name], given.flows, strict=True):
                writer = choices.get(edge.source.step)
                if (flow if writer is None else writer.outputs[edge.source.port]).streaming:
                    streams.add(edge.index)
    return streams
