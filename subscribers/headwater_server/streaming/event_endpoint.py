"""Events of one execution as a response: server-sent events or lines, at the pace of the client."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from anyio.lowlevel import checkpoint

from headwater.toolkit import EventLog
from headwater_server.streaming.asgi import Send
from headwater_server.streaming.broadcast import Broadcast, Line
from headwater_server.streaming.client_stream import ClientStream
from headwater_server.streaming.event_blocks import Wanted
from headwater_server.streaming.event_forms import SSE, Form

__all__ = ["EventStream"]


class EventStream(ClientStream):
    """An ASGI endpoint that sends the events of a log to one client; it ends after the terminal event.

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

    __slots__ = ("_follow", "_line", "_seq")

    sending_since: int  # of the base class, set here without a call, as this happens for each event

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
        super().__init__(broadcast, form.media_type, headers)
        self._line = broadcast.line(log, form, wanted, present)
        self._seq = min(after, log.last_seq)
        self._follow = follow

    @property
    def ended(self) -> bool:
        """Whether there is nothing to send, and never will be."""
        return self._line.blocks.ended(self._seq)

    @property
    def lines(self) -> Sequence[Line]:
        """What it follows."""
        return (self._line,)

    async def send_all(self, send: Send) -> None:
        """Send what there is and what comes, to the terminal event."""
        broadcast, line, seq = self._broadcast, self._line, self._seq
        blocks, log, pings = line.blocks, line.blocks.log, line.pings
        pack = None if self._encoding is None else self._encoding.pack
        if line.form.opening:
            await self.send_part(send, line.form.opening)
        while True:
            body, seq = blocks.after(seq, pack)
            if body:
                if self._encoding is not None and pack is None:
                    body = self._encoding.add(body)
                self.sending_since = broadcast.tick
                await send({"type": "http.response.body", "body": body, "more_body": True})
                self.sending_since = 0
                if seq < log.last_seq:
                    await checkpoint()  # a server's `send` need not be one
            elif log.closed or not self._follow or broadcast.stopping:
                return
            else:
                await line.wait()
                if pings != line.pings:
                    pings = line.pings
                    if line.form.ping:
                        await self.send_part(send, line.form.ping)
