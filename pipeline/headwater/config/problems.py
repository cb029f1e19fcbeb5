"""The collector that every phase of loading adds its problems to."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from headwater.display import shorten
from headwater.errors import ConfigError, Problem
from headwater.ids import closest
from headwater.shapes import has_part, is_mapping

__all__ = ["JsonPath", "Place", "Position", "Positions", "Problems", "path_text", "quote"]

JsonPath: TypeAlias = tuple[str | int, ...]
"""The way from the top of a document to a value: keys of objects and indexes of arrays."""

Position: TypeAlias = tuple[int, int]
"""Line and column, both from 1, the column counted in characters."""

PROBLEMS_LIMIT = 250
"""How many problems are listed: more than anyone reads, few enough to be told within milliseconds."""

COMPARISONS_LIMIT = 1_000
SHOWN_CHARACTERS = 60

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Place:
    """A value in a document, or the key that it stands under.

    Args:
        path: Where the value is.
        at_key: Whether the key is meant, not the value.
    """

    path: JsonPath
    at_key: bool = False


class Positions(Protocol):
    """What knows the line and column of the places of one document."""

    def find(self, places: Collection[Place]) -> Mapping[Place, Position]:
        """Return the position of every place that exists in the document."""
        ...


@dataclass(frozen=True, slots=True)
class _Entry:
    code: str
    message: str
    place: Place
    hint: str
    position: Position | None


class Problems:
    """Collect the problems of a document, and raise them together, in the order of the document.

    Args:
        document: The document as written, which gives the order; None when it could not be read.
        positions: What knows lines and columns; None for a document that never was text.
        file: Name of the file the document came from.

    Example:
        >>> problems = Problems({"steps": []})
        >>> problems.add("too-short", "a pipeline needs at least one step", ("steps",))
        >>> print(problems.listed()[0])
        $.steps: a pipeline needs at least one step [too-short]
    """

    __slots__ = ("_blocked", "_comparisons", "_entries", "_file", "_positions", "_redacted", "_unlisted", "document")

    def __init__(self, document: object = None, positions: Positions | None = None, file: str | None = None) -> None:
        self.document: object = document
        self._positions = positions
        self._file = file
        self._entries: dict[_Entry, None] = {}
        self._blocked: set[JsonPath] = set()
        self._redacted: tuple[str, ...] = ()
        self._comparisons = COMPARISONS_LIMIT
        self._unlisted = 0

    def renewed(self) -> Problems:
        """Return a collector for a later check of the same document, without problems.

        Returns:
            One that keeps the same secrets out of its messages.
        """
        renewed = Problems(self.document, self._positions, self._file)
        renewed.redact(self._redacted)
        return renewed

    def __len__(self) -> int:
        return len(self._entries)

    def add(
        self,
        code: str,
        message: str,
        path: JsonPath = (),
        hint: str = "",
        *,
        at_key: bool = False,
        position: Position | None = None,
    ) -> None:
        """Add a problem, unless it is a consequence of one at a blocked place.

        Args:
            code: Stable name of the kind of problem, in kebab case.
            message: What was found and what was expected, one sentence.
            path: The place; for a missing key, the path it would have.
            hint: What to do, one sentence.
            at_key: Whether the key itself is wrong, not its value.
            position: Line and column, where the path cannot tell them.
        """
        if self.is_blocked(path):
            return
        if len(self._entries) >= PROBLEMS_LIMIT:
            self._unlisted += 1
            return
        self._entries[_Entry(code, self._redact(message), Place(path, at_key), self._redact(hint), position)] = None

    def block(self, path: JsonPath) -> None:
        """Ignore later problems at a place and below: they would only be consequences.

        Args:
            path: The place that is known to be broken.
        """
        self._blocked.add(path)

    def is_blocked(self, path: JsonPath) -> bool:
        """Return whether a place is broken already, itself or something that it is part of.

        Args:
            path: The place.

        Returns:
            True when a problem there would be ignored.
        """
        return bool(self._blocked) and any(path[:size] in self._blocked for size in range(len(path) + 1))

    def is_broken_inside(self, path: JsonPath) -> bool:
        """Return whether something within a place is broken already.

        Args:
            path: The place.

        Returns:
            True when what is wrong with the place may be a consequence.
        """
        return any(blocked[: len(path)] == path for blocked in self._blocked)

    @property
    def knows_secrets(self) -> bool:
        """Whether there are secrets to keep out of messages."""
        return bool(self._redacted)

    def redact(self, secrets: Iterable[str]) -> None:
        """Keep values out of every message that is added from now on.

        Args:
            secrets: The texts that must not be shown.
        """
        texts = {*self._redacted, *secrets} - {""}
        self._redacted = tuple(sorted(texts, key=len, reverse=True))

    def did_you_mean(self, name: str, known: Iterable[str]) -> str:
        """Return a hint that names what was probably meant.

        Args:
            name: What was written.
            known: What could have been meant.

        Returns:
            A question for the hint of a problem; empty when nothing is close.
        """
        meant = self.meant(name, known)
        return f"did you mean {quote(meant)}?" if meant else ""

    def meant(self, name: str, known: Iterable[str]) -> str:
        """Return what was probably meant by a misspelled name.

        The number of comparisons is limited for the whole document, so that a hostile one costs no time.

        Args:
            name: What was written.
            known: What could have been meant; not iterated once the limit is reached.

        Returns:
            One of `known`; empty when nothing is close.
        """
        if self._comparisons <= 0:
            return ""
        names = list(known)
        candidates = [text for text in names if abs(len(text) - len(name)) <= 4][: self._comparisons]
        self._comparisons -= len(candidates) + len(names) // 100  # to look at a name costs little, but not nothing
        return next(iter(closest(name, candidates)), "")

    def listed(self) -> tuple[Problem, ...]:
        """Return the problems in the order of the document, each with its line and column.

        Returns:
            All of them, up to 250; a last one tells how many more there are.
        """
        order = _Order(self.document)
        entries = sorted(self._entries, key=lambda entry: (order.rank(entry.place.path), not entry.place.at_key))
        found = self._locate(entries)
        problems = [self._problem(entry, entry.position or found.get(entry.place)) for entry in entries]
        if self._unlisted:
            more = f"{self._unlisted} more problems are not listed"
            problems.append(Problem("too-many-problems", more, "$", self._file))
        return tuple(problems)

    def raise_if_any(self) -> None:
        """Raise all problems as one error, if there are any.

        Raises:
            ConfigError: With every problem.
        """
        if self._entries:
            raise ConfigError(self.listed())

    def _problem(self, entry: _Entry, position: Position | None) -> Problem:
        line, column = position or (None, None)
        path = path_text(entry.place.path)
        return Problem(entry.code, entry.message, path, self._file, line, column, entry.hint)

    def _locate(self, entries: Sequence[_Entry]) -> dict[Place, Position]:
        """Find each place, or the nearest place around it that exists: a missing key has no position."""
        if self._positions is None:
            return {}
        nearest = {entry.place: _nearest(self.document, entry.place) for entry in entries if entry.position is None}
        known = self._positions.find(set(nearest.values()))
        return {place: known[near] for place, near in nearest.items() if near in known}

    def _redact(self, text: str) -> str:
        for secret in self._redacted:
            text = text.replace(secret, "**********")
        return text


def path_text(path: JsonPath) -> str:
    """Return a JSON path as text.

    Args:
        path: Keys and indexes from the top of the document.

    Returns:
        A normalized path, such as `$.steps[2].params["a b"]` (RFC 9535, with names in the shorthand where it exists).

    Example:
        >>> path_text(("steps", 2, "params", "a b"))
        '$.steps[2].params["a b"]'
    """
    return "$" + "".join(_part_text(part) for part in path)


def quote(text: str) -> str:
    """Return a text in quotes, cut when it is long, for a message.

    Args:
        text: Any text of a document.

    Returns:
        At most about 60 characters of it, without control characters.

    Example:
        >>> quote("a" * 100)[-4:]
        "aa…'"
    """
    return repr(shorten(text, SHOWN_CHARACTERS))


def _part_text(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    part = shorten(part, SHOWN_CHARACTERS)
    return f".{part}" if _PLAIN_KEY.fullmatch(part) else f"[{json.dumps(part)}]"


def _nearest(document: object, place: Place) -> Place:
    """Return the place, or the innermost value around it that exists."""
    value: Any = document
    for size, part in enumerate(place.path):
        if not has_part(value, part):
            return Place(place.path[:size])
        value = value[part]
    return place


class _Order:
    """Puts paths into the order of a document; a missing key stands at the start of its object."""

    __slots__ = ("_document", "_places")

    def __init__(self, document: object) -> None:
        self._document = document
        self._places: dict[int, dict[str, int]] = {}

    def rank(self, path: JsonPath) -> tuple[int, ...]:
        """Return the sort key of a path."""
        ranks: list[int] = []
        value: Any = self._document
        for part in path:
            ranks.append(self._place(value, part))
            value = value[part] if has_part(value, part) else None
        return tuple(ranks)

    def _place(self, value: object, part: str | int) -> int:
        if isinstance(part, int):
            return part
        if not is_mapping(value):
            return -1
        places = self._places.get(id(value))
        if places is None:
            places = self._places[id(value)] = {key: place for place, key in enumerate(value)}
        return places.get(part, -1)
