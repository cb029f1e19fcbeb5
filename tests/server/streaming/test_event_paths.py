"""The paths of events on a whole server: plain ones, several executions at once, and the hub."""

from __future__ import annotations

import json
import socket as sockets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
import pytest
from anyio.lowlevel import checkpoint
from sniffio import current_async_library
from starlette.routing import WebSocketRoute
from websockets.exceptions import ConnectionClosed, InvalidStatus

from headwater import EventType, Pipeline, step
from headwater_server.access.principal import Principal
from headwater_server.asgi_app import Server, create_app
from headwater_server.settings import Limits
from headwater_server.streaming import hub
from headwater_server.streaming.conversation import SocketEndpoint
from headwater_server.streaming.hub import Hub
from tests.server.conftest import client_of, on_every_server
from tests.server.streaming.conftest import until
from tests.server.streaming.sse_reader import SseReader

pytestmark = on_every_server


def connect(uri: str) -> Any:
    """Connect with a client that nobody here wrote, on the event loop of the test."""
    if current_async_library() == "trio":
        return pytest.importorskip("websockets.trio.client").connect(uri, proxy=None)
    from websockets.asyncio.client import connect as connect_asyncio

    return connect_asyncio(uri, proxy=None)


@pytest.fixture
def anyio_backend(asgi_server: str) -> Any:
    """The event loop that the server needs."""
    return (
        "trio" if asgi_server == "hypercorn-trio" else ("asyncio", {"use_uvloop": asgi_server == "uvicorn-httptools"})
    )


@step("test.slowly_halved")
async def slowly(number: int) -> float:
    """Halve a number, and wait forever at zero."""
    if not number:
        await anyio.sleep_forever()
    return number / 2


PIPELINE = Pipeline("halves", steps={"half": slowly})


@asynccontextmanager
async def served(**limits: Any) -> AsyncGenerator[tuple[Server, httpx2.AsyncClient, str]]:
    """Serve the pipeline in the block; yield the server, a client, and the address of its WebSockets."""
    server = create_app(PIPELINE, limits=Limits(**limits), drain_s=0.01)
    async with client_of(server) as client:
        yield server, client, str(client.base_url).replace("http:", "ws:").rstrip("/")


async def started(client: httpx2.AsyncClient, data: Any) -> str:
    """Start an execution, and return its id."""
    response = await client.post("/pipelines/halves/executions", json={"input": data})
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


async def said(socket: Any, until_type: str) -> list[dict[str, Any]]:
    """Return the messages up to the first one of a type."""
    messages: list[dict[str, Any]] = []
    while not messages or messages[-1]["type"] != until_type:
        messages.append(json.loads(await socket.recv()))
    return messages


async def test_plain_path_has_named_events() -> None:
    """A page listens to events by their names, and continues by their numbers."""
    async with served() as (_, client, _):
        execution = await started(client, [2, 4])
        response = await client.get(f"/stream/pipeline/{execution}")
        rest = await client.get(f"/stream/pipeline/{execution}", headers={"last-event-id": "2"})
    events = SseReader().feed(response.content).events
    assert [int(last_id) for _, _, last_id in events] == [*range(1, len(events) + 1)]
    assert [name for name, _, _ in events][:2] == ["pipeline_start", "step_start"]
    data = next(data for name, data, _ in events if name == "step_complete")
    assert json.loads(data)["step_id"] == "half"
    assert json.loads(data)["output"] == 1.0
    assert json.loads(data)["duration_ms"] >= 0
    assert SseReader().feed(rest.content).events == events[2:]


