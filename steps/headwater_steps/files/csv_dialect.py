"""Dialects of comma-separated values: how lines become rows of cells."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from headwater_steps.files.encodings import NO_LINE_FEED

__all__ = ["CUT_OFF", "CsvDialect", "LineReader", "fault_of"]

CUT_OFF: Final = "unexpected end"
"""What the reader of the standard library says of a quoted cell without an end."""

_SAID_BETTER: Final = {
    CUT_OFF: "a quoted cell has no end",
    "expected after": "there is something between the end of a quoted cell and the next delimiter",
    "new-line": "there is a lone carriage return in a cell without quotes",
    "field limit": "a cell is longer than 131,072 characters; perhaps a closing quote is missing",
}
"""Messages of the reader of the standard library, in words for the author of the file."""


@dataclass(frozen=True, slots=True)
class CsvDialect:
    """How cells and rows are separated.

    `ragged` says whether rows with too few cells are filled and those with too many are cut.
    """

    delimiter: str = ","
    quote: str | None = '"'
    escape: str | None = None
    comment: str | None = None
    skip_lines: int = 0
    skip_initial_space: bool = False
    fills: bool = False
    cuts: bool = False
    renames: bool = False
    decimal: str = "."

    def __post_init__(self) -> None:
        roles = {"delimiter": self.delimiter, "quote": self.quote, "escape": self.escape, "comment": self.comment}
        taken: dict[str, str] = {}
        for role, char in roles.items():
            if char is not None and (other := taken.setdefault(char, role)) != role:
                raise ValueError(f"{other} and {role} are both {char!r}; set one of them to another character")

    def rows(self, lines: Any) -> Any:
        """Return a reader of the standard library for some lines."""
        return csv.reader(
            lines,
            strict=True,
            delimiter=self.delimiter,
            quotechar=self.quote,
            quoting=csv.QUOTE_NONE if self.quote is None else csv.QUOTE_MINIMAL,
            escapechar=self.escape,
            skipinitialspace=self.skip_initial_space,
        )

    def open_line(self, lines: Sequence[str]) -> int:
        """Return the index of the line where the last quoted cell of some lines begins."""
        found = 0
        is_quoted = is_start = True
        is_quoted = False
        skips = False
        for index, line in enumerate(lines):
            chars = iter(line)
            for char in chars:
                if skips:
                    skips = False
                elif char == self.escape:
                    skips, is_start = True, False
                elif is_quoted:
                    is_quoted = char != self.quote
                elif char == self.quote and is_start:
                    is_quoted, found = True, index
                else:
                    is_start = char == self.delimiter or (is_start and self.skip_initial_space and char == " ")
        return found


class LineReader:
    """Rows of some lines, one after the other, with the place in the lines; comments are blank rows."""

    def __init__(self, dialect: CsvDialect, lines: list[str], start: int) -> None:
        self.lines: list[str] = lines
        self.end: int = start
        self.comments: int = 0
        self._comment = dialect.comment
        self._is_row_start = True
        self._rows = dialect.rows(self._taken())

    def __iter__(self) -> Iterator[list[str]]:
        for cells in self._rows:
            yield cells
            self._is_row_start = True

    def _taken(self) -> Iterator[str]:
        while self.end < len(self.lines):
            line = self.lines[self.end]
            self.end += 1
            if self._comment is not None and self._is_row_start and line.startswith(self._comment):
                self.comments += 1
                line = "\n"
            self._is_row_start = False
            yield line


def fault_of(message: str, row: str, dialect: CsvDialect) -> str:
    """Return what is wrong with a row, for the author of the file."""
    if "new-line" in message and "\n" not in row:
        return NO_LINE_FEED
    reason = next((better for said, better in _SAID_BETTER.items() if said in message), message)
    if not dialect.skip_initial_space and dialect.quote and f"{dialect.delimiter} {dialect.quote}" in row:
        return f"{reason}; a quote after a space does not begin a quoted cell, unless skip_initial_space is set"
    return reason
