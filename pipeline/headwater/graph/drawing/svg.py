"""Draws a graph as self-contained SVG (https://www.w3.org/TR/SVG11/), without scripts, fonts or anything to fetch."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from html import escape
from itertools import chain, pairwise
from typing import TYPE_CHECKING

from headwater.display import printable
from headwater.graph.drawing.placing import ARROW, PADDING, Place, Placement, cut, placed

if TYPE_CHECKING:
    from headwater.graph.drawing.views import EdgeView, NodeView

__all__ = ["svg"]

_LONGEST_LABEL = 26

_FONT = "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"
_LIGHT = {
    "paper": "fill:#fff",
    "box": "fill:#fff;stroke:#c4ccd4",
    "end": "fill:#eff2f5;stroke:#c4ccd4",
    "bar-step": "fill:#218bff",
    "bar-source": "fill:#2da44e",
    "bar-sink": "fill:#a475f9",
    "name": "fill:#1f2328",
    "kind": "fill:#656d76",
    "label": "fill:#57606a;stroke:#fff",
    "edge": "stroke:#8c959f",
    "tip": "fill:#8c959f",
    "port": "fill:#fff;stroke:#8c959f",
    "fused": "fill:#e6f2ff;stroke:#e6f2ff",
}
_DARK = {
    "paper": "fill:#0d1117",
    "box": "fill:#161b22;stroke:#3d444d",
    "end": "fill:#21262d;stroke:#3d444d",
    "bar-step": "fill:#388bfd",
    "bar-source": "fill:#3fb950",
    "bar-sink": "fill:#a371f7",
    "name": "fill:#e6edf3",
    "kind": "fill:#9198a1",
    "label": "fill:#9da7b3;stroke:#0d1117",
    "edge": "stroke:#6e7681",
    "tip": "fill:#6e7681",
    "port": "fill:#0d1117;stroke:#6e7681",
    "fused": "fill:#15243a;stroke:#15243a",
}
_SHAPES = """\
.hw text{%s}
.hw .name{font-size:12.5px;font-weight:600}
.hw .kind{font-size:11px}
.hw .label{font-size:10px;stroke-width:4;stroke-linejoin:round;paint-order:stroke}
.hw .edge{fill:none;stroke-width:2}
.hw .value{stroke-width:1.2}
.hw .when{stroke-dasharray:5 4}
.hw path.fused{fill:none;stroke-width:26}
"""


def svg(nodes: Sequence[NodeView], edges: Iterable[EdgeView], *, title: str = "") -> str:
    """Draw as SVG, in colors that follow whether the reader prefers dark ones.

    The data flows to the right, or downward where that is too wide. A thick line is a stream, a thin one a single value
    and a dashed one an edge with a condition; a band joins steps that run as one.
    """
    return _Picture(placed(nodes, edges)).text(title)


class _Picture:
    """The elements of a drawing."""

    def __init__(self, placement: Placement) -> None:
        self._placement = placement
        self._nodes = placement.nodes
        self._edges = placement.edges
        self._boxes = placement.boxes
        self._routes = placement.routes
        self._downward = placement.downward
        self._place = placement.place
        self._corners = placement.corners

    def text(self, title: str) -> str:
        """Return the drawing."""
        width, height = math.ceil(self._placement.width), math.ceil(self._placement.height)
        parts = chain(self._bands(), self._lines(), self._labels(), self._nodes_text())
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="hw" role="img" aria-label="{_text(printable(title))}" '
            f'width="{width}" height="{height}" viewBox="0 0 {width} {height}">\n<style>{_style()}</style>\n'
            f'<rect class="paper" width="100%" height="100%" rx="8"/>\n{chr(10).join(parts)}\n</svg>\n'
        )

    def _bands(self) -> Iterator[str]:
        """Yield the bands behind the steps that run as one."""
        fused = {end for edge in self._edges if edge.fused for end in (edge.source, edge.target)}
        for node, box in zip(self._nodes, self._boxes, strict=True):
            if node.id in fused:
                yield _rectangle("fused", *self._corners(box), grow=7, radius=12)
        for edge, route in zip(self._edges, self._routes, strict=True):
            if edge.fused:
                yield f'<path class="fused" d="{self._path(route)}"/>'

    def _lines(self) -> Iterator[str]:
        for edge, route in zip(self._edges, self._routes, strict=True):
            classes = f"edge{'' if edge.streaming else ' value'}{' when' if edge.condition else ''}"
            along, across = route[-1]
            path = self._path([*route[:-1], (along - ARROW, across)])
            tip = [self._place(along - back, across + side) for back, side in ((0, 0), (ARROW, 4), (ARROW, -4))]
            x, y = self._place(*route[0])
            yield (
                f"<g><title>{_text(edge.note)}</title>"
                f'<path class="{classes}" d="{path}"/><circle class="port" cx="{x:g}" cy="{y:g}" r="2.5"/>'
                f'<path class="tip" d="M{" L".join(f"{x:.1f} {y:.1f}" for x, y in tip)}Z"/></g>'
            )

    def _path(self, route: Sequence[Place]) -> str:
        points = [self._place(*point) for point in route]
        parts = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
        for (x0, y0), (x1, y1) in pairwise(points):
            if self._downward and abs(x1 - x0) > 0.5:
                parts.append(f"C{x0:.1f} {(y0 + y1) / 2:.1f} {x1:.1f} {(y0 + y1) / 2:.1f} {x1:.1f} {y1:.1f}")
            elif not self._downward and abs(y1 - y0) > 0.5:
                parts.append(f"C{(x0 + x1) / 2:.1f} {y0:.1f} {(x0 + x1) / 2:.1f} {y1:.1f} {x1:.1f} {y1:.1f}")
            else:
                parts.append(f"L{x1:.1f} {y1:.1f}")
        return "".join(parts)

    def _labels(self) -> Iterator[str]:
        """Yield the labels of the edges; where several meet, equal labels are written once."""
        starts: defaultdict[Place, dict[str, None]] = defaultdict(dict)
        stops: defaultdict[Place, dict[str, None]] = defaultdict(dict)
        for ends, route in zip(self._placement.ends, self._routes, strict=True):
            starts[route[0]][ends.start_label] = None
            along, across = route[-1]
            stops[along - ARROW, across][ends.end_label] = None
        for places, sign, anchor in ((starts, 1, "start"), (stops, -1, "end")):
            for (along, across), labels in places.items():
                label = " | ".join(filter(None, labels))
                if label:
                    yield self._label(label, self._place(along, across), sign, anchor)

    def _label(self, label: str, place: Place, sign: int, anchor: str) -> str:
        x, y = place
        if self._downward:
            anchor, y = "middle", y + (11 if sign > 0 else -5)
        else:
            x, y = x + 6 * sign, y - 5
        shown = _text(cut(label, _LONGEST_LABEL))
        return f'<text class="label" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{shown}</text>'

    def _nodes_text(self) -> Iterator[str]:
        for node, box in zip(self._nodes, self._boxes, strict=True):
            name, _, kind = node.label.partition("\n")
            left, top, width, height = self._corners(box)
            middle = top + height / 2
            if node.shape == "end":
                shape = _rectangle("end", left, top, width, height, radius=height / 2)
                labels = _line("kind", left + width / 2, middle + 4, name, "middle")
            else:
                bar = _rectangle(f"bar-{node.shape}", left, top, 4, height, radius=2)
                shape = _rectangle("box", left, top, width, height, radius=6) + bar
                x = left + PADDING
                labels = _line("name", x, middle - 4, name) + _line("kind", x, middle + 12, kind)
            note = _text(f"{node.label}\n{node.note}")
            yield f"<g><title>{note}</title>{shape}{labels}</g>"


def _rectangle(
    name: str, left: float, top: float, width: float, height: float, *, radius: float, grow: float = 0
) -> str:
    return (
        f'<rect class="{name}" x="{left - grow:.1f}" y="{top - grow:.1f}" '
        f'width="{width + 2 * grow:.1f}" height="{height + 2 * grow:.1f}" rx="{radius:g}"/>'
    )


def _line(name: str, x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text class="{name}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{_text(cut(text))}</text>'


def _text(text: str) -> str:
    """Return text escaped for XML, without what cannot be printed, as XML lacks some of it."""
    return escape("".join(char if char.isprintable() or char == "\n" else "\ufffd" for char in text))


@cache
def _style() -> str:
    """Return the style sheet, with plain classes, as some viewers do not support variables."""
    return f"\n{_SHAPES % _FONT}{_rules(_LIGHT)}@media (prefers-color-scheme:dark){{\n{_rules(_DARK)}}}\n"


def _rules(colors: Mapping[str, str]) -> str:
    return "".join(f".hw .{name}{{{rule}}}\n" for name, rule in colors.items())
