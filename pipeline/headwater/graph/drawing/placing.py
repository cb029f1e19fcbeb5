"""Where the nodes and edges of a picture are: the sizes of their text, and the direction of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from headwater.display import cells, shorten
from headwater.graph.drawing.labels import Ends, end_spaces
from headwater.graph.drawing.layers import Link
from headwater.graph.drawing.layout import Box, Joint, Layout, lay_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from headwater.graph.drawing.views import EdgeView, NodeView

__all__ = ["ARROW", "NODES_LIMIT", "PADDING", "Place", "Placement", "coordinates", "cut", "placed"]

NODES_LIMIT: Final = 3_000
"""Most nodes of a drawing, which people can still read, and which takes seconds."""

Place: TypeAlias = tuple[float, float]

_NAME_EM, _KIND_EM, _LABEL_EM = 7.6, 6.7, 6.1  # width of a character of each font size, with some space
PADDING: Final = 14.0
_BOX_HEIGHT, _END_HEIGHT = 44.0, 26.0
_MARGIN = 24.0
_PORTS_APART = 20.0
_LABEL_HEIGHT = 16.0
_BESIDE_LABEL = 16.0
_LONGEST_NAME = 28
_WIDEST = 1_600.0
ARROW: Final = 7.0


def placed(nodes: Sequence[NodeView], edges: Iterable[EdgeView]) -> Placement:
    """Return a picture where the data flows to the right, or downward where that is too wide."""
    if len(nodes) > NODES_LIMIT:
        raise ValueError(f"a drawing has at most {NODES_LIMIT:,} nodes, found {len(nodes):,}")
    known = {node.id for node in nodes}
    kept = [edge for edge in edges if edge.source in known and edge.target in known]
    placement = Placement(nodes, kept, downward=False)
    if placement.width > _WIDEST:
        other = Placement(nodes, kept, downward=True)
        if other.width < placement.width:
            return other
    return placement


class Placement:
    """The places of nodes and edges in one direction: to the right, or downward."""

    def __init__(self, nodes: Sequence[NodeView], edges: Sequence[EdgeView], *, downward: bool) -> None:
        self.nodes = nodes
        self.edges = edges
        self.downward = downward
        ends, spaces = end_spaces(edges, self._space)
        self.ends: list[Ends] = ends
        self.boxes: list[Box] = [self._box(node, spaces.get(node.id, 0.0)) for node in nodes]
        numbers = {node.id: number for number, node in enumerate(nodes)}
        joints = [
            Joint(
                Link(numbers[edge.source], numbers[edge.target], ends.start, ends.end),
                self._length(ends.start_label),
                self._length(ends.end_label) + ARROW,
            )
            for edge, ends in zip(edges, self.ends, strict=True)
        ]
        layout: Layout = lay_out(self.boxes, joints)
        self.routes: list[list[Place]] = layout.routes
        self.width: float = 2 * _MARGIN + (layout.breadth if downward else layout.length)
        self.height: float = 2 * _MARGIN + (layout.length if downward else layout.breadth)

    def place(self, along: float, across: float) -> Place:
        """Return x and y of a place of the layout."""
        x, y = (across, along) if self.downward else (along, across)
        return x + _MARGIN, y + _MARGIN

    def corners(self, box: Box) -> tuple[float, float, float, float]:
        """Return left, top, width and height of a box."""
        x, y = self.place(box.along, box.across)
        width, height = (box.breadth, box.length) if self.downward else (box.length, box.breadth)
        return x - width / 2, y - height / 2, width, height

    def _space(self, label: str) -> float:
        """Return the space across that the end of an edge takes."""
        return _LABEL_EM * cells(label) + _BESIDE_LABEL if self.downward else _PORTS_APART

    def _length(self, label: str) -> float:
        """Return the space along the data that the label of an edge takes."""
        if not label:
            return 0.0
        return _LABEL_HEIGHT if self.downward else _LABEL_EM * cells(label) + _BESIDE_LABEL

    def _box(self, node: NodeView, space: float) -> Box:
        width, height = _size(node)
        length, breadth = (height, max(width, space)) if self.downward else (width, max(height, space))
        return Box(length, breadth, stretches=node.shape != "end")


def coordinates(placement: Placement) -> dict[str, Any]:
    """Return a picture as plain data, for a program that draws it."""
    return {
        "width": _rounded(placement.width),
        "height": _rounded(placement.height),
        "direction": "down" if placement.downward else "right",
        "nodes": [
            {
                "id": node.id,
                "kind": node.label.partition("\n")[2] or node.label,
                "shape": node.shape,
                **dict(zip(("x", "y", "width", "height"), map(_rounded, placement.corners(box)), strict=True)),
            }
            for node, box in zip(placement.nodes, placement.boxes, strict=True)
        ],
        "edges": [
            {
                "source": edge.source,
                "target": edge.target,
                "label": edge.label,
                "name": edge.name,
                "streaming": edge.streaming,
                "condition": edge.condition or None,
                "points": [[*map(_rounded, placement.place(*point))] for point in route],
            }
            for edge, route in zip(placement.edges, placement.routes, strict=True)
        ],
    }


def cut(text: str, longest: int = _LONGEST_NAME) -> str:
    """Return a name or label, cut to the length that has space."""
    return shorten(text, longest)


def _rounded(value: float) -> float:
    return round(value, 1)


def _size(node: NodeView) -> Place:
    """Return width and height of a node."""
    name, _, kind = node.label.partition("\n")
    if node.shape == "end":
        return _KIND_EM * cells(name) + 2 * PADDING, _END_HEIGHT
    widest = max(_NAME_EM * cells(cut(name)), _KIND_EM * cells(cut(kind)))
    return widest + 2 * PADDING, _BOX_HEIGHT
