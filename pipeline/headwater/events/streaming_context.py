"""The streaming context: where the events of an execution are emitted and delivered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Collection, Iterator, Mapping, Sequence
from time import monotonic
from types import TracebackType
from typing import Any, Self, TypeVar

from anyio.lowlevel import checkpoint

from headwater.errors import FIRST_ATTEMPT
from headwater.events.data import EventData, PipelineCancelled, PipelineComplete, PipelineFailure
from headwater.events.delivery import Delivery
from headwater.events.event import EventType, StreamEvent
from headwater.events.log import Emit, EmitRows, EventLog, EventReader
from headwater.events.subscriber import (
    EventFunction,
    Policy,
    StreamSubscriber,
    Wanted,
    checked_subscriber,
    event_filter,
)
from headwater.events.subscription import LostSubscriber, Subscription, Terms

__all__ = ["EventView", "StreamingContext"]


ValueT = TypeVar("ValueT")


class StreamingContext:
    """The events of one execution: emit them here, subscribe to them here.

    As an asynchronous context manager it feeds the subscribers. When it is left, all of them have received everything
    up to the terminal event, or are detached; if no terminal event was emitted by then, it emits the one that fits.

    Args:
        execution_id: The execution.
        enabled: Whether events are emitted at all; if not, only the terminal one is.
        buffer_size: By how many events a subscriber may lag when it does not say so itself.
        history: How many events are kept for readers that come late.

    Attributes:
        emit: Emits an event, as `Emit` describes: it never waits, and must be called in the thread of the event loop.
            When it returns True, a subscriber lags, and the caller should `await context.drain()` as soon as it can.
        emit_rows: Emits several events of the engine at once, as `EventLog.append_rows` does.
        log: The events so far.
        lost: The subscribers that were detached before the last event.

    Example:
        >>> import anyio
        >>> async def main() -> None:
        ...     async with StreamingContext("e1") as context:
        ...         context.subscribe(lambda event: print(event.seq, event.event_type), types={"step_start"})
        ...         context.emit(EventType.STEP_START, "count")
        >>> anyio.run(main)
        1 step_start
    """

    __slots__ = ("_buffer_size", "_delivery", "_left", "_longest_lag", "_started_s", "emit", "emit_rows", "log", "lost")

    def __init__(
        self, execution_id: str, *, enabled: bool = True, buffer_size: int = 1000, history: int = 100_000
    ) -> None:
        self.log: EventLog = EventLog(execution_id, history=history)
        # The log's own function: one more call for every event would cost a quarter of the whole.
        self.emit: Emit = self.log.append if enabled else self._emit_terminal
        self.emit_rows: EmitRows = self.log.append_rows if enabled else _emit_nothing
        self._delivery = Delivery(self.log)
        self.lost: list[LostSubscriber] = self._delivery.lost
        self._buffer_size = buffer_size
        self._longest_lag = max(history // 2, 1)  # or what it has not received yet might not be kept
        self._left = False
        self._started_s = monotonic()

    async def __aenter__(self) -> Self:
        await self._delivery.__aenter__()
        return self

    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.leave(error_type, error, traceback)
        await self._delivery.__aexit__(error_type, error, traceback)

    def leave(
        self, _error_type: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        """Emit the terminal event if it is missing: enough where nothing was entered, as there are no subscribers."""
        self._left = True
        if not self.log.closed:
            self._end(error)

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
        """Deliver events to a subscriber, from now on until the terminal event.

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
            The subscription, to be given to `unsubscribe`.

        Raises:
            ValueError: An argument is out of its range.
            RuntimeError: The context was left, so nothing can be delivered any more.
        """
        if self._left:
            raise RuntimeError("the streaming context was left: read the events that it holds with events()")
        checked_subscriber(subscriber)
        receiver = subscriber if isinstance(subscriber, StreamSubscriber) else _Function(subscriber)
        terms = Terms(
            types=_first(types, receiver.types),
            steps=_first(steps, receiver.steps),
            from_seq=from_seq,
            policy=_first(policy, receiver.policy),
            buffer_size=min(_first(buffer_size, _first(receiver.buffer_size, self._buffer_size)), self._longest_lag),
            send_deadline_s=_first(send_deadline_s, receiver.send_deadline_s),
        )
        subscription = Subscription(self.log, self._delivery.pressure, receiver, subscriber, terms)
        self._delivery.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Deliver nothing more to a subscriber; a call that waits is cancelled.

        Args:
            subscription: What `subscribe` returned; nothing happens when it has already ended.
        """
        subscription.detach()
        self._delivery.remove(subscription)

    def events(
        self, types: Collection[str] | None = None, steps: Collection[str] | None = None, from_seq: int = 1
    ) -> AsyncIterator[StreamEvent]:
        """Return an independent view of the events, to be iterated in the reader's own task.

        The execution never waits for it: a view that falls behind by more than the history gets a `stream_gap` event.
        It may be left at any time, and read long after the context itself was left.

        Args:
            types: Types of the events to yield; None for all.
            steps: Ids of the steps whose events to yield; None for all.
            from_seq: Number of the first event to yield; beyond the end, the terminal event is.

        Returns:
            An iterator that ends after the terminal event.

        Raises:
            ValueError: A type is not known, or `from_seq` is less than 1.
        """
        return EventView(EventReader(self.log, from_seq=from_seq), event_filter(types, steps))

    @property
    def lags(self) -> bool:
        """Whether a subscriber lags by more than half of its buffer."""
        return bool(self._delivery.subscriptions) and self._delivery.pressure.lags()

    async def drain(self) -> None:
        """Wait until no subscriber lags by more than half of its buffer; a cancellation point in any case."""
        if not self._delivery.entered:  # nothing is delivered yet, so waiting would never end
            await checkpoint()
            self.log.attend()
        else:
            await self._delivery.pressure.drain()

    def _emit_terminal(
        self,
        event_type: EventType,
        step_id: str | None = None,
        data: EventData | None = None,
        attempt: int = FIRST_ATTEMPT,
        *,
        metadata: Mapping[str, Any] | None = None,
    ) -> bool:
        if getattr(event_type, "terminal", True):  # the log refuses what is not a type
            return self.log.append(event_type, step_id, data, attempt=attempt, metadata=metadata)
        return False

    def _end(self, error: BaseException | None) -> None:
        """Emit the terminal event, as the execution did not."""
        duration_s = monotonic() - self._started_s
        if error is None:
            self.log.append(EventType.PIPELINE_COMPLETE, None, PipelineComplete(duration_s))
        elif isinstance(error, Exception):
            failure = PipelineFailure(duration_s, type(error).__name__, str(error))
            self.log.append(EventType.PIPELINE_ERROR, None, failure)
        else:
            self.log.append(EventType.PIPELINE_CANCELLED, None, PipelineCancelled(duration_s, type(error).__name__))


class _Function(StreamSubscriber):
    """A function as a subscriber."""

    def __init__(self, function: EventFunction) -> None:
        self._function = function

    def on_event(self, event: StreamEvent) -> Awaitable[None] | None:
        return self._function(event)


class EventView:
    """The events of a reader's batches, one by one."""

    __slots__ = ("_reader", "_waiting", "_wanted")

    def __init__(self, reader: EventReader, wanted: Wanted | None) -> None:
        self._reader = reader
        self._wanted = wanted
        self._waiting: Iterator[StreamEvent] = iter(())

    def __aiter__(self) -> EventView:
        return self

    async def __anext__(self) -> StreamEvent:
        while (event := next(self._waiting, None)) is None:
            batch = await anext(self._reader)
            self._waiting = iter(batch if self._wanted is None else batch.select(*self._wanted))
        return event


def _emit_nothing(_rows: Sequence[Any], _count: int) -> bool:
    return False


def _first(value: ValueT | None, default: ValueT) -> ValueT:
    return default if value is None else value
