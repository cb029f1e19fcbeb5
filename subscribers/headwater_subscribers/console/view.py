"""What a person wants to know of an execution: its state and that of each step, computed from events alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from headwater.display import countdown, duration, one_line
from headwater.events.data import (
    PipelineCancelled,
    PipelineFailure,
    PipelineStart,
    StepComplete,
    StepFailure,
    StepProgress,
    StepRetry,
    StepSkipped,
    StreamGap,
)
from headwater.events.event import EventType, StreamEvent
from headwater_subscribers.console.stepview import Pace, State, StepView

__all__ = ["ExecutionView", "State", "StepView"]


@dataclass(slots=True)
class ExecutionView:
    """An execution as it stands, with its steps in the order of `pipeline_start`.

    Example:
        >>> view = ExecutionView()
        >>> view.apply([StreamEvent(1, EventType.STEP_START, "e1", "count")])
        >>> view.steps["count"].state.value
        'running'
    """

    name: str = "pipeline"
    state: State = State.WAITING
    steps: dict[str, StepView] = field(default_factory=dict[str, StepView])
    readers: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    started_s: float | None = None
    ended_s: float | None = None
    place: str = ""
    failure: str = ""
    missed: int = 0

    def apply(self, events: Iterable[StreamEvent]) -> None:
        """Take events into account.

        Args:
            events: Events in order.
        """
        for event in events:
            change = _CHANGES.get(event.event_type)
            if change is not None:
                change(self, event, event.data)

    def step(self, event: StreamEvent) -> StepView:
        """Return the step that an event is about, also when no start of the pipeline told of it.

        Args:
            event: An event of a step.

        Returns:
            The step as it stands.
        """
        step_id = event.step_id or "?"
        return self.steps.setdefault(step_id, StepView(step_id))

    def elapsed_s(self, now_s: float) -> float:
        """Return how long the execution has run, or ran.

        Args:
            now_s: The present, in seconds since 1970-01-01 UTC.

        Returns:
            The time in seconds.
        """
        return 0.0 if self.started_s is None else max((self.ended_s or now_s) - self.started_s, 0.0)

    def left_s(self, now_s: float) -> float | None:
        """Return how long the execution will take to its end, as far as the steps that read its data can tell.

        Args:
            now_s: The present, in seconds since 1970-01-01 UTC.

        Returns:
            The time in seconds; None when there is a step without sources that cannot tell.
        """
        if self.state is not State.RUNNING:
            return None
        running = [step for step in self.steps.values() if not step.sources and step.state is State.RUNNING]
        left = [left_s for step in running if (left_s := step.left_s(now_s)) is not None]
        return max(left) if left and len(left) == len(running) else None

    def mark_awaited(self, now_s: float) -> None:
        """Mark the step that others wait for while it waits for nobody; of several the busiest.

        Args:
            now_s: The present, in seconds since 1970-01-01 UTC.
        """
        awaited: dict[str, StepView] = {}
        for step in self.steps.values():
            step.is_awaited = False
            if step.state is State.RUNNING and step.waits_for is not None:
                neighbors = step.sources if step.waits_for == "input" else self.readers.get(step.step_id, ())
                awaited |= {step_id: self.steps[step_id] for step_id in neighbors if self.steps[step_id].works}
        if awaited:
            max(awaited.values(), key=lambda step: step.busy(now_s) or 0.0).is_awaited = True

    def summary(self, now_s: float, *, whole: bool = True) -> str:
        """Return how the execution stands, in one line.

        Args:
            now_s: The present, in seconds since 1970-01-01 UTC.
            whole: Whether to say why it failed, also where a step has said so.

        Returns:
            Such as `word-report: failed at step 'words': no such file (after 2.1 s)`.
        """
        took = duration(self.elapsed_s(now_s))
        failure = "" if self.place and not whole else self.failure
        ended = {
            State.DONE: f"done in {took}",
            State.FAILED: f"failed{self.place}{failure} (after {took})",
            State.STOPPED: f"cancelled{self.failure} after {took}",
        }
        return f"{self.name}: {ended.get(self.state) or self._so_far(now_s, took)}"

    def _so_far(self, now_s: float, took: str) -> str:
        done = sum(step.state in {State.DONE, State.SKIPPED} for step in self.steps.values())
        left_s = self.left_s(now_s)
        left = "" if left_s is None else f", {countdown(left_s)}"
        return f"{done} of {len(self.steps)} steps done, {took}{left}"

    def stop(self, state: State, event: StreamEvent, failure: str = "", place: str = "") -> None:
        """End the execution, and with it every step that has not ended.

        Args:
            state: How it ended.
            event: The terminal event.
            failure: What is to be said about it.
            place: Where it failed.
        """
        self.state, self.failure, self.place, self.ended_s = state, failure, place, event.time_s
        for step in self.steps.values():
            if step.state is State.RUNNING:
                step.state, step.duration_s = State.STOPPED, step.elapsed_s(event.time_s)


def _pipeline_start(view: ExecutionView, event: StreamEvent, data: Any) -> None:
    view.state, view.started_s = State.RUNNING, event.time_s
    if isinstance(data, PipelineStart):
        view.name = one_line(data.name) or view.name
        sources: dict[str, list[str]] = {step.id: [] for step in data.steps}
        view.readers = {step.id: [] for step in data.steps}
        for edge in data.edges:
            source, target = _step_of(edge.source), _step_of(edge.target)
            if source in sources and target in sources:  # and not the pipeline's own ends
                sources[target].append(source)
                view.readers[source].append(target)
        view.steps = {step.id: StepView(step.id, step.kind, tuple(sources[step.id])) for step in data.steps}


def _step_of(end: str) -> str:
    """Return the id of the step that an end of an edge belongs to."""
    return end.rpartition(".")[0]


def _step_start(view: ExecutionView, event: StreamEvent, data: Any) -> None:
    del data
    step = view.step(event)
    step.state, step.started_s, step.duration_s = State.RUNNING, event.time_s, None
    step.pace = Pace(event.time_s)


def _step_progress(view: ExecutionView, event: StreamEvent, data: Any) -> None:
    step = view.step(event)
    if not isinstance(data, StepProgress):
        return
    if data.fraction is not None:
        step.fraction, step.fraction_s = data.fraction, event.time_s
    step.message = one_line(data.message) or step.message
    step.items_in = step.items_in if data.items_in is None else data.items_in
    step.items_out = step.items_out if data.items_out is None else data.items_out
    if data.input_wait_s is not None:
        step.input_wait_s, step.output_wait_s = data.input_wait_s, data.output_wait_s or 0.0
        step.waits_for, step.waits_s = data.waits_for, event.time_s
    if data.input_wait_s is not None or step.count > step.pace.count:  # or the step spoke without being counted
        step.pace.note(step.count, event.time_s)


def _step_complete(view: ExecutionView, event: StreamEvent, data: Any) -> None:
    step = view.step(event)
    step.state, step.message, step.waits_for = State.DONE, "", None
    if isinstance(data, StepComplete):
        step.items_in, step.items_out, step.duration_s = data.items_in, data.items_out, data.duration_s
        if step.input_wait_s is not None or data.input_wait_s + data.output_wait_s > 0:
            step.input_wait_s, step.output_wait_s = data.input_wait_s, data.output_wait_s


def _step_error(view: ExecutionView, event: StreamEvent, data: Any) -> None:
    step = view.step(event)
    step.duration_s = step.elapsed_s(event.time_s)
    step.state = State.FAILED
    if isinstance(data, StepFailure):
        step.message = one_line(f"{data.error_type}: {data.message}")
        if data.cause_step_id is not None:
            step.state, step.message = State.STOPPED, f"step {data.cause_step_id!r} failed"


def _step_retry(view: ExecutionView, event: StreamEvent, data: Any) -> None:
    if isinstance(data, StepRetry):
        wait = duration(data.delay_s)
        view.step(event).message = one_line(f"attempt {data.next_attempt} in {wait}: {data.error_type}: {data.message}")


def _step_skipped(view: ExecutionView, event: StreamEvent, data: Any) -> None:
    step = view.step(event)
    step.state = State.SKIPPED
    step.message = one_line(data.reason) if isinstance(data, StepSkipped) else ""


def _stream_gap(view: ExecutionView, event: StreamEvent, data: Any) -> None:
    del event
    view.missed += data.missed if isinstance(data, StreamGap) else 0


def _pipeline_complete(view: ExecutionView, event: StreamEvent, data: Any) -> None:
    del data
    view.stop(State.DONE, event)


def _pipeline_error(view: ExecutionView, event: StreamEvent, data: Any) -> None:
    failure = place = ""
    if isinstance(data, PipelineFailure):
        place = "" if data.step_id is None else f" at step {data.step_id!r}"
        failure = f": {one_line(f'{data.error_type}: {data.message}', limit=500)}"
    view.stop(State.FAILED, event, failure, place)


def _pipeline_cancelled(view: ExecutionView, event: StreamEvent, data: Any) -> None:
    reason = one_line(data.reason) if isinstance(data, PipelineCancelled) else ""
    view.stop(State.STOPPED, event, f" ({reason})" if reason else "")


_CHANGES: dict[EventType, Callable[[ExecutionView, StreamEvent, Any], None]] = {
    EventType.PIPELINE_START: _pipeline_start,
    EventType.STEP_START: _step_start,
    EventType.STEP_PROGRESS: _step_progress,
    EventType.STEP_COMPLETE: _step_complete,
    EventType.STEP_ERROR: _step_error,
    EventType.STEP_RETRY: _step_retry,
    EventType.STEP_SKIPPED: _step_skipped,
    EventType.STREAM_GAP: _stream_gap,
    EventType.PIPELINE_COMPLETE: _pipeline_complete,
    EventType.PIPELINE_ERROR: _pipeline_error,
    EventType.PIPELINE_CANCELLED: _pipeline_cancelled,
}
