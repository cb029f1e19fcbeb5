"""What it costs to get going: to import the package, and to show the help of the command."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Sequence

from measure import Row, Value

__all__ = ["ROWS"]

ROUNDS = 7
IMPORT = "import time; started = time.process_time(); import headwater; print(time.process_time() - started)"


def _run(arguments: Sequence[str]) -> str:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True).stdout


def _import() -> Value:
    least_s = min(float(_run(["-c", IMPORT])) for _ in range(ROUNDS))
    return Value(least_s * 1e3, "without the start of the interpreter")


def _help_s() -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _run(["-c", "import sys; from headwater.cli import main; sys.argv = ['headwater', '--help']; sys.exit(main())"])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _help() -> Value:
    return Value(min(_help_s() for _ in range(ROUNDS)) * 1e3, "with the start of the interpreter")


ROWS = [
    Row("import headwater, CPU", 80, "ms", _import),
    Row("headwater --help, CPU", 300, "ms", _help),
]
