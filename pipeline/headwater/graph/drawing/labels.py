"""The ends of the edges of a drawing: where on the sides of their nodes they are, and what is written there."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from headwater.graph.drawing.views import EdgeView

__all__ = ["Ends", "end_rooms"]

_Side: TypeAlias = tuple[str, bool]
"""A side of a node: its id, and whether it is the one that reads."""


@dataclass(slots=True)
class Ends:
    """What the two ends of an edge look like.

    Args:
        start_label: What is written where it starts.
        end_label: What is written where it ends.
        start: Where it starts, across the direction of the data, from the middle of its node.
        end: Where it ends, likewise.
    """

    start_label: str
    end_label: str
    start: float = 0.0
    end: float = 0.0


def end_rooms(edges: Sequence[EdgeView], room: Callable[[str], float]) -> tuple[list[Ends], Mapping[str, float]]:
    """Give each port its place on the side of its node, so that the labels of two of them never meet."""
    written = Counter((edge.source, edge.source_port) for edge in edges)
    read = Counter((edge.target, edge.target_port) for edge in edges)
    ends: list[Ends] = []
    rooms: defaultdict[_Side, dict[str, float]] = defaultdict(dict)
    for edge in edges:
        # A label stands where fewer edges meet; the one of a tee, whose branches are alike, at each branch.
        at_end = read[edge.target, edge.target_port] <= written[edge.source, edge.source_port]
        start = ": ".join(filter(None, (edge.source_port, "" if at_end else edge.label)))
        end = ": ".join(filter(None, (edge.target_port, edge.label if at_end else "")))
        ends.append(Ends(start, end))
        _make_room(rooms[edge.source, False], edge.source_port, room(start))
        _make_room(rooms[edge.target, True], edge.target_port, room(end))
    places = {side: _places(ports) for side, ports in rooms.items()}
    for edge, both in zip(edges, ends, strict=True):
        both.start = places[edge.source, False][edge.source_port]
        both.end = places[edge.target, True][edge.target_port]
    needed: defaultdict[str, float] = defaultdict(float)
    for (node, _), ports in rooms.items():
        needed[node] = max(needed[node], sum(ports.values()))
    return ends, needed


def _make_room(ports: dict[str, float], port: str, room: float) -> None:
    ports[port] = max(ports.get(port, 0.0), room)


def _places(ports: Mapping[str, float]) -> dict[str, float]:
    """Return the middle of each port's room, beside each other around zero."""
    place = -sum(ports.values()) / 2
    places: dict[str, float] = {}
    for port, room in ports.items():
        places[port] = place + room / 2
        place += room
    return places
