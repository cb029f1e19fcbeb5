"""Outputs that a form cannot hold: whatever the form of the answer, it never looks complete."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import connect

from headwater import Pipeline, step
from headwater.wire import FrameDecoder, FrameKind
from headwater_server import create_app
from tests.server.conftest import client_of, serving

ODD = {"object": object(), "half a character": "\ud800"}
FRAMED = ("application/jsonl", "text/event-stream", "application/vnd.headwater.stream")
WIRE = FRAMED[-1]


@step("test.odd_items")
async def odd_items(name: str) -> AsyncIterator[Any]:
    """Write an item that has no form as JSON between others, and far more than fits into a buffer."""
    yield 1
    yield 2
    yield ODD[name]
    for number in range(5_000):
        yield number


@step("test.odd_value")
async def odd_value(name: str) -> Any:
    """Return a value that has no form as JSON."""
    return ODD[name]


PIPELINES = [Pipeline("items", steps={"odd": odd_items}), Pipeline("value", steps={"odd": odd_value})]


def frames_in(body: bytes, media_type: str) -> tuple[int, str]:
    """Return how many items were sent, and the kind of the last frame."""
    if media_type == WIRE:
        kinds = [kind for kind, payload in FrameDecoder().feed(body)]
        return kinds.count(FrameKind.ITEM), "break" if kinds[-1] == FrameKind.BREAK else "end"
    lines = [line.removeprefix(b"data: ") for line in body.splitlines() if b"{" in line]
    keys = [next(iter(json.loads(line))) for line in lines]
    return keys.count("item"), keys[-1]


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("accept", FRAMED)
async def test_stream_is_broken_at_the_item_that_cannot_be_written(accept: str, name: str) -> None:
    """The items before it are sent, and a break; the execution does not go on."""
    async with client_of(create_app(PIPELINES)) as client:
        answer = await client.post("/pipelines/items/run", json={"input": name}, headers={"accept": accept})
        listed = (await client.get("/executions")).json()["executions"]
        _count, last = frames_in(answer.content, accept)
        started = await client.post("/pipelines/items/executions", json={"input": name})
        later = await client.get(started.json()["links"]["output"], headers={"accept": accept})
    assert last == "break"
    assert listed[0]["state"] == "cancelled"
    assert frames_in(later.content, accept)[1] == "break"
    if accept != WIRE:
        assert frames_in(answer.content, accept)[0] == frames_in(later.content, accept)[0] == 2


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("accept", ["application/jsonl", "text/plain"])
async def test_answer_of_bare_items_is_cut_off(accept: str, name: str) -> None:
    """The connection is closed without the end of the answer."""
    async with client_of(create_app(PIPELINES)) as client:
        with pytest.raises(httpx2.RemoteProtocolError):
            await client.post("/pipelines/items/run?frames=false", json={"input": name}, headers={"accept": accept})
        started = await client.post("/pipelines/items/executions", json={"input": name})
        with pytest.raises(httpx2.RemoteProtocolError):
            await client.get(started.json()["links"]["output"] + "?frames=false", headers={"accept": accept})


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("pipeline", ["items", "value"])
async def test_collected_output_is_a_failure(pipeline: str, name: str) -> None:
    """It is not the request that was bad; the answer names the execution."""
    async with client_of(create_app(PIPELINES)) as client:
        answer = await client.post(f"/pipelines/{pipeline}/run", json={"input": name})
        started = await client.post(f"/pipelines/{pipeline}/executions", json={"input": name})
        later = await client.get(started.json()["links"]["result"], headers={"prefer": "wait=10"})
    assert (answer.status_code, answer.json()["code"]) == (422, "unwritable")
    assert answer.json()["execution"] == answer.headers["headwater-execution"]
    assert (later.status_code, later.json()["code"]) == (422, "unwritable")


@pytest.mark.parametrize("name", ODD)
async def test_socket_is_broken_at_the_item_that_cannot_be_written(name: str) -> None:
    """The last message is a break, and the close code says that it failed."""
    async with serving(create_app(PIPELINES)) as url, connect(url.replace("http", "ws") + "/pipelines/items/run") as ws:
        await ws.send(json.dumps({"input": name}))
        messages = [json.loads(message) async for message in _all(ws)]
    assert [next(iter(message)) for message in messages] == ["start", "item", "item", "break"]
    assert ws.close_code == 1011


async def _all(ws: Any) -> AsyncIterator[Any]:
    from websockets.exceptions import ConnectionClosed

    while True:
        try:
            yield await ws.recv()
        except ConnectionClosed:
            return
