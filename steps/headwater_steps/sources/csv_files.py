"""The kind `source.csv`: files of comma-separated values."""

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
_HINT = "repair the row, or set on_bad to skip or reject"
_CUT_OFF = "unexpected end"
_REPLACED = "\ufffd"
_SAID_BETTER = {
    _CUT_OFF: "a quoted cell has no end",
    "expected after": "there is something between the end of a quoted cell and the next delimiter",
    "new-line": "there is a lone carriage return in a cell without quotes",
    "field limit": "a cell is longer than 131,072 characters; perhaps a closing quote is missing",
}
"""Messages of the reader of the standard library, in words for the author of the file."""


class Records(Outputs):
    """The outputs of `source.csv`."""

    out: Stream[dict[str, Any], FileHeader, FileFooter]
    rejected: SidePort[BadRow]


class CsvRows:
    """Rows of cells, as objects by the names of the columns."""

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
        self._waiting: list[str] = []  # the lines of a row that is not complete
        self._is_broken = False  # whether there is U+FFFD in them for invalid bytes
        self._lines = 0  # without those that wait
        self._items = 0
        self._blank_lines = 0
        if names is not None:
            self._take_names(names)

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
        return self._bad_rows.footer(lines=self._lines, items=self._items, blank_lines=self._blank_lines)

    def _frames(self, piece: bytes, *, final: bool) -> Iterator[Any]:
        """Yield the rows of the lines that wait and of more lines; an incomplete last row waits again."""
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
            yield from self._bad_rows.take(self._lines + start + 1, reason, text, hint=_HINT)
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
        """Return the rows of some lines if all of them are good, otherwise None."""
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
        """Read rows up to a bad one."""
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
        """Take one row, and return what is wrong with it, if anything."""
        if self._is_broken and any(_REPLACED in cell for cell in cells):
            return f"some bytes are not valid {self._cutter.encoding}"
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
        """Take the names of the columns; without them nothing can be read."""
        self._names = tuple(names)
        twice = [name for name, count in Counter(names).items() if count > 1]
        unknown = [name for name in self._types if name not in names]
        if "" in names or twice:
            fault = f"several columns are called {twice[0]!r}" if twice and twice[0] else "a column has no name"
            hint = "correct the first row, or remove it and set names"
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

    The first row has the names, unless `names` has them. Every cell is a string, unless `types` says otherwise. A
    quoted cell may contain delimiters and line ends, and a quote that is written twice. A cell has at most 131,072
    characters, a row 1,048,576; more are always an error. Lines end with `\n` or `\r\n`; empty ones are left out, and
    counted. A pipe is read as it is written.

    Args:
        ctx: Takes the progress through the file.
        path: The file; a relative path starts at the working directory.
        delimiter: What separates cells, such as `;` or a tab (`"\t"`).
        quote: What surrounds a cell that contains a delimiter, a quote or a line end: `"` or `'`; null when quotes mean
            nothing.
        names: Names of the columns, for a file whose first row does not have them.
        types: Types of columns by name: `text`, `integer`, `number`, `boolean` (`true`, `yes` or `1` and their
            opposites), `date` or `datetime` (ISO 8601). An empty cell of a type other than `text` is null.
        encoding: How the file encodes its text; UTF-16 and UTF-32 without a byte order mark are little-endian.
        compression: How the file is compressed; `auto` goes by its first bytes, and by the end of its name (`.gz`,
            `.bz2`, `.xz`, `.zst`).
        on_bad: What happens to a row with too many or too few cells, wrong quotes, invalid bytes, or a cell that is not
            of its type: `fail` is an error with its line and the reason, `skip` leaves it out, `reject` sends it to the
            port `rejected`. By default `reject` if that port is connected, otherwise `fail`. The footer counts them.

    Yields:
        The header, every row, the footer; bad rows on the port `rejected`.

    Raises:
        OSError: The file cannot be read.
        BadLineError: A row is bad, or the names of the columns are.
        DamagedFileError: A compressed file is cut off or damaged.
        ValueError: `types` names a column that does not exist.

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
