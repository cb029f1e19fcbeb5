"""The base class of subscribers: receivers of events, with filters and a policy for when they lag."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Literal, cast

from headwater.events.event import EventType, StreamEvent

if TYPE_CHECKING:
    from headwater.events.data import PipelineStart

__all__ = [
    "EventFunction",
    "Policy",
    "StreamSubscriber",
    "Wanted",
    "checked_subscriber",
    "checked_subscribers",
    "event_filter",
]

Policy = Literal["wait", "drop_oldest", "coalesce", "disconnect"]
"""What happens when a subscriber lags by more than its buffer.

- `wait`: the execution waits for it; it never misses an event.
- `drop_oldest`: it misses the oldest events that it has not received yet; a `stream_gap` says how many. When the
  execution has ended, it has one second for what waits; then it gets a `stream_gap` and the last event.
- `coalesce`: it misses progress events, except the latest of each step; a `stream_gap` says how many. For everything
  else the execution waits.
- `disconnect`: it is detached.
"""

EventFunction = Callable[[StreamEvent], Awaitable[None] | None]
"""A plain or an async function that takes one event."""

Wanted = tuple[frozenset[EventType] | None, frozenset[str] | None]
"""The types, and the ids of steps, of the events that are wanted; None for all."""


class StreamSubscriber:
    """Receives events: override `on_events`, or `on_event` where one at a time is simpler; both may be `async`.

    What it raises detaches it and is reported once; it never disturbs the execution or other subscribers. A plain
    method runs in the event loop, so it must be quick; an async one is given `send_deadline_s` for each call.

    Attributes:
        types: Types of the events it receives; None for all. A `stream_gap` is always received.
        steps: Ids of the steps whose events it receives, such as `outer` for `outer` and for all steps of its nested
            pipeline, or `outer/inner`; None for all, and for those about the execution itself.
        policy: What happens when it lags.
        buffer_size: By how many events it may lag; None for what the context says.
        send_deadline_s: How long an async call may take before the subscriber is taken for dead.
        interval_s: Shortest time between two deliveries, so that many events cost one call; the last event is delivered
            at once, and so is what waits when the buffer is full.

    Example:
        >>> class Failures(StreamSubscriber):
        ...     types = {EventType.STEP_ERROR}
        ...
        ...     def on_event(self, event: StreamEvent) -> None:
        ...         print(event.step_id, event.data)
    """

    types: Collection[str] | None = None
    steps: Collection[str] | None = None
    policy: Policy = "wait"
    buffer_size: int | None = None
    send_deadline_s: float = 5.0
    interval_s: float = 0.0

    def on_events(self, batch: Sequence[StreamEvent]) -> Awaitable[None] | None:
        """Receive events in order; the default gives them to `on_event` one by one.

        Args:
            batch: At least one event. Each look at the batch makes events of its own.

        Returns:
            None, or an awaitable that is then awaited.
        """
        return self._one_by_one(batch)

    def on_event(self, event: StreamEvent) -> Awaitable[None] | None:
        """Receive one event.

        Args:
            event: The event; what the subscriber changes in it, and in its data, reaches no other.

        Returns:
            None, or an awaitable that is then awaited.
        """
        raise NotImplementedError(f"{type(self).__name__} overrides neither on_events nor on_event")

    async def _one_by_one(self, batch: Sequence[StreamEvent]) -> None:
        for event in batch:
            pending = self.on_event(event)
            if pending is not None:
                await pending

    def inside_step(
        self,
        execution_id: str,  # noqa: ARG002 - for those that override it
        start: PipelineStart,  # noqa: ARG002
        step_id: str,  # noqa: ARG002
    ) -> Callable[[], AbstractContextManager[object]] | None:
        """Give the code of a step a context, such as a current span. It is asked before the step first runs.

        Args:
            execution_id: Id of the execution.
            start: The data of the execution's first event, which may not have been received yet.
            step_id: Id of the step.

        Returns:
            What makes the context managers inside which the code of the step runs, in any thread; None for none.
        """
        return None

    def lifespan(self) -> AbstractAsyncContextManager[None]:
        """Acquire what the subscriber needs, and release it when the subscription ends.

        Returns:
            The context for the time of the subscription; override this with an `@asynccontextmanager` method. It is
            left with an exception when the subscription ends before the last event.
        """
        return nullcontext()


def checked_subscribers(given: object) -> tuple[StreamSubscriber | EventFunction, ...]:
    """Return the subscribers that a program gives; raise when they are anything else."""
    if isinstance(given, str | StreamSubscriber) or not isinstance(given, Iterable):
        raise TypeError(f"expected a list of subscribers, such as [subscriber], found {_named(given)}")
    return tuple([checked_subscriber(one) for one in cast("Iterable[object]", given)])


def checked_subscriber(given: object) -> StreamSubscriber | EventFunction:
    """Return a subscriber that a program gives; raise when it is anything else."""
    if isinstance(given, type):
        raise TypeError(f"expected a subscriber, found the class {given.__name__}; make one: {given.__name__}(...)")
    if isinstance(given, StreamSubscriber) or callable(given):
        return cast("StreamSubscriber | EventFunction", given)
    raise TypeError(f"expected a StreamSubscriber or a function of one event, found {_named(given)}")


def _named(value: object) -> str:
    return f"the string {value[:80]!r}" if isinstance(value, str) else f"a {type(value).__name__}"


def event_filter(types: Collection[str] | None, steps: Collection[str] | None) -> Wanted | None:
    """Return which events are wanted, as `EventBatch.select` takes it; None when all are.

    Example:
        >>> event_filter({"step_start"}, None)
        (frozenset({<EventType.STEP_START: 'step_start'>}), None)
    """
    known_types = None if types is None else frozenset(map(EventType, _collection("types", types)))
    known_steps = None if steps is None else frozenset(_collection("steps", steps))
    return None if known_types is None and known_steps is None else (known_types, known_steps)


def _collection(name: str, values: Collection[str]) -> Collection[str]:
    if isinstance(values, str):
        raise TypeError(f"{name} is the string {values!r}, but a collection is expected: write {name}={{{values!r}}}")
    return values
