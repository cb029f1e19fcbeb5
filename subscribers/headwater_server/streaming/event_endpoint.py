"""Events of one execution as a response: server-sent events or lines, at the pace of the client."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import anyio
from anyio.lowlevel import checkpoint

from headwater.toolkit import EventLog
from headwater_server.streaming.asgi import Receive, Scope, Send, abort, remember_transport
from headwater_server.streaming.broadcast import Broadcast
from headwater_server.streaming.event_blocks import Wanted
from headwater_server.streaming.forms import SSE, Form

__all__ = ["EventStream"]

_HEADERS: Final = ((b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no"))


class EventStream:
    """An ASGI endpoint that sends the events of a log to one client; it ends after the terminal event.

    It never holds what the client has not read yet, other than its place in the log. A client that leaves ends it, and
    one that does not read is cut.

    Args:
        broadcast: What all clients share.
        log: The events.
        after: Number of the last event that the client has.
        wanted: Which events the client wants; None for all.
        form: How they are encoded.
        follow: Whether to wait for events to come.
        present: Returns the present state of the execution, for a client that missed events.
        headers: More headers of the response.
    """

    __slots__ = ("_broadcast", "_follow", "_headers", "_line", "_scope", "_seq", "is_shed", "sending_since")

    def __init__(
        self,
        broadcast: Broadcast,
        log: EventLog,
        *,
        after: int = 0,
        wanted: Wanted | None = None,
        form: Form = SSE,
        follow: bool = True,
        present: Callable[[], object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        if after < 0:
            raise ValueError(f"after is {after}, but it must be 0 or the number of an event")
        self._broadcast = broadcast
        self._line = broadcast.line(log, form, wanted, present)
        self._seq = min(after, log.last_seq)
        self._follow = follow
        self._headers = headers
        self._scope: anyio.CancelScope | None = None
        self.sending_since: int = 0
        self.is_shed: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if self._line.blocks.ended(self._seq):
            await _answer_empty(send, 204)
            return
        remember_transport(scope, send)
        is_whole = False
        try:
            async with anyio.create_task_group() as group:
                self._scope = group.cancel_scope
                group.start_soon(_watch, receive, group.cancel_scope)
                with self._broadcast.connected(self, self._line):
                    await self._respond(scope, send)
                    is_whole = True
                group.cancel_scope.cancel()
            if is_whole:  # outside of the group: a server may report the end of the connection while it sends the end
                with anyio.move_on_after(self._broadcast.send_s):
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
        except* OSError:  # of servers that raise it when the client has left
            pass
        if self.is_shed:
            abort(scope)
            await checkpoint()  # so that the server notices that the connection was lost

    def shed(self) -> None:
        """Cut the connection of a client that does not read."""
        self.is_shed = True
        if self._scope is not None:
            self._scope.cancel()

    async def _respond(self, scope: Scope, send: Send) -> None:
        self.sending_since = self._broadcast.tick
        await send({"type": "http.response.start", "status": 200, "headers": self._response_headers()})
        self.sending_since = 0
        if scope["method"] != "HEAD":
            await self._send_events(send)

    async def _send_events(self, send: Send) -> None:
        broadcast, line = self._broadcast, self._line
        blocks, log = line.blocks, line.blocks.log
        seq, body, pings = self._seq, line.form.opening, line.pings
        while True:
            if not body:
                body, seq = blocks.after(seq)
            if body:
                self.sending_since = broadcast.tick
                await send({"type": "http.response.body", "body": body, "more_body": True})
                self.sending_since = 0
                body = b""
                if seq < log.last_seq:
                    await checkpoint()  # a server's `send` need not be one
            elif log.closed or not self._follow or broadcast.stopping:
                return
            else:
                await line.wait()
                if pings != line.pings:
                    pings = line.pings
                    body = line.form.ping

    def _response_headers(self) -> list[tuple[bytes, bytes]]:
        headers = [(b"content-type", self._line.form.media_type.encode()), *_HEADERS]
        for name, value in (self._headers or {}).items():
            headers.append((name.lower().encode("latin-1"), value.encode("latin-1")))
        return headers


async def _watch(receive: Receive, scope: anyio.CancelScope) -> None:
    """Cancel a scope when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        await checkpoint()
    scope.cancel()


async def _answer_empty(send: Send, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"cache-control", b"no-store")]})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
