"""The streaming context: where the events of an execution are emitted and delivered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Collection, Generator, Iterator, Mapping, Sequence
from functools import partial
from time import monotonic
from types import TracebackType
from typing import Any, Self, TypeVar

from headwater.errors import FIRST_ATTEMPT
from headwater.events.data import EventData, PipelineCancelled, PipelineComplete, PipelineFailure
from headwater.events.delivery import Delivery
from headwater.events.event import EventType, StreamEvent
from headwater.events.log import Emit, EmitRows, Emitted, EventLog, EventReader
from headwater.events.subscriber import (
    EventFunction,
    Policy,
    StreamSubscriber,
    Wanted,
    checked_subscriber,
    event_filter,
)
from headwater.events.subscription import LostSubscriber, Subscription, Terms

__all__ = ["Done", "EventView", "StreamingContext"]


ValueT = TypeVar("ValueT")


class StreamingContext:
    """The events of one execution: emit them here, subscribe to them here.

    As an asynchronous context manager it feeds the subscribers. When it is left, all of them have received everything
    up to the terminal event, or are detached; if no terminal event was emitted by then, it emits the one that fits.

    A program can make one for an execution that it is about to start (`Runner.start(..., context=...)`), and subscribe
    before that; its id is the id of the execution then, and its options hold in place of those of the document. The
    execution enters it, unless the program has.

    Args:
        execution_id: The execution.
        enabled: Whether events are emitted at all; if not, only the terminal one is.
        buffer_size: By how many events a subscriber may lag when it does not say so itself.
        history: How many events are kept for readers that come late.

    Attributes:
        enabled: Whether events are emitted at all.
        emit: Emits an event, as `Emit` describes: it never waits, and must be called in the thread of the event loop.
            When it returns True, a subscriber lags, and the caller should `await context.drain()` as soon as it can.
            A whole `StreamEvent` may be given, too; it gets the next number. `await context.emit(event)` emits it at
            once, and then waits as `drain` does if a subscriber lags.
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

    # fmt: off
    __slots__ = (
        "_buffer_size", "_claimed", "_left", "_longest_lag", "_started_s", "delivery", "emit", "emit_rows",
        "enabled", "log", "lost",
    )
    # fmt: on

    def __init__(
        self, execution_id: str, *, enabled: bool = True, buffer_size: int = 1000, history: int = 100_000
    ) -> None:
        self.log: EventLog = EventLog(execution_id, history=history)
        # The log's own function: one more call for every event would cost a quarter of the whole.
        self.enabled: bool = enabled
        self.emit: Emit = self.log.append if enabled else partial(_emit_terminal, self.log)
        self.emit_rows: EmitRows = self.log.append_rows if enabled else _emit_nothing
        self.delivery: Delivery = Delivery(self.log)
        self.lost: list[LostSubscriber] = self.delivery.lost
        self._buffer_size = buffer_size
        self._longest_lag = max(history // 2, 1)  # or what it has not received yet might not be kept
        self._claimed = self._left = False
        self._started_s = monotonic()

    async def __aenter__(self) -> Self:
        await self.delivery.__aenter__()
        return self

    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.leave(error_type, error, traceback)
        await self.delivery.__aexit__(error_type, error, traceback)

    @property
    def execution_id(self) -> str:
        """Id of the execution."""
        return self.log.execution_id

    def claim(self) -> None:
        """Take the context for an execution, which alone ends it from now on."""
        if self._claimed or self._left or self.log.closed:
            hint = "make another one for each execution: StreamingContext(...)"
            raise RuntimeError(f"the streaming context of {self.execution_id!r} was used before; {hint}")
        self._claimed = self.log.reserves_end = True

    def leave(
        self, _error_type: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        """Emit the terminal event if it is missing: enough where nothing was entered, as there are no subscribers."""
        self._left = True
        self.delivery.start = None
        if not self.log.closed:
            _end(self.log, monotonic() - self._started_s, error)

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
            steps: Ids of the steps whose events it receives, with those of steps in their nested pipelines.
            from_seq: Number of the first event to deliver, which may be long past; beyond the end, the terminal event
                is delivered.
            policy: What happens when it lags.
            buffer_size: By how many events it may lag.
            send_deadline_s: How long an async call of it may take.

        Returns:
            The subscription, to be given to `unsubscribe`. It may be awaited, which returns it.

        Raises:
            ValueError: An argument is out of its range.
            RuntimeError: The context was left, and no execution used it, so nothing can be delivered any more.
        """
        if self._left and not self._claimed:
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
        subscription = Subscription(self.log, self.delivery.pressure, receiver, subscriber, terms)
        if self._left:
            self.delivery.replay(subscription)
        else:
            self.delivery.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription | StreamSubscriber | EventFunction) -> Done:
        """Deliver nothing more to a subscriber; a call that waits is cancelled.

        Args:
            subscription: What `subscribe` returned, or the subscriber or function that was given to it; nothing happens
                when it has already ended.

        Returns:
            What may be awaited, but has already happened.
        """
        if isinstance(subscription, Subscription):
            ended = [subscription]
        else:
            source = checked_subscriber(subscription)
            ended = [one for one in self.delivery.subscriptions if one.source == source]
        for one in ended:
            one.detach()
            self.delivery.remove(one)
        return Done()

    def events(
        self, types: Collection[str] | None = None, steps: Collection[str] | None = None, from_seq: int = 1
    ) -> AsyncIterator[StreamEvent]:
        """Return an independent view of the events, to be iterated in the reader's own task.

        The execution never waits for it: a view that falls behind by more than the history gets a `stream_gap` event.
        It may be left at any time, and read long after the context itself was left.

        Args:
            types: Types of the events to yield; None for all.
            steps: Ids of the steps whose events to yield, with those of their nested pipelines; None for all.
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
        return bool(self.delivery.subscriptions) and self.delivery.pressure.lags()

    async def drain(self) -> None:
        """Wait until no subscriber lags by more than half of its buffer; a cancellation point in any case."""
        await self.delivery.pressure.drain()


def _emit_terminal(
    log: EventLog,
    event_type: Any,
    step_id: str | None = None,
    data: EventData | None = None,
    attempt: int = FIRST_ATTEMPT,
    *,
    metadata: Mapping[str, Any] | None = None,
) -> Any:
    """Emit an event if it is the terminal one."""
    if not getattr(event_type, "terminal", True):
        return False
    if isinstance(event_type, StreamEvent) and not EventType(event_type.event_type).terminal:
        return Emitted(log.drain, lags=False)
    return log.append(event_type, step_id, data, attempt, metadata)  # which refuses what is not a type


def _end(log: EventLog, duration_s: float, error: BaseException | None) -> None:
    """Emit the terminal event, as the execution did not."""
    if error is None:
        log.append_end(EventType.PIPELINE_COMPLETE, PipelineComplete(duration_s))
    elif isinstance(error, Exception):
        log.append_end(EventType.PIPELINE_ERROR, PipelineFailure(duration_s, type(error).__name__, str(error)))
    else:
        log.append_end(EventType.PIPELINE_CANCELLED, PipelineCancelled(duration_s, type(error).__name__))


class Done:
    """What a call returns that has done everything, for callers that await it."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, Any, None]:
        return
        yield


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
