"""The changes that each type of event makes to the totals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from headwater import EventType, SloBreached, StepComplete, StepFailure, StepProgress, StepSkipped, StepStart, StreamGap
from headwater_subscribers.metrics.tallies import OTHER

if TYPE_CHECKING:
    from headwater import StreamEvent
    from headwater_subscribers.metrics.tallies import RunTally, StepTally, Tallies

__all__ = ["CHANGES"]

_NONE: Final = (0, 0)

_MOST_ERRORS: Final = 1_000
"""Errors of one execution whose time is kept until they are explained."""


def _key(event: StreamEvent) -> str:
    """Return what identifies the run of a step within its execution."""
    return event.run_key or OTHER


def _step_start(tallies: Tallies, run: RunTally, event: StreamEvent, data: Any) -> None:
    step_id = event.step_id or OTHER
    run.running[step_id] = event.time_s
    if isinstance(data, StepStart):
        if step_id not in run.pipeline.steps:
            tallies.step(run, step_id, data.kind)
        if run.pipeline.planned.get(step_id, data.flavor) != data.flavor:
            run.deviants.add(step_id)


def _step_progress(tallies: Tallies, run: RunTally, event: StreamEvent, data: Any) -> None:
    if isinstance(data, StepProgress) and data.items_in is not None and data.items_out is not None:
        step_id = event.step_id or OTHER
        tally = run.pipeline.steps.get(step_id) or tallies.step(run, step_id)
        _count_aside(tally, run, _key(event), data.items_aside)
        counted = run.counted.get(_key(event), _NONE)
        run.counted[_key(event)] = _count_items(tally, counted, data.items_in, data.items_out)


def _count_items(tally: StepTally, counted: tuple[int, int], items_in: int, items_out: int) -> tuple[int, int]:
    """Count the items that are new since the last report of the step; return what is counted now."""
    counted_in, counted_out = counted
    if items_in > counted_in:
        tally.items_in += items_in - counted_in
        counted_in = items_in
    if items_out > counted_out:
        tally.items_out += items_out - counted_out
        counted_out = items_out
    return counted_in, counted_out


def _count_aside(tally: StepTally, run: RunTally, key: str, aside: Mapping[str, int] | None) -> None:
    """Count the items that have left the main stream since the last report of the step."""
    if aside:
        before = run.aside.get(key, {})
        for where, count in aside.items():
            tally.items_aside[where] = tally.items_aside.get(where, 0) + max(count - before.get(where, 0), 0)
        run.aside[key] = aside


def _step_complete(tallies: Tallies, run: RunTally, event: StreamEvent, data: Any) -> None:
    step_id = event.step_id or OTHER
    tally = run.pipeline.steps.get(step_id) or tallies.step(run, step_id)
    run.running.pop(step_id, None)
    tally.completed += 1
    if not isinstance(data, StepComplete):
        return
    tally.durations.add(data.duration_s)
    if data.first_item_s is not None:
        tally.first_items.add(data.first_item_s)
    _count_aside(tally, run, _key(event), data.items_aside)
    run.aside.pop(_key(event), None)
    counted = run.counted.pop(_key(event), None)
    if counted is None:
        tally.items_in += data.items_in
        tally.items_out += data.items_out
    else:
        _count_items(tally, counted, data.items_in, data.items_out)
    for what, count in data.policies.items():
        tally.policies[what] = tally.policies.get(what, 0) + count
    if data.bytes_out is not None:
        tally.bytes_out += data.bytes_out
    tally.input_wait_s += data.input_wait_s
    tally.output_wait_s += data.output_wait_s
    if data.largest_gap_s is not None and data.largest_gap_s > (tally.largest_gap_s or 0.0):
        tally.largest_gap_s = data.largest_gap_s
    if data.compensations:
        tally.compensated += 1
    if data.attempts > 1 or event.attempt > 1 or step_id in run.deviants:
        tally.deviated += 1


def _step_error(tallies: Tallies, run: RunTally, event: StreamEvent, data: Any) -> None:
    step_id = event.step_id or OTHER
    tally = tallies.step(run, step_id)
    started_s = run.running.pop(step_id, None)
    if started_s is not None:
        tally.durations.add(max(event.time_s - started_s, 0.0))  # as the clock may be set back
    run.counted.pop(_key(event), None)
    run.aside.pop(_key(event), None)
    suffers = isinstance(data, StepFailure) and data.cause_step_id is not None
    if suffers:
        tally.suffered += 1
    else:
        tally.failed += 1
        if len(run.errors_s) < _MOST_ERRORS:
            run.errors_s.append(event.time_s)
    is_late = isinstance(data, StepFailure) and data.error_type.endswith("TimeoutError")
    if is_late or event.attempt > 1 or step_id in run.deviants:
        tally.deviated += 1


def _step_retry(tallies: Tallies, run: RunTally, event: StreamEvent, data: Any) -> None:
    del data
    tallies.step(run, event.step_id).retries += 1
    run.deviants.add(event.step_id or OTHER)


def _step_skipped(tallies: Tallies, run: RunTally, event: StreamEvent, data: Any) -> None:
    if not isinstance(data, StepSkipped) or data.index is None:  # items are counted by where they went
        tallies.step(run, event.step_id).skipped += 1


def _input_required(tallies: Tallies, run: RunTally, event: StreamEvent, data: Any) -> None:
    del event, data
    tallies.waits_for_person += not run.waited_for_person
    run.waited_for_person = True


def _stream_gap(tallies: Tallies, run: RunTally, event: StreamEvent, data: Any) -> None:
    del run, event
    tallies.missed_events += data.missed if isinstance(data, StreamGap) else 0


def _slo_breached(tallies: Tallies, run: RunTally, event: StreamEvent, data: Any) -> None:
    del tallies, event
    if isinstance(data, SloBreached):
        breaches = run.pipeline.slo_breaches
        breaches[data.objective] = breaches.get(data.objective, 0) + 1


def _pipeline_end(tallies: Tallies, run: RunTally, event: StreamEvent, data: Any) -> None:
    pipeline = run.pipeline
    if event.event_type is EventType.PIPELINE_COMPLETE:
        pipeline.completed += 1
    elif event.event_type is EventType.PIPELINE_ERROR:
        pipeline.failed += 1
        run.errors_s = run.errors_s or [event.time_s]  # a failure outside the steps is explained at once
    else:
        pipeline.cancelled += 1
    if data is not None:
        pipeline.durations.add(data.duration_s)
    for error_s in run.errors_s:
        tallies.explanations.add(max(event.time_s - error_s, 0.0))
    for step_id in run.running:
        tallies.step(run, step_id).stopped += 1
    del tallies.runs[event.execution_id]


CHANGES: Final[Mapping[EventType, Callable[[Tallies, RunTally, StreamEvent, Any], None]]] = {
    EventType.STEP_START: _step_start,
    EventType.STEP_PROGRESS: _step_progress,
    EventType.STEP_COMPLETE: _step_complete,
    EventType.STEP_ERROR: _step_error,
    EventType.STEP_RETRY: _step_retry,
    EventType.STEP_SKIPPED: _step_skipped,
    EventType.INPUT_REQUIRED: _input_required,
    EventType.STREAM_GAP: _stream_gap,
    EventType.SLO_BREACHED: _slo_breached,
    EventType.PIPELINE_COMPLETE: _pipeline_end,
    EventType.PIPELINE_ERROR: _pipeline_end,
    EventType.PIPELINE_CANCELLED: _pipeline_end,
}
"""The change that an event of each type makes; other types make none."""
