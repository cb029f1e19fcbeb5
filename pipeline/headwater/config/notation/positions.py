"""Line and column of the places of a JSON document, and what is wrong with a text that is not JSON.

The happy path reads documents with the C parser of the standard library, which knows no positions. Only when something
is wrong, the text is read once more by the scanner here: iterative, so that no nesting exhausts the stack, and stopped
as soon as it knows what was asked. The grammar is that of RFC 8259.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NoReturn

from headwater.config.problems import PROBLEMS_LIMIT, JsonPath, Place, Position, quote
from headwater.shapes import is_text

__all__ = ["DEPTH_LIMIT", "Fault", "JsonPositions", "find_faults"]

DEPTH_LIMIT = 64
"""How deep arrays and objects may be nested in a document."""

VALUES_LIMIT = 50_000
"""How many values are looked at one by one to find a place or a fault, so that it takes less than half a second."""

_SPACE = re.compile(r"[ \t\n\r]*")
_STRING_START = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+')
_STRING = re.compile(_STRING_START.pattern + '"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![\w.+-])")
_WORD = re.compile(r"[-+]?[\w.]+")
_LITERALS = {"true", "false", "null"}
_MEANT = {"True": "true", "False": "false", "None": "null", "undefined": "null", "yes": "true", "no": "false"}
_NESTING = re.compile(rf"{_STRING.pattern}|[\[\]{{}}]")
_NO_KEY = "\0"
_CLOSING = {"{": "}", "[": "]"}


@dataclass(frozen=True, slots=True)
class Fault:
    """A place where a text is not a JSON document that can be used.

    Args:
        code: Code of the problem.
        message: What was found and what was expected.
        offset: Where, in characters from the start of the text.
        path: The value that was being read.
        hint: What to do.
        fatal: Whether nothing after it can be understood.
    """

    code: str
    message: str
    offset: int
    path: JsonPath = ()
    hint: str = ""
    fatal: bool = True


class JsonPositions:
    r"""The positions of one JSON text.

    Args:
        text: A text that the C parser has read without an error.

    Example:
        >>> text = '{"steps": [1,\n 2]}'
        >>> JsonPositions(text).find({Place(("steps", 1))})
        {Place(path=('steps', 1), at_key=False): (2, 2)}
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def find(self, places: Collection[Place]) -> dict[Place, Position]:
        """Return the position of every place that exists, reading no further than the last of them.

        Args:
            places: What to look for.

        Returns:
            Line and column by place, without those that the document does not have.
        """
        missing = set(places)
        outer = {place.path[:size] for place in places for size in range(len(place.path))}
        offsets: dict[Place, int] = {}
        for place, offset in _Scanner(self._text, outer).places() if missing else ():
            if place in missing:
                missing.discard(place)
                offsets[place] = offset
                if not missing:
                    break
        return dict(zip(offsets, self.positions(offsets.values()), strict=True))

    def positions(self, offsets: Iterable[int]) -> Iterator[Position]:
        """Return line and column of offsets.

        Args:
            offsets: Characters from the start of the text, ascending.

        Yields:
            Both from 1.
        """
        line, start, before = 1, 0, 0
        for offset in offsets:
            line += self._text.count("\n", before, offset)
            start = self._text.rfind("\n", before, offset) + 1 or start
            before = offset
            yield line, offset - start + 1

    def position(self, offset: int) -> Position:
        """Return line and column of an offset.

        Args:
            offset: Characters from the start of the text.

        Returns:
            Both from 1.
        """
        return next(self.positions([offset]))


def find_faults(text: str) -> list[Fault]:
    """Return what is wrong with a text that should be a JSON document.

    Args:
        text: The text.

    Returns:
        Every fault up to the first fatal one, in the order of the text; empty for a good document.

    Example:
        >>> [fault.message for fault in find_faults('{"a": 1,}')]
        ["a comma before '}': JSON allows none after the last value"]
    """
    scanner = _Scanner(text)
    for _ in scanner.places():
        pass
    if not scanner.is_exhausted:
        return scanner.faults
    last = scanner.faults.pop() if scanner.faults else scanner.fault_beyond()
    return [*scanner.faults, replace(last, fatal=True)]


class _FatalFaultError(Exception):
    """Stops the scanner at a fault after which nothing can be understood."""


