"""Files that appear when they are complete, or not at all."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from stat import S_ISREG
from threading import Lock
from typing import IO, Literal

from headwater.files.confinement import FileRefusedError, open_inside, refuse_outside

__all__ = ["Place", "atomic_file", "sync_folder"]

_lock = Lock()
_written: set[Path] = set()  # the places of files that are being written


@contextmanager
def atomic_file(path: Path, *, overwrite: bool = False) -> Generator[IO[bytes]]:
    """Write a file that appears when it is complete: it is written beside its place, synced to the disk, and renamed.

    A block that is left by an error leaves its place as it was, and no other file behind.

    Args:
        path: Where the file is to be; a symbolic link is followed.
        overwrite: Whether an existing file may be replaced; the new one gets its permissions, and its owner and group
            where the system allows it. Otherwise a file that appears there in the meantime is not replaced either.

    Yields:
        The file to write to.

    Raises:
        FileExistsError: The path already exists, and may not be replaced or is not a regular file, or the process
            writes it a second time at the same time.
        FileNotFoundError: The folder does not exist.
        FileRefusedError: The program does not let steps write there.
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
    place = Place.checked(path, overwrite=overwrite)
    temporary = place.target.with_name(f".{os.urandom(8).hex()}.part")
    with place.reserved():
        try:
            with place.create(temporary) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            place.publish(temporary)
        finally:
            temporary.unlink(missing_ok=True)
    sync_folder(place.target.parent)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file appears when it is complete.

    Args:
        path: The path, for messages.
        target: The same, with symbolic links followed if they may be.
        replaced: The file that is there, if it may be replaced.
        overwrite: Whether an existing file may be replaced.

    Example:
        >>> Place.checked(Path("report.txt"), overwrite=False).replaced is None
        True
    """

    path: Path
    target: Path
    replaced: os.stat_result | None
    overwrite: bool

    @classmethod
    def checked(cls, path: Path, *, overwrite: bool, follow_links: bool = True) -> Place:
        """Return the place for a file, or refuse it.

        Args:
            path: Where the file is to be.
            overwrite: Whether an existing file may be replaced.
            follow_links: Whether the path may be a symbolic link; the file is then where it leads.

        Returns:
            The place.

        Raises:
            FileExistsError: The path already exists, and may not be replaced or is not a regular file.
            FileNotFoundError: The folder does not exist.
            FileRefusedError: The program does not let steps write there.
            OSError: The path cannot be looked at.
        """
        refuse_outside(path, writes=True)
        target = Path(os.path.realpath(path)) if follow_links else path
        try:
            status = path.stat() if follow_links else path.lstat()
        except FileNotFoundError:
            folder = path.parent if not path.parent.is_dir() else target.parent
            if not folder.is_dir():
                hint = "create it, or choose another path"
                raise FileNotFoundError(f"the folder {folder} does not exist; {hint}") from None
            return cls(path, target, None, overwrite)
        if not S_ISREG(status.st_mode):
            raise FileExistsError(f"{path} already exists and is not a regular file; choose another path")
        if not overwrite:
            raise cls._exists(path)
        return cls(path, target, status, overwrite)

    @contextmanager
    def reserved(self) -> Generator[None]:
        """Keep other writers of this process from the place: which of the files is left would be chance.

        Yields:
            Nothing; the place is reserved in the block.

        Raises:
            FileExistsError: Another writer has reserved it.
        """
        with _lock:
            if self.target in _written:
                hint = "give each writer a path of its own"
                raise FileExistsError(f"another step or execution writes {self.path} at the same time; {hint}")
            _written.add(self.target)
        try:
            yield
        finally:
            with _lock:
                _written.discard(self.target)

    def create(self, temporary: Path, mode: Literal["xb", "ab"] = "xb") -> IO[bytes]:
        """Create the file that will be published; those who may not read the replaced file may not read it either.

        Args:
            temporary: Where it is until then, on the same disk.
            mode: How it is opened.

        Returns:
            The file to write to.

        Raises:
            OSError: The file cannot be created.
        """
        permissions = 0o666 if self.replaced is None else 0o600
        try:
            file = open(temporary, mode, opener=partial(open_inside, mode=permissions))  # noqa: SIM115 - for the caller
        except FileRefusedError:
            raise
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from None
        if self.replaced is not None:
            _make_alike(file.fileno(), self.replaced)
        return file

    def publish(self, temporary: Path) -> None:
        """Rename a complete file to its place.

        Args:
            temporary: The file.

        Raises:
            FileExistsError: A file that may not be replaced has appeared there.
            OSError: The file cannot be renamed.
        """
        if self.overwrite:
            temporary.replace(self.target)
            return
        try:
            try:
                self.target.hardlink_to(temporary)  # unlike a rename, it replaces nothing
            except FileExistsError:
                raise
            except OSError:  # a file system without hard links
                self.target.touch(exist_ok=False)
                temporary.replace(self.target)
            else:
                temporary.unlink()
        except FileExistsError:
            raise self._exists(self.path) from None

    @staticmethod
    def _exists(path: Path) -> FileExistsError:
        return FileExistsError(f"{path} already exists; choose another path, or set overwrite to true")


def _make_alike(descriptor: int, replaced: os.stat_result) -> None:
    """Give a file the permissions of the one that it replaces, and its owner and group where that is allowed."""
    if not hasattr(os, "fchown"):
        return
    for owner, group in ((-1, replaced.st_gid), (replaced.st_uid, -1)):  # the group alone may be allowed
        with suppress(OSError):
            os.fchown(descriptor, owner, group)
    mode = replaced.st_mode & 0o777  # never setuid or setgid: the content is another
    if os.fstat(descriptor).st_gid != replaced.st_gid:
        mode &= 0o707 | (mode & 0o007) << 3  # another group gets no more than others do
    os.fchmod(descriptor, mode)


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
