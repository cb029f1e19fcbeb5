"""What a person wants to know of an execution: its state and that of each step, computed from events alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

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
from headwater_subscribers.text import duration, one_line, quantity, rate

__all__ = ["ExecutionView", "State", "StepView"]


class State(Enum):
    """Where a step or an execution stands; the value is how it is said."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    STOPPED = "stopped"


@dataclass(slots=True)
class StepView:
    """One step as it stands.

    Args:
        step_id: Its id.
        kind: Its registered name.
    """

    step_id: str
    kind: str = ""
    state: State = State.WAITING
    items_in: int | None = None
    items_out: int | None = None
    fraction: float | None = None
    message: str = ""
    started_s: float | None = None
    duration_s: float | None = None

    def elapsed_s(self, now_s: float) -> float | None:
        """Return how long the step has run, or ran.

        Args:
            now_s: The present, in seconds since 1970-01-01 UTC.

        Returns:
            The time in seconds; None when it has not started.
        """
        if self.duration_s is not None or self.started_s is None:
            return self.duration_s
        return max(now_s - self.started_s, 0.0)

    def rate(self, now_s: float) -> str:
        """Return how many items per second the step writes, or reads when it writes none.

        Args:
            now_s: The present, in seconds since 1970-01-01 UTC.

        Returns:
            Such as `52.0k/s`; empty when there is nothing to tell.
        """
        return rate(max(self.items_in or 0, self.items_out or 0), self.elapsed_s(now_s))

    def counts(self) -> str:
        """Return the numbers of items in words, such as `12 in, 7 out`."""
        known = (
            (self.items_in or None, "in"),
            (self.items_out, "out"),
        )  # that a source reads nothing goes without saying
        return ", ".join(f"{quantity(count)} {way}" for count, way in known if count is not None)

    def note(self) -> str:
        """Return what the step last said of itself, such as `40 % decoding`."""
        percent = "" if self.fraction is None or self.state is not State.RUNNING else f"{self.fraction:.0%}"
        return " ".join(part for part in (percent, self.message) if part)


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
    started_s: float | None = None
    ended_s: float | None = None
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

    def summary(self, now_s: float) -> str:
        """Return how the execution stands, in one line.

        Args:
            now_s: The present, in seconds since 1970-01-01 UTC.

        Returns:
            Such as `word-report: failed at step 'words': no such file (after 2.1 s)`.
        """
        took = duration(self.elapsed_s(now_s))
        ended = {
            State.DONE: f"done in {took}",
            State.FAILED: f"failed{self.failure} (after {took})",
            State.STOPPED: f"cancelled{self.failure} after {took}",
        }
        done = sum(step.state in {State.DONE, State.SKIPPED} for step in self.steps.values())
        return f"{self.name}: {ended.get(self.state, f'{done} of {len(self.steps)} steps done, {took}')}"

    def stop(self, state: State, event: StreamEvent, failure: str = "") -> None:
        """End the execution, and with it every step that has not ended.

        Args:
            state: How it ended.
            event: The terminal event.
            failure: What is to be said about it.
        """
        self.state, self.failure, self.ended_s = state, failure, event.time_s
        for step in self.steps.values():
            if step.state is State.RUNNING:
                step.state, step.duration_s = State.STOPPED, step.elapsed_s(event.time_s)


def _pipeline_start(view: ExecutionView, event: StreamEvent, data: Any) -> None:
    view.state, view.started_s = State.RUNNING, event.time_s
    if isinstance(data, PipelineStart):
        view.name = one_line(data.name) or view.name
        for step in data.steps:
            view.steps[step.id] = StepView(step.id, step.kind)


def _step_start(view: ExecutionView, event: StreamEvent, data: Any) -> None:
    del data
    step = view.step(event)
    step.state, step.started_s, step.duration_s = State.RUNNING, event.time_s, None


def _step_progress(view: ExecutionView, event: StreamEvent, data: Any) -> None:
    step = view.step(event)
    if isinstance(data, StepProgress):
        step.fraction = data.fraction
        step.message = one_line(data.message) or step.message
        step.items_in = step.items_in if data.items_in is None else data.items_in
        step.items_out = step.items_out if data.items_out is None else data.items_out


def _step_complete(view: ExecutionView, event: StreamEvent, data: Any) -> None:
    step = view.step(event)
    step.state, step.message = State.DONE, ""
    if isinstance(data, StepComplete):
        step.items_in, step.items_out, step.duration_s = data.items_in, data.items_out, data.duration_s


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
    failure = ""
    if isinstance(data, PipelineFailure):
        place = "" if data.step_id is None else f" at step {data.step_id!r}"
        failure = f"{place}: {one_line(f'{data.error_type}: {data.message}', limit=500)}"
    view.stop(State.FAILED, event, failure)


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
