"""The assertions of `EventRecorder` hold, and their messages list the events."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from headwater import EventType, Pipeline, StepError, StreamEvent, step
from headwater.testing import EventRecorder


@step("recorder.double")
def double(number: int) -> int:
    """Double a number."""
    return 2 * number


@step("recorder.fail")
def fail(number: int) -> Iterator[int]:
    """Fail after the first item."""
    yield number
    raise ValueError("spilled")


async def recorded(**filters: set[str]) -> EventRecorder:
    """Return the events of a short execution."""
    recorder = EventRecorder(**filters)
    pipeline = Pipeline("short", steps={"first": double, "second": double})
    await pipeline.run(iter([1, 2]), subscribers=[recorder])
    return recorder


async def test_passes_when_the_events_are_as_expected() -> None:
    """Events of other types may come between the expected ones."""
    recorder = await recorded()
    recorder.assert_order("pipeline_start", "step_start first", "step_complete second", "pipeline_complete")
    recorder.assert_none("step_error", "step_start third")
    recorder.assert_complete()
    assert [event.step_id for event in recorder.assert_some("step_complete", count=2)] == ["first", "second"]
    assert [(step.outcome, step.items_out) for step in recorder.state.steps.values()] == [("done", 2), ("done", 2)]


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (lambda it: it.assert_order("pipeline_complete", "step_start"), "'step_start' after 'pipeline_complete'"),
        (lambda it: it.assert_order("step_start third"), "expected 'step_start third', but it did not come"),
        (lambda it: it.assert_order("pipeline_start", "pipeline_start"), "but it did not come"),
        (lambda it: it.assert_some("step_error"), "expected 'step_error' at least once, found 0"),
        (lambda it: it.assert_some("step_start", count=3), "expected 'step_start' 3 times, found 2"),
        (lambda it: it.assert_none("step_start first"), "expected 'step_start first' 0 times, found 1"),
    ],
)
async def test_shows_the_events_when_an_assertion_fails(check: Callable[[EventRecorder], None], message: str) -> None:
    """The message says what was expected, and lists the events that there are."""
    recorder = await recorded()
    with pytest.raises(AssertionError) as caught:
        check(recorder)
    assert message in str(caught.value)
    assert "  1 pipeline_start\n" in str(caught.value)


def test_refuses_a_type_that_does_not_exist() -> None:
    """A misspelled type must not pass as something that did not happen."""
    with pytest.raises(ValueError, match="no event type 'step_eror'"):
        EventRecorder().assert_none("step_eror")


async def test_complete_holds_when_an_execution_failed() -> None:
    """A failed execution has a terminal event as well."""
    recorder = EventRecorder()
    with pytest.raises(StepError):
        await Pipeline("fails", steps={"fail": fail}).run(1, subscribers=[recorder])
    recorder.assert_complete()
    recorder.assert_order("step_error fail", "pipeline_error")


async def test_complete_fails_when_events_were_filtered() -> None:
    """Filtered events have gaps, so nothing can be said of the whole."""
    recorder = await recorded(types={"step_start"})
    with pytest.raises(AssertionError, match="not 1, 2, 3"):
        recorder.assert_complete()


async def test_complete_fails_when_the_execution_has_not_ended() -> None:
    """Events without a terminal one are not those of a whole execution."""
    recorder = EventRecorder()
    await recorder.on_events([StreamEvent(1, EventType.PIPELINE_START, "e1")])
    with pytest.raises(AssertionError, match="found 0"):
        recorder.assert_complete()
