"""The data of each type of event: one small model of plain values, whose ranges are checked when an event is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from headwater.display import duration
from headwater.errors import FIRST_ATTEMPT
from headwater.events.pipeline_data import (
    CheckpointSaved,
    Count,
    EdgeInfo,
    InputRequired,
    Ordinal,
    PipelineCancelled,
    PipelineComplete,
    PipelineFailure,
    PipelineStart,
    Seconds,
    SloBreached,
    StepInfo,
    StreamGap,
)

__all__ = [
    "CheckpointSaved",
    "EdgeInfo",
    "EventData",
    "InputRequired",
    "PipelineCancelled",
    "PipelineComplete",
    "PipelineFailure",
    "PipelineStart",
    "StepComplete",
    "StepFailure",
    "StepInfo",
    "StepOutput",
    "StepProgress",
    "StepRetry",
    "StepSkipped",
    "StepStart",
    "StreamGap",
]

Fraction: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Waiting: TypeAlias = Annotated[tuple[Count, Count], Field(title="Items that wait, and most that may")]


@dataclass(slots=True)
class StepStart:
    """Data of `step_start`: a step begins.

    Args:
        kind: Registered name of the step.
        flavor: The flavor it runs in, such as `unary_stream`.
    """

    kind: str
    flavor: str


@dataclass(slots=True)
class StepProgress:
    """Data of `step_progress`: how far a step is; the latest replaces those before.

    Args:
        fraction: How much is done, from 0 to 1; None when that is unknown.
        message: What the step is doing.
        items_in: Items read so far; None when they are not counted.
        items_out: Items written to the main output so far; None when they are not counted.
        data: Anything else that the step reports.
        input_wait_s: How long the step has waited for input so far; None when that is not measured.
        output_wait_s: How long the step has waited for room downstream so far; None when that is not measured.
        waits_for: What the step waited for most of the time since its last progress, `input` or `output`; None when it
            worked, or when that is not measured.
        items_aside: Items that did not go to the main output so far, by where they went: a side port, `skipped`, or
            `lost` for those that a full edge dropped; None when they are not counted.
        waiting: How full the edges at the step are where items wait: their number and the most that may wait, by edges
            such as `words.out -> upper.text`. An edge stands at its reader, or at its writer before the reader starts
            and where the pipeline's output is read; at most the 64 longest queues. None when that is not measured.
    """

    fraction: Fraction | None = None
    message: str = ""
    items_in: Count | None = None
    items_out: Count | None = None
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    input_wait_s: Seconds | None = None
    output_wait_s: Seconds | None = None
    waits_for: Literal["input", "output"] | None = None
    items_aside: Mapping[str, Count] | None = None
    waiting: Mapping[str, Waiting] | None = None


@dataclass(slots=True)
class StepOutput:
    """Data of `step_output`: a step wrote an item.

    `preview` of `headwater.events.plain` gives the last three fields.

    Args:
        port: Output port of the step.
        index: Number of the item in its stream, from 0.
        value: The item as plain JSON data, or the beginning of it as a string when `truncated`.
        size_bytes: Size of the whole item as JSON; None when it was too large to be measured.
        truncated: Whether `value` is less than the item.
    """

    port: str
    index: Count
    value: Any
    size_bytes: Count | None = None
    truncated: bool = False


@dataclass(slots=True)
class StepComplete:
    """Data of `step_complete`: a step completed.

    Args:
        items_in: Items read.
        items_out: Items written to the main output.
        duration_s: From the start of the step to its end.
        bytes_out: Bytes written; None when they are not known.
        first_item_s: From the start to the first item written; None when there was none.
        largest_gap_s: Longest time between two items written; None when there were less than two.
        attempts: How often the step was tried.
        input_wait_s: How long the step waited for input; steps that run in one segment wait together.
        output_wait_s: How long the step waited for room downstream; steps that run in one segment wait together.
        compensations: How many items the step skipped, put aside or replaced.
        items_aside: Items that did not go to the main output, by where they went: a side port, `skipped`, or `lost` for
            those that a full edge dropped.
        policies: What the policies of the step did, by what it is, such as `retries` or `fallbacks`; only what happened
            is there.
    """

    items_in: Count
    items_out: Count
    duration_s: Seconds
    bytes_out: Count | None = None
    first_item_s: Seconds | None = None
    largest_gap_s: Seconds | None = None
    attempts: Ordinal = FIRST_ATTEMPT
    input_wait_s: Seconds = 0.0
    output_wait_s: Seconds = 0.0
    compensations: Count = 0
    items_aside: Mapping[str, Count] = field(default_factory=dict[str, int])
    policies: Mapping[str, Count] = field(default_factory=dict[str, int])


@dataclass(slots=True)
class StepFailure:
    """Data of `step_error`: a step failed, or was stopped by the failure of another.

    Args:
        error_type: Name of the class of the error.
        message: What happened.
        cause_step_id: The step that failed first, when this one was only stopped by it.
    """

    error_type: str
    message: str
    cause_step_id: str | None = None

    def __str__(self) -> str:
        own = f"{self.error_type}: {self.message}"
        return own if self.cause_step_id is None else f"step {self.cause_step_id!r} failed"


@dataclass(slots=True)
class StepRetry:
    """Data of `step_retry`: a step failed, and will be tried again.

    Args:
        next_attempt: Number of the attempt that follows, from 2.
        delay_s: Time until it starts.
        error_type: Name of the class of the error that made it necessary.
        message: What happened.
        index: Number of the item that is tried again, from 0, for a step that is mapped over items; None for the step.
    """

    next_attempt: Ordinal
    delay_s: Seconds
    error_type: str
    message: str
    index: Count | None = None

    def __str__(self) -> str:
        item = "" if self.index is None else f"item {self.index}, "
        return f"{item}attempt {self.next_attempt} in {duration(self.delay_s)}: {self.error_type}: {self.message}"


@dataclass(slots=True)
class StepSkipped:
    """Data of `step_skipped`: a step did not run, as it received no data; or it left out an item that failed.

    Args:
        reason: Why.
        index: Number of the item that was left out, from 0; None when it is the step that did not run.
    """

    reason: str
    index: Count | None = None


EventData = (
    PipelineStart
    | StepStart
    | StepProgress
    | StepOutput
    | StepComplete
    | StepFailure
    | StepRetry
    | StepSkipped
    | PipelineComplete
    | PipelineFailure
    | PipelineCancelled
    | CheckpointSaved
    | InputRequired
    | StreamGap
    | SloBreached
)
