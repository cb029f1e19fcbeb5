"""Clients that leave, that never read, and that come back."""

from __future__ import annotations

import random
import socket
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from headwater import EventType
from headwater.toolkit import EventLog
from headwater_server.streaming.asgi import abort, remember_transport
from headwater_server.streaming.broadcast import Broadcast
from headwater_server.streaming.event_endpoint import EventStream
from headwater_server.streaming.several import SeveralEventStreams, Source
from tests.server.streaming.conftest import App, Serve, complete_log, some_events, until
from tests.server.streaming.sse_reader import SseReader

GET: Any = {"type": "http", "method": "GET", "headers": []}


async def nothing() -> Any:
    """Receive nothing, as the client stays."""
    await anyio.sleep_forever()


async def receive_some(port: int, last_id: str, most_bytes: int) -> bytes:
    """Return the beginning of a response, and cut the connection after some bytes of it."""
    received = b""
    async with await anyio.connect_tcp("127.0.0.1", port) as stream:
        header = f"Last-Event-ID: {last_id}\r\n" if last_id else ""
        await stream.send(f"GET / HTTP/1.0\r\nHost: x\r\n{header}\r\n".encode())
        while len(received) < most_bytes:
            try:
                received += await stream.receive(most_bytes - len(received))
            except anyio.EndOfStream:
                break
    return received.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("seed", range(10))
async def test_nothing_is_lost_or_repeated_when_the_connection_is_cut_anywhere(
    serve: Serve, broadcast: Broadcast, seed: int
) -> None:
    """A client cut at random bytes, again and again, has each event once, and one terminal event."""
    sizes = random.Random(seed)
    log = EventLog("e1")
    events: list[tuple[str, str, str]] = []
    last_id = ""

    async def emit() -> None:
        for _ in range(60):
            some_events(log, sizes.randrange(3))
            for _ in range(sizes.randrange(30)):
                await checkpoint()
        log.append(EventType.PIPELINE_COMPLETE)

    async with serve(App(broadcast, log)) as port, anyio.create_task_group() as group:
        group.start_soon(emit)
        while not log.closed or len(events) < log.last_seq:
            reader = SseReader().feed(await receive_some(port, last_id, sizes.randrange(300, 3000)))
            events += reader.events
            last_id = reader.last_id or last_id
    assert [(data.encode(), int(last_id)) for _, data, last_id in events] == [
        (event.to_json(), event.seq) for event in log.read(after=0)
    ]


def descriptors() -> int:
    """Return how many files and sockets are open."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


def silent_client(port: int) -> socket.socket:
    """Ask for events, and never read them; the buffers of the system are small, so that they are soon full."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    client.connect(("127.0.0.1", port))
    client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    return client


