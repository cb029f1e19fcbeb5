"""Draw a graph or a plan as text: Mermaid for documents, DOT for Graphviz. Nothing is fetched or run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["EdgeView", "NodeView", "Shape", "dot", "mermaid"]

Shape = Literal["step", "source", "sink", "end"]
"""What a node stands for: a step, a step that only writes or only reads, an end of the pipeline itself."""


@dataclass(frozen=True, slots=True)
class NodeView:
    """One node of a drawing.

    Args:
        id: What edges call it; any text.
        label: What is written in it; lines are separated by newlines.
        shape: What it stands for.
    """

    id: str
    label: str
    shape: Shape = "step"


@dataclass(frozen=True, slots=True)
class EdgeView:
    """One edge of a drawing.

    Args:
        source: Id of the node that it starts at.
        target: Id of the node that it leads to.
        label: What is written on it; empty for nothing.
        dashed: Whether not everything passes.
    """

    source: str
    target: str
    label: str = ""
    dashed: bool = False


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


def mermaid(nodes: Sequence[NodeView], edges: Iterable[EdgeView]) -> str:
    r"""Draw as a Mermaid flowchart, from left to right.

    Nodes are called by number, and every character of a label that could mean something to Mermaid or to HTML is
    written as its number, so that no label can be anything but text. See https://mermaid.js.org/syntax/flowchart.html.

    Args:
        nodes: The nodes; an edge to another is left out.
        edges: The edges between them.

    Returns:
        The text of the drawing, ended by a newline.

    Example:
        >>> nodes = [NodeView("lines", "lines", "source"), NodeView("count", "count")]
        >>> print(mermaid(nodes, [EdgeView("lines", "count", "str")]), end="")
        flowchart LR
            n0[/"lines"\]
            n1["count"]
            n0 -->|"str"| n1
    """
    names = _names(nodes)
    lines = ["flowchart LR"]
    for node in nodes:
        opening, closing = _MERMAID_SHAPES[node.shape]
        lines.append(f'    {names[node.id]}{opening}"{_mermaid_text(node.label)}"{closing}')
    for edge in _between(names, edges):
        arrow = "-.->" if edge.dashed else "-->"
        label = f'|"{_mermaid_text(edge.label)}"|' if edge.label else ""
        lines.append(f"    {names[edge.source]} {arrow}{label} {names[edge.target]}")
    return "\n".join(lines) + "\n"


def dot(nodes: Sequence[NodeView], edges: Iterable[EdgeView]) -> str:
    r"""Draw in the DOT language of Graphviz, from left to right.

    See https://graphviz.org/doc/info/lang.html.

    Args:
        nodes: The nodes; an edge to another is left out.
        edges: The edges between them.

    Returns:
        The text of the drawing, ended by a newline.

    Example:
        >>> print(dot([NodeView("a", "a"), NodeView("b", 'say "b"')], [EdgeView("a", "b")]), end="")
        digraph {
            rankdir=LR
            n0 [label="a", shape=box]
            n1 [label="say \"b\"", shape=box]
            n0 -> n1
        }
    """
    names = _names(nodes)
    lines = ["digraph {", "    rankdir=LR"]
    lines += (
        f"    {names[node.id]} [label={_dot_text(node.label)}, shape={_DOT_SHAPES[node.shape]}]" for node in nodes
    )
    for edge in _between(names, edges):
        parts = [f"label={_dot_text(edge.label)}"] * bool(edge.label) + ["style=dashed"] * edge.dashed
        attributes = f" [{', '.join(parts)}]" if parts else ""
        lines.append(f"    {names[edge.source]} -> {names[edge.target]}{attributes}")
    return "\n".join([*lines, "}"]) + "\n"


def _names(nodes: Sequence[NodeView]) -> dict[str, str]:
    return {node.id: f"n{number}" for number, node in enumerate(nodes)}


def _between(names: Mapping[str, str], edges: Iterable[EdgeView]) -> Iterator[EdgeView]:
    return (edge for edge in edges if edge.source in names and edge.target in names)


def _mermaid_text(label: str) -> str:
    return "<br>".join("".join(map(_mermaid_character, line)) for line in label.splitlines())


def _mermaid_character(character: str) -> str:
    harmless = character.isalnum() or character in " .,:_-+|()'=/"
    return character if harmless else f"#{ord(character)};"


def _dot_text(label: str) -> str:
    """Quote a label: of the escapes of DOT only those of the backslash, the quote and the new line are used."""
    lines = (line.replace("\\", "\\\\").replace('"', '\\"') for line in label.splitlines())
    return '"' + "\\n".join(lines) + '"'
