"""Finds steps that would wait forever once a stream is longer than the buffers.

A step awaits its values, lists of whole streams among them, before it reads a stream; `concat` reads one branch to its
end before the next; and `zip` reads an item of each branch before the next round. Meanwhile, the branch that is read
later fills up and stops its writer. When what is read first waits for that writer, near or far, neither ends.

Each edge has two states in which a step waits: its reader waits while it is empty, and its writer while it is full.
From each state lead arcs to the states that hold on to it, and a cycle is a deadlock. A cycle of arcs that each keep
the number of items is none: a branch cannot be ahead of itself.
"""

from __future__ import annotations

from collections import deque
from itertools import chain, islice, pairwise
from math import inf
from typing import TYPE_CHECKING

from headwater.config.problems import PROBLEMS_LIMIT, quote
from headwater.graph.checks.topological_order import strong_components
from headwater.graph.choices import edges_by_port
from headwater.graph.edges import PIPELINE_INPUT, Edge
from headwater.graph.plan import Adapter
from headwater.kinds.definition import Call

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from headwater.config.problems import Problems
    from headwater.graph.choices import Choice, ResolvedInput
    from headwater.graph.graph import Graph

__all__ = ["check_deadlocks"]

_NODES_AT_A_LOOK = 20
_MOST_LOOKS = 20_000  # at states on ways; what is not found then, the stall watch finds at run time


def check_deadlocks(graph: Graph, choices: Mapping[str, Choice], problems: Problems, *, stream_input: bool) -> None:
    """Report the edges that fill up while what is read before them still needs their writers."""
    several = {step: choice for step, choice in choices.items() if len(graph.edges_into(step)) > 1}
    if not any(reader.orders or reader.rounds for reader in (_Reader(graph, *pair) for pair in several.items())):
        return
    readers = [_Reader(graph, step, choice) for step, choice in choices.items()]
    waits = _Waits(graph, choices, readers)
    for first, later, way in islice(waits.deadlocks(), PROBLEMS_LIMIT):  # each takes a search through its ring
        message, hint = _in_turn(graph, first, later, _reason(graph, waits, way), stream_input=stream_input)
        problems.add("deadlock-risk", message, later.path, hint)


def _in_turn(graph: Graph, first: Edge, later: Edge, reason: str, *, stream_input: bool) -> tuple[str, str]:
    """Return what is wrong with two edges that are read in turn, and what to do."""
    given = "for an input of many items, " if stream_input else ""
    own = "give the branches sources of their own"
    if stream_input:
        own = "give the branches inputs of their own, or run the pipeline once for each item"
    if _is_zipped(graph, first, later):
        message = f"'{later}' is read in rounds with '{first}', which may bring another number of items, and {reason}"
        hint = f"let each step between give one item for one item, without conditions, or {own}"
    else:
        message = f"'{later}' is read only after '{first}' has ended, but {reason}"
        hint = (
            own if first.target != later.target else f'merge step {quote(later.target.step)} by "interleave", or {own}'
        )
    return f"{given}{message}: the first to fill up stops the other", hint


def _reason(graph: Graph, waits: _Waits, way: Sequence[int]) -> str:
    """Return why two edges hold on to each other: their common writer, or other edges that are read in turn."""
    if turns := waits.turns(way):
        others = " and ".join(
            f"'{later}' {'in rounds with' if _is_zipped(graph, first, later) else 'only after'} '{first}'"
            for first, later in turns
        )
        return f"{others}, and each of them waits for the other"
    step = waits.writer(way)
    return f"both come from {quote(step) if step != PIPELINE_INPUT.step else 'the same input'}"


def _is_zipped(graph: Graph, first: Edge, later: Edge) -> bool:
    """Return whether two edges are read in rounds."""
    merge = graph.merge(later.target) if first.target == later.target else None
    return merge is not None and merge.policy == "zip"


