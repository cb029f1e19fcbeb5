"""What a report on a large log costs: the pipelines that ship, against a script that does the same by hand.

The logs are made anew, in a temporary folder: 1 GB of text, and then 1 GB of JSON lines. `access_log_by_hand.py` is the
script, in a process of its own as the command is; the two reports must be equal.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from measure import Row, Value

__all__ = ["ROWS"]

ROOT = Path(__file__).parents[2]
SMALL_MB, LARGE_MB = 10, 1_000
CONFIGS = {"combined": "access-log-text.json", "jsonl": "access-log.json"}

# A small process between the two, as a child starts out with the peak of its parent.
_LAUNCHER = """
import json, os, sys
out, command = sys.argv[1], sys.argv[2:]
to_file = [(os.POSIX_SPAWN_OPEN, 1, out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)]
_, status, used = os.wait4(os.posix_spawn(command[0], command, os.environ, file_actions=to_file), 0)
print(json.dumps([status, used.ru_utime + used.ru_stime, used.ru_maxrss]))
"""
_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True, slots=True)
class Spent:
    """What a process has used, and what it wrote."""

    cpu_s: float
    peak_bytes: int
    lines: list[Any]


def _spent(folder: Path, *command: str) -> Spent:
    out = folder / "out.jsonl"
    launcher = [sys.executable, "-S", "-E", "-c", _LAUNCHER, str(out), sys.executable, *command]
    child = subprocess.run(launcher, cwd=ROOT, capture_output=True, text=True, check=True)
    status, cpu_s, maxrss = json.loads(child.stdout)
    if status:
        raise RuntimeError(f"{command[0]} failed with status {os.waitstatus_to_exitcode(status)}: {child.stderr}")
    return Spent(cpu_s, maxrss * _MAXRSS_BYTES, [json.loads(line) for line in out.read_text("utf-8").splitlines()])


@contextmanager
def _log(format_: str, size_mb: int) -> Iterator[tuple[Path, Path]]:
    """Make a log, and give it with the folder that it is in."""
    with TemporaryDirectory(prefix="headwater-bench-") as name:
        log = Path(name, "access.log")
        with log.open("wb") as file:
            script = [sys.executable, "configs/data/make_access_log.py", "--format", format_, "--size-mb", str(size_mb)]
            subprocess.run(script, cwd=ROOT, stdout=file, check=True)
        yield log, Path(name)


def _pipeline(format_: str, log: Path, folder: Path) -> Spent:
    config = f"configs/{CONFIGS[format_]}"
    return _spent(folder, "-m", "headwater.cli", "run", config, "--set", f"path={log}", "--quiet")


def _reports(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the command wrote as the script writes it."""
    reports: dict[str, Any] = {}
    for line in lines:
        item = line["item"]
        if isinstance(item, Mapping):
            reports.setdefault(line["output"], []).append([item["key"], item["count"]])
        else:
            reports[line["output"]] = item
    return reports


@cache
def _compared(format_: str) -> tuple[Spent, Spent]:
    """Return what the pipeline and the script have spent on a large log, having compared their reports."""
    with _log(format_, LARGE_MB) as (log, folder):
        by_hand = _spent(folder, "tests/bench/access_log_by_hand.py", format_, str(log))
        by_pipeline = _pipeline(format_, log, folder)
    expected = {name: report for line in by_hand.lines for name, report in line.items()}
    assert _reports(by_pipeline.lines) == expected, "the two reports are not the same"
    return by_pipeline, by_hand


def _cpu(format_: str) -> Value:
    by_pipeline, by_hand = _compared(format_)
    absolute = f"{by_pipeline.cpu_s:.1f} s (the script {by_hand.cpu_s:.1f} s)"
    return Value(by_pipeline.cpu_s / by_hand.cpu_s, absolute)


def _growth(format_: str) -> Value:
    large, _ = _compared(format_)
    with _log(format_, SMALL_MB) as (log, folder):
        small = _pipeline(format_, log, folder)
    grown = max(large.peak_bytes - small.peak_bytes, 0)
    return Value(grown / 1e6, f"{small.peak_bytes / 1e6:.1f} MB and {large.peak_bytes / 1e6:.1f} MB")


ROWS = [
    row
    for format_, name, bound in (("combined", "text", 1.3), ("jsonl", "JSON lines", 1.5))
    for row in (
        Row(f"report on 1 GB of access log, {name}, CPU against a script", bound, "x", partial(_cpu, format_)),
        Row(f"the same ({name}) against 10 MB, peak of RSS", 3, "MB", partial(_growth, format_)),
    )
]
