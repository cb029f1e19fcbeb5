"""The plain display of an execution: one line for each thing that happens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from headwater import EventType, ExecutionState, StreamEvent
from headwater.toolkit import duration, plural
from headwater_subscribers.console import view

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
_COUNTED = {EventType.STEP_PROGRESS, EventType.STEP_COMPLETE, EventType.STEP_ERROR}


class LineDisplay:
    """Write a line for each thing that happens, for progress at most one per second and step."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._execution = ExecutionState()
        self._shown_s: dict[tuple[str | None, bool], float] = {}

    def show(self, events: Iterable[StreamEvent]) -> None:
        """Write a line for each of these events that is worth one."""
        lines = [line for event in events if (line := self._line(event))]
        if lines:
            self._file.write("".join(f"{line}\n" for line in lines))
            self._file.flush()

    def _line(self, event: StreamEvent) -> str:
        execution = self._execution
        execution.apply((event,))
        if event.event_type.terminal:
            return view.summary(execution, event.time_s)
        if event.event_type is EventType.PIPELINE_START:
            return f"{view.name(execution)}: started, {plural(len(execution.steps), 'step')}"
        if event.event_type is EventType.STREAM_GAP:
            return f"{view.name(execution)}: some events are not shown ({execution.missed} so far)"
        if event.event_type is EventType.SLO_BREACHED:
            return f"{view.name(execution)}: misses an objective: {event.data}"
        return self._step_line(event) if event.event_type in _WORDS and self._is_due(event) else ""

    def _is_due(self, event: StreamEvent) -> bool:
        """Return whether it is time for a line; only progress, and what happens to single items, has to wait for it."""
        of_item = bool(view.of_item(event))
        may_wait = of_item or event.event_type is EventType.STEP_PROGRESS
        key = event.step_id, of_item  # what happens to the first item is shown, however soon after the start
        last_s = self._shown_s.get(key)
        if may_wait and last_s is not None and event.time_s - last_s < _PROGRESS_S:
            return False
        self._shown_s[key] = event.time_s
        return True

    def _step_line(self, event: StreamEvent) -> str:
        step = self._execution.step(event)
        word = step.state.value if event.event_type is EventType.STEP_ERROR else _WORDS[event.event_type]
        details = [view.of_item(event) or view.note(step)]
        if event.event_type is EventType.STEP_START:  # what the last attempt failed with was shown before
            details = [f"attempt {event.attempt}"] if event.attempt > 1 else []
        if event.event_type in _COUNTED:
            took = "" if step.duration_s is None else duration(step.duration_s)
            details += [view.counts(step), view.rate(step, event.time_s), took, view.left(step, event.time_s)]
        width = max(len(view.step_name(step_id)) for step_id in self._execution.steps)
        said = ": ".join(part for part in (word, ", ".join(filter(None, details))) if part)
        return f"  {view.step_name(event.run_key or step.step_id):{width}}  {said}"
