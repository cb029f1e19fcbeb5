"""The places of a drawing as data: inside the picture, one for each node and edge, and the same as in SVG."""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given

from headwater import Pipeline
from headwater.graph.drawing.placing import NODES_LIMIT, coordinates, placed
from headwater.graph.drawing.svg import svg
from headwater.graph.drawing.views import EdgeView, NodeView
from tests.graph.dags import dags

NESTED = {
    "name": "outer",
    "steps": [
        {
            "id": "outer",
            "kind": "control.pipeline",
            "params": {
                "pipeline": {
                    "name": "inner",
                    "steps": [{"id": "upper", "kind": "text.upper"}, {"id": "words", "kind": "text.words"}],
                }
            },
        }
    ],
}


def _ends_at(node: dict[str, Any], point: list[float]) -> bool:
    x, y = point
    within_x = node["x"] - 0.2 <= x <= node["x"] + node["width"] + 0.2
    return within_x and node["y"] - 0.2 <= y <= node["y"] + node["height"] + 0.2


@given(dags())
def test_nodes_are_apart_and_edges_end_at_them(dag: tuple[list[NodeView], list[EdgeView]]) -> None:
    """No two boxes overlap, each is inside the picture, and each edge leads from its source to its target."""
    nodes, edges = dag
    drawing = coordinates(placed(nodes, edges))
    by_id = {node["id"]: node for node in drawing["nodes"]}
    assert list(by_id) == [node.id for node in nodes]
    for node in by_id.values():
        assert 0 <= node["x"] <= node["x"] + node["width"] <= drawing["width"] + 0.2
        assert 0 <= node["y"] <= node["y"] + node["height"] <= drawing["height"] + 0.2
    for one, other in combinations(by_id.values(), 2):
        beside = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
        assert beside or one["y"] + one["height"] <= other["y"] or other["y"] + other["height"] <= one["y"]
    assert [(edge["source"], edge["target"]) for edge in drawing["edges"]] == [(e.source, e.target) for e in edges]
    for edge in drawing["edges"]:
        assert _ends_at(by_id[edge["source"]], edge["points"][0])
        assert _ends_at(by_id[edge["target"]], edge["points"][-1])


@given(dags())
def test_boxes_are_those_of_the_picture(dag: tuple[list[NodeView], list[EdgeView]]) -> None:
    """The SVG drawing has its rectangles at the same places."""
    drawing = coordinates(placed(*dag))
    shown = re.findall(r'<rect class="(?:box|end)" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"', svg(*dag))
    assert [tuple(map(float, place)) for place in shown] == [
        (node["x"], node["y"], node["width"]) for node in drawing["nodes"]
    ]


def test_shows_steps_of_nested_pipelines_by_their_paths() -> None:
    """A nested step is a node with the id that its events have, and the edges between them have their names."""
    drawing = Pipeline.load(NESTED).layout()
    kinds = {node["id"]: node["kind"] for node in drawing["nodes"]}
    assert kinds == {
        "input": "input",
        "outer": "control.pipeline",
        "outer/upper": "text.upper",
        "outer/words": "text.words",
        "output": "output",
    }
    names = {(edge["source"], edge["target"]): edge["name"] for edge in drawing["edges"]}
    assert names["outer/upper", "outer/words"] == "upper.out -> words.text"
    assert json.loads(json.dumps(drawing)) == drawing


def test_refuses_more_nodes_than_a_picture_has() -> None:
    """The limit is that of the picture."""
    nodes = [NodeView(f"n{number}", "n") for number in range(NODES_LIMIT + 1)]
    with pytest.raises(ValueError, match="a drawing has at most 3,000 nodes, found 3,001"):
        placed(nodes, [])
