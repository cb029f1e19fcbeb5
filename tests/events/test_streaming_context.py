from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
import structlog
from anyio.lowlevel import checkpoint

from headwater.events.backpressure import Backpressure
from headwater.events.chunk import EventBatch
from headwater.events.data import (
    PipelineCancelled,
    PipelineComplete,
    PipelineFailure,
    StepProgress,
    StepStart,
    StreamGap,
)
from headwater.events.event import EventType, StreamEvent
from headwater.events.log import UNLIMITED, EventLog
from headwater.events.streaming_context import StreamingContext
from headwater.events.subscriber import Policy, StreamSubscriber
from headwater.events.subscription import Subscription, Terms

PROGRESS, START, COMPLETE = EventType.STEP_PROGRESS, EventType.STEP_START, EventType.PIPELINE_COMPLETE


class Recorder(StreamSubscriber):
    """Keeps what it receives."""

    def __init__(self) -> None:
        self.batches: list[Sequence[StreamEvent]] = []

    def on_events(self, batch: Sequence[StreamEvent]) -> Awaitable[None] | None:
        self.batches.append(batch)
        return None

    @property
    def events(self) -> list[StreamEvent]:
        return [event for batch in self.batches for event in batch]

    @property
    def seqs(self) -> list[int]:
        return [event.seq for event in self.events]


