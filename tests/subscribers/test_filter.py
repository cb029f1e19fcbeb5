from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from headwater import ConfigError, Pipeline, Runner, StreamSubscriber, step
from headwater.events.data import StepComplete, StepProgress
from headwater.events.event import EventType, StreamEvent
from headwater.events.streaming_context import StreamingContext
from headwater_subscribers import CallbackSubscriber, FilterSubscriber, SampleSubscriber


class Recorder(StreamSubscriber):
    """Keeps what it receives, in batches."""

    def __init__(self) -> None:
        self.events: list[StreamEvent] = []
        self.life: list[str] = []

    def on_events(self, batch: Sequence[StreamEvent]) -> None:
        assert batch
        self.events += batch

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None, None]:
        self.life.append("begin")
        yield
        self.life.append("end")

    @property
    def received(self) -> list[tuple[str, str | None]]:
        return [(event.event_type.value, event.step_id) for event in self.events]


@step("filter.double")
def double(number: int) -> int:
    """Double a number."""
    return 2 * number


@step("filter.next")
def following(number: int) -> int:
    """Add one."""
    return number + 1


PIPELINE = Pipeline("filter", steps={"double": double, "next": following}, streaming={"emit_items": "all"})
STEPS = ("step_start", "step_output", "step_complete")


async def run_with(subscriber: StreamSubscriber) -> None:
    """Run a pipeline that a subscriber watches."""
    async with Runner([subscriber]).start(PIPELINE, 1) as execution:
        await execution.result()
    assert not (await execution.result()).lost_subscribers


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, [("pipeline_start", None), *((kind, name) for name in ("double", "next") for kind in STEPS)]),
        ({"types": {"step_start"}}, [("step_start", "double"), ("step_start", "next")]),
        ({"types": set()}, []),
        ({"steps": {"next"}}, [("pipeline_start", None), *((kind, "next") for kind in STEPS)]),
        ({"types": {"step_start"}, "steps": {"next"}}, [("step_start", "next")]),
        ({"where": {"field": "data.value", "ge": 3}}, [("step_output", "next")]),
        ({"where": lambda event: event.step_id == "next", "types": {"step_start"}}, [("step_start", "next")]),
        ({"where": {"field": "data.nothing", "eq": 3}}, []),
    ],
    ids=["all", "type", "no type", "step", "type and step", "condition", "function and type", "no such field"],
)
async def test_filter_hands_on_what_passes_and_the_end(arguments: Any, expected: list[tuple[str, str | None]]) -> None:
    """Types, steps and conditions are all met by what is received, and the terminal event is always there."""
    recorder = Recorder()
    await run_with(FilterSubscriber(recorder, **arguments))
    assert recorder.received == [*expected, ("pipeline_complete", None)]
    assert recorder.life == ["begin", "end"]


async def test_filter_never_widens_what_the_other_subscriber_wants() -> None:
    """A subscriber of one type receives no other, not even the end."""
    recorder = Recorder()
    recorder.types, recorder.steps = {"step_start", "step_output"}, {"next"}
    await run_with(FilterSubscriber(recorder, types={"step_start", "step_complete"}))
    assert recorder.received == [("step_start", "next")]


async def test_filters_may_stand_before_one_another() -> None:
    """A filter of a filter passes what both let through."""
    recorder = Recorder()
    await run_with(FilterSubscriber(FilterSubscriber(recorder, types={"step_start"}), steps={"double"}))
    assert recorder.received == [("step_start", "double"), ("pipeline_complete", None)]


def test_filter_serves_the_other_subscriber_on_its_terms() -> None:
    """Policy, buffer, deadline and interval are those of the receiver."""

    class Particular(Recorder):
        policy = "drop_oldest"
        buffer_size = 7
        send_deadline_s = 0.25
        interval_s = 3.0

    for composed in (FilterSubscriber(Particular()), SampleSubscriber(FilterSubscriber(Particular()), every=2)):
        terms = (composed.policy, composed.buffer_size, composed.send_deadline_s, composed.interval_s)
        assert terms == ("drop_oldest", 7, 0.25, 3.0)


async def test_each_call_has_the_deadline_for_itself_when_handed_on_one_by_one(virtual_clock: object) -> None:
    """Many short calls are not a hanging subscriber, just as without the filter."""
    seen: list[int] = []

    async def slow(event: StreamEvent) -> None:
        await anyio.sleep(4)  # by the virtual clock; two of these take longer than the deadline of one
        seen.append(event.seq)

    async with StreamingContext("e1") as context:
        context.subscribe(FilterSubscriber(CallbackSubscriber(slow, send_deadline_s=5), steps={"a"}))
        for _ in range(5):
            context.emit(EventType.STEP_START, "a")
            context.emit(EventType.STEP_START, "b")
    assert context.lost == []
    assert seen == [*range(1, 11, 2), 11]


async def test_gap_passes_whatever_is_asked_for() -> None:
    """Events that were missed may have been those that are wanted."""
    recorder = Recorder()
    async with StreamingContext("e1", history=5) as context:
        for _ in range(20):
            context.emit(EventType.STEP_START, "a")
        context.subscribe(FilterSubscriber(recorder, types={"step_complete"}, where=lambda event: False))
        context.emit(EventType.STEP_COMPLETE, "a", StepComplete(1, 1, 0.1))
    assert [event.event_type.value for event in recorder.events] == ["stream_gap", "pipeline_complete"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"types": {"step_begin"}}, ValueError),
        ({"types": "step_start"}, TypeError),
        ({"steps": "double"}, TypeError),
        ({"where": {"field": "seq", "above": 3}}, ConfigError),
    ],
)
def test_filter_refuses_what_cannot_be_meant(arguments: Any, error: type[Exception]) -> None:
    """A mistake is reported when the subscriber is created, not when events fail to come."""
    with pytest.raises(error):
        FilterSubscriber(Recorder(), **arguments)


async def test_filter_reports_a_condition_that_raises_once(reports: Any) -> None:
    """A function that fails is the failure of the subscriber alone."""
    recorder, other = Recorder(), Recorder()

    def broken(event: StreamEvent) -> bool:
        raise KeyError(event.seq)

    async with StreamingContext("e1") as context:
        context.subscribe(FilterSubscriber(recorder, where=broken))
        context.subscribe(other)
        context.emit(EventType.STEP_PROGRESS, "a", StepProgress(0.5))
    assert [report["reason"] for report in reports] == ["error"]
    assert len(other.events) == 2
