"""Subscribers: receivers of the events of an execution.

Each is a module of its own: `callback`, `queue`, `console`, `log`, `file`, `metrics`, `prometheus`, `tracing`,
`timeline`, and `filter` and `sample`, which hand events on (`composed`). What they compute is apart from them:

- on a terminal: `view` and `stepview` (how things stand), `lines` or `table` with `picture` and `tree` (how it looks);
- in files: `journal` writes whole lines, `recorded` reads them back;
- in figures: `tallies`, changed by `counting`, with `histogram`, come to a `metrics_snapshot`, which `slo` judges and
  `metrics_text` and `metrics_table` show;
- as spans: `spans`, with the names in `gen_ai` and the `instruments`;
- in time: `timeline_step`, drawn by `timeline_picture`.

"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.lazy import on_first_use

if TYPE_CHECKING:
    from collections.abc import Callable

    from headwater_subscribers.callback import CallbackSubscriber
    from headwater_subscribers.console.console import ConsoleSubscriber
    from headwater_subscribers.files.file import FileSubscriber, read_events
    from headwater_subscribers.files.recorded import BadEventError
    from headwater_subscribers.filter import FilterSubscriber
    from headwater_subscribers.log import LogSubscriber
    from headwater_subscribers.metrics.metrics import MetricsSubscriber
    from headwater_subscribers.metrics.prometheus import PrometheusSubscriber
    from headwater_subscribers.queue import QueueSubscriber
    from headwater_subscribers.sample import SampleSubscriber
    from headwater_subscribers.telemetry.tracing import OpenTelemetrySubscriber
    from headwater_subscribers.timeline.timeline import Timeline, TimelineSubscriber, timeline_svg

__all__ = [
    "BadEventError",
    "CallbackSubscriber",
    "ConsoleSubscriber",
    "FileSubscriber",
    "FilterSubscriber",
    "LogSubscriber",
    "MetricsSubscriber",
    "OpenTelemetrySubscriber",
    "PrometheusSubscriber",
    "QueueSubscriber",
    "SampleSubscriber",
    "Timeline",
    "TimelineSubscriber",
    "read_events",
    "timeline_svg",
]

__getattr__: Callable[[str], Any] = on_first_use(
    __name__,
    {
        "callback": "CallbackSubscriber",
        "console.console": "ConsoleSubscriber",
        "files.file": "FileSubscriber read_events",
        "files.recorded": "BadEventError",
        "filter": "FilterSubscriber",
        "log": "LogSubscriber",
        "metrics.metrics": "MetricsSubscriber",
        "metrics.prometheus": "PrometheusSubscriber",
        "queue": "QueueSubscriber",
        "sample": "SampleSubscriber",
        "timeline.timeline": "Timeline TimelineSubscriber timeline_svg",
        "telemetry.tracing": "OpenTelemetrySubscriber",
    },
)
