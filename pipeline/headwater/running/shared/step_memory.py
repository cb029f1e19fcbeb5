"""What the policies of steps remember, found by document and step."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from headwater.kinds.definition import Placement
from headwater.running.shared.batch_calls import Batches
from headwater.running.shared.breakers import CircuitBreaker
from headwater.running.shared.caches import ResultCache
from headwater.running.shared.rate_limits import RateLimit
from headwater.running.shared.unit_keys import code_version, params_key
from headwater.running.workers.batch_worker import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Generator, Hashable, Mapping

    from headwater.graph.plan import Plan, PlannedStep
    from headwater.running.shared.kept import Kept

__all__ = ["StepMemory", "step_memories"]


@dataclass(slots=True)
class StepMemory:
    """What the policies of one step remember; None for a policy that it does not have."""

    breaker: CircuitBreaker | None = None
    limit: RateLimit | None = None
    cache: ResultCache | None = None
    batches: Batches | None = None
    pool: WorkerPool | None = None


@contextmanager
def step_memories(plan: Plan, shared: Kept, own: Kept) -> Generator[Mapping[str, StepMemory]]:
    """Yield what the policies of the steps of a plan remember, by path, and hold it as long as the block."""
    with ExitStack() as stack:
        yield {path: _memory(document, step, shared, own, stack) for path, document, step in plan.remembering}


def _memory(document: str, step: PlannedStep, shared: Kept, own: Kept, stack: ExitStack) -> StepMemory:
    memory = StepMemory()
    if step.policies is None:
        return memory
    shared_policies = step.policies.shared

    def key(policy: object) -> Hashable:
        return document, step.id, repr(policy)  # with its values, as another document may have the same name

    if (breaker := shared_policies.circuit_breaker) is not None:
        make = partial(CircuitBreaker, breaker.failures, breaker.window_s, breaker.reset_s)
        memory.breaker = stack.enter_context(shared.use(key(breaker), make))
    if (limit := shared_policies.rate_limit) is not None:
        memory.limit = stack.enter_context(shared.use(key(limit), partial(RateLimit, limit.per_s, limit.burst)))
    if (cache := shared_policies.cache) is not None:
        memory.cache = stack.enter_context(shared.use(key(cache), partial(ResultCache, cache.ttl_s, cache.max_items)))
    if (batch := shared_policies.batch) is not None:
        kept = shared if batch.across == "runner" else own
        make_batches = partial(Batches, kept.group, size=batch.size, linger_s=batch.linger_s, calls=step.concurrency)
        # A batch is one call, so its items must have the same params and code.
        version = key(batch), step.concurrency, code_version(step.bound.definition), params_key(step.bound)
        memory.batches = stack.enter_context(kept.use(version, make_batches))
        if step.placement is Placement.PROCESS:
            memory.pool = stack.enter_context(kept.use(("workers", *version), WorkerPool))
    return memory
