"""Running a pipeline over a WebSocket, with a client that is not ours."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Any

import anyio
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from headwater import Pipeline, StreamReader, step
from headwater.wire import StreamWriter
from headwater_server import create_app
from tests.server.conftest import EVERY_SERVER, serving

# Without trio, on which this client of WebSockets does not run.
pytestmark = pytest.mark.parametrize("asgi_server", EVERY_SERVER[:-1], indirect=True)


@step("test.cube")
def cube(number: int) -> int:
    """Cube a number."""
    return number**3


PIPELINE = Pipeline("cubes", steps={"cube": cube})


def socket(url: str, path: str = "/pipelines/cubes/run", **options: Any) -> Any:
    """Connect to a path of a server."""
    return connect(url.replace("http", "ws") + path, **options)


async def test_each_item_is_answered_before_the_next_is_sent() -> None:
    """Both directions are open at once."""
    async with serving(create_app(PIPELINE)) as url, socket(url) as ws:
        await ws.send('{"item": 1}')
        assert "id" in json.loads(await ws.recv())["start"]
        answers = [await ws.recv()]
        for number in (2, 3):
            await ws.send(json.dumps({"item": number}))
            answers.append(await ws.recv())
        await ws.send('{"end": {}}')
        answers.append(await ws.recv())
        with pytest.raises(ConnectionClosed) as closed:
            await ws.recv()
    assert [json.loads(one) for one in answers] == [{"item": 1}, {"item": 8}, {"item": 27}, {"end": {"items": 3}}]
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1000


async def test_one_value_is_one_message() -> None:
    """The input may be one value, with parameters beside it."""
    async with serving(create_app(PIPELINE)) as url, socket(url) as ws:
        await ws.send('{"input": 2}')
        messages = [json.loads(message) async for message in ws]
    assert messages[1:] == [{"item": 8}, {"end": {"items": 1}}]


async def test_typed_stream_is_answered_in_its_own_form() -> None:
    """Binary messages are a typed stream in both directions."""
    writer = StreamWriter[Any, Any, Any]()
    sent = writer.write_items([1, 2]) + writer.write_end()
    async with serving(create_app(PIPELINE)) as url, socket(url) as ws:
        for place in range(0, len(sent), 7):
            await ws.send(sent[place : place + 7])
        received = [message async for message in ws if isinstance(message, bytes)]

    async def chunks() -> AsyncGenerator[bytes]:
        for message in received:
            yield message

    async with StreamReader(chunks(), int) as reader:
        assert [item async for item in reader.read_items()] == [1, 8]


async def test_failure_is_a_break_and_a_close_code() -> None:
    """An item of the wrong type breaks the stream, which is then not complete."""
    async with serving(create_app(PIPELINE)) as url, socket(url) as ws:
        await ws.send('{"item": "x"}')
        await ws.send('{"end": {}}')
        messages: list[Any] = []
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                messages.append(json.loads(await ws.recv()))
    assert "break" in messages[-1]
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1011


async def test_refusal_is_an_http_answer_before_the_connection_is_accepted() -> None:
    """An unknown pipeline is 404."""
    async with serving(create_app(PIPELINE)) as url:
        with pytest.raises(InvalidStatus) as refused:
            async with socket(url, "/pipelines/unknown/run"):
                pass
    assert refused.value.response.status_code == 404


async def test_client_that_leaves_cancels_its_execution() -> None:
    """The execution ends as cancelled."""
    server = create_app(PIPELINE)
    async with serving(server) as url:
        async with socket(url) as ws:
            await ws.send('{"item": 1}')
            await ws.recv()
            await ws.recv()
            (held,) = server.service.executions.running
        with anyio.fail_after(10):
            await held.done.wait()
    assert held.status in {"cancelled", "failed"}
