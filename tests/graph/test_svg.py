"""Pictures are well-formed, complete in themselves, and nothing in a pipeline can be anything but text in them."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater import Pipeline
from headwater.graph.drawing.placing import NODES_LIMIT
from headwater.graph.drawing.svg import svg
from headwater.graph.drawing.views import EdgeView, NodeView
from tests.graph.dags import dags

SVG = "{http://www.w3.org/2000/svg}"
ALLOWED = {f"{SVG}{name}" for name in ("svg", "style", "rect", "path", "circle", "text", "title", "g")}


def parsed(picture: str) -> ET.Element:
    """Return a picture as a tree of elements."""
    return ET.fromstring(picture)  # noqa: S314 - what this project wrote itself


def texts(picture: str) -> list[str]:
    """Return the texts that a picture shows."""
    return [element.text or "" for element in parsed(picture).iter(f"{SVG}text")]


@given(dags())
def test_picture_shows_every_node_and_edge(dag: tuple[list[NodeView], list[EdgeView]]) -> None:
    """There is a label for each node, and a line for each edge, which is dashed when it has a condition."""
    nodes, edges = dag
    root = parsed(svg(nodes, edges))
    assert {element.tag for element in root.iter()} <= ALLOWED
    shown = [element.text for element in root.iter(f"{SVG}text")]
    assert [node.id for node in nodes] == [text for text in shown if text in {node.id for node in nodes}]
    lines = [path.get("class", "").split() for path in root.iter(f"{SVG}path")]
    assert sum("edge" in line for line in lines) == len(edges)
    assert sum("when" in line for line in lines) == sum(bool(edge.condition) for edge in edges)


@given(st.text(), st.text())
def test_text_is_nothing_but_text_when_it_is_hostile(name: str, label: str) -> None:
    """No name, type or note can end its element, add another, or make the picture unreadable."""
    nodes = [NodeView("a", f"{name}\n{name}", note=name), NodeView("b", "b")]
    edges = [EdgeView("a", "b", label, label, label, label, label)]
    root = parsed(svg(nodes, edges, title=name))
    assert {element.tag for element in root.iter()} <= ALLOWED
    assert not any(key.startswith("on") for element in root.iter() for key in element.attrib)


def test_nothing_is_fetched_or_run() -> None:
    """A picture refers to nothing outside of it."""
    picture = svg([NodeView("a", "a"), NodeView("b", "b")], [EdgeView("a", "b", "str")])
    assert re.findall(r"href|src=|url\(|@import|script|https?://[^\"]*", picture) == ["http://www.w3.org/2000/svg"]


def test_data_flows_to_the_right_until_that_is_too_wide() -> None:
    """A short chain is a line to the right; a long one leads down."""

    def size(count: int) -> tuple[float, float]:
        nodes = [NodeView(str(number), str(number)) for number in range(count)]
        edges = [EdgeView(str(number), str(number + 1)) for number in range(count - 1)]
        root = parsed(svg(nodes, edges))
        return float(root.get("width", 0)), float(root.get("height", 0))

    assert size(4)[0] > 2 * size(4)[1]
    assert size(40)[1] > 2 * size(40)[0]


def test_labels_are_written_once_when_edges_meet() -> None:
    """Where several edges end, what all of them carry is told once where they start, or where they end."""
    nodes = [NodeView(name, name) for name in "abcd"]
    tee = [EdgeView("a", name, "str") for name in "bcd"]
    assert texts(svg(nodes, tee)).count("str") == 3
    merge = [EdgeView(name, "d", "str") for name in "abc"]
    assert texts(svg(nodes, merge)).count("str") == 3
    assert texts(svg(nodes, [EdgeView("a", "b", "str", source_port=""), EdgeView("a", "b", "str")])).count("str") == 1


def test_ports_are_named_when_there_are_several() -> None:
    """The name of a port stands where its edge meets the step."""
    edges = [EdgeView("a", "b", "int", source_port="good"), EdgeView("a", "c", "str", "", "bad", "left")]
    assert {"good", "int", "bad", "left: str"} <= set(texts(svg([NodeView(name, name) for name in "abc"], edges)))


def test_picture_is_refused_when_it_would_be_too_large() -> None:
    """More nodes than anybody can look at are refused, with the limit."""
    with pytest.raises(ValueError, match="at most 3,000 nodes, found 3,001"):
        svg([NodeView(str(number), "") for number in range(NODES_LIMIT + 1)], [])


def test_outputs_have_each_their_own_end_when_there_are_several() -> None:
    """Each output of the pipeline is an end of its own, and the types are those of the plan."""
    steps = [{"id": "words", "kind": "text.words"}, *({"id": name, "kind": "stream.count"} for name in ("one", "two"))]
    pipeline = Pipeline.load({"name": "outs", "steps": steps, "edges": ["words -> one", "words -> two"]})
    shown = texts(pipeline.draw("svg"))
    assert shown.count("output") == 2
    assert shown.count("input") == 1
    assert shown.count("int") == 2


@pytest.mark.parametrize("style", ["mermaid", "dot", "svg", "text"])
def test_pipeline_is_drawn_in_every_style(style: Any) -> None:
    """Each style names each step and each kind."""
    pipeline = Pipeline.load({"name": "up", "steps": [{"id": "loud", "kind": "text.upper"}]})
    drawn = pipeline.draw(style)
    assert "loud" in drawn
    assert "text.upper" in drawn
    assert drawn.endswith("\n")


def test_style_is_refused_when_there_is_no_such_one() -> None:
    """An unknown style is told together with those there are."""
    pipeline = Pipeline.load({"name": "up", "steps": [{"id": "loud", "kind": "text.upper"}]})
    png: Any = "png"
    with pytest.raises(ValueError, match="'png' does not exist; expected one of mermaid, dot, svg, text"):
        pipeline.draw(png)
