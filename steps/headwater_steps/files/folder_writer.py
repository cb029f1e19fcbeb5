"""Many files that appear when all are complete, written in bounded memory and with one file open at a time."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Generator, Hashable
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel

from headwater.toolkit import Archive, Place, refuse_outside, sync_folder
from headwater_steps.files.compression import compressing, suffix_of
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
    """How the files of a folder are written."""

    suffix: str
    encoder: Callable[[], RowEncoder]
    compression: Literal["none"] | Archive = "none"
    overwrite: bool = False
    max_files: int = 10_000


@dataclass(slots=True)
class _Part:
    """A file that is being written."""

    path: Path
    place: Place
    encoder: RowEncoder
    waiting: list[bytes] = field(default_factory=list[bytes])


@contextmanager
def replacing_files(folder: Path, layout: Layout) -> Generator[FolderWriter]:
    """Write the files of a folder beside their places, and rename them when the block ends without an error.

    After an error nothing is left behind.
    """
    refuse_outside(folder, writes=True)
    place = folder.resolve()
    if not place.is_dir():
        if place.exists():
            raise NotADirectoryError(f"{folder} is not a folder; choose another")
        raise FileNotFoundError(f"the folder {folder} does not exist; create it, or choose another")
    temporary = place / f".{secrets.token_hex(8)}.part"
    temporary.mkdir(mode=0o700)
    try:
        with ExitStack() as reserved:
            writer = FolderWriter(folder, temporary, layout, reserved)
            yield writer
            writer.finish()
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    sync_folder(place)


class FolderWriter:
    """Takes items, each for the file of its key."""

    def __init__(self, folder: Path, temporary: Path, layout: Layout, reserved: ExitStack) -> None:
        self._folder = folder
        self._reserved = reserved
        self._temporary = temporary
        self._layout = layout
        self._parts: dict[tuple[type, Any], _Part] = {}
        self._keys: dict[str, Any] = {}
        self._waiting_bytes = 0
        self._items = 0
        self._size_bytes = 0

    def add(self, key: Any, value: Any, number: int) -> None:
        """Take an item; its number is for messages."""
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
        """Write what is left, and rename all files to their places."""
        for part in self._parts.values():
            part.waiting.append(part.encoder.end())
        self._write_all()
        for part in self._parts.values():
            self._bring_to_disk(part)
        published: list[Path] = []
        try:
            for part in self._parts.values():
                part.place.publish(part.path)
                published.append(part.place.target)
        except FileExistsError:  # one that has appeared in the meantime
            for target in published:
                target.unlink(missing_ok=True)
            raise

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
            hint = "change one of them in a step before"
            raise ValueError(f"{other!r} and {key!r} would share the file {name}, at least on some systems; {hint}")
        if len(self._parts) == layout.max_files:
            hint = "raise max_files, or set by to a field with fewer values"
            raise ValueError(f"more than {layout.max_files} distinct values: {key!r} would need another file; {hint}")
        place = Place.checked(self._temporary.parent / name, overwrite=layout.overwrite, follow_links=False)
        self._reserved.enter_context(place.reserved())
        part = _Part(self._temporary / str(len(self._parts)), place, layout.encoder())
        self._parts[_typed(key)] = part
        return part

    def _write_all(self) -> None:
        for part in self._parts.values():
            if part.waiting:
                self._write(part)
        self._waiting_bytes = 0

    def _write(self, part: _Part) -> None:
        """Append what waits to a file; compressed files may consist of several such pieces."""
        compression = self._layout.compression
        with (
            part.place.create(part.path, "ab") as raw,
            nullcontext(raw) if compression == "none" else compressing(raw, compression) as file,
        ):
            file.write(b"".join(part.waiting))
        part.waiting.clear()

    def _bring_to_disk(self, part: _Part) -> None:
        with part.path.open("rb") as file:
            os.fsync(file.fileno())
            self._size_bytes += os.fstat(file.fileno()).st_size


def _typed(key: object) -> tuple[type, Any]:
    """Return a key that does not equal one of another type, as 1 equals true."""
    return type(key), key