class Held(Recorder):
    """Receives its first batch, and then nothing until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = anyio.Event()
        self.released = anyio.Event()

    async def on_events(self, batch: Sequence[StreamEvent]) -> None:
        super().on_events(batch)
        self.entered.set()
        await self.released.wait()


class Hanging(Held):
    """Never comes back from its first batch, as nothing releases it."""


def raising(event: StreamEvent) -> None:
    """Refuse every event."""
    raise KeyError(event.seq)


async def emit_many(context: StreamingContext, count: int, step_id: str = "a") -> None:
    """Emit as a step does that heeds its subscribers."""
    for _ in range(count):
        if context.emit(PROGRESS, step_id):
            await context.drain()


async def test_subscribers_are_served_the_same_events_when_others_misbehave(reports: Any) -> None:
    """One that raises, one that hangs, one that joins late and one that leaves early change nothing for the others."""
    calm, late, leaver = Recorder(), Recorder(), Recorder()
    slow: list[int] = []

    async def receive_slowly(event: StreamEvent) -> None:
        await checkpoint()
        slow.append(event.seq)

    hanging = Hanging()
    async with StreamingContext("e1", buffer_size=50) as context:
        context.subscribe(calm)
        context.subscribe(receive_slowly)
        context.subscribe(raising)
        context.subscribe(hanging, send_deadline_s=0.05, policy="drop_oldest")
        leaving = context.subscribe(leaver)
        await emit_many(context, 300)
        context.unsubscribe(leaving)
        context.subscribe(late)
        await emit_many(context, 300)
    everything = list(range(1, 602))
    assert calm.seqs == late.seqs == slow == everything
    assert leaver.seqs == everything[: len(leaver.seqs)]
    assert len(leaver.seqs) <= 300
    assert {lost.subscriber: lost.reason for lost in context.lost} == {raising: "error", hanging: "deadline"}
    assert [entry["subscriber"] for entry in reports] == ["raising", "Hanging"]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (None, PipelineComplete),
        (ValueError("no"), PipelineFailure),
        (KeyboardInterrupt(), PipelineCancelled),
    ],
)
async def test_context_ends_with_the_terminal_event_that_fits(error: BaseException | None, expected: type) -> None:
    """Whatever the caller forgets, an execution has exactly one terminal event, and it is the last."""
    recorder = Recorder()
    raised: BaseException | None = None
    try:
        async with StreamingContext("e1") as context:
            context.subscribe(recorder)
            context.emit(START, "a")
            if error is not None:
                raise error
    except BaseException as caught:  # noqa: BLE001 - what comes out is compared
        raised = caught
    assert raised is error
    assert [event.event_type.terminal for event in recorder.events] == [False, True]
    assert isinstance(recorder.events[-1].data, expected)


async def test_context_emits_no_second_terminal_event() -> None:
    """The terminal event stands, also when the block fails afterwards."""
    recorder = Recorder()
    with pytest.raises(ValueError, match="late"):
        async with StreamingContext("e1") as context:
            context.subscribe(recorder)
            context.emit(COMPLETE, None, PipelineComplete(1.0))
            raise ValueError("late")
    assert [event.event_type for event in recorder.events] == [COMPLETE]


async def test_subscribers_learn_of_the_end_when_the_scope_is_cancelled() -> None:
    """Subscribers of a cancelled execution still receive how it ended."""
    received: list[EventType] = []

    async def receive(event: StreamEvent) -> None:
        await checkpoint()
        received.append(event.event_type)

    with anyio.CancelScope() as scope:
        async with StreamingContext("e1") as context:
            context.subscribe(receive)
            context.emit(START, "a")
            scope.cancel()
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert received == [START, EventType.PIPELINE_CANCELLED]


async def test_leaving_is_bounded_when_cancelled_while_a_subscriber_hangs(reports: Any) -> None:
    """A hanging subscriber cannot keep a cancelled execution alive."""
    hanging = Hanging()
    context = StreamingContext("e1")
    with anyio.CancelScope() as scope:
        async with context:
            context.subscribe(hanging, send_deadline_s=0.05)
            context.emit(START, "a")
            await hanging.entered.wait()
            scope.cancel()
    assert scope.cancelled_caught
    assert [(lost.subscriber, lost.reason) for lost in context.lost] == [(hanging, "deadline")]
    assert len(reports) == 1


async def test_slow_calls_are_allowed_when_each_meets_its_deadline(virtual_clock: object) -> None:
    """The deadline is for one call, not for all that wait."""
    received: list[int] = []

    async def receive(event: StreamEvent) -> None:
        await anyio.sleep(4)  # by the virtual clock; two of these take longer than the deadline of one
        received.append(event.seq)

    async with StreamingContext("e1") as context:
        context.subscribe(receive, send_deadline_s=5)
        await emit_many(context, 6)
    assert received == list(range(1, 8))
    assert context.lost == []


async def test_emit_asks_to_wait_when_a_waiting_subscriber_lags() -> None:
    """Back-pressure sets in at the size of the buffer, and ends when the subscriber has caught up."""
    held = Held()
    async with StreamingContext("e1") as context:
        context.subscribe(held, buffer_size=10)
        signals = [context.emit(PROGRESS, "a") for _ in range(12)]
        assert signals == [False] * 9 + [True] * 3
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(context.drain)
            await held.entered.wait()
            await anyio.wait_all_tasks_blocked()
            assert context.emit(PROGRESS, "a")
            held.released.set()
        assert not context.emit(PROGRESS, "a")
    assert held.seqs == list(range(1, 16))


async def test_room_is_there_when_the_lagging_subscriber_is_lost(reports: Any) -> None:
    """The execution does not wait for the dead."""
    async with StreamingContext("e1") as context:
        context.subscribe(Hanging(), buffer_size=5, send_deadline_s=0.05)
        for _ in range(20):
            context.emit(PROGRESS, "a")
        await context.drain()
        assert [lost.reason for lost in context.lost] == ["deadline"]


async def test_emit_never_asks_to_wait_when_the_subscriber_drops() -> None:
    """A subscriber that may miss events costs the execution no time."""
    held = Held()
    async with StreamingContext("e1") as context:
        context.subscribe(held, buffer_size=5, policy="drop_oldest")
        assert not any(context.emit(PROGRESS, "a") for _ in range(100))
        held.released.set()


async def served_after_a_pause(policy: Policy, emit: Callable[[StreamingContext], None], **options: Any) -> Held:
    """Return a subscriber that received one event, was away while others were emitted, and came back."""
    held = Held()
    async with StreamingContext("e1") as context:
        context.subscribe(held, policy=policy, **options)
        context.emit(START, "a")
        await held.entered.wait()
        emit(context)
        held.released.set()
        await anyio.wait_all_tasks_blocked()
    return held


async def test_drop_oldest_puts_a_gap_in_the_place_of_what_is_missed() -> None:
    """The newest events are kept, and the number of the others is reported."""

    def emit(context: StreamingContext) -> None:
        for _ in range(20):
            context.emit(PROGRESS, "a")

    held = await served_after_a_pause("drop_oldest", emit, buffer_size=5)
    start, gap, *kept, end = held.events
    assert (start.event_type, end.event_type) == (START, COMPLETE)
    assert (gap.seq, gap.data) == (16, StreamGap(missed=15, first_seq=2, last_seq=16))
    assert [event.seq for event in kept] == [17, 18, 19, 20, 21]


async def test_drop_oldest_never_drops_the_terminal_event() -> None:
    """The end is delivered, however small the buffer."""

    def emit(context: StreamingContext) -> None:
        for _ in range(20):
            context.emit(PROGRESS, "a")
        context.emit(COMPLETE)

    held = await served_after_a_pause("drop_oldest", emit, buffer_size=1)
    assert [event.event_type for event in held.events] == [START, EventType.STREAM_GAP, COMPLETE]


async def test_drop_oldest_counts_only_what_the_filter_lets_through() -> None:
    """Events that are not wanted do not push out those that are."""

    def emit(context: StreamingContext) -> None:
        for index in range(20):
            context.emit(START if index % 10 == 0 else PROGRESS, "a")

    held = await served_after_a_pause("drop_oldest", emit, buffer_size=2, types={"step_start"})
    assert held.seqs == [1, 2, 12]


@pytest.mark.parametrize("types", [None, {"step_progress", "pipeline_complete"}, {"step_progress"}])
async def test_drop_oldest_has_a_grace_when_the_execution_has_ended(
    monkeypatch: pytest.MonkeyPatch, types: set[str] | None
) -> None:
    """What still waits after it is counted by a gap, and the last event is delivered."""
    monkeypatch.setattr("headwater.events.delivery.GRACE_S", 0.0)
    received: list[StreamEvent] = []

    async def slow(event: StreamEvent) -> None:
        received.append(event)
        for _ in range(20):
            await anyio.lowlevel.checkpoint()

    async with StreamingContext("e1") as context:
        context.subscribe(slow, policy="drop_oldest", types=types)
        for _ in range(200):
            context.emit(PROGRESS, "a")
    last = COMPLETE if types is None or "pipeline_complete" in types else PROGRESS
    gaps = [event.data for event in received if event.event_type is EventType.STREAM_GAP]
    assert len(received) < 20
    assert received[-1].event_type is last
    assert len(received) - len(gaps) + sum(gap.missed for gap in gaps) == 200 + (last is COMPLETE)
    assert context.lost == []


@pytest.mark.parametrize("policy", ["wait", "coalesce"])
async def test_other_policies_deliver_everything_when_the_execution_has_ended(
    monkeypatch: pytest.MonkeyPatch, policy: Policy
) -> None:
    """A subscriber that misses nothing has no grace, but a deadline for each call."""
    monkeypatch.setattr("headwater.events.delivery.GRACE_S", 0.0)
    received: list[int] = []

    async def slow(event: StreamEvent) -> None:
        received.append(event.seq)
        await anyio.lowlevel.checkpoint()

    async with StreamingContext("e1") as context:
        context.subscribe(slow, policy=policy)
        context.subscribe(lambda event: None, policy="drop_oldest")
        for _ in range(50):
            context.emit(START, "a")
    assert received == list(range(1, 52))


async def test_replay_is_delivered_whole_when_the_execution_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A subscriber that asked for the past gets it, whatever its policy."""
    monkeypatch.setattr("headwater.events.delivery.GRACE_S", 0.0)
    received: list[int] = []

    async def slow(event: StreamEvent) -> None:
        received.append(event.seq)
        await anyio.lowlevel.checkpoint()

    async with StreamingContext("e1") as context:
        for _ in range(50):
            context.emit(START, "a")
        context.subscribe(slow, policy="drop_oldest")
    assert received == list(range(1, 52))


