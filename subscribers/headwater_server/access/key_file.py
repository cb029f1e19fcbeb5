"""The file of API keys: names, hashes and dates, never a key."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from stat import S_IMODE
from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints, ValidationError

from headwater import HeadwaterError
from headwater.toolkit import atomic_file, sync_folder

__all__ = ["FileVersion", "KeyName", "KeyRecord", "changed", "read_keys", "read_version", "write_keys"]

KeyName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$")]
FileVersion = tuple[int, int, int, int] | None
_OTHERS_CAN_WRITE: Final = 0o022
_LARGEST_BYTES: Final = 16 * 1024 * 1024


class KeyRecord(BaseModel, extra="forbid", frozen=True):
    """What is kept of one key."""

    name: KeyName
    id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    created: AwareDatetime
    expires: AwareDatetime | None = None
    revoked: bool = False


class _Keys(BaseModel, extra="forbid"):
    keys: list[KeyRecord] = Field(default=[], max_length=100_000)


def read_version(path: Path) -> FileVersion:
    """Return what changes with each change of the file, also of its permissions; None without the file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ctime_ns, status.st_mtime_ns, status.st_size, status.st_ino


def read_keys(path: Path) -> dict[str, KeyRecord]:
    """Return the records of a file by their ids, or raise an error that never quotes its content."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(_LARGEST_BYTES + 1)
    except FileNotFoundError:
        hint = f"create it with: headwater keys new --name NAME --file {path}"
        raise HeadwaterError(f"the file of API keys {path} does not exist; {hint}") from None
    except OSError as error:
        raise HeadwaterError(f"the file of API keys {path} cannot be read: {error.strerror}") from error
    if hasattr(os, "getuid") and mode & _OTHERS_CAN_WRITE:
        hint = f"let only its owner write it: chmod go-w {path}"
        raise HeadwaterError(f"the file of API keys {path} can be written by others (mode {S_IMODE(mode):o}); {hint}")
    if len(content) > _LARGEST_BYTES:
        raise HeadwaterError(f"the file of API keys {path} is larger than 16 MiB")
    try:
        listed = _Keys.model_validate_json(content).keys
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the whole file"
        raise HeadwaterError(f"{path} is not a file of API keys: {place}: {first['msg']}") from None
    records = {record.id: record for record in listed}
    if len(records) != len(listed):
        raise HeadwaterError(f"{path} is not a file of API keys: two keys have the same id")
    return records


def write_keys(path: Path, records: Iterable[KeyRecord]) -> None:
    """Replace the file at once; it keeps its permissions, and a new one is for its owner alone."""
    listed = [record.model_dump(mode="json", exclude_none=True) for record in records]
    with atomic_file(path, overwrite=True) as file:
        file.write(json.dumps({"keys": listed}, indent=2).encode() + b"\n")


def changed(
    path: Path, change: Callable[[dict[str, KeyRecord]], dict[str, KeyRecord]], *, create: bool
) -> dict[str, KeyRecord]:
    """Change the records of a file, one process after the other."""
    with _locked(path.parent):
        if create:
            _create(path)
        records = change(read_keys(path))
        write_keys(path, records.values())
    return records


def _create(path: Path) -> None:
    """Create an empty file that only its owner can read, unless there is one."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise HeadwaterError(f"the file of API keys {path} cannot be created: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(b'{"keys": []}\n')
    sync_folder(path.parent)


@contextmanager
def _locked(folder: Path) -> Generator[None]:
    """Keep other processes from a folder, where the system can lock one."""
    try:
        import fcntl
    except ImportError:  # pragma: no cover - systems without fcntl
        yield
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise HeadwaterError(f"the folder {folder} cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
