"""A client that was cut off anywhere goes on there: no gap, no repetition, one end."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from anyio.lowlevel import checkpoint

from headwater import Pipeline, step
from headwater_server import create_app
from tests.server.conftest import EVERY_SERVER, client_of

# Not hypercorn on trio: there, httpx2 leaves generators open when a response is not read to its end.
pytestmark = pytest.mark.parametrize("asgi_server", EVERY_SERVER[:3], indirect=True)

COUNT = 8
ITEMS = [*({"item": number * number} for number in range(COUNT)), {"end": {"items": COUNT}}]


@step("test.numbers_that_take_their_time")
async def numbers() -> AsyncIterator[int]:
    """Write numbers, and let clients go on between them."""
    for number in range(COUNT):
        for _ in range(40):
            await checkpoint()
        yield number


@step("test.squared_for_resume")
def square(number: int) -> int:
    """Square a number."""
    return number * number


STEPS = [{"id": "numbers", "kind": "test.numbers_that_take_their_time"}, {"id": "square", "kind": square.kind}]
PIPELINE = Pipeline.load({"name": "squares", "streaming": {"emit_items": "all"}, "steps": STEPS})

Place = tuple[str, dict[str, str]]
"""What is to be added to a URL, and the headers, to go on at a place."""


@dataclass(frozen=True)
class Resource:
    """Something that is followed: where it is, how it is read, and how it is asked for again."""

    path: str
    read: Callable[[bytes], Iterator[tuple[str, Any]]]  # ids, and what is at them
    again: Callable[[str, int], Place]  # by the last id, and how much was read
    whole: str = ""  # where all of it is, once the execution has ended; "" for the items
    after_end: int = 204


TYPE = {"content-type": "text/event-stream"}


def server_sent(content: bytes) -> Iterator[tuple[str, Any]]:
    """Yield the events that are complete, as the parser of httpx2 finds them."""
    request = httpx2.Request("GET", "http://x")
    response = httpx2.Response(200, headers=TYPE, content=content, request=request)
    for event in httpx2.EventSource(response):
        yield event.id, event.json()


def lines(content: bytes) -> Iterator[tuple[str, Any]]:
    """Yield the lines that are complete."""
    for number, line in enumerate(content.split(b"\n")[:-1]):
        yield str(number), json.loads(line)


def by_header(last_id: str, _count: int) -> Place:
    """Return the header that an `EventSource` sends."""
    return "", {"last-event-id": last_id}


def by_number(_last_id: str, count: int) -> Place:
    """Return the query with the number of what was read."""
    return f"after={count}", {}


def by_item(_last_id: str, count: int) -> Place:
    """Return the query with the number of items that were read, without the frame of the end."""
    return f"after={min(count, COUNT)}", {}


EVENTS = "/executions/{id}/events?format=jsonl"
RESOURCES = {
    "events": Resource("/executions/{id}/events?", server_sent, by_header, EVENTS),
    "events as lines": Resource(f"{EVENTS}&", lines, by_number, EVENTS),
    "plain events": Resource("/stream/pipeline/{id}?", server_sent, by_header, "/stream/pipeline/{id}"),
    "events of several": Resource("/events?executions={id}&", server_sent, by_header, EVENTS),
    "items": Resource("/executions/{id}/output?", server_sent, by_header),
    "items after some": Resource("/executions/{id}/output?after=0&", server_sent, by_header),
    "items as lines": Resource("/executions/{id}/output/square?", lines, by_item, after_end=200),
}


async def started(client: httpx2.AsyncClient) -> str:
    """Start an execution, and return its id."""
    return str((await client.post("/pipelines/squares/executions", json={})).json()["id"])


async def everything(client: httpx2.AsyncClient, resource: Resource, execution: str) -> list[Any]:
    """Return what there is of an execution when it has ended."""
    await client.get(f"/executions/{execution}/result", headers={"prefer": "wait=60"})
    if not resource.whole:
        return ITEMS
    content = (await client.get(resource.whole.format(id=execution))).content
    return [value for _, value in (lines if resource.whole == EVENTS else server_sent)(content)]


class Follower:
    """A client that is cut off, and goes on."""

    def __init__(self, client: httpx2.AsyncClient, resource: Resource, execution: str) -> None:
        self.found: list[Any] = []
        self.status = 200
        self._client = client
        self._resource = resource
        self._execution = execution
        self._last_id = ""

    async def read(self, *, most_bytes: int = 10**9, most: int = 10**9) -> None:
        """Read a part of a response, and cut it off."""
        query, headers = self._resource.again(self._last_id, len(self.found)) if self.found else ("", {})
        accept = "application/jsonl" if self._resource.read is lines else "text/event-stream"
        url = self._resource.path.format(id=self._execution) + query
        fields = {"accept": accept, "accept-encoding": "identity", **headers}
        content, read = b"", list[tuple[str, Any]]()
        async with self._client.stream("GET", url, headers=fields) as response:
            self.status = response.status_code
            async with aclosing(response.aiter_raw()) as chunks:
                async for chunk in chunks:
                    content = (content + chunk)[:most_bytes]
                    read = list(self._resource.read(content))[:most]
                    if len(content) == most_bytes or len(read) == most:
                        break
        for last_id, value in read:
            self._last_id = last_id
            self.found.append(value)


@pytest.mark.parametrize("name", RESOURCES)
async def test_all_of_it_arrives_once_when_a_client_is_cut_off_after_any_part(name: str) -> None:
    """A client that has one part, two parts and so on of an execution that runs gets the others."""
    resource = RESOURCES[name]
    async with client_of(create_app(PIPELINE)) as client:
        most, total = 1, 2
        while most < total:
            execution = await started(client)
            follower = Follower(client, resource, execution)
            await follower.read(most=most)
            assert len(follower.found) == most
            await follower.read()
            whole = await everything(client, resource, execution)
            assert follower.found == whole
            await follower.read()
            assert (follower.status, follower.found) in [(resource.after_end, whole), (200, [*whole, ITEMS[-1]])]
            most, total = most + 1, len(whole)


@pytest.mark.parametrize("name", RESOURCES)
@pytest.mark.parametrize("seed", range(3))
async def test_all_of_it_arrives_once_when_a_client_is_cut_off_at_random_bytes(name: str, seed: int) -> None:
    """A client that is cut off again and again, within events too, gets everything once."""
    resource, sizes = RESOURCES[name], random.Random(seed)
    async with client_of(create_app(PIPELINE)) as client:
        execution = await started(client)
        follower = Follower(client, resource, execution)
        while follower.status != 204 and ITEMS[-1] not in follower.found:
            await follower.read(most_bytes=sizes.randrange(300, 3000))
        assert follower.found == await everything(client, resource, execution)
