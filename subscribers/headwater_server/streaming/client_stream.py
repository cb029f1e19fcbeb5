"""A response that lasts: what is sent to one client over HTTP, up to its end, its leaving or its deadline."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

import anyio
from anyio.lowlevel import checkpoint

from headwater_server.streaming.asgi import Receive, Scope, Send, abort, header, remember_transport
from headwater_server.streaming.broadcast import Broadcast, Line
from headwater_server.streaming.departure import watched
from headwater_server.streaming.stream_compression import Encoding, negotiated

__all__ = ["ClientStream"]

_HEADERS: Final = (
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
    (b"vary", b"Accept-Encoding"),
)


class ClientStream(ABC):
    """An ASGI endpoint that sends to one client what happens.

    It never holds what the client has not read yet, other than its place. A client that leaves ends it, and one that
    does not read is cut.
    """

    __slots__ = ("_broadcast", "_encoding", "_headers", "_media_type", "_scope", "is_shed", "sending_since")

    def __init__(self, broadcast: Broadcast, media_type: str, headers: Mapping[str, str] | None) -> None:
        self._broadcast = broadcast
        self._media_type = media_type
        self._headers = headers
        self._encoding: Encoding | None = None
        self._scope: anyio.CancelScope | None = None
        self.sending_since: int = 0
        self.is_shed: bool = False

    @property
    @abstractmethod
    def ended(self) -> bool:
        """Whether there is nothing to send, and never will be."""

    @property
    @abstractmethod
    def lines(self) -> Sequence[Line]:
        """What it follows."""

    @abstractmethod
    async def send_all(self, send: Send) -> None:
        """Send what there is and what comes, to the end."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if self.ended:
            await _answer_empty(send, 204)
            return
        remember_transport(scope, send)
        self._encoding = negotiated(header(scope, b"accept-encoding"))
        try:
            if await watched(receive, partial(self._respond, scope, send)):
                last = b"" if self._encoding is None else self._encoding.end()
                with anyio.move_on_after(self._broadcast.send_s):
                    await send({"type": "http.response.body", "body": last, "more_body": False})
        except OSError:  # of servers that raise it when the client has left
            pass
        if self.is_shed:
            abort(scope)
            await checkpoint()  # so that the server notices that the connection was lost

    def shed(self) -> None:
        """Cut the connection, as the client does not read, or has lost its rights."""
        self.is_shed = True
        if self._scope is not None:
            self._scope.cancel()

    async def send_part(self, send: Send, body: bytes) -> None:
        """Send a part of the response, which the client can read at once."""
        if self._encoding is not None:
            body = self._encoding.add(body)
        self.sending_since = self._broadcast.tick
        await send({"type": "http.response.body", "body": body, "more_body": True})
        self.sending_since = 0

    async def _respond(self, scope: Scope, send: Send, cancel_scope: anyio.CancelScope) -> None:
        self._scope = cancel_scope
        self._broadcast.join(self, self.lines)
        try:
            self.sending_since = self._broadcast.tick
            await send({"type": "http.response.start", "status": 200, "headers": self._response_headers()})
            self.sending_since = 0
            if scope["method"] != "HEAD":
                await self.send_all(send)
        finally:
            self._broadcast.part(self, self.lines)

    def _response_headers(self) -> list[tuple[bytes, bytes]]:
        headers = [(b"content-type", self._media_type.encode()), *_HEADERS]
        if self._encoding is not None:
            headers.append((b"content-encoding", self._encoding.name.encode()))
        for name, value in (self._headers or {}).items():
            headers.append((name.lower().encode("latin-1"), value.encode("latin-1")))
        return headers


async def _answer_empty(send: Send, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"cache-control", b"no-store")]})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
