"""How `headwater serve` stops: what runs gets its time, and every client learns how its execution has ended."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

DOCUMENT = {"name": "upper", "steps": [{"id": "up", "kind": "text.upper"}]}
ENDLESS = """
from collections.abc import AsyncIterator
from headwater import step

@step("own.endless")
async def endless() -> AsyncIterator[int]:
    number = 0
    while True:
        yield number
        number += 1
"""


@contextmanager
def served(folder: Path, *options: str) -> Generator[tuple[subprocess.Popen[str], str]]:
    """Serve a folder by the command in a process of its own; yield it and its URL."""
    command = [sys.executable, "-m", "headwater.cli", "serve", str(folder), "--port", "0", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            found = re.search(r"http://\S+", process.stderr.readline())
            assert found is not None
            yield process, found[0]
        finally:
            process.kill()


async def events_of(client: httpx2.AsyncClient, path: str, seen: list[str], ready: Any) -> None:
    """Note the types of the events of an execution, to the end of the stream."""
    async with client.stream("GET", path) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("data: "):
                seen.append(json.loads(line[6:])["event_type"])
                ready.set()


@pytest.fixture
def anyio_backend() -> str:
    """The clients run on one event loop, the server in a process of its own."""
    return "asyncio"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_every_client_receives_the_terminal_event_when_a_signal_comes(tmp_path: Path, number: int) -> None:
    """Fifty executions wait for input when the server is stopped: each is cancelled, and its client is told."""
    (tmp_path / "upper.json").write_text(json.dumps(DOCUMENT))
    seen: list[list[str]] = []
    with served(tmp_path, "--drain", "0.2") as (process, url):
        async with httpx2.AsyncClient(base_url=url, timeout=30) as client, anyio.create_task_group() as group:
            waits: list[anyio.Event] = []
            for _ in range(50):
                started = await client.post("/pipelines/upper/executions", json={"stream_input": True})
                seen.append([])
                waits.append(anyio.Event())
                group.start_soon(events_of, client, started.json()["links"]["events"], seen[-1], waits[-1])
            for ready in waits:
                await ready.wait()
            process.send_signal(number)
        assert {types[-1] for types in seen} == {"pipeline_cancelled"}
        assert await anyio.to_thread.run_sync(process.wait) == 0


async def test_server_that_stops_starts_nothing_new(tmp_path: Path) -> None:
    """While what runs has its time, a new execution is refused, and readiness says so."""
    (tmp_path / "upper.json").write_text(json.dumps(DOCUMENT))
    with served(tmp_path, "--drain", "60") as (process, url):
        async with httpx2.AsyncClient(base_url=url, timeout=30) as client:
            started = (await client.post("/pipelines/upper/executions", json={"stream_input": True})).json()
            process.send_signal(signal.SIGTERM)
            while (ready := await client.get("/readyz")).status_code == 200:
                pass
            refused = await client.post("/pipelines/upper/executions", json={"input": "a"})
            lines = {"content-type": "application/jsonl"}
            ended = await client.post(started["links"]["input"] + "?end=true", content=b'"a"\n', headers=lines)
            result = await client.get(started["links"]["result"], headers={"prefer": "wait=20"})
        assert (ready.json()["code"], refused.status_code) == ("stopping", 503)
        assert ended.json() == {"accepted": 1, "ended": True}
        assert result.json()["output"] == ["A"]
        assert await anyio.to_thread.run_sync(process.wait) == 0


async def test_second_signal_stops_at_once(tmp_path: Path) -> None:
    """An operator need not wait for what runs."""
    (tmp_path / "upper.json").write_text(json.dumps(DOCUMENT))
    with served(tmp_path, "--drain", "600") as (process, url):
        async with httpx2.AsyncClient(base_url=url, timeout=30) as client:
            await client.post("/pipelines/upper/executions", json={"stream_input": True})
            process.send_signal(signal.SIGTERM)
            while (await client.get("/readyz")).status_code == 200:
                pass
            process.send_signal(signal.SIGTERM)
            assert await anyio.to_thread.run_sync(process.wait) == 0


async def test_endless_step_without_a_wait_does_not_freeze_the_server(tmp_path: Path) -> None:
    """A generator that never waits is one execution among others, and can be cancelled."""
    (tmp_path / "own.py").write_text(ENDLESS)
    document = {"name": "endless", "steps": [{"id": "all", "kind": "own.endless"}, {"id": "n", "kind": "stream.count"}]}
    (tmp_path / "endless.json").write_text(json.dumps(document))
    (tmp_path / "upper.json").write_text(json.dumps(DOCUMENT))
    with served(tmp_path, "--steps", str(tmp_path / "own.py")) as (_, url):
        async with httpx2.AsyncClient(base_url=url, timeout=30) as client:
            links = (await client.post("/pipelines/endless/executions", json={})).json()["links"]
            other = await client.post("/pipelines/upper/run", json={"input": "a"})
            cancelled = await client.post(links["cancel"], json={})
            result = await client.get(links["result"], headers={"prefer": "wait=20"})
    assert other.json()["output"] == "A"
    assert cancelled.status_code == 202
    assert result.json()["state"] == "cancelled"


WAITS = """
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import anyio
from headwater import Step

class Waits(Step, kind="own.waits"):
    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        await anyio.sleep_forever()
        yield

    def run(self) -> int:
        return 1
"""


@pytest.mark.parametrize("kind", ["own.endless", "own.waits"])
@pytest.mark.parametrize("path", ["run", "executions"])
def test_server_stops_whatever_a_client_or_a_step_waits_for(tmp_path: Path, kind: str, path: str) -> None:
    """A client that never reads, and a step that never gets what it needs, do not keep the server from stopping."""
    (tmp_path / "document.json").write_text(json.dumps({"name": "long", "steps": [{"id": "a", "kind": kind}]}))
    steps = tmp_path / "own_steps.py"
    steps.write_text(ENDLESS + WAITS)
    options = (
        "--steps",
        str(steps),
        "--drain",
        "0.1",
        "--limit",
        "send_s=0.5",
        "--limit",
        "requests_per_minute=1000000",
    )
    with served(tmp_path, *options) as (process, url), socket.create_connection(address(url)) as client:
        head = f"POST /pipelines/long/{path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/jsonl\r\n"
        client.sendall(f"{head}Content-Length: 0\r\n\r\n".encode())
        while not httpx2.get(f"{url}/executions?state=running").json()["executions"]:
            pass
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


def address(url: str) -> tuple[str, int]:
    """Return the host and the port of a URL."""
    host, _, port = url.removeprefix("http://").partition(":")
    return host, int(port)
