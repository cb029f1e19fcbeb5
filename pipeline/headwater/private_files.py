"""Files that no document may read, because they hold what is secret in the process."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["refuse_private"]

_NAMES = {"environ", "mem"}  # of the proc file system: the environment and the memory of a process


def refuse_private(path: str | os.PathLike[str]) -> None:
    """Refuse to read the environment or the memory of a process, where its secrets are.

    Args:
        path: The path of a file, which may not exist.

    Raises:
        PermissionError: It is such a file, also when links or other names lead to it.

    Example:
        >>> refuse_private("notes.txt")
    """
    real = Path(os.path.realpath(path))
    if real.name not in _NAMES:
        return
    try:
        is_process = real.stat().st_dev == Path("/proc/self").stat().st_dev
    except OSError:
        return
    if is_process:
        raise PermissionError(
            1, "the environment and the memory of a process hold secrets, so no step reads them", str(path)
        )
