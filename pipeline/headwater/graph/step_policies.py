"""Plans the policies of a step, and how many items they let it work on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.config.notation.document_types import MISSING
from headwater.config.policies.failure_specs import StepTimeoutSpec, SubstituteSpec
from headwater.config.policies.shared_specs import BatchSpec, SharedPolicies
from headwater.graph.plan import StepPolicies
from headwater.kinds.definition import Call

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headwater.config.spec import StepSpec
    from headwater.graph.plan import OnError, PlannedStep

__all__ = ["batch_of", "policies_of", "remembering", "unit_items", "workers_at_a_time"]

_NO_TIMEOUT = StepTimeoutSpec()
_MOST_WORKERS = 8_192  # each is a task; it is enough for a batch of any size, and the next one


def policies_of(
    spec: StepSpec,
    *,
    of_units: bool,
    is_batched: bool,
    fallback: PlannedStep | None,
    compensate: PlannedStep | None,
    replays: bool,
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
        of_units,
        on_error,
        spec.retry,
        spec.timeout or _NO_TIMEOUT,
        value,
        fallback,
        compensate,
        replays,
        SharedPolicies(
            spec.circuit_breaker, spec.rate_limit, spec.cache, (spec.batch or BatchSpec()) if is_batched else None
        ),
    )
    return None if policies == StepPolicies(of_units, timeout=_total(policies.timeout), replays=replays) else policies


def _total(timeout: StepTimeoutSpec) -> StepTimeoutSpec:
    return StepTimeoutSpec(total_s=timeout.total_s)


def remembering(document: str, steps: Sequence[PlannedStep]) -> tuple[tuple[str, str, PlannedStep], ...]:
    """Return the steps whose policies keep something from one call to the next, also in nested pipelines."""
    found: list[tuple[str, str, PlannedStep]] = []
    for step in steps:
        if step.policies is not None and step.policies.shared != SharedPolicies():
            found.append((step.id, document, step))
        if step.nested is not None:
            found += [(f"{step.id}/{path}", name, inner) for path, name, inner in step.nested.remembering]
    return tuple(found)


def batch_of(step: PlannedStep) -> BatchSpec | None:
    """Return how many items the function of a step is given at a time; None for one that takes a single item."""
    return None if step.policies is None else step.policies.shared.batch


def unit_items(step: PlannedStep) -> int | None:
    """Return how many items a worker is given at a time: one, a whole batch, or None for what takes a short time."""
    policies, batch = step.policies, batch_of(step)
    if policies is None:
        return 1 if step.method.call is Call.COROUTINE else None
    if batch is not None and not (
        policies.shared.guard or policies.retry is not None or policies.timeout.attempt_s is not None
    ):  # or items have attempts of their own, though the function may get them together
        return batch.size
    if batch is not None:
        return 1
    waits = step.method.call is Call.COROUTINE or policies.shared.guard
    return 1 if waits and step.concurrency > 1 else None  # a single worker keeps items from no other


def workers_at_a_time(step: PlannedStep) -> int:
    """Return how many workers there are: enough for the batches that run, and for the next one."""
    batch = batch_of(step)
    if batch is None:
        return step.concurrency
    return min((step.concurrency + 1) * (batch.size // (unit_items(step) or 1)), _MOST_WORKERS)
