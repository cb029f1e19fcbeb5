from __future__ import annotations

import json
from typing import Any

import anyio
import httpx2
import pytest

from headwater import EventType
from headwater.toolkit import EventLog
from headwater_server.streaming.broadcast import Broadcast
from headwater_server.streaming.event_endpoint import EventStream
from headwater_server.streaming.event_forms import SSE
from tests.server.streaming.conftest import App, Serve, complete_log, opened, some_events, until
from tests.server.streaming.sse_reader import SseReader


def envelopes(log: EventLog, after: int = 0) -> list[Any]:
    """Return the events after a number as plain data."""
    return [event.to_dict() for event in log.read(after=after)]


async def get(http: httpx2.AsyncClient, port: int, query: str = "") -> httpx2.Response:
    """Return a whole response."""
    return await http.get(f"http://127.0.0.1:{port}/?{query}")


async def test_sends_all_events_and_ends_when_the_execution_has_ended(
    serve: Serve, http: httpx2.AsyncClient, broadcast: Broadcast
) -> None:
    """A client that comes late gets everything, with ids to continue from and the time to wait before."""
    log = complete_log()
    async with serve(App(broadcast, log)) as port:
        response = await get(http, port)
    reader = SseReader().feed(response.content)
    assert response.headers["content-type"] == "text/event-stream"
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["x-accel-buffering"] == "no"
    assert response.content.startswith(b"retry: 2000\nid: 1\n")
    assert [json.loads(data) for _, data, _ in reader.events] == envelopes(log)
    assert [(kind, last_id) for kind, _, last_id in reader.events] == [("message", str(n)) for n in range(1, 11)]


async def test_sends_events_as_they_come_when_the_execution_runs(
    serve: Serve, http: httpx2.AsyncClient, broadcast: Broadcast
) -> None:
    """Each event arrives before the next is emitted, and the response ends after the terminal event."""
    log = EventLog("e1")
    async with (
        serve(App(broadcast, log)) as port,
        http.stream("GET", f"http://127.0.0.1:{port}/") as response,
    ):
        chunks = response.aiter_bytes()
        reader = SseReader()
        while reader.retry_ms is None:
            reader.feed(await anext(chunks))
        for count in range(1, 6):
            some_events(log, 1)
            while len(reader.events) < count:
                reader.feed(await anext(chunks))
        log.append(EventType.PIPELINE_COMPLETE)
        async for chunk in chunks:
            reader.feed(chunk)
    assert [json.loads(data) for _, data, _ in reader.events] == envelopes(log)


@pytest.mark.parametrize("after", range(10))
async def test_continues_after_the_last_event_of_the_client(
    serve: Serve, http: httpx2.AsyncClient, broadcast: Broadcast, after: int
) -> None:
    """A client cut at any event gets exactly the rest."""
    log = complete_log()
    async with serve(App(broadcast, log)) as port:
        response = await get(http, port, f"after={after}")
    assert [json.loads(data) for _, data, _ in SseReader().feed(response.content).events] == envelopes(log, after)


@pytest.mark.parametrize("query", ["after=10", "after=99", "after=9&types=step_start", "after=0&types=step_error"])
async def test_answers_204_when_nothing_can_follow(
    serve: Serve, http: httpx2.AsyncClient, broadcast: Broadcast, query: str
) -> None:
    """This is what stops an `EventSource`, which would else connect again without end."""
    async with serve(App(broadcast, complete_log())) as port:
        response = await get(http, port, query)
    assert (response.status_code, response.content) == (204, b"")


async def test_sends_what_there_is_when_the_client_does_not_follow(
    serve: Serve, http: httpx2.AsyncClient, broadcast: Broadcast
) -> None:
    """A look at a running execution ends at once."""
    log = some_events(EventLog("e1"), 3)
    async with serve(App(broadcast, log)) as port:
        response = await get(http, port, "follow=false&jsonl")
    assert response.headers["content-type"] == "application/jsonl"
    assert [json.loads(line) for line in response.content.splitlines()] == envelopes(log)