async def test_coalesce_keeps_the_latest_progress_of_each_step() -> None:
    """Only outdated progress is left out; every other event is delivered, in order."""

    def emit(context: StreamingContext) -> None:
        for index in range(10):
            context.emit(PROGRESS, "a", StepProgress(message=str(index)))
            context.emit(PROGRESS, "b")
            if index == 4:
                context.emit(EventType.STEP_SKIPPED, "c")

    held = await served_after_a_pause("coalesce", emit, buffer_size=5)
    received = [(event.seq, event.event_type.value, event.step_id) for event in held.events]
    assert received == [
        (1, "step_start", "a"),
        (12, "step_skipped", "c"),
        (20, "stream_gap", None),
        (21, "step_progress", "a"),
        (22, "step_progress", "b"),
        (23, "pipeline_complete", None),
    ]
    assert held.events[2].data == StreamGap(missed=18, first_seq=2, last_seq=20)
    assert held.events[3].data == StepProgress(message="9")


async def test_coalesce_asks_to_wait_only_for_events_that_must_be_delivered() -> None:
    """Progress never holds up the execution of a subscriber that coalesces, other events do."""
    held = Held()
    async with StreamingContext("e1") as context:
        context.subscribe(held, policy="coalesce", buffer_size=5)
        assert not any(context.emit(PROGRESS, "a") for _ in range(50))
        assert [context.emit(START, "a") for _ in range(5)] == [False, False, False, True, True]
        held.released.set()


async def test_disconnect_detaches_a_subscriber_that_lags(reports: Any) -> None:
    """The reason of its loss says so."""
    lost: list[Any] = []

    def emit(context: StreamingContext) -> None:
        for _ in range(6):
            context.emit(PROGRESS, "a")
        lost.append(context.lost)

    held = await served_after_a_pause("disconnect", emit, buffer_size=5)
    assert held.seqs == [1]
    assert [(entry.subscriber, entry.reason) for entry in lost[0]] == [(held, "lagged")]
    assert len(reports) == 1


@pytest.mark.parametrize("policy", ["wait", "drop_oldest", "coalesce", "disconnect"])
async def test_replay_of_the_past_is_not_taken_for_lag(policy: Policy) -> None:
    """A late subscriber receives everything, whatever happens when it lags."""
    recorder = Recorder()
    async with StreamingContext("e1") as context:
        for _ in range(100):
            context.emit(PROGRESS, "a")
        context.subscribe(recorder, policy=policy, buffer_size=10)
        await anyio.wait_all_tasks_blocked()
        assert recorder.seqs == list(range(1, 101))
    assert context.lost == []
    assert max(map(len, recorder.batches)) <= 10


@pytest.mark.parametrize("from_seq", [3, 4, 1000])
@pytest.mark.parametrize("late", [False, True])
async def test_subscriber_that_starts_beyond_the_end_gets_the_terminal_event(from_seq: int, late: bool) -> None:
    """It is served once with the last event, whether it came before that or after."""
    recorder = Recorder()
    async with StreamingContext("e1") as context:
        context.emit(START, "a")
        if late:
            context.emit(COMPLETE)
        context.subscribe(recorder, from_seq=from_seq)
        await anyio.wait_all_tasks_blocked()
        if not late:
            context.emit(COMPLETE)
    assert recorder.seqs == [2]


