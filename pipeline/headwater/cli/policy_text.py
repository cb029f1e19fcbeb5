"""What `headwater plan` shows of the policies of steps."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from headwater.display import json_line, plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headwater.config.policies.service_objectives import SloSpec
    from headwater.config.policies.shared_specs import FieldRef, SharedPolicies
    from headwater.graph.plan import PlannedStep, StepPolicies

__all__ = ["objective_rows", "policies_object", "policy_rows"]


def policy_rows(step: PlannedStep) -> list[list[str]]:
    """Return a row for each policy of a step, the first with its id."""
    if step.policies is None:
        return []
    rows = [["", name, text] for name, text in _texts(step.policies)]
    return [[step.id, *row[1:]] if number == 0 else row for number, row in enumerate(rows)]


def _texts(policies: StepPolicies) -> Iterator[tuple[str, str]]:
    unit = "for each item or value" if policies.of_units else "for the whole step"
    if (retry := policies.retry) is not None:
        pause = f"pauses of {retry.backoff_s:g} s, times {retry.factor:g}, at most {retry.max_s:g} s"
        yield "retry", f"{retry.attempts} attempts {unit}, on {' or '.join(retry.on)}, {pause}"
    if limits := [f"{name} {limit:g} s" for name, limit in _limits(policies).items() if name != "total_s"]:
        yield "timeout", ", ".join(limits)
    if policies.on_error != "fail":
        yield "on_error", _on_error(policies)
    yield from _shared_texts(policies.shared)
    if policies.compensate is not None:
        yield "compensate", f"{policies.compensate.kind}, when the execution fails later"


def _shared_texts(shared: SharedPolicies) -> Iterator[tuple[str, str]]:
    if (breaker := shared.circuit_breaker) is not None:
        opens = f"opens after {plural(breaker.failures, 'failure')} within {breaker.window_s:g} s"
        yield "circuit_breaker", f"{opens}, for {breaker.reset_s:g} s"
    if (limit := shared.rate_limit) is not None:
        burst = "" if limit.burst == 1 else f", {limit.burst} at once"
        key = "" if limit.key is None else f", for each {_name(limit.key)}"
        yield "rate_limit", f"{limit.per_s:g} calls per second{burst}{key}"
    if (cache := shared.cache) is not None:
        fields = "equal items" if cache.fields is None else f"equal {' and '.join(map(_name, cache.fields))}"
        age = "" if cache.ttl_s is None else f", for {cache.ttl_s:g} s"
        yield "cache", f"at most {plural(cache.max_items, 'result')} of {fields}{age}"
    if (batch := shared.batch) is not None:
        linger = "" if not batch.linger_s else f", waiting at most {batch.linger_s:g} s"
        whose = "" if batch.across == "execution" else ", of all executions of a runner"
        yield "batch", f"at most {plural(batch.size, 'item')}{linger}{whose}"


def objective_rows(slo: SloSpec) -> list[list[str]]:
    """Return a heading, and a row for each service level objective of a document."""
    heading = ["objective", f"over the last {plural(slo.executions, 'execution')} of a runner"]
    return [heading, *([name, f"{target:g}"] for name, target in slo.targets.items())]


def _name(field: FieldRef) -> str:
    return field if isinstance(field, str) else ".".join(field)


def _on_error(policies: StepPolicies) -> str:
    if policies.fallback is not None:
        return f"fallback to {policies.fallback.kind}"
    if policies.on_error == "value":
        return f"the value {json_line(policies.value)}"
    return {"skip_item": "skip the item", "dead_letter": "write the item to the port errors"}[policies.on_error]


def _limits(policies: StepPolicies) -> dict[str, float]:
    return {name: limit for name, limit in asdict(policies.timeout).items() if limit is not None}


def policies_object(policies: StepPolicies | None) -> dict[str, Any] | None:
    """Return the policies of a step as JSON data."""
    if policies is None:
        return None
    return {
        "of_units": policies.of_units,
        "retry": None if policies.retry is None else asdict(policies.retry),
        "timeout": _limits(policies),
        "on_error": policies.on_error,
        "value": policies.value,
        "fallback": None if policies.fallback is None else policies.fallback.kind,
        "compensate": None if policies.compensate is None else policies.compensate.kind,
        **asdict(policies.shared),
    }
