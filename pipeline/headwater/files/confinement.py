"""Confined files: folders that hold every file which steps may open, list or write while a block lasts."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from headwater.display import shorten
from headwater.errors import HeadwaterError

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterator, Sequence

__all__ = [
    "Confinement",
    "FileRefusedError",
    "confine_process",
    "confined_to",
    "confinements",
    "folders_of",
    "open_inside",
    "refuse_outside",
]

StrPath = str | os.PathLike[str]

_LONGEST_NAME_BYTES, _LONGEST_PATH_BYTES = 255, 4095  # as Linux has them
_SHOWN_CHARS = 200
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CREATING: Final = os.O_CREAT | os.O_EXCL | os.O_TRUNC
_DESCRIPTORS: Final = "/proc/self/fd"
_HANDLE: Final[int | None] = getattr(os, "O_PATH", None) if os.path.isdir(_DESCRIPTORS) else None  # noqa: PTH112
"""Names a file without opening it, so that no device notices."""

_KINDS: Final = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


class FileRefusedError(HeadwaterError, PermissionError):
    """A step may not open a file, because the program confines the files of steps to some folders.

    Args:
        path: The path as it was given.
        reason: Why it is refused, and which folders are allowed.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"the file {shorten(repr(path), _SHOWN_CHARS)} is refused: {reason}")
        self.errno: int | None = errno.EACCES
        self.path: str = path
        self.reason: str = reason


@dataclass(frozen=True, slots=True)
class _Roots:
    """Folders, as they were given and with links followed."""

    shown: tuple[str, ...]
    real: tuple[str, ...]

    @classmethod
    def of(cls, folders: Collection[StrPath]) -> _Roots:
        shown = tuple([os.fspath(folder) for folder in folders])
        return cls(shown, tuple(os.path.normcase(os.path.realpath(folder, strict=True)) for folder in shown))

    def hold(self, real: str) -> bool:
        """Return whether a place, with links followed, is in one of the folders, or is one."""
        place = os.path.normcase(real)
        return any(place == root or place.startswith(root.rstrip(os.sep) + os.sep) for root in self.real)


@dataclass(frozen=True, slots=True)
class Confinement:
    """The folders where steps may read, and those where they may write."""

    readable: _Roots
    writable: _Roots

    @classmethod
    def of(cls, roots: Collection[StrPath], writable: Collection[StrPath] | None) -> Confinement:
        """Return the confinement to existing folders."""
        written = roots if writable is None else writable
        return cls(_Roots.of([*roots, *(folder for folder in written if folder not in roots)]), _Roots.of(written))

    def fault(self, path: str, *, writes: bool, descriptor: int | None = None) -> str:
        """Return why a path may not be used, or nothing."""
        if fault := _fault_of(path):
            return fault
        real = os.path.realpath(path) if descriptor is None else _path_of(descriptor, path)
        roots = self.writable if writes else self.readable
        if roots.hold(real):
            return ""
        verb = "write" if writes else "read"
        if not roots.shown:
            return f"steps may {verb} no file here"
        return f"steps may {verb} only what is in {', '.join(roots.shown)}; choose a path inside"


_inside: ContextVar[tuple[Confinement, ...]] = ContextVar("headwater_confined_files", default=())
_process: list[Confinement] = []  # for all of a worker process, with the threads that its step starts


@contextmanager
def confined_to(roots: Collection[StrPath], *, writable: Collection[StrPath] | None = None) -> Generator[None]:
    """Let steps open only files in some folders, while the block lasts.

    The executions that are started in the block are confined, in all their tasks, threads and worker processes: the
    files that steps read and write, and the folders that they search. Links are followed before a path is checked, and
    a file is checked again once it is open. Only regular files are opened: no device, named pipe or standard input. A
    path with `..` is refused.

    Blocks within each other add up. Code that opens files by itself is not confined; a step opens them with
    `open_inside`, and checks other paths with `refuse_outside`. Programs that steps start are not confined, either.

    Args:
        roots: The folders, which exist; without any, steps open no file at all.
        writable: The folders where steps may write, and read as well; by default, all of them.

    Yields:
        Nothing; steps are confined in the block.

    Raises:
        OSError: A folder does not exist, or cannot be looked at.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder, confined_to([folder]):
        ...     refuse_outside(f"{folder}/report.txt", writes=True)
        ...     try:
        ...         refuse_outside("/etc/passwd")
        ...     except FileRefusedError as error:
        ...         print(error.path)
        /etc/passwd
    """
    token = _inside.set((*_inside.get(), Confinement.of(roots, writable)))
    try:
        yield
    finally:
        _inside.reset(token)


def confinements() -> tuple[Confinement, ...]:
    """Return what confines the files of the step that asks; nothing where it is free."""
    return (*_process, *_inside.get()) if _process else _inside.get()


def confine_process(folders: Sequence[Sequence[Sequence[str]]]) -> None:
    """Confine everything in this process, by the fields of what `confinements` has returned in another one."""
    for readable, readable_real, writable, writable_real in folders:
        given = _Roots(tuple(readable), tuple(readable_real)), _Roots(tuple(writable), tuple(writable_real))
        _process.append(Confinement(*given))


