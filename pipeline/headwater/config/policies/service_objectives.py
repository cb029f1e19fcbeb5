"""The key `slo` of a document: what its executions are held to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, TypeAlias

from pydantic import AfterValidator, ConfigDict, Field, StrictInt
from pydantic_core import PydanticCustomError

from headwater.config.notation.document_types import PositiveSeconds, part_config

__all__ = ["SloSpec", "SloTargets"]

_PERCENTILES = tuple(f"{what}_p{percent}_s" for what in ("first_item", "duration") for percent in (50, 95, 99))
_OBJECTIVES = ("step_success_rate", "success_rate", "compensation_rate", "retries_per_execution", *_PERCENTILES)

Ratio: TypeAlias = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class SloSpec:
    """Service level objectives of a pipeline, over the last executions of a runner.

    Args:
        step_success_rate: Smallest share of the steps that ended which completed, from 0 to 1.
        success_rate: Smallest share of the executions that ended which completed, from 0 to 1.
        compensation_rate: Largest share of the steps that ended which skipped, put aside or replaced items.
        retries_per_execution: Most further attempts, on average.
        first_item_p50_s: Most seconds to the first item of the output, for half of the executions.
        first_item_p95_s: The same for 95 % of them.
        first_item_p99_s: The same for 99 % of them.
        duration_p50_s: Most seconds from start to end, for half of the executions.
        duration_p95_s: The same for 95 % of them.
        duration_p99_s: The same for 99 % of them.
        executions: How many executions count, the last ones.
    """

    __pydantic_config__: ClassVar[ConfigDict] = part_config("slo")

    step_success_rate: Ratio | None = None
    success_rate: Ratio | None = None
    compensation_rate: Ratio | None = None
    retries_per_execution: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)] | None = None
    first_item_p50_s: PositiveSeconds | None = None
    first_item_p95_s: PositiveSeconds | None = None
    first_item_p99_s: PositiveSeconds | None = None
    duration_p50_s: PositiveSeconds | None = None
    duration_p95_s: PositiveSeconds | None = None
    duration_p99_s: PositiveSeconds | None = None
    executions: Annotated[StrictInt, Field(ge=1, le=100_000)] = 1_000

    @property
    def targets(self) -> dict[str, float]:
        """The objectives with their targets."""
        return {name: target for name in _OBJECTIVES if (target := getattr(self, name)) is not None}


def _some(slo: SloSpec) -> SloSpec:
    if not slo.targets:
        hint = 'write an objective such as {"step_success_rate": 0.95}'
        raise PydanticCustomError("unfit-policy", "'slo' has no objective, so it has no effect", {"hint": hint})
    return slo


SloTargets: TypeAlias = Annotated[SloSpec, AfterValidator(_some)]
"""Service level objectives, at least one."""
