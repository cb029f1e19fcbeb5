"""What the tests of streams share: real servers with real sockets, in the event loop of the test."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final
from urllib.parse import parse_qs

import anyio
import httpx2
import pytest
from anyio.lowlevel import checkpoint

from headwater import EventType
from headwater.toolkit import EventLog, event_filter
from headwater_server.streaming.asgi import remember_transport
from headwater_server.streaming.broadcast import Broadcast
from headwater_server.streaming.event_endpoint import EventStream
from headwater_server.streaming.event_forms import JSON_LINES, SSE

SERVERS: Final[dict[str, Any]] = {
    "uvicorn-h11": ("asyncio", {"use_uvloop": False}),
    "uvicorn-httptools": ("asyncio", {"use_uvloop": True}),
    "hypercorn-asyncio": ("asyncio", {"use_uvloop": False}),
    "hypercorn-trio": ("trio", {}),
}

STEPS: Final = ("a", "b", "a/inner")

Serve = Callable[[Any], AbstractAsyncContextManager[int]]


async def until(condition: Callable[[], object]) -> None:
    """Let others run until something holds; pytest ends what hangs."""
    while not condition():
        await checkpoint()


@asynccontextmanager
async def opened(
    port: int, target: str = "/", *, headers: str = "", version: str = "1.1"
) -> AsyncIterator[anyio.abc.SocketStream]:
    """Send a request over a bare socket."""
    async with await anyio.connect_tcp("127.0.0.1", port) as stream:
        await stream.send(f"GET {target} HTTP/{version}\r\nHost: 127.0.0.1:{port}\r\n{headers}\r\n".encode())
        yield stream


@pytest.fixture(scope="module", params=SERVERS)
def server_name(request: pytest.FixtureRequest) -> str:
    """Name of the server of a test: each one runs with all of them."""
    name: str = request.param
    if name == "uvicorn-httptools":
        pytest.importorskip("uvloop")
    return name


@pytest.fixture(scope="module")
def anyio_backend(server_name: str) -> Any:
    """The event loop that the server needs."""
    return SERVERS[server_name]


@pytest.fixture
def serve(server_name: str) -> Serve:
    """Serve an ASGI app on a free port of the loopback, which is returned."""

    @asynccontextmanager
    async def run(app: Any) -> AsyncIterator[int]:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(512)
        port: int = listener.getsockname()[1]
        async with anyio.create_task_group() as group:
            if server_name.startswith("uvicorn"):
                from uvicorn import Config, Server

                http: Any = server_name.removeprefix("uvicorn-")
                options: Any = {"lifespan": "off", "log_level": "critical", "timeout_graceful_shutdown": 1}
                server = Server(Config(app, http=http, **options))
                group.start_soon(server.serve, [listener])
                try:
                    yield port
                except BaseException:
                    server.force_exit = True
                    raise
                finally:
                    server.should_exit = True
            else:
                from hypercorn.config import Config as HypercornConfig

                config = HypercornConfig()
                config.bind = [f"fd://{listener.detach()}"]
                config.graceful_timeout = 0.05
                config.errorlog = None
                stop = anyio.Event()
                group.start_soon(_hypercorn(server_name), app, config, stop.wait)
                try:
                    yield port
                finally:
                    stop.set()

    return run


def _hypercorn(name: str) -> Callable[..., Any]:
    if name == "hypercorn-trio":
        from hypercorn.trio import serve as hypercorn_serve
    else:
        from hypercorn.asyncio import serve as hypercorn_serve

    async def run(app: Any, config: Any, stop: Any) -> None:
        await hypercorn_serve(app, config, shutdown_trigger=stop, mode="asgi")

    return run


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    """A client that nobody here wrote."""
    async with httpx2.AsyncClient(timeout=None, trust_env=False) as client:
        yield client


@pytest.fixture
async def broadcast() -> AsyncIterator[Broadcast]:
    """What the clients of a test share."""
    async with Broadcast() as one:
        yield one


class App:
    """An app that sends the events of one log as its query asks."""

    def __init__(self, broadcast: Broadcast, log: EventLog) -> None:
        self.broadcast = broadcast
        self.log = log
        self.present: Any = None
        self.begun = self.answered = self.shed = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"  # some servers ask for a lifespan
        self.begun += 1
        remember_transport(scope, send)
        found = parse_qs(scope["query_string"].decode(), keep_blank_values=True)
        query = {name: values[-1] for name, values in found.items()}
        types, steps = (query[name].split(",") if name in query else None for name in ("types", "steps"))
        stream = EventStream(
            self.broadcast,
            self.log,
            after=int(query.get("after") or dict(scope["headers"]).get(b"last-event-id") or 0),
            wanted=event_filter(types, steps),
            form=JSON_LINES if "jsonl" in query else SSE,
            follow="follow" not in query,
            present=self.present,
        )
        await stream(scope, receive, send)
        self.answered += 1
        self.shed += stream.is_shed


def some_events(log: EventLog, count: int) -> EventLog:
    """Emit events of three steps in turn."""
    for number in range(count):
        log.append(EventType.STEP_START if number % 2 else EventType.STEP_RETRY, STEPS[number % 3])
    return log


def complete_log(count: int = 9, **options: Any) -> EventLog:
    """Return the log of an execution that has ended."""
    log = some_events(EventLog("e1", **options), count)
    log.append(EventType.PIPELINE_COMPLETE)
    return log
