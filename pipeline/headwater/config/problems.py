"""The faults of a document, and their collector, which every phase of loading adds to."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any, Protocol, TypeAlias, cast

from pydantic_core import InitErrorDetails, PydanticCustomError

from headwater.config.variables import Variables
from headwater.display import shorten
from headwater.errors import ConfigError, Problem
from headwater.ids import NAME_LIMIT, closest
from headwater.masking import masker
from headwater.shapes import has_part, is_mapping

__all__ = ["Fault", "JsonPath", "Place", "Position", "Positions", "Problems", "path_text", "quote"]

JsonPath: TypeAlias = tuple[str | int, ...]
"""The keys of objects and indexes of arrays from the top of a document to a value."""

Position: TypeAlias = tuple[int, int]
"""Line and column, both from 1, the column counted in characters."""

PROBLEMS_LIMIT = 250
"""How many problems are listed: more than anyone reads, few enough to be listed within milliseconds."""

COUNTED_LIMIT = 1_000
"""How many more are counted before a document is given up."""

COMPARISONS_LIMIT = 1_000
_COMPARED_AT_ONCE = 500  # comparing two strings takes time in proportion to both lengths
_MEANT = "did you mean"
SHOWN_CHARACTERS = 60

_ABOUT_KEYS = frozenset({"unknown-key", "unknown-param", "not-supported"})
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Place:
    """A value in a document, or the key that it stands under."""

    path: JsonPath
    at_key: bool = False


class Positions(Protocol):
    """Finds the line and column of places of one document."""

    def find(self, places: Collection[Place]) -> Mapping[Place, Position]:
        """Return the position of every place that exists in the document."""
        ...


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a document.

    Args:
        code: Stable name of the kind of problem, in kebab case.
        message: What was found and what was expected, one sentence.
        path: The place; for a missing key, the path it would have.
        hint: What to do, one sentence.
        at_key: Whether the key itself is wrong, not its value.
        position: Line and column, where the path does not determine them.
        unknown: A misspelled name; the hint is then the most similar of `known`, unless there is one.
        known: The names that could have been meant.
    """

    code: str
    message: str
    path: JsonPath = ()
    hint: str = ""
    at_key: bool = False
    position: Position | None = None
    unknown: str = ""
    known: tuple[str, ...] = ()

    @property
    def place(self) -> Place:
        """The place in the document."""
        return Place(self.path, self.at_key)

    def details(self) -> InitErrorDetails:
        """Return the fault as an error of a pydantic validator, from which the loader makes a fault again."""
        context = {"message": self.message, "hint": self.hint, "unknown": self.unknown, "known": self.known}
        error = PydanticCustomError(cast("Any", self.code), "{message}", context)
        return InitErrorDetails(type=error, loc=self.path, input=None)


