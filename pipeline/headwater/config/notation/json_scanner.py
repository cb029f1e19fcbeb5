"""The places of JSON text in their order, and what is wrong with text that is not JSON.

Documents are read with the C parser of the standard library, which reports no positions. Only when something is wrong,
the text is read once more by the scanner here: iterative, so that no nesting exhausts the stack, and stopped as soon as
it knows what was asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import replace

from headwater.config.notation.json_tokens import NO_KEY, STRING, FatalFaultError, Tokens, positions_of
from headwater.config.problems import Fault, JsonPath, Place, Position, quote

__all__ = ["DEPTH_LIMIT", "JsonPositions", "find_faults"]

DEPTH_LIMIT = 64
"""How deep arrays and objects may be nested in a document."""

VALUES_LIMIT = 50_000
"""How many values are looked at one by one to find a place or a fault, so that it takes less than half a second."""

_NESTING = re.compile(rf"{STRING.pattern}|[\[\]{{}}]")
_CLOSING = {"{": "}", "[": "]"}


class JsonPositions:
    """The positions of the places of text that the C parser has read without an error."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def find(self, places: Collection[Place]) -> dict[Place, Position]:
        """Return the position of every place that exists, reading no further than the last of them."""
        missing = set(places)
        outer = {place.path[:size] for place in places for size in range(len(place.path))}
        offsets: dict[Place, int] = {}
        for place, offset in _Scanner(self._text, outer).places() if missing else ():
            if place in missing:
                missing.discard(place)
                offsets[place] = offset
                if not missing:
                    break
        return dict(zip(offsets, positions_of(self._text, offsets.values()), strict=True))


def find_faults(text: str) -> tuple[list[Fault], bool]:
    """Return what is wrong with text that should be JSON, and whether it cannot be understood after the last fault."""
    scanner = _Scanner(text)
    for _ in scanner.places():
        pass
    if scanner.is_exhausted and not scanner.faults:
        scanner.add_fault_beyond()
    positions = positions_of(text, [offset for offset, _ in scanner.faults])
    faults = [replace(fault, position=position) for (_, fault), position in zip(scanner.faults, positions, strict=True)]
    return faults, scanner.has_failed


class _Scanner(Tokens):
    """Reads JSON text value by value; `wanted` are the objects and arrays to look into, None for all.

    It has to be None unless the text is known to be good.
    """

    __slots__ = ("_keys", "_left", "_opened", "_wanted", "has_failed")

    def __init__(self, text: str, wanted: Collection[JsonPath] | None = None) -> None:
        super().__init__(text)
        self._wanted = wanted
        self._left = VALUES_LIMIT
        self._opened: list[tuple[str, int]] = []
        self._keys: list[set[str]] = []
        self.has_failed = False

    def places(self) -> Iterator[tuple[Place, int]]:
        """Yield each key and value with its offset, in the order of the text, up to the first fatal fault."""
        try:
            yield from self._document()
        except FatalFaultError:
            self.has_failed = True

    def add_fault_beyond(self) -> None:
        """Add what the C parser reports about text with more values than are looked at."""
        try:
            json.loads(self.text)
        except json.JSONDecodeError as error:
            self.faults.append((error.pos, Fault("syntax", f"this is not JSON: {error.msg}")))
            return
        except (ValueError, RecursionError):
            pass
        message = f"something is wrong after the first {VALUES_LIMIT} values, too far to say where"
        self.faults.append((self.at, Fault("too-large", message)))

    def _document(self) -> Iterator[tuple[Place, int]]:
        self.skip_space()
        while True:
            path = tuple(self.path)
            yield Place(path), self.at
            self._spend()
            opened = self._skip() if self._wanted is not None and path not in self._wanted else self._value()
            if not opened:
                self._close_finished()
                if not self._opened:
                    break
            if self._opened[-1][0] == "{":
                yield self._key()
            self.skip_space()
        self.skip_space()
        if self.at < len(self.text):
            self.fail("the document has ended, but text follows", hint=self.hint())

    def _spend(self) -> None:
        self._left -= 1
        if self._left < 0:
            self.exhaust()

    def _skip(self) -> bool:
        """Go past a value, whatever is in it; quick for one that is nested."""
        if self.text[self.at] not in _CLOSING:
            return self._value()
        depth = 0
        for match in _NESTING.finditer(self.text, self.at):
            sign = match.group()
            depth += (sign in _CLOSING) - (sign in _CLOSING.values())
            if not depth:
                self.at = match.end()
                break
        return False

    def _value(self) -> bool:
        """Read a value, or only the start of one that has something in it, and return whether it has."""
        char = self.text[self.at : self.at + 1]
        if char in _CLOSING:
            return self._open(char)
        if char == '"':
            self.string()
        elif char and (char in "-0123456789" or char.isalpha()):
            self.scalar()
        else:
            self.fail_expecting("a value")
        return False

    def _open(self, bracket: str) -> bool:
        if len(self._opened) >= DEPTH_LIMIT:
            self.fail(f"the document is nested deeper than {DEPTH_LIMIT} levels", code="too-deep")
        start = self.at
        self.at += 1
        self.skip_space()
        if self.text.startswith(_CLOSING[bracket], self.at):
            self.at += 1
            return False
        self._opened.append((bracket, start))
        self.path.append(0 if bracket == "[" else NO_KEY)
        self._keys.append(set())
        return True

    def _close_finished(self) -> None:
        """After a value: go past the comma to the next one, and out of everything that ends here."""
        while self._opened:
            bracket, start = self._opened[-1]
            closing = _CLOSING[bracket]
            self.skip_space()
            char = self.text[self.at : self.at + 1]
            if char == ",":
                self._comma(closing)
                return
            if char != closing:
                line, column = next(positions_of(self.text, [start]))
                self.fail_expecting(f"',' or {closing!r} (opened at {line}:{column})")
            self.at += 1
            self._opened.pop()
            self.path.pop()
            self._keys.pop()

    def _comma(self, closing: str) -> None:
        comma = self.at
        self.at += 1
        self.skip_space()
        if self.text.startswith(closing, self.at):
            self.at = comma
            self.fail(
                f"found a comma before {closing!r}; JSON allows none after the last value", hint="remove the comma"
            )
        if closing == "]":
            self.path[-1] = int(self.path[-1]) + 1

    def _key(self) -> tuple[Place, int]:
        start = self.at
        if not self.text.startswith('"', start):
            self.fail_expecting("a key in double quotes")
        key = self.string()
        self.path[-1] = key
        if key in self._keys[-1]:
            self.note("duplicate-key", f"the key {quote(key)} occurs twice in one object", start, "remove one of them")
        self._keys[-1].add(key)
        self.skip_space()
        if not self.text.startswith(":", self.at):
            self.fail_expecting(f"':' after the key {quote(key)}")
        self.at += 1
        return Place(tuple(self.path), at_key=True), start
