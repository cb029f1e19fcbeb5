"""Draws a graph as lines of text, from top to bottom: a line per step, and a rail for each output not yet read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from headwater.display import cells

if TYPE_CHECKING:
    from headwater.graph.drawing.views import EdgeView, NodeView

__all__ = ["SIGNS_LIMIT", "Row", "drawing", "rows"]

SIGNS_LIMIT = 1_000_000
"""Most signs of rails in a drawing: where many outputs stay open, each line has one for each of them."""

_MOST_CELLS = 60  # before the column of kinds, which a wide drawing would move far from their names

_UP, _DOWN, _LEFT, _RIGHT = 1, 2, 4, 8
_SIGNS = {
    _UP | _DOWN: "│",
    _UP | _DOWN | _RIGHT: "├",
    _UP | _DOWN | _LEFT: "┤",
    _UP | _DOWN | _LEFT | _RIGHT: "┼",
    _UP | _RIGHT: "╰",
    _UP | _LEFT: "╯",
    _UP | _LEFT | _RIGHT: "┴",
    _DOWN | _LEFT: "╮",
    _DOWN | _LEFT | _RIGHT: "┬",
}
_NODES = {"step": "●", "source": "●", "sink": "●", "end": "○"}

_Output: TypeAlias = tuple[str, str]
"""Id of a node, and the output port."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a drawing."""

    rails: str
    name: str = ""
    kind: str = ""
    text: str = ""


def drawing(
    nodes: Sequence[NodeView],
    edges: Iterable[EdgeView],
    *,
    bold: Callable[[str], str] = str,
    dim: Callable[[str], str] = str,
) -> str:
    """Draw a graph as text for a terminal; a `ValueError` says that it would be too large."""
    drawn = list(rows(nodes, edges))
    widths = [cells(f"{row.rails} {row.name}") for row in drawn if row.kind]
    column = max((width for width in widths if width <= _MOST_CELLS), default=0)
    lines: list[str] = []
    for row in drawn:
        gap = " " * (column - cells(f"{row.rails} {row.name}")) if row.kind else ""
        name = f" {bold(row.name)}{gap}" if row.name else ""
        lines.append("  ".join(filter(None, (row.rails + name, dim(row.kind), dim(row.text)))).rstrip() + "\n")
    return "".join(lines)


def rows(nodes: Sequence[NodeView], edges: Iterable[EdgeView]) -> Iterator[Row]:
    """Draw as lines of text.

    Each node stands below all its writers. Each output runs down as a rail to its last reader; a rail that another line
    crosses without being joined to it stays unbroken.
    """
    known = {node.id for node in nodes}
    ends = {node.id for node in nodes if node.shape == "end"}
    rails = _Rails([edge for edge in edges if edge.source in known and edge.target in known], ends)
    for node in _by_branch(nodes, rails.into):
        yield rails.node_row(node)
        yield from rails.rows_below(node)


def _by_branch(nodes: Sequence[NodeView], into: Mapping[str, Sequence[EdgeView]]) -> Iterator[NodeView]:
    """Yield nodes in topological order, each branch to its end where possible."""
    readers: defaultdict[str, list[NodeView]] = defaultdict(list)
    missing: dict[str, set[str]] = {}
    for node in nodes:
        missing[node.id] = {edge.source for edge in into.get(node.id, ())}
        for writer in missing[node.id]:
            readers[writer].append(node)
    ready = [node for node in reversed(nodes) if not missing[node.id]]
    while ready:
        node = ready.pop()
        yield node
        for reader in reversed(readers[node.id]):
            missing[reader.id].discard(node.id)
            if not missing[reader.id]:
                ready.append(reader)


