from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from headwater import EventType, Pipeline, Runner, StreamEvent, step
from headwater.events.data import StepComplete, StepOutput, StepProgress
from headwater.events.streaming_context import StreamingContext
from headwater_subscribers import SSESubscriber, WebSocketSubscriber
from headwater_subscribers.web.plain_form import PlainForm
from headwater_subscribers.web.sse import sse_comment, sse_event, sse_retry
from tests.server.streaming.sse_reader import SseReader

DATA = [
    (b"one", "one"),
    (b"", ""),
    (b"a\nb", "a\nb"),
    (b"a\r\nb", "a\nb"),
    (b"a\rb", "a\nb"),
    (b"a\n\rb", "a\n\nb"),
    (b"a\n\n", "a\n\n"),
    (b" a", " a"),
    (b": a", ": a"),
    (b"data: a", "data: a"),
    (b"id: 9\nretry: 1", "id: 9\nretry: 1"),
    ("a\u2028b\u2029c\x85d\x0be\x0cf\x1cg".encode(), "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg"),
    (b"\xef\xbb\xbfa", "\ufeffa"),
    ("w\u00e4ter \U0001f30a".encode(), "w\u00e4ter \U0001f30a"),
    (b"a\0b", "a\0b"),
]
"""Data, and what a client gets: lines end at LF, CR and CRLF, and nowhere else."""


@step("test.halves")
async def halves(number: int) -> float:
    """Return half of a number."""
    return number / 2


@pytest.mark.parametrize(("data", "received"), DATA)
@pytest.mark.parametrize("cut", [1, 3, 1000])
def test_client_gets_the_data_when_it_follows_the_rules(data: bytes, received: str, cut: int) -> None:
    """Whatever is in the data arrives, and nothing else; wherever the response is cut into chunks."""
    encoded = sse_retry(5) + sse_comment("a\rdata: x") + sse_event(data, 7) + sse_event(b"end", "8", "done")
    reader = SseReader()
    for start in range(0, len(encoded), cut):
        reader.feed(encoded[start : start + cut])
    assert reader.events == [("message", received, "7"), ("done", "end", "8")]
    assert reader.retry_ms == 5


STREAMS = [
    (b"\xef\xbb\xbfdata: a\n\n", [("message", "a", "")]),
    (b"data: a\r\rdata: b\r\n\r\ndata: c\n\n", [("message", "a", ""), ("message", "b", ""), ("message", "c", "")]),
    (b"data: a", []),
    (b"data: a\n", []),
    (b"data:a\ndata:  b\ndata\n\n", [("message", "a\n b\n", "")]),
    (b"id: 1\ndata: a\n\ndata: b\n\n", [("message", "a", "1"), ("message", "b", "1")]),
    (b"id: 1\ndata: a\n\nid\ndata: b\n\n", [("message", "a", "1"), ("message", "b", "")]),
    (b"id: 1\n\ndata: a\n\n", [("message", "a", "1")]),
    (b"id: 1\0\ndata: a\n\n", [("message", "a", "")]),
    (b"event: x\n\ndata: a\n\n", [("message", "a", "")]),
    (b"event: x\ndata: a\n\n", [("x", "a", "")]),
    (b": c\nfoo: b\nData: c\n\ndata: a\n\n", [("message", "a", "")]),
]


@pytest.mark.parametrize(("stream", "events"), STREAMS)
def test_reader_of_the_tests_follows_the_specification(stream: bytes, events: list[tuple[str, str, str]]) -> None:
    """The reader with which other tests read is right about the official rules."""
    reader = SseReader()
    for start in range(len(stream)):
        reader.feed(stream[start : start + 1])
    assert reader.events == events


@pytest.mark.parametrize("value", ["a\nb", "a\r", "\0"])
def test_refuses_an_id_that_clients_would_misread(value: str) -> None:
    """A line break would begin another field, and clients ignore an id with NUL."""
    with pytest.raises(ValueError, match="must be one line without NUL"):
        sse_event(b"", value)


