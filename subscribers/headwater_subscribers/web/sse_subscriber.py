"""A subscriber that sends events to one client as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager

import anyio

from headwater import StreamEvent
from headwater.toolkit import Policy
from headwater_subscribers.web.plain_form import PlainForm
from headwater_subscribers.web.sender import Sender
from headwater_subscribers.web.sse import PING, sse_event, sse_retry

__all__ = ["SSESubscriber"]


class SSESubscriber(Sender):
    r"""Send the events of an execution to one client as server-sent events (`text/event-stream`).

    It works with any server: give it a function that takes bytes, such as `response.write` of aiohttp. The data of each
    event is its JSON, and its id is the number of the event, with which a client continues (`Last-Event-ID`).

    The execution does not wait for the client. When the client lags by more than the buffer, it misses events, and a
    `stream_gap` says how many.

    Args:
        send: Called with the bytes to send; a plain or an async function.
        close: Called when no more will be sent; a plain or an async function.
        named_events: Whether events have their type as their name, with simple data: `progress`, `output`,
            `duration_ms` and `step_id` are in it. For `source.addEventListener("step_complete", ...)`; otherwise every
            event arrives at `source.onmessage`.
        types: Types of the events that are sent; None for all.
        steps: Ids of the steps whose events are sent; None for all.
        ping_s: After how much silence a comment is sent, which keeps proxies from closing the connection; None for
            never.
        retry_ms: How long a client that lost the connection waits before it connects again.
        policy: What happens when the client lags.
        send_deadline_s: How long a call of `send` may take before the client is considered gone.

    Example:
        >>> from headwater import Pipeline, run_sync, step
        >>> @step("example.lower")
        ... def lower(text: str) -> str:
        ...     return text.lower()
        >>> sent: list[bytes] = []
        >>> subscriber = SSESubscriber(sent.append, named_events=True, types={"step_complete"})
        >>> _ = run_sync(Pipeline("lower", steps={"lower": lower}), "A", subscribers=[subscriber])
        >>> sent[0], sent[1][:27]
        (b'retry: 2000\n', b'id: 4\nevent: step_complete\n')
    """

    def __init__(
        self,
        send: Callable[[bytes], Awaitable[object] | None],
        *,
        close: Callable[[], Awaitable[object] | None] | None = None,
        named_events: bool = False,
        types: Collection[str] | None = None,
        steps: Collection[str] | None = None,
        ping_s: float | None = 15.0,
        retry_ms: int = 2000,
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
            is_plain=named_events,
        )
        if ping_s is not None and not ping_s > 0:
            raise ValueError(f"ping_s is {ping_s}, but it must be more than 0, or None for never")
        self._named = named_events
        self._ping_s = ping_s
        self._retry_ms = retry_ms
        self._sending = anyio.Lock()
        self._is_fresh = False

    async def on_events(self, batch: Sequence[StreamEvent]) -> None:
        """Send events by one call."""
        if self._named:
            chunk = b"".join(self.encoded(batch, PlainForm.sse))
        else:
            chunk = b"".join([sse_event(event.to_json(), event.seq) for event in batch])
        if chunk:
            await self._send_chunk(chunk)

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Say when to connect again, and send comments while there are no events."""
        async with super().lifespan(), anyio.create_task_group() as tasks:
            await self._send_chunk(sse_retry(self._retry_ms))
            if self._ping_s is not None:
                tasks.start_soon(self._ping, self._ping_s)
            yield
            tasks.cancel_scope.cancel()

    async def _ping(self, ping_s: float) -> None:
        while True:
            self._is_fresh = False
            await anyio.sleep(ping_s)
            if not self._is_fresh:
                await self._send_chunk(PING)

    async def _send_chunk(self, chunk: bytes) -> None:
        """Send bytes when what was sent before is through: few functions may be called twice at a time."""
        self._is_fresh = True
        async with self._sending:
            await self.send(chunk)