class _Scanner:
    """Reads a JSON text value by value, keeping the path of where it is.

    Args:
        text: The text.
        wanted: The objects and arrays to look into; None for all, as it has to be unless the text is known to be good.

    Attributes:
        faults: What is wrong so far.
        is_exhausted: Whether there is more than it looks at.
    """

    __slots__ = ("_at", "_keys", "_left", "_opened", "_path", "_text", "_wanted", "faults", "is_exhausted")

    def __init__(self, text: str, wanted: Collection[JsonPath] | None = None) -> None:
        self._text = text
        self._wanted = wanted
        self._left = VALUES_LIMIT
        self.is_exhausted = False
        self._at = 0
        self._path: list[str | int] = []
        self._opened: list[tuple[str, int]] = []
        self._keys: list[set[str]] = []
        self.faults: list[Fault] = []

    def places(self) -> Iterator[tuple[Place, int]]:
        """Yield each key and value with its offset, in the order of the text, up to the first fatal fault."""
        try:
            yield from self._document()
        except _FatalFaultError:
            return

    def fault_beyond(self) -> Fault:
        """Return what the C parser says of a text that is too large for more."""
        try:
            json.loads(self._text)
        except json.JSONDecodeError as error:
            return Fault("syntax", f"this is not JSON: {error.msg}", error.pos)
        except (ValueError, RecursionError):
            pass
        message = f"something is wrong after the first {VALUES_LIMIT} values, too far to say where"
        return Fault("too-large", message, self._at)

    def _document(self) -> Iterator[tuple[Place, int]]:
        self._skip_space()
        while True:
            path = tuple(self._path)
            yield Place(path), self._at
            self._spend()
            opened = self._skip() if self._wanted is not None and path not in self._wanted else self._value()
            if not opened:
                self._close_finished()
                if not self._opened:
                    break
            if self._opened[-1][0] == "{":
                yield self._key()
            self._skip_space()
        self._skip_space()
        if self._at < len(self._text):
            self._fail("the document has ended, but text follows", hint=self._hint_here())

    def _spend(self) -> None:
        self._left -= 1
        if self._left < 0:
            self._exhaust()

    def _exhaust(self) -> NoReturn:
        self.is_exhausted = True
        raise _FatalFaultError

    def _skip(self) -> bool:
        """Go past a value, whatever is in it; quick for one that is nested."""
        if self._text[self._at] not in _CLOSING:
            return self._value()
        depth = 0
        for match in _NESTING.finditer(self._text, self._at):
            sign = match.group()
            depth += (sign in _CLOSING) - (sign in _CLOSING.values())
            if not depth:
                self._at = match.end()
                break
        return False

    def _value(self) -> bool:
        """Read a value, or only the start of one that has something in it, and return whether it has."""
        char = self._text[self._at : self._at + 1]
        if char in _CLOSING:
            return self._open(char)
        if char == '"':
            self._string()
        elif char and (char in "-0123456789" or char.isalpha()):
            self._scalar()
        else:
            self._fail(self._unexpected("a value"), hint=self._hint_here())
        return False

    def _open(self, bracket: str) -> bool:
        if len(self._opened) >= DEPTH_LIMIT:
            self._fail(f"the document is nested deeper than {DEPTH_LIMIT} levels", code="too-deep")
        start = self._at
        self._at += 1
        self._skip_space()
        if self._text.startswith(_CLOSING[bracket], self._at):
            self._at += 1
            return False
        self._opened.append((bracket, start))
        self._path.append(0 if bracket == "[" else _NO_KEY)
        self._keys.append(set())
        return True

    def _close_finished(self) -> None:
        """After a value: go past the comma to the next one, and out of everything that ends here."""
        while self._opened:
            bracket, start = self._opened[-1]
            closing = _CLOSING[bracket]
            self._skip_space()
            char = self._text[self._at : self._at + 1]
            if char == ",":
                self._comma(closing)
                return
            if char != closing:
                opened = JsonPositions(self._text).position(start)
                self._fail(
                    self._unexpected(f"',' or {closing!r} (opened at {opened[0]}:{opened[1]})"), hint=self._hint_here()
                )
            self._at += 1
            self._opened.pop()
            self._path.pop()
            self._keys.pop()

    def _comma(self, closing: str) -> None:
        comma = self._at
        self._at += 1
        self._skip_space()
        if self._text.startswith(closing, self._at):
            self._at = comma
            self._fail(f"a comma before {closing!r}: JSON allows none after the last value", hint="remove the comma")
        if closing == "]":
            self._path[-1] = int(self._path[-1]) + 1

    def _key(self) -> tuple[Place, int]:
        start = self._at
        if not self._text.startswith('"', start):
            self._fail(self._unexpected("a key in double quotes"), hint=self._hint_here())
        key = self._string()
        self._path[-1] = key
        if key in self._keys[-1]:
            self._note("duplicate-key", f"the key {quote(key)} occurs twice in one object", start, "remove one of them")
        self._keys[-1].add(key)
        self._skip_space()
        if not self._text.startswith(":", self._at):
            self._fail(self._unexpected(f"':' after the key {quote(key)}"), hint=self._hint_here())
        self._at += 1
        return Place(tuple(self._path), at_key=True), start

    def _string(self) -> str:
        start = self._at
        match = _STRING.match(self._text, start)
        if match is None:
            self._fail_string(start)
        self._at = match.end()
        raw = match.group()
        return self._unescape(raw, start) if "\\" in raw else raw[1:-1]

    def _unescape(self, raw: str, start: int) -> str:
        text: str = json.loads(raw)
        if not is_text(text):
            self._at = start
            self._fail("half of a surrogate pair: this is no character", code="bad-text", hint="write both halves")
        return text

    def _scalar(self) -> None:
        start = self._at
        match = _WORD.match(self._text, start)
        word = match.group() if match else self._text[start]
        number = _NUMBER.match(self._text, start)
        if number is not None:
            self._at = number.end()
            self._check_number(number.group(), start)
        elif word in _LITERALS:
            self._at = start + len(word)
        elif word.lstrip("+-").lower() in {"nan", "infinity", "inf"}:
            self._at = start + len(word)
            self._note("not-a-number", f"{word} is not a JSON number", start, "write a number, or null")
        else:
            self._fail_word(word)

    def _check_number(self, number: str, start: int) -> None:
        limit = sys.get_int_max_str_digits()
        if number.lstrip("-").isdigit():
            if limit and len(number.lstrip("-")) > limit:
                self._at = start
                self._fail(f"a number of more than {limit} digits", code="number-too-large")
        elif math.isinf(float(number)):
            self._note(
                "number-too-large", f"the number {quote(number)} is too large", start, "the largest is about 1.8e308"
            )

    def _skip_space(self) -> None:
        match = _SPACE.match(self._text, self._at)
        self._at = match.end() if match else self._at

    def _place(self) -> JsonPath:
        """Return the path of what is read; of the object itself, before its first key."""
        return tuple(self._path[:-1] if self._path[-1:] == [_NO_KEY] else self._path)

    def _note(self, code: str, message: str, offset: int, hint: str) -> None:
        self.faults.append(Fault(code, message, offset, self._place(), hint, fatal=False))
        if len(self.faults) >= PROBLEMS_LIMIT:
            self._exhaust()

    def _fail(self, message: str, *, hint: str = "", code: str = "syntax") -> NoReturn:
        self.faults.append(Fault(code, message, self._at, self._place(), hint))
        raise _FatalFaultError

    def _fail_word(self, word: str) -> NoReturn:
        meant = _MEANT.get(word)
        hint = f"write {meant}" if meant else "write text in double quotes"
        self._fail(f"{quote(word)} is not a JSON value", hint=hint)

    def _fail_string(self, start: int) -> NoReturn:
        """Tell an unclosed string from one with a bad escape or a control character in it."""
        good = _STRING_START.match(self._text, start)
        self._at = good.end() if good else start
        rest = self._text[self._at : self._at + 1]
        if rest == "\\" and self._at + 1 < len(self._text):
            escape = self._text[self._at : self._at + 2]
            self._fail(f"the escape {escape!r} does not exist in JSON", hint="write \\\\ for a backslash")
        if rest and rest not in "\r\n\\":
            self._fail(f"the control character {rest!r} in a text", hint=f"write \\u{ord(rest):04x}")
        self._at = start
        self._fail("a text that is not closed on its line", hint='add the closing "')

    def _unexpected(self, wanted: str) -> str:
        char = self._text[self._at : self._at + 1]
        return f"expected {wanted}, found {repr(char) if char else 'the end of the document'}"

    def _hint_here(self) -> str:
        char = self._text[self._at : self._at + 1]
        if not self._text.strip():
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
