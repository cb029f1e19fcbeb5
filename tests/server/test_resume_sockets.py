"""A WebSocket that was cut off anywhere goes on there, with the client of the package `websockets`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from websockets.asyncio.client import connect

from headwater_server import create_app
from tests.server.conftest import client_of
from tests.server.test_resume import PIPELINE, started


@pytest.fixture
def anyio_backend() -> str:
    """The client runs on asyncio alone."""
    return "asyncio"


async def plain(address: str, execution: str, after: int, most: int) -> list[Any]:
    """Return messages after a number from the plain path, at most some."""
    found: list[Any] = []
    async with connect(f"{address}/ws/pipeline/{execution}?after={after}", proxy=None) as socket:
        async for message in socket:
            found.append(json.loads(message))
            if len(found) == most:
                socket.transport.abort()
                return found
    assert socket.close_code == 1000
    return found


async def hub(address: str, execution: str, after: int, most: int) -> list[Any]:
    """Return events after a number from the hub, at most some."""
    found: list[Any] = []
    async with connect(f"{address}/ws", proxy=None) as socket:
        await socket.send(json.dumps({"type": "subscribe", "execution": execution, "after": after}))
        async for text in socket:
            message = json.loads(text)
            if message["type"] == "ended":
                break
            if message["type"] == "event":
                found.append(message["event"])
            if len(found) == most:
                socket.transport.abort()
                break
    return found


@pytest.mark.parametrize("receive", [plain, hub])
async def test_all_events_arrive_once_when_a_socket_is_cut_off_after_any_event(receive: Callable[..., Any]) -> None:
    """A client that has one event, two events and so on of an execution that runs gets the others."""
    async with client_of(create_app(PIPELINE)) as client:
        address = str(client.base_url).replace("http:", "ws:").rstrip("/")
        most, total = 1, 2
        while most < total:
            execution = await started(client)
            found = await receive(address, execution, 0, most)
            assert len(found) == most
            found += await receive(address, execution, found[-1]["seq"], 10**9)
            answer = await client.get(f"/executions/{execution}/events?format=jsonl")
            events = [json.loads(line) for line in answer.iter_lines()]
            total = len(events)
            assert [(one["event_type"], one["seq"]) for one in found] == [
                (event["event_type"], event["seq"]) for event in events
            ]
            assert await receive(address, execution, total, 10**9) == []
            most += 1
