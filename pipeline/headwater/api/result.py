"""The outcome of an execution."""

from __future__ import annotations

from dataclasses import dataclass, field
from reprlib import repr as short_repr
from typing import TYPE_CHECKING, Any, Literal

from headwater.events.data import StepComplete
from headwater.events.step_state import total
from headwater.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headwater.events.log import EventLog
    from headwater.events.subscription import LostSubscriber

__all__ = ["Result", "Status"]

Status = Literal["running", "completed", "failed", "cancelled"]
"""The state of an execution: running, or how it ended."""


@frozen("a result", "make a changed copy with dataclasses.replace(result, ...)")
@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of an execution.

    Args:
        status: `completed`, `failed` or `cancelled`.
        output: The value of a unary output, the list of items of a streaming one, a dict by step id when there are
            several. None for an output whose branch was not taken, or that was read from `execution.output`.
        header: The header of the output, or None.
        footer: The footer of the output, or None.
        execution_id: Id of the execution.
        duration_s: From its start to its end, in seconds.
        error: The error that ended it, or None.
        lost_subscribers: Subscribers that were detached before the last event.
        events: The log of the execution, with the events that it still keeps.

    Example:
        >>> Result(status="completed", output=3, execution_id="e1", duration_s=0.1).output
        3
    """

    status: Status
    output: Any
    execution_id: str
    duration_s: float
    header: Any = None
    footer: Any = None
    error: Exception | None = None
    lost_subscribers: tuple[LostSubscriber, ...] = ()
    events: EventLog | None = field(default=None, repr=False, compare=False)

    def __repr__(self) -> str:
        # asyncio calls this at the end of every run, where the whole of a large output would take seconds.
        error = "" if self.error is None else f", error={self.error!r}"
        output = short_repr(self.output)
        return f"Result(status={self.status!r}, output={output}, duration_s={self.duration_s:.3g}{error})"

    def _repr_html_(self) -> str:
        from headwater.api.views.notebook import result_html  # only a notebook asks for it

        return result_html(self)

    @property
    def is_partial(self) -> bool:
        """Whether the execution did not complete, so that `output` holds only what came before its end."""
        return self.status != "completed"

    @property
    def metrics(self) -> Mapping[str, StepComplete]:
        """The data of the `step_complete` event of each completed step, by step id; of a nested step, the sums."""
        events = () if self.events is None else self.events.read(after=0)
        found: dict[str, StepComplete] = {}
        for event in events:
            if event.step_id is not None and isinstance(event.data, StepComplete):
                found[event.step_id] = total(found.get(event.step_id), event.data)
        return found
