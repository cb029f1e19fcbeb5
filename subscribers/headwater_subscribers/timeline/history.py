"""When each step of an execution began, wrote its first item and ended, and how long it waited: from events alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from headwater.display import one_line
from headwater.events.data import (
    PipelineCancelled,
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
from headwater.events.subscriber import Policy, StreamSubscriber
from headwater_subscribers.console.view import State
from headwater_subscribers.timeline.timeline_step import Look, StepSpan

__all__ = ["Timeline", "TimelineSubscriber", "timeline_svg"]


@dataclass(slots=True)
class Timeline:
    """The steps of one execution in time, in the order of `pipeline_start`. Its size depends on the steps alone.

    Args:
        name: Name of the pipeline.
        execution_id: The execution that is shown; empty before the first event.
        state: Where it stands.
        started_s: When it started, in seconds since 1970-01-01 UTC.
        ended_s: When the last event happened, likewise.
        steps: Its steps by id.
        failure: Why it failed or was cancelled, in one line.
        missed: How many events are missing in what it was made from.

    Example:
        >>> timeline = Timeline.from_events([StreamEvent(1, EventType.STEP_START, "e1", "count", time_s=5.0)])
        >>> timeline.steps["count"].started_s
        5.0
    """

    name: str = "pipeline"
    execution_id: str = ""
    state: State = State.WAITING
    started_s: float = 0.0
    ended_s: float = 0.0
    steps: dict[str, StepSpan] = field(default_factory=dict[str, StepSpan])
    failure: str = ""
    missed: int = 0

    @classmethod
    def from_events(cls, events: Iterable[StreamEvent]) -> Timeline:
        """Make the timeline of what events tell, live or read back from a file.

        Args:
            events: Events in order.

        Returns:
            The timeline of the execution among them that started last.
        """
        return cls().following(events)

    def following(self, events: Iterable[StreamEvent]) -> Timeline:
        """Take further events into account.

        Args:
            events: Events in order.

        Returns:
            This timeline, or that of an execution that started since.
        """
        timeline = self
        for event in events:
            if timeline.execution_id != event.execution_id:
                if timeline.execution_id and event.event_type is not EventType.PIPELINE_START:
                    continue
                timeline = Timeline("pipeline", event.execution_id, State.RUNNING, event.time_s, event.time_s)
            timeline.ended_s = max(timeline.ended_s, event.time_s)
            change = _CHANGES.get(event.event_type)
            if change is not None:
                change(timeline, event, event.data)
        return timeline

    def svg(self) -> str:
        """Draw the timeline.

        Returns:
            A whole SVG 1.1 document (https://www.w3.org/TR/SVG11/) that needs nothing else, as text. It is light or
            dark as the reader prefers.
        """
        from headwater_subscribers.timeline.chart import picture

        return picture(self)

    def step(self, event: StreamEvent) -> StepSpan:
        """Return the step that an event is about, also when no start of the pipeline told of it.

        Args:
            event: An event of a step.

        Returns:
            The step.
        """
        step_id = event.step_id or "?"
        return self.steps.setdefault(step_id, StepSpan(step_id))

    def stop(self, state: State, event: StreamEvent, failure: str = "") -> None:
        """End the execution, and with it every step that has not ended.

        Args:
            state: How it ended.
            event: The terminal event.
            failure: What is to be said about it.
        """
        self.state, self.failure = state, failure
        for step in self.steps.values():
            if step.state is State.RUNNING:
                step.end(State.STOPPED, event.time_s)


class TimelineSubscriber(StreamSubscriber):
    """Keep the timeline of an execution, to be drawn at any time, also after a failure.

    Where it receives the events of several executions, it shows the one that started last. It remembers steps rather
    than events, so what it needs does not grow with the execution.

    Attributes:
        timeline: The timeline so far.

    Example:
        >>> from headwater import Pipeline, run_sync, step
        >>> @step("example.double")
        ... def double(number: int) -> int:
        ...     return 2 * number
        >>> subscriber = TimelineSubscriber()
        >>> result = run_sync(Pipeline("twice", steps={"double": double}), 21, subscribers=[subscriber])
        >>> subscriber.svg().startswith("<svg")
        True
    """

    policy: Policy = "coalesce"

    def __init__(self) -> None:
        self.timeline: Timeline = Timeline()

    def on_events(self, batch: Sequence[StreamEvent]) -> None:
        """Take events into account.

        Args:
            batch: The events.
        """
        self.timeline = self.timeline.following(batch)

    def svg(self) -> str:
        """Draw the timeline so far.

        Returns:
            What `Timeline.svg` gives.
        """
        return self.timeline.svg()


def timeline_svg(events: Iterable[StreamEvent]) -> str:
    """Draw the timeline of an execution: a row for each step, with its start, first item, waits, retries and end.

    Args:
        events: Events in order, such as those of `result.events`, or of a file that they were written to. Of several
            executions the one that started last is drawn.

    Returns:
        What `Timeline.svg` gives.

    Example:
        >>> timeline_svg([StreamEvent(1, EventType.STEP_START, "e1", "count")])[:4]
        '<svg'
    """
    return Timeline.from_events(events).svg()


def _pipeline_start(timeline: Timeline, event: StreamEvent, data: Any) -> None:
    del event
    if isinstance(data, PipelineStart):
        timeline.name = one_line(data.name) or timeline.name
        for step in data.steps:
            timeline.steps[step.id] = StepSpan(step.id, step.kind)


def _step_start(timeline: Timeline, event: StreamEvent, data: Any) -> None:
    step = timeline.step(event)
    step.state, step.ended_s = State.RUNNING, None
    if step.started_s is None:
        step.started_s = event.time_s
        step.look(Look(event.time_s))
    if isinstance(data, StepStart):
        step.kind = data.kind


def _step_progress(timeline: Timeline, event: StreamEvent, data: Any) -> None:
    step = timeline.step(event)
    if isinstance(data, StepProgress):
        step.items_in = step.items_in if data.items_in is None else data.items_in
        step.items_out = step.items_out if data.items_out is None else data.items_out
        if data.input_wait_s is not None or data.output_wait_s is not None:
            step.look(Look(event.time_s, data.input_wait_s or 0.0, data.output_wait_s or 0.0))


def _step_output(timeline: Timeline, event: StreamEvent, data: Any) -> None:
    del data
    step = timeline.step(event)
    step.first_item_s = event.time_s if step.first_item_s is None else step.first_item_s


def _step_complete(timeline: Timeline, event: StreamEvent, data: Any) -> None:
    step = timeline.step(event)
    step.end(State.DONE, event.time_s)
    if not isinstance(data, StepComplete):
        return
    step.items_in, step.items_out = data.items_in, data.items_out
    if step.started_s is None:
        step.started_s = event.time_s - data.duration_s
        step.look(Look(step.started_s))
    if data.first_item_s is not None:
        step.first_item_s = min(step.started_s + data.first_item_s, event.time_s)
    step.look(Look(event.time_s, data.input_wait_s, data.output_wait_s))


def _step_error(timeline: Timeline, event: StreamEvent, data: Any) -> None:
    step = timeline.step(event)
    step.end(State.FAILED, event.time_s)
    if isinstance(data, StepFailure):
        step.message = one_line(f"{data.error_type}: {data.message}")
        if data.cause_step_id is not None:
            step.state, step.message = State.STOPPED, one_line(f"step {data.cause_step_id!r} failed")


def _step_retry(timeline: Timeline, event: StreamEvent, data: Any) -> None:
    step = timeline.step(event)
    step.retry(event.time_s)
    if isinstance(data, StepRetry):
        step.message = one_line(f"attempt {data.next_attempt} after {data.error_type}: {data.message}")


def _step_skipped(timeline: Timeline, event: StreamEvent, data: Any) -> None:
    step = timeline.step(event)
    step.end(State.SKIPPED, event.time_s)
    step.message = one_line(data.reason) if isinstance(data, StepSkipped) else ""


def _stream_gap(timeline: Timeline, event: StreamEvent, data: Any) -> None:
    del event
    timeline.missed += data.missed if isinstance(data, StreamGap) else 0


def _pipeline_complete(timeline: Timeline, event: StreamEvent, data: Any) -> None:
    del data
    timeline.stop(State.DONE, event)


def _pipeline_error(timeline: Timeline, event: StreamEvent, data: Any) -> None:
    failure = ""
    if isinstance(data, PipelineFailure):
        place = "" if data.step_id is None else f"step {data.step_id!r}: "
        failure = one_line(f"{place}{data.error_type}: {data.message}")
    timeline.stop(State.FAILED, event, failure)


def _pipeline_cancelled(timeline: Timeline, event: StreamEvent, data: Any) -> None:
    timeline.stop(State.STOPPED, event, one_line(data.reason) if isinstance(data, PipelineCancelled) else "")


_CHANGES: dict[EventType, Callable[[Timeline, StreamEvent, Any], None]] = {
    EventType.PIPELINE_START: _pipeline_start,
    EventType.STEP_START: _step_start,
    EventType.STEP_PROGRESS: _step_progress,
    EventType.STEP_OUTPUT: _step_output,
    EventType.STEP_COMPLETE: _step_complete,
    EventType.STEP_ERROR: _step_error,
    EventType.STEP_RETRY: _step_retry,
    EventType.STEP_SKIPPED: _step_skipped,
    EventType.STREAM_GAP: _stream_gap,
    EventType.PIPELINE_COMPLETE: _pipeline_complete,
    EventType.PIPELINE_ERROR: _pipeline_error,
    EventType.PIPELINE_CANCELLED: _pipeline_cancelled,
}
