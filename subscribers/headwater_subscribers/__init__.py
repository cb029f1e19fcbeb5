"""Subscribers: receivers of the events of an execution.

The simple ones are modules of this package: `callback`, `queue`, `program_log`, and `filter` and `sample`, which hand
chosen events on to another subscriber (`composed`). The others are packages:

- `console`: a live tree or plain lines (`screen` chooses; `live`, `painter` and `tree`, or `lines`);
- `files`: events as lines of JSON (`event_file` on top of `journal`), and reading them back (`recorded`);
- `metrics`: counts (`collector`, with `tallies`, `counting` and `histogram`), what they amount to (`snapshot`, `slo`),
  and how it is shown (`text_tables`, `prometheus`);
- `telemetry`: OpenTelemetry (`tracing`, with `spans`, `instruments` and the names in `gen_ai`);
- `timeline`: an execution over time (`history`), drawn as SVG (`chart`);
- `web`: events for web clients (`sse_subscriber`, with `sse` for the bytes, and
  `websocket_subscriber`, both on `sender`; `plain_form`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.toolkit import on_first_use

if TYPE_CHECKING:
    from collections.abc import Callable

    from headwater_subscribers.callback import CallbackSubscriber
    from headwater_subscribers.console.screen import ConsoleSubscriber
    from headwater_subscribers.files.event_file import FileSubscriber, read_events
    from headwater_subscribers.files.recorded import BadEventError
    from headwater_subscribers.filter import FilterSubscriber
    from headwater_subscribers.metrics.collector import MetricsSubscriber
    from headwater_subscribers.metrics.histogram import Distribution
    from headwater_subscribers.metrics.prometheus import PrometheusSubscriber
    from headwater_subscribers.metrics.slo import DEFAULT_SLOS, Slo, SloResult
    from headwater_subscribers.metrics.snapshot import MetricsSnapshot, PipelineMetrics, Reliability, StepMetrics
    from headwater_subscribers.program_log import LogSubscriber
    from headwater_subscribers.queue import QueueSubscriber
    from headwater_subscribers.sample import SampleSubscriber
    from headwater_subscribers.telemetry.tracing import OpenTelemetrySubscriber
    from headwater_subscribers.timeline.history import Timeline, TimelineSubscriber, timeline_svg
    from headwater_subscribers.web.sse_subscriber import SSESubscriber
    from headwater_subscribers.web.websocket_subscriber import WebSocketSubscriber

__all__ = [
    "DEFAULT_SLOS",
    "BadEventError",
    "CallbackSubscriber",
    "ConsoleSubscriber",
    "Distribution",
    "FileSubscriber",
    "FilterSubscriber",
    "LogSubscriber",
    "MetricsSnapshot",
    "MetricsSubscriber",
    "OpenTelemetrySubscriber",
    "PipelineMetrics",
    "PrometheusSubscriber",
    "QueueSubscriber",
    "Reliability",
    "SSESubscriber",
    "SampleSubscriber",
    "Slo",
    "SloResult",
    "StepMetrics",
    "Timeline",
    "TimelineSubscriber",
    "WebSocketSubscriber",
    "read_events",
    "timeline_svg",
]

__getattr__: Callable[[str], Any] = on_first_use(
    __name__,
    {
        "callback": "CallbackSubscriber",
        "console.screen": "ConsoleSubscriber",
        "files.event_file": "FileSubscriber read_events",
        "files.recorded": "BadEventError",
        "filter": "FilterSubscriber",
        "program_log": "LogSubscriber",
        "metrics.collector": "MetricsSubscriber",
        "metrics.histogram": "Distribution",
        "metrics.slo": "DEFAULT_SLOS Slo SloResult",
        "metrics.snapshot": "MetricsSnapshot PipelineMetrics Reliability StepMetrics",
        "metrics.prometheus": "PrometheusSubscriber",
        "queue": "QueueSubscriber",
        "sample": "SampleSubscriber",
        "timeline.history": "Timeline TimelineSubscriber timeline_svg",
        "telemetry.tracing": "OpenTelemetrySubscriber",
        "web.sse_subscriber": "SSESubscriber",
        "web.websocket_subscriber": "WebSocketSubscriber",
    },
)
