"""The data of events of an execution as a whole: its start and end, gaps, and objectives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeAlias

from pydantic import Field

from headwater.errors import FIRST_ATTEMPT

__all__ = [
    "MOST_ITEMS",
    "MOST_SECONDS",
    "CheckpointSaved",
    "Count",
    "EdgeInfo",
    "InputRequired",
    "Ordinal",
    "PipelineCancelled",
    "PipelineComplete",
    "PipelineFailure",
    "PipelineStart",
    "Seconds",
    "SloBreached",
    "StepInfo",
    "StreamGap",
]

MOST_ITEMS: Final = 2**63 - 1
MOST_SECONDS: Final = 1e12

Count: TypeAlias = Annotated[int, Field(ge=0, le=MOST_ITEMS)]
Ordinal: TypeAlias = Annotated[int, Field(ge=1, le=MOST_ITEMS)]
Seconds: TypeAlias = Annotated[float, Field(ge=0, le=MOST_SECONDS)]


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


@dataclass(slots=True)
class SloBreached:
    """Data of `slo_breached`: the executions of a pipeline miss one of its service level objectives.

    Args:
        objective: The objective, by its key in the document, such as `first_item_p95_s`.
        target: What the document asks for.
        value: What was measured.
        executions: How many executions it was measured over.
    """

    objective: str
    target: float
    value: float
    executions: Annotated[int, Field(ge=1, le=100_000)]

    def __str__(self) -> str:
        over = "1 execution" if self.executions == 1 else f"{self.executions:,} executions"
        return f"{self.objective} is {self.value:.4g}, the target is {self.target:g} ({over})"
