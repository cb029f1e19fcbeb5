"""Whether a pattern can be read in two ways, which is what makes `re` try again and again.

A matcher that goes back and tries another way takes at most as many steps as there are ways to read the beginnings of a
string. Where each beginning can be read in at most one way that ends at a given position of the pattern, that is the
length of the string times the number of positions: linear time. Two ways to the same position are looked for in the
product of the machine with itself, as for unambiguous automata (C. Allauzen, M. Mohri and A. Rastogi, "General
algorithms for testing the ambiguity of finite automata", 2008, https://arxiv.org/abs/0802.3254).

Atomic groups and possessive repetitions have one end for each beginning: of two ways that part within one, only one
leaves it. A search begins again at each character, unless an earlier beginning has matched; so for a search the second
way may also be a later beginning.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import combinations
from typing import Literal, NamedTuple, TypeAlias

from headwater import PatternError
from headwater.toolkit import WorkBudget
from headwater_steps.text.patterns.alphabet import Alphabet
from headwater_steps.text.patterns.machine import START, Edge, Machine

__all__ = ["Scope", "check_linear"]

Scope: TypeAlias = Literal["start", "whole", "anywhere"]
"""Where in a string a pattern has to match: at its start, all of it, or anywhere."""

_PAIRS_LIMIT = 20_000
_PAIR_STEPS = 10
_WAITING = -1
"""A search that has not begun yet."""


class _Pair(NamedTuple):  # as many are made, hashed and compared
    """Two ways to read the same string."""

    left: int
    right: int
    shared: tuple[int, ...] = ()
    left_in: int = 0
    right_in: int = 0
    chased: bool = False
    may_begin: bool = False


def check_linear(machine: Machine, scope: Scope, budget: WorkBudget) -> None:
    """Raise a `PatternError` unless a pattern reads any string in linear time.

    The message has a string that can be read in two ways.
    """
    _Check(machine, scope, budget).run()


class _Check:
    def __init__(self, machine: Machine, scope: Scope, budget: WorkBudget) -> None:
        before = machine.before
        self._budget = budget
        self._scope = scope
        self._accepting: frozenset[int] = frozenset() if scope == "whole" else machine.accepting
        self._machine = machine
        self._alphabet = Alphabet([*machine.sets, *([before] if before is not None else [])], budget)
        self._masks = [self._alphabet.mask(chars) for chars in machine.sets]
        self._may_begin = self._alphabet.full if before is None else self._alphabet.mask(before)
        self._origin: dict[_Pair, tuple[_Pair | None, int]] = {}
        self._pairs = 0

    def run(self) -> None:
        waiting = list(self._first_chases()) if self._scope == "anywhere" else []
        waiting += [found for position in range(len(self._masks)) for found in self._partings(position)]
        todo: deque[_Pair] = deque()  # the shortest first, so that the string in a message is short
        for pair, mask in waiting:
            self._note(None, pair, mask, todo)
        while todo:
            pair = todo.popleft()
            following = self._chases(pair) if pair.right == _WAITING else self._twins(pair)
            for found, mask in following:
                self._note(pair, found, mask, todo)

    def _note(self, origin: _Pair | None, pair: _Pair, mask: int, todo: deque[_Pair]) -> None:
        self._budget.charge(_PAIR_STEPS)
        self._pairs += 1
        if self._pairs > _PAIRS_LIMIT:
            raise PatternError("the pattern is too ambiguous to be checked; simplify it")
        if pair in self._origin or self._is_harmless(pair):
            return
        self._origin[pair] = origin, mask
        if pair.left == pair.right:
            raise PatternError(self._reason(pair))
        todo.append(pair)

    def _is_harmless(self, pair: _Pair) -> bool:
        """Return whether only one of the two ways is ever tried, because the first has matched by then."""
        matched = pair.left in self._accepting
        return matched and (pair.left == pair.right or (pair.chased and pair.right != _WAITING))

    def _partings(self, position: int) -> Iterator[tuple[_Pair, int]]:
        """Yield the pairs of different positions that can follow one."""
        edges = self._machine.edges[position].values()
        self._budget.charge(len(edges) ** 2 // 2)
        for left, right in combinations(edges, 2):
            if mask := self._masks[left.target] & self._masks[right.target]:
                shared = self._shared(position, left, right)
                yield _Pair(left.target, right.target, shared, _inside(shared, left), _inside(shared, right)), mask

    def _shared(self, position: int, left: Edge, right: Edge) -> tuple[int, ...]:
        """Return the atomic groups that both ways are in, or that one of them leaves as they part."""
        atomic = self._machine.atomic
        kept = tuple(group for group in atomic[position] if group not in left.exits & right.exits)
        if not left.exits.isdisjoint(kept) or not right.exits.isdisjoint(kept):
            return kept
        entered = (group for group in atomic[left.target] if group in atomic[right.target] and group not in kept)
        return (*kept, *entered)

    def _twins(self, pair: _Pair) -> Iterator[tuple[_Pair, int]]:
        """Yield where both ways can be after one more character."""
        self._budget.charge(len(self._machine.edges[pair.left]) * len(self._machine.edges[pair.right]))
        for left in self._machine.edges[pair.left].values():
            left_in = _inside(pair.shared[: pair.left_in], left)
            for right in self._machine.edges[pair.right].values():
                mask = self._masks[left.target] & self._masks[right.target]
                right_in = _inside(pair.shared[: pair.right_in], right)
                if mask and max(left_in, right_in) == len(pair.shared):
                    found = _Pair(left.target, right.target, pair.shared, left_in, right_in, pair.chased)
                    yield found, mask

    def _first_chases(self) -> Iterator[tuple[_Pair, int]]:
        for edge in self._machine.edges[START].values():
            yield from self._waiting(edge.target, self._masks[edge.target])

    def _chases(self, pair: _Pair) -> Iterator[tuple[_Pair, int]]:
        """Yield where the first way can be after one more character, while the other waits or begins."""
        self._budget.charge(len(self._machine.edges[pair.left]) * len(self._machine.edges[START]))
        for left in self._machine.edges[pair.left].values():
            mask = self._masks[left.target]
            yield from self._waiting(left.target, mask)
            for right in self._machine.edges[START].values() if pair.may_begin else ():
                if common := mask & self._masks[right.target]:
                    yield _Pair(left.target, right.target, chased=True), common

    def _waiting(self, position: int, mask: int) -> Iterator[tuple[_Pair, int]]:
        for may_begin, common in ((True, mask & self._may_begin), (False, mask & ~self._may_begin)):
            if common:
                yield _Pair(position, _WAITING, chased=True, may_begin=may_begin), common

    def _reason(self, pair: _Pair) -> str:
        text = ""
        at: _Pair | None = pair
        while at is not None:
            at, mask = self._origin[at]
            text = self._alphabet.example(mask) + text
        if pair.chased:
            return (
                f"a search can begin again within what it has read, such as {text!r}, so a long string would take very "
                "long; begin with what the rest does not contain, such as \\b or (?<![\\w.])"
            )
        return (
            f"two ways to read the same string, such as one that ends with {text!r}, so a long string would take very "
            "long; let each repetition end where the next part begins, such as [^ ]* before a space, or make it "
            "possessive (*+)"
        )


def _inside(shared: tuple[int, ...], edge: Edge) -> int:
    """Return how many of some atomic groups a step does not leave."""
    left = [index for index, group in enumerate(shared) if group in edge.exits]
    return left[0] if left else len(shared)
