"""The four flavors over HTTP: one pipeline, the same result whatever the form of the input and of the answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headwater import Pipeline, run_sync, step
from headwater.wire import StreamWriter
from headwater_server import create_app
from tests.server.conftest import client_of


@step("test.square")
def square(number: int) -> int:
    """Square a number."""
    return number * number


PIPELINE = Pipeline("squares", steps={"square": square})
WIRE = "application/vnd.headwater.stream"


def wire(items: list[Any]) -> bytes:
    """Return items as a typed stream."""
    writer = StreamWriter[Any, Any, Any]()
    return writer.write_items(items) + writer.write_end()


STREAMED = {
    "application/jsonl": b"1\n2\n3\n",
    "application/x-ndjson": b"1\n2\n3",
    "frames as JSON lines": b'{"item": 1}\n{"item": 2}\n{"item": 3}\n{"end": {"items": 3}}\n',
    WIRE: wire([1, 2, 3]),
}


async def test_one_value_gives_one_value() -> None:
    """JSON in and JSON out are one value each."""
    async with client_of(create_app(PIPELINE)) as client:
        answer = await client.post("/pipelines/squares/run", json={"input": 3})
    assert answer.status_code == 200
    assert answer.json()["output"] == 9 == run_sync(PIPELINE, 3).output


@pytest.mark.parametrize("form", STREAMED)
async def test_stream_is_collected_when_json_is_accepted(form: str) -> None:
    """A stream in and JSON out collect the items."""
    media_type = form if "/" in form else "application/jsonl"
    async with client_of(create_app(PIPELINE)) as client:
        answer = await client.post(
            "/pipelines/squares/run", content=STREAMED[form], headers={"content-type": media_type}
        )
    assert answer.json()["output"] == [1, 4, 9] == run_sync(PIPELINE, [1, 2, 3]).output


@pytest.mark.parametrize("accept", ["application/jsonl", "text/event-stream"])
async def test_stream_gives_frames(accept: str) -> None:
    """A stream in and a stream out are items, and an end with their number."""
    async with client_of(create_app(PIPELINE)) as client:
        answer = await client.post(
            "/pipelines/squares/run",
            content=STREAMED["application/jsonl"],
            headers={"content-type": "application/jsonl", "accept": accept},
        )
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line and not line.startswith("id:")]
    assert [json.loads(line) for line in lines] == [{"item": 1}, {"item": 4}, {"item": 9}, {"end": {"items": 3}}]


async def test_input_of_the_wrong_type_is_refused() -> None:
    """What does not fit the type of the input is a problem with its place."""
    async with client_of(create_app(PIPELINE)) as client:
        answer = await client.post("/pipelines/squares/run", json={"input": "x"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


async def test_execution_goes_on_and_is_read_later() -> None:
    """An execution is started, ends by itself, and its result and items are read by their addresses."""
    async with client_of(create_app(PIPELINE)) as client:
        started = await client.post("/pipelines/squares/executions", json={"input": [1, 2]})
        links = started.json()["links"]
        result = await client.get(links["result"], headers={"prefer": "wait=10"})
        items = await client.get(links["output"] + "?after=1", headers={"accept": "application/jsonl"})
    assert started.status_code == 201
    assert started.headers["location"] == links["self"]
    assert result.json()["output"] == [1, 4]
    assert items.text == '{"item":4}\n{"end":{"items":2}}\n'


async def test_input_comes_in_several_requests() -> None:
    """Items are sent by number: a repeat is harmless, a gap is refused."""
    async with client_of(create_app(PIPELINE)) as client:
        started = await client.post("/pipelines/squares/executions", json={"stream_input": True})
        links, lines = started.json()["links"], {"content-type": "application/jsonl"}
        first = await client.post(links["input"] + "?from=0", content=b"1\n2\n", headers=lines)
        again = await client.post(links["input"] + "?from=1", content=b"2\n3\n", headers=lines)
        gap = await client.post(links["input"] + "?from=9", content=b"9\n", headers=lines)
        end = await client.post(links["input"] + "?from=3&end=true", content=b"", headers=lines)
        result = await client.get(links["result"], headers={"prefer": "wait=10"})
    assert [first.json()["accepted"], again.json()["accepted"], end.json()["ended"]] == [2, 3, True]
    assert (gap.status_code, gap.json()["accepted"]) == (409, 3)
    assert result.json()["output"] == [1, 4, 9]


async def test_events_end_with_the_terminal_event_and_are_resumed() -> None:
    """The events come as SSE with their numbers; a client that has them all is answered with 204."""
    async with client_of(create_app(PIPELINE)) as client:
        started = await client.post("/pipelines/squares/executions", json={"input": [1, 2]})
        events = started.json()["links"]["events"]
        everything = await client.get(events)
        ids = [int(line[4:]) for line in everything.text.splitlines() if line.startswith("id: ")]
        rest = await client.get(events, headers={"last-event-id": str(ids[-2])})
        nothing = await client.get(events, headers={"last-event-id": str(ids[-1])})
    assert ids == list(range(1, len(ids) + 1))
    assert '"pipeline_complete"' in rest.text
    assert rest.text.count("id: ") == 1
    assert nothing.status_code == 204


async def test_repeated_request_starts_one_execution() -> None:
    """With an `Idempotency-Key`, a request that is sent again is answered with the execution that it has started."""
    async with client_of(create_app(PIPELINE)) as client:
        key = {"idempotency-key": "k1"}
        first = await client.post("/pipelines/squares/executions", json={"input": 2}, headers=key)
        again = await client.post("/pipelines/squares/executions", json={"input": 2}, headers=key)
        other = await client.post("/pipelines/squares/executions", json={"input": 3}, headers=key)
        every = await client.get("/executions")
    assert first.json()["id"] == again.json()["id"]
    assert (other.status_code, other.json()["code"]) == (422, "key-reused")
    assert len(every.json()["executions"]) == 1