@pytest.mark.parametrize("from_seq", [1, 3, 6, 7])
async def test_subscriber_starts_where_it_wants(from_seq: int) -> None:
    """Replay starts at any number, also at one that is still to come."""
    recorder = Recorder()
    async with StreamingContext("e1") as context:
        await emit_many(context, 5)
        context.subscribe(recorder, from_seq=from_seq)
        await emit_many(context, 5)
    assert recorder.seqs == list(range(from_seq, 12))


@pytest.mark.parametrize(
    ("types", "steps", "expected"),
    [
        (None, None, [1, 2, 3, 4, 5]),
        ({"step_start"}, None, [1, 2]),
        (None, ["b"], [2, 4]),
        ({"step_progress"}, {"b"}, [4]),
        ({COMPLETE}, None, [5]),
        (set(), None, []),
    ],
)
@pytest.mark.parametrize("reader", ["subscriber", "attributes", "view"])
async def test_filters_select_events(reader: str, types: Any, steps: Any, expected: list[int]) -> None:
    """Views and subscribers have the same filters, given as arguments or as attributes."""
    recorder = Recorder()
    async with StreamingContext("e1") as context:
        if reader == "subscriber":
            context.subscribe(recorder, types=types, steps=steps)
        elif reader == "attributes":
            recorder.types, recorder.steps = types, steps
            context.subscribe(recorder)
        for event_type in (START, PROGRESS):
            context.emit(event_type, "a")
            context.emit(event_type, "b")
    seen = [event.seq async for event in context.events(types, steps)] if reader == "view" else recorder.seqs
    assert seen == expected


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"types": {"step_begin"}}, ValueError, "there is no event type 'step_begin'; choose one of: pipeline_start"),
        ({"types": "step_start"}, TypeError, "write types={'step_start'}"),
        ({"steps": "words"}, TypeError, "write steps={'words'}"),
        ({"policy": "never"}, ValueError, "policy is 'never', but it must be one of coalesce"),
        ({"buffer_size": 0}, ValueError, "buffer_size is 0, but it must be more than 0"),
        ({"send_deadline_s": 0}, ValueError, "send_deadline_s is 0, but it must be more than 0"),
        ({"from_seq": 0}, ValueError, "from_seq is 0, but it must be more than 0"),
    ],
)
async def test_subscribe_refuses_wrong_arguments(arguments: Any, error: type[Exception], message: str) -> None:
    """A mistake shows at the call, not as missing events."""
    async with StreamingContext("e1") as context:
        with pytest.raises(error, match=message):
            context.subscribe(Recorder(), **arguments)


async def test_views_are_independent_and_end_with_the_execution() -> None:
    """Any number of readers sees all events, and may leave at any time."""
    seen: dict[str, list[int]] = {"all": [], "few": []}

    async def read(context: StreamingContext, name: str, limit: float) -> None:
        async for event in context.events():
            seen[name].append(event.seq)
            if len(seen[name]) >= limit:
                break

    async with anyio.create_task_group() as tasks, StreamingContext("e1") as context:
        tasks.start_soon(read, context, "all", math.inf)
        tasks.start_soon(read, context, "few", 3)
        for _ in range(5):
            context.emit(PROGRESS, "a")
            await anyio.wait_all_tasks_blocked()
    assert seen == {"all": [1, 2, 3, 4, 5, 6], "few": [1, 2, 3]}


async def test_view_reads_the_events_when_the_context_was_left() -> None:
    """Emitted events stay readable."""
    async with StreamingContext("e1") as context:
        context.emit(START, "a")
    assert [event.event_type async for event in context.events()] == [START, COMPLETE]


async def test_subscribe_raises_when_the_context_was_left() -> None:
    """Nobody would deliver anything any more."""
    async with StreamingContext("e1") as context:
        pass
    with pytest.raises(RuntimeError, match=r"read the events that it holds with events\(\)"):
        context.subscribe(Recorder())


async def test_subscriber_is_served_when_it_came_before_the_start() -> None:
    """Subscribing may come first."""
    recorder = Recorder()
    context = StreamingContext("e1")
    context.subscribe(recorder)
    async with context:
        context.emit(START, "a")
    assert recorder.seqs == [1, 2]


async def test_only_the_terminal_event_is_emitted_when_disabled() -> None:
    """Switched off, an execution emits how it ended and nothing else."""
    recorder = Recorder()
    async with StreamingContext("e1", enabled=False) as context:
        context.subscribe(recorder)
        assert not any(context.emit(PROGRESS, "a") for _ in range(100))
        context.emit(COMPLETE)
    assert [(event.seq, event.event_type) for event in recorder.events] == [(1, COMPLETE)]


async def test_subscribers_in_step_share_their_batches() -> None:
    """A batch is delivered by reference, however many receive it."""
    recorders = [Recorder() for _ in range(5)]
    async with StreamingContext("e1") as context:
        for recorder in recorders:
            context.subscribe(recorder)
        await emit_many(context, 100)
    first = recorders[0].batches
    for recorder in recorders:
        assert [id(batch) for batch in recorder.batches] == [id(batch) for batch in first]


