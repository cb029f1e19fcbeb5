"""Reads a document from a file, JSON text or a mapping, with every limit checked before work is done."""

from __future__ import annotations

import json
import math
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain, count, islice
from pathlib import Path
from typing import Any, NoReturn

from headwater.config.notation.json_scanner import DEPTH_LIMIT, JsonPositions, find_faults
from headwater.config.notation.json_tokens import positions_of
from headwater.config.problems import Fault, JsonPath, Position, Problems
from headwater.errors import ConfigError, Problem
from headwater.files.confinement import FileRefusedError, open_inside, refuse_outside
from headwater.files.private_files import refuse_private
from headwater.shapes import is_mapping, is_object, is_sequence, is_text

__all__ = ["SIZE_LIMIT_BYTES", "Source", "begins_object", "plain", "read_source", "read_text"]

SIZE_LIMIT_BYTES = 8 * 1024 * 1024
NODES_LIMIT = 250_000
_TOO_MANY_VALUES = f"more than {NODES_LIMIT} values; a document has at most 10,000 steps and 50,000 edges"

_YAML_SUFFIXES = {".yaml", ".yml"}
_HALF_PAIR = "half of a surrogate pair is not a character"
_KEY_ENDS = re.compile(r'"[ \t\n\r]*:')
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_TEMPLATE_SIGNS = ("${", "\\")  # an escape may mean either character
_BYTE_ORDER_MARK = "\ufeff"
_OF_A_FILE = "Pipeline.load(path) loads a file, Pipeline.load(mapping) a document as data"


@dataclass(frozen=True, slots=True)
class Source:
    """A document that was read."""

    document: dict[str, Any]
    problems: Problems
    file: str | None
    has_templates: bool


def read_source(source: Path | str | Mapping[str, Any], *, shown: str = "") -> Source:
    """Read a document from a file, or take the document itself.

    Args:
        source: The path of a file, or the document. JSON text is refused: a program that takes either would open
            whatever file the author of a text names.
        shown: What problems call the file; its path by default.

    Returns:
        The document, which is an object, and its problems so far.

    Raises:
        ConfigError: It cannot be read, or is not a JSON object.
        MissingExtraError: It is YAML, and PyYAML is not installed.
    """
    if is_mapping(source):
        return _from_mapping(source)
    if not isinstance(source, (str, os.PathLike)):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers err
        _refuse("unreadable", f"expected a path or a mapping, found a {type(source).__name__}")
    if isinstance(source, str) and "\n" in source:
        hint = "Pipeline.loads(text) loads JSON text, and a Path is a path whatever it contains"
        _refuse("unreadable", "expected the path of a file, found text of several lines", hint=hint)
    path = Path(source)
    file = shown or str(path)
    text = _decoded(_file_bytes(path, file), file)
    if path.suffix.lower() in _YAML_SUFFIXES:
        return _from_yaml(text, file)
    return _from_json(text, file)


def read_text(text: str) -> Source:
    """Read a document from JSON text, which never opens a file; raise `ConfigError` as `read_source` does."""
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers err
        _refuse("unreadable", f"expected JSON text, found a {type(text).__name__}", hint=_OF_A_FILE)
    if not begins_object(text):
        _refuse("unreadable", "expected JSON text, which begins with {", hint=_OF_A_FILE)
    return _from_json(_checked_text(text), None)


def begins_object(text: str) -> bool:
    """Return whether text can only be the text of an object, never a path."""
    return text.lstrip(f" \t\r\n{_BYTE_ORDER_MARK}").startswith("{")


def plain(value: Any, problems: Problems, path: JsonPath = ()) -> Any:
    """Return a copy of JSON data that was given as Python objects, of dicts and lists that nothing else refers to.

    What is not JSON data, too deep, too large, or contains itself is reported.
    """
    try:
        return _Copier(problems, path).copy(value)
    except _TooLargeError:
        problems.add("too-large", _TOO_MANY_VALUES, path)
    except Exception as error:  # noqa: BLE001 - other people's mappings may raise anything
        problems.add("unreadable", f"the {type(value).__name__} cannot be read: {type(error).__name__}", path)
    problems.block(path)
    return None


