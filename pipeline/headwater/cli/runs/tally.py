"""How far each step of an execution got, for the moment when it is stopped."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from headwater.events.state import ExecutionState
from headwater.events.step_state import State

if TYPE_CHECKING:
    from headwater.events.event import StreamEvent
    from headwater.events.step_state import StepState

__all__ = ["how_far"]


def how_far(events: Iterable[StreamEvent]) -> list[str]:
    """Return a line for each step that was started or skipped, in the order in which they were.

    Example:
        >>> from headwater.events.data import StepProgress
        >>> from headwater.events.event import EventType, StreamEvent
        >>> begun = StreamEvent(1, EventType.STEP_START, "e1", "words")
        >>> counted = StreamEvent(2, EventType.STEP_PROGRESS, "e1", "words", data=StepProgress(items_in=2, items_out=9))
        >>> how_far([begun, counted])
        ['words: stopped, items: 2 in, 9 out']
    """
    execution = ExecutionState()
    execution.apply(events)
    begun = [step for step in execution.steps.values() if step.state is not State.WAITING]
    return [f"{step.step_id}: {step.outcome}{_counts(step)}" for step in sorted(begun, key=_begun_s)]


def _begun_s(step: StepState) -> float:
    return (step.started_s if step.started_s is not None else step.ended_s) or 0.0


def _counts(step: StepState) -> str:
    if step.items_in is None:
        return ""
    read = f"{step.items_in:,} in, " if step.items_in else ""  # a source reads nothing
    aside = "".join(f", {count:,} {where}" for where, count in step.items_aside.items())
    return f", items: {read}{step.items_out or 0:,} out{aside}"