@pytest.mark.parametrize("waiting", [1, 3, 5])
@pytest.mark.parametrize("in_batches", [False, True])
async def test_plain_function_may_return_what_is_to_be_awaited(waiting: int, in_batches: bool) -> None:
    """A subscriber that waits now and then misses nothing, and does not hold up others."""
    received: list[int] = []
    calm, released = Recorder(), anyio.Event()

    async def wait(seqs: list[int]) -> None:
        await released.wait()
        received.extend(seqs)

    def receive(seqs: list[int]) -> Awaitable[None] | None:
        if waiting in seqs:
            return wait(seqs)
        received.extend(seqs)
        return None

    class Batches(StreamSubscriber):
        def on_events(self, batch: Sequence[StreamEvent]) -> Awaitable[None] | None:
            return receive([event.seq for event in batch])

    async with StreamingContext("e1") as context:
        context.subscribe(Batches() if in_batches else lambda event: receive([event.seq]))
        context.subscribe(calm)
        for _ in range(3):
            context.emit(PROGRESS, "a")
            context.emit(PROGRESS, "b")
            await anyio.wait_all_tasks_blocked()
        assert calm.seqs == list(range(1, 7))
        assert set(received).isdisjoint(range(waiting, 7))
        released.set()
    assert received == calm.seqs == list(range(1, 8))


async def test_awaitable_of_a_subscriber_that_left_is_cancelled() -> None:
    """A subscriber that leaves in a plain call is not waited for."""
    entered: list[str] = []

    async def hang() -> None:
        entered.append("entered")
        await anyio.sleep_forever()

    def leave(event: StreamEvent) -> Awaitable[None]:
        context.unsubscribe(subscription)
        return hang()

    async with StreamingContext("e1") as context:
        subscription = context.subscribe(leave)
        context.emit(START, "a")
    assert entered == ["entered"]
    assert context.lost == []


async def test_subscriber_of_the_present_is_served_when_another_waits_for_the_future() -> None:
    """Each is served as soon as there is something for it."""
    early, late, guest = Recorder(), Recorder(), Recorder()
    async with StreamingContext("e1") as context:
        context.subscribe(late, from_seq=50)
        await anyio.wait_all_tasks_blocked()
        left = context.subscribe(guest)
        await anyio.wait_all_tasks_blocked()
        context.unsubscribe(left)
        context.subscribe(early)
        context.emit(START, "a")
        await anyio.wait_all_tasks_blocked()
        assert early.seqs == [1]
    assert early.seqs == [1, 2]
    assert (late.seqs, guest.seqs) == ([2], [])


async def test_subscriber_that_another_one_detaches_receives_nothing_more() -> None:
    """Leaving takes effect at once, also within one round of deliveries."""
    recorder = Recorder()

    def detach(event: StreamEvent) -> None:
        context.unsubscribe(other)

    async with StreamingContext("e1") as context:
        context.subscribe(detach)
        other = context.subscribe(recorder)
        await emit_many(context, 3)
    assert recorder.seqs == []


async def test_unsubscribing_cancels_a_call_that_waits() -> None:
    """A subscriber that leaves is neither waited for nor reported."""
    hanging = Hanging()
    async with StreamingContext("e1") as context:
        subscription = context.subscribe(hanging)
        context.emit(START, "a")
        await hanging.entered.wait()
        context.unsubscribe(subscription)
        context.unsubscribe(subscription)
        context.emit(PROGRESS, "a")
    assert hanging.seqs == [1]
    assert context.lost == []


async def test_subscriber_may_unsubscribe_itself() -> None:
    """Nothing is delivered after the event at which it left, not even from the same batch."""
    seen: list[int] = []

    def leave_at_two(event: StreamEvent) -> None:
        seen.append(event.seq)
        if event.seq == 2:
            context.unsubscribe(subscription)

    async with StreamingContext("e1") as context:
        subscription = context.subscribe(leave_at_two)
        await emit_many(context, 5)
    assert seen == [1, 2]
    assert context.lost == []


