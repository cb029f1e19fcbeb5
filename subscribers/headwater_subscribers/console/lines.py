"""The plain display of an execution: one line for each thing that happens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from headwater.display import duration
from headwater.events.event import EventType, StreamEvent
from headwater_subscribers.console.stepview import StepView
from headwater_subscribers.console.view import ExecutionView

__all__ = ["LineDisplay"]

_PROGRESS_S = 1.0
_WORDS = {
    EventType.STEP_START: "started",
    EventType.STEP_PROGRESS: "",
    EventType.STEP_COMPLETE: "done",
    EventType.STEP_ERROR: "failed",
    EventType.STEP_RETRY: "retries",
    EventType.STEP_SKIPPED: "skipped",
    EventType.CHECKPOINT_SAVED: "saved a checkpoint",
    EventType.INPUT_REQUIRED: "waits for an answer",
}


class LineDisplay:
    """Write a line for each thing that happens, for progress at most one per second and step.

    Args:
        file: Where to write.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._view = ExecutionView()
        self._told_s: dict[str | None, float] = {}

    def show(self, events: Iterable[StreamEvent]) -> None:
        """Write what events tell.

        Args:
            events: Events in order.
        """
        lines = [line for event in events if (line := self._line(event))]
        if lines:
            self._file.write("".join(f"{line}\n" for line in lines))
            self._file.flush()

    def _line(self, event: StreamEvent) -> str:
        self._view.apply((event,))
        if event.event_type.terminal:
            return self._view.summary(event.time_s)
        if event.event_type is EventType.PIPELINE_START:
            count = len(self._view.steps)
            return f"{self._view.name}: started, {count} step{'' if count == 1 else 's'}"
        if event.event_type is EventType.STREAM_GAP:
            return f"{self._view.name}: some events are not shown ({self._view.missed} so far)"
        return self._step_line(event) if event.event_type in _WORDS and self._is_due(event) else ""

    def _is_due(self, event: StreamEvent) -> bool:
        """Tell whether it is time for a line; only progress has to wait for it."""
        last_s = self._told_s.get(event.step_id)
        if event.event_type is EventType.STEP_PROGRESS and last_s is not None and event.time_s - last_s < _PROGRESS_S:
            return False
        self._told_s[event.step_id] = event.time_s
        return True

    def _step_line(self, event: StreamEvent) -> str:
        step = self._view.step(event)
        word = step.state.value if event.event_type is EventType.STEP_ERROR else _WORDS[event.event_type]
        details = ", ".join(part for part in (step.note(), *_figures(event, step)) if part)
        width = max(map(len, self._view.steps))
        return f"  {step.step_id:{width}}  {': '.join(part for part in (word, details) if part)}"


def _figures(event: StreamEvent, step: StepView) -> tuple[str, ...]:
    """Return the numbers of a step that has something to count."""
    if event.event_type not in {EventType.STEP_PROGRESS, EventType.STEP_COMPLETE, EventType.STEP_ERROR}:
        return ()
    took = "" if step.duration_s is None else duration(step.duration_s)
    return (step.counts(), step.rate(event.time_s), took, step.left(event.time_s))
