"""Files of comma-separated values."""

from __future__ import annotations

import csv as csv_module
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from headwater import Batch, Outputs, SidePort, StepContext, Stream, step
from headwater.toolkit import OnBad
from headwater_steps.files.bad_rows import BadRows
from headwater_steps.files.cells import CellType, converter
from headwater_steps.files.compression import Compression
from headwater_steps.files.encodings import Encoding, LineCutter
from headwater_steps.files.models import BadLineError, BadRow, FileFooter, FileHeader
from headwater_steps.files.rows import read_rows

__all__ = ["CsvRows", "Records", "csv"]

Delimiter = Annotated[str, Field(min_length=1, max_length=1, pattern=r"""^[^\r\n"']$""")]
Quote = Literal['"', "'"]
Names = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]

_LONGEST_ROW: Final = 1024 * 1024
_MEND = "mend it, or set on_bad to skip or reject"
_CUT_OFF = "unexpected end"
_REPLACED = "\ufffd"
_SAID_BETTER = {
    _CUT_OFF: "a quoted cell has no end",
    "expected after": "something stands between the end of a quoted cell and the next delimiter",
    "new-line": "a carriage return stands alone in a cell without quotes",
    "field limit": "a cell is longer than 131,072 characters; perhaps the end of a quote is missing",
}
"""What the reader of the standard library says, in the words of who wrote the file."""


class Records(Outputs):
    """What comes of a file of comma-separated values."""

    out: Stream[dict[str, Any], FileHeader, FileFooter]
    rejected: SidePort[BadRow]


class CsvRows:
    """Rows of cells, as objects by the names of the columns.

    Args:
        path: What is read, for messages.
        names: Names of the columns; None when the first row has them.
        types: Types of the columns that are no texts, by name.
        dialect: How the standard library's reader is to be called.
        encoding: How the text is encoded.
        bad_rows: Takes the rows that cannot be read.
    """

    def __init__(
        self,
        path: Path | str,
        names: Sequence[str] | None,
        types: Mapping[str, CellType],
        *,
        dialect: Mapping[str, Any],
        encoding: str,
        bad_rows: BadRows,
    ) -> None:
        self._path = path
        self._types = types
        self._reader = partial(csv_module.reader, strict=True, **dialect)
        self._cutter = LineCutter(encoding)
        self._bad_rows = bad_rows
        self._names: tuple[str, ...] = ()
        self._converters: list[tuple[int, Callable[[str], Any]]] = []
        self._waiting: list[str] = []  # the lines of a row whose end has not come
        self._is_broken = False  # whether U+FFFD stands there for bytes that are no text
        self._lines = 0  # before those that wait
        self._items = 0
        self._blank_lines = 0
        if names is not None:
            self._take_names(names)

    def feed(self, block: bytes) -> Iterator[Any]:
        """Take the bytes that follow, and yield the rows that are whole with them."""
        if piece := self._cutter.feed(block):
            yield from self._frames(piece, final=False)
        if max(self._cutter.waiting_bytes, sum(map(len, self._waiting))) > _LONGEST_ROW:
            reason = f"the row is longer than {_LONGEST_ROW:,} characters; are these comma-separated values?"
            raise BadLineError(self._path, self._lines + 1, reason)

    def flush(self) -> Iterator[Any]:
        """Take the end of the text, and yield what is left."""
        yield from self._frames(self._cutter.flush(), final=True)

    def footer(self) -> FileFooter:
        """Return what is known after the end."""
        return self._bad_rows.footer(lines=self._lines, items=self._items, blank_lines=self._blank_lines)

    def _frames(self, piece: bytes, *, final: bool) -> Iterator[Any]:
        """Yield the rows of what has waited and of some more lines; a last row without an end waits again."""
        lines = [*self._waiting, *StringIO(self._decoded(piece), newline="\n")]
        if (records := self._all(lines)) is not None:
            self._lines += len(lines)
            self._waiting = []
            yield self._batch(records)
            return
        rows = self._reader(lines)
        good: list[dict[str, Any]] = []
        start, fault = self._read(rows, good, 0)
        while fault and (final or _CUT_OFF not in fault):
            yield self._batch(good)
            good = []
            end = rows.line_num
            reason = next((better for said, better in _SAID_BETTER.items() if said in fault), fault)
            text = "".join(lines[start:end]).rstrip("\r\n")
            yield from self._bad_rows.take(self._lines + start + 1, reason, text, hint=_MEND)
            start, fault = self._read(rows, good, end)
        self._lines += start
        self._waiting = lines[start:]
        self._is_broken = self._is_broken and bool(self._waiting)
        yield self._batch(good)

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
        """Return the rows of some lines if all of them are good; None when one has to be looked at."""
        names = self._names
        if self._is_broken or not names:
            return None
        try:
            table: list[list[Any]] = list(self._reader(lines))
            if not {len(names)}.issuperset(map(len, table)):
                return None
            for index, convert in self._converters:
                for cells in table:
                    cells[index] = convert(cells[index])
        except (csv_module.Error, ValueError):
            return None
        return [dict(zip(names, cells, strict=False)) for cells in table]

    def _read(self, rows: Any, good: list[dict[str, Any]], start: int) -> tuple[int, str]:
        """Read rows up to a bad one.

        Returns:
            How many lines there are before the bad row, and what is wrong with it; nothing at the end of the lines.
        """
        try:
            for cells in rows:
                if not cells:
                    self._blank_lines += 1
                elif fault := self._take(cells, good):
                    return start, fault
                start = rows.line_num
        except csv_module.Error as error:
            return start, str(error)
        return start, ""

    def _take(self, cells: list[Any], good: list[dict[str, Any]]) -> str:
        """Take a row that has to be looked at, and return what is wrong with it."""
        if self._is_broken and any(_REPLACED in cell for cell in cells):
            return f"some bytes are no {self._cutter.encoding} text"
        names = self._names
        if not names:
            self._take_names(cells)
            return ""
        if len(cells) != len(names):
            return f"the row has {len(cells)} cells, but there are {len(names)} columns"
        for index, convert in self._converters:
            try:
                cells[index] = convert(cells[index])
            except ValueError as error:
                return f"column {names[index]!r}: {error}"
        good.append(dict(zip(names, cells, strict=True)))
        return ""

    def _take_names(self, names: Sequence[str]) -> None:
        """Take the names of the columns; nothing can be read when they are wrong."""
        self._names = tuple(names)
        twice = [name for name, count in Counter(names).items() if count > 1]
        unknown = [name for name in self._types if name not in names]
        if "" in names or twice:
            fault = f"several columns are called {twice[0]!r}" if twice and twice[0] else "a column has no name"
            hint = "mend the first row, or take it away and set names"
            raise BadLineError(self._path, self._lines + 1, f"{fault}; {hint}")
        if unknown:
            found = ", ".join(map(repr, names))
            raise ValueError(f"{self._path}: types has {unknown[0]!r}, but the columns are {found}")
        self._converters = [
            (index, converter(self._types[name]))
            for index, name in enumerate(names)
            if self._types.get(name, "text") != "text"
        ]


