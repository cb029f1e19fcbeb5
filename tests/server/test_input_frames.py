"""Frames and values that clients send: nothing of them is dropped in silence."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from headwater import Pipeline, Stream, step
from headwater_server import create_app
from tests.server.conftest import client_of, serving

BROKEN = {
    "a key twice": ['{"item": 1, "item": 2}', '{"end": {}}'],
    "a key twice inside": ['{"item": {"a": 1, "a": 2}}', '{"end": {}}'],
    "two frames in one": ['{"item": 1}', '{"item": 2, "footer": 3}', '{"end": {}}'],
    "a key too much": ['{"item": 1}', '{"item": 2, "price": 3}', '{"end": {}}'],
    "a number that is too large": ['{"item": 1e999}', '{"end": {}}'],
    "fewer items than the end says": ['{"item": 1}', '{"end": {"items": 5}}'],
    "an end that is nonsense": ['{"item": 1}', '{"end": {"items": [1]}}'],
    "a break": ['{"item": 1}', '{"break": {"message": "the sensor is gone"}}'],
}


@step("test.same")
async def same(items: Stream[Any]) -> AsyncIterator[Any]:
    """Pass on all items."""
    async for item in items:
        yield item


PIPELINE = Pipeline("same", steps={"same": same})


@pytest.mark.parametrize("case", BROKEN)
async def test_input_is_broken_over_http(case: str) -> None:
    """The execution fails, and the answer ends with a break."""
    kind = {"content-type": "application/jsonl", "accept": "application/jsonl"}
    body = "\n".join(BROKEN[case])
    async with client_of(create_app(PIPELINE)) as client:
        answer = await client.post("/pipelines/same/run?frames=true", content=body, headers=kind)
    last = json.loads(answer.text.splitlines()[-1])
    assert list(last) == ["break"]
    assert case != "a break" or "the sensor is gone" in last["break"]["detail"]


@pytest.mark.parametrize("case", BROKEN)
async def test_input_is_broken_over_a_socket(case: str) -> None:
    """The execution fails, and the last message is a break."""
    async with serving(create_app(PIPELINE)) as url:
        messages, code = await talk(url, BROKEN[case])
    assert list(messages[-1]) == ["break"]
    assert code == 1011
    assert case != "a break" or "the sensor is gone" in messages[-1]["break"]["detail"]


@pytest.mark.parametrize("message", ['{"input": 1, "input": 2}', '{"input": NaN}', '{"input": 1e999}'])
async def test_value_over_a_socket_is_read_as_strictly_as_over_http(message: str) -> None:
    """What could not be answered for is refused."""
    async with serving(create_app(PIPELINE)) as url:
        messages, code = await talk(url, [message])
    assert [messages[0]["break"]["code"], code] == ["bad-json", 1008]


async def test_end_that_does_not_fit_is_refused_between_requests() -> None:
    """The end counts the items of the stream, or those of its request."""
    async with client_of(create_app(PIPELINE)) as client:
        started = await client.post("/pipelines/same/executions", json={"stream_input": True})
        address, lines = started.json()["links"]["input"], {"content-type": "application/jsonl"}

        async def send(*frames: str) -> Any:
            return await client.post(f"{address}?frames=true", content="\n".join(frames), headers=lines)

        first = await send('{"item": 1}', '{"item": 2}', '{"end": {"items": 3}}')
        second = await send('{"item": 3}', '{"end": {"items": 3}}')
        result = await client.get(started.json()["links"]["result"], headers={"prefer": "wait=10"})
    assert (first.status_code, first.json()["code"], first.json()["accepted"]) == (409, "input-gap", 2)
    assert (second.status_code, second.json()["ended"]) == (202, True)
    assert result.json()["output"] == [1, 2, 3]


async def talk(url: str, sent: list[str]) -> tuple[list[Any], int | None]:
    """Send messages to the WebSocket that runs the pipeline; return the answers and the close code."""
    messages: list[Any] = []
    async with connect(url.replace("http", "ws") + "/pipelines/same/run") as ws:
        for message in sent:
            await ws.send(message)
        try:
            while True:
                messages.append(json.loads(await ws.recv()))
        except ConnectionClosed:
            return messages, ws.close_code


async def test_parameter_that_is_in_the_query_twice_is_refused() -> None:
    """One of the two values would not count."""
    async with client_of(create_app(PIPELINE)) as client:
        answer = await client.post("/pipelines/same/run?set=a=1&set=a=2", json={"input": 1})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-query")
