"""The kind `sink.files`: a file for each value of a field."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from headwater import step
from headwater.toolkit import MISSING, FieldPath, MissingFieldError, PathUse, Reads, field_finder
from headwater_steps.files.compression import is_available, suffix_of
from headwater_steps.files.encoders import CsvEncoder, JsonEncoder, RowEncoder, TextEncoder
from headwater_steps.files.folder_writer import FolderSummary, Layout, replacing_files

__all__ = ["files"]

Format = Literal["jsonl", "csv", "text"]

_FORMATS: Final[dict[Format, tuple[str, Callable[[], RowEncoder]]]] = {
    "jsonl": (".jsonl", JsonEncoder),
    "csv": (".csv", CsvEncoder),
    "text": (".txt", TextEncoder),
}


def _names(params: Mapping[str, Any]) -> str:
    return f"*{_FORMATS[params['format']][0]}{suffix_of(params['compression'])}"


Filled = Annotated[Path, PathUse(writes=True, names=_names)]


@step("sink.files", blocking=True)
def files(
    items: Annotated[Iterable[Any], Reads(at="by"), Reads(at="write")],
    *,
    folder: Filled,
    by: FieldPath,
    write: FieldPath | None = None,
    format: Format = "jsonl",
    formulas: Literal["keep", "escape"] = "keep",
    compression: Annotated[Literal["none", "gzip", "bzip2", "xz", "zstd"], AfterValidator(is_available)] = "none",
    overwrite: bool = False,
    max_files: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000,
) -> FolderSummary:
    """Write the items of a stream to the files of a folder, one for each value of a field.

    A file has the name of the value, with the suffix of its format. The files appear when all are complete: they are
    written beside their places, and renamed one after the other. A failure, a cancel or a full disk before that leaves
    nothing behind.

    No value leaves the folder: what cannot be in a name (such as `/`, a dot at the start, or a name that some system
    reserves) is written as `%` and hexadecimal digits, and a link in the folder is an error instead of being followed.
    Values whose files are the same on some system, such as `a` and `A`, are an error.

    Args:
        items: Objects, models or dataclasses that have the field.
        folder: The folder, which must exist; a relative path starts at the working directory.
        by: The field whose value chooses the file: a string, a number, true, false or null.
        write: The field that is written; the whole item by default.
        format: `jsonl`, `csv` (columns are the fields of the first item of each file), or `text` (strings, with
            `write`).
        formulas: What happens in `csv` to strings that a spreadsheet would take for formulas: `keep` writes them as
            they are, `escape` puts an apostrophe before them, as `sink.csv` does.
        compression: How the files are compressed; they get its suffix.
        overwrite: Whether existing files are replaced; otherwise they are an error.
        max_files: Most files; more are an error, which mostly means that `by` is the wrong field.

    Returns:
        What was written.

    Raises:
        FileExistsError: One of the files already exists.
        OSError: The folder is missing, or a file cannot be written.
        ValueError: An item lacks the field, cannot be written, or there are too many files.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     sales = [{"shop": "north", "sum": 3}, {"shop": "south", "sum": 5}, {"shop": "north", "sum": 1}]
        ...     written = files(sales, folder=Path(folder), by="shop")
        ...     sorted(path.name for path in Path(folder).iterdir()), written.items
        (['north.jsonl', 'south.jsonl'], 3)
    """
    find_key = field_finder(by)
    find = None if write is None else field_finder(write)
    suffix, encoder = _FORMATS[format]
    if format == "csv" and formulas == "escape":
        encoder = partial(CsvEncoder, escapes_formulas=True)
    layout = Layout(suffix, encoder, compression, overwrite, max_files)
    with replacing_files(folder, layout) as written:
        for number, item in enumerate(items, 1):
            key = find_key(item)
            value = item if find is None else find(item)
            if key is MISSING or value is MISSING:
                raise MissingFieldError(by if key is MISSING else write or "", item, "filter such items out", number)
            written.add(key, value, number)
    return written.summary()
