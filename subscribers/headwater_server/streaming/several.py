"""Events of several executions in one response: browsers open six connections per origin."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from anyio.lowlevel import checkpoint

from headwater.toolkit import EventLog
from headwater_server.refusals import Refusal
from headwater_server.streaming.asgi import Send
from headwater_server.streaming.broadcast import Broadcast, Line
from headwater_server.streaming.client_stream import ClientStream
from headwater_server.streaming.event_blocks import Wanted
from headwater_server.streaming.event_forms import JSON_LINES, SSE
from headwater_server.streaming.merge import Merge

__all__ = ["SeveralEventStreams", "Source", "cursor_in"]

_LONGEST_NUMBER = 18


@dataclass(frozen=True, slots=True)
class Source:
    """An execution, and the number of the last event of it that the client has."""

    id: str
    log: EventLog
    after: int = 0
    present: Callable[[], object] | None = None


class SeveralEventStreams(ClientStream):
    """Server-sent events of several executions, whose id is the cursor: how far the client is in each, as `a:12,b:7`.

    Args:
        broadcast: What all clients share.
        sources: The executions.
        wanted: Which events the client wants; None for all.
        headers: More headers of the response.
    """

    __slots__ = ("_merge", "_seqs", "_sources")

    def __init__(
        self,
        broadcast: Broadcast,
        sources: Sequence[Source],
        *,
        wanted: Wanted | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(broadcast, SSE.media_type, headers)
        self._merge = Merge(broadcast)
        self._sources = [(one, broadcast.line(one.log, JSON_LINES, wanted, one.present)) for one in sources]
        self._seqs = {one.id: min(one.after, one.log.last_seq) for one in sources}

    @property
    def ended(self) -> bool:
        """Whether there is nothing to send, and never will be."""
        return all(line.blocks.ended(self._seqs[one.id]) for one, line in self._sources)

    @property
    def lines(self) -> Sequence[Line]:
        """What it follows apart from its own list of lines."""
        return ()

    async def send_all(self, send: Send) -> None:
        """Send what there is and what comes, to the last terminal event."""
        merge = self._merge
        try:
            for one, line in self._sources:
                merge.add(one.id, line, one.after)
            await self.send_part(send, SSE.opening)
            while len(merge) and not self._broadcast.stopping:
                pings = merge.pings
                if not await self._send_round(send):
                    await merge.wait()
                    if pings != merge.pings:
                        await self.send_part(send, SSE.ping)
        finally:
            merge.clear()

    async def _send_round(self, send: Send) -> bool:
        """Send a portion of each execution; return whether there may be more."""
        more = False
        for key, followed in self._merge:
            messages, seq = followed.line.blocks.messages_after(followed.seq)
            if messages:
                await self.send_part(send, "".join([self._event(key, *message) for message in messages]).encode())
                await checkpoint()
            more = more or seq != followed.seq
            followed.seq = seq
            if followed.ended:
                self._merge.remove(key)
        return more

    def _event(self, key: str, seq: int, line: str) -> str:
        self._seqs[key] = seq
        cursor = ",".join([f"{name}:{number}" for name, number in self._seqs.items()])
        return f"id: {cursor}\ndata: {line}\n"


def cursor_in(text: str | None) -> dict[str, int]:
    """Return how far a client is in each execution, from a cursor such as `a:12,b:7`."""
    cursor: dict[str, int] = {}
    for part in (text or "").split(","):
        name, colon, number = part.strip().rpartition(":")
        if not part.strip():
            continue
        if not colon or not number.isascii() or not number.isdigit() or len(number) > _LONGEST_NUMBER:
            raise Refusal(400, "bad-query", f"the cursor {text!r:.80} is not of the form EXECUTION:NUMBER,...")
        cursor[name] = int(number)
    return cursor
