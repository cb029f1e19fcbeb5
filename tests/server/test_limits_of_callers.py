"""What one caller may have open and send, over real sockets; other callers are not affected."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import anyio
import anyio.lowlevel
import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from headwater import Pipeline, step
from headwater_server import ApiKeys, Limits, Server, create_app
from tests.server.conftest import client_of


@step("test.stuck")
async def stuck(text: str) -> str:
    """Wait for as long as it may."""
    await anyio.sleep_forever()
    return text


PIPELINE = Pipeline("stuck", steps={"stuck": stuck})
Headers = dict[str, str]


def made(**limits: Any) -> tuple[Server, Headers, Headers]:
    """Return a server with limits, and the headers of two callers."""
    keys = ApiKeys()
    server = create_app(PIPELINE, auth=keys, limits=Limits(**limits), drain_s=0)
    one, two = ({"authorization": f"Bearer {keys.create(name)}"} for name in ("one", "two"))
    return server, one, two


async def start(client: httpx2.AsyncClient, headers: Headers) -> httpx2.Response:
    """Start an execution."""
    return await client.post("/pipelines/stuck/executions", json={"input": "a"}, headers=headers)


def refused(answer: httpx2.Response) -> tuple[int, str, bool]:
    """Return the status and the code of a refusal, and whether it says when to try again."""
    return answer.status_code, answer.json()["code"], int(answer.headers["retry-after"]) > 0


async def test_executions_are_limited_per_caller_and_in_total() -> None:
    """An execution that has ended makes space."""
    server, one, two = made(executions_per_caller=1, executions=2)
    async with client_of(server) as client:
        first = await start(client, one)
        assert refused(await start(client, one)) == (429, "too-many-executions", True)
        run = await client.post("/pipelines/stuck/run", json={"input": "a"}, headers=one)
        assert refused(run) == (429, "too-many-executions", True)
        assert (await start(client, two)).status_code == 201
        await client.post(first.json()["links"]["cancel"], headers=one)
        await client.get(first.json()["links"]["result"], headers={**one, "prefer": "wait=10"})
        assert (await start(client, one)).status_code == 201
    server, one, two = made(executions_per_caller=5, executions=1)
    async with client_of(server) as client:
        assert (await start(client, one)).status_code == 201
        assert refused(await start(client, two)) == (503, "too-many-executions", True)


@pytest.mark.parametrize("stream", ["events", "output", "WebSocket"])
async def test_streams_are_limited_per_caller(stream: str) -> None:
    """Events, outputs and WebSockets count alike, until they are closed."""
    server, one, two = made(streams_per_caller=1)
    async with client_of(server) as client:
        own = (await start(client, one)).json()["links"]
        theirs = (await start(client, two)).json()["links"]
        address = str(client.base_url).replace("http", "ws", 1) + "/pipelines/stuck/run"
        async with client.stream("GET", own["events"], headers=one) as opened:
            assert opened.status_code == 200
            if stream == "WebSocket":
                with pytest.raises(InvalidStatus, match="429"):
                    async with connect(address, additional_headers=one):
                        pass
                async with connect(address, additional_headers=two):
                    pass
            else:
                assert refused(await client.get(own[stream], headers=one)) == (429, "too-many-streams", True)
                async with client.stream("GET", theirs[stream], headers=two) as other:
                    assert other.status_code == 200
        quota = server.service.streams
        while len(quota):
            await anyio.lowlevel.checkpoint()
        async with client.stream("GET", own["output"], headers=one) as again:
            assert again.status_code == 200


async def test_requests_are_limited_per_caller() -> None:
    """The answer says when to come back, also where a refused caller guesses keys."""
    server, one, two = made(requests_per_minute=5)
    async with client_of(server) as client:
        answers = [await client.get("/pipelines", headers=one) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        assert refused(answers[-1]) == (429, "too-many-requests", True)
        assert (await client.get("/pipelines", headers=two)).status_code == 200
        guesses = [await client.get("/pipelines", headers={"authorization": "Bearer hw_guess"}) for _ in range(6)]
        assert [answer.status_code for answer in guesses] == [401] * 5 + [429]
        assert (await client.get("/healthz")).status_code == 200


async def test_websocket_is_closed_when_its_execution_takes_too_long() -> None:
    """The limit on executions holds for every way to start one."""
    server, one, _ = made(execution_s=0.05)
    async with client_of(server) as client:
        address = str(client.base_url).replace("http", "ws", 1) + "/pipelines/stuck/run"
        async with connect(address, additional_headers=one) as socket:
            await socket.send('{"input": "a"}')
            messages: list[object] = []
            with suppress(ConnectionClosedError):
                while True:
                    messages.append(await socket.recv())
    assert '"execution-too-long"' in str(messages[-1])
    assert socket.close_code == 1011


async def test_parameters_count_as_what_is_kept() -> None:
    """Executions with large parameters are let go early, and pipelines that were bound to them are not kept."""
    given = {"word": {"type": "string"}}
    document = {"name": "words", "parameters": given, "steps": [{"id": "up", "kind": "text.upper"}]}
    limits = Limits(kept_bytes=1_000_000)
    async with client_of(create_app([], allow_documents=True, limits=limits)) as client:
        added = await client.post(
            "/pipelines", json={**document, "parameters": {"word": {**given["word"], "default": ""}}}
        )
        for number in range(6):
            parameters = {"word": f"{number}" + "x" * 300_000}
            ran = await client.post(added.json()["links"]["run"], json={"input": "a", "parameters": parameters})
            assert ran.status_code == 200
        kept = (await client.get("/executions")).json()["executions"]
    assert [one["parameters"]["word"][0] for one in kept] == ["5", "4", "3"]
