from __future__ import annotations

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.events.chunk import WIDTH, EventBatch
from headwater.events.data import StreamGap
from headwater.events.event import EventType, StreamEvent
from headwater.events.log import EventLog, EventReader


def filled(count: int, *, history: int = 1000, closed: bool = False) -> EventLog:
    """Return a log with some events."""
    log = EventLog("e1", history=history)
    for index in range(count):
        log.append(EventType.STEP_PROGRESS, f"s{index}")
    if closed:
        log.append(EventType.PIPELINE_COMPLETE)
    return log


def seqs(events: list[StreamEvent] | tuple[StreamEvent, ...]) -> list[int]:
    """Return the numbers of events."""
    return [event.seq for event in events]


def test_events_are_numbered_from_one_without_gaps() -> None:
    """The number of an event is its place in the log."""
    assert seqs(list(filled(5).read(after=0))) == [1, 2, 3, 4, 5]


def test_event_holds_what_was_appended() -> None:
    """Every argument ends up in its own field."""
    log = EventLog("e1")
    log.append(EventType.STEP_START, "a", None, attempt=3, metadata={"k": 1})
    (event,) = log.read(after=0)
    assert event == StreamEvent(1, EventType.STEP_START, "e1", "a", 3, event.time_s, None, {"k": 1})
    assert event.to_dict()["attempt"] == 3


@pytest.mark.parametrize("event_type", [event_type for event_type in EventType if event_type.terminal])
def test_append_raises_after_a_terminal_event(event_type: EventType) -> None:
    """There is exactly one terminal event, and it is the last."""
    log = EventLog("e1")
    log.append(event_type)
    with pytest.raises(
        RuntimeError, match=r"'e1' has already emitted its terminal event, so 'step_start' cannot follow"
    ):
        log.append(EventType.STEP_START)
    assert log.closed
    assert [event.event_type for event in log.read(after=0)] == [event_type]


