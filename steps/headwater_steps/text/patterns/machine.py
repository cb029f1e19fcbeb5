"""A pattern as a machine of positions: which character can follow which, and in how many ways.

The pattern is read by the parser of `re` itself, so that what is checked is what will be run. Each place of the pattern
that takes a character is a position; an edge leads to each position that may come next (V. M. Glushkov, "The abstract
theory of automata", 1961, https://doi.org/10.1070/RM1961v016n05ABEH004112).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from itertools import pairwise
from typing import Any

from headwater import PatternError
from headwater.toolkit import PATTERN_LENGTH_LIMIT, WorkBudget
from headwater_steps.text.patterns.alphabet import CharSet

__all__ = ["START", "Machine"]

START = 0
"""The position before the first character."""

_POSITIONS_LIMIT = 300
_EDGES_LIMIT = 2_000
_GROUPS_LIMIT = 50
_POSITION_STEPS = 10

_parser: Any = import_module("re._parser")  # nothing else surely reads a pattern as `re` does
_REPEATS = {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}
_REFUSED = {
    "GROUPREF": "a reference to another group, such as \\1",
    "GROUPREF_EXISTS": "a condition on another group",
    "ASSERT": "a look-ahead or look-behind at more than one character",
    "ASSERT_NOT": "a look-ahead or look-behind at more than one character",
}


@dataclass(frozen=True, slots=True)
class Edge:
    """A step to the next position; `exits` are the atomic groups that it leaves, to which there is no way back."""

    target: int
    exits: frozenset[int]


@dataclass(slots=True)
class _Part:
    """A part of a pattern: where it can begin and end."""

    first: list[int] = field(default_factory=list[int])
    last: dict[int, bool] = field(default_factory=dict[int, bool])  # True where a condition such as `$` follows
    empty: bool | None = False  # whether a condition must hold for it to match nothing; None when it never can


class Machine:
    """A pattern as positions and edges; raises `PatternError` when it is wrong, too large or cannot be checked."""

    def __init__(self, pattern: str, budget: WorkBudget) -> None:
        budget.charge(len(pattern))
        nodes = _parse(pattern)
        self.sets: list[CharSet] = [CharSet()]
        self.edges: list[dict[int, Edge]] = [{}]
        self.atomic: list[tuple[int, ...]] = [()]
        self._open: list[int] = []
        self._atomic_groups = 0
        self._edges = 0
        size = _size(nodes)
        if size > _POSITIONS_LIMIT:
            raise PatternError(f"a pattern of {size} characters with its repetitions; at most {_POSITIONS_LIMIT}")
        budget.charge(_POSITION_STEPS * size)
        part = self._sequence(nodes)
        self._join({START: False}, part)
        self.accepting: frozenset[int] = frozenset(position for position, open_ in part.last.items() if not open_)
        self.empty: bool = part.empty is not None
        self.before: CharSet | None = self._before(nodes, part)

    def _sequence(self, nodes: Iterable[tuple[str, Any]]) -> _Part:
        whole = _Part()
        for op, argument in nodes:
            part = self._part(op, argument)
            self._join(whole.last, part)
            if whole.empty is not None:
                whole.first += part.first
            if part.empty is None:
                whole.last = part.last
            else:
                whole.last = {position: open_ or part.empty for position, open_ in whole.last.items()} | part.last
            whole.empty = None if whole.empty is None or part.empty is None else whole.empty or part.empty
        return whole

    def _part(self, op: str, argument: Any) -> _Part:
        chars = CharSet.parse(op, argument)
        if chars is not None:
            return self._position(chars)
        match op:
            case "SUBPATTERN":
                _, added, removed, inner = argument
                if added or removed:
                    raise PatternError("flags such as (?i) are not allowed; write both cases, such as [Ee]rror")
                return self._sequence(_nodes(inner))
            case "ATOMIC_GROUP":
                return self._atomic(_nodes(argument))
            case "BRANCH":
                return self._branch([_nodes(inner) for inner in argument[1]])
            case "AT":
                return _Part(empty=True)
            case "ASSERT" | "ASSERT_NOT" if _looked_at(argument) is not None:
                return _Part(empty=True)
            case _ if op in _REPEATS:
                return self._repeat(op, *argument)
            case _:
                raise PatternError(f"{_REFUSED.get(op, op)} is not allowed: it cannot be bounded")

    def _position(self, chars: CharSet) -> _Part:
        position = len(self.sets)
        self.sets.append(chars)
        self.edges.append({})
        self.atomic.append(tuple(self._open))
        return _Part([position], {position: False}, None)

    def _atomic(self, nodes: Sequence[tuple[str, Any]]) -> _Part:
        self._atomic_groups += 1
        self._open.append(self._atomic_groups)
        part = self._sequence(nodes)
        self._open.pop()
        return part

    def _branch(self, branches: Sequence[Sequence[tuple[str, Any]]]) -> _Part:
        parts = [self._sequence(nodes) for nodes in branches]
        empty = [part.empty for part in parts if part.empty is not None]
        if len(empty) > 1:
            raise PatternError("two alternatives that can both be empty; let at most one of them be")
        return _Part(
            [position for part in parts for position in part.first],
            {position: open_ for part in parts for position, open_ in part.last.items()},
            empty[0] if empty else None,
        )

    def _repeat(self, op: str, least: int, most: Any, inner: Any) -> _Part:
        nodes = _nodes(inner)
        if op == "POSSESSIVE_REPEAT":
            return self._atomic([("MAX_REPEAT", (least, most, inner))])
        endless = most == _parser.MAXREPEAT
        copies = [self._sequence(nodes) for _ in range(max(least, 1) if endless else most)]
        if any(part.empty is not None for part in copies):
            raise PatternError("a repetition of what can be empty; let it take at least one character")
        for part, following in pairwise(copies):
            self._join(part.last, following)
        if endless:
            self._join(copies[-1].last, copies[-1])
        last = {position: open_ for part in copies[max(least, 1) - 1 :] for position, open_ in part.last.items()}
        return _Part(copies[0].first if copies else [], last, None if least else False)

    def _join(self, last: dict[int, bool], part: _Part) -> None:
        """Let a part follow: from each of the last positions to each of its first."""
        for position in last:
            exits = frozenset(self.atomic[position]) - frozenset(self._open)
            for target in part.first:
                if target in self.edges[position]:
                    raise PatternError("a repetition within a repetition that adds nothing, such as (a+)+")
                self.edges[position][target] = Edge(target, exits)
        self._edges += len(last) * len(part.first)
        if self._edges > _EDGES_LIMIT:
            raise PatternError(f"a pattern with more than {_EDGES_LIMIT} ways from one character to the next")

    def _before(self, nodes: Sequence[tuple[str, Any]], part: _Part) -> CharSet | None:
        """Return what the first node says about the character before it; what others say does not count."""
        op: str
        argument: Any
        op, argument = nodes[0] if nodes else ("", None)
        if op == "AT":
            if str(argument) in {"AT_BEGINNING", "AT_BEGINNING_STRING"}:
                return CharSet()
            if str(argument) == "AT_BOUNDARY" and all(_is_word(self.sets[position]) for position in part.first):
                return CharSet(categories=("WORD",), negated=True)
        if op in {"ASSERT", "ASSERT_NOT"} and argument[0] < 0 and (chars := _looked_at(argument)):
            return CharSet(chars.ranges, chars.categories, negated=chars.negated is (op == "ASSERT"))
        return None


def _parse(pattern: str) -> list[tuple[str, Any]]:
    if len(pattern) > PATTERN_LENGTH_LIMIT:
        raise PatternError(f"a pattern of {len(pattern)} characters; at most {PATTERN_LENGTH_LIMIT} are allowed")
    if pattern.count("(") > _GROUPS_LIMIT:
        raise PatternError(f"a pattern of more than {_GROUPS_LIMIT} groups")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of syntax that `re` may read differently one day
            tree = _parser.parse(pattern)
    except (re.error, OverflowError, Warning) as error:
        raise PatternError(f"not a pattern: {error}") from None
    if tree.state.flags != re.UNICODE:
        raise PatternError("flags such as (?i) are not allowed; write both cases, such as [Ee]rror")
    return _nodes(tree)


def _nodes(tree: Any) -> list[tuple[str, Any]]:
    return [(str(op), argument) for op, argument in tree]


def _size(nodes: Iterable[tuple[str, Any]]) -> int:
    """Return how many positions the nodes would make."""
    total = 0
    for op, argument in nodes:
        match op:
            case "SUBPATTERN":
                total += _size(_nodes(argument[3]))
            case "ATOMIC_GROUP":
                total += _size(_nodes(argument))
            case "BRANCH":
                total += sum(_size(_nodes(inner)) for inner in argument[1])
            case _ if op in _REPEATS:
                least, most, inner = argument
                total += _size(_nodes(inner)) * (max(least, 1) if most == _parser.MAXREPEAT else most)
            case _:
                total += 1
    return total


def _looked_at(argument: Any) -> CharSet | None:
    """Return the only character that a look-ahead or look-behind looks at."""
    nodes = _nodes(argument[1])
    return CharSet.parse(*nodes[0]) if len(nodes) == 1 else None


def _is_word(chars: CharSet) -> bool:
    r"""Return whether a set surely has only characters of `\w`."""
    ranges = all(last < 0x80 and all(map(_is_word_code, range(first, last + 1))) for first, last in chars.ranges)
    return ranges and not chars.negated and set(chars.categories) <= {"WORD", "DIGIT"}


def _is_word_code(code: int) -> bool:
    return chr(code).isalnum() or chr(code) == "_"
