"""What the WebSockets for events share: admission, limits, deadlines and close codes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import anyio
from anyio.lowlevel import checkpoint
from starlette.websockets import WebSocket, WebSocketDisconnect

from headwater.toolkit import notice
from headwater_server.refusals import Refusal, problem_response
from headwater_server.streaming.asgi import Receive, Scope, Send, abort, remember_transport
from headwater_server.streaming.merge import Merge

if TYPE_CHECKING:
    from headwater_server.access.principal import Principal
    from headwater_server.service import Service

__all__ = ["Conversation", "SocketEndpoint"]

DONE: Final = 1000
GOING_AWAY: Final = 1001
POLICY: Final = 1008
TOO_BIG: Final = 1009
FAILED: Final = 1011
_MINUTE_S: Final = 60
_LEFT: Final = (RuntimeError, OSError, WebSocketDisconnect)
"""What is raised when the client has left: by Starlette when it is known, and by servers."""


class Conversation(ABC):
    """One WebSocket that sends the events of executions; what the client says is read meanwhile."""

    def __init__(self, service: Service, socket: WebSocket, principal: Principal) -> None:
        self.service: Service = service
        self.socket: WebSocket = socket
        self.principal: Principal = principal
        self.merge: Merge = Merge(service.broadcast)
        self.sending_since: int = 0
        self.is_shed: bool = False
        self._scope: anyio.CancelScope | None = None
        self._sending = anyio.Lock()
        self._end: tuple[int, str] = (DONE, "")
        self._window = (0.0, 0)  # when the minute began, and how many messages it had

    @abstractmethod
    def begin(self) -> None:
        """Follow what is to be sent from the beginning."""

    @abstractmethod
    async def on_message(self, text: str) -> None:
        """Do what the client says."""

    @abstractmethod
    async def on_end(self, key: str) -> None:
        """Note that a client has all events of an execution."""

    @property
    @abstractmethod
    def is_over(self) -> bool:
        """Whether nothing more is to be sent."""

    async def run(self) -> None:
        """Talk until one side ends it, and close the connection."""
        broadcast = self.service.broadcast
        broadcast.on_stop.add(self._stop)
        try:
            self.begin()
            with self.service.watch.following(self.principal, self._end_rights):
                async with anyio.create_task_group() as group:
                    self._scope = group.cancel_scope
                    group.start_soon(self._read)
                    broadcast.join(self)
                    try:
                        await self._write()
                    finally:
                        broadcast.part(self)
                    group.cancel_scope.cancel()
        except* _LEFT[1:]:  # of servers that raise it when the client has left
            pass
        finally:
            broadcast.on_stop.discard(self._stop)
            self.merge.clear()
        if self.is_shed:
            abort(self.socket.scope)
            await checkpoint()  # so that the server notices that the connection was lost
            return
        code, reason = self._end
        with anyio.move_on_after(broadcast.send_s), suppress(*_LEFT):
            await self.socket.close(code, reason)

    async def send(self, text: str) -> None:
        """Send a message; one at a time."""
        async with self._sending:
            self.sending_since = self.service.broadcast.tick
            await self.socket.send({"type": "websocket.send", "text": text})
            self.sending_since = 0

    def finish(self, code: int, reason: str) -> None:
        """End the conversation."""
        self._end = code, reason
        if self._scope is not None:
            self._scope.cancel()

    def shed(self) -> None:
        """Cut the connection of a client that does not read."""
        self.is_shed = True
        if self._scope is not None:
            self._scope.cancel()

    def _stop(self) -> None:
        self._end = GOING_AWAY, "the server stops"
        self.merge.wake()

    def _end_rights(self) -> None:
        self.finish(POLICY, "the key or token has expired or was revoked")

    async def _write(self) -> None:
        while not self.is_over:
            if not await self._send_round():
                if self.service.broadcast.stopping or self.is_over:
                    return
                await self.merge.wait()

    async def _send_round(self) -> bool:
        """Send a portion of each execution; return whether there may be more."""
        more = False
        for key, followed in self.merge:
            messages, seq = followed.line.blocks.messages_after(followed.seq)
            for number, message in messages:
                if key not in self.merge:
                    break
                await self.send(message)
                followed.seq = number
            moved = bool(messages) or seq != followed.seq
            more = more or moved
            followed.seq = seq
            if followed.ended and key in self.merge:
                self.merge.remove(key)
                await self.on_end(key)
            if moved:
                await checkpoint()  # a server's `send` need not be one
        return more

    async def _read(self) -> None:
        """Read what the client says, within the limits."""
        limits = self.service.limits
        while True:
            message = await self.socket.receive()
            if message["type"] == "websocket.disconnect":
                self.finish(DONE, "")
                return
            text: str | None = message.get("text")
            if text is None:
                self.finish(POLICY, "only text messages are expected")
            elif len(text.encode()) > limits.message_bytes:
                self.finish(TOO_BIG, f"a message is longer than {limits.message_bytes} bytes")
            elif self._is_one_too_many(limits.messages_per_minute):
                self.finish(POLICY, f"more than {limits.messages_per_minute} messages in a minute")
            else:
                await self.on_message(text)
            await checkpoint()

    def _is_one_too_many(self, most: int) -> bool:
        begun_s, count = self._window
        now_s = anyio.current_time()
        if now_s - begun_s >= _MINUTE_S:
            begun_s, count = now_s, 0
        self._window = begun_s, count + 1
        return count >= most


Begin = Callable[["Service", WebSocket, "Principal"], Conversation]
"""Returns a conversation, or raises why there is none; the WebSocket has not been accepted yet."""


class SocketEndpoint:
    """An ASGI endpoint for WebSockets; a refusal before a connection is accepted is an HTTP answer."""

    def __init__(self, service: Service, begin: Begin) -> None:
        self._service = service
        self._begin = begin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        remember_transport(scope, send)
        service, socket = self._service, WebSocket(scope, receive, send)
        accepted = False
        try:
            service.check_running()
            async with service.gate.admit(scope) as principal:
                with service.streams.take(principal.name):
                    conversation = self._begin(service, socket, principal)
                    await socket.accept()
                    accepted = True
                    await conversation.run()
        except _LEFT[1:]:
            return
        except Exception as error:
            if accepted:
                notice("websocket_failed", path=scope["path"], error=f"{type(error).__name__}: {error}")
                with suppress(*_LEFT):
                    await socket.close(FAILED, "the server failed; its log says why")
            elif isinstance(error, Refusal):
                await socket.send_denial_response(problem_response(error))
            else:
                raise
