"""A subscription: one subscriber on one execution, with its cursor, its policy and the task that feeds it."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, Final, Literal

import anyio
from anyio.lowlevel import checkpoint

from headwater.events.chunk import Batch
from headwater.events.data import StreamGap
from headwater.events.event import EventType, StreamEvent, gap_event
from headwater.events.log import UNLIMITED, EventLog
from headwater.events.subscriber import EventFunction, Policy, StreamSubscriber, Wanted, event_filter

__all__ = ["LostSubscriber", "Subscription", "Terms"]

LossReason = Literal["error", "deadline", "lagged"]

_POLICIES: Final = frozenset({"wait", "drop_oldest", "coalesce", "disconnect"})


@dataclass(frozen=True, slots=True)
class LostSubscriber:
    """A subscriber that was detached before the last event.

    Args:
        subscriber: The subscriber, or the function that was subscribed.
        reason: It raised an `error`, a call did not end before its `deadline`, or it `lagged` with the policy
            `disconnect`.
        error: What it raised, or by how much it lagged; None when a deadline passed.
    """

    subscriber: StreamSubscriber | EventFunction
    reason: LossReason
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """How a subscriber is served.

    Args:
        types: Types of the events it receives; None for all.
        steps: Ids of the steps whose events it receives; None for all.
        from_seq: Number of the first event to deliver.
        policy: What happens when it lags.
        buffer_size: By how many events it may lag.
        send_deadline_s: How long an async call of the subscriber may take.

    Raises:
        ValueError: A value is out of its range.
    """

    types: Collection[str] | None
    steps: Collection[str] | None
    from_seq: int
    policy: Policy
    buffer_size: int
    send_deadline_s: float

    def __post_init__(self) -> None:
        if self.policy not in _POLICIES:
            raise ValueError(f"policy is {self.policy!r}, but it must be one of {', '.join(sorted(_POLICIES))}")
        for name in ("from_seq", "buffer_size", "send_deadline_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}, but it must be more than 0")


class Subscription:
    """One subscriber on one execution; `StreamingContext.subscribe` makes it.

    Args:
        log: The log to follow.
        subscriber: Who receives the events.
        source: What was subscribed, for reports: the subscriber itself or a function.
        terms: How it is served.

    Raises:
        ValueError: A type among the filters is not known.
    """

    __slots__ = (
        "_counted",
        "_deliveries",
        "_joined_seq",
        "_lagged",
        "_log",
        "_one_by_one",
        "_scope",
        "_send",
        "_wanted",
        "cursor",
        "detached",
        "source",
        "subscriber",
        "terms",
    )

    def __init__(
        self, log: EventLog, subscriber: StreamSubscriber, source: StreamSubscriber | EventFunction, terms: Terms
    ) -> None:
        self.subscriber: StreamSubscriber = subscriber
        self.source: StreamSubscriber | EventFunction = source
        self.terms: Terms = terms
        self.cursor: int = terms.from_seq - 1
        self.detached: bool = False
        self._lagged = False
        self._counted = (0, 0, 0)  # after which event, up to which one, and how many
        self._deliveries: Iterator[Awaitable[object]] = iter(())
        self._log = log
        self._wanted = event_filter(terms.types, terms.steps)
        self._joined_seq = max(log.last_seq, self.cursor)
        self._scope: anyio.CancelScope | None = None
        # One by one, so that each call of `on_event` has the deadline for itself.
        self._one_by_one = getattr(subscriber.on_events, "__func__", None) is StreamSubscriber.on_events
        self._send: Callable[[Any], object] = subscriber.on_event if self._one_by_one else subscriber.on_events

    def free_slots(self) -> int:
        """Tell how many more events there may be before the execution should wait for this subscriber.

        Returns:
            A number of events; zero or less when the execution should wait.
        """
        terms, log = self.terms, self._log
        if terms.policy not in {"wait", "coalesce"}:
            return UNLIMITED
        lived_seq = max(self.cursor, self._joined_seq)
        free_slots = terms.buffer_size - (log.last_seq - lived_seq)
        if free_slots > 0 or (self._wanted is None and terms.policy == "wait"):
            return free_slots
        if self._wanted is not None and terms.policy == "wait":
            return terms.buffer_size - self._count(lived_seq, self._wanted)
        waiting = self._select(log.read(after=lived_seq))
        outdated = _outdated_progress(waiting) if terms.policy == "coalesce" else ()
        return terms.buffer_size - (len(waiting) - len(outdated))

    def _count(self, after: int, wanted: Wanted) -> int:
        """Return how many wanted events there are after a number; each is looked at once, however often one asks."""
        counted_after, counted_seq, count = self._counted
        if counted_after != after:
            counted_seq, count = after, 0
        count += self._log.read(after=counted_seq).wanted(*wanted)
        self._counted = (after, self._log.last_seq, count)
        return count

    def detach(self) -> None:
        """End the subscription: nothing more is delivered, and a call that waits is cancelled."""
        self.detached = True
        self.cancel()

    def cancel(self) -> None:
        """Cancel the call that waits, as when its deadline has passed."""
        if self._scope is not None:
            self._scope.cancel()

    async def run(
        self, delivered: Callable[[], None], pending: Awaitable[object] | None = None
    ) -> LostSubscriber | None:
        """Deliver all events up to the terminal one.

        Only the subscription itself and its context end this: it is shielded, so that a cancelled execution can still
        tell how it ended.

        Args:
            delivered: Called after each delivery.
            pending: What `deliver` returned, if it was called before.

        Returns:
            How the subscriber was lost; None when it was not.
        """
        if self.detached and pending is None:
            return None
        try:
            with anyio.CancelScope(shield=True) as scope:
                self._scope = scope
                if self.detached:
                    scope.cancel()
                self._start_clock(scope)
                async with self.subscriber.lifespan():
                    await self._follow(scope, delivered, pending)
                    self._start_clock(scope)
        except Exception as error:  # noqa: BLE001 - whatever a subscriber raises is its failure, not the execution's
            return self.lost(error)
        lost = scope.cancelled_caught and not self.detached
        return LostSubscriber(self.source, "deadline") if lost else None

    def deliver(self, delivered: Callable[[], None]) -> Awaitable[object] | None:
        """Deliver what there is, without waiting; when a call has to be waited for, only `run` can go on.

        Args:
            delivered: Called after each delivery.

        Returns:
            What the call returned that has to be waited for, which `run` is to be given; None when there is none.
        """
        self._deliveries = self._delivering(delivered)
        return next(self._deliveries, None)

    def lost(self, error: Exception) -> LostSubscriber:
        """Tell how the subscription was lost.

        Args:
            error: What came out of a call.

        Returns:
            The loss, with its reason.
        """
        return LostSubscriber(self.source, "lagged" if self._lagged else "error", error)

    @property
    def quick(self) -> bool:
        """Whether `deliver` will do until a call has to be waited for: no lifespan, no interval, no replay."""
        default = getattr(self.subscriber.lifespan, "__func__", None) is StreamSubscriber.lifespan
        return default and not self.subscriber.interval_s and self.cursor == self._log.last_seq

    @property
    def ended(self) -> bool:
        """Whether the subscriber has received the terminal event, or left."""
        return self.detached or (self._log.closed and self.cursor >= self._log.last_seq)

    async def _follow(
        self, scope: anyio.CancelScope, delivered: Callable[[], None], pending: Awaitable[object] | None
    ) -> None:
        scope.deadline = math.inf
        await self._finish(scope, pending)
        while not (self._log.closed and self.cursor >= self._log.last_seq):
            await self._log.wait_beyond(self.cursor)
            if self.detached:
                await checkpoint()  # which is cancelled, so that the lifespan of the subscriber sees it
            await self._finish(scope, self.deliver(delivered))
            if self.subscriber.interval_s:
                await self._log.rest(self.subscriber.interval_s)

    async def _finish(self, scope: anyio.CancelScope, pending: Awaitable[object] | None) -> None:
        """Wait for a call, and for those that follow it."""
        while pending is not None:
            self._start_clock(scope)
            await pending
            scope.deadline = math.inf
            pending = next(self._deliveries, None)

    def _delivering(self, delivered: Callable[[], None]) -> Iterator[Awaitable[object]]:
        """Deliver what there is; what is yielded has to be waited for before the next delivery."""
        events, last_seq = self._take()
        for part in self._parts(events):
            pending = self._send(part)
            if pending is not None and isawaitable(pending):
                yield pending
            if self.detached:
                return
            if self._one_by_one:
                self.cursor = max(self.cursor, part.seq)
                delivered()
        self.cursor = max(self.cursor, last_seq)
        delivered()

    def _parts(self, events: Sequence[StreamEvent]) -> Sequence[Any]:
        """Return the arguments of the calls that deliver some events."""
        if self._one_by_one:
            return events
        return (events,) if events else ()

    def _start_clock(self, scope: anyio.CancelScope) -> None:
        scope.deadline = anyio.current_time() + self.terms.send_deadline_s

    def _take(self) -> tuple[Sequence[StreamEvent], int]:
        """Return what to deliver next, and the number of the last event that is then dealt with."""
        log, terms = self._log, self.terms
        replays = self.cursor < self._joined_seq
        if replays or terms.policy == "wait" or log.last_seq - self.cursor <= terms.buffer_size:
            events = log.read(after=self.cursor, limit=terms.buffer_size)
            return self._select(events), events.last_seq
        events = log.read(after=self.cursor)
        return self._thin(self._select(events)), events.last_seq

    def _select(self, events: Batch) -> Sequence[StreamEvent]:
        return events if self._wanted is None else events.select(*self._wanted)

    def _thin(self, events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        excess = len(events) - self.terms.buffer_size
        if excess <= 0:
            return events
        if self.terms.policy == "disconnect":
            self._lagged = True
            raise BufferError(f"{len(events)} events wait, but the buffer is for {self.terms.buffer_size}")
        return _without(events, _outdated_progress(events) if self.terms.policy == "coalesce" else range(excess))


def _outdated_progress(events: Sequence[StreamEvent]) -> list[int]:
    """Return the places of progress events that have a later one of the same step."""
    seen: set[str | None] = set()
    outdated: list[int] = []
    for index in range(len(events) - 1, -1, -1):
        event = events[index]
        if event.event_type is EventType.STEP_PROGRESS:
            if event.step_id in seen:
                outdated.append(index)
            seen.add(event.step_id)
    return outdated[::-1]


def _without(events: Sequence[StreamEvent], dropped: Sequence[int]) -> Sequence[StreamEvent]:
    """Return events without some, with a gap in the place of the last of these."""
    if not dropped:
        return events
    gaps = [_as_gap(events[index]) for index in dropped]
    missed = sum(gap.missed for gap in gaps)
    gap = gap_event(events[0].execution_id, missed, gaps[0].first_seq, gaps[-1].last_seq)
    left_out = set(dropped[:-1])
    kept = [event for index, event in enumerate(events) if index not in left_out]
    kept[dropped[-1] - len(left_out)] = gap
    return kept


def _as_gap(event: StreamEvent) -> StreamGap:
    return event.data if isinstance(event.data, StreamGap) else StreamGap(1, event.seq, event.seq)
