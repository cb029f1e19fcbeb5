"""The spans of executions that run, and the changes that each type of event makes to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

from headwater import (
    EventType,
    PipelineCancelled,
    PipelineFailure,
    PipelineStart,
    StepComplete,
    StepFailure,
    StepProgress,
    StepRetry,
    StepStart,
)
from headwater_subscribers.telemetry.gen_ai import Attribute, attribute, gen_ai_attributes

if TYPE_CHECKING:
    from headwater import StreamEvent
    from headwater_subscribers.telemetry.instruments import Instruments

__all__ = ["TYPES", "Spans"]

_STATUS: Final = {
    EventType.PIPELINE_COMPLETE: "completed",
    EventType.PIPELINE_ERROR: "failed",
    EventType.PIPELINE_CANCELLED: "cancelled",
}


@dataclass(slots=True)
class Attempt:
    """A running attempt of a step: its span, and what the step reported about models."""

    span: trace.Span
    kind: str
    started_s: float
    model: dict[str, Attribute] = field(default_factory=dict[str, Attribute])

    def learn(self, reported: Mapping[str, Any] | None) -> None:
        """Note what the step reports about a model."""
        model = gen_ai_attributes(reported)
        if model:
            self.model.update(model)
            self.span.set_attributes(model)


@dataclass(slots=True)
class Trace:
    """A running execution: its span, and those of its running steps."""

    span: trace.Span
    name: str
    started_s: float
    kinds: Mapping[str, str]
    attempts: dict[str, Attempt] = field(default_factory=dict[str, Attempt])
    has_nested: bool = False
    before: dict[str, trace.SpanContext] = field(default_factory=dict[str, trace.SpanContext])
    """The span of the last attempt of each step that is being retried."""


class Spans:
    """The spans of all running executions."""

    def __init__(
        self, tracer: trace.Tracer, instruments: Instruments | None, calling_out: tuple[str, ...], max_executions: int
    ) -> None:
        self._tracer = tracer
        self._instruments = instruments
        self._calling_out = calling_out
        self._max_executions = max_executions
        self._traces: dict[str, Trace] = {}

    def apply(self, event: StreamEvent) -> None:
        """Begin, change or end the spans that an event is about."""
        running = self._traces.get(event.execution_id) or self._begin(event)
        change = _CHANGES.get(event.event_type)
        if change is not None:
            change(self, running, event, event.data)

    def ahead(self, execution_id: str, start: PipelineStart, step_id: str, time_s: float) -> trace.Span:
        """Return the span of a step that begins, also before its events are received."""
        running = self._traces.get(execution_id) or self._open(execution_id, start, time_s)
        found = running.attempts.get(step_id)
        if found is None and "/" in step_id:  # whichever run of it began last
            found = next((one for key, one in reversed(running.attempts.items()) if _is_run(key, step_id)), None)
        return (found or self._open_attempt(running, step_id, "", time_s)).span

    def _begin(self, event: StreamEvent) -> Trace:
        start = event.data if isinstance(event.data, PipelineStart) else PipelineStart("unknown")
        return self._open(event.execution_id, start, event.time_s)

    def _open(self, execution_id: str, start: PipelineStart, time_s: float) -> Trace:
        if len(self._traces) >= self._max_executions:
            abandoned = self._traces.pop(next(iter(self._traces)))
            self._close(abandoned, time_s, "abandoned")
        span = self._tracer.start_span(  # below the caller's, as events are delivered in a copy of its context
            f"pipeline {start.name}",
            attributes={
                "headwater.pipeline.name": start.name,
                "headwater.pipeline.steps": len(start.steps),
                "headwater.execution.id": execution_id,
            },
            start_time=_ns(time_s),
        )
        kinds = {step.id: step.kind for step in start.steps}
        running = self._traces[execution_id] = Trace(span, start.name, time_s, kinds)
        return running

    def end(self, running: Trace, event: StreamEvent, data: Any) -> None:
        """End the span of an execution, and those of steps that still run."""
        del self._traces[event.execution_id]
        if isinstance(data, PipelineFailure):
            _fail(running.span, event, data.error_type, data.message)
        elif isinstance(data, PipelineCancelled):
            running.span.set_attribute("headwater.execution.cancel_reason", data.reason)
        self._close(running, event.time_s, _STATUS[event.event_type])

    def _close(self, running: Trace, time_s: float, status: str) -> None:
        for ended in running.attempts.values():
            self._end_attempt(running, ended, time_s, "stopped")
        running.attempts.clear()
        running.span.set_attribute("headwater.execution.status", status)
        running.span.end(max(_ns(time_s), _ns(running.started_s)))
        if self._instruments is not None:
            self._instruments.execution(time_s - running.started_s, running.name, status)

    def attempt(self, running: Trace, event: StreamEvent) -> Attempt:
        """Return the attempt that an event is about; it begins now if its start was missed."""
        step_id, key = event.step_id or "unknown", event.run_key or "unknown"
        found = running.attempts.get(key)
        if found is not None:
            return found
        if key != step_id and (ahead := running.attempts.pop(step_id, None)) is not None:
            running.attempts[key] = ahead
            return ahead
        data = event.data
        kind = data.kind if isinstance(data, StepStart) else ""
        started_s = event.time_s - (data.duration_s if isinstance(data, StepComplete) else 0.0)
        made = self._open_attempt(running, step_id, kind, started_s, key)
        made.span.set_attribute("headwater.step.attempt", event.attempt)
        return made

    def _open_attempt(
        self, running: Trace, step_id: str, kind: str, started_s: float, key: str | None = None
    ) -> Attempt:
        kind = kind or running.kinds.get(step_id, "")
        before = running.before.pop(step_id, None)
        calls_out = any(fnmatchcase(kind, pattern) for pattern in self._calling_out)
        span = self._tracer.start_span(
            f"step {step_id}",
            context=trace.set_span_in_context(_span_around(running, step_id)),
            kind=SpanKind.CLIENT if calls_out else SpanKind.INTERNAL,
            attributes={"headwater.step.id": step_id, "headwater.step.kind": kind},
            links=() if before is None else (Link(before, {"headwater.link": "previous attempt"}),),
            start_time=_ns(started_s),
        )
        running.has_nested = running.has_nested or "/" in step_id
        made = running.attempts[key or step_id] = Attempt(span, kind, started_s)
        return made

    def end_attempt(self, running: Trace, event: StreamEvent, status: str, error_type: str = "") -> None:
        """End the span of an attempt."""
        step_id = event.step_id or "unknown"
        ended = running.attempts.pop(event.run_key or step_id)
        if running.has_nested and "/" not in step_id:  # what was stopped inside has no event of its end
            for key in [key for key in running.attempts if key.startswith(f"{step_id}/")]:
                self._end_attempt(running, running.attempts.pop(key), event.time_s, "stopped")
        ended.span.set_attribute("headwater.step.attempt", event.attempt)
        self._end_attempt(running, ended, event.time_s, status, error_type)

    def _end_attempt(self, running: Trace, ended: Attempt, time_s: float, status: str, error_type: str = "") -> None:
        ended.span.set_attribute("headwater.step.status", status)
        ended.span.end(max(_ns(time_s), _ns(ended.started_s)))
        if self._instruments is not None:
            duration_s = time_s - ended.started_s
            self._instruments.step(duration_s, running.name, ended.kind, status, error_type)
            self._instruments.model(duration_s, ended.model, error_type)


def _step_start(spans: Spans, running: Trace, event: StreamEvent, data: Any) -> None:
    attempt = spans.attempt(running, event)
    if isinstance(data, StepStart):
        attempt.span.set_attributes({"headwater.step.flavor": data.flavor, "headwater.step.attempt": event.attempt})


def _step_progress(spans: Spans, running: Trace, event: StreamEvent, data: Any) -> None:
    if not isinstance(data, StepProgress):
        return
    attempt = spans.attempt(running, event)
    attempt.learn(data.data)
    attempt.learn(event.metadata)
    if data.fraction is None and not data.message and not data.data:
        return  # only counts, which come twice a second
    attributes: dict[str, Attribute] = {f"headwater.data.{name}": attribute(value) for name, value in data.data.items()}
    if data.fraction is not None:
        attributes["headwater.progress.fraction"] = data.fraction
    if data.message:
        attributes["headwater.progress.message"] = data.message
    attempt.span.add_event("progress", attributes, _ns(event.time_s))


def _step_complete(spans: Spans, running: Trace, event: StreamEvent, data: Any) -> None:
    attempt = spans.attempt(running, event)
    if isinstance(data, StepComplete):
        results = {
            "headwater.step.items_in": data.items_in,
            "headwater.step.items_out": data.items_out,
            "headwater.step.bytes_out": data.bytes_out,
            "headwater.step.first_item_s": data.first_item_s,
            "headwater.step.largest_gap_s": data.largest_gap_s,
            "headwater.step.input_wait_s": data.input_wait_s,
            "headwater.step.output_wait_s": data.output_wait_s,
            "headwater.step.compensations": data.compensations,
        }
        attempt.span.set_attributes({name: value for name, value in results.items() if value is not None})
    attempt.learn(event.metadata)
    spans.end_attempt(running, event, "completed")


def _step_error(spans: Spans, running: Trace, event: StreamEvent, data: Any) -> None:
    attempt = spans.attempt(running, event)
    if isinstance(data, StepFailure) and data.cause_step_id is not None:
        attempt.span.set_attribute("headwater.step.cause", data.cause_step_id)
        spans.end_attempt(running, event, "suffered")
        return
    error_type = data.error_type if isinstance(data, StepFailure) else "unknown"
    _fail(attempt.span, event, error_type, data.message if isinstance(data, StepFailure) else "")
    spans.end_attempt(running, event, "failed", error_type)


def _step_retry(spans: Spans, running: Trace, event: StreamEvent, data: Any) -> None:
    if isinstance(data, StepRetry) and data.index is not None:  # of one item, while the step goes on
        _note(spans, running, event, data)
        return
    attempt = spans.attempt(running, event)
    error_type = data.error_type if isinstance(data, StepRetry) else "unknown"
    if isinstance(data, StepRetry):
        attempt.span.set_attribute("headwater.step.retry_delay_s", data.delay_s)
        _fail(attempt.span, event, error_type, data.message)
    running.before[event.step_id or "unknown"] = attempt.span.get_span_context()
    spans.end_attempt(running, event, "retried", error_type)


def _note(_spans: Spans, running: Trace, event: StreamEvent, data: Any) -> None:
    """Add an event to the span of its step, or to that of the execution when the step does not run."""
    attempt = running.attempts.get(event.run_key)
    span = running.span if attempt is None else attempt.span
    values = {name: getattr(data, name) for name in getattr(data, "__slots__", ())}
    attributes = {f"headwater.{name}": attribute(value) for name, value in values.items() if value is not None}
    if event.step_id is not None:
        attributes["headwater.step.id"] = event.step_id
    span.add_event(event.event_type.value, attributes, _ns(event.time_s))


_CHANGES: Final[Mapping[EventType, Callable[[Spans, Trace, StreamEvent, Any], None]]] = {
    EventType.STEP_START: _step_start,
    EventType.STEP_PROGRESS: _step_progress,
    EventType.STEP_COMPLETE: _step_complete,
    EventType.STEP_ERROR: _step_error,
    EventType.STEP_RETRY: _step_retry,
    EventType.STEP_SKIPPED: _note,
    EventType.CHECKPOINT_SAVED: _note,
    EventType.INPUT_REQUIRED: _note,
    EventType.STREAM_GAP: _note,
    EventType.SLO_BREACHED: _note,
    EventType.PIPELINE_COMPLETE: Spans.end,
    EventType.PIPELINE_ERROR: Spans.end,
    EventType.PIPELINE_CANCELLED: Spans.end,
}


TYPES: Final[frozenset[str]] = frozenset({EventType.PIPELINE_START, *_CHANGES})
"""Types of the events that spans are made of."""


def _fail(span: trace.Span, event: StreamEvent, error_type: str, message: str) -> None:
    """Note an error as the conventions have it (https://opentelemetry.io/docs/specs/semconv/exceptions)."""
    attributes = {"exception.type": error_type, "exception.message": message}
    span.add_event("exception", attributes, _ns(event.time_s))
    span.set_attribute("error.type", error_type)
    span.set_status(Status(StatusCode.ERROR, f"{error_type}: {message}"))


def _ns(time_s: float) -> int:
    return round(time_s * 1e9)


def _is_run(key: str, step_id: str) -> bool:
    """Return whether a key is that of a run of a step in a nested pipeline."""
    return key == step_id or key.startswith(f"{step_id}[")


def _span_around(running: Trace, step_id: str) -> trace.Span:
    """Return the span of the step whose nested pipeline a step is in, or that of the execution."""
    around = step_id.rpartition("/")[0]
    if not around:
        return running.span
    found = (one.span for key, one in reversed(running.attempts.items()) if _is_run(key, around))
    return next(found, running.span)
