"""Steps that write files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic_core import from_json, to_json

from headwater import step
from headwater_steps.files import FileSummary, replacing

__all__ = ["jsonl"]


@step("sink.jsonl", blocking=True)
def jsonl(items: Iterable[Any], *, path: Path, overwrite: bool = False) -> FileSummary:
    """Write the items of a stream to a file of JSON lines (https://jsonlines.org).

    The file appears when all of it is on the disk: it is written beside its place, and renamed. A failure, a cancel or
    a full disk leaves nothing behind. Header and footer of the stream are not written.

    Args:
        items: Anything that JSON can express: also models, dataclasses, dates, sets and the like; no NaN.
        path: The file; a relative path starts at the working directory, whose folder must exist.
        overwrite: Whether a file that is there already is replaced; otherwise it is an error.

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
    number = size_bytes = 0
    with replacing(path, overwrite=overwrite) as file:
        for number, item in enumerate(items, 1):
            size_bytes += file.write(_line(item, number))
    return FileSummary(path=str(path), items=number, size_bytes=size_bytes)


def _line(item: Any, number: int) -> bytes:
    try:
        line = to_json(item)
        if b"NaN" in line or b"Infinity" in line:  # as a text they may stand there, as a number they are no JSON
            from_json(line, allow_inf_nan=False)
    except ValueError as error:
        raise ValueError(f"item {number} cannot be written as JSON: {error}") from error
    return line + b"\n"
