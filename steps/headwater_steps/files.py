"""What the steps that read and write files share: what they tell of one, and how it is written whole."""

from __future__ import annotations

import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from stat import S_IMODE, S_ISREG
from typing import IO

from pydantic import BaseModel

__all__ = ["BadLineError", "FileFooter", "FileHeader", "FileSummary", "replacing", "size_of"]


class BadLineError(ValueError):
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

    def __init__(self, path: Path, line: int, reason: str, column: int | None = None) -> None:
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
        size_bytes: Its size; None for what has none, such as a pipe.
    """

    path: str
    size_bytes: int | None


class FileFooter(BaseModel, frozen=True):
    """What is known of a file after its last line.

    Args:
        lines: How many lines it has.
    """

    lines: int


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


def size_of(file: IO[bytes]) -> int | None:
    """Return the size of an open file.

    Args:
        file: The file.

    Returns:
        Bytes, or None for what is no regular file.
    """
    status = os.fstat(file.fileno())
    return status.st_size if S_ISREG(status.st_mode) else None


@contextmanager
def replacing(path: Path, *, overwrite: bool) -> Generator[IO[bytes]]:
    """Write a file whole or not at all: beside its place, and renamed when the block ends well.

    A block that ends by an error, of whatever kind, leaves the place as it was and no other file behind. What a rename
    gives is on the disk before this returns.

    Args:
        path: Where the file shall be; a symbolic link is followed.
        overwrite: Whether a file that is there may be replaced; the new one has its permissions.

    Yields:
        The file to write to.

    Raises:
        FileExistsError: There is a file already, or something that is no file.
        OSError: The file cannot be written.
    """
    target = path.resolve()
    mode = _mode_of(path, target, overwrite=overwrite)
    temporary = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with temporary.open("xb") as file:
            if mode is not None:
                temporary.chmod(mode)
            yield file
            file.flush()
            os.fsync(file.fileno())
        _mode_of(path, target, overwrite=overwrite)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(target.parent)


def _mode_of(path: Path, target: Path, *, overwrite: bool) -> int | None:
    """Return the permissions of the file that will be replaced, or None when there is none."""
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return None
    if not S_ISREG(mode):
        raise FileExistsError(f"{path} is there already and is no regular file; choose another path")
    if not overwrite:
        raise FileExistsError(f"{path} is there already; choose another path, or set overwrite to true")
    return S_IMODE(mode)


def _sync_folder(folder: Path) -> None:
    """Bring a rename to the disk, on systems where folders can be opened."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
