"""What a host needs from the execution that it belongs to, and nothing more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from headwater.running.workers.worker import WorkerScope

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from headwater.graph.plan import PlannedStep
    from headwater.running.record import StepRecord
    from headwater.running.shared.step_memory import StepMemory

__all__ = ["HostScope"]


class HostScope(WorkerScope, Protocol):
    """An execution as its hosts, drivers and workers see it, so that these can also live elsewhere."""

    @property
    def failed(self) -> Collection[str]:
        """Ids of the steps that failed on their own; `input` when the pipeline's input did."""
        ...

    def record(self, step: PlannedStep) -> StepRecord:
        """Return the numbers of a step, which emit its events."""
        ...

    def callable_of(self, step: PlannedStep, attempt: int) -> Callable[..., Any]:
        """Return the function of a step that takes its inputs alone, with params and context bound."""
        ...

    @property
    def mask(self) -> Callable[[str], str]:
        """The function that masks secrets in a string; `str` when there are none."""
        ...

    def memory(self, step: PlannedStep) -> StepMemory | None:
        """Return what the policies of a step remember; None when there is nothing."""
        ...

    def fail(self, step_id: str, error: Exception, attempt: int) -> None:
        """Note that a step failed on its own, so that others can be stopped."""
        ...
