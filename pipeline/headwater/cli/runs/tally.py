"""How far an execution came, for the moment when it was stopped."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from headwater.events.data import StepComplete, StepProgress
from headwater.events.event import EventType

if TYPE_CHECKING:
    from headwater.events.event import StreamEvent

__all__ = ["how_far"]

_ENDS = {EventType.STEP_COMPLETE: "done", EventType.STEP_ERROR: "failed", EventType.STEP_SKIPPED: "skipped"}


def how_far(events: Iterable[StreamEvent]) -> list[str]:
    """Tell how far each step came.

    Args:
        events: The events of an execution.

    Returns:
        A line for each step that was started, in the order in which they were.

    Example:
        >>> from headwater.events.event import StreamEvent
        >>> begun = StreamEvent(1, EventType.STEP_START, "e1", "words")
        >>> counted = StreamEvent(2, EventType.STEP_PROGRESS, "e1", "words", data=StepProgress(items_in=2, items_out=9))
        >>> how_far([begun, counted])
        ['words: stopped, items: 2 in, 9 out']
    """
    states: dict[str, str] = {}
    counts: dict[str, str] = {}
    for event in events:
        if event.step_id is None:
            continue
        if event.event_type is EventType.STEP_START:
            states[event.step_id] = "stopped"
        elif event.event_type in _ENDS:
            states[event.step_id] = _ENDS[event.event_type]
        if isinstance(event.data, StepComplete | StepProgress) and event.data.items_in is not None:
            read = f"{event.data.items_in:,} in, " if event.data.items_in else ""  # a source reads nothing
            counts[event.step_id] = f", items: {read}{event.data.items_out:,} out"
    return [f"{step_id}: {state}{counts.get(step_id, '')}" for step_id, state in states.items()]
