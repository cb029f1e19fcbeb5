"""Whole lines at the end of a file, or of several files in turn, which only one process writes at a time."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from stat import S_ISREG
from typing import Final, Literal

from headwater import StreamEvent
from headwater.toolkit import archive_by_name, notice
from headwater_subscribers.files.recorded import numbers_of_parts, part_path

try:
    import fcntl
except ImportError:  # not on Windows, where a second writer of a file is not noticed
    fcntl = None  # type: ignore[assignment]  # the module, or None

__all__ = ["Journal", "Rotation", "Sync", "check_appendable"]

Sync = Literal["never", "close", "batch"]
"""When written lines are flushed to the disk itself, where they also survive a power failure."""

_BEGINNING: Final = b'{"schema_version":'
_BLOCK_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Rotation:
    """When the next file begins, and how many are kept."""

    size_bytes: int | None = None
    events: int | None = None
    keep_files: int | None = None

    def __post_init__(self) -> None:
        for name in ("size_bytes", "events", "keep_files"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"rotation: {name} is {value}, but it must be at least 1, or None")


class Journal:
    """Append lines to a file, and to those that continue it; no line is ever left half written.

    It belongs to one thread at a time.
    """

    def __init__(self, path: Path, rotation: Rotation, sync: Sync) -> None:
        self._path = path
        self._rotation = rotation
        self._sync: Sync = sync
        self._descriptor: int | None = None
        self._number = 1
        self._size_bytes = 0
        self._lines = 0

    @property
    def part(self) -> Path:
        """The file that lines are written to."""
        return part_path(self._path, self._number)

    def open(self) -> None:
        """Continue after the last whole line of an earlier journal."""
        self._number = max(numbers_of_parts(self._path), default=1)
        self._open_part()

    def close(self) -> None:
        """Close the file, when it is open."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            try:
                if self._sync == "close":
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def append(self, lines: Sequence[bytes]) -> tuple[int, OSError | None]:
        """Write whole lines while they fit; return how many were written, and what went wrong with the others."""
        written = 0
        try:
            while written < len(lines):
                count, error = self._write(self._fitting(lines, written))
                written += count
                if error is not None:
                    return written, error
            if self._sync == "batch" and self._descriptor is not None:
                os.fsync(self._descriptor)
        except OSError as error:
            return written, error
        return written, None

    def _fitting(self, lines: Sequence[bytes], start: int) -> Sequence[bytes]:
        """Return the lines that go to the present file, after beginning a new one when nothing more fits into it."""
        rotation = self._rotation
        most_bytes = sys.maxsize if rotation.size_bytes is None else rotation.size_bytes
        most_lines = sys.maxsize if rotation.events is None else rotation.events
        if self._size_bytes and (self._size_bytes + len(lines[start]) > most_bytes or self._lines >= most_lines):
            self._rotate()
        stop = min(len(lines), start + most_lines - self._lines)
        sizes = accumulate((len(lines[place]) for place in range(start, stop)), initial=self._size_bytes)
        fitting = sum(1 for size in sizes if size <= most_bytes) - 1
        return lines[start : start + max(fitting, 1)]

    def _write(self, lines: Sequence[bytes]) -> tuple[int, OSError | None]:
        descriptor = self._descriptor
        if descriptor is None:
            descriptor = self._open_part()
        data = b"".join(lines)
        whole_bytes, error = _write(descriptor, data)
        if error is not None:
            whole_bytes = data.rfind(b"\n", 0, whole_bytes) + 1
            os.ftruncate(descriptor, self._size_bytes + whole_bytes)  # works on a full disk, too
        count = data.count(b"\n", 0, whole_bytes)
        self._size_bytes += whole_bytes
        self._lines += count
        return count, error

    def _rotate(self) -> None:
        self.close()
        self._number += 1
        self._size_bytes = self._lines = 0  # reset also when the new file cannot be opened yet
        self._open_part()
        if self._rotation.keep_files is not None:
            for number in numbers_of_parts(self._path):
                if number <= self._number - self._rotation.keep_files:
                    part_path(self._path, number).unlink()

    def _open_part(self) -> int:
        descriptor = os.open(self.part, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            _lock(descriptor, self.part)
            self._size_bytes = _repair(descriptor, self.part)
            self._lines = 0 if self._rotation.events is None else _count_lines(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return descriptor


def check_appendable(path: Path) -> None:
    """Check that events may be appended to a file, without opening it for writing."""
    if archive_by_name(path) is not None:
        hint = "choose a name without the suffix, and compress the file when it is complete"
        raise ValueError(f"events are written line by line as they happen, not compressed; {hint}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: the folder {path.parent} does not exist")
    if path.exists():
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))  # or it would wait for a pipe's writer
        try:
            _check(descriptor, path)
        finally:
            os.close(descriptor)


def _check(descriptor: int, path: Path) -> None:
    if not S_ISREG(os.fstat(descriptor).st_mode):
        raise OSError(f"{path} is not a regular file; choose another path for the events")
    beginning = _read(descriptor, 0, len(_BEGINNING))
    if not _BEGINNING.startswith(beginning):
        raise ValueError(f"{path} already exists and does not hold events; choose another path for them")


def _lock(descriptor: int, path: Path) -> None:
    if fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BlockingIOError(error.errno, f"another subscriber or process writes to {path}") from None


def _repair(descriptor: int, path: Path) -> int:
    """Remove the half line that a killed writer left at the end, and return the size."""
    _check(descriptor, path)
    size_bytes = os.fstat(descriptor).st_size
    whole_bytes = _whole_bytes(descriptor, size_bytes)
    if whole_bytes == size_bytes:
        return size_bytes
    if _is_event(_read(descriptor, whole_bytes, size_bytes - whole_bytes)):
        return size_bytes + os.write(descriptor, b"\n")
    os.ftruncate(descriptor, whole_bytes)
    notice("half an event was removed from the end of a file", path=str(path), size_bytes=size_bytes - whole_bytes)
    return whole_bytes


def _whole_bytes(descriptor: int, size_bytes: int) -> int:
    """Return the size up to the end of the last whole line."""
    stop = size_bytes
    while stop > 0:
        start = max(stop - _BLOCK_BYTES, 0)
        end = _read(descriptor, start, stop - start).rfind(b"\n") + 1
        if end:
            return start + end
        stop = start
    return 0


def _count_lines(descriptor: int) -> int:
    os.lseek(descriptor, 0, os.SEEK_SET)
    lines = 0
    while block := os.read(descriptor, _BLOCK_BYTES):
        lines += block.count(b"\n")
    return lines


def _read(descriptor: int, start: int, size_bytes: int) -> bytes:
    os.lseek(descriptor, start, os.SEEK_SET)
    return os.read(descriptor, size_bytes)


def _is_event(line: bytes) -> bool:
    try:
        StreamEvent.from_json(line)
    except ValueError:
        return False
    return True


def _write(descriptor: int, data: bytes) -> tuple[int, OSError | None]:
    """Write what fits; return how much that was, and what went wrong with the rest."""
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except OSError as error:
        return len(data) - len(rest), error
    return len(data), None
