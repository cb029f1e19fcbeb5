"""The command line. Only this module works without the extra `cli`."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

__all__ = ["main"]

_NEEDED = ("typer", "rich")


def main() -> None:
    """Run the command `headwater`.

    Raises:
        SystemExit: Always, with the exit code of the command.
    """
    if missing := [name for name in _NEEDED if not _is_installed(name)]:
        needed = " and ".join(missing)
        print(f"headwater: the command line needs {needed}: pip install 'headwater[cli]'", file=sys.stderr)  # noqa: T201 - typer, which prints everywhere else, is what is missing
        sys.exit(2)
    _open_standard_streams()
    from headwater.cli.app import app

    app(prog_name="headwater")


def _open_standard_streams() -> None:
    """Open those that the parent process left closed: the first file to be opened would take the number of one."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ValueError:  # the module is there, but was made without a spec, or put out of reach
        return False
