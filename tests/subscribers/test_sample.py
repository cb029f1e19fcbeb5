from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater import Pipeline, Runner, step
from headwater.events.event import EventType, StreamEvent
from headwater_subscribers import SampleSubscriber
from tests.subscribers.test_filter import Recorder

OUTPUT, PROGRESS, START, END = (
    EventType.STEP_OUTPUT,
    EventType.STEP_PROGRESS,
    EventType.STEP_START,
    EventType.PIPELINE_COMPLETE,
)


def sampled(events: list[StreamEvent], parts: int = 7, **arguments: Any) -> list[StreamEvent]:
    """Return what is handed on of events that come in several batches."""
    recorder = Recorder()
    subscriber = SampleSubscriber(recorder, **arguments)
    for start in range(0, len(events), parts):
        subscriber.on_events(events[start : start + parts])
    return recorder.events


def outputs(count: int, *, step_id: str = "a", per_s: float = 10.0, first: int = 1) -> list[StreamEvent]:
    """Return events of items."""
    return [StreamEvent(first + index, OUTPUT, "e1", step_id, time_s=index / per_s) for index in range(count)]


def left_out(events: list[StreamEvent]) -> int:
    """Return how many events are reported as left out."""
    return sum((event.metadata or {}).get("sampled_out", 0) for event in events)


def test_every_nth_is_taken_of_each_step_and_type() -> None:
    """Steps that take turns do not hide one another."""
    events = [StreamEvent(seq, OUTPUT, "e1", "ab"[seq % 2]) for seq in range(1, 41)]
    taken = sampled([*events, StreamEvent(41, END, "e1")], every=10)
    assert [(event.seq, event.step_id) for event in taken] == [(1, "b"), (2, "a"), (21, "b"), (22, "a"), (41, None)]
    assert [event.metadata for event in taken] == [None, None, {"sampled_out": 18}, None, {"sampled_out": 18}]


def test_fraction_is_the_share_that_is_taken() -> None:
    """About this share is taken, and the same events give the same sample."""
    events = outputs(2000)
    taken = sampled(events, fraction=0.25)
    assert 400 < len(taken) < 600
    assert [event.seq for event in taken] == [event.seq for event in sampled(events, parts=100, fraction=0.25)]
    assert [event.seq for event in taken] != [event.seq for event in sampled(events, fraction=0.25, seed=1)]


@pytest.mark.parametrize(("per_second", "expected"), [(2, 22), (100, 1100), (0.5, 6), (2000, 5000)])
def test_so_many_are_taken_per_second(per_second: float, expected: int) -> None:
    """After what a second allows at once, events are taken at the rate, by their own time."""
    taken = sampled(outputs(5000, per_s=500.0), per_second=per_second)
    assert abs(len(taken) - expected) <= 1


def test_time_that_goes_back_gives_no_events_away() -> None:
    """A clock that was set back does not make the sample larger, or empty forever."""
    events = outputs(10, per_s=1.0) + outputs(20, per_s=1.0, first=11)
    assert [event.seq for event in sampled(events, per_second=1)] == [*range(1, 11), *range(21, 31)]


@given(
    kinds=st.lists(st.tuples(st.sampled_from([OUTPUT, PROGRESS, START]), st.sampled_from("ab")), max_size=60),
    arguments=st.sampled_from([{"every": 3}, {"every": 1}, {"fraction": 0.3}, {"fraction": 1}, {"per_second": 4}]),
    parts=st.integers(1, 20),
)
def test_nothing_is_left_out_in_silence(kinds: list[tuple[EventType, str]], arguments: Any, parts: int) -> None:
    """Events that are passed on or reported as left out add up, in order, with all that are not sampled."""
    events = [StreamEvent(seq, kind, "e1", step_id, time_s=seq / 9) for seq, (kind, step_id) in enumerate(kinds, 1)]
    events.append(StreamEvent(len(events) + 1, END, "e1"))
    taken = sampled(events, parts, **arguments)
    seqs = [event.seq for event in taken]
    assert seqs == sorted(seqs)
    assert len(taken) + left_out(taken) == len(events)
    assert {event.seq for event in events if event.event_type not in {OUTPUT, PROGRESS}} <= set(seqs)
    assert all(event.metadata is None for event in events), "the events of the log belong to others too"


async def test_sample_serves_executions_one_by_one() -> None:
    """Each execution is counted for itself, and nothing of it is kept after its end."""

    @step("sample.same")
    def same(number: int) -> int:
        return number

    pipeline = Pipeline("same", steps={"same": same}, streaming={"emit_items": "all"})
    recorder = Recorder()
    subscriber = SampleSubscriber(recorder, every=100, types={"step_output"})
    for _ in range(3):
        recorder.events.clear()
        async with Runner([subscriber]).start(pipeline, range(250)) as execution:
            await execution.result()
        items = [event for event in recorder.events if event.event_type is OUTPUT]
        assert [event.data.index for event in items] == [0, 100, 200]
        assert left_out(recorder.events) == 247
        assert recorder.events[-1].event_type is END
    assert subscriber._samples == {}


def test_sample_forgets_executions_that_were_left_before_their_end() -> None:
    """Memory is bounded whatever subscribers do."""
    recorder = Recorder()
    subscriber = SampleSubscriber(recorder, every=2)
    for number in range(3000):
        subscriber.on_events([StreamEvent(1, OUTPUT, f"e{number}", "a")])
    assert len(recorder.events) == 3000
    assert len(subscriber._samples) <= 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "exactly one of every, fraction and per_second is expected, but 0 are given"),
        ({"every": 2, "fraction": 0.5}, "but 2 are given"),
        ({"every": 0}, "every is 0, but it must be more than 0"),
        ({"fraction": 1.5}, "fraction is 1.5, but it must be more than 0 and at most 1"),
        ({"per_second": -1}, "per_second is -1"),
        ({"fraction": float("nan")}, "fraction is nan"),
        ({"every": 2, "types": {"step_begin"}}, "there is no event type 'step_begin'"),
    ],
)
def test_sample_refuses_what_cannot_be_meant(arguments: Any, message: str) -> None:
    """A mistake is reported when the subscriber is created."""
    with pytest.raises(ValueError, match=message):
        SampleSubscriber(Recorder(), **arguments)
