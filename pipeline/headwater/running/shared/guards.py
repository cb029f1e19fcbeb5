"""How the policies of a step guard its calls: refused, held back, or spared as their result is known."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from headwater.running.policies.notes import count
from headwater.running.shared.breakers import CircuitOpenError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from headwater.config.policies.shared_specs import SharedPolicies
    from headwater.running.record import StepRecord
    from headwater.running.shared.step_memory import StepMemory
    from headwater.running.shared.unit_keys import UnitKeys

__all__ = ["Guard"]


class Guard:
    """Guards the calls of one step in one execution; what it remembers may be shared with others."""

    def __init__(self, policies: SharedPolicies, memory: StepMemory, record: StepRecord, keys: UnitKeys) -> None:
        limit, cache = policies.rate_limit, policies.cache
        self._memory = memory
        self._record = record
        self._limit_key: Callable[[Any], bytes] | None = None
        if limit is not None and limit.key is not None:
            self._limit_key = keys.of_fields([limit.key])
        self._result_key = None if cache is None else keys.of_call(cache.fields)

    @property
    def keeps_results(self) -> bool:
        """Whether results are kept."""
        return self._memory.cache is not None

    @asynccontextmanager
    async def call(self, unit: Any) -> AsyncGenerator[None]:
        """Let the block be a call for a unit of work, once it may be; raise when it is refused."""
        breaker = self._memory.breaker
        if breaker is None:
            await self._wait(unit)
            yield
            return
        try:
            trial = breaker.enter()
        except CircuitOpenError:
            count(self._record, "rejected")
            raise
        with trial:
            await self._wait(unit)
            yield

    async def result(self, unit: Any, make: Callable[[], Awaitable[list[Any]]]) -> list[Any]:
        """Return what is made of a unit of work, or was made of an equal one before."""
        cache, key = self._memory.cache, self._result_key
        if cache is None or key is None:
            return await make()
        results: list[Any]
        results, hit = await cache.get(key(unit), make)
        if hit:
            count(self._record, "cached")
        return results

    async def _wait(self, unit: Any) -> None:
        limit = self._memory.limit
        if limit is not None and await limit.acquire(None if self._limit_key is None else self._limit_key(unit)):
            count(self._record, "limited")
