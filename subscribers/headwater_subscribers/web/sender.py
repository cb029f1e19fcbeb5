"""What the subscribers for web clients share: a function that sends, and which events are sent."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from inspect import isawaitable
from typing import Any

from anyio import move_on_after

from headwater import EventType, StreamEvent, StreamSubscriber
from headwater.toolkit import Policy, event_filter
from headwater_subscribers.web.plain_form import NOTED, PlainForm

__all__ = ["Close", "Send", "Sender"]

Send = Callable[[Any], Awaitable[object] | None]
Close = Callable[[], Awaitable[object] | None]
_Encode = Callable[[PlainForm, StreamEvent], bytes]


class Sender(StreamSubscriber):
    """Give encoded events to a plain or async function, and close what it writes to at the end."""

    def __init__(
        self,
        send: Send,
        *,
        close: Close | None,
        types: Collection[str] | None,
        steps: Collection[str] | None,
        policy: Policy,
        send_deadline_s: float,
        is_plain: bool,
    ) -> None:
        if not callable(send):
            raise TypeError(f"expected a function that sends, found {type(send).__name__}")
        wanted = event_filter(types, steps)
        self._types = None if wanted is None or wanted[0] is None else wanted[0] | {EventType.STREAM_GAP}
        self.types: Collection[str] | None = self._types if self._types is None or not is_plain else self._types | NOTED
        self.steps: Collection[str] | None = steps
        self.policy: Policy = policy
        self.send_deadline_s: float = send_deadline_s
        self._send = send
        self._close = close
        self._forms: dict[str, PlainForm] = {}  # by execution, as one subscriber may serve several

    async def send(self, message: Any) -> None:
        """Send a message."""
        pending = self._send(message)
        if isawaitable(pending):
            await pending

    def encoded(self, events: Sequence[StreamEvent], encode: _Encode) -> Iterator[bytes]:
        """Yield the plain form of events, and note what it needs of those that are not sent."""
        for event in events:
            form = self._forms.setdefault(event.execution_id, PlainForm())
            if self._types is None or event.event_type in self._types:
                yield encode(form, event)
            else:
                form.note(event)
            if event.event_type.terminal:
                del self._forms[event.execution_id]

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Close what is written to when no more will be sent."""
        try:
            yield
        finally:
            pending = None if self._close is None else self._close()
            if isawaitable(pending):
                with move_on_after(self.send_deadline_s, shield=True):
                    await pending
