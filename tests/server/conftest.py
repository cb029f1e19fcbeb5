"""Real servers on free ports of the loopback."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
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


@asynccontextmanager
async def serving(server: Any, **options: Any) -> AsyncGenerator[str]:
    """Serve an app on a free port in the block; yield its URL."""
    config = uvicorn.Config(server, host="127.0.0.1", port=0, log_level="error", ws="websockets-sansio", **options)
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
async def client_of(server: Any, **options: Any) -> AsyncGenerator[httpx2.AsyncClient]:
    """Serve an app in the block; yield a client of it."""
    async with serving(server, **options) as url, httpx2.AsyncClient(base_url=url, timeout=20) as client:
        yield client


@pytest.fixture(params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Uvicorn runs on asyncio alone."""
    return request.param