async def test_client_that_never_reads_is_cut(serve: Serve, server_name: str) -> None:
    """It is gone after the deadline, while the execution and another client never waited for it."""
    if server_name == "hypercorn-trio":
        pytest.skip("it shields what it sends from cancellation, so only the system can cut the connection")
    log = EventLog("e1")
    reader = SseReader()
    async with Broadcast(send_s=0.2) as broadcast:
        app = App(broadcast, log)
        async with serve(app) as port:
            with silent_client(port):
                await until(lambda: len(broadcast) == 1)
                async with await anyio.connect_tcp("127.0.0.1", port) as stream:
                    await stream.send(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
                    await until(lambda: len(broadcast) == 2)
                    while len(broadcast) == 2:  # the one that reads has all that was emitted, each time
                        some_events(log, 500)
                        while not reader.last_id or int(reader.last_id) < log.last_seq:
                            chunk = await stream.receive()
                            reader.feed(chunk.partition(b"\r\n\r\n")[2] if chunk.startswith(b"HTTP") else chunk)
                    assert app.shed == 1
    assert [int(last_id) for _, _, last_id in reader.events] == [*range(1, log.last_seq + 1)]


async def test_storm_of_clients_leaves_nothing_behind(serve: Serve, broadcast: Broadcast) -> None:
    """Clients that connect and reset, many times over, leave no task and no descriptor."""
    log = some_events(EventLog("e1"), 100)
    app = App(broadcast, log)
    async with serve(app) as port:
        before = 0
        for round_ in range(1, 21):
            clients = [silent_client(port) for _ in range(20)]
            await until(lambda: app.begun == 20 * round_)  # noqa: B023 - it is awaited at once
            some_events(log, 3)
            for client in clients:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
                client.close()
            await until(lambda: app.answered == 20 * round_)  # noqa: B023
            before = before or descriptors()  # after the first round, as event loops open some of their own
        assert not len(broadcast)
        assert not broadcast._followed
        await until(lambda: descriptors() <= before)


async def test_task_that_is_cancelled_ends_the_stream(broadcast: Broadcast) -> None:
    """A server that cancels its tasks is not held up, wherever the stream is."""
    log = some_events(EventLog("e1"), 3)
    for stop_at in range(1, 8):
        sent: list[Any] = []

        async def send(message: Any, sent: list[Any] = sent, stop_at: int = stop_at) -> None:
            sent.append(message)
            if len(sent) == stop_at:
                await anyio.sleep_forever()

        with anyio.move_on_after(0.02) as scope:
            await EventStream(broadcast, log)(dict(GET), nothing, send)
        assert scope.cancelled_caught
        assert not len(broadcast)
        assert not broadcast._followed


async def test_server_that_raises_when_the_client_has_left_is_understood(broadcast: Broadcast) -> None:
    """ASGI allows `send` to raise an OSError."""

    async def send(_message: Any) -> None:
        raise BrokenPipeError

    await EventStream(broadcast, complete_log())(dict(GET), nothing, send)
    assert not len(broadcast)


async def test_server_that_can_receive_no_more_has_lost_its_client(broadcast: Broadcast) -> None:
    """A stream whose client cannot be watched any longer ends, rather than staying forever."""

    async def receive() -> Any:
        raise RuntimeError("the connection is closed")

    async def send(_message: Any) -> None:
        """Send nothing."""

    await EventStream(broadcast, some_events(EventLog("e1"), 1))(dict(GET), receive, send)
    assert not len(broadcast)
    assert not broadcast._followed


async def test_quiet_stream_is_pinged() -> None:
    """Proxies do not close a connection on which comments arrive; lines have no comments, and get nothing."""
    log = some_events(EventLog("e1"), 1)
    sent: list[bytes] = []

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))
        if sent.count(b": ping\n") == 2 and not log.closed:
            log.append(EventType.PIPELINE_COMPLETE)

    async with Broadcast(ping_s=0.01) as broadcast:
        await EventStream(broadcast, log)(dict(GET), nothing, send)
    assert sent[-2].startswith(b"id: 2\n")


async def test_quiet_stream_of_several_executions_is_pinged() -> None:
    """One comment for all of them."""
    logs = [some_events(EventLog(name), 1) for name in ("e1", "e2")]
    sent: list[bytes] = []

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))
        if sent.count(b": ping\n") == 2 and not logs[0].closed:
            for log in logs:
                log.append(EventType.PIPELINE_COMPLETE)

    async with Broadcast(ping_s=0.01) as broadcast:
        sources = [Source(log.execution_id, log) for log in logs]
        await SeveralEventStreams(broadcast, sources)(dict(GET), nothing, send)
        assert not broadcast._followed
    assert b"id: e1:2,e2:2\n" in b"".join(sent)


def test_connection_is_cut_where_the_server_allows_it() -> None:
    """The transport is found before middleware hides it, and a server without one is left alone."""

    class Transport:
        aborted = 0

        def abort(self) -> None:
            self.aborted += 1

    class Cycle:
        transport = Transport()

        async def send(self, message: Any) -> None:
            """Send nothing."""

    async def other(message: Any) -> None:
        """Send nothing."""

    scope: dict[str, Any] = {}
    remember_transport(scope, Cycle().send)
    remember_transport(scope, other)
    abort(scope)
    assert Cycle.transport.aborted == 1
    scope = {}
    remember_transport(scope, other)
    abort(scope)
    assert scope == {}
