"""Encoders of rows: items become JSON lines, comma-separated values or lines of text."""

from __future__ import annotations

import csv
import re
from abc import ABC
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from math import isfinite
from typing import Any, Protocol, TypeAlias, cast

from pydantic import BaseModel
from pydantic_core import from_json, to_json, to_jsonable_python

from headwater.toolkit import is_mapping, is_sequence, shorten
from headwater_steps.files.encodings import written_as

__all__ = ["CsvEncoder", "JsonEncoder", "Row", "RowEncoder", "TextEncoder"]

_SIMPLE = frozenset({str, int, type(None)})
"""Types of cells that the writer of the standard library writes as we want them."""


_SHOWN_CHARS = 80
_RAW_BYTES = re.compile(r"\\udc[89a-f]")
"""Bytes that are not UTF-8, as Python keeps them in the names of files."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What spreadsheets take for the beginning of a formula, also in the full width of East Asian text."""

_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?(?:[eE][+-]?\d+)?", re.ASCII)


class Dataclass(ABC):  # noqa: B024 - the hook decides
    """Any dataclass."""

    @classmethod
    def __subclasshook__(cls, other: type) -> bool:
        return cls is Dataclass and is_dataclass(other)


Row: TypeAlias = Mapping[str, Any] | BaseModel | Dataclass
"""What can be written as comma-separated values."""


class RowEncoder(Protocol):
    """Encodes rows one after the other; a header is a part of the first row."""

    def encode(self, item: Any, number: int) -> bytes:
        """Return the bytes of a row."""
        ...

    def end(self) -> bytes:
        """Return what the file needs after its last row."""
        ...


class JsonEncoder:
    r"""Writes JSON lines.

    Example:
        >>> JsonEncoder().encode({"day": None, "rain": True}, 1)
        b'{"day":null,"rain":true}\n'
    """

    def encode(self, item: Any, number: int) -> bytes:
        """Return the bytes of a row."""
        try:
            line = to_json(item)
            if b"NaN" in line or b"Infinity" in line:  # within a string they are valid, as a number they are not
                from_json(line, allow_inf_nan=False)
        except ValueError as error:
            raise ValueError(f"item {number} cannot be written as JSON: {_not_unicode(item) or error}") from error
        return line + b"\n"

    def end(self) -> bytes:
        """Return nothing."""
        return b""


class TextEncoder:
    """Writes strings, each with an end."""

    def __init__(self, encoding: str = "utf-8", end: str = "\n") -> None:
        self._start, self._encoding = written_as(encoding)
        self._end = end

    def encode(self, item: Any, number: int) -> bytes:
        """Return the bytes of a row."""
        if not isinstance(item, str):
            hint = "select a field that is a string, or write JSON lines"
            raise ValueError(f"item {number} is not a string, but {type(item).__name__}; {hint}")  # noqa: TRY004 - of the data
        try:
            row = (item + self._end).encode(self._encoding)
        except UnicodeEncodeError as error:
            raise ValueError(f"item {number} cannot be written: {_unencodable(error)}") from error
        if self._start:
            row, self._start = self._start + row, b""
        return row

    def end(self) -> bytes:
        """Return nothing."""
        return b""


class CsvEncoder:
    r"""Writes comma-separated values (RFC 4180), with line feeds at the ends of lines.

    Example:
        >>> encoder = CsvEncoder()
        >>> encoder.encode({"name": "salt", "price": 1.5}, 1), encoder.encode({"price": None}, 2)
        (b'name,price\nsalt,1.5\n', b',\n')
    """

    def __init__(
        self,
        columns: Sequence[str] | None = None,
        *,
        delimiter: str = ",",
        header: bool = True,
        encoding: str = "utf-8",
        escapes_formulas: bool = False,
    ) -> None:
        self._columns = columns
        self._known = None if columns is None else frozenset(columns)
        self._is_given = columns is not None
        self._start, self._encoding = written_as(encoding)
        self._has_names = header
        self._escapes_formulas = escapes_formulas
        self._is_open = False
        self._row = csv.writer(_Echo(), delimiter=delimiter, lineterminator="\r\n").writerow

    def encode(self, item: Any, number: int) -> bytes:
        """Return the bytes of a row."""
        fields = _fields(item, number)
        columns, known = self._columns, self._known
        if columns is None or known is None:
            columns, known = self._columns, self._known = tuple(fields), frozenset(fields)
        if not (self._is_given or fields.keys() <= known):
            unknown = next(name for name in fields if name not in known)
            hint = "set columns to all that should be written"
            raise ValueError(f"item {number} has {unknown!r}, which no item before it has; {hint}")
        cells = list(map(fields.get, columns))
        try:
            if not _SIMPLE.issuperset(map(type, cells)):
                cells = list(map(_cell, cells))
            row = self._encoded(cells)
            return row if self._is_open else self.end() + row
        except UnicodeEncodeError as error:
            raise ValueError(f"item {number} cannot be written: {_unencodable(error)}") from error
        except ValueError as error:
            raise ValueError(f"item {number} cannot be written as comma-separated values: {error}") from error

    def end(self) -> bytes:
        """Return the header if there was no row."""
        if self._is_open:
            return b""
        self._is_open = True
        names = self._encoded(self._columns) if self._has_names and self._columns is not None else b""
        return self._start + names

    def _encoded(self, cells: Sequence[Any]) -> bytes:
        """Return a row that ends with a line feed: the writer quotes a lone CR only where lines end with one."""
        if self._escapes_formulas:
            cells = list(map(without_formula, cells))
        return f"{self._row(cells)[:-2]}\n".encode(self._encoding)


class _Echo:
    """A file that returns what is written to it, so that the writer of the standard library returns it too."""

    def write(self, text: str) -> str:
        return text


def _fields(item: Any, number: int) -> Mapping[str, Any]:
    if type(item) is dict:
        return cast("dict[str, Any]", item)
    plain = to_jsonable_python(item, fallback=str)
    if not is_mapping(plain):
        hint = "comma-separated values need objects with fields"
        raise ValueError(f"item {number} is not an object, but {type(item).__name__}; {hint}")
    return plain


def without_formula(cell: Any) -> Any:
    """Return the content of a cell that no spreadsheet takes for a formula: an apostrophe makes it text.

    Example:
        >>> without_formula("=1+1"), without_formula("-1.5"), without_formula("@sum")
        ("'=1+1", '-1.5', "'@sum")
    """
    is_formula = isinstance(cell, str) and cell.startswith(_FORMULA) and not _NUMBER.fullmatch(cell)
    return f"'{cell}" if is_formula else cell


def _cell(value: Any) -> str:
    """Return a value as the content of a cell; lists and objects are written as JSON."""
    if type(value) is str:
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not isfinite(value):
            raise ValueError(f"{value} is not a finite number")
        return repr(value)
    plain = to_jsonable_python(value)
    return to_json(plain).decode() if is_mapping(plain) or is_sequence(plain) else _cell(plain)


def _not_unicode(item: Any) -> str:
    """Return what is wrong with an item that cannot be written, if it is the name of a file."""
    shown = ascii(item)
    if not _RAW_BYTES.search(shown):
        return ""
    return f"it has bytes that are not UTF-8, as from the name of a file: {shorten(shown, _SHOWN_CHARS)}"


def _unencodable(error: UnicodeEncodeError) -> str:
    if reason := _not_unicode(error.object):
        return reason
    found = ", ".join(f"U+{ord(char):04X}" for char in error.object[error.start : error.end])
    return f"{found} cannot be expressed in {error.encoding}; set another encoding"
