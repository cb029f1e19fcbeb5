"""The keys of a step for what its executions share: `circuit_breaker`, `rate_limit`, `cache` and `batch`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, StrictInt, StrictStr

from headwater.config.conditions.field_paths import FIELD_LENGTH_LIMIT, FIELD_PATTERN
from headwater.config.notation.document_types import PositiveSeconds, part_config

__all__ = ["BatchSpec", "CacheSpec", "CircuitBreakerSpec", "FieldRef", "RateLimitSpec", "SharedPolicies"]

_MOST_PARTS = 32
_LONGEST_S = 1e9

FieldRef = (
    Annotated[
        StrictStr,
        Field(
            pattern=FIELD_PATTERN,
            max_length=FIELD_LENGTH_LIMIT,
            json_schema_extra={"x-words": "the path of a field, such as 'user.id'"},
        ),
    ]
    | Annotated[
        list[Annotated[StrictStr, Field(min_length=1, max_length=FIELD_LENGTH_LIMIT)]],
        Field(min_length=1, max_length=_MOST_PARTS),
    ]
)
"""A field of an item: a path as in conditions, such as `user.id`, or the list of its parts."""


@dataclass(frozen=True, slots=True)
class CircuitBreakerSpec:
    """When calls of a step are refused at once, as too many before them have failed.

    Args:
        failures: Failures that open the breaker, so that calls are refused.
        window_s: Seconds within which they must happen.
        reset_s: Seconds after which one call is let through as a trial.
    """

    __pydantic_config__: ClassVar[ConfigDict] = part_config("a circuit breaker")

    failures: Annotated[StrictInt, Field(ge=1, le=1_000_000)] = 5
    window_s: PositiveSeconds = 60.0
    reset_s: PositiveSeconds = 30.0


@dataclass(frozen=True, slots=True)
class RateLimitSpec:
    """How often a step may be called; a call beyond that waits.

    Args:
        per_s: Calls a second.
        burst: Calls at once after a pause.
        key: The field of an item whose values have a limit each; one limit for all by default.
    """

    __pydantic_config__: ClassVar[ConfigDict] = part_config("a rate limit")

    per_s: Annotated[float, Field(strict=True, gt=0, le=1e6, allow_inf_nan=False)]
    burst: Annotated[StrictInt, Field(ge=1, le=1_000_000)] = 1
    key: FieldRef | None = None


@dataclass(frozen=True, slots=True)
class CacheSpec:
    """How long the results of a step are kept, so that equal inputs need no other call.

    Args:
        fields: The fields of an item that its result depends on; the whole item by default.
        ttl_s: Seconds for which a result is kept; as long as there is room by default.
        max_items: Most results that are kept, the ones that were used last.
    """

    __pydantic_config__: ClassVar[ConfigDict] = part_config("a cache")

    fields: Annotated[list[FieldRef], Field(min_length=1, max_length=100)] | None = None
    ttl_s: Annotated[float, Field(strict=True, gt=0, le=_LONGEST_S, allow_inf_nan=False)] | None = None
    max_items: Annotated[StrictInt, Field(ge=1, le=10_000_000)] = 10_000


@dataclass(frozen=True, slots=True)
class BatchSpec:
    """How many items a step with `batched=True` is given at a time.

    Args:
        size: Most items of a batch.
        linger_s: Seconds that an item may wait for others; 0 takes those that are there.
        across: Whose items share batches: those of one execution, or those of all executions of a runner.
    """

    __pydantic_config__: ClassVar[ConfigDict] = part_config("a batch")

    size: Annotated[StrictInt, Field(ge=1, le=4096)] = 32
    linger_s: Annotated[float, Field(strict=True, ge=0, le=3600, allow_inf_nan=False)] = 0.0
    across: Literal["execution", "runner"] = "execution"


@dataclass(frozen=True, slots=True)
class SharedPolicies:
    """The policies of a step that keep something from one call to the next; None for those that it does not have."""

    circuit_breaker: CircuitBreakerSpec | None = None
    rate_limit: RateLimitSpec | None = None
    cache: CacheSpec | None = None
    batch: BatchSpec | None = None

    @property
    def guard(self) -> bool:
        """Whether calls may be refused, wait, or be spared."""
        return any(policy is not None for policy in (self.circuit_breaker, self.rate_limit, self.cache))
