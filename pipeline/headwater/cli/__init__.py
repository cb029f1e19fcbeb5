"""The command line. Only this module works without the extra `cli`."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

__all__ = ["main"]

_INTERRUPTED = 130  # as for every command, see `reporting`, which is not imported yet
_NEEDED = ("typer", "rich")


def main() -> None:
    """Run the command `headwater`, and exit with its code."""
    if missing := [name for name in _NEEDED if not _is_installed(name)]:
        needed = " and ".join(missing)
        print(f"headwater: the command line needs {needed}: pip install 'headwater[cli]'", file=sys.stderr)  # noqa: T201 - typer, which prints everywhere else, is what is missing
        sys.exit(2)
    _open_standard_streams()
    try:
        from headwater.cli.app import app

        app(prog_name="headwater")
    except KeyboardInterrupt:  # before a command began, or after it ended
        sys.exit(_INTERRUPTED)


_CLOSED = (os.O_RDWR, os.O_RDONLY, os.O_RDWR)  # results that would be lost are an error


def _open_standard_streams() -> None:
    """Open the streams that the parent process left closed: the next file opened would take the number of one."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, _CLOSED[number])
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - never closed
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as above
    if (reconfigure := getattr(sys.stdout, "reconfigure", None)) is not None:  # a test may have put another there
        reconfigure(errors="backslashreplace")  # as on standard error: no encoding must fail


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ValueError:  # the module was made without a spec, or its import is blocked
        return False
