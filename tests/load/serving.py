"""A server in a process of its own: `serving.py APP FD`, where APP is `headwater`, or `bare` to compare it with.

Beside its own paths, each answers `POST /load/go`, which lets its events begin, and `GET /load/tasks`.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs

import uvicorn

from headwater import Pipeline, step

EVENT_BYTES: Final = 331
"""Size of an event of Headwater, which the bare app sends, too."""

_started: dict[str, asyncio.Event] = {}


class Go:
    """What events wait for."""

    event = asyncio.Event()


@step("load.ticks")
async def ticks(plan: dict[str, Any]) -> AsyncIterator[int]:
    """Write numbers as fast as the plan says, once all clients are there."""
    if plan.get("waits", True):
        await Go.event.wait()
        await asyncio.sleep(plan.get("delay_s", 0))
    for number in range(plan["count"]):
        yield number
        if plan["every_s"]:
            await asyncio.sleep(plan["every_s"])


def pipeline() -> Pipeline:
    """Return a pipeline whose every item is an event."""
    document = {
        "name": "ticks",
        "streaming": {"emit_items": "all"},
        "steps": [{"id": "ticks", "kind": "load.ticks"}],
        "edges": [],
    }
    return Pipeline.load(document)


class Bare:
    """The least that a server of events can do: wait, and send bytes that were encoded before."""

    def __init__(self) -> None:
        self._news = asyncio.Event()
        self._chunk = b"x" * EVENT_BYTES
        self._emitting: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        """Send every event to a client."""
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if scope["path"] == "/emit":
            query = parse_qs(scope["query_string"].decode())
            self._emitting = asyncio.create_task(self._emit(int(query["count"][0]), float(query["every_s"][0])))
            await send({"type": "http.response.body", "body": b""})
            return
        await send({"type": "http.response.body", "body": b"retry: 2000\n\n", "more_body": True})
        while True:
            await self._news.wait()
            await send({"type": "http.response.body", "body": self._chunk, "more_body": True})

    async def _emit(self, count: int, every_s: float) -> None:
        await Go.event.wait()
        for seq in range(1, count + 1):
            head = b'id: %d\ndata: {"timestamp":"%b"} ' % (seq, datetime.now(UTC).isoformat().encode())
            self._chunk = head + b"x" * (EVENT_BYTES - len(head) - 2) + b"\n\n"
            news, self._news = self._news, asyncio.Event()
            news.set()
            await asyncio.sleep(every_s)


class Controlled:
    """An app with the paths that direct the load."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        if scope["type"] != "http" or not scope["path"].startswith("/load/"):
            await self._app(scope, receive, send)
            return
        if scope["path"] == "/load/go":
            event, Go.event = Go.event, asyncio.Event()
            event.set()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(len(asyncio.all_tasks())).encode()})


def app_of(name: str) -> Any:
    """Return the app with a name."""
    if name == "bare":
        return Bare()
    from headwater_server.asgi_app import create_app
    from headwater_server.settings import Limits

    limits = Limits(streams=100_000, streams_per_caller=100_000, requests_per_minute=10_000_000)
    return create_app(pipeline(), limits=limits, drain_s=0.1)


def main() -> None:
    """Serve until the process is killed."""
    name, descriptor = sys.argv[1:]
    listener = socket.socket(fileno=int(descriptor))
    app = Controlled(app_of(name))
    lifespan: Any = "off" if name == "bare" else "on"
    config = uvicorn.Config(
        app, lifespan=lifespan, log_level="warning", access_log=False, loop="uvloop", http="httptools"
    )
    config.backlog = 4096
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