class _Rails:
    """The rails, while nodes are drawn one below the other; `ends` are the ids of the pipeline's own ends."""

    def __init__(self, edges: Iterable[EdgeView], ends: Collection[str]) -> None:
        self._ends = ends
        self.into: defaultdict[str, list[EdgeView]] = defaultdict(list)
        self._out_of: defaultdict[str, dict[_Output, list[EdgeView]]] = defaultdict(dict)
        self._left: dict[_Output, int] = {}
        self._columns: list[_Output | None] = []
        self._place = 0
        self._signs = 0
        for edge in edges:
            output = edge.source, edge.source_port
            self.into[edge.target].append(edge)
            self._out_of[edge.source].setdefault(output, []).append(edge)
            self._left[output] = self._left.get(output, 0) + 1

    def node_row(self, node: NodeView) -> Row:
        """Return the line of a node, below its writers."""
        edges = self.into[node.id]
        columns = {output: column for column, output in enumerate(self._columns)}
        joined = {columns[edge.source, edge.source_port] for edge in edges}
        before = list(self._columns)
        for edge in edges:
            self._left[edge.source, edge.source_port] -= 1
        ended = {column for column in joined if self._is_over(before[column])}
        self._place = self._choose(edges, joined, ended)
        for column in ended:
            self._columns[column] = None
        dashed = len(edges) == 1 and bool(edges[0].condition)
        joints = dict.fromkeys(joined, 0) | {self._place: 0}
        for column in joined - {self._place}:
            joints[column] = _UP | (0 if column in ended else _DOWN)
        name, _, kind = node.label.partition("\n")
        text = _flows(edges[0]) if node.shape == "end" and edges else _reads(edges)
        return Row(self._line(before, joints, _NODES[node.shape], dashed=dashed), name, kind, text)

    def rows_below(self, node: NodeView) -> Iterator[Row]:
        """Yield the lines that begin the rails of the outputs of a node."""
        outputs = self._out_of[node.id]
        columns: dict[int, int] = {}
        before = list(self._columns)
        for number, output in enumerate(outputs):
            column = self._place if not number else self._free(self._place + 1)
            columns[column] = _DOWN | (0 if number else _UP)
            self._put(column, output)
        if len(columns) > 1:
            yield Row(self._line(before, columns))
        if any(edge.target not in self._ends for edges in outputs.values() for edge in edges):
            texts = [_output_text(port, edges[0]) for (_, port), edges in outputs.items()]
            yield Row(self._line(self._columns, {}), text=", ".join(texts))
        while self._columns and self._columns[-1] is None:
            self._columns.pop()

    def _is_over(self, output: _Output | None) -> bool:
        return output is not None and not self._left[output]

    def _choose(self, edges: Sequence[EdgeView], joined: set[int], ended: set[int]) -> int:
        """Return the column of a node: that of a rail that only it reads, or a free one."""
        own = [
            column
            for column in sorted(ended)
            if len(joined) > 1 or len(self._out_of[edges[0].source][edges[0].source, edges[0].source_port]) == 1
        ]
        return own[0] if own else self._free(min(joined) + 1 if joined else 0)

    def _free(self, first: int) -> int:
        column = first
        while column < len(self._columns) and self._columns[column] is not None:
            column += 1
        return column

    def _put(self, column: int, output: _Output) -> None:
        self._columns += [None] * (column + 1 - len(self._columns))
        self._columns[column] = output

    def _line(
        self, columns: Sequence[_Output | None], joints: Mapping[int, int], node: str = "", *, dashed: bool = False
    ) -> str:
        """Return one line of rails; those in `joints` are joined from side to side."""
        first, last = (min(joints), max(joints)) if joints else (0, -1)
        self._signs += max(len(columns), last + 1)
        if self._signs > SIGNS_LIMIT:
            raise ValueError(f"a drawing as text has at most {SIGNS_LIMIT:,} signs of rails")
        beam = "┄" if dashed else "─"
        signs: list[str] = []
        for column in range(max(len(columns), last + 1)):
            within = first <= column <= last
            if node and column == self._place:
                sign = node
            elif column in joints:
                sides = (_LEFT if column > first else 0) | (_RIGHT if column < last else 0)
                sign = _SIGNS[joints[column] | sides]
            elif column < len(columns) and columns[column] is not None:
                sign = "│"
            else:
                sign = beam if within else " "
            signs.append(sign + (beam if first <= column < last else " "))
        return "".join(signs).rstrip()


def _output_text(port: str, edge: EdgeView) -> str:
    return f"{port}: {_flows(edge)}" if port else _flows(edge)


def _flows(edge: EdgeView) -> str:
    return f"stream of {edge.label}" if edge.streaming else edge.label


def _reads(edges: Sequence[EdgeView]) -> str:
    """Return the text about the edges into a node."""
    return ", ".join(f"when {edge.condition}" for edge in edges if edge.condition)
