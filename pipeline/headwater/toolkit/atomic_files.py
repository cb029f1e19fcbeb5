"""Files that appear when they are complete, or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from stat import S_IMODE, S_ISREG
from typing import IO

__all__ = ["atomic_file", "existing_mode", "sync_folder"]


@contextmanager
def atomic_file(path: Path, *, overwrite: bool = False) -> Generator[IO[bytes]]:
    """Write a file that appears when it is complete: it is written beside its place, synced to the disk, and renamed.

    A block that is left by an error leaves its place as it was, and no other file behind.

    Args:
        path: Where the file is to be; a symbolic link is followed.
        overwrite: Whether an existing file may be replaced; the new one gets its permissions.

    Yields:
        The file to write to.

    Raises:
        FileExistsError: The path already exists, and may not be replaced or is not a regular file.
        OSError: The file cannot be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder, "report.txt")
        ...     with atomic_file(path) as file:
        ...         _ = file.write(b"complete")
        ...         existed = path.exists()
        ...     existed, path.read_text()
        (False, 'complete')
    """
    target = path.resolve()
    mode = existing_mode(path, target, overwrite=overwrite)
    temporary = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with temporary.open("xb") as file:
            if mode is not None:
                temporary.chmod(mode)
            yield file
            file.flush()
            os.fsync(file.fileno())
        existing_mode(path, target, overwrite=overwrite)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(target.parent)


def existing_mode(path: Path, target: Path, *, overwrite: bool) -> int | None:
    """Return the permissions of the file that would be replaced.

    Args:
        path: Where a file is to be, for messages.
        target: The same, with symbolic links followed.
        overwrite: Whether an existing file may be replaced.

    Returns:
        The permissions, or None when there is no file.

    Raises:
        FileExistsError: The path already exists, and may not be replaced or is not a regular file.
    """
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return None
    if not S_ISREG(mode):
        raise FileExistsError(f"{path} already exists and is not a regular file; choose another path")
    if not overwrite:
        raise FileExistsError(f"{path} already exists; choose another path, or set overwrite to true")
    return S_IMODE(mode)


def sync_folder(folder: Path) -> None:
    """Bring a rename to the disk, on systems where folders can be opened.

    Args:
        folder: The folder in which something was renamed.
    """
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
