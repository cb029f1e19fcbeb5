"""The state of an execution and of each of its steps, computed from events alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from headwater.errors import FIRST_ATTEMPT
from headwater.events.data import (
    PipelineCancelled,
    PipelineComplete,
    PipelineFailure,
    PipelineStart,
    StepComplete,
    StepFailure,
    StepProgress,
    StepRetry,
    StepSkipped,
    StepStart,
    StreamGap,
)
from headwater.events.event import EventType, StreamEvent
from headwater.events.step_state import Pace, State, StepState, total
from headwater.ids import PATH_SEPARATOR

__all__ = ["ExecutionState"]


@dataclass(slots=True)
class ExecutionState:
    """An execution, with its steps in the order of `pipeline_start`. Its size depends on the steps alone.

    Steps of nested pipelines are there by their paths, such as `outer/inner`, after the step that holds the pipeline.

    Events may be missing at the beginning or in between; what they would have said stays unknown.

    Attributes:
        name: Name of the pipeline; empty when its start was missed.
        execution_id: The execution; empty before the first event.
        state: Where it stands.
        steps: Its steps by id.
        readers: Ids of the steps that read from each step.
        started_s: When its first event happened, in seconds since 1970-01-01 UTC.
        ended_s: When its latest event happened, which is the terminal one once it has ended.
        missed: How many events are missing, as `stream_gap` events say.
        end: Data of the terminal event; None before.

    Example:
        >>> execution = ExecutionState()
        >>> execution.apply([StreamEvent(1, EventType.STEP_START, "e1", "count")])
        >>> execution.steps["count"].state.value
        'running'
    """

    name: str = ""
    execution_id: str = ""
    state: State = State.WAITING
    steps: dict[str, StepState] = field(default_factory=dict[str, StepState])
    readers: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    started_s: float = 0.0
    ended_s: float = 0.0
    missed: int = 0
    end: PipelineComplete | PipelineFailure | PipelineCancelled | None = None

    @property
    def ended(self) -> bool:
        """Whether the terminal event has been applied."""
        return self.state in {State.DONE, State.FAILED, State.STOPPED}

    def apply(self, events: Iterable[StreamEvent]) -> None:
        """Take events of the execution into account.

        Args:
            events: Events in order.
        """
        for event in events:
            if not self.execution_id:
                self.execution_id, self.state = event.execution_id, State.RUNNING
                self.started_s = self.ended_s = event.time_s
            self.ended_s = max(self.ended_s, event.time_s)
            change = _CHANGES.get(event.event_type)
            if event.step_id is not None and PATH_SEPARATOR in event.step_id:
                change = _NESTED_CHANGES.get(event.event_type, change)
            if change is not None:
                change(self, event, event.data)

    def step(self, event: StreamEvent) -> StepState:
        """Return the step that an event is about, also when the start of the pipeline was missed.

        Args:
            event: An event of a step.

        Returns:
            The state of the step, which is a new one if no earlier event named it.
        """
        step_id = event.step_id or "?"
        found = self.steps.get(step_id)
        if found is None:
            found = self.steps[step_id] = StepState(step_id)
            if PATH_SEPARATOR in step_id:
                self.steps = _in_order(self.steps)
        return found

    def elapsed_s(self, now_s: float) -> float:
        """Return how long the execution has run, or ran.

        Args:
            now_s: The present time, in seconds since 1970-01-01 UTC.

        Returns:
            Seconds; 0 before the first event.
        """
        return max((self.ended_s if self.ended else now_s) - self.started_s, 0.0) if self.execution_id else 0.0

    def left_s(self, now_s: float) -> float | None:
        """Return how long the execution will take to its end.

        Args:
            now_s: The present time, in seconds since 1970-01-01 UTC.

        Returns:
            Seconds; None when a step that reads its data has no estimate.
        """
        if self.state is not State.RUNNING:
            return None
        running = [step for step in self.steps.values() if not step.sources and step.state is State.RUNNING]
        left = [left_s for step in running if (left_s := step.left_s(now_s)) is not None]
        return max(left) if left and len(left) == len(running) else None

    def bottleneck(self, now_s: float) -> str | None:
        """Return the step that others wait for while it works.

        Args:
            now_s: The present time, in seconds since 1970-01-01 UTC.

        Returns:
            Its id: of several, that of the busiest; None when no step waits for one that works.
        """
        awaited: dict[str, StepState] = {}
        for step in self.steps.values():
            if step.state is State.RUNNING and step.waits_for is not None:
                neighbors = step.sources if step.waits_for == "input" else self.readers.get(step.step_id, ())
                awaited |= {step_id: self.steps[step_id] for step_id in neighbors if self.steps[step_id].works}
        return max(awaited, key=lambda step_id: awaited[step_id].busy(now_s) or 0.0) if awaited else None


def _in_order(steps: Mapping[str, StepState]) -> dict[str, StepState]:
    """Return steps with those of nested pipelines after the step that holds the pipeline."""
    inside: dict[str, list[str]] = {}
    for step_id in steps:
        around = step_id.rpartition(PATH_SEPARATOR)[0]
        inside.setdefault(around if around in steps else "", []).append(step_id)
    ordered: dict[str, StepState] = {}
    pending = inside.get("", [])[::-1]
    while pending:
        step_id = pending.pop()
        ordered[step_id] = steps[step_id]
        pending += inside.get(step_id, [])[::-1]
    return ordered


def _pipeline_start(execution: ExecutionState, event: StreamEvent, data: Any) -> None:
    execution.state, execution.started_s = State.RUNNING, event.time_s
    if isinstance(data, PipelineStart):
        execution.name = data.name
        sources: dict[str, list[str]] = {step.id: [] for step in data.steps}
        execution.readers = {step.id: [] for step in data.steps}
        for edge in data.edges:
            source, target = edge.source.rpartition(".")[0], edge.target.rpartition(".")[0]
            if source in sources and target in sources:  # and not an end of the pipeline itself
                sources[target].append(source)
                execution.readers[source].append(target)
        execution.steps = {step.id: StepState(step.id, step.kind, tuple(sources[step.id])) for step in data.steps}


def _step_start(execution: ExecutionState, event: StreamEvent, data: Any) -> None:
    step = execution.step(event)
    step.state, step.attempt, step.attempt_s = State.RUNNING, event.attempt, event.time_s
    step.ended_s = step.duration_s = step.failure = None
    step.pace = Pace(event.time_s)
    if step.started_s is None:
        step.started_s = event.time_s
        step.add_waits(event.time_s)
    if isinstance(data, StepStart):
        step.kind = data.kind


def _step_progress(execution: ExecutionState, event: StreamEvent, data: Any) -> None:
    step = execution.step(event)
    if not isinstance(data, StepProgress):
        return
    if data.fraction is not None:
        step.fraction, step.fraction_s = data.fraction, event.time_s
    step.message = data.message or step.message
    step.add_counts(data)
    if data.input_wait_s is not None:
        step.input_wait_s, step.output_wait_s = data.input_wait_s, data.output_wait_s or 0.0
        step.waits_for = data.waits_for
        step.add_waits(event.time_s, step.input_wait_s, step.output_wait_s)
    if data.input_wait_s is not None or step.count > step.pace.count:  # else the step reported without being counted
        step.pace.add(step.count, event.time_s)


def _step_output(execution: ExecutionState, event: StreamEvent, data: Any) -> None:
    step = execution.step(event)
    if step.first_item_s is None:
        step.first_item_s = event.time_s
    step.output = data


def _step_complete(execution: ExecutionState, event: StreamEvent, data: Any) -> None:
    step = execution.step(event)
    step.end(State.DONE, event.time_s)
    _end_inside(execution, step, event.time_s)
    step.waits_for = None
    if not isinstance(data, StepComplete):
        return
    step.result = data
    step.items_in, step.items_out, step.duration_s = data.items_in, data.items_out, data.duration_s
    step.items_aside = data.items_aside
    if step.started_s is None:
        step.started_s = event.time_s - data.duration_s
        step.add_waits(step.started_s)
    if data.first_item_s is not None:
        step.first_item_s = min(step.started_s + data.first_item_s, event.time_s)
    step.add_waits(event.time_s, data.input_wait_s, data.output_wait_s)
    if step.input_wait_s is not None or data.input_wait_s + data.output_wait_s > 0:
        step.input_wait_s, step.output_wait_s = data.input_wait_s, data.output_wait_s


def _step_error(execution: ExecutionState, event: StreamEvent, data: Any) -> None:
    step = execution.step(event)
    step.duration_s = step.elapsed_s(event.time_s)
    step.end(State.FAILED, event.time_s)
    _end_inside(execution, step, event.time_s)
    if isinstance(data, StepFailure):
        step.failure = data
        step.state = State.FAILED if data.cause_step_id is None else State.STOPPED


def _step_retry(execution: ExecutionState, event: StreamEvent, data: Any) -> None:
    execution.step(event).add_retry(event.time_s, data if isinstance(data, StepRetry) else None)


def _step_skipped(execution: ExecutionState, event: StreamEvent, data: Any) -> None:
    if isinstance(data, StepSkipped) and data.index is not None:
        return  # an item, which the counts of the step show
    step = execution.step(event)
    step.end(State.SKIPPED, event.time_s)
    step.skip_reason = data.reason if isinstance(data, StepSkipped) else ""


def _end_inside(execution: ExecutionState, step: StepState, time_s: float) -> None:
    """Stop the steps of a nested pipeline that still run when the step that holds it has ended."""
    if step.is_outer and not step.running:
        path = step.step_id + PATH_SEPARATOR
        _stop([inner for inner in execution.steps.values() if inner.step_id.startswith(path)], time_s)


def _stop(steps: Iterable[StepState], time_s: float) -> None:
    for step in steps:
        if step.state is State.RUNNING:
            step.duration_s, step.running = step.elapsed_s(time_s), 0
            step.end(State.STOPPED, time_s)


def _inner_start(execution: ExecutionState, event: StreamEvent, data: Any) -> None:
    step = execution.step(event)
    if event.attempt == FIRST_ATTEMPT:
        step.runs += 1
        step.running += 1
    if step.runs <= 1:
        _step_start(execution, event, data)
        around = execution.steps.get(step.step_id.rpartition(PATH_SEPARATOR)[0])
        if around is not None:
            around.is_outer = True
    else:
        step.state, step.attempt, step.ended_s, step.duration_s = State.RUNNING, event.attempt, None, None


def _inner_progress(execution: ExecutionState, event: StreamEvent, data: Any) -> None:
    if execution.step(event).runs <= 1:
        _step_progress(execution, event, data)
    elif isinstance(data, StepProgress):  # the counts of one run among many
        step = execution.step(event)
        step.message = data.message or step.message


def _inner_complete(execution: ExecutionState, event: StreamEvent, data: Any) -> None:
    step = execution.step(event)
    step.running = max(step.running - 1, 0)
    if isinstance(data, StepComplete) and step.runs > 1:
        _step_complete(execution, event, total(step.result, data))
        step.duration_s = None if step.attempt_s is None else event.time_s - step.attempt_s
    else:
        _step_complete(execution, event, data)
    if step.running:
        step.state, step.ended_s, step.duration_s = State.RUNNING, None, None


def _inner_error(execution: ExecutionState, event: StreamEvent, data: Any) -> None:
    step = execution.step(event)
    step.running = max(step.running - 1, 0)
    _step_error(execution, event, data)


def _inner_skipped(execution: ExecutionState, event: StreamEvent, data: Any) -> None:
    if not execution.step(event).runs:  # else other runs say more about it
        _step_skipped(execution, event, data)


def _stream_gap(execution: ExecutionState, _event: StreamEvent, data: Any) -> None:
    execution.missed += data.missed if isinstance(data, StreamGap) else 0


def _pipeline_end(execution: ExecutionState, event: StreamEvent, data: Any) -> None:
    execution.state, execution.end = _ENDS[event.event_type], data
    _stop(execution.steps.values(), event.time_s)


_ENDS: Final = {
    EventType.PIPELINE_COMPLETE: State.DONE,
    EventType.PIPELINE_ERROR: State.FAILED,
    EventType.PIPELINE_CANCELLED: State.STOPPED,
}
_CHANGES: Final[dict[EventType, Callable[[ExecutionState, StreamEvent, Any], None]]] = {
    EventType.PIPELINE_START: _pipeline_start,
    EventType.STEP_START: _step_start,
    EventType.STEP_PROGRESS: _step_progress,
    EventType.STEP_OUTPUT: _step_output,
    EventType.STEP_COMPLETE: _step_complete,
    EventType.STEP_ERROR: _step_error,
    EventType.STEP_RETRY: _step_retry,
    EventType.STEP_SKIPPED: _step_skipped,
    EventType.STREAM_GAP: _stream_gap,
    EventType.PIPELINE_COMPLETE: _pipeline_end,
    EventType.PIPELINE_ERROR: _pipeline_end,
    EventType.PIPELINE_CANCELLED: _pipeline_end,
}
_NESTED_CHANGES: Final[dict[EventType, Callable[[ExecutionState, StreamEvent, Any], None]]] = {
    EventType.STEP_START: _inner_start,
    EventType.STEP_PROGRESS: _inner_progress,
    EventType.STEP_COMPLETE: _inner_complete,
    EventType.STEP_ERROR: _inner_error,
    EventType.STEP_SKIPPED: _inner_skipped,
}
"""What events of steps in nested pipelines change: such a step may run many times, also several times at once."""
