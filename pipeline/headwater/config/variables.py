"""Keeps the values of environment variables out of messages and plans, which show the template instead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeAlias

from headwater.shapes import is_mapping, is_sequence

__all__ = ["Variables"]

_Path: TypeAlias = tuple[str | int, ...]

_NEAR_CHARS, _FAR_CHARS = 5, 8
_SEEN_CHARS = 10_000
_TEMPLATE = re.compile(r"(\$\{env\.[^{}]*\})")


class Variables:
    """The values of variables that a document uses, and the places that hold them.

    A message may show any part of a value, such as the host of a URL. So parts are replaced: from five characters on
    where the message is about such a place, and from eight characters on anywhere.
    """

    __slots__ = ("_around", "_at", "_parts", "_values")

    def __init__(self) -> None:
        self._values: dict[str, str] = {}
        self._at: dict[_Path, str] = {}
        self._around: set[_Path] = set()
        self._parts: dict[int, dict[str, str]] = {}

    @property
    def is_used(self) -> bool:
        """Whether the document has values of variables."""
        return bool(self._values)

    def add(self, name: str, value: str) -> None:
        """Note the value of a variable."""
        if value not in self._values:
            self._values[value] = f"${{env.{name}}}"
            self._parts.clear()

    def put(self, path: _Path, written: str) -> None:
        """Note a place that holds values of variables, and what is written there."""
        self._at[path] = written
        for size in range(len(path) - 1, 2, -1):  # a step or an edge as a whole is not such a place
            if path[:size] in self._around:
                break
            self._around.add(path[:size])

    def place(self, path: _Path) -> _Path | None:
        """Return the place with values of variables that a path leads to or into, or None."""
        places = (path[:size] for size in range(1, len(path) + 1)) if self._at else ()
        return next((place for place in places if place in self._at), None)

    def written(self, path: _Path) -> str:
        """Return what is written at a place with values of variables; empty for any other."""
        return self._at.get(path, "")

    def shown(self, value: Any, path: _Path) -> Any:
        """Return the data at a place with what is written there instead of values of variables."""
        if path in self._at:
            return self._at[path]
        if path not in self._around:
            return value
        if is_mapping(value):
            return {key: self.shown(member, (*path, key)) for key, member in value.items()}
        return [self.shown(item, (*path, index)) for index, item in enumerate(value)] if is_sequence(value) else value

    def hide(self, text: str, path: _Path) -> str:
        """Return a message about a place with templates instead of values of variables, and of parts of values."""
        if not self._values:
            return text
        is_near = path in self._around or self.place(path) is not None
        pieces = _TEMPLATE.split(text)
        pieces[::2] = [self._hidden(piece, is_near=is_near) for piece in pieces[::2]]
        return "".join(pieces)

    def _hidden(self, text: str, *, is_near: bool) -> str:
        size = _NEAR_CHARS if is_near else _FAR_CHARS
        for value, template in self._values.items():
            if len(value) < size:
                for mark in "'\"":
                    text = text.replace(mark + value + mark, mark + template + mark)
        if size not in self._parts:
            found = ((part, template) for value, template in self._values.items() for part in _parts_of(value, size))
            self._parts[size] = dict(found)
        return _without_parts(text, self._parts[size], size)


def _parts_of(value: str, size: int) -> Iterator[str]:
    lower = _lower(value[:_SEEN_CHARS])
    return (lower[start : start + size] for start in range(len(lower) - size + 1))


def _lower(text: str) -> str:
    """Return text in lower case, but with as many characters."""
    lower = text.lower()
    return lower if len(lower) == len(text) else text


def _without_parts(text: str, known: dict[str, str], size: int) -> str:
    """Replace each run of characters in which all parts of a size are known."""
    lower, pieces = _lower(text), list[str]()
    done = start = 0
    while start + size <= len(text):
        template = known.get(lower[start : start + size])
        if template is None:
            start += 1
            continue
        end = start + size
        while end < len(text) and lower[end - size + 1 : end + 1] in known:
            end += 1
        pieces += text[done:start], template
        done = start = end
    return "".join(pieces) + text[done:]
