"""Drawings as lines of text can be read back: every edge is there, and no other."""

from __future__ import annotations

import pytest
from hypothesis import given

from headwater.graph.drawing.rails import Row, drawing, rows
from headwater.graph.drawing.views import EdgeView, NodeView
from tests.graph.dags import dags

ENDS_UP = set("│├┤┼╰╯┴")
JOINED = set("├┤┼╰╯┴")
BEAMS = set("─┄")


def sign(lines: list[str], line: int, column: int) -> str:
    """Return what stands in a column of rails; two characters are one column."""
    return lines[line][2 * column : 2 * column + 1] or " "


def beam(lines: list[str], line: int, column: int) -> bool:
    """Return whether a beam leads from a column to the next one."""
    return (lines[line][2 * column + 1 : 2 * column + 2] or " ") in BEAMS


def joints(lines: list[str], line: int, column: int) -> set[int]:
    """Return the columns whose rails are joined to a node, by the beams from there."""
    found = {column}
    left = column
    while left > 0 and beam(lines, line, left - 1):
        left -= 1
        found |= {left} if sign(lines, line, left) in JOINED else set()
    right = column
    while beam(lines, line, right):
        right += 1
        found |= {right} if sign(lines, line, right) in JOINED else set()
    return found


def origin(drawn: list[Row], line: int, column: int) -> str:
    """Return the node that a rail comes from, following it upward; empty when nothing is above.

    Steps that stand directly below each other are not joined: between two that are there is a line with the type.
    """
    lines = [row.rails for row in drawn]
    if line and sign(lines, line, column) == "●" and sign(lines, line - 1, column) in "●○":
        return ""
    while line > 0:
        line -= 1
        above = sign(lines, line, column)
        if above in "●○":
            return drawn[line].name
        if above in "╮┬":  # where the outputs of the node above part
            return next(row.name for row in reversed(drawn[:line]) if row.name)
        if above not in ENDS_UP or above in "╰╯┴":
            return ""
    return ""


def edges_of(drawn: list[Row]) -> set[tuple[str, str]]:
    """Return the edges that a drawing shows."""
    lines = [row.rails for row in drawn]
    found: set[tuple[str, str]] = set()
    for number, row in enumerate(drawn):
        if row.name:
            own = next(column for column in range(len(row.rails)) if sign(lines, number, column) in "●○")
            writers = {origin(drawn, number, column) for column in joints(lines, number, own)}
            found |= {(writer, row.name) for writer in writers if writer}
    return found


@given(dags())
def test_edges_can_be_read_back_from_the_drawing(dag: tuple[list[NodeView], list[EdgeView]]) -> None:
    """Following the rails upward from each node leads to all that write to it, and to nothing else."""
    nodes, edges = dag
    drawn = list(rows(nodes, edges))
    assert sorted(row.name for row in drawn if row.name) == sorted(node.id for node in nodes)
    assert edges_of(drawn) == {(edge.source, edge.target) for edge in edges}, "\n".join(row.rails for row in drawn)


def test_chain_is_a_straight_line() -> None:
    """A chain takes one column, and tells between its steps what flows."""
    nodes = [NodeView("a", "a\none"), NodeView("bc", "bc\ntwo"), NodeView("out", "output", "end")]
    edges = [EdgeView("a", "bc", "str", streaming=True), EdgeView("bc", "out", "int")]
    assert drawing(nodes, edges).splitlines() == ["● a   one", "│  stream of str", "● bc  two", "○ output  int"]


def test_branches_hang_on_one_rail() -> None:
    """A tee is a tree, a condition is told at the branch that has it, and a join stands where its rails meet."""
    nodes = [NodeView(name, name) for name in ("log", "all", "some", "join")]
    edges = [
        EdgeView("log", "all", "dict"),
        EdgeView("log", "some", "dict", condition='{"gt": 1}'),
        EdgeView("all", "join", "int"),
        EdgeView("some", "join", "int"),
    ]
    assert drawing(nodes, edges).splitlines() == [
        "● log",
        "│  dict",
        "├─● all",
        "│ │  int",
        '╰┄│┄● some  when {"gt": 1}',
        "  │ │  int",
        "  ●─╯ join",
    ]


def test_refuses_a_drawing_that_would_be_too_large() -> None:
    """Where thousands of outputs stay open, each line would have a sign for each of them."""
    count = 1_500
    nodes = [NodeView(f"s{number}", f"s{number}", "step") for number in range(count)]
    edges = [EdgeView(f"s{number}", f"s{count - 1}", "str") for number in range(count - 1)]
    with pytest.raises(ValueError, match="at most 1,000,000 signs of rails"):
        drawing(nodes, edges)
    assert drawing(nodes[:500], edges[:499]).count("\n") >= 500
