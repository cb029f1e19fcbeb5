"""A server that stops, is killed or is started again, in the middle of an execution."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from headwater import ExecutionCancelled
from headwater_client import Backoff, Client, ServerUnreachableError, UnknownExecutionError

AT_ONCE = Backoff(first_s=0.01, most_s=0.05, give_up_s=20)
SHORT = Backoff(first_s=0.001, most_s=0.01, give_up_s=0.2)


@pytest.fixture
def document(tmp_path: Path) -> Path:
    """A document whose pipeline passes text on."""
    path = tmp_path / "echo.json"
    step = {"id": "echo", "kind": "text.replace", "params": {"old": "x", "new": "y"}}
    path.write_text(json.dumps({"name": "echo", "steps": [step]}))
    return path


def free_port() -> int:
    """Return a port that is free."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def process(document: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run `headwater serve` in the block, and wait until it listens."""
    command = [
        Path(sys.executable).with_name("headwater"),
        "serve",
        str(document),
        "--port",
        str(port),
        "--drain",
        "0.2",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as served:
        try:
            assert served.stderr is not None
            while b"serving" not in (line := served.stderr.readline()):
                assert line, "the server has ended"
            yield served
        finally:
            served.kill()


async def endless() -> AsyncIterator[str]:
    """Yield one item, and then nothing, forever."""
    yield "axe"
    await anyio.sleep_forever()


async def test_program_gets_the_terminal_event_when_the_server_stops(document: Path) -> None:
    """A server that is stopped cancels what runs, and its clients learn it before it is gone."""
    types: list[str] = []
    with process(document, port := free_port()) as served:
        async with (
            Client(f"http://127.0.0.1:{port}", backoff=AT_ONCE) as client,
            client.start("echo", endless(), subscribers=[lambda event: types.append(event.event_type)]) as execution,
        ):
            assert await anext(aiter(execution.output)) == "aye"
            served.send_signal(signal.SIGTERM)
            with pytest.raises(ExecutionCancelled):
                await execution.result()
    assert types[-1] == "pipeline_cancelled"


async def test_program_gets_an_error_when_the_server_is_killed(document: Path) -> None:
    """Nothing waits forever for a server that is gone, and no end is made up."""
    types: list[str] = []
    with process(document, port := free_port()) as served:
        async with Client(f"http://127.0.0.1:{port}", backoff=SHORT) as client:
            with pytest.raises(ServerUnreachableError):
                async with client.start(
                    "echo", endless(), subscribers=[lambda event: types.append(event.event_type)]
                ) as execution:
                    assert await anext(aiter(execution.output)) == "aye"
                    served.kill()
                    await execution.result()
    assert "pipeline_complete" not in types


async def test_program_gets_an_error_when_the_server_was_started_again(document: Path) -> None:
    """A server that has lost the execution says so, and the client does not wait for it."""
    port = free_port()
    with process(document, port) as served:
        async with Client(f"http://127.0.0.1:{port}", backoff=AT_ONCE) as client:
            with pytest.raises(UnknownExecutionError, match="was restarted"):
                async with client.start("echo", endless()) as execution:
                    assert await anext(aiter(execution.output)) == "aye"
                    served.kill()
                    served.wait()
                    with process(document, port):
                        await execution.result()
