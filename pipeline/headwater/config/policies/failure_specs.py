"""The keys of a step that say what happens when it fails: `retry`, `timeout`, `on_error` and `compensate`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field, StrictInt, StrictStr
from pydantic_core import PydanticCustomError

from headwater.config.notation.document_types import MISSING, Kind, PositiveSeconds, part_config

__all__ = [
    "DEAD_LETTER",
    "ErrorPolicy",
    "RetrySpec",
    "StepTimeoutSpec",
    "SubstepSpec",
    "SubstituteSpec",
    "TimeoutSpec",
]

DEAD_LETTER: Final = "dead_letter"
"""The policy `on_error` by which items that failed go to the port `errors`."""

DEFAULT_ATTEMPTS: Final = 3
_LONGEST_S = 1e9

Pause = Annotated[float, Field(strict=True, ge=0, le=_LONGEST_S, allow_inf_nan=False)]
ErrorName = Annotated[
    StrictStr,
    Field(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        max_length=256,
        json_schema_extra={"x-words": "the name of a class of errors, or 'transient'"},
    ),
]


_ONE_KEY: dict[str, Any] = {
    "minProperties": 1,
    "maxProperties": 1,
    "x-words": "{'fallback': ...} or {'value': ...}",
}


@dataclass(frozen=True, slots=True)
class TimeoutSpec:
    """How long an execution may take.

    Args:
        total_s: Seconds from its start to its end.
        stall_s: Seconds for which all steps may wait for each other, while no item moves at any edge.
    """

    __pydantic_config__: ClassVar[ConfigDict] = part_config("a timeout")

    total_s: PositiveSeconds | None = None
    stall_s: PositiveSeconds | None = None


@dataclass(frozen=True, slots=True)
class StepTimeoutSpec:
    """How long a step may take.

    Args:
        total_s: Seconds from its start to its end, with all its attempts.
        first_item_s: Seconds from the start of an attempt to its first item.
        idle_s: Seconds between two items, measured where the step writes them.
        attempt_s: Seconds that an attempt may take; for a mapped step, those of one item.
    """

    __pydantic_config__: ClassVar[ConfigDict] = part_config("the timeout of a step")

    total_s: PositiveSeconds | None = None
    first_item_s: PositiveSeconds | None = None
    idle_s: PositiveSeconds | None = None
    attempt_s: PositiveSeconds | None = None


@dataclass(frozen=True, slots=True)
class RetrySpec:
    """How often a step that failed is tried again, and when.

    Args:
        attempts: How often it is tried in all, the first attempt included.
        backoff_s: Seconds before the second attempt.
        factor: By how much each pause is longer than the one before.
        max_s: The longest pause, in seconds; a pause that an error asks for may be longer.
        jitter: By how much of itself a pause may be shorter, chosen at random, so that many do not try at once.
        on: The errors that are worth another attempt: names of classes, matched along the bases of an error, or
            `transient` for errors that say so (`retryable = True`) and for connection and timeout errors.
    """

    __pydantic_config__: ClassVar[ConfigDict] = part_config("retry")

    attempts: Annotated[StrictInt, Field(ge=1, le=1000)] = DEFAULT_ATTEMPTS
    backoff_s: Pause = 1.0
    factor: Annotated[float, Field(strict=True, ge=1, le=1000, allow_inf_nan=False)] = 2.0
    max_s: Pause = 30.0
    jitter: Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)] = 0.5
    on: Annotated[list[ErrorName], Field(min_length=1, max_length=100)] = field(default_factory=lambda: ["transient"])


@dataclass(frozen=True, slots=True)
class SubstepSpec:
    """A step in a policy of another one.

    Args:
        kind: Registered name of what it does.
        params: Options of the kind.
    """

    __pydantic_config__: ClassVar[ConfigDict] = part_config("a step in a policy")

    kind: Kind
    params: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class SubstituteSpec:
    """What stands in for the output of a step that fails; one of the two.

    Args:
        fallback: Another step, which has the same ports and types.
        value: A value, of the type of the output.
    """

    __pydantic_config__: ClassVar[ConfigDict] = part_config("on_error", **_ONE_KEY)

    fallback: SubstepSpec | None = None
    value: Any = field(default_factory=lambda: MISSING)


def _one(substitute: SubstituteSpec) -> SubstituteSpec:
    """Refuse both a fallback and a value, and none of them."""
    if (substitute.fallback is None) is (substitute.value is MISSING):
        hint = 'write {"fallback": {"kind": ...}} or {"value": ...}'
        raise PydanticCustomError("wrong-value", "expected either 'fallback' or 'value' in on_error", {"hint": hint})
    return substitute


ErrorPolicy = Literal["fail", "skip_item", "dead_letter"] | Annotated[SubstituteSpec, AfterValidator(_one)]
"""What happens when a step fails, after its last attempt."""