class _TooLargeError(Exception):
    """The data has more values than a document may have."""


class _Copier:
    """Copies nested data within limits of depth and size, and refuses data that contains itself."""

    __slots__ = ("_left", "_open", "_path", "_problems")

    def __init__(self, problems: Problems, path: JsonPath) -> None:
        self._left = NODES_LIMIT
        self._open: set[int] = set()
        self._path: list[str | int] = list(path)
        self._problems = problems

    def copy(self, value: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise _TooLargeError
        if value is None or isinstance(value, int):
            return value
        if isinstance(value, str):
            return value if is_text(value) else self._refuse("bad-text", _HALF_PAIR)
        if isinstance(value, float):
            return value if math.isfinite(value) else self._refuse("not-a-number", f"{value} is not a JSON number")
        if is_sequence(value) or is_mapping(value):
            return self._nested(value)
        return self._refuse("wrong-type", f"expected JSON data, found a Python {type(value).__name__}")

    def _nested(self, value: Mapping[Any, Any] | list[Any] | tuple[Any, ...]) -> Any:
        if id(value) in self._open:
            return self._refuse("cycle", "expected JSON data, found an object or a list that contains itself")
        if len(self._open) >= DEPTH_LIMIT:
            return self._refuse("too-deep", f"the document is nested deeper than {DEPTH_LIMIT} levels")
        self._open.add(id(value))
        try:
            if isinstance(value, (list, tuple)):
                return [self._at(index, item) for index, item in enumerate(value)]
            return {key: self._at(key, item) for key, item in value.items() if self._is_key(key)}
        finally:
            self._open.discard(id(value))

    def _at(self, part: str | int, value: Any) -> Any:
        self._path.append(part)
        copied = self.copy(value)
        self._path.pop()
        return copied

    def _is_key(self, key: object) -> bool:
        if isinstance(key, str) and is_text(key):
            return True
        self._refuse("wrong-type", "expected a string as the key of an object, found another value")
        return False

    def _refuse(self, code: str, message: str) -> None:
        path = tuple(self._path)
        self._problems.add(code, message, path)
        self._problems.block(path)


def _from_mapping(source: Mapping[str, Any]) -> Source:
    problems = Problems()
    problems.document = plain(source, problems)
    return _object(problems.document, problems, None)


def _from_json(text: str, file: str | None) -> Source:
    document, faults, has_failed = _parsed(text)
    if has_failed and not text.isspace() and text and not begins_object(text):  # what it holds is not shown
        line = 1 + text[: len(text) - len(text.lstrip())].count("\n")
        faults = [Fault("syntax", "expected one object, which begins with {", position=(line, 1))]
    problems = Problems(document, JsonPositions(text), file)
    for fault in faults:
        problems.report(fault)
        if fault.code != "duplicate-key":
            problems.block(fault.path)
    if has_failed:
        raise ConfigError(problems.listed())
    return _object(document, problems, file, text)


def _from_yaml(text: str, file: str) -> Source:
    from headwater.config.notation.yaml_text import parse_yaml

    document, problems = parse_yaml(text, file)
    return _object(document, problems, file, text)


def _object(document: object, problems: Problems, file: str | None, text: str = "${") -> Source:
    if not is_object(document):
        problems.add("wrong-type", "expected one object", (), "put everything between { and }")
        raise ConfigError(problems.listed())
    return Source(document, problems, file, any(sign in text for sign in _TEMPLATE_SIGNS))


def _parsed(text: str) -> tuple[object, list[Fault], bool]:
    """Return the document, what is wrong with its text, and whether there is no document for that reason."""
    try:
        document: object = json.loads(text, parse_constant=_refuse_word, parse_float=_finite)
    except (ValueError, RecursionError):
        faults, has_failed = find_faults(text)
        return (None if has_failed else json.loads(text)), faults, has_failed
    levels, keys, values = _measured(document)
    if values > NODES_LIMIT:
        return None, [Fault("too-large", _TOO_MANY_VALUES, position=(1, 1))], True
    if levels > DEPTH_LIMIT or _repeats_keys(text, keys) or ("\\u" in text and _SURROGATE.search(text)):
        return document, *find_faults(text)
    return document, [], False


def _repeats_keys(text: str, keys: int) -> bool:
    """Return whether an object has a key twice; only when there are more colons than keys, it looks closer."""
    if keys == text.count(":") or keys == len(_KEY_ENDS.findall(text)):
        return False
    try:
        json.loads(text, object_pairs_hook=_without_duplicates)
    except ValueError:
        return True
    return False


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError
    return document


def _measured(document: object) -> tuple[int, int, int]:
    """Return the depth and the number of keys and values; level by level, so that no nesting exhausts the stack."""
    keys = values = 0
    level: list[Any] = [document]
    for depth in count():
        values += len(level)
        if values > NODES_LIMIT:
            return depth, keys, values
        objects: list[dict[str, Any]] = [item for item in level if type(item) is dict]
        arrays: list[list[Any]] = [item for item in level if type(item) is list]
        if not objects and not arrays:
            return depth, keys, values
        keys += sum(map(len, objects))
        level = [value for item in objects for value in item.values()]
        level += chain.from_iterable(arrays)
    raise AssertionError  # the loop returns


def _refuse_word(_word: str) -> float:
    raise ValueError


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError
    return value


def _checked_text(text: str) -> str:
    if len(text) > SIZE_LIMIT_BYTES:
        _refuse_size(None)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        position = next(positions_of(text, [error.start]))
        _refuse("bad-text", _HALF_PAIR, position=position)
    return text.removeprefix(_BYTE_ORDER_MARK)


def _decoded(data: bytes, file: str) -> str:
    try:
        return data.decode().removeprefix(_BYTE_ORDER_MARK)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        position = next(positions_of(before, [len(before)]))
        message = f"the byte 0x{data[error.start]:02x} is not UTF-8"
        _refuse("bad-encoding", message, file=file, hint="save the file as UTF-8", position=position)


def _file_bytes(path: Path, file: str) -> bytes:
    """Return the content of a regular file, reading no more than is allowed."""
    try:
        refuse_outside(path)
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            _refuse("unreadable", "expected a file, found a folder", file=file)
        if not stat.S_ISREG(status.st_mode):
            _refuse("unreadable", "expected a regular file", file=file)
        if status.st_size > SIZE_LIMIT_BYTES:
            _refuse_size(file)
        with open(path, "rb", opener=_opened_at_once) as stream:
            refuse_private(path, stream.fileno())
            data = stream.read(SIZE_LIMIT_BYTES + 1)
    except FileRefusedError as error:  # nothing is said of its folder
        _refuse("unreadable", f"the file cannot be read: {error.reason}", file=file)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        _refuse("unreadable", f"the file cannot be read: {reason}", file=file, hint=_neighbor(path))
    if data is None:  # pyright: ignore[reportUnnecessaryComparison]  # as of a file whose content is yet to come
        _refuse("unreadable", "the file has no content yet", file=file)
    if len(data) > SIZE_LIMIT_BYTES:
        _refuse_size(file)
    return data


def _opened_at_once(path: str, flags: int) -> int:
    """Open a file so that neither this nor reading it waits: a kernel log is a regular file, too."""
    return open_inside(path, flags | getattr(os, "O_NONBLOCK", 0))


def _neighbor(path: Path) -> str:
    """Return a hint that names a file with a similar name in the same folder."""
    try:
        with os.scandir(path.parent) as entries:
            names = [entry.name for entry in islice(entries, 1_000)]
    except (OSError, ValueError):
        return ""
    return Problems().did_you_mean(path.name, names)


def _refuse_size(file: str | None) -> NoReturn:
    megabytes = SIZE_LIMIT_BYTES // 2**20
    _refuse("too-large", f"the document is larger than {megabytes} MiB", file=file)


def _refuse(
    code: str, message: str, *, file: str | None = None, hint: str = "", position: Position | None = None
) -> NoReturn:
    line, column = position or (None, None)
    raise ConfigError(Problem(code, message, "$", file, line, column, hint))
