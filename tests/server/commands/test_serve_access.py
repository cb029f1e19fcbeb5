"""Who may use what `headwater serve` serves, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from headwater_server import ApiKeys

DOCUMENT = {"name": "words", "steps": [{"id": "words", "kind": "text.words"}]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a document."""
    (tmp_path / "words.json").write_text(json.dumps(DOCUMENT))
    return tmp_path


def command(folder: Path, *options: str) -> list[str]:
    """Return the command that serves a folder on a free port."""
    return [sys.executable, "-m", "headwater.cli", "serve", str(folder / "words.json"), "--port", "0", *options]


@contextmanager
def served(folder: Path, *options: str) -> Generator[str]:
    """Serve a folder in the block; yield the address."""
    with subprocess.Popen(command(folder, *options), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            yield process.stderr.readline().split()[-1]
        finally:
            process.terminate()
            process.stderr.read()


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104 - what is refused
def test_serving_other_machines_without_keys_is_refused_with_the_reason(folder: Path, host: str) -> None:
    """The reason and what to do are one line, before anything listens."""
    done = subprocess.run(command(folder, "--host", host), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "could start, read and cancel executions; pass --keys FILE" in done.stderr


def test_broken_file_of_keys_stops_the_start(folder: Path) -> None:
    """A server never starts with fewer checks than it was asked for."""
    done = subprocess.run(command(folder, "--keys", "missing.json"), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "the file of API keys missing.json does not exist" in done.stderr


def test_keys_let_callers_in_until_they_are_revoked(folder: Path) -> None:
    """A key that another process revokes ends within a second or two, while the server runs."""
    file = folder / "keys.json"
    headers = {"authorization": f"Bearer {ApiKeys.create_in(file, 'ci')}"}
    with served(folder, "--keys", str(file)) as url, httpx2.Client(base_url=url) as client:
        assert client.get("/pipelines").status_code == 401
        assert client.get("/pipelines", headers=headers).status_code == 200
        ApiKeys.load(file).revoke("ci")
        while client.get("/pipelines", headers=headers).status_code == 200:
            pass


def test_loopback_without_keys_answers_a_loopback_host_alone(folder: Path) -> None:
    """A page whose name was pointed at this machine gets nothing; an operator can insist."""
    other = {"host": "evil.example"}
    with served(folder) as url:
        assert httpx2.get(f"{url}/pipelines").status_code == 200
        assert httpx2.get(f"{url}/pipelines", headers=other).status_code == 421
    with served(folder, "--insecure") as url:
        assert httpx2.get(f"{url}/pipelines", headers=other).status_code == 200


def test_refused_websockets_leave_no_line_in_the_log(folder: Path) -> None:
    """Callers without rights cannot fill the log of the operator."""
    log = folder / "server.log"
    file = folder / "keys.json"
    ApiKeys.create_in(file, "ci")
    with log.open("wb") as written, subprocess.Popen(command(folder, "--keys", str(file)), stderr=written) as process:
        while " on http" not in (said := log.read_text()):
            pass
        address = said.split()[-1].replace("http", "ws", 1)
        for _ in range(3):
            with pytest.raises(InvalidStatus, match="401"), connect(f"{address}/pipelines/words/run"):
                pass
        process.terminate()
    assert log.read_text() == said
