"""Files of comma-separated values."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from headwater import step
from headwater_steps.files.compression import Compression
from headwater_steps.files.encoders import CsvEncoder
from headwater_steps.files.encodings import Encoding
from headwater_steps.files.facts import FileSummary
from headwater_steps.sinks.rows import write_rows

__all__ = ["Columns", "Delimiter", "csv"]

Delimiter = Annotated[str, Field(min_length=1, max_length=1, pattern=r'^[^\r\n"]$')]
Columns = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]


@step("sink.csv", blocking=True)
def csv(
    items: Iterable[Any],
    *,
    path: Path,
    columns: Columns | None = None,
    header: bool = True,
    delimiter: Delimiter = ",",
    encoding: Encoding = "utf-8",
    overwrite: bool = False,
    compression: Compression = "auto",
) -> FileSummary:
    r"""Write the items of a stream to a file of comma-separated values (RFC 4180).

    The file appears when all of it is on the disk: it is written beside its place, and renamed. A failure, a cancel or
    a full disk leaves nothing behind. Header and footer of the stream are not written. Lines end with `\n`.

    A cell is empty where an item lacks the field or has null there; true and false are written so, dates and times as
    ISO 8601, lists and objects as JSON.

    Args:
        items: Objects, models or dataclasses.
        path: The file; a relative path starts at the working directory, whose folder must exist.
        columns: The fields to write, in this order; other fields are left out. By default they are those of the first
            item, and it is an error when a later one has others.
        header: Whether the first row has the names of the columns.
        delimiter: What stands between cells, such as `;` or a tabulator (`"\t"`).
        encoding: How the text is encoded.
        overwrite: Whether a file that is there already is replaced; otherwise it is an error.
        compression: How the file is compressed; `auto` tells it by the name's end (`.gz`, `.bz2`, `.xz`, `.zst`).

    Returns:
        What was written; the row of names is no item.

    Raises:
        FileExistsError: There is a file already.
        OSError: The file cannot be written.
        ValueError: An item is no object, has a field without a column, or a character or number that cannot be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     written = csv([{"name": "salt", "price": 1.5}, {"name": "water"}], path=Path(folder, "prices.csv"))
        ...     Path(folder, "prices.csv").read_text()
        'name,price\nsalt,1.5\nwater,\n'
    """
    encoder = CsvEncoder(columns, delimiter=delimiter, header=header, encoding=encoding)
    return write_rows(items, path, encoder, compression=compression, overwrite=overwrite)