class _Reader:
    """A step and its edges: groups of them that are read one after the other, and those that fill up meanwhile."""

    def __init__(self, graph: Graph, step: str, choice: Choice) -> None:
        self.step = step
        self.orders: list[list[Sequence[Edge]]] = []
        self.rounds: list[Sequence[Edge]] = []
        self.passing: list[Edge] = []
        self.keeps_count: bool = _keeps_count(graph, step, choice)
        values: list[Edge] = []
        edges = edges_by_port(graph.edges_into(step), choice.method)
        for given in choice.inputs:
            leading = edges[given.port.name]
            if _is_awaited(given):
                values += leading
            else:
                self.passing += leading
            merge = graph.merge(leading[0].target) if len(leading) > 1 else None
            if merge is not None and merge.policy == "concat":
                self.orders.append([[edge] for edge in leading])
            elif merge is not None and merge.policy == "zip":
                self.rounds.append(leading)
        if values and self.passing:
            self.orders.append([values, self.passing])


def _is_awaited(given: ResolvedInput) -> bool:
    """Return whether a step starts only when it has the whole input."""
    return given.adapter is Adapter.SPLIT or not (given.port.streaming or given.adapter is Adapter.MAP)


def _keeps_count(graph: Graph, step: str, choice: Choice) -> bool:
    """Return whether a step gives one item for each item, or for each round of several edges."""
    if (
        choice.mapped is None
        or len(choice.outputs) > 1
        or choice.writes_several
        or graph.specs[step].on_error in ("skip_item", "dead_letter")
    ):
        return False
    given = choice.inputs[choice.mapped]
    return choice.method.call in {Call.PLAIN, Call.COROUTINE} and given.policy in {None, "zip"}


