"""The server inside other applications: mounted, and as a router of FastAPI."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount
from websockets.asyncio.client import connect

from headwater import Pipeline, step
from headwater_server import create_app, router
from tests.server.conftest import EVERY_SERVER, client_of, serving

# Without trio, on which this client of WebSockets does not run.
pytestmark = pytest.mark.parametrize("asgi_server", EVERY_SERVER[:-1], indirect=True)


@step("test.negate")
def negate(number: int) -> int:
    """Negate a number."""
    return -number


def mounted_fastapi() -> Any:
    """Return FastAPI with the server mounted."""
    server = create_app(Pipeline("negative", steps={"negate": negate}))
    app = FastAPI(lifespan=server.lifespan)
    app.mount("/headwater", server)
    return app


def routed_fastapi() -> Any:
    """Return FastAPI with the server as a router."""
    app = FastAPI()
    app.include_router(router(create_app(Pipeline("negative", steps={"negate": negate}))), prefix="/headwater")
    return app


def mounted_starlette() -> Any:
    """Return Starlette with the server mounted."""
    server = create_app(Pipeline("negative", steps={"negate": negate}))
    return Starlette(routes=[Mount("/headwater", server)], lifespan=server.lifespan)


APPS = {"FastAPI, mounted": mounted_fastapi, "FastAPI, router": routed_fastapi, "Starlette": mounted_starlette}


@pytest.mark.parametrize("app", APPS)
async def test_links_lead_below_the_place_of_the_server(app: str) -> None:
    """Every link can be followed, wherever the server is."""
    async with client_of(APPS[app]()) as client:
        started = await client.post("/headwater/pipelines/negative/executions", json={"input": 3})
        links = started.json()["links"]
        result = await client.get(links["result"], headers={"prefer": "wait=10"})
        events = await client.get(links["events"])
        page = await client.get("/headwater/")
    assert result.json()["output"] == -3
    assert "pipeline_complete" in events.text
    assert page.status_code == 200
    assert {link for link in links.values() if not link.startswith("/headwater/")} == set()


@pytest.mark.parametrize("app", APPS)
async def test_websocket_is_served_below_the_place_of_the_server(app: str) -> None:
    """WebSockets are served as well."""
    path = "/headwater/pipelines/negative/run"
    async with serving(APPS[app]()) as url, connect(url.replace("http", "ws") + path) as ws:
        await ws.send('{"input": 4}')
        messages = [message async for message in ws]
    assert messages[1:] == ['{"item":-4}', '{"end":{"items":1}}']


async def test_server_says_so_when_nothing_runs_it() -> None:
    """Frameworks do not run the lifespan of a mounted app; each request then says what is missing."""
    app = FastAPI()
    app.mount("/headwater", create_app(Pipeline("negative", steps={"negate": negate})))
    async with client_of(app) as client:
        answer = await client.get("/headwater/pipelines")
    assert (answer.status_code, answer.json()["code"]) == (503, "not-started")
    assert "FastAPI(lifespan=server.lifespan)" in answer.json()["detail"]
