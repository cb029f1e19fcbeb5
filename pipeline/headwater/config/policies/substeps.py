"""The steps that stand in the policies of other steps, with their places and ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from headwater.config.policies.failure_specs import SubstepSpec, SubstituteSpec
from headwater.config.problems import JsonPath
from headwater.config.spec import StepSpec

__all__ = ["COMPENSATE", "FALLBACK", "PlacedStep", "is_substep", "substep_id", "substeps_of"]

FALLBACK = "fallback"
COMPENSATE = "compensate"

_MARK = "/@"


class PlacedStep(NamedTuple):
    """What a document says of a step to bind, and its place."""

    id: str
    kind: str
    params: Mapping[str, Any]
    path: JsonPath


def substep_id(step_id: str, policy: str) -> str:
    """Return the id of a step in a policy, which no step of a document can have."""
    return f"{step_id}{_MARK}{policy}"


def is_substep(step_id: str) -> bool:
    """Return whether an id is that of a step in a policy."""
    return _MARK in step_id


def substeps_of(steps: Sequence[StepSpec]) -> Iterator[PlacedStep]:
    """Yield the steps in the policies of some steps."""
    for index, step in enumerate(steps):
        path = ("steps", index)
        if isinstance(step.on_error, SubstituteSpec) and (fallback := step.on_error.fallback) is not None:
            yield _placed(step, FALLBACK, fallback, (*path, "on_error", FALLBACK))
        if step.compensate is not None:
            yield _placed(step, COMPENSATE, step.compensate, (*path, COMPENSATE))


def _placed(step: StepSpec, policy: str, spec: SubstepSpec, path: JsonPath) -> PlacedStep:
    return PlacedStep(substep_id(step.id, policy), spec.kind, spec.params, path)