class Resource(Recorder):
    """Records when it is acquired and released, and how."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None, None]:
        self.calls.append("acquired")
        try:
            yield
            self.calls.append("complete")
        finally:
            self.calls.append("released")


async def test_lifespan_surrounds_the_subscription() -> None:
    """What a subscriber needs is there before the first event and released after the last."""
    resource = Resource()
    async with StreamingContext("e1") as context:
        context.subscribe(resource)
        context.emit(START, "a")
    assert resource.calls == ["acquired", "complete", "released"]
    assert resource.seqs == [1, 2]


async def test_lifespan_sees_an_exception_when_the_subscription_ends_early() -> None:
    """A subscriber can distinguish the end of the events from its own end."""
    resource = Resource()
    async with StreamingContext("e1") as context:
        subscription = context.subscribe(resource)
        await anyio.wait_all_tasks_blocked()
        context.unsubscribe(subscription)
    assert resource.calls == ["acquired", "released"]


@pytest.mark.parametrize("place", ["enter", "exit"])
@pytest.mark.parametrize("fault", ["raises", "hangs"])
async def test_lifespan_that_fails_disturbs_no_others(reports: Any, place: str, fault: str) -> None:
    """Acquiring and releasing are bounded like every other call."""

    class Faulty(Recorder):
        send_deadline_s = 0.05

        @asynccontextmanager
        async def lifespan(self) -> AsyncGenerator[None, None]:
            if place == "enter":
                await self._fail()
            yield
            await self._fail()

        async def _fail(self) -> None:
            if fault == "hangs":
                await anyio.sleep_forever()
            raise OSError("no terminal")

    calm = Recorder()
    async with StreamingContext("e1") as context:
        context.subscribe(Faulty())
        context.subscribe(calm)
        await emit_many(context, 3)
    assert calm.seqs == [1, 2, 3, 4]
    assert [lost.reason for lost in context.lost] == ["deadline" if fault == "hangs" else "error"]
    assert len(reports) == 1


async def test_subscriber_without_a_receiving_method_is_reported(reports: Any) -> None:
    """The report says what to override."""
    async with StreamingContext("e1") as context:
        context.subscribe(StreamSubscriber())
    assert "overrides neither on_events nor on_event" in reports[0]["error"]


async def test_default_on_events_delivers_one_by_one() -> None:
    """A subscriber that wraps another one may call either form."""
    seen: list[int] = []

    class Simple(StreamSubscriber):
        async def on_event(self, event: StreamEvent) -> None:
            await checkpoint()
            seen.append(event.seq)

    class Wrapper(StreamSubscriber):
        def on_events(self, batch: Sequence[StreamEvent]) -> Awaitable[None] | None:
            return Simple().on_events(batch)

    async with StreamingContext("e1") as context:
        context.subscribe(Wrapper())
        await emit_many(context, 3)
    assert seen == [1, 2, 3, 4]


class Panic(BaseException):
    """What code that is not written in Python may raise."""


@pytest.mark.parametrize("waits", [False, True], ids=["at-once", "awaited"])
@pytest.mark.parametrize("raised", [Panic(), SystemExit(3), GeneratorExit(), asyncio.CancelledError()], ids=repr)
async def test_subscriber_is_lost_when_it_raises_something_odd(
    reports: Any, raised: BaseException, *, waits: bool
) -> None:
    """Its own request may have been cancelled by others: that concerns neither the execution nor other subscribers."""

    def fail(event: StreamEvent) -> None:
        raise raised

    async def fail_later(event: StreamEvent) -> None:
        await checkpoint()
        raise raised

    calm = Recorder()
    async with StreamingContext("e1") as context:
        context.subscribe(fail_later if waits else fail)
        context.subscribe(calm)
        await emit_many(context, 3)
    assert calm.seqs == [1, 2, 3, 4]
    assert [(lost.reason, lost.error) for lost in context.lost] == [("error", raised)]
    assert len(reports) == 1


def test_interrupt_in_a_subscriber_reaches_the_program() -> None:
    """Trio raises an interrupt in whatever runs, which may be a subscriber."""

    def interrupt(event: StreamEvent) -> None:
        raise KeyboardInterrupt

    async def main() -> None:
        async with StreamingContext("e1") as context:
            context.subscribe(interrupt)
            await emit_many(context, 3)

    with pytest.raises(BaseExceptionGroup) as caught:
        anyio.run(main, backend="trio")
    assert caught.group_contains(KeyboardInterrupt)


async def test_events_keep_their_bounds_when_the_emitter_does_not_drain(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood that ignores the signal costs a subscriber events, never memory, and a gap has their number."""
    monkeypatch.setattr("headwater.events.log._MOST_OWED", 100)
    held = Held()
    async with StreamingContext("e1", history=50) as context:
        context.subscribe(held, buffer_size=10)
        context.emit(START, "a")
        await held.entered.wait()
        for _ in range(1000):
            context.emit(PROGRESS, "a")
        held.released.set()
    missed = sum(event.data.missed for event in held.events if isinstance(event.data, StreamGap))
    received = sum(event.event_type is not EventType.STREAM_GAP for event in held.events)
    assert missed + received == 1002
    assert missed > 1002 - 50 - 100 - 50
    assert held.events[-1].event_type is COMPLETE


@pytest.mark.parametrize("types", [None, {"step_start", "pipeline_complete"}])
async def test_wait_misses_nothing_when_the_history_is_short(types: set[str] | None) -> None:
    """What a burst emits is kept until a subscriber that waits has received it, whatever the history."""
    held = Held()
    async with StreamingContext("e1", history=20) as context:
        context.subscribe(held, types=types)
        for index in range(300):
            context.emit(START if index % 100 == 0 else PROGRESS, "a")
        held.released.set()
        await context.drain()
        for _ in range(300):
            context.emit(PROGRESS, "a")
    seqs = [event.seq for event in held.events]
    assert seqs == (list(range(1, 602)) if types is None else [1, 101, 201, 601])


async def test_wait_holds_up_the_execution_before_unwanted_events_push_out_wanted_ones() -> None:
    """A subscriber that is slow with one event keeps its place, although it wants none of those that follow."""
    held = Held()
    async with StreamingContext("e1", history=50) as context:
        context.subscribe(held, types={"step_start", "pipeline_complete"})
        context.emit(START, "a")
        await held.entered.wait()
        signals = [context.emit(PROGRESS, "a") for _ in range(200)]
        assert signals[-1]
        held.released.set()
    assert held.seqs == [1, 202]


