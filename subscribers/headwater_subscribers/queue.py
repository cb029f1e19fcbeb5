"""A subscriber that hands events to another task."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager

import anyio

from headwater import StreamBrokenError, StreamEvent, StreamSubscriber
from headwater.toolkit import Policy

__all__ = ["QueueSubscriber"]


class QueueSubscriber(StreamSubscriber):
    """Give the events of one execution to a reader that iterates over it in any task, up to the terminal event.

    It holds at most `buffer_size` events. When they are not read, the policy decides: with `wait`, the execution waits
    for the reader, and detaches the queue when nothing is read for `send_deadline_s`.

    Args:
        types: Types of the events it receives; None for all.
        steps: Ids of the steps whose events it receives; None for all.
        policy: What happens when it lags.
        buffer_size: How many events it holds, and by how many it may lag behind them.
        send_deadline_s: How long it may be full before the reader is considered gone.

    Example:
        >>> from headwater import StreamingContext
        >>> async def main() -> None:
        ...     queue = QueueSubscriber()
        ...     async with StreamingContext("e1") as context:
        ...         context.subscribe(queue)
        ...     print([event.event_type.value async for event in queue])
        >>> anyio.run(main)
        ['pipeline_complete']
    """

    def __init__(
        self,
        *,
        types: Collection[str] | None = None,
        steps: Collection[str] | None = None,
        policy: Policy = "wait",
        buffer_size: int = 1000,
        send_deadline_s: float = 60.0,
    ) -> None:
        self.types = types
        self.steps = steps
        self.policy: Policy = policy
        self._capacity = buffer_size
        self.buffer_size: int | None = buffer_size
        self.send_deadline_s: float = send_deadline_s
        self._events: deque[StreamEvent] = deque()
        self._changed: anyio.Event | None = None
        self._subscribed = False
        self._ended = False
        self._broken = False

    def __aiter__(self) -> QueueSubscriber:
        return self

    async def __anext__(self) -> StreamEvent:
        while not self._events:
            if self._broken:
                raise StreamBrokenError("the queue was detached before the last event: its reader was too slow or gone")
            if self._ended:
                raise StopAsyncIteration
            await self._wait()
        event = self._events.popleft()
        self._change()
        return event

    async def on_events(self, batch: Sequence[StreamEvent]) -> None:
        """Hold events for the reader, as soon as they fit."""
        while self._events and len(self._events) + len(batch) > self._capacity:
            await self._wait()
        self._events.extend(batch)
        self._change()

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None, None]:
        """End the iteration of the reader when no more events will come."""
        if self._subscribed:
            raise RuntimeError("a QueueSubscriber serves one execution; create another one for the next")
        self._subscribed = True
        try:
            yield
        except BaseException:
            self._broken = True
            raise
        finally:
            self._ended = True
            self._change()

    async def _wait(self) -> None:
        if self._changed is None:
            self._changed = anyio.Event()
        await self._changed.wait()

    def _change(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None