def test_readers_in_step_share_one_batch() -> None:
    """A batch is handed over by reference, however many read it."""
    log = filled(10)
    assert log.read(after=0) is log.read(after=0)


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
def test_events_are_equal_and_encoded_once_when_readers_are_out_of_step(
    monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """How a reader portions the log changes neither its events nor what they cost."""
    encoded: list[int] = []

    def encode(event: StreamEvent) -> bytes:
        encoded.append(event.seq)
        return b"%d" % event.seq

    monkeypatch.setattr("headwater.events.event._encode", encode)
    log = filled(30, history=40)
    everything = list(log.read(after=0))
    portions = [list(log.read(after=after, limit=limit)) for after in range(0, 30, limit)]
    assert [event for portion in portions for event in portion] == everything
    assert [event.to_json() for portion in portions for event in portion] == [b"%d" % seq for seq in range(1, 31)]
    assert [event.to_json() for event in everything] == [b"%d" % seq for seq in range(1, 31)]
    assert encoded == list(range(1, 31))


def test_batch_is_a_sequence() -> None:
    """It can be measured, indexed, sliced, iterated and shown like a list."""
    batch = filled(100, history=10).read(after=88)
    assert (len(batch), len(list(batch)), batch.last_seq) == (11, 11, 100)
    assert [event.seq for event in batch[:3]] == [90, 91, 92]
    assert batch[0].event_type is EventType.STREAM_GAP
    assert batch[-1] == list(batch)[-1]
    assert repr(batch) == repr(list(batch))
    assert not filled(3).read(after=3)


def test_batch_outlives_the_history() -> None:
    """What a reader holds can be read when the log has let it go."""
    log = filled(10, history=10)
    batch = log.read(after=0)
    for _ in range(100):
        log.append(EventType.STEP_PROGRESS)
    assert seqs(list(batch)) == list(range(1, 11))


def test_attention_is_called_when_it_asked_to_be() -> None:
    """What watches the log runs after as many events as it said, at the next event on request, and at the end."""
    log = EventLog("e1")
    seen: list[int] = []
    log.on_attention = lambda: (seen.append(log.last_seq), 4)[1]
    for _ in range(10):
        log.append(EventType.STEP_PROGRESS)
    log.attend()
    log.append(EventType.STEP_PROGRESS)
    log.append(EventType.PIPELINE_COMPLETE)
    assert seen == [1, 5, 9, 11, 12]


def test_batch_stays_as_it_was_when_events_follow() -> None:
    """What a reader holds never changes."""
    log = filled(3)
    batch = log.read(after=0)
    log.append(EventType.STEP_PROGRESS)
    assert len(batch) == 3
    assert seqs(list(log.read(after=0))) == [1, 2, 3, 4]


def test_reader_behind_the_history_gets_a_gap() -> None:
    """What was dropped is reported as a number, not passed over in silence."""
    gap, *rest = filled(100, history=10).read(after=20)
    assert gap.event_type is EventType.STREAM_GAP
    assert gap.data == StreamGap(missed=70, first_seq=21, last_seq=90)
    assert gap.seq == 90
    assert seqs(rest) == list(range(91, 101))


def test_log_keeps_little_more_than_its_history() -> None:
    """Memory stays bounded, however long an execution runs."""
    log = filled(10_000, history=80)
    assert sum(len(chunk.fields) // WIDTH for chunk in log._chunks) <= 80 + 80 // 8 + 1
    assert log.first_seq == 10_000 - 80 + 1


def test_terminal_event_is_kept_when_the_history_is_one() -> None:
    """The end of an execution can always be read."""
    events = filled(50, history=1, closed=True).read(after=0)
    assert [event.event_type for event in events] == [EventType.STREAM_GAP, EventType.PIPELINE_COMPLETE]


def test_read_gives_at_most_the_limit() -> None:
    """A late reader catches up in portions."""
    log = filled(10)
    assert seqs(list(log.read(after=2, limit=3))) == [3, 4, 5]
    assert seqs(list(log.read(after=8, limit=3))) == [9, 10]
    assert list(log.read(after=10, limit=3)) == []


@given(
    history=st.integers(1, 12),
    portions=st.lists(st.integers(0, 7), max_size=8),
    after=st.integers(0, 40),
    limit=st.integers(1, 9),
)
def test_reading_in_portions_gives_each_event_once(history: int, portions: list[int], after: int, limit: int) -> None:
    """Events read and events missed add up to all events, in order, for every way of reading."""
    log = EventLog("e1", history=history)
    cursor, seen = after, after
    for portion in portions:
        for _ in range(portion):
            log.append(EventType.STEP_PROGRESS)
        while batch := log.read(after=cursor, limit=limit):
            for event in batch:
                seen += event.data.missed if isinstance(event.data, StreamGap) else 1
                assert event.seq == seen
            cursor = batch[-1].seq
    assert cursor == max(after, log.last_seq)


@pytest.mark.parametrize("history", [0, -1])
def test_log_refuses_a_history_of_no_events(history: int) -> None:
    """The terminal event has to be kept."""
    with pytest.raises(ValueError, match="at least the last event"):
        EventLog("e1", history=history)


def test_reader_refuses_to_start_before_the_first_event() -> None:
    """Numbers start from 1."""
    with pytest.raises(ValueError, match="the first event has the number 1"):
        EventReader(EventLog("e1"), from_seq=0)


@pytest.mark.parametrize("from_seq", [9, 10, 1000])
@pytest.mark.parametrize("late", [False, True])
async def test_reader_that_starts_beyond_the_end_gets_the_terminal_event(from_seq: int, late: bool) -> None:
    """Whoever asks for more than there is learns how the execution ended, once."""
    log = filled(7)
    reader = EventReader(log, from_seq=from_seq)
    if late:
        log.append(EventType.PIPELINE_COMPLETE)
    seen: list[int] = []

    async def read() -> None:
        async for batch in reader:
            seen.extend(event.seq for event in batch)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        await anyio.wait_all_tasks_blocked()
        if not late:
            log.append(EventType.PIPELINE_COMPLETE)
    assert seen == [8]


@pytest.mark.parametrize("from_seq", [1, 2, 5, 6, 8])
async def test_reader_replays_then_follows(from_seq: int) -> None:
    """A late reader sees the past and the present without gap or duplicate, and ends with the terminal event."""
    log = filled(4)
    seen: list[int] = []

    async def read() -> None:
        async for batch in EventReader(log, from_seq=from_seq, limit=3):
            seen.extend(event.seq for event in batch)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        for _ in range(3):
            await anyio.wait_all_tasks_blocked()
            log.append(EventType.STEP_PROGRESS)
        log.append(EventType.PIPELINE_COMPLETE)
    assert seen == list(range(from_seq, 9))


async def test_many_readers_are_woken_by_one_event() -> None:
    """All that wait see the news."""
    log = EventLog("e1")
    firsts: list[int] = []

    async def read() -> None:
        batch = await anext(EventReader(log))
        firsts.append(batch[0].seq)

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(read)
        await anyio.wait_all_tasks_blocked()
        log.append(EventType.STEP_PROGRESS)
    assert firsts == [1] * 20


async def test_reading_a_full_log_can_be_cancelled() -> None:
    """Even a reader that never has to wait lets others run."""
    log = filled(1000, closed=True)
    batches = 0
    with anyio.CancelScope() as scope:
        async for _ in EventReader(log, limit=1):
            batches += 1
            if batches == 3:
                scope.cancel()
    assert scope.cancelled_caught
    assert batches == 3


TYPES = [EventType.STEP_START, EventType.STEP_PROGRESS, EventType.STEP_OUTPUT]


@given(
    emitted=st.lists(st.tuples(st.sampled_from(TYPES), st.sampled_from(["a", "b", None])), max_size=100),
    types=st.none() | st.frozensets(st.sampled_from(TYPES), max_size=2),
    steps=st.none() | st.frozensets(st.sampled_from(["a", "b"])),
    history=st.integers(1, 100),
    after=st.integers(0, 100),
    is_made=st.booleans(),
    latest=st.booleans(),
)
def test_select_gives_the_events_that_are_wanted(
    *,
    emitted: list[tuple[EventType, str | None]],
    types: frozenset[EventType] | None,
    steps: frozenset[str] | None,
    history: int,
    after: int,
    is_made: bool,
    latest: bool,
) -> None:
    """Selecting before events are made gives what selecting among them would give, a gap always included."""
    batches: list[EventBatch] = []
    for _ in range(2):
        log = EventLog("e1", history=history)
        for event_type, step_id in emitted:
            log.append(event_type, step_id)
        batches.append(log.read(after=after))
    expected = [
        (event.seq, event.step_id)
        for event in batches[0]
        if event.event_type is EventType.STREAM_GAP
        or ((types is None or event.event_type in types) and (steps is None or event.step_id in steps))
    ]
    if latest:
        progress = {event.seq for event in batches[0] if event.event_type is EventType.STEP_PROGRESS}
        last = {step_id: seq for seq, step_id in expected if seq in progress}
        expected = [(seq, step_id) for seq, step_id in expected if seq not in progress or last[step_id] == seq]
    selected = batches[not is_made].select(types, steps, latest=latest)
    assert [(event.seq, event.step_id) for event in selected] == expected


def test_select_finds_rare_events_in_many_chunks() -> None:
    """A few events among thousands of others are found, and only they are made."""
    log = EventLog("e1", history=10_000)
    rare = [1, 1024, 1025, 2048, 2049, 5000]
    for seq in range(1, 5001):
        log.append(EventType.STEP_START if seq in rare else EventType.STEP_OUTPUT, f"s{seq}")
    selected = log.read(after=0).select(frozenset({EventType.STEP_START}), None)
    assert [(event.seq, event.step_id) for event in selected] == [(seq, f"s{seq}") for seq in rare]


def test_log_says_what_is_missing_when_it_skips_events() -> None:
    """A copy of a log that no longer has its first events begins with a gap, for each reader that comes before it."""
    log = EventLog("e1")
    log.append(EventType.STEP_START, "a")
    log.skip(5)
    log.append(EventType.STEP_START, "b")
    gap, event = log.read(after=0)
    assert (gap.event_type, gap.data.missed, gap.seq) == (EventType.STREAM_GAP, 5, 5)
    assert (event.seq, event.step_id) == (6, "b")
    assert [event.seq for event in log.read(after=5)] == [6]