async def test_report_that_cannot_be_written_does_not_fail_the_execution(monkeypatch: pytest.MonkeyPatch) -> None:
    """A closed standard error is no reason to fail."""
    structlog.reset_defaults()

    class Closed:
        def write(self, text: str) -> int:
            raise ValueError("I/O operation on closed file")

        def flush(self) -> None:
            raise ValueError("I/O operation on closed file")

    monkeypatch.setattr("sys.stderr", Closed())
    async with StreamingContext("e1") as context:
        context.subscribe(raising)
    assert [lost.reason for lost in context.lost] == ["error"]


async def test_loss_is_reported_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output belongs to the results."""
    structlog.reset_defaults()
    async with StreamingContext("e1") as context:
        context.subscribe(raising)
    captured = capsys.readouterr()
    assert "subscriber_lost" in captured.err
    assert captured.out == ""


@pytest.mark.parametrize("points", range(12))
async def test_cancelling_anywhere_leaves_one_terminal_event_that_all_received(points: int) -> None:
    """At whichever point the cancellation comes, subscribers learn of exactly one end."""
    recorder, received = Recorder(), list[int]()

    async def receive(event: StreamEvent) -> None:
        await checkpoint()
        received.append(event.seq)

    context = StreamingContext("e1", buffer_size=2)
    with anyio.CancelScope() as scope:
        async with context, anyio.create_task_group() as tasks:
            context.subscribe(recorder)
            context.subscribe(receive)

            async def cancel_later() -> None:
                for _ in range(points):
                    await checkpoint()
                scope.cancel()

            tasks.start_soon(cancel_later)
            await emit_many(context, 5)
            context.emit(COMPLETE)
    assert recorder.seqs == received == list(range(1, context.log.last_seq + 1))
    assert [event.event_type.terminal for event in recorder.events] == [False] * (len(received) - 1) + [True]
    assert context.lost == []


class Unhurried(Recorder):
    """Takes events once an hour, or when it must."""

    interval_s = 3600.0
    buffer_size: int | None = 100

    def __init__(self) -> None:
        super().__init__()
        self.first = anyio.Event()

    def on_events(self, batch: Sequence[StreamEvent]) -> None:
        super().on_events(batch)
        self.first.set()


async def test_events_between_two_deliveries_cost_one_call() -> None:
    """A subscriber with an interval gets the first event at once, and the last one when it is there."""
    recorder = Unhurried()
    async with StreamingContext("e1") as context:
        context.subscribe(recorder)
        for count in (1, 10, 10, 10):
            await emit_many(context, count)
            await recorder.first.wait()
    assert [len(batch) for batch in recorder.batches] == [1, 31]
    assert recorder.seqs == list(range(1, 33))


async def test_interval_ends_when_the_buffer_is_full() -> None:
    """An interval does not hold up an emitter that has more events than the buffer holds."""
    recorder = Unhurried()
    async with StreamingContext("e1") as context:
        context.subscribe(recorder)
        await emit_many(context, 1000)
    assert recorder.seqs == list(range(1, 1002))
    assert len(recorder.batches) >= 5


async def test_interval_ends_when_the_emitter_drains() -> None:
    """A step that drains, as steps do from half a buffer on, does not sit out an interval."""
    recorder = Unhurried()
    async with StreamingContext("e1") as context:
        context.subscribe(recorder)
        context.emit(START, "a")
        await recorder.first.wait()
        for _ in range(3):
            for _ in range(60):
                context.emit(PROGRESS, "a")
            assert context.lags
            with anyio.fail_after(60):
                await context.drain()
    assert len(recorder.seqs) == 182


async def test_subscriber_that_waits_for_its_interval_can_leave() -> None:
    """Nobody has to sit out an interval."""
    recorder = Unhurried()
    async with StreamingContext("e1") as context:
        subscription = context.subscribe(recorder)
        context.emit(START, "a")
        await recorder.first.wait()
        await checkpoint()
        context.unsubscribe(subscription)
    assert recorder.seqs == [1]


async def test_subscriber_misses_nothing_when_its_buffer_is_larger_than_the_history() -> None:
    """A subscriber that must not miss events holds up the execution before events are dropped."""
    recorder = Unhurried()
    recorder.buffer_size = 1_000_000
    async with StreamingContext("e1", history=500) as context:
        context.subscribe(recorder)
        await emit_many(context, 3000)
    assert recorder.seqs == list(range(1, 3002))


async def test_events_that_wait_for_a_filtered_subscriber_are_counted_once() -> None:
    """Asking again and again whether a subscriber lags looks only at what is new, and still finds the right time."""
    looked: list[int] = []

    class Counting(EventLog):
        def read(self, *, after: int, limit: int = UNLIMITED) -> EventBatch:
            batch = super().read(after=after, limit=limit)
            looked.append(len(batch))
            return batch

    log, recorder = Counting("e1"), Recorder()
    subscription = Subscription(
        log, Backpressure(log, ()), recorder, recorder, Terms({"step_start"}, None, 1, "wait", 100, 5.0)
    )
    free_slots: list[int] = []
    for number in range(1000):
        log.append(EventType.STEP_START if number % 2 else PROGRESS, "a")
        free_slots.append(subscription.free_slots())
    assert free_slots[-1] == 100 - 500
    assert free_slots.index(0) == 199
    assert sum(looked) <= 1000


async def test_delivers_together_what_one_item_makes_several_steps_emit() -> None:
    """A subscriber is called once for the events of tasks that pass an item on, not once for each."""
    recorder = Recorder()

    async def emit(context: StreamingContext, step_ids: Sequence[str]) -> None:
        context.emit(PROGRESS, step_ids[0])
        if step_ids[1:]:
            group.start_soon(emit, context, step_ids[1:])

    async with StreamingContext("e1") as context:
        context.subscribe(recorder)
        await anyio.wait_all_tasks_blocked()
        async with anyio.create_task_group() as group:
            group.start_soon(emit, context, ["a", "b"])
            await anyio.wait_all_tasks_blocked()
        assert [event.step_id for event in recorder.batches[0]] == ["a", "b"]


async def test_subscribe_unsubscribe_and_emit_may_be_awaited() -> None:
    """They never wait themselves, so awaiting them is for those who expect it."""
    recorder = Recorder()
    async with StreamingContext("e1") as context:
        subscription = await context.subscribe(recorder)
        assert not await context.emit(StreamEvent(7, START, "e1", "a", 2, 5.0, StepStart("x.y", "unary_unary")))
        await anyio.wait_all_tasks_blocked()
        await context.unsubscribe(recorder)
        await context.unsubscribe(subscription)
        await context.emit(StreamEvent(1, START, "e1", "b"))
    assert [(event.seq, event.step_id, event.attempt, event.time_s) for event in recorder.events] == [(1, "a", 2, 5.0)]
    assert recorder.events[0].data == StepStart("x.y", "unary_unary")


async def test_awaited_emit_waits_for_a_subscriber_that_lags() -> None:
    """It does what a step does that heeds its subscribers."""
    held = Held()
    async with StreamingContext("e1") as context, anyio.create_task_group() as tasks:
        context.subscribe(held, buffer_size=4)
        emitted: list[bool] = []

        async def emit() -> None:
            for _ in range(12):
                pending = context.emit(StreamEvent(1, PROGRESS, "e1", "a"))
                emitted.append(bool(pending))
                await pending

        tasks.start_soon(emit)
        await anyio.wait_all_tasks_blocked()
        assert 0 < len(emitted) < 12
        held.released.set()
    assert held.seqs == list(range(1, 14))


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (StreamEvent(1, START, "e2", "a"), "the event belongs to execution 'e2', but these are the events of 'e1'"),
        (StreamEvent(1, "step_begin", "e1", "a"), "there is no event type 'step_begin'"),  # type: ignore[arg-type]
        (StreamEvent(1, START, "e1", "a", data=StepProgress()), "is a StepProgress, but it must be a StepStart"),
        (StreamEvent(1, START, "e1", "a", data={"kinds": 1}), "kind"),
    ],
)
async def test_emit_refuses_an_event_that_does_not_belong(event: StreamEvent, message: str) -> None:
    """It takes no number, and those that come after it are counted on."""
    async with StreamingContext("e1") as context:
        context.emit(START, "a")
        with pytest.raises((TypeError, ValueError), match=message):
            context.emit(event)
        context.emit(START, "b")
    assert [event.seq async for event in context.events()] == [1, 2, 3]


@pytest.mark.parametrize("enabled", [True, False])
async def test_emit_takes_whole_events_of_every_type(enabled: bool) -> None:
    """Also the terminal one, which alone is emitted when events are disabled."""
    async with StreamingContext("e1", enabled=enabled) as context:
        data = {"message": "half"}
        event = StreamEvent(1, PROGRESS, "e1", "a", data=data, metadata={"by": ["hand"]})
        context.emit(event)
        data["message"], event.metadata = "changed", {}
        context.emit(StreamEvent(1, COMPLETE, "e1", data=PipelineComplete(1.0)))
        after_the_end = StreamEvent(1, COMPLETE, "e1")
        with pytest.raises(RuntimeError, match="has already emitted its terminal event, so 'pipeline_complete' cannot"):
            context.emit(after_the_end)
    events = [event async for event in context.events()]
    assert [event.event_type for event in events] == [PROGRESS, COMPLETE][not enabled :]
    if enabled:
        assert (events[0].data, events[0].metadata) == (StepProgress(message="half"), {"by": ["hand"]})


@pytest.mark.parametrize("history", [8, 100])
async def test_whole_events_are_numbered_across_chunks(history: int) -> None:
    """The log goes on wherever one of its chunks ends."""
    recorder = Recorder()
    async with StreamingContext("e1", history=history) as context:
        context.subscribe(recorder)
        for _ in range(40):
            await context.emit(StreamEvent(1, START, "e1", "a"))
            await context.drain()
            context.emit(START, "b")
    assert recorder.seqs == list(range(1, 82))
    assert [event.step_id for event in recorder.events[:-1]] == ["a", "b"] * 40
