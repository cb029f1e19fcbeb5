"""The same checks where the server is mounted in another app, and where another ASGI server runs it."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
import httpx2
import pytest
from hypercorn.config import Config
from starlette.applications import Starlette
from starlette.routing import Mount
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from headwater import Pipeline, step
from headwater_server import ApiKeys, Server, create_app
from tests.server.conftest import client_of


@step("test.reversed")
def reverse(text: str) -> str:
    """Turn text around."""
    return text[::-1]


PIPELINE = Pipeline("reversed", steps={"reverse": reverse})


async def test_ticket_is_for_the_link_of_a_mounted_server() -> None:
    """Links have the place of the mount, tickets are asked for with them, and open what they name."""
    keys = ApiKeys()
    server = create_app(PIPELINE, auth=keys)
    app = Starlette(routes=[Mount("/flows", server)], lifespan=server.lifespan)
    async with client_of(app, lifespan="on") as client:
        headers = {"authorization": f"Bearer {keys.create('ci')}"}
        started = await client.post("/flows/pipelines/reversed/executions", json={"input": "ab"}, headers=headers)
        events = started.json()["links"]["events"]
        assert events.startswith("/flows/executions/")
        ticket = await client.post("/flows/tickets", json={"path": events, "for": "sse"}, headers=headers)
        url = ticket.json()["url"]
        assert url.startswith(f"{events}?ticket=hwt_")
        for _ in range(2):
            answer = await client.get(url)
            assert answer.status_code == 200
            assert '"pipeline_complete"' in answer.text
        other = events.replace("/events", "/output")
        assert (await client.get(other + url.removeprefix(events))).status_code == 403
        assert (await client.get("/flows/pipelines")).status_code == 401


@asynccontextmanager
async def hypercorn(server: Server) -> AsyncGenerator[str]:
    """Serve an app with hypercorn in the block, on the event loop of the test; yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    config = Config()
    config.bind = [address]
    config.errorlog = None
    stop = anyio.Event()
    from hypercorn.trio import serve

    app: Any = server
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: serve(app, config, shutdown_trigger=stop.wait))
        async with httpx2.AsyncClient() as client:
            while True:
                try:
                    await client.get(f"http://{address}/healthz")
                    break
                except httpx2.TransportError:
                    await anyio.lowlevel.checkpoint()
        yield address
        stop.set()


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_hypercorn_on_trio_refuses_and_lets_in_the_same() -> None:
    """Another server, on another event loop, gives the same answers."""
    keys = ApiKeys()
    headers = {"authorization": f"Bearer {keys.create('ci')}"}
    async with hypercorn(create_app(PIPELINE, auth=keys)) as address, httpx2.AsyncClient() as client:
        url = f"http://{address}/pipelines"
        assert (await client.get(url)).status_code == 401
        assert (await client.get(url, headers=headers)).status_code == 200
        answer = await client.post(f"{url}/reversed/run", json={"input": "ab"}, headers=headers)
        assert answer.json()["output"] == "ba"

        def refused() -> None:
            with pytest.raises(InvalidStatus) as caught, connect(f"ws://{address}/pipelines/reversed/run"):
                pass
            assert caught.value.response.status_code == 401

        await anyio.to_thread.run_sync(refused)


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_hypercorn_without_keys_answers_the_loopback_alone() -> None:
    """The address that the server was reached at is checked, whichever server reports it."""
    async with hypercorn(create_app(PIPELINE)) as address, httpx2.AsyncClient() as client:
        url = f"http://{address}/pipelines"
        assert (await client.get(url)).status_code == 200
        assert (await client.get(url, headers={"host": "evil.example"})).status_code == 421
        assert (await client.post(f"{url}/reversed/run", content=b"{}")).status_code == 415
