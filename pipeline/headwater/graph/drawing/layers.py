"""The layers of a drawing, and the order of the nodes in each that lets few edges cross.

This is the method of Sugiyama, Tagawa and Toda (1981, https://doi.org/10.1109/TSMC.1981.4308636): layers by the longest
path, a waypoint in each layer that an edge passes, then sweeps that order each layer by the means of its neighbors.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["PLACES_LIMIT", "Layers", "Link", "layers_of", "rounds"]

PLACES_LIMIT = 50_000
"""Most nodes and waypoints of a drawing."""

_SWEEPS = 24
_PATIENCE = 4
_WORK = 60_000  # places to look at, which takes about a second


def rounds(most: int, places: int) -> int:
    """Return how often a drawing is improved; a large one less often."""
    return max(2, min(most, _WORK // max(places, 1)))


@dataclass(frozen=True, slots=True)
class Link:
    """A link between two nodes by number, with the distance of both ends from the middles of their nodes."""

    source: int
    target: int
    start: float = 0.0
    end: float = 0.0


@dataclass(frozen=True, slots=True)
class Layers:
    """Nodes in layers, with a waypoint in each layer that a link passes."""

    rows: list[list[int]]
    paths: list[list[int]]
    count: int


def layers_of(count: int, links: Sequence[Link]) -> Layers:
    """Return nodes in layers, each ordered; a `ValueError` says that there are too many."""
    depths = _depths(count, links)
    places = count + sum(depths[link.target] - depths[link.source] - 1 for link in links)
    if places > PLACES_LIMIT:
        raise ValueError(f"a drawing has at most {PLACES_LIMIT:,} nodes and waypoints of edges, found {places:,}")
    rows: list[list[int]] = [[] for _ in range(max(depths, default=-1) + 1)]
    for node in _along_links(count, links):
        rows[depths[node]].append(node)
    paths: list[list[int]] = []
    total = count
    for link in links:
        between = range(depths[link.source] + 1, depths[link.target])
        waypoints = list(range(total, total + len(between)))
        total += len(waypoints)
        for depth, waypoint in zip(between, waypoints, strict=True):
            rows[depth].append(waypoint)
        paths.append([link.source, *waypoints, link.target])
    return Layers(_Ordering(rows, links, paths).best(), paths, count)


def _depths(count: int, links: Sequence[Link]) -> list[int]:
    """Return the layer of each node: after its writers; a node without inputs stands close to its readers."""
    readers: defaultdict[int, list[int]] = defaultdict(list)
    writers = [0] * count
    for link in links:
        readers[link.source].append(link.target)
        writers[link.target] += 1
    sources = [node for node in range(count) if not writers[node]]
    depths = [0] * count
    ready = list(sources)
    while ready:
        node = ready.pop()
        for reader in readers[node]:
            depths[reader] = max(depths[reader], depths[node] + 1)
            writers[reader] -= 1
            if not writers[reader]:
                ready.append(reader)
    for node in sources:
        depths[node] = min((depths[reader] for reader in readers[node]), default=1) - 1
    return depths


def _along_links(count: int, links: Sequence[Link]) -> Iterable[int]:
    """Yield the nodes in a first order that keeps neighbors together."""
    neighbors: list[list[int]] = [[] for _ in range(count)]
    for link in links:
        neighbors[link.source].append(link.target)
        neighbors[link.target].append(link.source)
    seen: dict[int, None] = {}
    for start in range(count):
        waiting = [start]
        while waiting:
            node = waiting.pop()
            if node not in seen:
                seen[node] = None
                waiting += reversed(neighbors[node])
    return seen


class _Ordering:
    """The order of the nodes of each layer, improved by sweeps."""

    def __init__(self, rows: list[list[int]], links: Sequence[Link], paths: Sequence[Sequence[int]]) -> None:
        self._rows = rows
        self._before: defaultdict[int, list[tuple[int, float]]] = defaultdict(list)
        self._after: defaultdict[int, list[tuple[int, float]]] = defaultdict(list)
        self._gaps: list[list[tuple[int, float, int, float]]] = [[] for _ in rows]
        depth_of = {node: depth for depth, row in enumerate(rows) for node in row}
        most = 1 + max((abs(place) for link in links for place in (link.start, link.end)), default=0.0)
        for link, path in zip(links, paths, strict=True):
            for one, other in pairwise(path):
                # A port counts as a small part of the distance between two nodes.
                start = link.start / most / 4 if one == link.source else 0.0
                end = link.end / most / 4 if other == link.target else 0.0
                self._before[other].append((one, start - end))
                self._after[one].append((other, end - start))
                self._gaps[depth_of[one]].append((one, start, other, end))

    def best(self) -> list[list[int]]:
        """Return the order with the fewest crossings that was found."""
        best, fewest, failures = self._copy(), self._crossings(), 0
        for sweep in range(rounds(_SWEEPS, sum(map(len, self._rows)))):
            if not fewest or failures == _PATIENCE:
                break
            self._sweep(forward=sweep % 2 == 0)
            crossings = self._crossings()
            failures += 1
            if crossings < fewest:
                best, fewest, failures = self._copy(), crossings, 0
        return best

    def _copy(self) -> list[list[int]]:
        return [list(row) for row in self._rows]

    def _sweep(self, *, forward: bool) -> None:
        neighbors = self._before if forward else self._after
        depths = range(1, len(self._rows)) if forward else range(len(self._rows) - 2, -1, -1)
        for depth in depths:
            beside = self._rows[depth - 1 if forward else depth + 1]
            places = {node: place for place, node in enumerate(beside)}
            self._rows[depth].sort(key=_mean_of(neighbors, places, self._rows[depth]))

    def _crossings(self) -> int:
        return sum(_crossings(above, below, gap) for (above, below), gap in zip(pairwise(self._rows), self._gaps))  # noqa: B905 - the last layer has no gap after it


def _mean_of(
    neighbors: dict[int, list[tuple[int, float]]], places: dict[int, int], row: Sequence[int]
) -> Callable[[int], float]:
    """Return the sort key of a layer: the mean place of the neighbors, or the own place of a node without any."""
    own = {node: float(place) for place, node in enumerate(row)}

    def mean(node: int) -> float:
        found = neighbors.get(node)
        return sum(places[other] + offset for other, offset in found) / len(found) if found else own[node]

    return mean


def _crossings(above: Sequence[int], below: Sequence[int], gap: Iterable[tuple[int, float, int, float]]) -> int:
    """Count the pairs of links that cross between two layers: the inversions of their ends in the order of starts."""
    first = {node: place for place, node in enumerate(above)}
    second = {node: place for place, node in enumerate(below)}
    ends = [end for _, end in sorted((first[one] + start, second[other] + end) for one, start, other, end in gap)]
    seen: list[float] = []
    count = 0
    for end in ends:
        count += len(seen) - bisect_right(seen, end)
        insort(seen, end)
    return count
