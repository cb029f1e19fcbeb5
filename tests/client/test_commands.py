"""`headwater run URL` and `headwater watch URL`: as local runs, with the same exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from headwater import Pipeline, Stream, step
from headwater_server import ApiKeys


@step("client.commands_shout")
async def shout(texts: Stream[str]) -> AsyncIterator[str]:
    """Shout."""
    async for text in texts:
        yield text.upper()


@step("client.commands_repeat")
async def repeat(text: str, *, times: int = 2) -> AsyncIterator[str]:
    """Repeat text, and then wait when it is asked for often."""
    for _ in range(times):
        yield text
    if times > 100:
        await anyio.sleep_forever()


@step("client.commands_fail")
def fail(text: str) -> str:
    """Fail."""
    raise ValueError(text)


REPEAT = {
    "name": "repeat",
    "parameters": {"times": {"type": "integer", "default": 2}},
    "steps": [{"id": "repeat", "kind": "client.commands_repeat", "params": {"times": "${parameters.times}"}}],
}


@pytest.fixture(scope="module")
def url(serve: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A server with the pipelines of this module."""
    folder = tmp_path_factory.mktemp("configs")
    (folder / "repeat.json").write_text(json.dumps(REPEAT))
    shouts, fails = Pipeline("shout", steps={"shout": shout}), Pipeline("fail", steps={"fail": fail})
    return serve([shouts, fails, folder / "repeat.json"])


def start(*arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start the command in a process of its own."""
    program = Path(sys.executable).with_name("headwater")
    pipe = subprocess.PIPE
    return subprocess.Popen([program, *arguments], stdin=pipe, stdout=pipe, stderr=pipe, env=env)


def call(*arguments: str, given: bytes = b"", env: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """Run the command; return its exit code and what it wrote."""
    with start(*arguments, env=env) as process:
        out, err = process.communicate(given, timeout=240)
    return process.returncode, out.decode(), err.decode()


def test_run_gives_what_a_local_run_gives(url: str) -> None:
    """Input, output and the live view are those of a local run."""
    code, out, err = call("run", f"{url}/pipelines/shout", "--input", "-", given=b"one\ntwo\n")
    assert (code, out) == (0, "ONE\nTWO\n")
    assert "shout  done: 2 in, 2 out" in err


def test_parameters_have_their_declared_types(url: str) -> None:
    """`--set` gives a parameter of the document on the server."""
    code, out, err = call("run", f"{url}/pipelines/repeat", "-q", "--input", "-", "--set", "times=3", given=b"a\n")
    assert (code, out, err) == (0, "a\na\na\n", "")


def test_typed_stream_goes_on_into_another_run(url: str) -> None:
    """The output of a remote run is the input of the next one, as a typed stream."""
    code, out, _ = call("run", f"{url}/pipelines/shout", "--input", "-", "--output-format", "headwater", given=b"a\n")
    assert code == 0
    more = ("run", f"{url}/pipelines/shout", "-q", "--input", "-", "--input-format", "headwater")
    assert call(*more, given=out.encode())[:2] == (0, "A\n")


@pytest.mark.parametrize(
    ("path", "options", "code", "message"),
    [
        ("pipelines/fail", ["--input", "-"], 1, "failed: ValueError: boo"),
        ("pipelines/nothing", [], 2, "[unknown-pipeline]"),
        ("pipelines/shout", [], 2, "[missing-input]"),
        ("pipelines/shout", ["--set", "loud=3"], 2, "[unknown-parameter]"),
        ("elsewhere/shout", [], 2, "[bad-url]"),
        ("pipelines/shout", ["--allow", "process"], 2, "a server has its own steps"),
        ("pipelines/shout", ["--key-file", "missing"], 2, "[unreadable]"),
    ],
)
def test_run_ends_with_the_exit_code_of_a_local_run(
    url: str, path: str, options: list[str], code: int, message: str
) -> None:
    """What goes wrong on the server is reported as it is here."""
    found, _, err = call("run", f"{url}/{path}", *options, given=b"boo\n")
    assert (found, message in err) == (code, True), err


def test_scheme_without_a_runner_is_an_error() -> None:
    """A URL that no package can run is reported with those that are installed."""
    code, _, err = call("run", "gopher://host/pipelines/shout")
    assert code == 1
    assert "no installed package provides the runner 'gopher'; installed are: http, https" in err


def state_of(url: str, pipeline: str) -> dict[str, Any]:
    """Return the newest execution of a pipeline on a server."""
    form: dict[str, Any] = httpx2.get(f"{url}/executions", params={"pipeline": pipeline}).json()["executions"][0]
    return form


def test_interrupt_cancels_the_execution_on_the_server(url: str) -> None:
    """Ctrl-C stops the run there, and shows how far it got here."""
    with start("run", f"{url}/pipelines/repeat", "--input", "-", "--set", "times=500") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"a\n")
        process.stdin.close()
        assert process.stdout.readline() == b"a\n"
        process.send_signal(signal.SIGINT)
        process.stdin = None
        _, err = process.communicate(timeout=240)
    assert process.returncode == 130
    assert b"stopped by Ctrl-C" in err
    assert state_of(url, "repeat")["state"] == "cancelled"


def test_watch_shows_an_execution_and_leaves_it_alone(url: str) -> None:
    """A view ends with Ctrl-C, and the execution goes on; when that has ended, the view ends by itself."""
    started = httpx2.post(
        f"{url}/pipelines/repeat/executions", json={"input": "a", "parameters": {"times": 101}}
    ).json()
    address = url + started["links"]["self"]
    with start("watch", address) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"repeat: started, 1 step\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=240)
    assert process.returncode == 130
    assert b"the execution goes on" in err
    assert httpx2.get(address).json()["state"] == "running"
    httpx2.post(address + "/cancel")
    code, _, shown = call("watch", address)
    assert code == 1
    assert "cancelled (a client cancelled it)" in shown


def test_watch_of_an_unknown_execution_is_an_error(url: str) -> None:
    """What the server does not know cannot be shown."""
    code, _, err = call("watch", f"{url}/executions/nothing")
    assert code == 1
    assert "does not know the execution nothing" in err


def test_key_comes_from_a_file_or_the_environment(serve: Callable[..., str], tmp_path: Path) -> None:
    """A server that asks for a key gets it, and without one the run is refused."""
    keys, file = tmp_path / "keys.json", tmp_path / "key"
    key = ApiKeys.create_in(keys, "ci")
    file.write_text(key + "\n")
    url = serve([Pipeline("shout", steps={"shout": shout})], auth=ApiKeys.load(keys))
    run = ("run", f"{url}/pipelines/shout", "-q", "--input", "-")
    assert call(*run, given=b"a\n")[0] == 2
    assert call(*run, "--key-file", str(file), given=b"a\n")[:2] == (0, "A\n")
    assert call(*run, given=b"a\n", env={**os.environ, "HEADWATER_KEY": key})[:2] == (0, "A\n")
