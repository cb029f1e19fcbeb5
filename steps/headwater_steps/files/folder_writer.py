"""Several files of a folder that are written whole or not at all, in bounded memory and with one file open."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Generator, Hashable
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from headwater.toolkit import existing_mode, sync_folder
from headwater_steps.files.compression import Compression, compressing, suffix_of
from headwater_steps.files.encoders import RowEncoder
from headwater_steps.files.file_names import file_name, same_file

__all__ = ["FolderSummary", "FolderWriter", "Layout", "replacing_files"]

_BUFFER_BYTES: Final = 16 * 1024 * 1024


class FolderSummary(BaseModel, frozen=True):
    """What was written to a folder.

    Args:
        folder: The folder, as it was given.
        files: How many files were written.
        items: How many items are in them.
        size_bytes: Size of all of them together.
    """

    folder: str
    files: int
    items: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Layout:
    """What the files of a folder are.

    Args:
        suffix: What their names end with, without that of a compression.
        encoder: Makes an encoder for the rows of one of them.
        compression: How they are compressed.
        overwrite: Whether files that are there already are replaced.
        max_files: Most files.
    """

    suffix: str
    encoder: Callable[[], RowEncoder]
    compression: Compression = "none"
    overwrite: bool = False
    max_files: int = 10_000


@dataclass(slots=True)
class _Part:
    """A file that is being written."""

    path: Path
    target: Path
    mode: int | None
    encoder: RowEncoder
    waiting: list[bytes] = field(default_factory=list[bytes])


@contextmanager
def replacing_files(folder: Path, layout: Layout) -> Generator[FolderWriter]:
    """Write files of a folder: beside their places, and renamed when the block ends well.

    A block that ends by an error, of whatever kind, leaves nothing behind.

    Args:
        folder: The folder, which must exist.
        layout: What the files are.

    Yields:
        What takes the items.

    Raises:
        FileExistsError: There is such a file already.
        OSError: The folder is missing, or a file cannot be written.
    """
    place = folder.resolve()
    temporary = place / f".{secrets.token_hex(8)}.part"
    temporary.mkdir()
    try:
        writer = FolderWriter(folder, temporary, layout)
        yield writer
        writer.finish()
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    sync_folder(place)


class FolderWriter:
    """Takes items for files by their keys.

    Args:
        folder: The folder, as it was given.
        temporary: Where files are while they are written; a folder in it.
        layout: What the files are.
    """

    def __init__(self, folder: Path, temporary: Path, layout: Layout) -> None:
        self._folder = folder
        self._temporary = temporary
        self._layout = layout
        self._parts: dict[tuple[type, Any], _Part] = {}
        self._keys: dict[str, Any] = {}
        self._waiting_bytes = 0
        self._items = 0
        self._size_bytes = 0

    def add(self, key: Any, value: Any, number: int) -> None:
        """Take an item.

        Args:
            key: Says which file it goes to.
            value: What is written.
            number: Its number in the stream, for messages.

        Raises:
            ValueError: The key is none, is not to be told from another, there are too many, or the value is none that
                can be written.
        """
        try:
            part = self._parts.get(_typed(key)) if isinstance(key, Hashable) else None
            part = part or self._begun(key)
        except (TypeError, ValueError) as error:
            raise ValueError(f"item {number}: {error}") from error
        row = part.encoder.encode(value, number)
        part.waiting.append(row)
        self._items += 1
        self._waiting_bytes += len(row)
        if self._waiting_bytes > _BUFFER_BYTES:
            self._write_all()

    def finish(self) -> None:
        """Write what is left, and put all files in their places."""
        for part in self._parts.values():
            part.waiting.append(part.encoder.end())
        self._write_all()
        for part in self._parts.values():
            self._bring_to_disk(part)
        for part in self._parts.values():
            existing_mode(part.target, part.target, overwrite=self._layout.overwrite)
        for part in self._parts.values():
            part.path.replace(part.target)

    def summary(self) -> FolderSummary:
        """Return what was written."""
        return FolderSummary(
            folder=str(self._folder), files=len(self._parts), items=self._items, size_bytes=self._size_bytes
        )

    def _begun(self, key: Any) -> _Part:
        """Begin the file of a key."""
        layout = self._layout
        name = f"{file_name(key)}{layout.suffix}{suffix_of(layout.compression)}"
        other = self._keys.setdefault(same_file(name), key)
        if other is not key:
            hint = "change one of them before"
            raise ValueError(f"{other!r} and {key!r} would share the file {name}, at least on some systems; {hint}")
        if len(self._parts) == layout.max_files:
            hint = "raise max_files, or set by to a field with fewer values"
            raise ValueError(f"{key!r} is one value more than the {layout.max_files} files that are allowed; {hint}")
        target = (self._temporary.parent / name).resolve()
        mode = existing_mode(self._folder / name, target, overwrite=layout.overwrite)
        part = _Part(self._temporary / str(len(self._parts)), target, mode, layout.encoder())
        self._parts[_typed(key)] = part
        return part

    def _write_all(self) -> None:
        for part in self._parts.values():
            if part.waiting:
                self._write(part)
        self._waiting_bytes = 0

    def _write(self, part: _Part) -> None:
        """Append what waits to a file; compressed ones may consist of several such pieces."""
        compression = self._layout.compression
        with part.path.open("ab") as raw:
            if part.mode is not None:
                part.path.chmod(part.mode)
            with nullcontext(raw) if compression == "none" else compressing(raw, compression) as file:
                file.write(b"".join(part.waiting))
        part.waiting.clear()

    def _bring_to_disk(self, part: _Part) -> None:
        with part.path.open("rb") as file:
            os.fsync(file.fileno())
            self._size_bytes += os.fstat(file.fileno()).st_size


def _typed(key: object) -> tuple[type, Any]:
    """Return a key that is not to be taken for one of another type, as 1 is for true."""
    return type(key), key
