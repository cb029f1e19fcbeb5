"""What a host needs from the execution that it belongs to, and nothing more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from headwater.graph.plan import PlannedStep
    from headwater.running.record import StepRecord
    from headwater.running.workers.inside import Enter

__all__ = ["HostScope"]


class HostScope(Protocol):
    """An execution as its hosts, drivers and workers see it, so that these can also live elsewhere."""

    @property
    def execution_id(self) -> str:
        """Id of the execution."""
        ...

    @property
    def allowed(self) -> Collection[str]:
        """What the operator allows."""
        ...

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

    def inside(self, step: PlannedStep) -> Sequence[Enter]:
        """Return the contexts that subscribers give to the code of a step."""
        ...

    @property
    def mask(self) -> Callable[[str], str]:
        """The function that masks secrets in a string; `str` when there are none."""
        ...

    def progress(self, step: PlannedStep, fraction: float | None, message: str, data: Mapping[str, Any]) -> None:
        """Emit the progress that a step reports, from any thread."""
        ...

    def fail(self, step_id: str, error: Exception, attempt: int) -> None:
        """Note that a step failed on its own, so that others can be stopped."""
        ...
