"""Streams of callers whose keys end while they are open, over real sockets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from headwater import Pipeline, step
from headwater_server import ApiKeys, create_app
from tests.server.conftest import client_of, serving


@step("test.endless")
async def endless(text: str) -> str:
    """Wait for as long as it may."""
    await anyio.sleep_forever()
    return text


PIPELINE = Pipeline("endless", steps={"endless": endless})


async def started(client: httpx2.AsyncClient, headers: dict[str, str]) -> dict[str, Any]:
    """Return the links of an execution that runs."""
    answer = await client.post("/pipelines/endless/executions", json={"input": "a"}, headers=headers)
    assert answer.status_code == 201
    links: dict[str, Any] = answer.json()["links"]
    return links


@pytest.mark.parametrize("stream", ["events", "output"])
async def test_stream_is_cut_when_the_key_is_revoked(tmp_path: Path, stream: str) -> None:
    """A revoked key ends what it opened, and the execution goes on for those who share its name."""
    path = tmp_path / "keys.json"
    old, new = ApiKeys.create_in(path, "ci"), ApiKeys.create_in(path, "ci")
    headers = {"authorization": f"Bearer {old}"}
    async with client_of(create_app(PIPELINE, auth=ApiKeys.load(path), drain_s=0)) as client:
        links = await started(client, headers)
        async with client.stream("GET", links[stream], headers=headers) as answer:
            assert answer.status_code == 200
            ApiKeys.load(path).revoke(old.split("_")[1])
            with pytest.raises(httpx2.TransportError):
                async for _ in answer.aiter_bytes():
                    pass
        assert (await client.get(links[stream], headers=headers)).status_code == 401
        one = await client.get(links["self"], headers={"authorization": f"Bearer {new}"})
        assert one.json()["state"] == "running"


async def test_waiting_is_refused_when_the_key_is_revoked(tmp_path: Path) -> None:
    """Nothing was sent yet, so the answer says why."""
    answers: list[httpx2.Response] = []
    path = tmp_path / "keys.json"
    headers = {"authorization": f"Bearer {ApiKeys.create_in(path, 'ci')}"}
    async with (
        client_of(create_app(PIPELINE, auth=ApiKeys.load(path), drain_s=0)) as client,
        anyio.create_task_group() as group,
    ):
        links = await started(client, headers)

        async def wait() -> None:
            answers.append(await client.get(links["result"], headers={**headers, "prefer": "wait=60"}))

        group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        ApiKeys.load(path).revoke("ci")
    assert answers[0].status_code == 401


async def test_websocket_closes_with_the_policy_code_when_the_key_is_revoked(tmp_path: Path) -> None:
    """The client learns that its rights ended, and the execution that it waited for is cancelled."""
    path = tmp_path / "keys.json"
    headers = {"authorization": f"Bearer {ApiKeys.create_in(path, 'ci')}"}
    async with serving(create_app(PIPELINE, auth=ApiKeys.load(path), drain_s=0)) as url:
        address = url.replace("http", "ws", 1) + "/pipelines/endless/run"
        async with connect(address, additional_headers=headers) as socket:
            await socket.send('{"input": "a"}')
            assert "start" in json.loads(await socket.recv())
            ApiKeys.load(path).revoke("ci")
            assert json.loads(await socket.recv())["break"]["code"] == "invalid-token"
            with pytest.raises(ConnectionClosedError):
                await socket.recv()
            assert socket.close_code == 1008
