"""Laws of the layout of drawings: nothing overlaps, everything is joined, and the data flows one way."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.graph.drawing.layers import Link, layers_of
from headwater.graph.drawing.layout import Box, Joint, Layout, lay_out


@st.composite
def drawings(draw: st.DrawFn) -> tuple[list[Box], list[Joint]]:
    """Return boxes of different sizes, and joints between some of them."""
    count = draw(st.integers(1, 14))
    boxes = [Box(draw(st.floats(10, 200)), draw(st.floats(10, 80))) for _ in range(count)]
    pairs = [(one, other) for other in range(count) for one in range(other)]
    chosen = draw(st.lists(st.sampled_from(pairs), max_size=2 * count)) if pairs else []
    offsets = st.floats(-5, 5)
    joints = [
        Joint(Link(one, other, draw(offsets), draw(offsets)), draw(st.floats(0, 60)), draw(st.floats(0, 60)))
        for one, other in chosen
    ]
    return boxes, joints


def apart(one: Box, other: Box) -> bool:
    """Return whether two boxes do not touch."""
    along = abs(one.along - other.along) - (one.length + other.length) / 2
    across = abs(one.across - other.across) - (one.breadth + other.breadth) / 2
    return along > 1 or across > 1


@given(drawings())
def test_boxes_stand_apart_and_inside(drawing: tuple[list[Box], list[Joint]]) -> None:
    """No two boxes touch, and all of them are within the size of the whole."""
    boxes, joints = drawing
    layout = lay_out(boxes, joints)
    assert all(apart(one, other) for one, other in combinations(boxes, 2))
    for box in boxes:
        assert box.length / 2 - 0.01 <= box.along <= layout.length - box.length / 2 + 0.01
        assert box.breadth / 2 - 0.01 <= box.across <= layout.breadth - box.breadth / 2 + 0.01


@given(drawings())
def test_routes_lead_forward_from_side_to_side(drawing: tuple[list[Box], list[Joint]]) -> None:
    """Each route starts at the far side of its first box, ends at the near side of its last, and never turns back."""
    boxes, joints = drawing
    layout = lay_out(boxes, joints)
    for joint, route in zip(joints, layout.routes, strict=True):
        source, target = boxes[joint.link.source], boxes[joint.link.target]
        assert route[0] == (source.along + source.length / 2, source.across + joint.link.start)
        assert route[-1] == (target.along - target.length / 2, target.across + joint.link.end)
        assert all(before[0] <= after[0] + 0.001 for before, after in pairwise(route))


@given(drawings())
def test_labels_have_room_before_the_route_bends(drawing: tuple[list[Box], list[Joint]]) -> None:
    """The straight parts at both ends of a route are as long as their labels."""
    boxes, joints = drawing
    layout = lay_out(boxes, joints)
    for joint, route in zip(joints, layout.routes, strict=True):
        assert route[1][0] - route[0][0] >= joint.start_length - 0.01
        assert route[-1][0] - route[-2][0] >= joint.end_length - 0.01


def test_chain_is_straight() -> None:
    """Boxes of a chain stand on one line, whatever their breadths."""
    boxes = [Box(100, breadth) for breadth in (20, 60, 40)]
    lay_out(boxes, [Joint(Link(0, 1)), Joint(Link(1, 2))])
    assert {box.across for box in boxes} == {30}


def test_tee_is_symmetric() -> None:
    """The writer of three branches stands at the middle one."""
    boxes = [Box(100, 40) for _ in range(4)]
    lay_out(boxes, [Joint(Link(0, branch)) for branch in (1, 2, 3)])
    assert abs(boxes[0].across - boxes[2].across) < 0.5
    assert boxes[1].across < boxes[2].across < boxes[3].across


def test_boxes_of_a_layer_are_equally_long_when_they_stretch() -> None:
    """Boxes that stretch take the length of the longest one of their layer."""
    boxes = [Box(100, 40), Box(60, 40, stretches=True), Box(90, 40), Box(80, 40, stretches=True)]
    lay_out(boxes, [Joint(Link(0, other)) for other in (1, 2, 3)])
    assert [box.length for box in boxes] == [100, 90, 90, 90]


def test_edges_do_not_cross_when_they_need_not() -> None:
    """The order of the layers is changed until edges that can be drawn without a crossing are."""
    links = [Link(0, 5), Link(1, 4), Link(2, 3), Link(3, 6), Link(4, 7), Link(5, 8)]
    layers = layers_of(9, links)
    places = {node: place for row in layers.rows for place, node in enumerate(row)}
    for one, other in combinations(links, 2):
        if {one.source, other.source} <= set(layers.rows[0]):
            assert (places[one.source] < places[other.source]) == (places[one.target] < places[other.target])


def test_source_stands_beside_its_reader() -> None:
    """A node that reads nothing is drawn as late as it can be, which keeps its edges short."""
    assert layers_of(4, [Link(0, 1), Link(1, 2), Link(3, 2)]).rows[1] in ([1, 3], [3, 1])


def test_layout_is_refused_when_edges_would_pass_too_many_boxes() -> None:
    """Long edges take room in every layer that they pass; more of them than anybody can follow are refused."""
    count = 500
    links = [Link(one, one + 1) for one in range(count - 1)] + [Link(0, other) for other in range(2, count)]
    with pytest.raises(ValueError, match="found 124,751"):
        layers_of(count, links)
    assert sum(map(len, layers_of(count, links[:count]).rows)) == count + 1  # the last one passes a box


def test_nothing_is_laid_out_when_there_is_nothing() -> None:
    """A drawing of nothing has no size."""
    assert lay_out([], []) == Layout([], 0.0, 0.0)
