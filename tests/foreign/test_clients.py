"""`EventSource`, `fetch`, `WebSocket` and parsers that others wrote get what the server sends, complete and live."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from headwater import StreamEvent
from headwater_subscribers.web.sse import PING, sse_comment, sse_event, sse_retry
from tests.browser.conftest import Site
from tests.foreign.conftest import Start, log_of, read_until
from tests.foreign.pipelines import COUNT, GATE
from tests.subscribers.test_web import DATA

TYPES = ["pipeline_start", "step_start", "step_progress", "step_output", "step_complete", "pipeline_complete"]


def socket_url(site: Site, path: str) -> str:
    """Return the address of a WebSocket."""
    return f"{site.url.replace('http:', 'ws:')}{path}"


def events_in(said: Sequence[Any]) -> list[StreamEvent]:
    """Return the events among what an `EventSource` says, whose ids are their numbers."""
    heard = [one for one in said if isinstance(one, dict)]
    events = [StreamEvent.from_json(one["data"]) for one in heard]
    assert [one["id"] for one in heard] == [str(event.seq) for event in events]
    return events


def test_event_source_gets_all_events_live_and_stops(start: Start, site: Site) -> None:
    """The first ones come while the execution runs; after the last one, 204 ends it for good."""
    execution = site.start("measures")
    client = start("eventSource", url=f"{site.url}/executions/{execution}/events")
    assert client.read() == "open"
    assert client.read()["id"] == "1"
    GATE.allow(COUNT)
    said = read_until(client, "closed")
    assert [one for one in said if one == "again"] == ["again"]  # the end, before it asked once more
    assert events_in(said) == log_of(site, execution)[1:]


def test_event_source_goes_on_when_the_connection_was_cut(start: Start, site: Site) -> None:
    """It asks by itself for what comes after its last event, without a gap and without a repetition."""
    execution = site.start("measures")
    client = start("eventSource", url=f"{site.url}/executions/{execution}/events")
    GATE.allow(2)
    said = [client.read() for _ in range(5)]
    site.cut()
    GATE.allow(COUNT)
    said += read_until(client, "again")
    site.restore()
    said += read_until(client, "closed")
    assert events_in(said) == log_of(site, execution)


def test_event_source_gets_named_events(start: Start, site: Site) -> None:
    """Each event arrives at the listeners of its name alone."""
    execution = site.start("measures")
    GATE.allow(COUNT)
    client = start("eventSource", url=f"{site.url}/stream/pipeline/{execution}", names=TYPES)
    heard = [one for one in read_until(client, "closed") if isinstance(one, dict)]
    assert [(one["type"], int(one["id"])) for one in heard] == [
        (event.event_type.value, event.seq) for event in log_of(site, execution)
    ]
    assert {json.loads(one["data"])["step_id"] for one in heard} == {None, "measure", "double"}


def test_event_source_follows_several_executions(start: Start, site: Site) -> None:
    """All events come on one connection, and once after a cut, too."""
    executions = [site.start("measures"), site.start("measures")]
    client = start("eventSource", url=f"{site.url}/events?executions={','.join(executions)}")
    GATE.allow(2)
    said = [client.read() for _ in range(6)]
    site.cut()
    GATE.allow(COUNT)
    said += read_until(client, "again")
    site.restore()
    said += read_until(client, "closed")
    events = [StreamEvent.from_json(one["data"]) for one in said if isinstance(one, dict)]
    for execution in executions:
        assert [event for event in events if event.execution_id == execution] == log_of(site, execution)


def test_event_source_reads_an_output_to_its_end(start: Start, site: Site) -> None:
    """The id of a frame is the number of items so far; after the end, the source stops."""
    execution = site.start("measures")
    client = start("eventSource", url=f"{site.url}/executions/{execution}/output?after=0")
    GATE.allow(3)
    said = [client.read() for _ in range(4)]
    site.cut()
    GATE.allow(COUNT)
    said += read_until(client, "again")
    site.restore()
    said += read_until(client, "closed")
    frames = [json.loads(one["data"]) for one in said if isinstance(one, dict)]
    assert frames == [*({"item": 2 * number} for number in range(COUNT)), {"end": {"items": COUNT}}]


@pytest.mark.parametrize("accept", ["text/event-stream", "application/jsonl"])
def test_fetch_reads_events_live(start: Start, site: Site, accept: str) -> None:
    """Each event can be read when it arrives, also where it is compressed, as browsers ask."""
    execution = site.start("measures")
    client = start("fetchLines", url=f"{site.url}/executions/{execution}/events", headers={"accept": accept})
    answer = client.read()
    assert (answer["status"], answer["type"]) == (200, accept)
    lines = []
    while "step_start" not in (lines[-1] if lines else ""):
        lines.append(client.read())
    GATE.allow(COUNT)
    lines += read_until(client, {"end": ""})
    found = [line.removeprefix("data: ") for line in lines if "event_type" in line]
    assert [StreamEvent.from_json(line) for line in found] == log_of(site, execution)


def test_fetch_sees_that_bare_items_were_cut(start: Start, site: Site) -> None:
    """An answer without frames ends normally only when it is complete."""
    url = f"{site.url}/pipelines/doubles/run?frames=false"
    headers = {"content-type": "application/jsonl", "accept": "application/jsonl"}
    client = start("fetchLines", url=url, method="POST", body="1\n2\n", headers=headers)
    assert [client.read() for _ in range(4)][1:] == ["2", "4", {"end": ""}]
    client = start("fetchLines", url=url, method="POST", body="1\n13\n", headers=headers)
    assert client.read()["status"] == 200
    assert read_until(client, {"cut": ""}) in ([], ["2"])  # what was made before the failure may have been sent


def test_plain_socket_sends_messages_and_closes(start: Start, site: Site) -> None:
    """Every event comes in order, and the connection is closed normally."""
    execution = site.start("measures")
    client = start("webSocket", url=socket_url(site, f"/ws/pipeline/{execution}"))
    assert "open" in client.read()
    assert json.loads(client.read())["event_type"] == "pipeline_start"
    GATE.allow(COUNT)
    messages = [json.loads(one) for one in read_until(client, {"code": 1000, "reason": "", "wasClean": True})]
    assert [(one["event_type"], one["seq"]) for one in messages] == [
        (event.event_type.value, event.seq) for event in log_of(site, execution)[1:]
    ]


def test_hub_starts_follows_and_cancels(start: Start, site: Site) -> None:
    """One socket starts an execution, follows it, and cancels it."""
    client = start("webSocket", url=socket_url(site, "/ws"))
    client.read()
    client.say(json.dumps({"type": "start", "ref": 1, "pipeline": "measures", "subscribe": True}))
    execution = json.loads(client.read())["execution"]["id"]
    assert json.loads(client.read()) == {"type": "subscribed", "execution": execution}
    client.say(json.dumps({"type": "cancel", "execution": execution, "reason": "enough"}))
    messages = []
    while not messages or messages[-1]["type"] != "ended":
        messages.append(json.loads(client.read()))
    events = [StreamEvent.from_json(json.dumps(one["event"])) for one in messages if one["type"] == "event"]
    assert events == log_of(site, execution)
    assert events[-1].event_type == "pipeline_cancelled"


def test_run_socket_answers_each_item_before_the_next_one(start: Start, site: Site) -> None:
    """Input and output overlap, and a failure closes the connection with its code."""
    client = start("webSocket", url=socket_url(site, "/pipelines/doubles/run"))
    client.read()
    for number in (1, 2, 13):
        client.say(json.dumps({"item": number}))
        if number == 1:
            assert "start" in json.loads(client.read())
        if number != 13:
            assert json.loads(client.read()) == {"item": 2 * number}
    assert "13 cannot be doubled" in json.loads(client.read())["break"]["detail"]
    assert client.read()["code"] == 1011


def test_socket_that_is_refused_is_never_open(start: Start, site: Site) -> None:
    """A browser shows no more of the HTTP answer than that."""
    client = start("webSocket", url=socket_url(site, "/ws/pipeline/unknown"))
    assert client.read()["code"] == 1006


def test_parser_in_a_stream_gets_all_events(start_in_node: Start, site: Site) -> None:
    """`eventsource-parser` reads what `fetch` brings."""
    execution = site.start("measures")
    client = start_in_node("parsedFetch", url=f"{site.url}/executions/{execution}/events")
    assert client.read()["id"] == "1"
    GATE.allow(COUNT)
    assert events_in(read_until(client, "end")) == log_of(site, execution)[1:]


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_parser_gets_the_data_whatever_is_in_it(start_in_node: Start, size: int) -> None:
    """The table of the rules of the standard, read by `eventsource-parser` from pieces of some bytes."""
    streams = [encoded(data) for data, _ in DATA]
    client = start_in_node("parsed", streams=[base64.b64encode(one).decode() for one in streams], size=size)
    for _, received in DATA:
        assert client.read() == {"events": [["message", received, "7"], ["done", "end", "8"]], "retry": 5}


def test_event_source_gets_the_data_whatever_is_in_it(start: Start, serve: Callable[[Any], int], origin: str) -> None:
    """The table of the rules of the standard, read by each `EventSource`."""
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route

    def answer(request: Any) -> Response:
        headers = {"access-control-allow-origin": origin}
        if request.headers.get("last-event-id"):
            return Response(status_code=204, headers=headers)
        content = b"".join(encoded(data) for data, _ in DATA)
        return Response(content, media_type="text/event-stream", headers=headers)

    url = f"http://127.0.0.1:{serve(Starlette(routes=[Route('/', answer)]))}/"
    client = start("eventSource", url=url, names=["message", "done"])
    heard = [one for one in read_until(client, "closed") if isinstance(one, dict)]
    expected = []
    for _, received in DATA:
        expected += [{"type": "message", "data": received, "id": "7"}, {"type": "done", "data": "end", "id": "8"}]
    assert heard == expected


def encoded(data: bytes) -> bytes:
    """Return data as an event, among everything else that a stream has."""
    return sse_retry(5) + sse_comment("a\rdata: x") + PING + sse_event(data, 7) + sse_event(b"end", "8", "done")
