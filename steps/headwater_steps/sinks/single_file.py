"""The kinds `sink.jsonl`, `sink.csv` and `sink.text`: a file that appears when it is complete."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from headwater import step
from headwater.toolkit import OutputPath, Reads, atomic_file
from headwater_steps.files.compression import Compression, compressing, format_of
from headwater_steps.files.encoders import CsvEncoder, JsonEncoder, Row, RowEncoder, TextEncoder
from headwater_steps.files.encodings import Encoding
from headwater_steps.files.models import FileSummary

__all__ = ["csv", "jsonl", "text"]

Delimiter = Annotated[str, Field(min_length=1, max_length=1, pattern=r'^[^\r\n"]$')]
Formulas = Literal["keep", "escape"]
Columns = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]


@step("sink.jsonl", blocking=True)
def jsonl(
    items: Iterable[Any], *, path: OutputPath, overwrite: bool = False, compression: Compression = "auto"
) -> FileSummary:
    """Write the items of a stream to a file of JSON lines (https://jsonlines.org).

    The file appears when it is complete: it is written beside its place, and renamed. A failure, a cancel or a full
    disk leaves nothing behind. Header and footer of the stream are not written.

    Args:
        items: Anything that JSON can express, also models, dataclasses, dates and sets; not NaN.
        path: The file, in a folder that exists; a relative path starts at the working directory.
        overwrite: Whether an existing file is replaced; otherwise it is an error.
        compression: How the file is compressed; `auto` goes by the end of its name (`.gz`, `.bz2`, `.xz`, `.zst`).

    Returns:
        What was written.

    Raises:
        FileExistsError: The file already exists.
        OSError: The file cannot be written.
        ValueError: An item cannot be written as JSON.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     written = jsonl([{"score": 3}, {"score": 5}], path=Path(folder, "scores.jsonl"))
        >>> written.items, written.size_bytes
        (2, 24)
    """
    return _write(items, path, JsonEncoder(), compression=compression, overwrite=overwrite)


@step("sink.csv", blocking=True)
def csv(
    items: Annotated[Iterable[Any], Reads(Row)],
    *,
    path: OutputPath,
    columns: Columns | None = None,
    header: bool = True,
    delimiter: Delimiter = ",",
    formulas: Formulas = "keep",
    encoding: Encoding = "utf-8",
    overwrite: bool = False,
    compression: Compression = "auto",
) -> FileSummary:
    r"""Write the items of a stream to a file of comma-separated values (RFC 4180).

    The file appears when it is complete: it is written beside its place, and renamed. A failure, a cancel or a full
    disk leaves nothing behind. Header and footer of the stream are not written. Lines end with `\n`.

    A cell is empty if the item lacks the field or has null there. Dates and times are written as ISO 8601, lists and
    objects as JSON.

    Args:
        items: Objects, models or dataclasses.
        path: The file, in a folder that exists; a relative path starts at the working directory.
        columns: The fields to write, in this order; other fields are left out. By default those of the first item, and
            a later item with others is an error.
        header: Whether the first row has the names of the columns.
        delimiter: What separates cells, such as `;` or a tab (`"\t"`).
        formulas: What happens to strings that a spreadsheet would take for formulas, such as `=1+1` or `@x`: `keep`
            writes them as they are, `escape` puts an apostrophe before them. Use `escape` if the data come from
            strangers and people open the file; numbers stay as they are.
        encoding: How the text is encoded.
        overwrite: Whether an existing file is replaced; otherwise it is an error.
        compression: How the file is compressed; `auto` goes by the end of its name (`.gz`, `.bz2`, `.xz`, `.zst`).

    Returns:
        What was written; the row of names does not count as an item.

    Raises:
        FileExistsError: The file already exists.
        OSError: The file cannot be written.
        ValueError: An item is not an object, has a field without a column, or a character or number that cannot be
            written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     written = csv([{"name": "salt", "price": 1.5}, {"name": "water"}], path=Path(folder, "prices.csv"))
        ...     Path(folder, "prices.csv").read_text()
        'name,price\nsalt,1.5\nwater,\n'
    """
    escapes = formulas == "escape"
    encoder = CsvEncoder(columns, delimiter=delimiter, header=header, encoding=encoding, escapes_formulas=escapes)
    return _write(items, path, encoder, compression=compression, overwrite=overwrite)


@step("sink.text", blocking=True)
def text(
    items: Iterable[str],
    *,
    path: OutputPath,
    end: str = "\n",
    encoding: Encoding = "utf-8",
    overwrite: bool = False,
    compression: Compression = "auto",
) -> FileSummary:
    r"""Write strings to a file, each on a line of its own.

    The file appears when it is complete: it is written beside its place, and renamed. A failure, a cancel or a full
    disk leaves nothing behind. Header and footer of the stream are not written.

    Args:
        items: Strings; one that contains a line end makes several lines.
        path: The file, in a folder that exists; a relative path starts at the working directory.
        end: What follows each string; empty to write the pieces of one text.
        encoding: How the text is encoded; UTF-16 and UTF-32 begin with a byte order mark.
        overwrite: Whether an existing file is replaced; otherwise it is an error.
        compression: How the file is compressed; `auto` goes by the end of its name (`.gz`, `.bz2`, `.xz`, `.zst`).

    Returns:
        What was written.

    Raises:
        FileExistsError: The file already exists.
        OSError: The file cannot be written.
        ValueError: A string has a character that the encoding cannot express.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     written = text(["a rose", "is a rose"], path=Path(folder, "poem.txt"))
        ...     Path(folder, "poem.txt").read_text()
        'a rose\nis a rose\n'
    """
    return _write(items, path, TextEncoder(encoding, end), compression=compression, overwrite=overwrite)


def _write(
    items: Iterable[Any], path: Path, encoder: RowEncoder, *, compression: Compression, overwrite: bool
) -> FileSummary:
    """Write the items of a stream to a file."""
    number = 0
    format_ = format_of(path, compression)
    with atomic_file(path, overwrite=overwrite) as raw:
        with nullcontext(raw) if format_ is None else compressing(raw, format_) as file:
            write = file.write
            for number, item in enumerate(items, 1):
                write(encoder.encode(item, number))
            write(encoder.end())
        size_bytes = raw.tell()
    return FileSummary(path=str(path), items=number, size_bytes=size_bytes)
