"""What a runner keeps for its executions while its block is open."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from anyio import CancelScope

from headwater.running.shared.kept import Kept
from headwater.running.shared.lifespans import Lifespans

if TYPE_CHECKING:
    from collections.abc import Generator

    from anyio import Event
    from anyio.abc import TaskGroup

__all__ = ["Cancellable", "RunnerScope"]


class Cancellable(Protocol):
    """An execution that can be stopped."""

    execution_id: str

    @property
    def done(self) -> Event:
        """Set when nothing of its steps runs any more."""
        ...

    def cancel(self, reason: str) -> None:
        """Stop it, unless it has ended."""
        ...


class RunnerScope:
    """The executions of a runner that run, and what they share."""

    def __init__(self, group: TaskGroup, idle_s: float | None) -> None:
        self.lifespans: Lifespans = Lifespans(group, idle_s)
        self.kept: Kept = Kept(group, idle_s)
        self.closing: bool = False
        self._executions: dict[str, Cancellable] = {}

    @contextmanager
    def running(self, execution: Cancellable) -> Generator[None]:
        """Count an execution among those that run."""
        if execution.execution_id in self._executions:
            raise RuntimeError(f"execution {execution.execution_id!r} already runs in this runner; give another id")
        self._executions[execution.execution_id] = execution
        try:
            yield
        finally:
            del self._executions[execution.execution_id]

    async def aclose(self) -> None:
        """Cancel what still runs, and release everything; raise a `StepError` when a lifespan fails then."""
        self.closing = True  # what begins from here on acquires its own, as nothing may use what is released
        with CancelScope(shield=True):
            for execution in [*self._executions.values()]:
                execution.cancel("the runner was closed")
                await execution.done.wait()
        await self.kept.aclose()
        await self.lifespans.aclose()
