"""The places and labels of the ends of edges on the sides of their nodes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from headwater.graph.drawing.views import EdgeView

__all__ = ["Ends", "end_spaces"]

_Side: TypeAlias = tuple[str, bool]
"""A side of a node: its id, and whether it is the side of the inputs."""


@dataclass(slots=True)
class Ends:
    """The labels of both ends of an edge, and their distances from the middles of their nodes, across the data."""

    start_label: str
    end_label: str
    start: float = 0.0
    end: float = 0.0


def end_spaces(edges: Sequence[EdgeView], space_of: Callable[[str], float]) -> tuple[list[Ends], Mapping[str, float]]:
    """Return the ends of each edge, placed so that their labels never meet, and the space that each node needs."""
    written = Counter((edge.source, edge.source_port) for edge in edges)
    read = Counter((edge.target, edge.target_port) for edge in edges)
    ends: list[Ends] = []
    spaces: defaultdict[_Side, dict[str, float]] = defaultdict(dict)
    for edge in edges:
        # A label stands at the end where fewer edges meet; that of a tee, whose branches are alike, at each branch.
        at_end = read[edge.target, edge.target_port] <= written[edge.source, edge.source_port]
        start = ": ".join(filter(None, (edge.source_port, "" if at_end else edge.label)))
        end = ": ".join(filter(None, (edge.target_port, edge.label if at_end else "")))
        ends.append(Ends(start, end))
        _reserve(spaces[edge.source, False], edge.source_port, space_of(start))
        _reserve(spaces[edge.target, True], edge.target_port, space_of(end))
    places = {side: _places(ports) for side, ports in spaces.items()}
    for edge, both in zip(edges, ends, strict=True):
        both.start = places[edge.source, False][edge.source_port]
        both.end = places[edge.target, True][edge.target_port]
    needed: defaultdict[str, float] = defaultdict(float)
    for (node, _), ports in spaces.items():
        needed[node] = max(needed[node], sum(ports.values()))
    return ends, needed


def _reserve(ports: dict[str, float], port: str, space: float) -> None:
    ports[port] = max(ports.get(port, 0.0), space)


def _places(ports: Mapping[str, float]) -> dict[str, float]:
    """Return the middle of each port's space, side by side around zero."""
    place = -sum(ports.values()) / 2
    places: dict[str, float] = {}
    for port, space in ports.items():
        places[port] = place + space / 2
        place += space
    return places
