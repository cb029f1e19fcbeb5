"""The words and numbers with which an execution and its steps are shown on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headwater import PipelineCancelled, PipelineFailure, StepRetry, StepSkipped
from headwater.toolkit import State, countdown, duration, one_line, quantity

if TYPE_CHECKING:
    from headwater import ExecutionState, StepState, StreamEvent

__all__ = ["aside", "by_policies", "counts", "left", "message", "name", "note", "of_item", "percent", "rate", "summary"]

_LOST = ("skipped", "rejected", "errors", "lost")
_POLICIES = {"limited": "held back", "rejected": "refused"}
"""Words for what policies did, where the name alone would say something else."""


def counts(step: StepState) -> str:
    """Return the numbers of items in words, such as `12 in, 7 out`."""
    known = ((step.items_in or None, "in"), (step.items_out, "out"))  # a source reads nothing, which needs no word
    return ", ".join([*(f"{quantity(count)} {way}" for count, way in known if count is not None), *_aside(step)])


def aside(step: StepState) -> str:
    """Return the numbers of items that did not go to the main output, such as `3 skipped`; empty when all did."""
    return ", ".join(_aside(step))


def _aside(step: StepState) -> list[str]:
    return [f"{quantity(count)} {one_line(where)}" for where, count in step.items_aside.items()] + by_policies(step)


def by_policies(step: StepState) -> list[str]:
    """Return what the policies of a step that has completed did, such as `40 cached`."""
    if step.result is None:
        return []
    done = step.result.policies
    return [f"{quantity(count)} {_POLICIES.get(what, one_line(what))}" for what, count in done.items()]


def runs(step: StepState) -> str:
    """Return how often a step of a nested pipeline was started, such as `12 runs`; empty for a single time."""
    return f"{quantity(step.runs)} runs" if step.runs > 1 else ""


def rate(step: StepState, now_s: float) -> str:
    """Return the items per second, such as `52.0k/s`; empty when there are none."""
    per_s = step.per_s(now_s)
    return f"{quantity(per_s)}/s" if per_s else ""


def left(step: StepState, now_s: float) -> str:
    """Return the time that is left, such as `12 s left`; empty when there is no estimate."""
    left_s = step.left_s(now_s)
    return "" if left_s is None else countdown(left_s)


def percent(step: StepState) -> str:
    """Return how much is done, such as `40%`; empty when that is unknown, or all or nothing."""
    is_between = step.state in {State.RUNNING, State.STOPPED}
    return f"{step.fraction:.0%}" if is_between and step.fraction is not None else ""


def message(step: StepState) -> str:
    """Return what a step last reported, why it failed, or why it was skipped, in one line."""
    if step.state is State.DONE:
        return ""
    if step.state is State.SKIPPED:
        return one_line(step.skip_reason)
    return one_line(str(step.failure or step.message or step.retry or ""))


def of_item(event: StreamEvent) -> str:
    """Return what happened to a single item of a step; empty for any other event."""
    data = event.data
    if isinstance(data, StepSkipped) and data.index is not None:
        return f"item {data.index}: {one_line(data.reason)}"
    return one_line(str(data)) if isinstance(data, StepRetry) and data.index is not None else ""


def note(step: StepState) -> str:
    """Return how much is done and what the step reported, such as `40% decoding`."""
    return " ".join(part for part in (percent(step), message(step)) if part)


def name(execution: ExecutionState) -> str:
    """Return the name of the pipeline in one line."""
    return one_line(execution.name) or "pipeline"


def step_name(step_id: str) -> str:
    """Return the id of a step, which a file of events may hold with any characters, in one line."""
    return one_line(step_id)


def summary(execution: ExecutionState, now_s: float, *, whole: bool = True) -> str:
    """Return how an execution stands in one line; unless `whole`, a failure that a step shows is left out.

    An example is `word-report: failed at step 'words': OSError: no such file (after 2.1 s)`.
    """
    took = duration(execution.elapsed_s(now_s))
    return f"{name(execution)}: {_outcome(execution, took, whole=whole) or _so_far(execution, now_s, took)}"


def _outcome(execution: ExecutionState, took: str, *, whole: bool) -> str:
    end = execution.end
    if execution.state is State.DONE:
        return f"done in {took}{_lost(execution)}"
    if execution.state is State.FAILED:
        failure = ""
        if isinstance(end, PipelineFailure):
            place = "" if end.step_id is None else f" at step {end.step_id!r}"
            reason = f": {one_line(f'{end.error_type}: {end.message}', limit=500)}"
            failure = place + (reason if whole or not place else "")
        return f"failed{failure} (after {took})"
    if execution.state is State.STOPPED:
        reason = one_line(end.reason) if isinstance(end, PipelineCancelled) else ""
        return f"cancelled{f' ({reason})' if reason else ''} after {took}"
    return ""


def _lost(execution: ExecutionState) -> str:
    """Return how many items were left out or rejected, for the end of a line."""
    lost = {where: sum(step.items_aside.get(where, 0) for step in execution.steps.values()) for where in _LOST}
    return "".join(f", {count:,} {where}" for where, count in lost.items() if count)


def _so_far(execution: ExecutionState, now_s: float, took: str) -> str:
    steps = [step for step_id, step in execution.steps.items() if "/" not in step_id]  # others become known as they run
    done = sum(step.state in {State.DONE, State.SKIPPED} for step in steps)
    left_s = execution.left_s(now_s)
    return f"{done} of {len(steps)} steps done, {took}{'' if left_s is None else f', {countdown(left_s)}'}"
