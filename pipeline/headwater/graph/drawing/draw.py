"""Draws a plan in every style: SVG, text, and Mermaid and DOT for other programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, get_args

from headwater.graph.drawing.views import EdgeView, NodeView, Shape, plan_views

if TYPE_CHECKING:
    from headwater.graph.plan import Plan

__all__ = ["DrawingStyle", "dot", "draw", "mermaid"]

DrawingStyle = Literal["mermaid", "dot", "svg", "text"]
"""The target of a drawing: Mermaid, Graphviz, a browser, or a terminal."""

_MERMAID_SHAPES: Mapping[Shape, tuple[str, str]] = {
    "step": ("[", "]"),
    "source": ("[/", "\\]"),
    "sink": ("[\\", "/]"),
    "end": ("([", "])"),
}
_DOT_SHAPES: Mapping[Shape, str] = {
    "step": "box",
    "source": "trapezium",
    "sink": "invtrapezium",
    "end": "oval",
}


def draw(plan: Plan, style: DrawingStyle = "mermaid") -> str:
    """Draw a plan."""
    nodes, edges = plan_views(plan)
    match style:
        case "mermaid":
            return mermaid(nodes, edges)
        case "dot":
            return dot(nodes, edges)
        case "svg":
            from headwater.graph.drawing.svg import svg

            return svg(nodes, edges, title=plan.name)
        case "text":
            from headwater.graph.drawing.rails import drawing

            return drawing(nodes, edges)
    raise ValueError(f"the drawing style {style!r} does not exist; expected one of {', '.join(get_args(DrawingStyle))}")


def mermaid(nodes: Sequence[NodeView], edges: Iterable[EdgeView]) -> str:
    r"""Draw as a Mermaid flowchart, from left to right.

    Nodes are named by numbers, and every character of a label with a meaning in Mermaid or HTML is written as its
    number, so that a label is always plain text. See https://mermaid.js.org/syntax/flowchart.html.
    """
    names = _names(nodes)
    lines = ["flowchart LR"]
    for node in nodes:
        opening, closing = _MERMAID_SHAPES[node.shape]
        lines.append(f'    {names[node.id]}{opening}"{_mermaid_text(node.label)}"{closing}')
    for edge in _between(names, edges):
        arrow = "-.->" if edge.condition or edge.nested else "-->"
        label = f'|"{_mermaid_text(text)}"|' if (text := _label(edge)) else ""
        lines.append(f"    {names[edge.source]} {arrow}{label} {names[edge.target]}")
    return "\n".join(lines) + "\n"


def dot(nodes: Sequence[NodeView], edges: Iterable[EdgeView]) -> str:
    r"""Draw in the DOT language of Graphviz, from left to right.

    See https://graphviz.org/doc/info/lang.html.
    """
    names = _names(nodes)
    lines = ["digraph {", "    rankdir=LR"]
    lines += (
        f"    {names[node.id]} [label={_dot_text(node.label)}, shape={_DOT_SHAPES[node.shape]}]" for node in nodes
    )
    for edge in _between(names, edges):
        parts = [f"label={_dot_text(text)}"] if (text := _label(edge)) else []
        parts += ["style=dashed"] * bool(edge.condition or edge.nested)
        attributes = f" [{', '.join(parts)}]" if parts else ""
        lines.append(f"    {names[edge.source]} -> {names[edge.target]}{attributes}")
    return "\n".join([*lines, "}"]) + "\n"


def _names(nodes: Sequence[NodeView]) -> dict[str, str]:
    return {node.id: f"n{number}" for number, node in enumerate(nodes)}


def _between(names: Mapping[str, str], edges: Iterable[EdgeView]) -> Iterator[EdgeView]:
    return (edge for edge in edges if edge.source in names and edge.target in names)


def _label(edge: EdgeView) -> str:
    parts = (edge.source_port, edge.label, "when" if edge.condition else "", edge.target_port, edge.merge)
    return "\n".join(part for part in parts if part)


def _mermaid_text(label: str) -> str:
    return "<br>".join("".join(map(_mermaid_character, line)) for line in label.splitlines())


def _mermaid_character(character: str) -> str:
    harmless = character.isalnum() or character in " .,:_-+|()'=/"
    return character if harmless else f"#{ord(character)};"


def _dot_text(label: str) -> str:
    """Return a label in quotes, with the escapes of DOT for backslash, quote and new line."""
    lines = (line.replace("\\", "\\\\").replace('"', '\\"') for line in label.splitlines())
    return '"' + "\\n".join(lines) + '"'
