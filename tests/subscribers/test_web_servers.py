"""The apps of the documentation, served as its readers would."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from tests.docs.blocks import blocks
from tests.server.streaming.conftest import until
from tests.server.streaming.sse_reader import SseReader

PAGE = Path(__file__).parents[2] / "docs/how-to/stream-events-from-your-server.md"


@pytest.fixture
def anyio_backend() -> str:
    """These servers need asyncio."""
    return "asyncio"


@pytest.fixture(scope="module")
def _apps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Save the apps of the page where they can be imported."""
    if not PAGE.exists():
        pytest.skip("the built package is tested without the documents")
    folder = tmp_path_factory.mktemp("apps")
    for block in blocks(PAGE.read_text("utf-8")):
        if block.file is not None:
            (folder / block.file).write_text(block.text, "utf-8")
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))


async def uvicorn_port(app: Any, *, task_status: anyio.abc.TaskStatus[tuple[Any, int]]) -> None:
    """Serve an app on a free port, which is returned with the server."""
    from uvicorn import Config, Server

    server = Server(Config(app, port=0, log_level="critical", timeout_graceful_shutdown=1))
    async with anyio.create_task_group() as group:
        group.start_soon(server.serve)
        await until(lambda: server.started)
        task_status.started((server, server.servers[0].sockets[0].getsockname()[1]))


def names(content: bytes) -> list[str]:
    """Return the types of the events in a response."""
    return [json.loads(data)["event_type"] for _, data, _ in SseReader().feed(content).events]


@pytest.mark.usefixtures("_apps")
async def test_fastapi_app_streams_the_events_of_an_execution() -> None:
    """The app of the page works as written."""
    pytest.importorskip("fastapi")
    async with anyio.create_task_group() as group, httpx2.AsyncClient(trust_env=False) as http:
        server, port = await group.start(uvicorn_port, import_module("fastapi_app").app)
        response = await http.get(f"http://127.0.0.1:{port}/halves?numbers=3")
        assert response.headers["content-type"].startswith("text/event-stream")
        assert [names(response.content)[place] for place in (0, -1)] == ["pipeline_start", "pipeline_complete"]
        server.should_exit = True


@pytest.mark.usefixtures("_apps")
async def test_starlette_app_sends_the_events_of_an_execution_as_messages() -> None:
    """The app of the page works as written, with a client that nobody here wrote."""
    pytest.importorskip("starlette")
    from websockets.asyncio.client import connect

    async with anyio.create_task_group() as group:
        server, port = await group.start(uvicorn_port, import_module("starlette_app").app)
        async with connect(f"ws://127.0.0.1:{port}/halves?numbers=3", proxy=None) as socket:
            messages = [json.loads(message) async for message in socket]
        assert socket.close_code == 1000
        complete = next(message for message in messages if message["event_type"] == "step_complete")
        assert (complete["step_id"], complete["data"]["output"]) == ("half", 0.0)
        assert messages[-1]["event_type"] == "pipeline_complete"
        server.should_exit = True


@pytest.mark.usefixtures("_apps")
async def test_aiohttp_app_streams_the_events_of_an_execution() -> None:
    """The app of the page works as written, where aiohttp is installed."""
    pytest.importorskip("aiohttp")
    from aiohttp.web import AppRunner, TCPSite  # pyright: ignore[reportMissingImports] - it need not be installed

    runner = AppRunner(import_module("aiohttp_app").app)
    await runner.setup()
    await TCPSite(runner, "127.0.0.1", 0).start()
    async with httpx2.AsyncClient(trust_env=False) as http:
        response = await http.get(f"http://127.0.0.1:{runner.addresses[0][1]}/halves?numbers=3")
    await runner.cleanup()
    assert [names(response.content)[place] for place in (0, -1)] == ["pipeline_start", "pipeline_complete"]
