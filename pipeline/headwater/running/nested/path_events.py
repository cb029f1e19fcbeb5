"""The events of a nested pipeline: in the log of the execution, with the paths of its steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from headwater.errors import FIRST_ATTEMPT
from headwater.events.chunk import WIDTH
from headwater.events.data import StepFailure, StepOutput
from headwater.events.event import EventType
from headwater.events.plain import preview
from headwater.ids import PATH_SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headwater.events.chunk import Rows
    from headwater.events.data import EventData
    from headwater.events.delivery import Delivery
    from headwater.events.log import EventLog
    from headwater.events.streaming_context import StreamingContext

__all__ = ["EventSink", "PathEvents"]

EventSink: TypeAlias = "StreamingContext | PathEvents"
"""Where steps emit: the context of the execution, or that of a nested pipeline."""


class PathEvents:
    """Emits the events of a nested pipeline, as a `StreamingContext` does those of the execution.

    The log is that of the execution, so what lags and what is drained is the same as for the steps around it.
    """

    __slots__ = ("context", "metadata", "path")

    def __init__(self, around: EventSink, step_id: str, metadata: Mapping[str, Any]) -> None:
        own = dict(metadata)
        if isinstance(around, PathEvents):
            own |= {} if around.metadata is None else {"outer": around.metadata}
            self.context: StreamingContext = around.context
            self.path: str = f"{around.path}{step_id}{PATH_SEPARATOR}"
        else:
            self.context, self.path = around, step_id + PATH_SEPARATOR
        self.metadata: Mapping[str, Any] | None = own or None

    @property
    def log(self) -> EventLog:
        """The events of the execution so far."""
        return self.context.log

    @property
    def enabled(self) -> bool:
        """Whether events are emitted at all."""
        return self.context.enabled

    @property
    def delivery(self) -> Delivery:
        """What feeds the subscribers of the execution."""
        return self.context.delivery

    @property
    def lags(self) -> bool:
        """Whether a subscriber lags by more than half of its buffer."""
        return self.context.lags

    async def drain(self) -> None:
        """Wait until no subscriber lags by more than half of its buffer."""
        await self.context.drain()

    def emit(
        self,
        event_type: EventType,
        step_id: str | None = None,
        data: EventData | None = None,
        attempt: int = FIRST_ATTEMPT,
        *,
        metadata: Mapping[str, Any] | None = None,
    ) -> bool:
        """Emit an event of a step by the path of the step."""
        if isinstance(data, StepFailure) and data.cause_step_id is not None:
            data = StepFailure(data.error_type, data.message, cause_step_id=self.path + data.cause_step_id)
        merged = self.metadata if metadata is None else {**metadata, **(self.metadata or {})}
        return self.context.emit(event_type, self.path + (step_id or ""), data, attempt, metadata=merged)

    def emit_rows(self, rows: Rows, count: int) -> bool:
        """Emit several events of steps by the paths of the steps."""
        lags = False
        for start in range(0, count * WIDTH, WIDTH):
            event_type, step_id, attempt, time_s, data, metadata = rows[start : start + WIDTH]
            if event_type is EventType.STEP_OUTPUT and type(data) is not StepOutput:  # its index is in the metadata
                data, metadata = StepOutput("out", metadata or 0, *preview(data)), None
            metadata = self.metadata if metadata is None else {**metadata, **(self.metadata or {})}
            row = (event_type, self.path + step_id, attempt, time_s, data, metadata)
            lags = self.context.emit_rows(row, 1) or lags
        return lags