@pytest.mark.parametrize("value", ["a\nb", "a\r"])
def test_refuses_a_name_with_a_line_break(value: str) -> None:
    """A line break would begin another field."""
    with pytest.raises(ValueError, match="the event of a server-sent event"):
        sse_event(b"", event=value)


async def emit(subscriber: Any, *emitted: tuple[Any, ...]) -> list[StreamEvent]:
    """Give events to a subscriber, with the terminal one after them, and return them."""
    async with StreamingContext("e1") as context:
        context.subscribe(subscriber)
        for fields in emitted:
            context.emit(*fields)
    return list(context.log.read(after=0))


async def test_sse_subscriber_sends_every_event_as_its_json() -> None:
    """A client gets the time to wait first, and then the events by the default name."""
    sent: list[bytes] = []
    events = await emit(
        SSESubscriber(sent.append, retry_ms=7), (EventType.STEP_START, "a"), (EventType.STEP_START, "b")
    )
    assert sent[0] == b"retry: 7\n"
    reader = SseReader().feed(b"".join(sent))
    assert reader.events == [("message", event.to_json().decode(), str(event.seq)) for event in events]


COMPLETE = StepComplete(1, 1, 0.25)
OUTPUT = StepOutput("out", 0, {"word": "water"})


@pytest.mark.parametrize("types", [None, {"step_complete", "step_progress"}])
async def test_sse_subscriber_names_events_when_asked(types: Any) -> None:
    """In the plain form, the data has what a page shows, also when the event with the output is not wanted itself."""
    sent: list[bytes] = []
    await emit(
        SSESubscriber(sent.append, named_events=True, types=types),
        (EventType.STEP_PROGRESS, "a", StepProgress(0.5, "half")),
        (EventType.STEP_OUTPUT, "a", OUTPUT),
        (EventType.STEP_COMPLETE, "a", COMPLETE),
        (EventType.STEP_COMPLETE, "b", COMPLETE),
    )
    found = {last_id: (name, json.loads(data)) for name, data, last_id in SseReader().feed(b"".join(sent)).events}
    assert found.keys() == ({"1", "3", "4"} if types else {"1", "2", "3", "4", "5"})
    assert found["1"] == ("step_progress", found["1"][1] | {"step_id": "a", "progress": 0.5, "message": "half"})
    name, data = found["3"]
    assert (name, data["step_id"], data["output"], data["duration_ms"]) == (
        "step_complete",
        "a",
        {"word": "water"},
        250,
    )
    assert found["4"][1]["output"] is None


async def test_websocket_subscriber_sends_messages_in_the_plain_form() -> None:
    """Every message has the fields that clients in papers read."""
    sent: list[str] = []
    events = await emit(
        WebSocketSubscriber(sent.append),
        (EventType.STEP_PROGRESS, "a", StepProgress()),
        (EventType.STEP_OUTPUT, "a", OUTPUT),
        (EventType.STEP_COMPLETE, "a", COMPLETE),
    )
    messages = [json.loads(message) for message in sent]
    assert [message.keys() for message in messages] == [
        {"event_type", "execution_id", "step_id", "timestamp", "seq", "data"}
    ] * len(events)
    assert [message["timestamp"] for message in messages] == [event.to_dict()["timestamp"] for event in events]
    assert messages[0]["data"]["progress"] is None
    assert messages[2]["data"]["output"] == {"word": "water"}
    assert messages[3]["data"].keys() == {"duration_s", "duration_ms"}


def plain(*rows: tuple[EventType, str, Any]) -> list[Mapping[str, Any]]:
    """Return the plain data of events."""
    form = PlainForm()
    return [
        form.data(StreamEvent(n, kind, "e1", step_id, data=data)) for n, (kind, step_id, data) in enumerate(rows, 1)
    ]