async def test_sends_only_what_is_wanted(serve: Serve, http: httpx2.AsyncClient, broadcast: Broadcast) -> None:
    """Filters by type and by step, with the steps inside of it."""
    log = complete_log()
    async with serve(App(broadcast, log)) as port:
        response = await get(http, port, "types=step_start&steps=a")
    found = [json.loads(data) for _, data, _ in SseReader().feed(response.content).events]
    wanted = [one for one in envelopes(log) if one["event_type"] == "step_start" and one["step_id"] in {"a", "a/inner"}]
    assert found == wanted != []


async def test_says_what_was_missed_when_events_are_older_than_the_history(
    serve: Serve, http: httpx2.AsyncClient, broadcast: Broadcast
) -> None:
    """A gap says how many, and what the state is now; the events that are kept follow it."""
    log = complete_log(100, history=10)
    app = App(broadcast, log)
    app.present = lambda: {"steps": [{"id": "a", "state": "running"}]}
    async with serve(app) as port:
        response = await get(http, port, "after=3")
    gap, *rest = [json.loads(data) for _, data, _ in SseReader().feed(response.content).events]
    assert gap["event_type"] == "stream_gap"
    assert gap["data"] == {"missed": 88, "first_seq": 4, "last_seq": 91}
    assert gap["seq"] == 91
    assert gap["metadata"] == {"state": {"steps": [{"id": "a", "state": "running"}]}}
    assert rest == envelopes(log, 91)


async def test_sends_many_events_in_portions(serve: Serve, http: httpx2.AsyncClient, broadcast: Broadcast) -> None:
    """A long execution is replayed completely."""
    log = complete_log(5000)
    async with serve(App(broadcast, log)) as port:
        response = await get(http, port)
    assert [int(last_id) for _, _, last_id in SseReader().feed(response.content).events] == [*range(1, 5002)]


async def test_clients_get_the_same_bytes(serve: Serve, http: httpx2.AsyncClient, broadcast: Broadcast) -> None:
    """Clients that came at different times have the same events in the end."""
    log = some_events(EventLog("e1"), 5)
    received: list[bytes] = []

    async def read(port: int) -> None:
        received.append((await get(http, port)).content)

    async with serve(App(broadcast, log)) as port, anyio.create_task_group() as group:
        for count in range(1, 5):
            group.start_soon(read, port)
            await until(lambda: len(broadcast) == count)  # noqa: B023 - it is awaited at once
            some_events(log, 5)
        log.append(EventType.PIPELINE_COMPLETE)
    assert len(received) == 4
    assert len(set(received)) == 1


async def test_notices_when_a_client_leaves(serve: Serve, broadcast: Broadcast) -> None:
    """Nothing of a client is left when it has gone, though nothing was emitted."""
    log = some_events(EventLog("e1"), 1)
    app = App(broadcast, log)
    async with serve(app) as port:
        async with opened(port) as stream:
            while b"id: 1\n" not in await stream.receive():
                pass
            assert len(broadcast) == 1
        await until(lambda: not len(broadcast))
        assert not broadcast._followed


async def test_answers_head_without_events(serve: Serve, http: httpx2.AsyncClient, broadcast: Broadcast) -> None:
    """A question for the headers does not stay open."""
    async with serve(App(broadcast, some_events(EventLog("e1"), 1))) as port:
        response = await http.head(f"http://127.0.0.1:{port}/")
    assert response.headers["content-type"] == "text/event-stream"


async def test_ends_its_streams_when_the_server_stops(
    serve: Serve, http: httpx2.AsyncClient, broadcast: Broadcast
) -> None:
    """A client gets a complete response rather than a reset."""
    log = some_events(EventLog("e1"), 1)
    async with (
        serve(App(broadcast, log)) as port,
        http.stream("GET", f"http://127.0.0.1:{port}/") as response,
    ):
        reader = SseReader()
        async for chunk in response.aiter_bytes():
            if reader.feed(chunk).events:
                broadcast.stop()
    assert len(reader.events) == 1


def test_refuses_a_negative_place() -> None:
    """The number of an event is positive, and 0 is before the first."""
    with pytest.raises(ValueError, match="after is -1"):
        EventStream(Broadcast(), EventLog("e1"), after=-1)


def test_refuses_to_follow_outside_of_its_context() -> None:
    """What wakes the clients runs within the context."""
    broadcast = Broadcast()
    with pytest.raises(RuntimeError, match="has not been entered"):
        broadcast.follow(broadcast.line(EventLog("e1"), SSE))
