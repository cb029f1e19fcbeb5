"""A subscriber that makes OpenTelemetry spans: one for each execution, and below it one for each attempt."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from threading import Lock
from time import time
from typing import TYPE_CHECKING, Final

from headwater import MissingExtraError, StreamSubscriber, __version__
from headwater_subscribers.metrics.collector import CALLING_OUT

try:
    from opentelemetry import metrics, trace
except ImportError as _error:
    raise MissingExtraError("the subscriber for OpenTelemetry", "opentelemetry") from _error

from headwater_subscribers.telemetry.instruments import Instruments
from headwater_subscribers.telemetry.spans import TYPES, Spans

if TYPE_CHECKING:
    from headwater import PipelineStart, StreamEvent

__all__ = ["OpenTelemetrySubscriber"]

_SCOPE: Final = "headwater"


class OpenTelemetrySubscriber(StreamSubscriber):
    """Make spans of executions for OpenTelemetry (https://opentelemetry.io/docs/specs/otel/trace/api).

    An execution is a span below the one that was current where it was started; each attempt of a step is a span below
    that of the execution, and links to the attempt before it. Times are those of the events. Failures are exceptions
    and a status; progress, skipped steps, questions and missed events are events of the spans. What steps report about
    models has the names of the semantic conventions (`GEN_AI_ATTRIBUTES`).

    The span of a step is the current one for its code, wherever that runs: spans that are made there are its children.

    Only the spans of running steps are held: they end, and go to the exporter, when the step ends.

    Args:
        tracer_provider: Where spans go; None for the global provider.
        meter_provider: Where durations and numbers of tokens go; None discards them.
        calling_out: Kinds of the steps whose spans are those of a client, with `*` for anything.
        max_executions: How many executions may run at a time; beyond that, the oldest counts as abandoned.

    Raises:
        MissingExtraError: The API of OpenTelemetry is not installed.

    Example:
        >>> from headwater import Pipeline, run_sync, step
        >>> @step("example.double")
        ... def double(number: int) -> int:
        ...     return 2 * number
        >>> pipeline = Pipeline("twice", steps={"double": double})
        >>> run_sync(pipeline, 21, subscribers=[OpenTelemetrySubscriber()]).output
        42
    """

    types: Collection[str] | None = TYPES
    interval_s: float = 0.1

    def __init__(
        self,
        tracer_provider: trace.TracerProvider | None = None,
        *,
        meter_provider: metrics.MeterProvider | None = None,
        calling_out: Iterable[str] = CALLING_OUT,
        max_executions: int = 10_000,
    ) -> None:
        tracer = trace.get_tracer(_SCOPE, __version__, tracer_provider)
        meter = None if meter_provider is None else metrics.get_meter(_SCOPE, __version__, meter_provider)
        instruments = None if meter is None else Instruments(meter)
        self._spans = Spans(tracer, instruments, tuple(calling_out), max_executions)
        self._lock = Lock()

    def inside_step(
        self, execution_id: str, start: PipelineStart, step_id: str
    ) -> Callable[[], AbstractContextManager[object]]:
        """Make the span of a step the current one for its code, so that spans made there are its children."""
        with self._lock:
            span = self._spans.ahead(execution_id, start, step_id, time())
        return partial(trace.use_span, span, record_exception=False, set_status_on_exception=False)

    def on_events(self, batch: Sequence[StreamEvent]) -> None:
        """Begin and end spans."""
        with self._lock:
            for event in batch:
                self._spans.apply(event)
