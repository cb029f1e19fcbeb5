"""The shape of documents, checked before kinds are looked up.

These classes are the one declaration of the format: the checks, the messages and the JSON Schema derive from them.
Values are strict: a string is never converted to a number, nor a number to a boolean.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, ClassVar, Literal

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from headwater.config.conditions.condition import Condition
from headwater.config.notation.document_types import END_PATTERN, MISSING, End, Json, Kind, Name, part_config
from headwater.config.policies.failure_specs import (
    ErrorPolicy,
    RetrySpec,
    StepTimeoutSpec,
    SubstepSpec,
    TimeoutSpec,
)
from headwater.config.policies.merge_specs import Merge
from headwater.config.policies.service_objectives import SloTargets
from headwater.config.policies.shared_specs import BatchSpec, CacheSpec, CircuitBreakerSpec, RateLimitSpec

__all__ = [
    "EDGES_LIMIT",
    "MISSING",
    "STEPS_LIMIT",
    "EdgeSpec",
    "ParameterSpec",
    "PipelineSpec",
    "StepSpec",
    "StreamingSpec",
]

STEPS_LIMIT = 10_000
EDGES_LIMIT = 50_000


@dataclass(frozen=True, slots=True)
class StreamingSpec:
    """Which events an execution emits while it runs.

    Args:
        enabled: Whether events are emitted.
        emit_progress: Whether the progress of steps is among them.
        emit_items: Which items of a step's output are emitted as events.
        buffer_size: Events a subscriber may lag behind before its policy applies.
        flush_interval_ms: Longest time that an event waits in an open batch, in milliseconds.
        history: Events that are kept for subscribers that join late.
    """

    __pydantic_config__: ClassVar[ConfigDict] = part_config("streaming")

    enabled: StrictBool = True
    emit_progress: StrictBool = True
    emit_items: Literal["none", "first", "sample", "all"] = "first"
    buffer_size: Annotated[StrictInt, Field(ge=1, le=1_000_000)] = 1_000
    flush_interval_ms: Annotated[StrictInt, Field(ge=0, le=60_000)] = 100
    history: Annotated[StrictInt, Field(ge=1, le=10_000_000)] = 100_000


@dataclass(frozen=True, slots=True)
class ParameterSpec:
    """A parameter of a pipeline: a value that is given when the document is loaded.

    Args:
        type: JSON type of its values.
        default: The value when none is given; a parameter without a default must be given.
        description: What it is for.
        enum: The values that are allowed.
        minimum: Smallest number that is allowed.
        maximum: Largest number that is allowed.
    """

    __pydantic_config__: ClassVar[ConfigDict] = part_config("a parameter")

    type: Literal["string", "integer", "number", "boolean", "array", "object"]
    default: Json = field(default_factory=lambda: MISSING)
    description: StrictStr = ""
    enum: Annotated[list[Json], Field(min_length=1)] | None = None
    minimum: Annotated[float, Field(strict=True, allow_inf_nan=False)] | None = None
    maximum: Annotated[float, Field(strict=True, allow_inf_nan=False)] | None = None


def _no_params() -> dict[str, Json]:
    """Return no params; `dict[str, Json]()` would take half as long as all the checks of a step."""
    return {}


@dataclass(frozen=True, slots=True)
class StepSpec:
    """One step of a pipeline.

    Args:
        id: Name of the step in this pipeline.
        kind: Registered name of what the step does.
        params: Options of the kind.
        task: The task to do, for a kind with several.
        concurrency: Items that are worked on at a time, where the step is mapped over a stream; batches, where its
            function takes batches.
        ordered: Whether its results come in the order of the items, or each as soon as it is there.
        inline: Whether the step runs within the step before it, without a channel between them.
        retry: How often the step is tried again when it fails; for a mapped step, each of its items.
        on_error: What happens when the step fails, after its last attempt.
        circuit_breaker: When calls are refused at once, as too many before them have failed.
        rate_limit: How often the step may be called; a call beyond that waits.
        cache: How long its results are kept, so that equal items need no other call.
        batch: How many items its function is given at a time, where it takes batches.
        compensate: The step that undoes what this one did, when the execution fails after it.
        timeout: How long the step may take.
        merge: How several edges into one port meet: one policy for all ports, or one by port.
        description: What it is for.
    """

    __pydantic_config__: ClassVar[ConfigDict] = part_config("a step")

    id: Name
    kind: Kind
    params: dict[str, Json] = field(default_factory=_no_params)
    task: StrictStr | None = None
    concurrency: Annotated[StrictInt, Field(ge=1, le=1024)] = 1
    ordered: StrictBool = True
    inline: StrictBool = False
    retry: RetrySpec | None = None
    on_error: ErrorPolicy = "fail"
    circuit_breaker: CircuitBreakerSpec | None = None
    rate_limit: RateLimitSpec | None = None
    cache: CacheSpec | None = None
    batch: BatchSpec | None = None
    compensate: SubstepSpec | None = None
    timeout: StepTimeoutSpec | None = None
    merge: Merge = None
    description: StrictStr = ""

    @property
    def has_policies(self) -> bool:
        """Whether anything but a single plain call of the step is asked for."""
        if self.retry is None and self.timeout is None and self.compensate is None and self.on_error == "fail":
            shared: tuple[object, ...] = (self.circuit_breaker, self.rate_limit, self.cache, self.batch)
            return shared != _NONE_SHARED
        return True


_NONE_SHARED = (None, None, None, None)
_MOST_BYTES = 2**40

OnFull = Literal["wait", "drop_oldest", "latest"]


@dataclass(slots=True)  # not frozen, which would take three times as long for each of 50,000
class EdgeSpec:
    """One edge: the output of a step feeds the input of another; never changed.

    Args:
        source: Where the stream comes from: `step`, `step.port`, or `input`.
        target: Where it goes: `step`, `step.port`, or `output`.
        buffer: Items that fit between the two steps; 256 by default.
        buffer_bytes: Bytes that fit between the two steps; by default, only items are counted.
        on_full: What happens when nothing more fits; by default, the writer waits.
        when: The condition that an item must meet to pass.
        adapt: The adapter between writer and reader, where the types alone leave a choice.
    """

    __pydantic_config__: ClassVar[ConfigDict] = part_config("an edge")

    source: Annotated[End, Field(alias="from")]
    target: Annotated[End, Field(alias="to")]
    buffer: Annotated[StrictInt, Field(ge=1, le=65_536)] | None = None
    buffer_bytes: Annotated[StrictInt, Field(ge=1, le=_MOST_BYTES)] | None = None
    on_full: OnFull | None = None
    when: Condition | None = None
    adapt: Literal["map", "collect", "join", "split", "one"] | None = None

    @property
    def drops_items(self) -> bool:
        """Whether items are dropped when nothing more fits."""
        return self.on_full not in {None, "wait"}

    @property
    def has_bounds(self) -> bool:
        """Whether it says more of its buffer than a number of items."""
        return self.buffer_bytes is not None or self.on_full is not None


def _ends(edge: object) -> object:
    """Return the ends of an edge that is written as `a -> b`; other forms are checked as an edge."""
    if not isinstance(edge, str):
        return edge
    source, arrow, target = edge.partition("->")
    if not arrow or "->" in target:
        raise PydanticCustomError(
            "bad-edge",
            "expected an edge such as 'a -> b' or 'a.port -> b.port'",
            {"hint": "write one edge for each arrow" if edge.count("->") > 1 else ""},
        )
    return {"from": source.strip(), "to": target.strip()}


ArrowText = Annotated[
    str,
    Field(
        pattern=rf"^\s*{END_PATTERN}\s*->\s*{END_PATTERN}\s*$",
        json_schema_extra={"x-words": "an edge such as 'a -> b' or 'a.port -> b.port'"},
    ),
]
Edge = Annotated[EdgeSpec, BeforeValidator(_ends, json_schema_input_type=ArrowText | EdgeSpec)]


@cache
def _written() -> TypeAdapter[list[str | EdgeSpec]]:
    return TypeAdapter(list[ArrowText | EdgeSpec])


def _edges(written: object, check: ValidatorFunctionWrapHandler) -> list[EdgeSpec]:
    """Check all edges at once, which is much faster than one by one; only `check` reports what is wrong, and where."""
    try:
        edges = _written().validate_python(written)
    except ValidationError:
        checked: list[EdgeSpec] = check(written)
        return checked
    return [_edge(edge) if isinstance(edge, str) else edge for edge in edges]


def _edge(text: str) -> EdgeSpec:
    source, _, target = text.partition("->")
    return EdgeSpec(source.strip(), target.strip())


Edges = Annotated[list[Edge], Field(max_length=EDGES_LIMIT), WrapValidator(_edges)]


@dataclass(frozen=True, slots=True)
class PipelineSpec:
    """A whole document.

    Args:
        name: Name of the pipeline.
        steps: Its steps.
        schema: Address of the JSON Schema, for editors.
        description: What it is for.
        version: Version of the document, free text.
        parameters: Values that are given when it is loaded.
        edges: What joins the steps; by default they are a chain in the order written.
        output: The steps or ports whose output is the pipeline's; by default, all outputs that are not connected.
        streaming: Which events are emitted while it runs.
        timeout: How long an execution may take.
        slo: Service level objectives, which its executions are measured against.
    """

    __pydantic_config__: ClassVar[ConfigDict] = part_config("the document")

    name: Annotated[StrictStr, Field(min_length=1, max_length=256)]
    steps: Annotated[list[StepSpec], Field(min_length=1, max_length=STEPS_LIMIT)]
    schema: Annotated[StrictStr | None, Field(alias="$schema")] = None
    description: StrictStr = ""
    version: StrictStr = ""
    parameters: dict[Name, ParameterSpec] = field(default_factory=dict[str, ParameterSpec])
    edges: Edges | None = None
    output: End | Annotated[list[End], Field(min_length=1)] | None = None
    streaming: StreamingSpec = field(default_factory=StreamingSpec)
    timeout: TimeoutSpec | None = None
    slo: SloTargets | None = None
