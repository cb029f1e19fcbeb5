"""The streaming context: where the events of an execution are emitted and delivered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Collection, Iterator, Mapping
from time import monotonic
from types import TracebackType
from typing import Any, Self, TypeVar

import anyio
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint

from headwater.errors import FIRST_ATTEMPT
from headwater.events.backpressure import Backpressure
from headwater.events.data import EventData, PipelineCancelled, PipelineComplete, PipelineFailure
from headwater.events.event import EventType, StreamEvent
from headwater.events.log import Emit, EventLog, EventReader
from headwater.events.notices import notice
from headwater.events.plain import short_repr
from headwater.events.subscriber import EventFunction, Policy, StreamSubscriber, Wanted, event_filter
from headwater.events.subscription import LostSubscriber, Subscription, Terms

__all__ = ["StreamingContext"]


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
        log: The events so far.
        lost: The subscribers that were detached before the last event.

    Example:
        >>> async def main() -> None:
        ...     async with StreamingContext("e1") as context:
        ...         context.subscribe(lambda event: print(event.seq, event.event_type), types={"step_start"})
        ...         context.emit(EventType.STEP_START, "count")
        >>> anyio.run(main)
        1 step_start
    """

    __slots__ = (
        "_buffer_size",
        "_left",
        "_longest_lag",
        "_pressure",
        "_quick",
        "_quick_runs",
        "_started_s",
        "_subscriptions",
        "_tasks",
        "emit",
        "log",
        "lost",
    )

    def __init__(
        self, execution_id: str, *, enabled: bool = True, buffer_size: int = 1000, history: int = 100_000
    ) -> None:
        self.log: EventLog = EventLog(execution_id, history=history)
        # The log's own function: one more call for every event would cost a quarter of the whole.
        self.emit: Emit = self.log.append if enabled else self._emit_terminal
        self.lost: list[LostSubscriber] = []
        self._buffer_size = buffer_size
        self._longest_lag = max(history // 2, 1)  # or what it has not received yet might not be kept
        self._subscriptions: list[Subscription] = []
        self._pressure = Backpressure(self.log, self._subscriptions)
        self._tasks: TaskGroup | None = None
        self._quick: list[Subscription] = []  # those that one task serves, as none of their calls has to be waited for
        self._quick_runs = False
        self._left = False
        self._started_s = monotonic()

    async def __aenter__(self) -> Self:
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        for subscription in self._subscriptions:
            self._begin(self._tasks, subscription)
        return self

    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._left = True
        if not self.log.closed:
            self._end(error)
        try:
            await self._deliver_all()
        finally:
            if self._tasks is not None:  # without the error, which goes on as it is rather than inside a group
                await self._tasks.__aexit__(None, None, None)

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
            from_seq: Number of the first event to deliver, which may be long past.
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
        receiver = subscriber if isinstance(subscriber, StreamSubscriber) else _Function(subscriber)
        terms = Terms(
            types=_first(types, receiver.types),
            steps=_first(steps, receiver.steps),
            from_seq=from_seq,
            policy=_first(policy, receiver.policy),
            buffer_size=min(_first(buffer_size, _first(receiver.buffer_size, self._buffer_size)), self._longest_lag),
            send_deadline_s=_first(send_deadline_s, receiver.send_deadline_s),
        )
        subscription = Subscription(self.log, self._pressure, receiver, subscriber, terms)
        self._subscriptions.append(subscription)
        if self._tasks is not None:
            self._begin(self._tasks, subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Deliver nothing more to a subscriber; a call that waits is cancelled.

        Args:
            subscription: What `subscribe` returned; nothing happens when it has already ended.
        """
        subscription.detach()
        self._remove(subscription)

    def events(
        self, types: Collection[str] | None = None, steps: Collection[str] | None = None, from_seq: int = 1
    ) -> AsyncIterator[StreamEvent]:
        """Return an independent view of the events, to be iterated in the reader's own task.

        The execution never waits for it: a view that falls behind by more than the history gets a `stream_gap` event.
        It may be left at any time, and read long after the context itself was left.

        Args:
            types: Types of the events to yield; None for all.
            steps: Ids of the steps whose events to yield; None for all.
            from_seq: Number of the first event to yield.

        Returns:
            An iterator that ends after the terminal event.

        Raises:
            ValueError: A type is not known, or `from_seq` is less than 1.
        """
        return _EventView(EventReader(self.log, from_seq=from_seq), event_filter(types, steps))

    @property
    def lags(self) -> bool:
        """Whether a subscriber lags by more than half of its buffer."""
        return bool(self._subscriptions) and self._pressure.lags()

    async def drain(self) -> None:
        """Wait until no subscriber lags by more than half of its buffer; a cancellation point in any case."""
        if self._tasks is None:  # nothing is delivered yet, so waiting would never end
            await checkpoint()
            self.log.attend()
        else:
            await self._pressure.drain()

    def _begin(self, tasks: TaskGroup, subscription: Subscription) -> None:
        if not subscription.quick:
            tasks.start_soon(self._serve, subscription)
            return
        self._quick.append(subscription)
        if not self._quick_runs:
            self._quick_runs = True
            tasks.start_soon(self._serve_quick, tasks)

    async def _serve(self, subscription: Subscription, pending: Awaitable[object] | None = None) -> None:
        try:
            self._lose(await subscription.run(pending))
        finally:
            self._remove(subscription)

    async def _serve_quick(self, tasks: TaskGroup) -> None:
        """Serve many with one wake-up; one that returns something to wait for is given a task of its own."""
        try:
            with anyio.CancelScope(shield=True):
                while self._quick:
                    await self.log.wait_beyond(min(subscription.cursor for subscription in self._quick))
                    for subscription in self._quick.copy():
                        self._serve_now(tasks, subscription)
        finally:
            self._quick_runs = False
            for subscription in self._quick.copy():
                self._remove(subscription)

    def _serve_now(self, tasks: TaskGroup, subscription: Subscription) -> None:
        try:
            pending = None if subscription.ended else subscription.deliver()
        except Exception as error:  # noqa: BLE001 - whatever a subscriber raises is its failure, not the execution's
            self._remove(subscription)
            self._lose(subscription.lost(error))
            return
        if pending is not None:
            if subscription in self._quick:  # or it left in this very call, which must be ended all the same
                self._quick.remove(subscription)
            tasks.start_soon(self._serve, subscription, pending)
        elif subscription.ended:
            self._remove(subscription)

    def _lose(self, lost: LostSubscriber | None) -> None:
        if lost is not None:
            self.lost.append(lost)
            _report(self.log.execution_id, lost)

    def _remove(self, subscription: Subscription) -> None:
        if subscription in self._quick:
            self._quick.remove(subscription)
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
            self._pressure.delivered()

    async def _deliver_all(self) -> None:
        """Wait until every subscriber has received everything; when cancelled, for one send deadline at most."""
        try:
            while self._subscriptions:
                await self._pressure.wait_delivered()
        except anyio.get_cancelled_exc_class():
            grace_s = max((subscription.terms.send_deadline_s for subscription in self._subscriptions), default=0.0)
            with anyio.move_on_after(grace_s, shield=True):
                while self._subscriptions:
                    await self._pressure.wait_delivered()
            for subscription in self._subscriptions:
                subscription.cancel()
            raise

    def _emit_terminal(
        self,
        event_type: EventType,
        step_id: str | None = None,
        data: EventData | None = None,
        attempt: int = FIRST_ATTEMPT,
        *,
        metadata: Mapping[str, Any] | None = None,
    ) -> bool:
        return event_type.terminal and self.log.append(event_type, step_id, data, attempt=attempt, metadata=metadata)

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


class _EventView:
    """The events of a reader's batches, one by one."""

    __slots__ = ("_reader", "_waiting", "_wanted")

    def __init__(self, reader: EventReader, wanted: Wanted | None) -> None:
        self._reader = reader
        self._wanted = wanted
        self._waiting: Iterator[StreamEvent] = iter(())

    def __aiter__(self) -> _EventView:
        return self

    async def __anext__(self) -> StreamEvent:
        while (event := next(self._waiting, None)) is None:
            batch = await anext(self._reader)
            self._waiting = iter(batch if self._wanted is None else batch.select(*self._wanted))
        return event


def _first(value: ValueT | None, default: ValueT) -> ValueT:
    return default if value is None else value


def _report(execution_id: str, lost: LostSubscriber) -> None:
    notice(
        "subscriber_lost",
        execution_id=execution_id,
        subscriber=getattr(lost.subscriber, "__qualname__", type(lost.subscriber).__qualname__),
        reason=lost.reason,
        error=short_repr(lost.error),
    )
