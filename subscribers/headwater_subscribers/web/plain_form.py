"""The plain form of an event: a name and simple data, as the JavaScript of a page reads them without our models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import to_json

from headwater import EventType, StreamEvent
from headwater_subscribers.web.sse import sse_event

__all__ = ["NOTED", "PlainForm"]

NOTED: Final = frozenset(
    {EventType.STEP_OUTPUT, EventType.STEP_START, EventType.STEP_COMPLETE, EventType.STEP_PROGRESS}
)
"""The types of the events on which the plain form of others depends."""

_MAIN_PORT: Final = "out"
_NONE: Final[Mapping[str, Any]] = {}


class PlainForm:
    """Makes the plain form of the events of one execution, which are given in order.

    The data is that of the event, and more: `progress` from 0 to 1 in `step_progress` (what the step reported last, as
    is `message`; null before it has reported any);
    `output` in `step_complete`, what the last `step_output` of the step showed (null when there was none); and
    `duration_ms` wherever there is a `duration_s`.
    """

    __slots__ = ("_outputs", "_progress")

    def __init__(self) -> None:
        self._outputs: dict[str | None, dict[str, Any]] = {}
        self._progress: dict[str | None, tuple[float | None, str]] = {}

    def note(self, event: StreamEvent) -> None:
        """Take an event into account that is not shown itself."""
        if event.event_type in NOTED:
            self.data(event)

    def data(self, event: StreamEvent) -> dict[str, Any]:
        """Return the data of an event."""
        data: dict[str, Any] = event.to_dict()["data"] or {}
        if event.event_type is EventType.STEP_OUTPUT:
            self._keep(event.step_id, data)
        elif event.event_type is EventType.STEP_START:
            self._outputs.pop(event.step_id, None)
            self._progress.pop(event.step_id, None)
        elif event.event_type is EventType.STEP_PROGRESS:
            self._add_progress(event.step_id, data)
        elif event.event_type is EventType.STEP_COMPLETE:
            self._progress.pop(event.step_id, None)
            data["output"] = self._outputs.pop(event.step_id, _NONE).get("value")
        if "duration_s" in data:
            data["duration_ms"] = round(data["duration_s"] * 1000, 3)
        return data

    def sse(self, event: StreamEvent, more: Mapping[str, Any] | None = None) -> bytes:
        """Return a server-sent event that is named after its type, and whose data also holds the id of the step."""
        data = {"step_id": event.step_id, **self.data(event), **(more or {})}
        return sse_event(_json(data), event.seq, event.event_type.value)

    def message(self, event: StreamEvent, more: Mapping[str, Any] | None = None) -> bytes:
        """Return the message for a WebSocket."""
        envelope = {
            "event_type": event.event_type.value,
            "execution_id": event.execution_id,
            "step_id": event.step_id,
            "timestamp": event.timestamp,
            "seq": event.seq,
            "data": {**self.data(event), **(more or {})},
        }
        return _json(envelope)

    def _add_progress(self, step_id: str | None, data: dict[str, Any]) -> None:
        """Add how far a step is; events with counts alone do not say it."""
        fraction, message = self._progress.get(step_id, (None, ""))
        if data.get("fraction") is not None:
            fraction = data["fraction"]
        message = data.get("message") or message
        self._progress[step_id] = fraction, message
        data["progress"], data["message"] = fraction, message

    def _keep(self, step_id: str | None, data: dict[str, Any]) -> None:
        """Keep what a step wrote last, where the main output has precedence."""
        kept = self._outputs.get(step_id)
        if kept is None or data.get("port") == _MAIN_PORT or kept.get("port") != _MAIN_PORT:
            self._outputs[step_id] = data


def _json(value: object) -> bytes:
    return to_json(value, fallback=str, inf_nan_mode="strings")
