"""Strings, numbers and words of JSON text, by the grammar of RFC 8259, and what is wrong with them."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterable, Iterator
from typing import NoReturn

from headwater.config.problems import PROBLEMS_LIMIT, Fault, JsonPath, Position, quote
from headwater.shapes import is_text

__all__ = ["NO_KEY", "STRING", "FatalFaultError", "Tokens", "positions_of"]

NO_KEY = "\0"
"""What stands in the path of an object before its first key."""

_SPACE = re.compile(r"[ \t\n\r]*")
_STRING_START = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+')
STRING = re.compile(_STRING_START.pattern + '"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![\w.+-])")
_WORD = re.compile(r"[-+]?[\w.]+")
_LITERALS = {"true", "false", "null"}
_MEANT = {"True": "true", "False": "false", "None": "null", "undefined": "null", "yes": "true", "no": "false"}


class FatalFaultError(Exception):
    """Internal: stops the scanner at a fault after which nothing can be understood."""


def positions_of(text: str, offsets: Iterable[int]) -> Iterator[Position]:
    """Yield line and column of ascending offsets, counted in characters from the start of the text."""
    line, start, before = 1, 0, 0
    for offset in offsets:
        line += text.count("\n", before, offset)
        start = text.rfind("\n", before, offset) + 1 or start
        before = offset
        yield line, offset - start + 1


class Tokens:
    """Reads JSON text from a place on, and collects faults with their offsets."""

    __slots__ = ("at", "faults", "is_exhausted", "path", "text")

    def __init__(self, text: str) -> None:
        self.text: str = text
        self.at: int = 0
        self.path: list[str | int] = []
        self.faults: list[tuple[int, Fault]] = []
        self.is_exhausted: bool = False  # whether there is more than was looked at

    def exhaust(self) -> NoReturn:
        """Stop: the text has more values, or more faults, than are looked at."""
        self.is_exhausted = True
        raise FatalFaultError

    def note(self, code: str, message: str, offset: int, hint: str) -> None:
        """Add a fault after which the text can still be understood."""
        self.faults.append((offset, Fault(code, message, self._place(), hint)))
        if len(self.faults) >= PROBLEMS_LIMIT:
            self.exhaust()

    def fail(self, message: str, *, hint: str = "", code: str = "syntax") -> NoReturn:
        """Add a fault here, and stop."""
        self.faults.append((self.at, Fault(code, message, self._place(), hint)))
        raise FatalFaultError

    def fail_expecting(self, wanted: str) -> NoReturn:
        """Fail because something else was expected here."""
        char = self.text[self.at : self.at + 1]
        self.fail(f"expected {wanted}, found {repr(char) if char else 'the end of the document'}", hint=self.hint())

    def hint(self) -> str:
        """Return what to do about what stands here in the place of something else."""
        char = self.text[self.at : self.at + 1]
        if not self.text.strip():
            return "the document is empty: begin it with {"
        if not char:
            return "close what is open: a bracket or a brace is missing"
        if char in "/#":
            return "JSON has no comments: remove it"
        if char in {"'", "\u201c"}:
            return "write text in double quotes"
        if char in '"{[' or char.isalnum():
            return "add the comma or the quote that is missing before it"
        return ""

    def _place(self) -> JsonPath:
        """Return the path of what is read; of the object itself, before its first key."""
        return tuple(self.path[:-1] if self.path[-1:] == [NO_KEY] else self.path)

    def skip_space(self) -> None:
        """Go past white space."""
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def string(self) -> str:
        """Read a string."""
        start = self.at
        match = STRING.match(self.text, start)
        if match is None:
            self._fail_string(start)
        self.at = match.end()
        raw = match.group()
        return self._unescape(raw, start) if "\\" in raw else raw[1:-1]

    def _unescape(self, raw: str, start: int) -> str:
        text: str = json.loads(raw)
        if not is_text(text):
            self.at = start
            self.fail("half of a surrogate pair is not a character", code="bad-text", hint="write both halves")
        return text

    def _fail_string(self, start: int) -> NoReturn:
        """Say what is wrong with a string: it is not closed, or has a bad escape or a control character in it."""
        good = _STRING_START.match(self.text, start)
        self.at = good.end() if good else start
        rest = self.text[self.at : self.at + 1]
        if rest == "\\" and self.at + 1 < len(self.text):
            escape = self.text[self.at : self.at + 2]
            self.fail(f"the escape {escape!r} does not exist in JSON", hint="write \\\\ for a backslash")
        if rest and rest not in "\r\n\\":
            self.fail(f"the string contains the control character {rest!r}", hint=f"write \\u{ord(rest):04x}")
        self.at = start
        self.fail("the string is not closed on its line", hint='add the closing "')

    def scalar(self) -> None:
        """Read a number, `true`, `false` or `null`."""
        start = self.at
        match = _WORD.match(self.text, start)
        word = match.group() if match else self.text[start]
        number = _NUMBER.match(self.text, start)
        if number is not None:
            self.at = number.end()
            self._check_number(number.group(), start)
        elif word in _LITERALS:
            self.at = start + len(word)
        elif word.lstrip("+-").lower() in {"nan", "infinity", "inf"}:
            self.at = start + len(word)
            self.note("not-a-number", f"{word} is not a JSON number", start, "write a number, or null")
        else:
            meant = _MEANT.get(word)
            hint = f"write {meant}" if meant else "write text in double quotes"
            self.fail(f"{quote(word)} is not a JSON value", hint=hint)

    def _check_number(self, number: str, start: int) -> None:
        limit = sys.get_int_max_str_digits()
        if number.lstrip("-").isdigit():
            if limit and len(number.lstrip("-")) > limit:
                self.at = start
                self.fail(f"the number has more than {limit} digits", code="number-too-large")
        elif math.isinf(float(number)):
            message = f"the number {quote(number)} is too large"
            self.note("number-too-large", message, start, "the largest is about 1.8e308")
