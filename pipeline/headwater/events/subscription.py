"""A subscription: one subscriber on one execution, with its cursor, its policy and the task that feeds it."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Collection, Coroutine, Generator, Iterator, Sequence
from dataclasses import dataclass
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import anyio
from anyio.lowlevel import checkpoint

from headwater.events.data import StreamGap
from headwater.events.event import EventType, StreamEvent, gap_event
from headwater.events.log import UNLIMITED, EventLog
from headwater.events.subscriber import EventFunction, Policy, StreamSubscriber, Wanted, event_filter

if TYPE_CHECKING:
    from headwater.events.backpressure import Backpressure
    from headwater.events.chunk import EventBatch

__all__ = ["LostSubscriber", "Subscription", "Terms"]

LossReason = Literal["error", "deadline", "lagged"]

_POLICIES: Final = frozenset({"wait", "drop_oldest", "coalesce", "disconnect"})


@dataclass(frozen=True, slots=True)
class LostSubscriber:
    """A subscriber that was detached before the last event."""

    subscriber: StreamSubscriber | EventFunction
    reason: LossReason
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """How a subscriber is served: what it receives, and what happens when it lags."""

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

    Awaiting it delivers `rest`, if there is any: what nothing else delivers, as the execution was left.
    `source` is what was subscribed, for reports: the subscriber itself, or the function in it.
    """

    # fmt: off
    __slots__ = (
        "_counted", "_deliveries", "_is_new", "_joined_seq", "_lagged", "_log", "_one_by_one", "_pressure",
        "_scope", "_send", "_wanted", "buffer_size", "cursor", "detached", "plain", "rest", "source",
        "subscriber", "terms",
    )
    # fmt: on

    def __init__(
        self,
        log: EventLog,
        pressure: Backpressure,
        subscriber: StreamSubscriber,
        source: StreamSubscriber | EventFunction,
        terms: Terms,
    ) -> None:
        self.subscriber: StreamSubscriber = subscriber
        self.source: StreamSubscriber | EventFunction = source
        self.terms: Terms = terms
        self.buffer_size: int = terms.buffer_size
        self.cursor: int = terms.from_seq - 1
        self.detached: bool = False
        self.rest: Coroutine[Any, Any, None] | None = None
        self._is_new = True  # it has received nothing yet
        self._lagged = False
        self._counted = (0, 0, 0)  # after which event, up to which one, and how many
        self._deliveries: Iterator[Awaitable[object]] = iter(())
        self._log = log
        self._pressure = pressure
        self._wanted = event_filter(terms.types, terms.steps)
        self._joined_seq = max(log.last_seq, self.cursor)
        self._scope: anyio.CancelScope | None = None
        # One by one, so that each call of `on_event` has the deadline for itself.
        self._one_by_one = _inherits(subscriber.on_events, StreamSubscriber.on_events)
        has_lifespan = not _inherits(subscriber.lifespan, StreamSubscriber.lifespan)
        self.plain: bool = not has_lifespan and not subscriber.interval_s
        self._send: Callable[[Any], object] = subscriber.on_event if self._one_by_one else subscriber.on_events

    def __await__(self) -> Generator[Any, Any, Self]:
        rest, self.rest = self.rest, None
        if rest is not None:
            yield from rest.__await__()
        return self

    @property
    def needed_seq(self) -> int:
        """Number of the first event that must be kept: what it has not received yet, if it may miss none."""
        return self.cursor + 1 if self.terms.policy == "wait" else UNLIMITED

    def free_slots(self) -> int:
        """Return how many more events there may be before the execution has to wait; zero or less when it has to."""
        policy, log = self.terms.policy, self._log
        if policy not in {"wait", "coalesce"}:
            return UNLIMITED
        lived_seq = max(self.cursor, self._joined_seq)  # the execution does not wait while the past is replayed
        free_slots = self.buffer_size - (log.last_seq - lived_seq)
        if free_slots > 0 or (self._wanted is None and policy == "wait"):
            return free_slots
        # Too many events wait, but perhaps not of those that the subscriber will receive: count these.
        if self._wanted is not None and policy == "wait":
            # What it will not receive is kept, too, as long as it comes before what it will: no more than the history.
            kept_slots = max(log.history, self.buffer_size) - (log.last_seq - lived_seq)
            return min(self.buffer_size - self._count(lived_seq, self._wanted), kept_slots)
        waiting = list(_selected(self._wanted, log.read(after=lived_seq)))
        outdated = _outdated_progress(waiting) if policy == "coalesce" else ()
        return self.buffer_size - (len(waiting) - len(outdated))

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

    async def run(self, pending: Awaitable[object] | None = None) -> LostSubscriber | None:
        """Deliver all events up to the terminal one; `pending` is what `deliver` returned, if it was called before.

        Only the subscription itself and its context end this: it is shielded, so that a cancelled execution can still
        say how it ended.
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
                    await self._follow(scope, pending)
                    self._start_clock(scope)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a subscriber raises is its failure, not the execution's
            return self.lost(error)
        lost = scope.cancelled_caught and not self.detached
        return LostSubscriber(self.source, "deadline") if lost else None

    def deliver(self) -> Awaitable[object] | None:
        """Deliver what there is without waiting; return a call that has to be waited for, which `run` then takes."""
        self._deliveries = self._delivering()
        return next(self._deliveries, None)

    def lost(self, error: BaseException) -> LostSubscriber:
        """Return the loss of the subscriber by an error that came out of a call."""
        return LostSubscriber(self.source, "lagged" if self._lagged else "error", error)

    @property
    def quick(self) -> bool:
        """Whether `deliver` will do until a call has to be waited for: no lifespan, no interval, no replay."""
        return self.plain and self.cursor == self._log.last_seq

    @property
    def ended(self) -> bool:
        """Whether the subscriber has received the terminal event, or left."""
        return self.detached or (self._log.closed and self.cursor >= self._log.last_seq and not self._is_new)

    async def _follow(self, scope: anyio.CancelScope, pending: Awaitable[object] | None) -> None:
        scope.deadline = math.inf
        await self._finish(scope, pending)
        while not (self._log.closed and self.cursor >= self._log.last_seq) or self._is_new:
            await self._log.wait_beyond(self.cursor)
            if self.detached:
                await checkpoint()  # which is cancelled, so that the lifespan of the subscriber sees it
            await self._finish(scope, self.deliver())
            if self.subscriber.interval_s:
                await self._pressure.rest(self.subscriber.interval_s)

    async def _finish(self, scope: anyio.CancelScope, pending: Awaitable[object] | None) -> None:
        """Wait for a call, and for those that follow it."""
        while pending is not None:
            self._start_clock(scope)
            await pending
            scope.deadline = math.inf
            pending = next(self._deliveries, None)

    def _delivering(self) -> Iterator[Awaitable[object]]:
        """Deliver what there is; what is yielded has to be waited for before the next delivery."""
        events, last_seq = self._take()
        for part in _parts(events, one_by_one=self._one_by_one):
            pending = self._send(part)
            if pending is not None and isawaitable(pending):
                yield pending
            if self.detached:
                return
            if self._one_by_one:
                self.cursor = max(self.cursor, part.seq)
                self._pressure.delivered()
                if self.buffer_size == 1:
                    return  # it may have been more before this call
        self.cursor = max(self.cursor, last_seq)
        self._pressure.delivered()

    def _start_clock(self, scope: anyio.CancelScope) -> None:
        scope.deadline = anyio.current_time() + self.terms.send_deadline_s

    def _take(self) -> tuple[Sequence[StreamEvent], int]:
        """Return what to deliver next, and the number of the last event that is then dealt with."""
        log, policy = self._log, self.terms.policy
        if self._is_new and log.closed and self.cursor >= log.last_seq:
            self.cursor = log.last_seq - 1  # it starts beyond the terminal event, and gets this one alone
        self._is_new = False
        # A replay comes in portions and loses nothing, whatever the policy: the subscriber asked for the past.
        replays = self.cursor < self._joined_seq
        if replays or policy == "wait" or log.last_seq - self.cursor <= self.buffer_size:
            events = log.read(after=self.cursor, limit=self.buffer_size)
            return _selected(self._wanted, events), events.last_seq
        events = log.read(after=self.cursor)
        return self._thin(list(_selected(self._wanted, events))), events.last_seq

    def _thin(self, events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        """Drop what the policy allows when more events wait than the buffer holds."""
        excess = len(events) - self.buffer_size
        if excess <= 0:
            return events
        if self.terms.policy == "disconnect":
            self._lagged = True
            raise BufferError(f"{len(events)} events wait, but the buffer holds {self.buffer_size}")
        return _without(events, _outdated_progress(events) if self.terms.policy == "coalesce" else range(excess))


def _parts(events: Sequence[StreamEvent], *, one_by_one: bool) -> Sequence[Any]:
    """Return the arguments of the calls that deliver some events."""
    if one_by_one:
        return events
    return (events,) if events else ()


def _inherits(method: object, inherited: object) -> bool:
    """Return whether a method of a subscriber is the inherited one."""
    return getattr(method, "__func__", None) is inherited


def _selected(wanted: Wanted | None, events: EventBatch) -> Sequence[StreamEvent]:
    return events if wanted is None else events.select(*wanted)


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