async def test_plain_output_is_known_when_a_client_begins_in_the_middle() -> None:
    """What the plain form needs of earlier events is looked up, wherever clients begin and in which order."""
    async with served() as (_, client, _):
        execution = await started(client, [2, 4])
        whole = SseReader().feed((await client.get(f"/stream/pipeline/{execution}")).content).events
        for types in ("", "&types=step_complete,pipeline_complete"):
            for after in (4, 0, 3, 1, 2, 0):
                response = await client.get(f"/stream/pipeline/{execution}?after={after}{types}")
                found = SseReader().feed(response.content).events
                assert found == [
                    event for event in whole[after:] if not types or event[0] in {"step_complete", "pipeline_complete"}
                ]


async def test_plain_socket_sends_messages_and_closes() -> None:
    """The short clients that papers show work as written."""
    async with served() as (_, client, address):
        execution = await started(client, 8)
        async with connect(f"{address}/ws/pipeline/{execution}") as socket:
            messages = [json.loads(message) async for message in socket]
        async with connect(f"{address}/ws/pipeline/{execution}?after=2") as socket:
            rest = [json.loads(message) async for message in socket]
    assert socket.close_code == 1000
    assert [message["seq"] for message in messages] == [*range(1, len(messages) + 1)]
    assert {"event_type", "execution_id", "step_id", "timestamp", "seq", "data"} == messages[0].keys()
    complete = next(message for message in messages if message["event_type"] == "step_complete")
    assert complete["data"]["output"] == 4.0
    assert rest == messages[2:]


@pytest.mark.parametrize(("path", "status"), [("/ws/pipeline/unknown", 404), ("/ws/pipeline/ID?after=x", 400)])
async def test_refusal_of_a_socket_is_an_http_answer(path: str, status: int) -> None:
    """Before a WebSocket is accepted, a client learns the reason."""
    async with served() as (_, client, address):
        path = path.replace("ID", await started(client, 8))
        with pytest.raises(InvalidStatus) as caught:
            async with connect(f"{address}{path}"):
                pass
    assert caught.value.response.status_code == status
    assert json.loads(caught.value.response.body)["status"] == status


async def test_several_executions_come_in_one_response() -> None:
    """The id of each event is how far the client is in every execution, so that it can continue anywhere."""
    async with served() as (_, client, _):
        one, other = await started(client, [2, 4]), await started(client, 6)
        response = await client.get(f"/events?executions={one},{other}")
        events = SseReader().feed(response.content).events
        alone = [
            SseReader().feed((await client.get(f"/executions/{id_}/events")).content).events for id_ in (one, other)
        ]
        for place in range(0, len(events), 3):
            headers = {"last-event-id": events[place][2]}
            rest = await client.get(f"/events?executions={one},{other}", headers=headers)
            found = SseReader().feed(rest.content).events
            assert sorted(data for _, data, _ in found) == sorted(data for _, data, _ in events[place + 1 :])
        over = await client.get(f"/events?executions={one},{other}&after={events[-1][2]}")
    for id_, wanted in zip((one, other), alone, strict=True):
        assert [data for _, data, _ in events if json.loads(data)["execution_id"] == id_] == [
            data for _, data, _ in wanted
        ]
    assert over.status_code == 204


@pytest.mark.parametrize("query", ["", "executions=", "executions=ID&after=x", "executions=ID&after=ID:-1"])
async def test_several_are_refused_when_the_query_is_wrong(query: str) -> None:
    """A mistake is named."""
    async with served() as (_, client, _):
        execution = await started(client, 8)
        assert (await client.get(f"/events?{query.replace('ID', execution)}")).status_code == 400
        assert (await client.get(f"/events?executions={execution},unknown")).status_code == 404


