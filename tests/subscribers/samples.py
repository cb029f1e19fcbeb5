"""Events for tests, made without an execution."""

from __future__ import annotations

from collections.abc import Sequence

from headwater.events.data import (
    EventData,
    PipelineCancelled,
    PipelineComplete,
    PipelineFailure,
    PipelineStart,
    StepComplete,
    StepFailure,
    StepInfo,
    StepStart,
)
from headwater.events.event import DATA_MODELS, StreamEvent

__all__ = ["CANCELLED", "DONE", "FAILED", "START", "Fact", "ended", "events", "failed", "started"]

Fact = tuple[float, str | None, EventData]
"""When something happened, in seconds after the start; the step it is about; what happened."""

TYPES = {model: event_type for event_type, model in DATA_MODELS.items()}
BEGIN_S = 1_700_000_000.0

START: Fact = (
    0.0,
    None,
    PipelineStart("report", tuple(StepInfo(name, f"text.{name}", "stream_stream") for name in ("lines", "words"))),
)
DONE: Fact = (9.0, None, PipelineComplete(9.0))
FAILED: Fact = (9.0, None, PipelineFailure(9.0, "ValueError", "no number", "words"))
CANCELLED: Fact = (9.0, None, PipelineCancelled(9.0, "Ctrl-C", ("words",)))


def events(facts: Sequence[Fact], execution_id: str = "e1") -> list[StreamEvent]:
    """Return numbered events."""
    return [
        StreamEvent(seq, TYPES[type(data)], execution_id, step_id, time_s=BEGIN_S + time_s, data=data)
        for seq, (time_s, step_id, data) in enumerate(facts, 1)
    ]


def started(step_id: str, time_s: float = 1.0, flavor: str = "stream_stream") -> Fact:
    """Return that a step started."""
    return (time_s, step_id, StepStart(f"text.{step_id}", flavor))


def ended(step_id: str, time_s: float = 5.0, data: StepComplete | None = None) -> Fact:
    """Return that a step completed."""
    return (time_s, step_id, StepComplete(10, 20, 4.0, None, 0.5) if data is None else data)


def failed(step_id: str, time_s: float = 6.0, error_type: str = "ValueError", cause: str | None = None) -> Fact:
    """Return that a step failed."""
    return (time_s, step_id, StepFailure(error_type, "no number", cause))
