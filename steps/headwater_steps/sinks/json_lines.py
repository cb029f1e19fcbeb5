"""Files of JSON lines."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from headwater import step
from headwater_steps.files.compression import Compression
from headwater_steps.files.encoders import JsonEncoder
from headwater_steps.files.facts import FileSummary
from headwater_steps.sinks.rows import write_rows

__all__ = ["jsonl"]


@step("sink.jsonl", blocking=True)
def jsonl(
    items: Iterable[Any], *, path: Path, overwrite: bool = False, compression: Compression = "auto"
) -> FileSummary:
    """Write the items of a stream to a file of JSON lines (https://jsonlines.org).

    The file appears when all of it is on the disk: it is written beside its place, and renamed. A failure, a cancel or
    a full disk leaves nothing behind. Header and footer of the stream are not written.

    Args:
        items: Anything that JSON can express: also models, dataclasses, dates, sets and the like; no NaN.
        path: The file; a relative path starts at the working directory, whose folder must exist.
        overwrite: Whether a file that is there already is replaced; otherwise it is an error.
        compression: How the file is compressed; `auto` tells it by the name's end (`.gz`, `.bz2`, `.xz`, `.zst`).

    Returns:
        What was written.

    Raises:
        FileExistsError: There is a file already.
        OSError: The file cannot be written.
        ValueError: An item cannot be written as JSON.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     written = jsonl([{"score": 3}, {"score": 5}], path=Path(folder, "scores.jsonl"))
        >>> written.items, written.size_bytes
        (2, 24)
    """
    return write_rows(items, path, JsonEncoder(), compression=compression, overwrite=overwrite)