class Problems:
    """Collects the problems of a document, and raises them together, in the order of the document.

    Args:
        document: The document as written, which gives the order; None when it could not be read.
        positions: Finds lines and columns; None for a document that never was text.
        file: Name of the file the document came from.

    Example:
        >>> problems = Problems({"steps": []})
        >>> problems.add("too-short", "a pipeline needs at least one step", ("steps",))
        >>> print(problems.listed()[0])
        $.steps: a pipeline needs at least one step [too-short]
    """

    __slots__ = (
        "_adopted",
        "_blocked",
        "_comparisons",
        "_faults",
        "_file",
        "_mask",
        "_secrets",
        "_unlisted",
        "document",
        "positions",
        "variables",
    )

    def __init__(self, document: object = None, positions: Positions | None = None, file: str | None = None) -> None:
        self.document: object = document
        self.variables: Variables = Variables()
        self.positions: Positions | None = positions
        self._file = file
        self._faults: dict[Fault, None] = {}
        self._blocked: set[JsonPath] = set()
        self._secrets: set[str] = set()
        self._mask = masker(())
        self._comparisons = COMPARISONS_LIMIT
        self._unlisted = 0
        self._adopted: dict[JsonPath, Sequence[Problem]] = {}

    def renewed(self) -> Problems:
        """Return a collector for a later check of the same document, which masks the same secrets and variables."""
        renewed = Problems(self.document, self.positions, self._file)
        renewed.redact(self._secrets)
        renewed.variables = self.variables
        return renewed

    def __len__(self) -> int:
        return len(self._faults)

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
        """Add a problem, unless it is a consequence of one at a blocked place; see `Fault`."""
        self.report(Fault(code, message, path, hint, at_key, position))

    def report(self, fault: Fault) -> None:
        """Add a fault, unless it is a consequence of one at a blocked place; a key is wrong whatever its value is."""
        about_key = fault.at_key and fault.code in _ABOUT_KEYS
        if self.is_blocked(fault.path[:-1] if about_key else fault.path):
            return
        if len(self._faults) >= PROBLEMS_LIMIT:
            self._unlisted += 1
            return
        hint = fault.hint or self.did_you_mean(fault.unknown, fault.known)
        fault = replace(fault, message=self._mask(fault.message), hint=self._mask(hint), unknown="", known=())
        self._faults[self._without_variables(fault)] = None

    def _without_variables(self, fault: Fault) -> Fault:
        """Return a fault that shows no value of a variable, nor names that are like it."""
        path = self.variables.place(fault.path)
        if path is not None and path != fault.path:
            message = f"the value of {quote(self.variables.written(path))} has a part that is not accepted"
            return Fault(fault.code, message, path)
        if path is not None and fault.at_key:
            return fault  # the document has the key, and the variable only its value
        message, hint = (self.variables.hide(text, fault.path) for text in (fault.message, fault.hint))
        return replace(fault, message=message, hint="" if path is not None and hint.startswith(_MEANT) else hint)

    def block(self, path: JsonPath) -> None:
        """Ignore later problems at a place and below: they would only be consequences."""
        self._blocked.add(path)

    def is_blocked(self, path: JsonPath) -> bool:
        """Return whether a place, or something that it is part of, is known to be broken."""
        return bool(self._blocked) and any(path[:size] in self._blocked for size in range(len(path) + 1))

    def is_broken_inside(self, path: JsonPath) -> bool:
        """Return whether something within a place is known to be broken."""
        return any(blocked[: len(path)] == path for blocked in self._blocked)

    def adopt(self, problems: Sequence[Problem], path: JsonPath) -> None:
        """Add the problems of a document that stands at a path of this one, or is a file that is named there."""
        self._adopted[path] = problems

    @property
    def knows_secrets(self) -> bool:
        """Whether there are secrets to keep out of messages."""
        return bool(self._secrets)

    def redact(self, secrets: Iterable[str]) -> None:
        """Mask secrets in every message that is added from now on."""
        self._secrets |= set(secrets)
        self._mask = masker(self._secrets)

    def did_you_mean(self, name: str, known: Iterable[str]) -> str:
        """Return a hint that asks for the name that was probably meant; empty when none is close."""
        meant = self.meant(name, known)
        return f"{_MEANT} {quote(meant)}?" if meant else ""

    def meant(self, name: str, known: Iterable[str]) -> str:
        """Return the one of some names that was probably meant by a misspelled one; empty when none is close.

        The number of comparisons is limited for the whole document, so that a hostile one costs no time; once the limit
        is reached, `known` is not iterated. Long names count for several.
        """
        if self._comparisons <= 0 or len(name) > NAME_LIMIT:
            return ""
        names = list(known)
        self._comparisons -= len(names) // 100  # looking at a name costs little, but not nothing
        candidates: list[str] = []
        for other in names:
            if abs(len(other) - len(name)) <= 4 and self._comparisons > 0:
                self._comparisons -= 1 + len(name) * len(other) // _COMPARED_AT_ONCE
                candidates.append(other)
        longer = [other for other in names if other.startswith(f"{name}_")]
        return next(iter(closest(name, candidates)), longer[0] if len(longer) == 1 else "")

    def listed(self) -> tuple[Problem, ...]:
        """Return the problems in the order of the document; a last one says that there are more than are listed."""
        order = _Order(self.document)
        faults = sorted(self._faults, key=lambda fault: (order.rank(fault.path), not fault.at_key))
        found = self._locate(faults)
        problems = [self._problem(fault, fault.position or found.get(fault.place)) for fault in faults]
        problems = self._with_adopted(problems, [order.rank(fault.path) for fault in faults], order)
        if self._unlisted:
            count = f"more than {COUNTED_LIMIT}" if self.are_enough else self._unlisted
            problems.append(Problem("too-many-problems", f"{count} more problems are not listed", "$", self._file))
        return tuple(problems)

    def _with_adopted(self, problems: list[Problem], ranks: Sequence[tuple[int, ...]], order: _Order) -> list[Problem]:
        """Return the problems with those of nested documents among them, in the order of the document."""
        ranked = list(zip(ranks, problems, strict=True))
        for path, adopted in self._adopted.items():
            outer = path_text(path)
            ranked += [(order.rank(path), replace(one, path=outer + one.path.removeprefix("$"))) for one in adopted]
        return [problem for _, problem in sorted(ranked, key=itemgetter(0))][:PROBLEMS_LIMIT]

    @property
    def are_enough(self) -> bool:
        """Whether so much is wrong that looking for more problems is of no use."""
        return self._unlisted > COUNTED_LIMIT

    def raise_if_enough(self) -> None:
        """Raise all problems if looking for more is of no use."""
        if self.are_enough:
            self.raise_if_any()

    def raise_if_any(self) -> None:
        """Raise all problems as one `ConfigError`, if there are any."""
        if self._faults or self._adopted:
            raise ConfigError(self.listed())

    def _problem(self, fault: Fault, position: Position | None) -> Problem:
        line, column = position or (None, None)
        return Problem(fault.code, fault.message, path_text(fault.path), self._file, line, column, fault.hint)

    def _locate(self, faults: Sequence[Fault]) -> Mapping[Place, Position]:
        """Find each place, or the nearest place around it that exists: a missing key has no position."""
        if self.positions is None:
            return {}
        nearest = {fault.place: _nearest(self.document, fault.place) for fault in faults if fault.position is None}
        known = self.positions.find(set(nearest.values()))
        return {place: known[near] for place, near in nearest.items() if near in known}


def path_text(path: JsonPath) -> str:
    """Return a normalized JSON path, such as `$.steps[2].params["a b"]` (RFC 9535, in shorthand where it exists)."""
    return "$" + "".join(_part_text(part) for part in path)


def quote(text: str) -> str:
    """Return text in quotes for a message, shortened and without control characters."""
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
    """Sorts paths in the order of a document; a missing key stands at the start of its object."""

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
