"""What the tests of the command line share: documents, and the command in this process or in one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

KINDS = str(Path(__file__).with_name("kinds_for_cli.py"))


@dataclass(frozen=True)
class Done:
    """What came of a command.

    Args:
        code: Its exit code.
        out: What it wrote to standard output.
        err: What it wrote to standard error.
    """

    code: int
    out: str
    err: str


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Return a function that runs the command in this process."""
    monkeypatch.setattr(sys, "path", [*sys.path])

    def run(*arguments: object) -> Done:
        from headwater.cli import main

        monkeypatch.setattr(sys, "argv", ["headwater", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        written = capfd.readouterr()
        return Done(int(left.value.code or 0), written.out, written.err)

    return run


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Any], str]:
    """Return a function that writes a file into the working directory, which is one of its own."""
    monkeypatch.chdir(tmp_path)

    def write_file(name: str, content: Any) -> str:
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / name).write_text(text, "utf-8")
        return name

    return write_file


@pytest.fixture
def pipeline(write: Callable[[str, Any], str]) -> Callable[..., str]:
    """Return a function that writes a document whose steps are a chain, each given as `(kind, params)`."""

    def write_pipeline(*steps: tuple[str, dict[str, Any]], **keys: Any) -> str:
        described = [
            {"id": kind.rpartition(".")[2], "kind": kind, **({"params": params} if params else {})}
            for kind, params in steps
        ]
        return write("pipeline.json", {"name": "tested", "steps": described, **keys})

    return write_pipeline


def start(
    *arguments: str, stdin: int | None = None, stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE
) -> subprocess.Popen[bytes]:
    """Start the command in a process of its own."""
    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"} | {"TERM": "xterm"}
    command = [sys.executable, "-m", "headwater.cli", *arguments]
    return subprocess.Popen(command, env=environment, stdin=stdin, stdout=stdout, stderr=stderr)
