"""Documents written as YAML: the JSON data model in another notation, with the extra `[yaml]`.

The text is read as the events of the parser, never by its constructors: no tag makes an object, and no alias makes
small text a large document. Plain scalars are resolved by the core schema of YAML 1.2 (section 10.3), so that `no` and
`on` are strings and `010` is the number ten.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Collection
from itertools import islice
from typing import Any, NoReturn

from headwater.config.notation.json_scanner import DEPTH_LIMIT
from headwater.config.problems import JsonPath, Place, Position, Problems, quote
from headwater.errors import ConfigError, MissingExtraError

__all__ = ["YamlPositions", "parse_yaml"]

SIZE_LIMIT_CHARACTERS = 2 * 1024 * 1024

_INTEGER = re.compile(r"[-+]?[0-9]+")
_POWER_OF_TWO = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_ANY_INTEGER = re.compile(f"{_INTEGER.pattern}|{_POWER_OF_TWO.pattern}")
_NOT_A_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


class YamlPositions:
    """The positions of the keys and values of YAML text, noted while it was read."""

    __slots__ = ("_positions",)

    def __init__(self, positions: dict[Place, Position]) -> None:
        self._positions = positions

    def find(self, places: Collection[Place]) -> dict[Place, Position]:
        """Return the position of every place that exists."""
        return {place: self._positions[place] for place in places if place in self._positions}


def parse_yaml(text: str, file: str | None) -> tuple[object, Problems]:
    """Return the document of YAML text that holds JSON data, and its problems so far.

    A `ConfigError` says that the text is not YAML, or uses what JSON data does not have: tags, anchors, several
    documents.
    """
    try:
        import yaml
    except ImportError:
        raise MissingExtraError("a document written as YAML", "yaml") from None
    positions: dict[Place, Position] = {}
    problems = Problems(positions=YamlPositions(positions), file=file)
    if len(text) > SIZE_LIMIT_CHARACTERS:
        problems.add(
            "too-large", f"the YAML is longer than {SIZE_LIMIT_CHARACTERS // 2**20} Mi characters", hint="use JSON"
        )
        raise ConfigError(problems.listed())
    reader = _Reader(problems, positions)
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            reader.take(event)
    except yaml.YAMLError as error:
        position = _position(getattr(error, "problem_mark", None))
        if _tab_at(text, position):
            problems.add("syntax", "YAML allows no tab here", reader.path, "indent with spaces", position=position)
        else:
            problems.add("syntax", _reason(error), reader.path, position=position)
    except _RefusedError:
        pass
    else:
        problems.document = reader.document
        return reader.document, problems
    raise ConfigError(problems.listed())


class _RefusedError(Exception):
    """Stops reading at something that no document may have."""


class _Reader:
    """Builds the document from the parser's events, one at a time."""

    __slots__ = ("_key_expected", "_open", "_path", "_positions", "_problems", "document")

    def __init__(self, problems: Problems, positions: dict[Place, Position]) -> None:
        self.document: object = None
        self._problems = problems
        self._positions = positions
        self._open: list[dict[str, Any] | list[Any]] = []
        self._path: list[str | int] = []
        self._key_expected = False

    @property
    def path(self) -> JsonPath:
        """Where the reader is."""
        return tuple(self._path)

    def take(self, event: Any) -> None:
        """Take the next event of the parser."""
        name = type(event).__name__
        if getattr(event, "anchor", None) is not None:
            self._refuse("yaml-anchor", "found an anchor or an alias; JSON data has none", event, "write the value out")
        if getattr(event, "tag", None) is not None:
            self._refuse("yaml-tag", f"found the tag {quote(event.tag)}; JSON data has none", event, "remove it")
        match name:
            case "ScalarEvent" if self._key_expected:
                self._take_key(event)
            case "ScalarEvent":
                self._place(event, self._scalar(event))
                self._finish_value()
            case "MappingStartEvent":
                self._start(event, {})
            case "SequenceStartEvent":
                self._start(event, [])
            case "MappingEndEvent" | "SequenceEndEvent":
                self._end()
            case "DocumentStartEvent" if self._positions:
                self._refuse(
                    "yaml-documents", "expected one document, found a second", event, "put it into a file of its own"
                )
            case _:
                pass

    def _start(self, event: Any, container: dict[str, Any] | list[Any]) -> None:
        if self._key_expected:
            self._refuse("wrong-type", "expected a string as the key of an object", event, "")
        if len(self._open) >= DEPTH_LIMIT:
            self._refuse("too-deep", f"the document is nested deeper than {DEPTH_LIMIT} levels", event, "")
        self._place(event, container)
        self._open.append(container)
        if isinstance(container, list):
            self._path.append(0)
        self._key_expected = isinstance(container, dict)

    def _end(self) -> None:
        if isinstance(self._open.pop(), list):
            self._path.pop()
        self._finish_value()

    def _take_key(self, event: Any) -> None:
        key: str = event.value
        self._path.append(key)
        if key in self._open[-1]:
            message = f"the key {quote(key)} occurs twice in one object"
            position = _position(event.start_mark)
            self._problems.add("duplicate-key", message, self.path, "remove one of them", position=position)
            self._problems.raise_if_enough()
        else:
            self._positions[Place(self.path, at_key=True)] = _position(event.start_mark)
        self._key_expected = False

    def _place(self, event: Any, value: Any) -> None:
        self._positions[Place(self.path)] = _position(event.start_mark)
        if not self._open:
            self.document = value
        elif isinstance(container := self._open[-1], dict):
            container[str(self._path[-1])] = value
        else:
            container.append(value)

    def _finish_value(self) -> None:
        """After a value: expect the next key, or the next index."""
        if not self._open:
            return
        last = self._path.pop()
        self._key_expected = isinstance(self._open[-1], dict)
        if isinstance(last, int) and not self._key_expected:
            self._path.append(last + 1)

    def _scalar(self, event: Any) -> object:
        text: str = event.value
        if event.style:  # in quotes, or a block: always a string
            return text
        if _NOT_A_NUMBER.fullmatch(text):
            self._refuse("not-a-number", f"{text} is not a JSON number", event, "write a number, or null")
        limit = sys.get_int_max_str_digits()
        if len(text) > limit > 0 and _ANY_INTEGER.fullmatch(text):
            self._refuse("number-too-large", f"the number has {len(text)} digits", event, "")
        value = _resolve(text)
        if isinstance(value, int) and limit and abs(value) >= 10**limit:
            self._refuse("number-too-large", f"the number has more than {limit} digits", event, "")
        if isinstance(value, float) and math.isinf(value):
            self._refuse("number-too-large", f"the number {quote(text)} is too large", event, "")
        return value

    def _refuse(self, code: str, message: str, event: Any, hint: str) -> NoReturn:
        self._problems.add(code, message, self.path, hint, position=_position(event.start_mark))
        raise _RefusedError


def _resolve(text: str) -> object:
    """Return the value of a plain scalar by the core schema."""
    for pattern, build in _SCALARS:
        if pattern.fullmatch(text):
            return build(text)
    return text


_SCALARS: tuple[tuple[re.Pattern[str], Callable[[str], object]], ...] = (
    (re.compile(r"null|Null|NULL|~|"), lambda _text: None),
    (re.compile(r"true|True|TRUE"), lambda _text: True),
    (re.compile(r"false|False|FALSE"), lambda _text: False),
    (_INTEGER, int),
    (_POWER_OF_TWO, lambda text: int(text, 0)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
)


def _position(mark: Any) -> Position:
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)


def _tab_at(text: str, position: Position) -> bool:
    """Return whether a tab stands where the parser stopped, or in the indentation before it."""
    line, column = position
    shown = next(islice(text.splitlines(), line - 1, None), "")
    return shown[column - 1 : column] == "\t" or "\t" in shown[: len(shown) - len(shown.lstrip())]


def _reason(error: Any) -> str:
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
    return f"not YAML: {reason}"
