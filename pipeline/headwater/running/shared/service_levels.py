"""Whether the executions of a pipeline meet its service level objectives."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import ceil
from time import perf_counter
from typing import TYPE_CHECKING, Final

from headwater.events.pipeline_data import SloBreached
from headwater.events.step_state import State
from headwater.running.record import first_item_at
from headwater.running.shared.kept import Memory

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from headwater.config.policies.service_objectives import SloSpec
    from headwater.running.record import StepRecord

__all__ = ["ExecutionFacts", "ServiceLevels", "facts_of"]


@dataclass(frozen=True, slots=True)
class ExecutionFacts:
    """What counts of one execution that has ended.

    Args:
        completed: Whether it completed; None when it was cancelled, so that it is neither a success nor a failure.
        ended_steps: How many of its steps ended.
        completed_steps: How many of them completed.
        compensated_steps: How many of those skipped, put aside or replaced items.
        retries: How often an attempt was followed by another one.
        duration_s: From its start to its end.
        first_item_s: From its start to the first item of its output; None when there was none.
    """

    completed: bool | None
    ended_steps: int
    completed_steps: int
    compensated_steps: int
    retries: int
    duration_s: float
    first_item_s: float | None


def facts_of(
    records: Mapping[str, StepRecord], writers: Collection[str], started_at: float, *, completed: bool | None
) -> ExecutionFacts:
    """Return what counts of an execution, from the numbers of its steps; `writers` write its output."""
    ended = [record for record in records.values() if record.state in {State.DONE, State.FAILED}]
    done = [record for record in ended if record.state is State.DONE]
    firsts = [first_item_at(record) for step_id, record in records.items() if step_id in writers]
    first_at = min([at for at in firsts if at is not None], default=None)
    return ExecutionFacts(
        completed=completed,
        ended_steps=len(ended),
        completed_steps=len(done),
        compensated_steps=sum(record.compensations > 0 for record in done),
        retries=sum(record.policies.get("retries", 0) for record in records.values()),
        duration_s=perf_counter() - started_at,
        first_item_s=None if first_at is None else max(first_at - started_at, 0.0),
    )


class ServiceLevels(Memory):
    """The last executions of a pipeline, measured against its objectives."""

    def __init__(self, spec: SloSpec) -> None:
        self._targets = spec.targets
        self._facts: deque[ExecutionFacts] = deque(maxlen=spec.executions)

    def add(self, facts: ExecutionFacts) -> None:
        """Count an execution."""
        self._facts.append(facts)

    def breaches(self) -> Iterator[SloBreached]:
        """Yield the objectives that are missed now."""
        for objective, target in self._targets.items():
            value = _MEASURES[objective](self._facts)
            missed = value is not None and (value < target if objective in _AT_LEAST else value > target)
            if value is not None and missed:
                yield SloBreached(objective, target, value, len(self._facts))


def _steps(facts: Sequence[ExecutionFacts], count: Callable[[ExecutionFacts], int]) -> float | None:
    """Return the share of the steps that ended."""
    ended = sum(one.ended_steps for one in facts)
    return sum(map(count, facts)) / ended if ended else None


def _successes(facts: Sequence[ExecutionFacts]) -> float | None:
    ended = [one.completed for one in facts if one.completed is not None]
    return sum(ended) / len(ended) if ended else None


def _percentile(percent: int, values: Sequence[float]) -> float | None:
    """Return the smallest value that as many percent of all do not exceed."""
    return sorted(values)[ceil(len(values) * percent / 100) - 1] if values else None


def _duration(percent: int) -> Callable[[Sequence[ExecutionFacts]], float | None]:
    return lambda facts: _percentile(percent, [one.duration_s for one in facts if one.completed is not None])


def _first_item(percent: int) -> Callable[[Sequence[ExecutionFacts]], float | None]:
    return lambda facts: _percentile(percent, [one.first_item_s for one in facts if one.first_item_s is not None])


_AT_LEAST: Final = frozenset({"step_success_rate", "success_rate"})
_MEASURES: Final[dict[str, Callable[[Sequence[ExecutionFacts]], float | None]]] = {
    "step_success_rate": lambda facts: _steps(facts, lambda one: one.completed_steps),
    "success_rate": _successes,
    "compensation_rate": lambda facts: _steps(facts, lambda one: one.compensated_steps),
    "retries_per_execution": lambda facts: sum(one.retries for one in facts) / len(facts) if facts else None,
    **{f"first_item_p{percent}_s": _first_item(percent) for percent in (50, 95, 99)},
    **{f"duration_p{percent}_s": _duration(percent) for percent in (50, 95, 99)},
}
