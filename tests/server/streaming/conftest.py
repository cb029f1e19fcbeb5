"""What the tests of streams share: real servers with real sockets, in the event loop of the test."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

import anyio
import httpx2
import pytest
from anyio.lowlevel import checkpoint

SERVERS: Final[dict[str, Any]] = {
    "uvicorn-h11": ("asyncio", {"use_uvloop": False}),
    "uvicorn-httptools": ("asyncio", {"use_uvloop": True}),
    "hypercorn-asyncio": ("asyncio", {"use_uvloop": False}),
    "hypercorn-trio": ("trio", {}),
}

Serve = Callable[[Any], AbstractAsyncContextManager[int]]


async def until(condition: Callable[[], object]) -> None:
    """Let others run until something holds; pytest ends what hangs."""
    while not condition():
        await checkpoint()


@asynccontextmanager
async def opened(port: int, target: str = "/", headers: str = "") -> AsyncIterator[anyio.abc.SocketStream]:
    """Send a request over a bare socket."""
    async with await anyio.connect_tcp("127.0.0.1", port) as stream:
        await stream.send(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}\r\n".encode())
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
                yield port
                server.should_exit = True
            else:
                from hypercorn.config import Config as HypercornConfig

                config = HypercornConfig()
                config.bind = [f"fd://{listener.detach()}"]
                config.graceful_timeout = 0.05
                config.errorlog = None
                stop = anyio.Event()
                group.start_soon(_hypercorn(server_name), app, config, stop.wait)
                yield port
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
