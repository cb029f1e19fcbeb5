"""Connections that carry several executions: those of others look like ones that do not exist."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import httpx2
import pytest
from websockets.asyncio.client import ClientConnection, connect

from headwater import Pipeline, step
from headwater_server import ApiKeys, create_app
from tests.server.conftest import client_of

UNKNOWN = "unknown-execution-0000"


@step("test.pausing")
async def pausing(text: str) -> str:
    """Wait for as long as it may."""
    await anyio.sleep_forever()
    return text


@dataclass
class Site:
    """A server with an execution of `owner`, and another caller."""

    client: httpx2.AsyncClient
    owner: dict[str, str]
    other: dict[str, str]
    execution: str

    @asynccontextmanager
    async def hub(self, headers: dict[str, str]) -> AsyncGenerator[ClientConnection]:
        """Connect a caller to the hub."""
        url = str(self.client.base_url).replace("http", "ws", 1) + "/ws"
        async with connect(url, additional_headers=headers) as socket:
            yield socket


@pytest.fixture
async def site() -> AsyncGenerator[Site]:
    """A server with two callers."""
    keys = ApiKeys()
    owner, other = ({"authorization": f"Bearer {keys.create(name)}"} for name in ("owner", "other"))
    server = create_app(Pipeline("pausing", steps={"pausing": pausing}), auth=keys, drain_s=0)
    async with client_of(server) as client:
        answer = await client.post("/pipelines/pausing/executions", json={"input": "a"}, headers=owner)
        yield Site(client, owner, other, answer.json()["id"])


async def exchange(socket: ClientConnection, message: dict[str, Any]) -> dict[str, Any]:
    """Send a message, and return the answer."""
    await socket.send(json.dumps(message))
    answer: dict[str, Any] = json.loads(await socket.recv())
    return answer


@pytest.mark.parametrize("kind", ["subscribe", "cancel"])
async def test_hub_answers_the_same_for_executions_of_others_and_unknown_ones(site: Site, kind: str) -> None:
    """A message about an execution of another caller has no effect, and shows nothing."""
    async with site.hub(site.other) as socket:
        answers = [await exchange(socket, {"type": kind, "execution": one}) for one in (site.execution, UNKNOWN)]
    assert [answer["type"] for answer in answers] == ["error", "error"]
    assert json.dumps(answers[0]).replace(site.execution, UNKNOWN) == json.dumps(answers[1])
    assert answers[0]["problem"]["code"] == "unknown-execution"
    state = await site.client.get(f"/executions/{site.execution}", headers=site.owner)
    assert state.json()["state"] == "running"


async def test_hub_serves_the_owner(site: Site) -> None:
    """The same messages of the owner are obeyed."""
    async with site.hub(site.owner) as socket:
        answer = await exchange(socket, {"type": "subscribe", "execution": site.execution})
        assert (answer["type"], answer["execution"]) == ("subscribed", site.execution)


@pytest.mark.parametrize("with_own", [False, True])
async def test_events_of_several_are_refused_when_one_is_of_another_caller(site: Site, with_own: bool) -> None:
    """Status and body are those for an unknown execution, also beside one of the caller's own."""
    started = await site.client.post("/pipelines/pausing/executions", json={"input": "b"}, headers=site.other)
    own = [started.json()["id"]] if with_own else []
    answers = [
        await site.client.get("/events", params={"executions": ",".join([*own, one])}, headers=site.other)
        for one in (site.execution, UNKNOWN)
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].text.replace(site.execution, UNKNOWN) == answers[1].text
