"""Rows of comma-separated values: bytes go in, objects by the names of the columns come out."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any, Final

from headwater import Batch
from headwater_steps.files.bad_rows import BadRows
from headwater_steps.files.cells import CellType
from headwater_steps.files.csv_columns import checked_names, converters
from headwater_steps.files.csv_dialect import CUT_OFF, CsvDialect, LineReader, fault_of
from headwater_steps.files.encodings import LineCutter
from headwater_steps.files.models import BadLineError, FileFooter

__all__ = ["CsvRows"]

_LONGEST_ROW: Final = 1024 * 1024
_HINT: Final = "repair the row, or set on_bad to skip or reject"
_REPLACED: Final = "\ufffd"
_REREAD_CHARS: Final = 4 * 1024 * 1024
_REREAD_FACTOR: Final = 4
"""Most characters that are read again behind bad rows, and how many more for each that is read: so time is linear."""


class CsvRows:
    """Rows of cells, as objects by the names of the columns."""

    def __init__(
        self,
        path: Path | str,
        names: Sequence[str] | None,
        types: Mapping[str, CellType],
        *,
        dialect: CsvDialect,
        encoding: str,
        bad_rows: BadRows,
    ) -> None:
        self._path = path
        self._types = types
        self._dialect = dialect
        self._cutter = LineCutter(encoding, path)
        self._bad_rows = bad_rows
        self._names: tuple[str, ...] = ()
        self._converters: list[tuple[int, Callable[[str], Any]]] = []
        self._waiting: list[str] = []  # the lines of a row that is not complete
        self._is_broken = False  # whether there is U+FFFD in them for invalid bytes
        self._lines = 0  # without those that wait
        self._items = 0
        self._blank_lines = 0
        self._comment_lines = 0
        self._ragged_rows = 0
        self._reread_chars = _REREAD_CHARS
        if names is not None:
            self._take_names(names, 1)

    def feed(self, block: bytes) -> Iterator[Any]:
        """Take the bytes that follow, and yield the rows that are complete with them."""
        if piece := self._cutter.feed(block):
            yield from self._frames(piece, final=False)
        if max(self._cutter.waiting_bytes, sum(map(len, self._waiting))) > _LONGEST_ROW:
            reason = f"the row is longer than {_LONGEST_ROW:,} characters; are these comma-separated values?"
            raise BadLineError(self._path, self._lines + 1, reason)

    def flush(self) -> Iterator[Any]:
        """Take the end of the input, and yield what is left."""
        yield from self._frames(self._cutter.flush(), final=True)

    def footer(self) -> FileFooter:
        """Return what is known after the end."""
        footer = self._bad_rows.footer(lines=self._lines, items=self._items, blank_lines=self._blank_lines)
        self._bad_rows.report_ragged(self._ragged_rows)
        counts = {"comment_lines": self._comment_lines, "ragged_rows": self._ragged_rows}
        return footer.model_copy(update=counts)

    def _frames(self, piece: bytes, *, final: bool) -> Iterator[Any]:
        """Yield the rows of the lines that wait and of more lines; an incomplete last row waits again."""
        lines = [*self._waiting, *StringIO(self._decoded(piece), newline="\n")]
        if self._lines < self._dialect.skip_lines:
            skipped = min(self._dialect.skip_lines - self._lines, len(lines))
            self._lines += skipped
            self._comment_lines += skipped
            del lines[:skipped]
        if (records := self._all(lines)) is not None:
            self._lines += len(lines)
            self._waiting = []
            yield self._batch(records)
            return
        self._reread_chars += _REREAD_FACTOR * len(piece)
        start = 0
        while True:
            good: list[dict[str, Any]] = []
            rows = LineReader(self._dialect, lines, start)
            start, fault = self._read(rows, good, start)
            yield self._batch(good)
            if not fault or (CUT_OFF in str(fault) and not final):
                break
            end, reason = self._bad_row(fault, lines, start, rows.end)
            text = "".join(lines[start:end]).rstrip("\r\n")
            yield from self._bad_rows.take(self._lines + start + 1, reason, text, hint=_HINT)
            start = end
        self._lines += start
        self._waiting = lines[start:]
        self._is_broken = self._is_broken and bool(self._waiting)

    def _batch(self, records: list[dict[str, Any]]) -> Batch[dict[str, Any]]:
        self._items += len(records)
        return Batch(records)

    def _decoded(self, piece: bytes) -> str:
        try:
            return piece.decode(self._cutter.encoding)
        except UnicodeDecodeError:
            self._is_broken = True
            return piece.decode(self._cutter.encoding, "replace")

    def _all(self, lines: list[str]) -> list[dict[str, Any]] | None:
        """Return the rows of some lines if all of them are good, otherwise None."""
        names = self._names
        comment = self._dialect.comment
        if self._is_broken or not names or (comment and any(line.startswith(comment) for line in lines)):
            return None
        try:
            table: list[list[Any]] = list(self._dialect.rows(lines))
            if not {len(names)}.issuperset(map(len, table)):
                return None
            for index, convert in self._converters:
                for cells in table:
                    cells[index] = convert(cells[index])
        except (csv.Error, ValueError):
            return None
        return [dict(zip(names, cells, strict=False)) for cells in table]

    def _read(self, rows: LineReader, good: list[dict[str, Any]], start: int) -> tuple[int, str | csv.Error]:
        """Read rows up to a bad one; return where it starts, and what is wrong with it."""
        comments = 0
        fault: str | csv.Error = ""
        try:
            for cells in rows:
                if cells:
                    fault = self._take(cells, good, rows.end)
                elif rows.comments == comments:
                    self._blank_lines += 1
                if fault:
                    break
                comments = rows.comments
                start = rows.end
        except csv.Error as error:
            fault = error
        self._comment_lines += comments
        return start, fault

    def _take(self, cells: list[Any], good: list[dict[str, Any]], end: int) -> str:
        """Take one row, and return what is wrong with it, if anything."""
        if self._is_broken and any(_REPLACED in cell for cell in cells):
            return f"some bytes are not valid {self._cutter.encoding}; set another encoding"
        names = self._names
        if not names:
            self._take_names(cells, self._lines + end)
            return ""
        if len(cells) != len(names) and not self._fits(cells):
            return f"the row has {len(cells)} cells, but there are {len(names)} columns{self._delimiter_hint()}"
        for index, convert in self._converters:
            try:
                cells[index] = convert(cells[index])
            except ValueError as error:
                return f"column {names[index]!r}: {error}"
        good.append(dict(zip(names, cells, strict=True)))
        return ""

    def _delimiter_hint(self) -> str:
        """Return a hint when the names of the columns look like one."""
        found = next((char for char in ";\t|" if len(self._names) == 1 and char in self._names[0]), None)
        return "" if found is None else f"; set delimiter to {found!r} if that separates the cells"

    def _fits(self, cells: list[Any]) -> bool:
        """Fill or cut a row that has another number of cells, if that is asked for."""
        surplus = len(cells) - len(self._names)
        if surplus > 0 and self._dialect.cuts:
            del cells[-surplus:]
        elif surplus < 0 and self._dialect.fills:
            cells += [""] * -surplus
        else:
            return False
        self._ragged_rows += 1
        return True

    def _bad_row(self, fault: str | csv.Error, lines: list[str], start: int, end: int) -> tuple[int, str]:
        """Return where a bad row ends, and what is wrong with it.

        An opening quote that should not be there takes all lines to the next quote: the row ends with its line.
        """
        reason = fault_of(str(fault), "".join(lines[start:end]), self._dialect)
        if not isinstance(fault, csv.Error) or end - start == 1:
            return end, reason
        span = lines[start:end]
        last = self._lines + end
        size = sum(map(len, span))
        if size > self._reread_chars:
            return end, f"{reason}; the row has all lines up to line {last}"
        self._reread_chars -= size
        opened = start + self._dialect.open_line(span) + 1
        if opened < end and CUT_OFF not in str(fault):
            reason = (
                f"the quote that opens a cell on line {self._lines + opened} is closed only on line {last}: {reason}"
            )
        return opened, reason

    def _take_names(self, names: Sequence[str], line: int) -> None:
        """Take the names of the columns; without them nothing can be read."""
        self._names = checked_names(names, self._path, line, renames=self._dialect.renames)
        self._converters = converters(self._names, self._types, self._path, self._dialect.decimal)