def refuse_outside(path: StrPath, *, writes: bool = False, descriptor: int | None = None) -> None:
    """Refuse a path that the program does not let steps use; see `confined_to`.

    Args:
        path: The path of a file or folder, which may not exist.
        writes: Whether something is to be written there; otherwise it is read.
        descriptor: The descriptor under which it was opened; then nothing can replace the file by another in between.

    Raises:
        FileRefusedError: It is outside of the folders, by its name or by the links in it.

    Example:
        >>> refuse_outside("notes.txt")
    """
    for confinement in confinements():
        text = os.fspath(path)
        if fault := confinement.fault(text, writes=writes, descriptor=descriptor):
            raise FileRefusedError(text, fault)


def open_inside(path: StrPath, flags: int, mode: int = 0o666) -> int:
    """Open a file as `os.open` does, if the program lets steps use it; an opener for `open`.

    Where files are confined, only regular files are opened. What was opened is checked, so that nothing can replace the
    file by a link in between, and what is not opened notices nothing.

    Args:
        path: The path of the file.
        flags: How it is opened.
        mode: The permissions of a file that is created.

    Returns:
        The descriptor.

    Raises:
        FileRefusedError: The file is outside of the folders of `confined_to`, or is not a regular file.
        OSError: It cannot be opened.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder, confined_to([folder]):
        ...     with open(f"{folder}/a.txt", "w", opener=open_inside) as file:
        ...         file.write("salt")
        4
    """
    if not confinements():
        return os.open(path, flags, mode)
    text = os.fspath(path)
    writes = bool(flags & _WRITING)
    refuse_outside(text, writes=writes)  # first, as even whether a file exists is not for everyone to know
    try:
        handle = _handle(text)
    except FileNotFoundError:
        if not flags & os.O_CREAT:
            raise
        return _created(text, flags, mode)
    try:
        if flags & os.O_CREAT and flags & os.O_EXCL:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), text)
        _refuse_unusual(text, os.fstat(handle))
        refuse_outside(text, writes=writes, descriptor=handle)
        return _opened(handle, text, flags)
    finally:
        os.close(handle)


def _handle(path: str) -> int:
    """Return a descriptor of what is there, which is not opened where the system allows that."""
    if _HANDLE is not None:
        return os.open(path, _HANDLE)
    real = os.path.realpath(path)
    _refuse_unusual(path, os.stat(real))  # noqa: PTH116 - as below
    return os.open(real, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))


def _opened(handle: int, path: str, flags: int) -> int:
    """Open what a descriptor names."""
    try:
        if _HANDLE is not None:
            return os.open(f"{_DESCRIPTORS}/{handle}", flags & ~(os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)))
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None
    descriptor = os.open(os.path.realpath(path), flags & ~_CREATING | getattr(os, "O_NOFOLLOW", 0))
    try:
        if not os.path.sameopenfile(handle, descriptor):
            raise FileRefusedError(path, "it was replaced while it was opened")
        if flags & os.O_TRUNC:
            os.ftruncate(descriptor, 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _created(path: str, flags: int, mode: int) -> int:
    """Create a file, and remove it again if its folder was replaced in between."""
    descriptor = os.open(path, flags | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), mode)
    try:
        refuse_outside(path, writes=True, descriptor=descriptor)
    except BaseException:
        os.close(descriptor)
        with suppress(OSError):
            os.unlink(path)  # noqa: PTH108 - a plain path, as the others
        raise
    return descriptor


def _fault_of(path: str) -> str:
    """Return why something is not a path that steps may use anywhere, or nothing."""
    if "\0" in path:
        return "its path has a null byte"
    try:
        parts = [*map(os.fsencode, Path(path).parts)]
    except UnicodeEncodeError:
        return "its path is not the name of a file"
    if b".." in parts:
        return "its path has a part '..'; write the path without it"
    if max(map(len, parts), default=0) > _LONGEST_NAME_BYTES or sum(map(len, parts)) + len(parts) > _LONGEST_PATH_BYTES:
        return "its path is too long"
    return ""


def _refuse_unusual(path: str, status: os.stat_result) -> None:
    for is_kind, name in _KINDS:
        if is_kind(status.st_mode):
            raise FileRefusedError(path, f"it is {name}, and steps open regular files only")


def _path_of(descriptor: int, path: str) -> str:
    """Return the place of an open file; that of the path where the system does not say, if it is the same file."""
    with suppress(OSError):
        return str(Path(f"{_DESCRIPTORS}/{descriptor}").readlink())
    real = os.path.realpath(path)
    with suppress(OSError):
        if os.path.samestat(os.stat(real), os.fstat(descriptor)):  # noqa: PTH116 - a plain path
            return real
    return ""


def folders_of(confined: Sequence[Confinement]) -> Iterator[list[Any]]:
    """Yield the fields of confinements, for `confine_process` in another process."""
    for one in confined:
        yield [list(one.readable.shown), list(one.readable.real), list(one.writable.shown), list(one.writable.real)]