async def test_hub_follows_starts_and_cancels_by_messages() -> None:
    """One connection is enough for everything that a page does."""
    async with served() as (_, client, address), connect(f"{address}/ws") as socket:
        execution = await started(client, 8)
        await socket.send(json.dumps({"type": "subscribe", "execution": execution, "after": 1}))
        messages = await said(socket, "ended")
        assert messages[0] == {"type": "subscribed", "execution": execution}
        seqs = [message["event"]["seq"] for message in messages[1:-1]]
        assert seqs == [*range(2, seqs[-1] + 1)]
        assert messages[-2]["event"]["event_type"] == "pipeline_complete"

        await socket.send(json.dumps({"type": "start", "ref": 7, "pipeline": "halves", "input": 0, "subscribe": True}))
        begun = (await said(socket, "subscribed"))[0]
        assert (begun["type"], begun["ref"], begun["execution"]["state"]) == ("started", 7, "running")
        assert begun["execution"]["links"]["events"].endswith("/events")
        await socket.send(json.dumps({"type": "cancel", "execution": begun["execution"]["id"], "reason": "enough"}))
        messages = await said(socket, "ended")
        assert {"type": "cancelled", "execution": begun["execution"]["id"]} in messages
        last = [message["event"] for message in messages if message["type"] == "event"][-1]
        assert (last["event_type"], last["data"]["reason"]) == ("pipeline_cancelled", "enough")


async def test_hub_filters_and_unsubscribes() -> None:
    """A client gets what it asks for, until it wants no more."""
    async with served() as (server, client, address), connect(f"{address}/ws") as socket:
        execution = await started(client, 0)
        subscribe = {"type": "subscribe", "execution": execution, "types": ["step_start"], "steps": ["half"]}
        await socket.send(json.dumps(subscribe))
        assert [message["type"] for message in await said(socket, "event")] == ["subscribed", "event"]
        await socket.send(json.dumps({"type": "unsubscribe", "execution": execution}))
        assert await said(socket, "unsubscribed") == [{"type": "unsubscribed", "execution": execution}]
        await until(lambda: not server.service.broadcast._followed)


WRONG = [
    ("{", "bad-json"),
    ("[]", "bad-message"),
    ('{"type": "begin"}', "bad-message"),
    ('{"type": "subscribe"}', "bad-message"),
    ('{"type": "subscribe", "execution": "x"}', "unknown-execution"),
    ('{"type": "subscribe", "execution": "ID", "after": -1}', "bad-message"),
    ('{"type": "subscribe", "execution": "ID", "types": "step_start"}', "bad-message"),
    ('{"type": "subscribe", "execution": "ID", "types": ["begin"]}', "bad-request"),
    ('{"type": "cancel", "execution": "x"}', "unknown-execution"),
    ('{"type": "start", "pipeline": "x"}', "unknown-pipeline"),
    ('{"type": "start", "pipeline": "halves", "parameters": 3}', "bad-body"),
    ('{"type": "start", "pipeline": "halves", "data": 3}', "unknown-key"),
]


async def test_hub_answers_every_mistake_with_the_problem() -> None:
    """A wrong message changes nothing, and the connection goes on."""
    async with served() as (_, client, address), connect(f"{address}/ws") as socket:
        execution = await started(client, 0)
        found: list[tuple[str, str]] = []
        for text, _ in WRONG:
            await socket.send(text.replace("ID", execution))
            answer = json.loads(await socket.recv())
            assert answer["type"] == "error"
            found.append((text, answer["problem"]["code"]))
    assert found == WRONG


@pytest.mark.parametrize(
    ("messages", "code"),
    [(["x" * 2000], 1009), ([b"{}"], 1008), (['{"type": "unsubscribe", "execution": "x"}'] * 6, 1008)],
)
async def test_socket_is_closed_with_a_code_when_a_limit_is_exceeded(messages: list[Any], code: int) -> None:
    """Messages that are too long, too many, or of another kind end the connection."""
    async with (
        served(message_bytes=1000, messages_per_minute=5) as (_, _, address),
        connect(f"{address}/ws") as socket,
    ):
        for message in messages:
            await socket.send(message)
        with pytest.raises(ConnectionClosed):
            while True:
                await socket.recv()
    assert socket.close_code == code


