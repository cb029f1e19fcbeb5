"""The data of each type of event: one small model of plain values, whose ranges are checked when an event is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import Field

from headwater.display import duration
from headwater.errors import FIRST_ATTEMPT
from headwater.events.objectives import SloBreached

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

MOST_ITEMS: Final = 2**63 - 1
MOST_SECONDS: Final = 1e12

Count: TypeAlias = Annotated[int, Field(ge=0, le=MOST_ITEMS)]
Ordinal: TypeAlias = Annotated[int, Field(ge=1, le=MOST_ITEMS)]
Seconds: TypeAlias = Annotated[float, Field(ge=0, le=MOST_SECONDS)]
Fraction: TypeAlias = Annotated[float, Field(ge=0, le=1)]


@dataclass(slots=True)
class StepInfo:
    """A step of the pipeline that starts.

    Args:
        id: Id of the step in the document.
        kind: Its registered name, such as `text.words`.
        flavor: The flavor it is planned to run in, such as `unary_stream`; empty when there is no plan.
    """

    id: str
    kind: str
    flavor: str = ""


@dataclass(slots=True)
class EdgeInfo:
    """An edge of the pipeline that starts.

    Args:
        source: Where it begins, as `step.port`.
        target: Where it ends, as `step.port`.
    """

    source: str
    target: str


@dataclass(slots=True)
class PipelineStart:
    """Data of `pipeline_start`: an execution begins, with these steps and edges.

    Args:
        name: Name of the pipeline.
        steps: Its steps, each after all that feed it.
        edges: Its edges.
    """

    name: str
    steps: tuple[StepInfo, ...] = ()
    edges: tuple[EdgeInfo, ...] = ()


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


@dataclass(slots=True)
class PipelineComplete:
    """Data of `pipeline_complete`: the execution completed.

    Args:
        duration_s: From the start of the execution to its end.
    """

    duration_s: Seconds


@dataclass(slots=True)
class PipelineFailure:
    """Data of `pipeline_error`: the execution failed.

    Args:
        duration_s: From the start of the execution to its end.
        error_type: Name of the class of the error.
        message: What happened.
        step_id: The step that failed; None when the failure was outside the steps.
        attempt: Which try of that step failed.
        unfinished: Ids of the steps that had not ended.
        error: What a program gets, as `HeadwaterError.to_json` returns it.
    """

    duration_s: Seconds
    error_type: str
    message: str
    step_id: str | None = None
    attempt: Ordinal = FIRST_ATTEMPT
    unfinished: tuple[str, ...] = ()
    error: dict[str, Any] | None = None

    def __str__(self) -> str:
        place = "" if self.step_id is None else f"step {self.step_id!r}: "
        return f"{place}{self.error_type}: {self.message}"


@dataclass(slots=True)
class PipelineCancelled:
    """Data of `pipeline_cancelled`: the execution was stopped before it was done.

    Args:
        duration_s: From the start of the execution to its end.
        reason: What caused it.
        unfinished: Ids of the steps that had not ended.
    """

    duration_s: Seconds
    reason: str = ""
    unfinished: tuple[str, ...] = ()


@dataclass(slots=True)
class CheckpointSaved:
    """Data of `checkpoint_saved`: progress was saved, so that the execution can be resumed from it.

    Args:
        checkpoint_id: The name by which a store returns it.
    """

    checkpoint_id: str


@dataclass(slots=True)
class InputRequired:
    """Data of `input_required`: the execution waits for the answer of a person.

    Args:
        prompt: What is asked of the person.
        schema: JSON Schema of the answer; None when the answer is any string.
    """

    prompt: str
    schema: Mapping[str, Any] | None = None


@dataclass(slots=True)
class StreamGap:
    """Data of `stream_gap`: one reader missed events, and receives this one in their place.

    Args:
        missed: How many events it missed.
        first_seq: Number of the first of them.
        last_seq: Number of the last of them.
    """

    missed: Count
    first_seq: Ordinal
    last_seq: Ordinal


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
