"""Files that no document may read, because they hold what is secret in the process."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["refuse_private"]

_NAMES = {"environ", "kcore", "mem"}  # of the proc file system: the environment and the memory of processes
_PROC = Path("/proc")


def refuse_private(path: str | os.PathLike[str], descriptor: int | None = None) -> None:
    """Refuse to read the environment or the memory of a process, where its secrets are.

    Args:
        path: The path of a file, which may not exist.
        descriptor: The descriptor under which it was opened; then nothing can replace the file by another in between.

    Raises:
        PermissionError: It is such a file, also when links or other names lead to it.

    Example:
        >>> refuse_private("notes.txt")
    """
    real = Path(os.path.realpath(path if descriptor is None else f"/proc/self/fd/{descriptor}"))
    if real.name in _NAMES and _is_of_processes(real):
        raise PermissionError(
            1, "the environment and the memory of a process hold secrets, so no step reads them", str(path)
        )


def _is_of_processes(real: Path) -> bool:
    """Return whether a file is in a proc file system, which may be mounted anywhere."""
    if _PROC in real.parents:  # also of another mount namespace, whose files cannot be looked at by this path
        return True
    try:
        return real.stat().st_dev == Path("/proc/self").stat().st_dev
    except OSError:
        return False
