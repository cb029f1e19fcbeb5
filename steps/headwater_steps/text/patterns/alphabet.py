"""The characters that a pattern can distinguish, so that its sets can be compared as bits of integers.

ASCII is looked at character by character. Beyond it, the literals and ranges of the pattern cut the code points into
intervals, and each of them may hold a digit, another letter, a space and anything else. Where that is not so, two sets
only seem to overlap, which refuses a pattern and never accepts a dangerous one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from headwater.toolkit import WorkBudget

__all__ = ["Alphabet", "CharSet"]

_END = 0x110000
_ASCII = 0x80
_CATEGORIES = {"DIGIT": 0b001, "WORD": 0b010, "SPACE": 0b100}
_KINDS = ((0b011, "٣"), (0b010, "é"), (0b100, "\u3000"), (0b000, "→"))
"""The combinations of categories that exist (a digit is also a word character), each with an example."""

_RANGES = ("LITERAL", "RANGE")


@dataclass(frozen=True, slots=True)
class CharSet:
    r"""The characters that one place of a pattern takes."""

    ranges: tuple[tuple[int, int], ...] = ()
    categories: tuple[str, ...] = ()
    negated: bool = False

    @classmethod
    def parse(cls, op: str, argument: Any) -> CharSet | None:
        """Read a node of the parser of `re`; return None when it is not one character."""
        match op:
            case "LITERAL":
                return cls(((argument, argument),))
            case "NOT_LITERAL":
                return cls(((argument, argument),), negated=True)
            case "ANY":
                return cls(((0x0A, 0x0A),), negated=True)
            case "IN":
                members = [(str(name), value) for name, value in argument]
                return cls(
                    tuple(value if name == "RANGE" else (value, value) for name, value in members if name in _RANGES),
                    tuple(str(value).removeprefix("CATEGORY_") for name, value in members if name == "CATEGORY"),
                    negated=("NEGATE", None) in members,
                )
            case _:
                return None

    def takes(self, code: int, kind: int) -> bool:
        """Return whether the set has a code point with some categories, or an interval that no range of it cuts."""
        found = any(first <= code <= last for first, last in self.ranges) or any(
            bool(kind & (bits := _CATEGORIES[name.removeprefix("NOT_")]) == bits) is not name.startswith("NOT_")
            for name in self.categories
        )
        return found is not self.negated


class Alphabet:
    """Classes of characters, for the sets of a pattern: characters of one class are in the same sets."""

    def __init__(self, sets: Iterable[CharSet], budget: WorkBudget) -> None:
        self._sets = tuple(dict.fromkeys(sets))
        parts = sum(len(one.ranges) + len(one.categories) for one in self._sets)
        budget.charge(parts * (_ASCII + 8 * parts) // 2)  # each part is compared with each character
        self._masks = dict.fromkeys(self._sets, 0)
        self._examples: list[str] = []
        classes: dict[tuple[bool, ...], int] = {}
        for code, kind, example in _characters(self._sets):
            key = tuple(each.takes(code, kind) for each in self._sets)
            if key not in classes:
                classes[key] = len(classes)
                self._examples.append(example)
                for each, taken in zip(self._sets, key, strict=True):
                    self._masks[each] |= taken << classes[key]
        self.full: int = (1 << len(classes)) - 1

    def mask(self, chars: CharSet) -> int:
        """Return the classes of one of the sets, as bits."""
        return self._masks[chars]

    def example(self, mask: int) -> str:
        """Return a character of one of the classes."""
        return self._examples[(mask & -mask).bit_length() - 1]


def _characters(sets: Sequence[CharSet]) -> Iterable[tuple[int, int, str]]:
    """Yield code point, categories and an example for everything that the sets can distinguish."""
    for code in sorted(range(_ASCII), key=_plainness):
        yield code, _kind(chr(code)), chr(code)
    cuts = {_ASCII, _END}
    for first, last in (each for one in sets for each in one.ranges):
        cuts.update(cut for cut in (first, last + 1) if _ASCII < cut < _END)
    for first, after in pairwise(sorted(cuts)):
        if after == first + 1:
            yield first, _kind(chr(first)), chr(first)
        else:
            yield from ((first, kind, usual if first <= ord(usual) < after else chr(first)) for kind, usual in _KINDS)


def _kind(char: str) -> int:
    return char.isdecimal() * 0b001 | (char.isalnum() or char == "_") * 0b010 | char.isspace() * 0b100


def _plainness(code: int) -> tuple[bool, bool, int]:
    """Sort lower-case letters and visible characters first, so that examples read well."""
    char = chr(code)
    return not char.islower(), not char.isprintable() or char == " ", code