@step("source.csv", blocking=True)
def csv(
    ctx: StepContext,
    *,
    path: Path,
    delimiter: Delimiter = ",",
    quote: Quote | None = '"',
    names: Names | None = None,
    types: dict[str, CellType] | None = None,
    encoding: Encoding = "utf-8",
    compression: Compression = "auto",
    on_bad: OnBad | None = None,
) -> Iterator[Records]:
    r"""Read a file of comma-separated values (RFC 4180) as objects, by the names of its columns.

    The first row has the names, unless `names` does. Every cell is a text, unless `types` says otherwise. A quoted cell
    may contain delimiters and line ends, and a quote that is written twice. A cell has at most 131,072 characters; a
    row of more than 1,048,576 is an error in any case.
    Lines end with `\n` or `\r\n`; empty ones are left out, and counted. A pipe is read as it is written.

    Args:
        ctx: Takes the progress through the file.
        path: The file; a relative path starts at the working directory.
        delimiter: What stands between cells, such as `;` or a tabulator (`"\t"`).
        quote: What stands around a cell that contains a delimiter, a quote or the end of a line: `"` or `'`; null when
            quotes mean nothing.
        names: Names of the columns, for a file without a row of them.
        types: What the cells of a column are, by its name: `text`, `integer`, `number`, `boolean` (`true`, `yes` or `1`
            and their opposites), `date` or `datetime` (ISO 8601). An empty cell of a type other than `text` is null.
        encoding: How the file encodes its text; UTF-16 and UTF-32 without a byte order mark are little-endian.
        compression: How the file is compressed; `auto` tells it by the name's end (`.gz`, `.bz2`, `.xz`, `.zst`).
        on_bad: What happens to a row with too many or too few cells, wrong quotes, bytes that are no text, or a cell
            that is not of its type: `fail` ends with its line and the reason, `skip` leaves it out, `reject` gives it
            to the port `rejected`. By default `reject` where that port leads somewhere, and `fail` elsewhere. The
            footer tells how many there were.

    Yields:
        The header, every row, the footer; bad rows on the port `rejected`.

    Raises:
        OSError: The file cannot be read.
        BadLineError: A row is bad, or the names of the columns are.
        DamagedFileError: A compressed file is cut off or damaged.
        ValueError: There is no column of a name in `types`.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from headwater import Pipeline, run_sync
        >>> with TemporaryDirectory() as folder:
        ...     prices = Path(folder, "prices.csv")
        ...     _ = prices.write_text("name,price\nsalt,1.50\nwater,\nfresh,cheap\n")
        ...     read = csv.with_params(path=prices, types={"price": "number"}, on_bad="skip")
        ...     result = run_sync(Pipeline("read", steps={"prices": read}))
        >>> result.output, result.footer.first_bad_lines
        ([{'name': 'salt', 'price': 1.5}, {'name': 'water', 'price': None}], (4,))
    """
    quoting = csv_module.QUOTE_NONE if quote is None else csv_module.QUOTE_MINIMAL
    dialect = {"delimiter": delimiter, "quotechar": quote, "quoting": quoting}
    bad_rows = BadRows(path, on_bad, ctx)
    rows = CsvRows(path, names, types or {}, dialect=dialect, encoding=encoding, bad_rows=bad_rows)
    yield from read_rows(path, compression, ctx, rows)
