"""What the sinks of one file have in common: it appears when it is whole, compressed or not."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from headwater_steps.files.compression import Compression, compressing, format_of
from headwater_steps.files.encoders import RowEncoder
from headwater_steps.files.facts import FileSummary
from headwater_steps.files.whole import replacing

__all__ = ["write_rows"]


def write_rows(
    items: Iterable[Any], path: Path, encoder: RowEncoder, *, compression: Compression, overwrite: bool
) -> FileSummary:
    """Write the items of a stream to a file.

    Args:
        items: The items.
        path: The file.
        encoder: Makes rows of them.
        compression: How the file is to be compressed.
        overwrite: Whether a file that is there already is replaced.

    Returns:
        What was written.

    Raises:
        FileExistsError: There is a file already.
        OSError: The file cannot be written.
        ValueError: An item cannot be written.
    """
    number = 0
    format_ = format_of(path, compression)
    with replacing(path, overwrite=overwrite) as raw:
        with nullcontext(raw) if format_ == "none" else compressing(raw, format_) as file:
            write = file.write
            for number, item in enumerate(items, 1):
                write(encoder.encode(item, number))
            write(encoder.end())
        size_bytes = raw.tell()
    return FileSummary(path=str(path), items=number, size_bytes=size_bytes)
