"""Records about files: headers, footers, bad rows, summaries."""

from __future__ import annotations

import os
from pathlib import Path
from stat import S_ISREG
from typing import IO, Any

from pydantic import BaseModel

from headwater import HeadwaterError

__all__ = ["BadLineError", "BadRow", "FileFooter", "FileHeader", "FileSummary", "size_of"]


class BadLineError(HeadwaterError, ValueError):
    """A line of a file cannot be read.

    Example:
        >>> print(BadLineError(Path("data.jsonl"), 7, "expected a value", 3))
        data.jsonl:7:3: expected a value
    """

    def __init__(self, path: Path | str, line: int, reason: str, column: int | None = None) -> None:
        super().__init__(path, line, reason, column)
        self.path = path
        self.line = line
        self.reason = reason
        self.column = column

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.path, self.line, self.column) if part is not None)
        return f"{place}: {self.reason}"


class FileHeader(BaseModel, frozen=True):
    """What is known about a file before its first line.

    Args:
        path: The file, as it was given.
        size_bytes: Its size on the disk; None for a file without a size, such as a pipe.
    """

    path: str
    size_bytes: int | None


class FileFooter(BaseModel, frozen=True):
    """What is known about a file after its last line.

    Args:
        lines: How many lines it has.
        items: How many items were read from them.
        blank_lines: Empty lines, where those are not items.
        bad_rows: Rows (or lines) that cannot be read, whether they were skipped, replaced or rejected.
        first_bad_lines: Line numbers of the first ten of them, from 1.
        comment_lines: Comments, and lines before the first row, where those are left out.
        ragged_rows: Rows that were filled or cut to the number of columns.
    """

    lines: int
    items: int
    blank_lines: int = 0
    bad_rows: int = 0
    first_bad_lines: tuple[int, ...] = ()
    comment_lines: int = 0
    ragged_rows: int = 0


class BadRow(BaseModel, frozen=True):
    """A row of a file that cannot be read.

    Args:
        line: Number of its first line, from 1.
        reason: What is wrong with it.
        text: The row as it is in the file, with U+FFFD in the place of invalid bytes.
        column: Where on the line the fault is, from 1; None when it is not known.
    """

    line: int
    reason: str
    text: str
    column: int | None = None


class FileSummary(BaseModel, frozen=True):
    """What was written to a file.

    Args:
        path: The file, as it was given.
        items: How many items are in it.
        size_bytes: Its size.
    """

    path: str
    items: int
    size_bytes: int


def size_of(file: IO[Any]) -> int | None:
    """Return the size of an open file, or None for one that is not a regular file."""
    status = os.fstat(file.fileno())
    return status.st_size if S_ISREG(status.st_mode) else None
