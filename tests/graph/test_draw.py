"""Drawings are text that says what it should, and nothing that a label would have it say."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.graph.drawing.draw import dot, mermaid
from headwater.graph.drawing.views import EdgeView, NodeView

NODES = [NodeView("in", "input", "end"), NodeView("a", "a\ntest.kind", "source"), NodeView("b", "b", "sink")]
EDGES = [EdgeView("in", "a"), EdgeView("a", "b", "list[str]", condition="{}")]


def test_mermaid_draws_shapes_and_edges() -> None:
    """Each shape and each kind of edge has its sign."""
    assert mermaid(NODES, EDGES).splitlines() == [
        "flowchart LR",
        '    n0(["input"])',
        '    n1[/"a<br>test.kind"\\]',
        '    n2[\\"b"/]',
        "    n0 --> n1",
        '    n1 -.->|"list#91;str#93;<br>when"| n2',
    ]


def test_dot_draws_shapes_and_edges() -> None:
    """The same drawing, for Graphviz."""
    assert dot(NODES, EDGES).splitlines() == [
        "digraph {",
        "    rankdir=LR",
        '    n0 [label="input", shape=oval]',
        '    n1 [label="a\\ntest.kind", shape=trapezium]',
        '    n2 [label="b", shape=invtrapezium]',
        "    n0 -> n1",
        '    n1 -> n2 [label="list[str]\\nwhen", style=dashed]',
        "}",
    ]


@pytest.mark.parametrize("draw", [mermaid, dot])
def test_draw_leaves_out_edges_to_nodes_that_are_not_there(draw: Callable[..., str]) -> None:
    """A part of a graph can be drawn."""
    assert "->" not in draw([NodeView("x", "x")], [EdgeView("x", "b"), EdgeView("b", "x")])


@given(st.text(), st.text())
def test_mermaid_keeps_hostile_labels_inside_their_quotes(node: str, edge: str) -> None:
    """No text can end its quotes, add a line, or become HTML."""
    drawn = mermaid([NodeView(node, node)], [EdgeView(node, node, edge)] if edge else [])
    lines = drawn.splitlines()
    assert re.fullmatch(r'    n0\["[^"<>\[\]{}`;&\\]*"\]', re.sub(r"#\d+;|<br>", "", lines[1]))
    assert len(lines) == 2 + bool(edge)


@given(st.text())
def test_dot_keeps_hostile_labels_inside_their_quotes(text: str) -> None:
    """Every quote and backslash of a label is escaped."""
    line = dot([NodeView(text, text)], []).split("\n")[2]
    assert re.fullmatch(r'    n0 \[label="([^"\\]|\\.)*", shape=box\]', line)