def test_output_is_that_of_the_main_port_when_there_are_others() -> None:
    """An item of a side port is the output only when nothing else is."""
    bad, good = StepOutput("bad", 0, "x"), StepOutput("out", 0, "y")
    done = (EventType.STEP_COMPLETE, "a", COMPLETE)
    assert plain((EventType.STEP_OUTPUT, "a", bad), done)[-1]["output"] == "x"
    assert plain((EventType.STEP_OUTPUT, "a", bad), (EventType.STEP_OUTPUT, "a", good), done)[-1]["output"] == "y"
    assert plain((EventType.STEP_OUTPUT, "a", good), (EventType.STEP_OUTPUT, "a", bad), done)[-1]["output"] == "y"


def test_progress_is_what_the_step_reported_last() -> None:
    """Events with counts alone do not make a progress bar jump back; a new attempt begins again."""
    start, counts = (EventType.STEP_START, "a", None), (EventType.STEP_PROGRESS, "a", StepProgress(items_in=3))
    half = (EventType.STEP_PROGRESS, "a", StepProgress(fraction=0.5, message="half"))
    shown = plain(start, counts, half, counts, start, counts)
    assert [(data["progress"], data["message"]) for data in shown if "progress" in data] == [
        (None, ""),
        (0.5, "half"),
        (0.5, "half"),
        (None, ""),
    ]


def test_output_is_that_of_the_last_attempt() -> None:
    """What an attempt wrote that failed later is not the output of the next one."""
    start, done = (EventType.STEP_START, "a", None), (EventType.STEP_COMPLETE, "a", COMPLETE)
    assert plain(start, (EventType.STEP_OUTPUT, "a", OUTPUT), start, done)[-1]["output"] is None


async def test_execution_streams_to_a_writer_and_closes_it() -> None:
    """A memory stream between the execution and a response is all that a server needs."""
    writer, reader = anyio.create_memory_object_stream[bytes](100)
    pipeline = Pipeline("halves", steps={"halves": halves})
    async with Runner().start(pipeline, [1, 2]) as execution:
        execution.subscribe(SSESubscriber(writer.send, close=writer.close))
        received = SseReader()
        async with reader:
            async for chunk in reader:
                received.feed(chunk)
    assert json.loads(received.events[-1][1])["event_type"] == "pipeline_complete"


async def test_slow_client_does_not_hold_up_the_execution() -> None:
    """A client that never reads is detached by the deadline, and the execution ends long before."""
    subscriber = WebSocketSubscriber(lambda _message: anyio.sleep_forever(), send_deadline_s=0.05)
    async with StreamingContext("e1") as context:
        context.subscribe(subscriber)
        for _ in range(5000):
            context.emit(EventType.STEP_START, "a")
            assert not context.lags
    assert [lost.reason for lost in context.lost] == ["deadline"]


async def test_async_close_is_awaited_when_the_send_fails() -> None:
    """What is written to is closed also when the client is gone."""
    closed: list[str] = []

    def send(_chunk: bytes) -> None:
        raise ConnectionResetError

    async def close() -> None:
        await anyio.lowlevel.checkpoint()
        closed.append("closed")

    await emit(SSESubscriber(send, close=close))
    assert closed == ["closed"]


async def test_sends_a_comment_when_nothing_happens() -> None:
    """Proxies do not close the connection of a quiet execution."""
    sent: list[bytes] = []
    pinged = anyio.Event()

    def send(chunk: bytes) -> None:
        sent.append(chunk)
        if sent.count(b": ping\n") == 2:
            pinged.set()

    async with StreamingContext("e1") as context:
        context.subscribe(SSESubscriber(send, ping_s=0.001))
        await pinged.wait()
    assert sent[-1].startswith(b"id: 1\n")


def test_refuses_what_cannot_work() -> None:
    """A mistake is reported where the subscriber is made."""
    with pytest.raises(TypeError, match="expected a function that sends, found NoneType"):
        SSESubscriber(None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="ping_s is 0"):
        SSESubscriber(print, ping_s=0)
    with pytest.raises(ValueError, match="no event type 'step_begin'"):
        WebSocketSubscriber(print, types={"step_begin"})
