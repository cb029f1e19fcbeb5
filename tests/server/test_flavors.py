"""The four flavors over HTTP: one pipeline, the same result whatever the form of the input and of the answer."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest

from headwater import Pipeline, run_sync, step
from headwater.wire import StreamWriter
from headwater_server import create_app
from tests.server.conftest import client_of, on_every_server, serving

pytestmark = on_every_server


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


async def test_each_item_is_answered_before_the_next_one_is_sent() -> None:
    """Over one HTTP exchange, the answer begins and goes on while the request is still being sent."""
    async with serving(create_app(PIPELINE)) as url:
        port = int(url.rpartition(":")[2])
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            head = "Content-Type: application/jsonl\r\nAccept: application/jsonl\r\nTransfer-Encoding: chunked\r\n"
            await stream.send(f"POST /pipelines/squares/run HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{head}\r\n".encode())
            received = b""
            for number in (2, 3, 4):
                line = f"{number}\n".encode()
                await stream.send(b"%x\r\n%b\r\n" % (len(line), line))
                while b'{"item":%d}' % number**2 not in received:
                    received += await stream.receive()
            await stream.send(b"0\r\n\r\n")
            while b'{"end":{"items":3}}' not in received:
                received += await stream.receive()
    assert received.startswith(b"HTTP/1.1 200")


async def test_cut_request_is_never_a_complete_execution() -> None:
    """A client that leaves in the middle of its input breaks it: the execution fails or is cancelled."""
    server = create_app(PIPELINE)
    async with serving(server) as url:
        port = int(url.rpartition(":")[2])
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            head = "Content-Type: application/jsonl\r\nContent-Length: 100\r\n"
            await stream.send(
                f"POST /pipelines/squares/run HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{head}\r\n1\n".encode()
            )
            while not server.service.executions.running:
                await anyio.lowlevel.checkpoint()
            (held,) = server.service.executions.running
        with anyio.fail_after(20):
            await held.done.wait()
    assert held.status in {"failed", "cancelled"}


@step("test.half")
def half(number: int) -> float:
    """Halve a number, but not 13."""
    if number == 13:
        raise ValueError("13 has no half here")
    return number / 2


@pytest.mark.parametrize("accept", ["application/jsonl", "text/event-stream", WIRE])
async def test_failure_is_a_break_frame(accept: str) -> None:
    """A stream that breaks says so in its last frame, with the error."""
    async with client_of(create_app(Pipeline("halves", steps={"half": half}))) as client:
        headers = {"content-type": "application/jsonl", "accept": accept}
        answer = await client.post("/pipelines/halves/run", content=b"2\n13\n4\n", headers=headers)
    assert b"13 has no half here" in answer.content
    assert b'"end"' not in answer.content


async def test_failure_cuts_off_an_answer_of_bare_items() -> None:
    """Bare items have no frame that could say so: the connection is closed without the end of the answer."""
    async with serving(create_app(Pipeline("halves", steps={"half": half}))) as url:
        port = int(url.rpartition(":")[2])
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            head = "Content-Type: application/jsonl\r\nAccept: application/jsonl\r\nContent-Length: 7\r\n"
            path = "/pipelines/halves/run?frames=false"
            await stream.send(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{head}\r\n2\n13\n4\n".encode())
            received = b""
            try:
                while True:
                    received += await stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                pass
    assert received.startswith(b"HTTP/1.1 200")
    assert not received.endswith(b"0\r\n\r\n")
