"""A subscriber that sends events to one client as messages of a WebSocket."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence

from headwater import StreamEvent
from headwater.toolkit import Policy
from headwater_subscribers.web.plain_form import PlainForm
from headwater_subscribers.web.sender import Sender

__all__ = ["WebSocketSubscriber"]


class WebSocketSubscriber(Sender):
    """Send the events of an execution to one client, one JSON message each.

    A message has `event_type`, `execution_id`, `step_id`, `timestamp`, `seq` and `data`. The data is simple: `progress`
    from 0 to 1 in `step_progress`, `output` and `duration_ms` in `step_complete`. It works with any server: give it a
    function that takes a string, such as `websocket.send_text` of Starlette and FastAPI.

    The execution does not wait for the client. When the client lags by more than the buffer, it misses events, and a
    `stream_gap` says how many.

    Args:
        send: Called with each message; a plain or an async function.
        close: Called when no more will be sent; a plain or an async function.
        types: Types of the events that are sent; None for all.
        steps: Ids of the steps whose events are sent; None for all.
        policy: What happens when the client lags.
        send_deadline_s: How long the calls of `send` for a batch may take before the client is considered gone.

    Example:
        >>> from headwater import Pipeline, run_sync, step
        >>> @step("example.upper")
        ... def upper(text: str) -> str:
        ...     return text.upper()
        >>> sent: list[str] = []
        >>> subscriber = WebSocketSubscriber(sent.append, types={"step_complete"})
        >>> _ = run_sync(Pipeline("upper", steps={"upper": upper}), "a", subscribers=[subscriber])
        >>> import json
        >>> json.loads(sent[0])["data"]["output"]
        'A'
    """

    def __init__(
        self,
        send: Callable[[str], Awaitable[object] | None],
        *,
        close: Callable[[], Awaitable[object] | None] | None = None,
        types: Collection[str] | None = None,
        steps: Collection[str] | None = None,
        policy: Policy = "drop_oldest",
        send_deadline_s: float = 5.0,
    ) -> None:
        super().__init__(
            send,
            close=close,
            types=types,
            steps=steps,
            policy=policy,
            send_deadline_s=send_deadline_s,
            is_plain=True,
        )

    async def on_events(self, batch: Sequence[StreamEvent]) -> None:
        """Send events, one after the other."""
        for message in self.encoded(batch, PlainForm.message):
            await self.send(message.decode())
