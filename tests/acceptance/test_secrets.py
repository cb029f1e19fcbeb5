"""A secret that the command line was given is on neither of its outputs, whatever happens."""

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

    def run(self, text: str) -> str:
        return repr(self)
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
]


def command(folder: Path, canary: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command with a secret in its environment."""
    return subprocess.run(
        [sys.executable, "-m", "headwater.cli", *arguments],
        cwd=folder,
        env={**os.environ, "HEADWATER_SECRET_KEY": canary},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a pipeline that has secrets, and its kinds."""
    steps: list[dict[str, Any]] = [
        {"id": "call", "kind": "canary.call", "params": {"key": "${secret.KEY}", "fail": "${parameters.fail}"}},
        {"id": "login", "kind": "canary.login", "params": {"key": "${secret.KEY}"}},
    ]
    parameters = {"fail": {"type": "boolean", "default": False}}
    document = {"name": "canary", "parameters": parameters, "steps": steps, "streaming": {"emit_items": "all"}}
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
    assert canary not in done.stdout + done.stderr
    written = [path for path in folder.rglob("*") if path.is_file()]
    assert all(canary.encode() not in path.read_bytes() for path in written)


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
    document["steps"][1]["params"]["key"] = "${env.HEADWATER_SECRET_KEY}"
    (folder / "canary.json").write_text(json.dumps(document))
    done = command(folder, canary, "check", "canary.json", "--steps", "kinds.py")
    assert done.returncode == 2
    assert done.stderr.count("secret-misplaced") == 2
    assert canary not in done.stdout + done.stderr
