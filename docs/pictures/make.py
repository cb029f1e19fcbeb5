"""Create the pictures of the documentation from real runs: `make pictures`.

Each picture shows the output of a command in the table below. Times differ from run to run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

from monitor import pictures  # noqa: E402 - a neighboring module, found by the line above
from terminal import picture, screens  # noqa: E402 - as above

COLUMNS = 96
LOG_LINES = 800_000
BROKEN = """\
{
  "name": "long-words",
  "steps": [
    {"id": "lines", "kind": "source.line", "params": {"path": "LICENSE"}},
    {"id": "words", "kind": "text.words"},
    {"id": "long", "kind": "stream.filter", "params": {"where": {"length_at_leest": 10}}},
    {"id": "count", "kind": "stream.count", "concurency": 4}
  ]
}
"""
STRICT = """\
{
  "name": "slow-requests",
  "steps": [
    {"id": "log", "kind": "source.jsonl", "params": {"path": "damaged.jsonl"}},
    {"id": "slow", "kind": "stream.filter", "params": {"where": {"field": "duration_ms", "ge": 1000}}},
    {"id": "paths", "kind": "stream.group_count", "params": {"by": "path", "top": 5}},
    {"id": "requests", "kind": "stream.count"}
  ],
  "edges": ["log -> slow", "slow -> paths", "log -> requests"]
}
"""


@dataclass(frozen=True)
class Shot:
    """One picture: its command, the part of the run at which it is taken (1 is the end), and the terminal width."""

    name: str
    command: str
    part: float = 1.0
    columns: int = COLUMNS


SHOTS = (
    Shot("running", "headwater run configs/access-log.json --set path=access.jsonl", part=0.55),
    Shot("failing", "headwater run slow-requests.json"),
    Shot("check", "headwater check broken.json"),
    Shot("plan", "headwater plan configs/word-report.json --set path=LICENSE", columns=116),
)
FILES = (
    ("graph.svg", "headwater graph configs/access-log.json --svg"),
    ("timeline.svg", "headwater run configs/access-log.json --set path=access.jsonl --quiet --timeline timeline.svg"),
    ("load.svg", f"python {ROOT}/tests/load/run.py --picture load.svg || true"),
)
"""Pictures that a command writes itself."""


def main(names: Sequence[str]) -> None:
    """Create the pictures with these names, or all of them."""
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with TemporaryDirectory() as path:
        folder = Path(path)
        _prepare(folder)
        for shot in SHOTS:
            if not names or shot.name in names:
                found = screens(["bash", "-c", shot.command], folder, shot.columns)
                screen, name = found[min(int(len(found) * shot.part), len(found) - 1)], f"terminal-{shot.name}"
                _write(f"{name}.svg", picture(shot.command, screen, shot.columns, name))
        for file, command in FILES:
            if not names or file in names:
                done = _run(["bash", "-c", command], folder)
                made = folder / file
                _write(file, made.read_text("utf-8") if made.exists() else done.stdout)
        for name, content in pictures(folder, names):
            (HERE / f"{name}.png").write_bytes(content)
            print(f"docs/pictures/{name}.png: {len(content):,} bytes")  # noqa: T201 - a command reports what it did


def _prepare(folder: Path) -> None:
    """Copy the documents and create the data in a folder."""
    shutil.copytree(ROOT / "configs", folder / "configs")
    shutil.copy(ROOT / "LICENSE", folder)
    (folder / "broken.json").write_text(BROKEN, "utf-8")
    (folder / "slow-requests.json").write_text(STRICT, "utf-8")
    maker = [sys.executable, "configs/data/make_access_log.py", "--format", "jsonl", "--lines", str(LOG_LINES)]
    with (folder / "access.jsonl").open("wb") as log:
        subprocess.run(maker, cwd=folder, stdout=log, check=True)  # noqa: S603 - our own script
    lines = (folder / "access.jsonl").read_bytes().splitlines(keepends=True)
    lines[LOG_LINES * 2 // 3] = b'{"path": "/gauges/7", "stat\n'
    (folder / "damaged.jsonl").write_bytes(b"".join(lines))


def _run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, check=True, text=True)  # noqa: S603 - from the table


def _write(name: str, text: str) -> None:
    (HERE / name).write_text(text, "utf-8")
    print(f"docs/pictures/{name}: {len(text):,} characters")  # noqa: T201 - a command reports what it did


if __name__ == "__main__":
    main(sys.argv[1:])
