"""Real servers on free ports of the loopback."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from importlib.util import find_spec
from typing import Any

import anyio
import httpx2
import pytest
import uvicorn


class _Uvicorn(uvicorn.Server):
    """Uvicorn that leaves signals alone, and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = anyio.Event()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.listens.set()


EVERY_SERVER = ("uvicorn-httptools", "uvicorn-h11", "hypercorn-asyncio", "hypercorn-trio")
"""For `pytestmark` of a module whose tests run on all of them: see `on_every_server`."""

on_every_server = pytest.mark.parametrize("asgi_server", EVERY_SERVER, indirect=True)
_chosen = ["uvicorn-httptools"]


@asynccontextmanager
async def serving(server: Any, **options: Any) -> AsyncGenerator[str]:
    """Serve an app on a free port in the block; yield its URL."""
    serve = _uvicorn if _chosen[0].startswith("uvicorn") else _hypercorn
    async with serve(server, _chosen[0], **options) as url:
        yield url


@asynccontextmanager
async def _uvicorn(server: Any, name: str, **options: Any) -> AsyncGenerator[str]:
    http: Any = name.removeprefix("uvicorn-")
    config = uvicorn.Config(
        server, host="127.0.0.1", port=0, http=http, log_level="critical", ws="websockets-sansio", **options
    )
    listener = _Uvicorn(config)
    async with anyio.create_task_group() as group:
        group.start_soon(listener.serve)
        await listener.listens.wait()
        port = listener.servers[0].sockets[0].getsockname()[1]
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            listener.should_exit = True


@asynccontextmanager
async def _hypercorn(server: Any, name: str) -> AsyncGenerator[str]:
    if name == "hypercorn-trio":
        from hypercorn.trio import serve
    else:
        from hypercorn.asyncio import serve
    from hypercorn.config import Config

    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    config = Config()
    config.bind = [f"fd://{listening.detach()}"]
    config.graceful_timeout = 0.05
    config.errorlog = None
    stop = anyio.Event()

    async def run() -> None:
        await serve(server, config, shutdown_trigger=stop.wait, mode="asgi")

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            stop.set()


@asynccontextmanager
async def client_of(server: Any, **options: Any) -> AsyncGenerator[httpx2.AsyncClient]:
    """Serve an app in the block; yield a client of it."""
    async with serving(server, **options) as url, httpx2.AsyncClient(base_url=url, timeout=20) as client:
        yield client


@pytest.fixture
def asgi_server(request: pytest.FixtureRequest) -> Generator[str]:
    """Choose what serves the apps of a test: Uvicorn, unless the module asks for all."""
    _chosen[0] = getattr(request, "param", "uvicorn-httptools")
    yield _chosen[0]
    _chosen[0] = "uvicorn-httptools"


@pytest.fixture
def anyio_backend(asgi_server: str) -> Any:
    """The event loop that the server needs; Uvicorn runs on asyncio alone."""
    if asgi_server == "hypercorn-trio":
        return "trio"
    return "asyncio", {"use_uvloop": asgi_server == "uvicorn-httptools" and find_spec("uvloop") is not None}
