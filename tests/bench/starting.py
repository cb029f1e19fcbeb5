"""What it costs to get going: to import the package, and to show the help of the command."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from tempfile import TemporaryDirectory

from measure import Row, Value

__all__ = ["ROWS"]

ROUNDS = 7
IMPORT = "import time; started = time.process_time(); import headwater; print(time.process_time() - started)"
HELP = "import sys; from headwater.cli import main; sys.argv = ['headwater', '--help']; sys.exit(main())"


def _least(code: str, cost_s: Callable[[Sequence[str], Mapping[str, str]], float]) -> float:
    """Return the least cost of a program, in ms, its modules being compiled, as those of an installed package are."""
    command = [sys.executable, "-c", code]
    with TemporaryDirectory(prefix="headwater-bench-") as folder:
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = folder
        cost_s(command, environment)
        return min(cost_s(command, environment) for _ in range(ROUNDS)) * 1e3


def _reported_s(command: Sequence[str], environment: Mapping[str, str]) -> float:
    return float(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def _whole_s(command: Sequence[str], environment: Mapping[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


ROWS = [
    Row(
        "import headwater, CPU", 80, "ms", lambda: Value(_least(IMPORT, _reported_s), "without the interpreter's start")
    ),
    Row("headwater --help, CPU", 300, "ms", lambda: Value(_least(HELP, _whole_s), "with the interpreter's start")),
]
