"""A server in a process of its own, from its start to its graceful stop."""

from __future__ import annotations

import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import anyio
import uvicorn

from headwater_server.app import Server

__all__ = ["Serving"]


class Serving:
    """One run of the command `serve`."""

    def __init__(self, server: Server, *, host: str, port: int) -> None:
        self._server = server
        self._host = host
        self._port = port

    def run(self) -> None:
        """Serve until a signal comes."""
        anyio.run(self._run, backend_options={"use_uvloop": find_spec("uvloop") is not None})

    async def _run(self) -> None:
        config = uvicorn.Config(
            self._server,
            host=self._host,
            port=self._port,
            log_level="warning",
            lifespan="off",
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=5,
        )
        listener = _Uvicorn(config)
        async with self._server.lifespan(), anyio.create_task_group() as group:
            group.start_soon(self._stop_at_signal, listener)
            await listener.serve()
            group.cancel_scope.cancel()

    async def _stop_at_signal(self, listener: _Uvicorn) -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for number in signals:
                if number == signal.SIGINT:
                    print("headwater: stopping; press Ctrl-C again to stop at once", file=sys.stderr)  # noqa: T201
                break
            async with anyio.create_task_group() as group:
                group.start_soon(self._drain, self._server, listener, group.cancel_scope)
                async for _ in signals:
                    listener.should_exit = listener.force_exit = True
                    group.cancel_scope.cancel()
                    break

    @staticmethod
    async def _drain(server: Server, listener: _Uvicorn, scope: anyio.CancelScope) -> None:
        await server.stop()
        listener.should_exit = True
        scope.cancel()


class _Uvicorn(uvicorn.Server):
    """Uvicorn without its own signal handlers, which says where it listens."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave the signals to the command."""
        yield

    async def startup(self, sockets: Any = None) -> None:
        """Listen, and say where."""
        await super().startup(sockets)
        for listening in self.servers:
            for socket in listening.sockets:
                host, port = socket.getsockname()[:2]
                shown = f"[{host}]" if ":" in host else host
                print(f"headwater: serving on http://{shown}:{port}", file=sys.stderr, flush=True)  # noqa: T201