class _Waits:
    """The states of edges as the nodes of a graph, each with arcs to the states that it waits for."""

    def __init__(self, graph: Graph, choices: Mapping[str, Choice], readers: Sequence[_Reader]) -> None:
        self._edges = graph.edges
        self._readers = readers
        self._streams = _streams(graph, choices)
        self._arcs: list[list[int]] = [[] for _ in range(2 * len(graph.edges))]
        self._uneven: set[tuple[int, int]] = set()  # arcs at which the number of items may change
        self._writers: dict[int, str] = {}
        self._has_rounds = any(reader.rounds for reader in readers)
        self._looks = _MOST_LOOKS if self._has_rounds else inf
        self._add_writer(PIPELINE_INPUT.step, (), [*self._filling(_shared_inputs(graph))])  # values are given first
        for reader in readers:
            self._add_writer(reader.step, graph.edges_into(reader.step), graph.edges_out_of(reader.step), reader)
            for order in reader.orders:
                self._add_order(order)
            for edges in reader.rounds:
                self._add_round(edges)
        self._rings = strong_components(self._arcs)
        self._uneven_rings = {
            self._rings[start]
            for start, end in self._uneven
            if start in self._rings and self._rings[start] == self._rings.get(end)
        }

    def _add(self, start: int, end: int, *, evenly: bool = False) -> None:
        self._arcs[start].append(end)
        if not evenly:
            self._uneven.add((start, end))

    def _add_writer(
        self, step: str, into: Sequence[Edge], out_of: Sequence[Edge], reader: _Reader | None = None
    ) -> None:
        """Add what a step waits for: what it has not written needs all around it, what it does not read its readers."""
        needs, blocked = self._nodes()
        self._writers[blocked] = step
        passing = reader.passing if reader is not None else ()
        mapped = set(map(_empty, passing)) if reader is not None and reader.keeps_count else set[int]()
        several = len({edge.source.port for edge in out_of}) > 1
        self._add(needs, blocked, evenly=True)
        for edge in into:
            self._add(needs, _empty(edge), evenly=_empty(edge) in mapped)
        for edge in self._filling(out_of):
            self._add(blocked, _full(edge), evenly=not several and _passes_all(edge))
        for edge in out_of:
            self._add(_empty(edge), needs, evenly=not several and _passes_all(edge))
        for edge in self._filling(passing):
            self._add(_full(edge), blocked, evenly=_empty(edge) in mapped)

    def _add_order(self, order: Sequence[Sequence[Edge]]) -> None:
        """Add that each group of edges is read when those before it have ended."""
        before: list[int] = []
        for group in order:
            for edge in self._filling(group):
                for node in before:
                    self._add(_full(edge), node)
            node = self._nodes()[0]
            for end in (*before, *map(_empty, group)):
                self._add(node, end)
            before = [node]

    def _add_round(self, edges: Sequence[Edge]) -> None:
        """Add that an item of each edge is read before the next one of any."""
        round_, _ = self._nodes()
        for edge in edges:
            self._add(round_, _empty(edge), evenly=True)
        for edge in self._filling(edges):
            self._add(_full(edge), round_, evenly=True)

    def _filling(self, edges: Sequence[Edge]) -> Iterator[Edge]:
        """Yield the edges that can be full: one value always fits, and where items are dropped, so does the next."""
        return (edge for edge in edges if edge.index in self._streams and not edge.spec.drops_items)

    def _nodes(self) -> tuple[int, int]:
        """Return two more nodes, of states that exclude each other as those of an edge do: the last bit differs."""
        self._arcs += [], []
        return len(self._arcs) - 2, len(self._arcs) - 1

    def deadlocks(self) -> Iterator[tuple[Edge, Edge, Sequence[int]]]:
        """Yield an edge that is awaited, one that fills up meanwhile, and the way from the first to the second."""
        for edges in chain.from_iterable(reader.rounds for reader in self._readers):
            yield from islice(self._in_rounds(edges), 1)
        for order in chain.from_iterable(reader.orders for reader in self._readers):
            awaited: dict[int, Edge] = {}
            for group in order:
                later = next((edge for edge in group if self._rings.get(_full(edge)) in awaited), None)
                if later is not None:
                    first = awaited[self._rings[_full(later)]]
                    if (way := self._way(_empty(first), _full(later))) is not None:
                        yield first, later, way
                    break
                for edge in group:
                    if (ring := self._rings.get(_empty(edge))) is not None:
                        awaited.setdefault(ring, edge)

    def _in_rounds(self, edges: Sequence[Edge]) -> Iterator[tuple[Edge, Edge, Sequence[int]]]:
        for later in edges:
            ring = self._rings.get(_full(later))
            for first in edges if ring in self._uneven_rings else ():
                if self._looks <= 0:
                    return
                if first is not later and self._rings.get(_empty(first)) == ring:
                    way = self._way(_empty(first), _full(later), unevenly=True)
                    if way is not None:
                        yield first, later, way

    def _way(self, start: int, end: int, *, unevenly: bool = False) -> list[int] | None:
        """Return a short way between two nodes of one ring, where the number of items may change if asked for.

        Rounds lead both ways between their edges, so that a ring may have ways through states that exclude each other.
        """
        came_from: dict[tuple[int, bool], tuple[int, bool] | None] = {(start, False): None}
        queue = deque(came_from)
        while queue and self._looks > 0:
            state = queue.popleft()
            way = _back(came_from, state) if self._has_rounds or state == (end, unevenly) else []
            self._looks -= 1 + len(way) // _NODES_AT_A_LOOK
            if state == (end, unevenly):
                return way[::-1]
            on_way = set(way)
            node, is_uneven = state
            for following in self._arcs[node]:
                reached = following, is_uneven or (unevenly and (node, following) in self._uneven)
                if self._rings.get(following) != self._rings[start] or reached in came_from:
                    continue
                if following ^ 1 not in on_way or following ^ 1 == node:
                    came_from[reached] = state
                    queue.append(reached)
        return None

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


def _passes_all(edge: Edge) -> bool:
    """Return whether each item that is written to an edge is read."""
    return edge.spec.when is None and not edge.spec.drops_items


def _back(came_from: Mapping[tuple[int, bool], tuple[int, bool] | None], state: tuple[int, bool]) -> list[int]:
    """Return the nodes of the way to a state, the last first."""
    way: list[int] = []
    before: tuple[int, bool] | None = state
    while before is not None:
        way.append(before[0])
        before = came_from[before]
    return way


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
