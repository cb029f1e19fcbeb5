"""The fold of events: what is known of an execution and of its steps at a moment."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.events.data import (
    EdgeInfo,
    PipelineCancelled,
    PipelineComplete,
    PipelineFailure,
    PipelineStart,
    StepComplete,
    StepFailure,
    StepInfo,
    StepOutput,
    StepProgress,
    StepRetry,
    StepSkipped,
    StepStart,
    StreamGap,
)
from headwater.events.event import DATA_MODELS, StreamEvent
from headwater.events.state import ExecutionState
from headwater.events.step_state import State

TYPES = {model: event_type for event_type, model in DATA_MODELS.items()}
START = PipelineStart(
    "report",
    (StepInfo("lines", "source.lines"), StepInfo("words", "text.words")),
    (EdgeInfo("lines.out", "words.in"), EdgeInfo("words.out", "output")),
)


def state_of(*happened: tuple[float, str | None, Any]) -> ExecutionState:
    """Return the state after events: each with its time, its step and its data."""
    execution = ExecutionState()
    execution.apply(
        StreamEvent(seq, TYPES[type(data)], "e1", step_id, time_s=time_s, data=data)
        for seq, (time_s, step_id, data) in enumerate(happened, 1)
    )
    return execution


def test_start_names_the_steps_and_their_neighbors() -> None:
    """The steps stand in the order of the plan, each with the steps that it reads from."""
    execution = state_of((5.0, None, START))
    assert (execution.name, execution.state, execution.started_s) == ("report", State.RUNNING, 5.0)
    assert [(step.kind, step.sources, step.state) for step in execution.steps.values()] == [
        ("source.lines", (), State.WAITING),
        ("text.words", ("lines",), State.WAITING),
    ]
    assert execution.readers == {"lines": ["words"], "words": []}


def test_step_has_its_counts_waits_and_output_while_it_runs() -> None:
    """The latest progress and the latest output replace those before."""
    words = state_of(
        (1.0, "words", StepStart("text.words", "unary_stream")),
        (2.0, "words", StepProgress(0.25, "chapter 1", 10, 40)),
        (3.0, "words", StepOutput("out", 0, "water")),
        (4.0, "words", StepProgress(None, "", 20, 90, {}, 0.5, 1.0, "output")),
    ).steps["words"]
    assert (words.items_in, words.items_out, words.count) == (20, 90, 90)
    assert (words.fraction, words.message) == (0.25, "chapter 1")
    assert words.waits[-1] == (4.0, 0.5, 1.0)
    assert (words.first_item_s, words.output and words.output.value) == (3.0, "water")
    assert words.busy(6.0) == pytest.approx(1 - (1.5 + 2.0) / 5)
    assert words.left_s(4.0) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("data", "state", "outcome"),
    [
        (StepComplete(1, 2, 0.5), State.DONE, "done"),
        (StepFailure("ValueError", "no number"), State.FAILED, "failed"),
        (StepFailure("ValueError", "no number", "lines"), State.STOPPED, "failed"),
        (StepSkipped("its branch was not taken"), State.SKIPPED, "skipped"),
        (StepProgress(0.5), State.RUNNING, "stopped"),
    ],
)
def test_step_has_an_outcome_when_it_ends(data: Any, state: State, outcome: str) -> None:
    """A step that failed is distinct from one that another failure stopped."""
    words = state_of((1.0, "words", StepStart("text.words", "unary_stream")), (2.0, "words", data)).steps["words"]
    assert (words.state, words.outcome) == (state, outcome)


def test_attempt_has_its_own_clock_when_a_step_starts_again() -> None:
    """A new attempt clears the failure and the end of the one before, and keeps when the step first started."""
    start = StepStart("text.words", "unary_stream")
    words = state_of(
        (1.0, "words", start),
        (2.0, "words", StepRetry(2, 0.5, "OSError", "busy")),
        (2.5, "words", start),
    ).steps["words"]
    assert (words.started_s, words.elapsed_s(4.0), words.retries) == (1.0, 1.5, [2.0])
    assert str(words.retry) == "attempt 2 in 500 ms: OSError: busy"


@pytest.mark.parametrize(
    ("end", "state"),
    [
        (PipelineComplete(2.0), State.DONE),
        (PipelineFailure(2.0, "ValueError", "no number", "lines"), State.FAILED),
        (PipelineCancelled(2.0, "Ctrl-C"), State.STOPPED),
    ],
)
def test_no_step_runs_when_the_execution_has_ended(end: Any, state: State) -> None:
    """The terminal event stops every step that has not ended, and the clock."""
    execution = state_of((1.0, None, START), (1.5, "words", StepStart("text.words", "x")), (3.0, None, end))
    assert (execution.state, execution.end, execution.ended) == (state, end, True)
    assert (execution.steps["words"].state, execution.steps["words"].elapsed_s(99.0)) == (State.STOPPED, 1.5)
    assert execution.steps["lines"].state is State.WAITING
    assert execution.elapsed_s(99.0) == 2.0


def test_events_that_are_missing_leave_the_rest_known() -> None:
    """A reader that joins in the middle knows the steps that it hears of, and how many events it missed."""
    execution = state_of((7.0, None, StreamGap(41, 1, 41)), (9.0, "words", StepComplete(10, 20, 4.0, first_item_s=1.0)))
    words = execution.steps["words"]
    assert (execution.missed, execution.state, execution.name) == (41, State.RUNNING, "")
    assert (words.state, words.started_s, words.first_item_s, words.elapsed_s(99.0)) == (State.DONE, 5.0, 6.0, 4.0)


def test_events_without_data_are_no_error() -> None:
    """The type of an event alone says what happened, as in a file that another program wrote."""
    execution = ExecutionState()
    execution.apply(StreamEvent(seq, event_type, "e1", "words") for seq, event_type in enumerate(DATA_MODELS, 1))
    assert execution.state is State.STOPPED
    assert execution.steps["words"].state is State.SKIPPED


def test_bottleneck_is_the_busiest_step_that_others_wait_for() -> None:
    """A step that waits itself is never the bottleneck."""
    running = [(0.0, step_id, StepStart("x", "x")) for step_id in ("lines", "words")]
    waits = (4.0, "words", StepProgress(None, "", 1, 1, {}, 3.0, 0.0, "input"))
    works = (4.0, "lines", StepProgress(None, "", 0, 1, {}, 0.0, 0.5))
    assert state_of((0.0, None, START), *running, waits).bottleneck(4.0) is None
    assert state_of((0.0, None, START), *running, waits, works).bottleneck(4.0) == "lines"