async def test_sockets_are_closed_when_the_server_stops() -> None:
    """The client learns that the server goes away."""
    async with served() as (server, _, address), connect(f"{address}/ws") as socket:
        await until(lambda: len(server.service.broadcast) == 1)
        server.service.broadcast.stop()
        with pytest.raises(ConnectionClosed):
            await socket.recv()
    assert socket.close_code == 1001


async def test_socket_that_is_left_leaves_nothing_behind(asgi_server: str) -> None:
    """A client that goes ends its conversation, and not the execution."""
    if asgi_server == "hypercorn-trio":
        pytest.skip("the client on trio has no transport to abort")
    async with served() as (server, client, address):
        execution = await started(client, 0)
        for _ in range(10):
            async with connect(f"{address}/ws/pipeline/{execution}") as socket:
                await socket.recv()
                socket.transport.abort()
        await until(lambda: not len(server.service.broadcast) and not server.service.broadcast._followed)
        assert (await client.get(f"/executions/{execution}")).json()["state"] == "running"


HANDSHAKE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


async def test_socket_that_never_reads_is_cut(asgi_server: str) -> None:
    """A client that accepts nothing is gone after the deadline, and its execution goes on."""
    if asgi_server == "hypercorn-trio":
        pytest.skip("it shields what it sends from cancellation, so only the system can cut the connection")
    async with served(send_s=0.2) as (server, client, address):
        execution = await started(client, 0)
        silent = sockets.socket()
        silent.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 2048)
        host, port = address.removeprefix("ws://").split(":")
        silent.connect((host, int(port)))
        request = [f"GET /ws/pipeline/{execution} HTTP/1.1", f"Host: {host}:{port}", *HANDSHAKE, "", ""]
        silent.sendall("\r\n".join(request).encode())
        await until(lambda: len(server.service.broadcast) == 1)
        held = server.service.executions._all[execution]
        while len(server.service.broadcast):
            held.log.append(EventType.STEP_RETRY, "half", None, 1, {"why": "x" * 500})
            await checkpoint()
        silent.close()
        assert held.status == "running"


async def test_socket_is_closed_when_its_caller_loses_the_rights() -> None:
    """A token that has expired ends what was opened with it."""
    revoked: list[bool] = []
    principal = Principal("a", is_revoked=lambda: bool(revoked))
    server = create_app(PIPELINE, auth=lambda _: principal, drain_s=0.01)
    async with client_of(server) as client:
        address = str(client.base_url).replace("http:", "ws:").rstrip("/")
        async with connect(f"{address}/ws") as opened:
            await until(lambda: len(server.service.broadcast) == 1)
            revoked.append(True)
            server.service.watch.look()
            with pytest.raises(ConnectionClosed):
                await opened.recv()
    assert opened.close_code == 1008


class Broken(Hub):
    """A conversation that fails."""

    def begin(self) -> None:
        raise KeyError("begin")


async def test_socket_is_closed_with_a_code_when_the_server_fails() -> None:
    """A fault of the server is that of one connection."""
    async with served() as (server, _, address):
        server._router.routes.insert(0, WebSocketRoute("/broken", SocketEndpoint(server.service, Broken)))
        async with connect(f"{address}/broken") as opened:
            with pytest.raises(ConnectionClosed):
                await opened.recv()
        assert opened.close_code == 1011


async def test_hub_limits_the_executions_that_one_socket_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is refused, and one that is followed already can be followed anew."""
    monkeypatch.setattr(hub, "_MOST_FOLLOWED", 1)
    async with served() as (_, client, address), connect(f"{address}/ws") as opened:
        one, other = await started(client, 0), await started(client, 0)
        for execution in (one, other, one):
            await opened.send(json.dumps({"type": "subscribe", "execution": execution, "types": []}))
        answers = [json.loads(await opened.recv()) for _ in range(3)]
    assert [answer["type"] for answer in answers] == ["subscribed", "error", "subscribed"]
    assert answers[1]["problem"]["code"] == "too-many-subscriptions"
