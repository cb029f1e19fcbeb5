"""Places the boxes of a drawing in layers along the direction of the data, and routes the edges between them.

Lengths go along the direction of the data, breadths across it; the drawing decides which of them is to the right.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from headwater.graph.drawing.layers import Layers, Link, layers_of, rounds

__all__ = ["Box", "Joint", "Layout", "lay_out"]

_BESIDE = 20.0  # between boxes
_BESIDE_WAYPOINT = 14.0
_BETWEEN = 44.0  # between layers, besides the labels
_STEEPEST = 0.18  # more space between layers for each unit that an edge goes across
_MOST_BETWEEN = 160.0
_SWEEPS, _LAST_SWEEPS = 5, 6
_NEARLY_STRAIGHT = 12.0  # an edge that goes across by less than this looks like a mistake
_WEIGHTS = (1.0, 2.0, 8.0)
"""The weight of a straight edge, by the number of its ends that are waypoints."""
_IDLE_WEIGHT = 0.01


@dataclass(slots=True)
class Box:
    """A node to place: `lay_out` sets its middle, along and across, and stretches it to the longest of its layer."""

    length: float
    breadth: float
    stretches: bool = False
    along: float = 0.0
    across: float = 0.0


@dataclass(frozen=True, slots=True)
class Joint:
    """An edge to route, with the space for labels at its start and its end."""

    link: Link
    start_length: float = 0.0
    end_length: float = 0.0


@dataclass(frozen=True, slots=True)
class Layout:
    """The size of a drawing and the routes of its edges."""

    routes: list[list[tuple[float, float]]]
    length: float
    breadth: float


def lay_out(boxes: Sequence[Box], joints: Sequence[Joint]) -> Layout:
    """Place the boxes, and return the routes of the joints."""
    layers = layers_of(len(boxes), [joint.link for joint in joints])
    across = _Across(boxes, joints, layers).places()
    least = min((across[node] - box.breadth / 2 for node, box in enumerate(boxes)), default=0.0)
    least = min([least, *(place for place in across.values())])
    across = {node: place - least for node, place in across.items()}
    spans = _spans(boxes, joints, layers, across)
    depth_of = {node: depth for depth, row in enumerate(layers.rows) for node in row}
    for node, box in enumerate(boxes):
        start, end, _, _ = spans[depth_of[node]]
        box.length = end - start if box.stretches else box.length
        box.along, box.across = (start + end) / 2, across[node]
    routes = [
        list(_route(boxes, joint, path, across, [spans[depth_of[node]] for node in path]))
        for joint, path in zip(joints, layers.paths, strict=True)
    ]
    breadth = max([*(box.across + box.breadth / 2 for box in boxes), *across.values()], default=0.0)
    return Layout(routes, spans[-1][1] if spans else 0.0, breadth)


_Span = tuple[float, float, float, float]
"""Start and end of a layer along the direction of the data, and of the straight parts of the edges on both sides."""


def _spans(boxes: Sequence[Box], joints: Sequence[Joint], layers: Layers, across: dict[int, float]) -> list[_Span]:
    depth_of = {node: depth for depth, row in enumerate(layers.rows) for node in row}
    starts: defaultdict[int, float] = defaultdict(float)
    ends: defaultdict[int, float] = defaultdict(float)
    moves: defaultdict[int, float] = defaultdict(float)
    for joint, path in zip(joints, layers.paths, strict=True):
        first, last = depth_of[path[0]], depth_of[path[-1]]
        starts[first] = max(starts[first], joint.start_length)
        ends[last] = max(ends[last], joint.end_length)
        for depth, (one, other) in enumerate(pairwise(path), first):
            moves[depth] = max(moves[depth], abs(across[one] - across[other]))
    spans: list[_Span] = []
    place = 0.0
    for depth, row in enumerate(layers.rows):
        place += ends[depth]
        length = max((boxes[node].length for node in row if node < layers.count), default=0.0)
        spans.append((place, place + length, place - ends[depth], place + length + starts[depth]))
        place += length + starts[depth] + min(_BETWEEN + _STEEPEST * moves[depth], _MOST_BETWEEN)
    return spans


def _route(
    boxes: Sequence[Box], joint: Joint, path: Sequence[int], across: dict[int, float], spans: Sequence[_Span]
) -> Iterator[tuple[float, float]]:
    link = joint.link
    start = across[link.source] + link.start
    end = across[link.target] + link.end
    yield boxes[link.source].along + boxes[link.source].length / 2, start
    yield spans[0][3], start
    for node, span in zip(path[1:-1], spans[1:-1], strict=True):
        yield span[2], across[node]
        yield span[3], across[node]
    yield spans[-1][2], end
    yield boxes[link.target].along - boxes[link.target].length / 2, end


@dataclass(frozen=True, slots=True)
class _Pull:
    """The place to which its neighbors pull a node: each has a shift and a weight; `weight` is their sum."""

    neighbors: list[tuple[int, float, float]]
    weight: float

    def place(self, places: Mapping[int, float]) -> float:
        return sum([(places[other] + shift) * weight for other, shift, weight in self.neighbors]) / self.weight


class _Across:
    """Finds the places across: each node as near to the mean of its neighbors as the order of its layer allows."""

    def __init__(self, boxes: Sequence[Box], joints: Sequence[Joint], layers: Layers) -> None:
        self._boxes = boxes
        self._rows = [(row, self._offsets(row)) for row in layers.rows]
        self._places = {node: place for row, offsets in self._rows for node, place in zip(row, offsets, strict=True)}
        before: defaultdict[int, list[tuple[int, float, float]]] = defaultdict(list)
        after: defaultdict[int, list[tuple[int, float, float]]] = defaultdict(list)
        for joint, path in zip(joints, layers.paths, strict=True):
            for one, other in pairwise(path):
                shift = (joint.link.start if one == path[0] else 0.0) - (joint.link.end if other == path[-1] else 0.0)
                weight = _WEIGHTS[(one >= layers.count) + (other >= layers.count)]
                before[other].append((one, shift, weight))
                after[one].append((other, -shift, weight))
        both = {node: [*before.get(node, ()), *after.get(node, ())] for node in self._places}
        self._before, self._after, self._both = map(_pulls, (before, after, both))

    def places(self) -> dict[int, float]:
        """Return the place of each node and waypoint."""
        for _ in range(rounds(_SWEEPS, len(self._places))):
            self._sweep(self._rows, self._before)
            self._sweep(reversed(self._rows), self._after)
        for _ in range(rounds(_LAST_SWEEPS, len(self._places))):
            self._sweep([*self._rows, *reversed(self._rows)], self._both)
        self._sweep(self._rows, self._before, reach=_NEARLY_STRAIGHT)
        return self._places

    def _offsets(self, row: Sequence[int]) -> list[float]:
        """Return the places of the nodes of a layer, as close as allowed, from the first one on."""
        return list(accumulate((self._distance(one, other) for one, other in pairwise(row)), initial=0.0))

    def _distance(self, one: int, other: int) -> float:
        boxes = [self._boxes[node] for node in (one, other) if node < len(self._boxes)]
        return sum(box.breadth for box in boxes) / 2 + (_BESIDE if len(boxes) == 2 else _BESIDE_WAYPOINT)

    def _sweep(
        self,
        rows: Iterable[tuple[Sequence[int], Sequence[float]]],
        pulls: Mapping[int, _Pull],
        reach: float = math.inf,
    ) -> None:
        """Move every node to where its neighbors pull it, unless that is out of reach."""
        places = self._places
        for row, offsets in rows:
            wanted: list[tuple[float, float]] = []
            for node, offset in zip(row, offsets, strict=True):
                place, weight = places[node], _IDLE_WEIGHT
                pull = pulls.get(node)
                if pull is not None and abs((better := pull.place(places)) - place) <= reach:
                    place, weight = better, pull.weight
                wanted.append((place - offset, weight))
            for node, offset, place in zip(row, offsets, _rising(wanted), strict=True):
                places[node] = place + offset


def _pulls(neighbors: Mapping[int, list[tuple[int, float, float]]]) -> dict[int, _Pull]:
    return {node: _Pull(near, sum(weight for _, _, weight in near)) for node, near in neighbors.items() if near}


def _rising(wanted: Sequence[tuple[float, float]]) -> Iterator[float]:
    """Yield values that never fall and are as near as possible to the wanted ones, each with its weight.

    Neighbors that violate the order are pooled to their mean (isotonic regression by pool adjacent violators, Ayer et
    al. 1955, https://doi.org/10.1214/aoms/1177728423).
    """
    pools: list[tuple[float, float, int]] = []
    for value, weight in wanted:
        pool = (value, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            before = pools.pop()
            total = before[1] + pool[1]
            mean = (before[0] * before[1] + pool[0] * pool[1]) / total
            pool = (mean, total, before[2] + pool[2])
        pools.append(pool)
    for value, _, count in pools:
        for _ in range(count):
            yield value
