"""What the policies of one execution remember, and its service levels."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING

from headwater.running.groups import open_group
from headwater.running.shared.kept import Kept
from headwater.running.shared.service_levels import ServiceLevels
from headwater.running.shared.step_memory import step_memories

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AsyncExitStack

    from headwater.running.request import ExecutionRequest
    from headwater.running.shared.step_memory import StepMemory

__all__ = ["NOTHING", "ExecutionMemory"]

NOTHING: Mapping[str, StepMemory] = {}
"""What the policies of a plan without such steps remember."""


class ExecutionMemory:
    """What an execution remembers for itself, and finds at its runner."""

    def __init__(self, request: ExecutionRequest) -> None:
        self.levels: ServiceLevels | None = None
        self._request = request
        self._own: Kept | None = None

    @classmethod
    def of(cls, request: ExecutionRequest) -> ExecutionMemory | None:
        """Return the memory of an execution, or None when it needs none."""
        return cls(request) if request.plan.remembering or request.slo is not None else None

    async def open(self, stack: AsyncExitStack) -> Mapping[str, StepMemory]:
        """Find what policies remember: as long as the runner, if it was entered, or as long as the stack."""
        plan, slo, runner = self._request.plan, self._request.slo, self._request.options.runner
        if runner is not None and runner.closing:
            runner = None
        if slo is not None:
            levels = partial(ServiceLevels, slo)
            kept = nullcontext(levels()) if runner is None else runner.kept.use((plan.name, slo), levels)
            self.levels = stack.enter_context(kept)
        if not plan.remembering:
            return {}
        own = self._own = Kept(await stack.enter_async_context(open_group()))
        stack.push_async_callback(own.aclose)
        shared = own if runner is None else runner.kept
        return stack.enter_context(step_memories(plan, shared, own))

    async def aclose(self) -> None:
        """Release what belongs to the execution."""
        if self._own is not None:
            await self._own.aclose()
