"""Real servers in threads of their own, so that clients run on every event loop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn

from headwater_server import create_app

__all__ = ["threaded"]


class _Uvicorn(uvicorn.Server):
    """Uvicorn that says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = threading.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.listens.set()


@contextmanager
def threaded(app: Any, *, port: int = 0) -> Iterator[str]:
    """Serve an app on a port of the loopback in the block, by default a free one; yield its URL."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_level="error", ws="websockets-sansio", timeout_graceful_shutdown=1
    )
    listener = _Uvicorn(config)
    thread = threading.Thread(target=listener.run, daemon=True)
    thread.start()
    assert listener.listens.wait(20)
    try:
        yield f"http://127.0.0.1:{listener.servers[0].sockets[0].getsockname()[1]}"
    finally:
        listener.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[..., str]]:
    """Return a function that serves pipelines until the end of the module, and returns the URL."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        yield lambda pipelines, **options: stack.enter_context(
            threaded(create_app(pipelines, **{"drain_s": 0.1, **options}))
        )
