"""A matcher that tries one way after the other, as `re` does, and counts the characters that it looks at."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

PARSER: Any = import_module("re._parser")


class Backtracking:
    """A pattern, tried on texts.

    Args:
        pattern: The pattern, without back-references.

    Attributes:
        looks: How many characters were looked at, the end of the text included.
    """

    def __init__(self, pattern: str) -> None:
        self.looks = 0
        self._tree = list(PARSER.parse(pattern))
        self._sets: dict[str, re.Pattern[str]] = {}

    def match(self, text: str, at: int = 0, *, whole: bool = False) -> int | None:
        """Return where the match that starts at a place ends."""
        return next((end for end in self._sequence(self._tree, text, at) if not whole or end == len(text)), None)

    def find_all(self, text: str) -> list[tuple[int, int]]:
        """Return all matches, none of which may be empty."""
        found, at = [], 0
        while at <= len(text):
            end = self.match(text, at)
            if end is not None:
                found.append((at, end))
            at = at + 1 if end is None else end
        return found

    def _sequence(self, nodes: Sequence[Any], text: str, at: int) -> Iterator[int]:
        if not nodes:
            yield at
            return
        op, argument = nodes[0]
        for end in self._node(op, argument, text, at):
            yield from self._sequence(nodes[1:], text, end)

    def _node(self, op: Any, argument: Any, text: str, at: int) -> Iterator[int]:
        match str(op):
            case "SUBPATTERN":
                yield from self._sequence(list(argument[3]), text, at)
            case "BRANCH":
                for branch in argument[1]:
                    yield from self._sequence(list(branch), text, at)
            case "ATOMIC_GROUP":
                yield from _first(self._sequence(list(argument), text, at))
            case "MAX_REPEAT" | "MIN_REPEAT":
                yield from self._repeat(argument, text, at, 0, greedy=str(op) == "MAX_REPEAT")
            case "POSSESSIVE_REPEAT":
                yield from _first(self._repeat(argument, text, at, 0, greedy=True))
            case "AT":
                if self._holds(str(argument), text, at):
                    yield at
            case "ASSERT" | "ASSERT_NOT":
                place = at if argument[0] > 0 else at - 1
                found = 0 <= place < len(text) and _takes(argument[1][0], text[place])
                if found is (str(op) == "ASSERT"):
                    yield at
            case _:
                self.looks += 1
                if at < len(text) and _takes((op, argument), text[at]):
                    yield at + 1

    def _repeat(self, argument: Any, text: str, at: int, count: int, *, greedy: bool) -> Iterator[int]:
        least, most, inner = argument
        if not greedy and count >= least:
            yield at
        if count < most:
            for end in self._sequence(list(inner), text, at):
                if end > at:
                    yield from self._repeat(argument, text, end, count + 1, greedy=greedy)
        if greedy and count >= least:
            yield at

    def _holds(self, name: str, text: str, at: int) -> bool:
        sign = {"AT_BEGINNING": "^", "AT_END": "$", "AT_BOUNDARY": r"\b", "AT_NON_BOUNDARY": r"\B"}[name]
        return re.compile(sign).match(text, at) is not None if sign != "^" else at == 0


def _first(ends: Iterator[int]) -> Iterator[int]:
    first = next(ends, None)
    if first is not None:
        yield first


_CATEGORIES = {"DIGIT": str.isdecimal, "WORD": lambda char: char.isalnum() or char == "_", "SPACE": str.isspace}


def _takes(node: Any, char: str) -> bool:
    op, argument = str(node[0]), node[1]
    match op:
        case "LITERAL":
            return ord(char) == argument
        case "NOT_LITERAL":
            return ord(char) != argument
        case "ANY":
            return char != "\n"
    negated = any(str(name) == "NEGATE" for name, _ in argument)
    return any(_is_member(str(name), value, char) for name, value in argument) is not negated


def _is_member(name: str, value: Any, char: str) -> bool:
    match name:
        case "LITERAL":
            return ord(char) == value
        case "RANGE":
            return value[0] <= ord(char) <= value[1]
        case "CATEGORY":
            category = str(value).removeprefix("CATEGORY_")
            found = bool(_CATEGORIES[category.removeprefix("NOT_")](char))
            return found is not category.startswith("NOT_")
    return False
