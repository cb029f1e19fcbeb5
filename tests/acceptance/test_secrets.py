"""Secrets and variables that the command line was given are on neither of its outputs, whatever happens."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

KINDS = '''
from collections.abc import AsyncIterator
from pydantic import SecretStr
from headwater import Step, StepContext, step

@step("canary.call")
async def call(ctx: StepContext, *, key: SecretStr, fail: bool = False) -> AsyncIterator[str]:
    """Call something.

    Args:
        key: What opens it.
        fail: Whether it refuses.
    """
    ctx.progress(0.5, f"calling with {key.get_secret_value()}")
    ctx.log.info("calling", key=key.get_secret_value())
    yield "done"
    if fail:
        raise ValueError(f"401 for {key.get_secret_value()}")

class Login(Step, kind="canary.login"):
    """Log in."""

    key: SecretStr
    note: str = ""

    def run(self, text: str) -> str:
        return repr(self.key)
'''
COMMANDS = [
    pytest.param(("run",), 0, id="run"),
    pytest.param(("run", "--quiet", "--json"), 0, id="run json"),
    pytest.param(("run", "--set", "fail=true"), 1, id="run fails"),
    pytest.param(("run", "--set", "fail=true", "--quiet"), 1, id="run fails quietly"),
    pytest.param(("run", "--set", "fail=true", "--debug"), 1, id="run fails with its traceback"),
    pytest.param(("run", "--set", "fail=7"), 2, id="run with a wrong parameter"),
    pytest.param(("check",), 0, id="check"),
    pytest.param(("check", "--set", "oops=1"), 2, id="check finds a problem"),
    pytest.param(("plan",), 0, id="plan"),
    pytest.param(("plan", "--json"), 0, id="plan json"),
    pytest.param(("plan", "--mermaid"), 0, id="plan drawn"),
    pytest.param(("plan", "--analyze"), 0, id="plan analyzed"),
    pytest.param(("graph",), 0, id="graph"),
    pytest.param(("graph", "--svg"), 0, id="graph as a picture"),
    pytest.param(("graph", "--dot"), 0, id="graph for Graphviz"),
    pytest.param(("run", "--events", "events.jsonl"), 0, id="run with events"),
    pytest.param(("run", "--set", "fail=true", "--events", "events.jsonl"), 1, id="run fails with events"),
    pytest.param(("run", "--timeline", "run.svg", "--metrics"), 0, id="run measured"),
]
VARIABLE = "nightjar-0815-walrus"


def command(folder: Path, canary: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command with a secret in its environment."""
    return subprocess.run(
        [sys.executable, "-m", "headwater.cli", *arguments],
        cwd=folder,
        env={**os.environ, "HEADWATER_SECRET_KEY": canary, "NIGHT_BIRD": VARIABLE},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a pipeline that has secrets, and its kinds."""
    steps: list[dict[str, Any]] = [
        {"id": "call", "kind": "canary.call", "params": {"key": "${secret.KEY}", "fail": "${parameters.fail}"}},
        {"id": "kept", "kind": "stream.filter", "params": {"where": {"ne": "${env.NIGHT_BIRD}"}}},
        {"id": "login", "kind": "canary.login", "params": {"key": "${secret.KEY}", "note": "${env.NIGHT_BIRD}"}},
    ]
    edges = ["call -> kept", {"from": "kept", "to": "login", "when": {"not": {"eq": "a ${env.NIGHT_BIRD}"}}}]
    parameters = {"fail": {"type": "boolean", "default": False}}
    document: dict[str, Any] = {"name": "canary", "parameters": parameters, "steps": steps, "edges": edges}
    document["streaming"] = {"emit_items": "all"}
    (tmp_path / "canary.json").write_text(json.dumps(document))
    (tmp_path / "kinds.py").write_text(KINDS)
    return tmp_path


@pytest.mark.parametrize(("arguments", "code"), COMMANDS)
def test_shows_no_secret_whatever_the_command_does(folder: Path, arguments: tuple[str, ...], code: int) -> None:
    """Standard output, standard error and what is written to files are free of it."""
    canary = secrets.token_hex(16)
    name, *options = arguments
    done = command(folder, canary, name, "canary.json", "--steps", "kinds.py", *options)
    assert done.returncode == code, done.stderr
    assert done.stdout or done.stderr
    written = [path for path in folder.rglob("*") if path.is_file()]
    for leak in (canary, *VARIABLE.split("-")):
        assert leak not in done.stdout + done.stderr
        assert [path.name for path in written if leak.encode() in path.read_bytes()] == []


def test_shows_no_secret_when_a_kind_is_described(folder: Path) -> None:
    """A kind is described with its params, not with what they are."""
    canary = secrets.token_hex(16)
    done = command(folder, canary, "steps", "canary.call", "--steps", "kinds.py")
    assert (done.returncode, "key" in done.stdout, canary in done.stdout + done.stderr) == (0, True, False)


def test_shows_no_secret_when_it_is_misplaced(folder: Path) -> None:
    """A problem names the place of a secret; also where the same text stands in the document."""
    canary = secrets.token_hex(16)
    document = json.loads((folder / "canary.json").read_text())
    document["steps"][0]["params"]["fail"] = "${secret.KEY}"
    document["steps"][2]["params"]["key"] = "${env.HEADWATER_SECRET_KEY}"
    (folder / "canary.json").write_text(json.dumps(document))
    done = command(folder, canary, "check", "canary.json", "--steps", "kinds.py")
    assert done.returncode == 2
    assert done.stderr.count("secret-misplaced") == 2
    assert canary not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("steps", 0, "params", "fail"), "${env.NIGHT_BIRD}"),
        (("steps", 0, "concurrency"), "${env.NIGHT_BIRD}"),
        (("steps", 1, "params", "where"), {"matches": "(${env.NIGHT_BIRD}"}),
        (("steps", 1, "params", "where"), {"in": "${env.NIGHT_BIRD}"}),
        (("steps", 2, "params", "note"), ["${env.NIGHT_BIRD}"]),
        (("edges", 1, "when"), {"field": "${env.NIGHT_BIRD}.", "eq": 1}),
        (("edges", 1, "when"), {"eq": "${secret.KEY}"}),
        (("edges", 1, "buffer"), "${env.NIGHT_BIRD:integer}"),
        (("output",), "${env.NIGHT_BIRD}"),
        (("name",), "${env.NIGHT_BIRD}"),
        (("steps", 0, "kind"), "${env.NIGHT_BIRD}"),
        (("timeout",), {"total_s": "${env.NIGHT_BIRDS}"}),
    ],
)
def test_shows_no_value_of_a_variable_when_it_is_wrong(folder: Path, place: tuple[Any, ...], value: Any) -> None:
    """A problem names the variable, also where its value is what is wrong."""
    canary = secrets.token_hex(16)
    document = json.loads((folder / "canary.json").read_text())
    inner = document
    for part in place[:-1]:
        inner = inner[part]
    inner[place[-1]] = value
    (folder / "canary.json").write_text(json.dumps(document))
    done = command(folder, canary, "check", "canary.json", "--steps", "kinds.py")
    assert done.returncode == 2, done.stdout
    assert "Traceback" not in done.stderr
    shown = done.stdout + done.stderr
    assert [leak for leak in (canary, *VARIABLE.split("-")) if leak in shown] == []
