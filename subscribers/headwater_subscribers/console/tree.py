"""The steps of a pipeline as a tree, in the order in which a person follows the data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["ASCII_LINES", "LINES", "TreeLines", "TreeRow", "tree_rows", "with_nested"]


@dataclass(frozen=True, slots=True)
class TreeLines:
    """The strings that the lines of a tree consist of, all of one width."""

    first: str
    branch: str
    last: str
    down: str
    none: str


LINES = TreeLines(first="┌─ ", branch="├─ ", last="└─ ", down="│  ", none="   ")
ASCII_LINES = TreeLines(first=",- ", branch="|- ", last="`- ", down="|  ", none="   ")


@dataclass(frozen=True, slots=True)
class TreeRow:
    """A step in its place: the lines before its name and before what is below, and the steps that it joins."""

    step_id: str
    lead: str
    below: str
    joins: tuple[str, ...] = ()


def tree_rows(sources: Mapping[str, Sequence[str]], lines: TreeLines = LINES) -> list[TreeRow]:
    """Return steps so that a chain goes straight down, branches are indented, and a step that joins them is below.

    A step belongs below the last step that all of its data has gone through: its immediate dominator (K. Cooper, T.
    Harvey, K. Kennedy, "A Simple, Fast Dominance Algorithm", 2001).

    Example:
        >>> diamond = {"read": [], "left": ["read"], "right": ["read"], "long": ["right"], "join": ["left", "long"]}
        >>> for row in tree_rows(diamond):
        ...     print(row.lead + row.step_id)
        read
        ├─ left
        ├─ right
        │  long
        join
    """
    if not any(sources.values()):  # no edges, or their start was missed
        return [TreeRow(step_id, "", "") for step_id in sources]
    below = _below(sources)
    rows: list[TreeRow] = []
    stack = [_Place()]  # what is still to be drawn, the next one last
    while stack:
        place = stack.pop()
        branches = _branches(place, below, sources, lines)
        if place.step_id is not None:
            joins = tuple(dict.fromkeys(sources[place.step_id]))
            under = place.rest + (lines.down if len(branches) > 1 else "")
            rows.append(TreeRow(place.step_id, place.lead, under, joins if len(joins) > 1 else ()))
        stack += branches
    return rows


def with_nested(rows: Sequence[TreeRow], step_ids: Iterable[str], lines: TreeLines = LINES) -> list[TreeRow]:
    """Return the rows of a tree with those of steps in nested pipelines, each below the step that holds the pipeline.

    Example:
        >>> rows = tree_rows({"outer": [], "after": ["outer"]})
        >>> for row in with_nested(rows, ["outer/one", "outer/two", "outer/two/deep"]):
        ...     print(row.lead + row.step_id)
        outer
        │  outer/one
        │  outer/two
        │  │  outer/two/deep
        after
    """
    inside: dict[str, list[str]] = {}
    for step_id in step_ids:
        inside.setdefault(step_id.rpartition("/")[0], []).append(step_id)
    pending = [*rows][::-1]
    drawn: list[TreeRow] = []
    while pending:
        row = pending.pop()
        drawn.append(row)
        lead = row.below + lines.down
        pending += [TreeRow(step_id, lead, lead) for step_id in inside.pop(row.step_id, ())][::-1]
    return [*drawn, *(TreeRow(step_id, "", "") for left in inside.values() for step_id in left)]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a step is drawn, with the lines before it and below it; None is above all of them."""

    step_id: str | None = None
    lead: str = ""
    rest: str = ""


def _below(sources: Mapping[str, Sequence[str]]) -> dict[str | None, list[str]]:
    """Return the steps that are directly below each step, and below none."""
    above: dict[str, str | None] = {}
    depth: dict[str | None, int] = {None: 0}
    below: dict[str | None, list[str]] = {None: []}
    for step_id, read in sources.items():
        found: str | None = read[0] if read else None
        for source in read[1:]:
            found = _meeting(found, source, above, depth)
        above[step_id] = found
        depth[step_id] = depth[found] + 1
        below[found].append(step_id)
        below[step_id] = []
    return below


def _meeting(
    left: str | None, right: str | None, above: Mapping[str, str | None], depth: Mapping[str | None, int]
) -> str | None:
    """Return the last step that is above both, or one of them."""
    while left != right:
        if right is None or (left is not None and depth[left] >= depth[right]):
            left = None if left is None else above[left]
        else:
            right = above[right]
    return left


def _branches(
    place: _Place,
    below: Mapping[str | None, Sequence[str]],
    sources: Mapping[str, Sequence[str]],
    lines: TreeLines,
) -> list[_Place]:
    """Return the places below a step, the first last: its branches, and the step that goes straight down."""
    steps = list(below[place.step_id])
    trunk = _trunk(steps, sources)
    if trunk is not None:
        steps.remove(trunk)
    places: list[_Place] = []
    for number, step_id in enumerate(steps):
        is_last = trunk is None and number == len(steps) - 1
        lead = lines.first if place.step_id is None and not number else lines.last if is_last else lines.branch
        rest = lines.none if is_last else lines.down
        places.append(_Place(step_id, place.rest + lead, place.rest + rest))
    if trunk is not None:
        places.append(_Place(trunk, place.rest, place.rest))
    return places[::-1]


def _trunk(steps: Sequence[str], sources: Mapping[str, Sequence[str]]) -> str | None:
    """Return the step that goes straight down: the only one, or the last that joins others."""
    if len(steps) == 1:
        return steps[0]
    return next((step_id for step_id in reversed(steps) if len(set(sources[step_id])) > 1), None)
