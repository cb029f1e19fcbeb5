"""What a program sees of an execution from outside: its events, in views and by subscribers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headwater.events.log import EventReader
from headwater.events.streaming_context import EventView
from headwater.events.subscriber import event_filter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection
    from contextlib import AbstractContextManager

    from headwater.events.chunk import EventBatch
    from headwater.events.event import StreamEvent
    from headwater.events.log import EventLog
    from headwater.events.streaming_context import Done, StreamingContext
    from headwater.events.subscriber import EventFunction, Policy, StreamSubscriber
    from headwater.events.subscription import Subscription

__all__ = ["Observable"]


class Observable:
    """The events of an execution; each wait of a view for an event is inside what `awaiting` returns."""

    def __init__(self, context: StreamingContext, awaiting: Callable[[], AbstractContextManager[None]]) -> None:
        self._context = context
        self._awaiting = awaiting

    @property
    def log(self) -> EventLog:
        """The log of its events, for readers with cursors of their own."""
        return self._context.log

    def events(
        self, types: Collection[str] | None = None, steps: Collection[str] | None = None, from_seq: int = 1
    ) -> AsyncIterator[StreamEvent]:
        """Return an independent view of the events: those that happened, then those to come, to the last one.

        While a view waits for an event, outputs that the program does not read are collected, as by `result`.

        Args:
            types: Types of the events to yield; None for all.
            steps: Ids of the steps whose events to yield; None for all.
            from_seq: Number of the first event to yield; beyond the end, the terminal event is.

        Returns:
            An iterator that ends after the terminal event; any number of them may be used at a time. It raises
            `RuntimeError` when the execution was not started.

        Raises:
            ValueError: A type is not known, or `from_seq` is less than 1.
        """
        return EventView(_Followed(self._context.log, from_seq, self._awaiting), event_filter(types, steps))

    def subscribe(
        self,
        subscriber: StreamSubscriber | EventFunction,
        *,
        types: Collection[str] | None = None,
        steps: Collection[str] | None = None,
        from_seq: int = 1,
        policy: Policy | None = None,
        buffer_size: int | None = None,
        send_deadline_s: float | None = None,
    ) -> Subscription:
        """Deliver events to one more subscriber: before the execution starts, while it runs, or after its end.

        The block of the execution is left when the subscriber has received the last event. After that, a plain
        subscriber receives what the log holds in this call; `await execution.subscribe(...)` delivers to any.

        Args:
            subscriber: A subscriber, or a function that receives one event at a time.
            types: Types of the events it receives; here and below, None leaves it to the subscriber.
            steps: Ids of the steps whose events it receives.
            from_seq: Number of the first event to deliver, which may be long past; beyond the end, the terminal event
                is delivered.
            policy: What happens when it lags.
            buffer_size: By how many events it may lag.
            send_deadline_s: How long an async call of it may take.

        Returns:
            The subscription, to be given to `unsubscribe`. It may be awaited, which returns it.

        Raises:
            ValueError: An argument is out of its range.
        """
        return self._context.subscribe(
            subscriber,
            types=types,
            steps=steps,
            from_seq=from_seq,
            policy=policy,
            buffer_size=buffer_size,
            send_deadline_s=send_deadline_s,
        )

    def unsubscribe(self, subscription: Subscription | StreamSubscriber | EventFunction) -> Done:
        """Deliver nothing more to a subscriber, as `StreamingContext.unsubscribe` does.

        Args:
            subscription: What `subscribe` returned, or the subscriber or function that was given to it.

        Returns:
            What may be awaited, but has already happened.
        """
        return self._context.unsubscribe(subscription)


class _Followed(EventReader):
    """The events of an execution; `waiting` is entered for each wait."""

    __slots__ = ("_waiting",)

    def __init__(self, log: EventLog, from_seq: int, waiting: Callable[[], AbstractContextManager[None]]) -> None:
        super().__init__(log, from_seq=from_seq)
        self._waiting = waiting

    async def __anext__(self) -> EventBatch:
        if self.cursor >= self._log.last_seq and not self._log.closed:
            with self._waiting():
                return await super().__anext__()
        return await super().__anext__()
