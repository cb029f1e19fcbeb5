"""`/ws/pipeline/{id}`: the events of one execution as plain messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.websockets import WebSocket

from headwater_server.refusals import Refusal
from headwater_server.streaming.conversation import Conversation
from headwater_server.streaming.plain_paths import PLAIN_MESSAGES

if TYPE_CHECKING:
    from headwater_server.access.principal import Principal
    from headwater_server.service import Service

__all__ = ["PlainSocket"]


class PlainSocket(Conversation):
    """Sends the events of one execution, and is closed after its terminal event."""

    def __init__(self, service: Service, socket: WebSocket, principal: Principal) -> None:
        super().__init__(service, socket, principal)
        held = service.executions.of(principal, socket.path_params["id"])
        after = socket.query_params.get("after", "0")
        if not after.isascii() or not after.isdigit() or len(after) > 18:
            raise Refusal(400, "bad-query", f"after is {after!r:.80}, but a number is expected")
        self._held = held
        self._after = int(after)

    def begin(self) -> None:
        """Follow the execution."""
        line = self.service.broadcast.line(self._held.log, PLAIN_MESSAGES, None, self._held.steps)
        self.merge.add(self._held.id, line, self._after)

    @property
    def is_over(self) -> bool:
        """Whether the terminal event was sent."""
        return not len(self.merge)

    async def on_message(self, text: str) -> None:
        """Ignore what the client says: there is nothing to say."""

    async def on_end(self, key: str) -> None:
        """Leave the rest to the end of the conversation."""
