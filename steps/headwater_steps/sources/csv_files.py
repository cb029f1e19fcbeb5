"""The kind `source.csv`: files of comma-separated values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from headwater import Outputs, SidePort, StepContext, Stream, step
from headwater.toolkit import InputPath, NeededWhen, OnBad
from headwater_steps.files.bad_rows import BadRows
from headwater_steps.files.cells import CellType
from headwater_steps.files.compression import Compression
from headwater_steps.files.csv_dialect import CsvDialect
from headwater_steps.files.csv_rows import CsvRows
from headwater_steps.files.encodings import Encoding
from headwater_steps.files.models import BadRow, FileFooter, FileHeader
from headwater_steps.files.rows import read_rows

__all__ = ["Records", "csv"]

Delimiter = Annotated[str, Field(min_length=1, max_length=1, pattern=r"""^[^\r\n"']$""")]
Char = Annotated[str, Field(min_length=1, max_length=1, pattern=r"^[^\r\n]$")]
Quote = Literal['"', "'"]
Names = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]


class Records(Outputs):
    """The outputs of `source.csv`."""

    out: Stream[dict[str, Any], FileHeader, FileFooter]
    rejected: Annotated[SidePort[BadRow], NeededWhen("on_bad", "reject")]


@step("source.csv", blocking=True)
def csv(  # noqa: PLR0913 - files differ in many ways
    ctx: StepContext,
    *,
    path: InputPath,
    delimiter: Delimiter = ",",
    quote: Quote | None = '"',
    escape: Char | None = None,
    skip_initial_space: bool = False,
    comment: Char | None = None,
    skip_lines: Annotated[int, Field(ge=0)] = 0,
    names: Names | None = None,
    headers: Literal["strict", "rename"] = "strict",
    ragged: Literal["bad", "fill", "cut", "fit"] = "bad",
    types: dict[str, CellType] | None = None,
    decimal: Literal[".", ","] = ".",
    encoding: Encoding = "utf-8",
    compression: Compression = "auto",
    on_bad: OnBad | None = None,
) -> Iterator[Records]:
    r"""Read a file of comma-separated values (RFC 4180) as objects, by the names of its columns.

    The first row has the names, unless `names` has them. Every cell is a string, unless `types` says otherwise. A
    quoted cell may contain delimiters and line ends, and a quote that is written twice. A quote that is never closed,
    or closed where no delimiter follows, makes its line a bad row; the lines after it are read. A cell has at most
    131,072 characters, a row 1,048,576; more are always an error. Lines end with `\n` or `\r\n`; empty ones are left
    out, and counted. A pipe is read as it is written.

    Args:
        ctx: Takes the progress through the file.
        path: The file; a relative path starts at the working directory.
        delimiter: What separates cells, such as `;` or a tab (`"\t"`).
        quote: What surrounds a cell that contains a delimiter, a quote or a line end: `"` or `'`; null when quotes mean
            nothing.
        escape: What takes the meaning from the character after it, such as a backslash, within quotes and without.
        skip_initial_space: Whether spaces after a delimiter are left out; without it, a quote after a space is part of
            a cell without quotes.
        comment: What begins a line that is left out, such as `#`; within a quoted cell it means nothing.
        skip_lines: How many lines before the first row are left out.
        names: Names of the columns, for a file whose first row does not have them.
        headers: What happens to a first row with names that are empty or there twice: `strict` is an error, `rename`
            calls them by their place (`column_3`) or adds a number (`id_2`).
        ragged: What happens to a row with another number of cells than columns: `bad` makes it a bad row, `fill` adds
            empty cells where some are missing, `cut` leaves out those beyond the last column, `fit` does both. The
            footer counts them.
        types: Types of columns by name: `text`, `integer`, `number`, `boolean` (`true`, `yes` or `1` and their
            opposites), `date` or `datetime` (ISO 8601). An empty cell of a type other than `text` is null.
        decimal: What stands before the fraction of a number: a point or a comma.
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
        >>> from pathlib import Path
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
    dialect = CsvDialect(
        delimiter=delimiter,
        quote=quote,
        escape=escape,
        comment=comment,
        skip_lines=skip_lines,
        skip_initial_space=skip_initial_space,
        fills=ragged in {"fill", "fit"},
        cuts=ragged in {"cut", "fit"},
        renames=headers == "rename",
        decimal=decimal,
    )
    bad_rows = BadRows(path, on_bad, ctx)
    rows = CsvRows(path, names, types or {}, dialect=dialect, encoding=encoding, bad_rows=bad_rows)
    yield from read_rows(path, compression, ctx, rows)
