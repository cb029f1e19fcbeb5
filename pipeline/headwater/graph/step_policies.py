"""Plans the policies of a step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.config.notation.document_types import MISSING
from headwater.config.policies.failure_specs import StepTimeoutSpec, SubstituteSpec
from headwater.graph.plan import StepPolicies

if TYPE_CHECKING:
    from headwater.config.spec import StepSpec
    from headwater.graph.plan import OnError, PlannedStep

__all__ = ["policies_of"]

_NO_TIMEOUT = StepTimeoutSpec()


def policies_of(
    spec: StepSpec, *, of_units: bool, fallback: PlannedStep | None, compensate: PlannedStep | None, replays: bool
) -> StepPolicies | None:
    """Return the policies of a step, or None when there is nothing but a limit of its whole time."""
    on_error: OnError = "fail"
    value: Any = None
    if not isinstance(spec.on_error, SubstituteSpec):
        on_error = spec.on_error
    elif spec.on_error.value is MISSING:
        on_error = "fallback"
    else:
        on_error, value = "value", spec.on_error.value
    policies = StepPolicies(
        of_units, on_error, spec.retry, spec.timeout or _NO_TIMEOUT, value, fallback, compensate, replays
    )
    return None if policies == StepPolicies(of_units, timeout=_total(policies.timeout), replays=replays) else policies


def _total(timeout: StepTimeoutSpec) -> StepTimeoutSpec:
    return StepTimeoutSpec(total_s=timeout.total_s)
