"""What is told of files: before the first line, after the last one, of bad rows, of what was written."""

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

    Args:
        path: The file.
        line: Number of the line, from 1.
        reason: What is wrong, and what to do where that is not obvious.
        column: Where on the line, from 1; None when that is not known.

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
    """What is known of a file before its first line.

    Args:
        path: The file, as it was given.
        size_bytes: Its size, compressed if it is; None for what has none, such as a pipe.
    """

    path: str
    size_bytes: int | None


class FileFooter(BaseModel, frozen=True):
    """What is known of a file after its last line.

    Args:
        lines: How many lines it has.
        items: How many items were read from them.
        blank_lines: Lines with nothing on them, where those are no items.
        bad_rows: Rows (lines, but where a row may have several) that cannot be read, whatever became of them.
        first_bad_lines: Numbers of the first lines of the first ten of them, from 1.
    """

    lines: int
    items: int
    blank_lines: int = 0
    bad_rows: int = 0
    first_bad_lines: tuple[int, ...] = ()


class BadRow(BaseModel, frozen=True):
    """A row of a file that cannot be read.

    Args:
        line: Number of its first line, from 1.
        reason: What is wrong with it.
        text: The row as it stands in the file, with U+FFFD in the place of bytes that are no text.
        column: Where on the line the fault is, from 1; None when that is not known.
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
    """Return the size of an open file.

    Args:
        file: The file.

    Returns:
        Bytes, or None for what is no regular file.
    """
    status = os.fstat(file.fileno())
    return status.st_size if S_ISREG(status.st_mode) else None
