"""A subscriber that writes events to the log of the program."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from headwater import EventType, StreamEvent, StreamSubscriber
from headwater.toolkit import operator_log, plain

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

__all__ = ["Level", "LogSubscriber"]

Level = Literal["debug", "info", "warning", "error"]

_ORDER: Final[tuple[Level, ...]] = ("debug", "info", "warning", "error")
_LEVELS: Final[Mapping[EventType, Level]] = {
    EventType.PIPELINE_START: "info",
    EventType.STEP_START: "debug",
    EventType.STEP_PROGRESS: "debug",
    EventType.STEP_COMPLETE: "info",
    EventType.STEP_SKIPPED: "info",
    EventType.STEP_RETRY: "warning",
    EventType.STEP_ERROR: "error",
    EventType.CHECKPOINT_SAVED: "debug",
    EventType.INPUT_REQUIRED: "warning",
    EventType.STREAM_GAP: "warning",
    EventType.SLO_BREACHED: "warning",
    EventType.PIPELINE_COMPLETE: "info",
    EventType.PIPELINE_CANCELLED: "warning",
    EventType.PIPELINE_ERROR: "error",
}


class LogSubscriber(StreamSubscriber):
    """Log events with structlog (https://www.structlog.org): one entry for each, named after its type.

    Every entry has `execution_id`, `step_id` if there is one, `seq`, and the data of the event. Starts and ends of the
    execution and ends of steps are `info`, failures `error`, retries, gaps, missed objectives, cancellation and
    questions `warning`, starts and progress of steps `debug`. Items (`step_output`) are never logged.

    Args:
        logger: A structlog logger; None for one of structlog's configuration, which writes to standard error unless
            structlog is configured.
        level: The lowest level that is logged; events below it cost nothing.
        levels: Other levels for some types of events.
        steps: Ids of the steps whose events are logged; None for all, and for those about the execution itself.

    Raises:
        ValueError: A level or a type is not known, or a level is given for items.

    Example:
        >>> import structlog
        >>> from headwater import Pipeline, run_sync, step
        >>> @step("example.lower")
        ... def lower(text: str) -> str:
        ...     return text.lower()
        >>> with structlog.testing.capture_logs() as entries:
        ...     _ = run_sync(Pipeline("lower", steps={"lower": lower}), "A", subscribers=[LogSubscriber()])
        >>> [(entry["log_level"], entry["event"], entry.get("step_id")) for entry in entries]
        [('info', 'pipeline_start', None), ('info', 'step_complete', 'lower'), ('info', 'pipeline_complete', None)]
    """

    def __init__(
        self,
        logger: FilteringBoundLogger | None = None,
        *,
        level: Level = "info",
        levels: Mapping[str, Level] | None = None,
        steps: Collection[str] | None = None,
    ) -> None:
        chosen = _levels(levels or {})
        least = _rank(level)
        self._levels = {event_type: level for event_type, level in chosen.items() if _rank(level) >= least}
        self._logger = logger
        self.types: Collection[str] | None = frozenset(self._levels)
        self.steps = steps

    def on_event(self, event: StreamEvent) -> None:
        """Log an event."""
        level = self._levels.get(event.event_type, "warning")  # a gap is always received
        logger = operator_log() if self._logger is None else self._logger
        context: dict[str, Any] = {"execution_id": event.execution_id, "seq": event.seq}
        if event.step_id is not None:
            context["step_id"] = event.step_id
        if event.attempt > 1:
            context["attempt"] = event.attempt
        getattr(logger, level)(event.event_type.value, **(context | _details(event) | context))


def _levels(others: Mapping[str, Level]) -> dict[EventType, Level]:
    levels = dict(_LEVELS)
    for name, level in others.items():
        if name not in _LEVELS:
            raise ValueError(
                f"{name!r} has no level; events with a level are: {', '.join(_LEVELS)}; items are never logged"
            )
        _rank(level)
        levels[EventType(name)] = level
    return levels


def _rank(level: str) -> int:
    if level not in _ORDER:
        raise ValueError(f"there is no level {level!r}; there are: {', '.join(_ORDER)}")
    return _ORDER.index(level)


def _details(event: StreamEvent) -> dict[str, Any]:
    """Return the data of an event without empty fields; steps and edges are counted."""
    details: dict[str, Any] = {}
    data = event.data
    for field in () if data is None else fields(data):
        value = getattr(data, field.name)
        if value is not None and value not in ("", (), {}):
            details[field.name] = _short(value)
    if event.metadata:
        details["metadata"] = plain(event.metadata)
    return details


def _short(value: object) -> object:
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, tuple):
        parts = cast("tuple[object, ...]", value)
        return list(parts) if all(isinstance(part, str) for part in parts) else len(parts)
    return plain(value) if isinstance(value, Mapping) else value
