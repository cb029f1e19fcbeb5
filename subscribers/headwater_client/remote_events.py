"""The events of an execution on a server, copied into a log here."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from headwater import EventType, StreamEvent
from headwater_client.client_errors import Cut
from headwater_client.connection import Chunks

if TYPE_CHECKING:
    import httpx2

    from headwater import StreamingContext
    from headwater_client.attempts import Attempts
    from headwater_client.connection import Connection

__all__ = ["copy_events"]

_LARGEST_BYTES: Final = 64 * 1024 * 1024
_NO_CONTENT: Final = 204


async def copy_events(connection: Connection, context: StreamingContext) -> None:
    """Copy events into a context up to the terminal one, through any number of connections."""
    copy = _Copy(context, connection.attempts())
    path = f"/executions/{context.execution_id}/events"
    while not context.log.closed:
        headers = {"accept": "text/event-stream", "last-event-id": str(copy.last_seq)}
        try:
            async with connection.stream(
                path, params={}, headers=headers, execution_id=context.execution_id, is_patient=False
            ) as response:
                if response.status_code == _NO_CONTENT:
                    raise Cut("the server has no more events, but the terminal one did not arrive")
                await copy.read(response)
            if not context.log.closed:
                raise Cut("the events ended before the terminal one")
        except Cut as cut:
            await copy.attempts.wait(cut)


class _Copy:
    """The copy of one log."""

    def __init__(self, context: StreamingContext, attempts: Attempts) -> None:
        self.attempts = attempts
        self.last_seq = context.log.last_seq
        self._context = context

    async def read(self, response: httpx2.Response) -> None:
        """Take the events of one connection."""
        begun = b""
        async with aclosing(Chunks(response)) as chunks:
            async for chunk in chunks:
                *lines, begun = (begun + chunk).split(b"\n")
                for line in lines:
                    if line.startswith(b"data:"):  # each event is one line; its id is its seq
                        await self._take(StreamEvent.from_json(line[5:]))
                if len(begun) > _LARGEST_BYTES:
                    raise Cut(f"an event is longer than {_LARGEST_BYTES:,} bytes")

    async def _take(self, event: StreamEvent) -> None:
        log = self._context.log
        if event.seq <= self.last_seq:
            return
        self.attempts.succeeded()
        if event.event_type is EventType.STREAM_GAP and event.seq == event.data.last_seq:
            self.last_seq = event.seq  # the next event comes after what the server no longer keeps
            return
        if event.seq != self.last_seq + 1:
            raise Cut(f"event {event.seq} came after event {self.last_seq}")
        if event.seq > log.last_seq + 1:
            log.skip(event.seq - 1)
        self.last_seq = event.seq
        if event.event_type.terminal:
            log.reserves_end = False
        if emitted := self._context.emit(event):
            await emitted
