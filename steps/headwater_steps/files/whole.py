"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from stat import S_IMODE, S_ISREG
from typing import IO

__all__ = ["mode_of_old", "replacing", "sync_folder"]


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
    mode = mode_of_old(path, target, overwrite=overwrite)
    temporary = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with temporary.open("xb") as file:
            if mode is not None:
                temporary.chmod(mode)
            yield file
            file.flush()
            os.fsync(file.fileno())
        mode_of_old(path, target, overwrite=overwrite)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(target.parent)


def mode_of_old(path: Path, target: Path, *, overwrite: bool) -> int | None:
    """Return the permissions of the file that will be replaced.

    Args:
        path: Where a file shall be, as it was given.
        target: The same, with links followed.
        overwrite: Whether a file that is there may be replaced.

    Returns:
        The permissions, or None when there is no file.

    Raises:
        FileExistsError: There is a file already, or something that is no file.
    """
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return None
    if not S_ISREG(mode):
        raise FileExistsError(f"{path} is there already and is no regular file; choose another path")
    if not overwrite:
        raise FileExistsError(f"{path} is there already; choose another path, or set overwrite to true")
    return S_IMODE(mode)


def sync_folder(folder: Path) -> None:
    """Bring a rename to the disk, on systems where folders can be opened.

    Args:
        folder: Where something was renamed.
    """
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
