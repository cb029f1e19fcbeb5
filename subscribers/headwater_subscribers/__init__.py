"""Subscribers: receivers of the events of an execution.

Each is a module of its own: `callback`, `queue`, `console`, `log`, `file`, `metrics`, `prometheus`, `tracing`,
`timeline`, and `filter` and `sample`, which hand events on (`composed`). What they compute is apart from them:

- on a terminal: `view` and `stepview` (how things stand), `lines` or `table` with `picture` and `tree` (how it looks);
- in files: `journal` writes whole lines, `recorded` reads them back;
- in figures: `tallies`, changed by `counting`, with `histogram`, come to a `metrics_snapshot`, which `slo` judges and
  `metrics_text` and `metrics_table` show;
- as spans: `spans`, with the names in `gen_ai` and the `instruments`;
- in time: `timeline_step`, drawn by `timeline_picture`.

`text` has numbers and messages as all of them are written for people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headwater_subscribers.callback import CallbackSubscriber
    from headwater_subscribers.console import ConsoleSubscriber
    from headwater_subscribers.file import FileSubscriber, read_events
    from headwater_subscribers.filter import FilterSubscriber
    from headwater_subscribers.log import LogSubscriber
    from headwater_subscribers.metrics import MetricsSubscriber
    from headwater_subscribers.prometheus import PrometheusSubscriber
    from headwater_subscribers.queue import QueueSubscriber
    from headwater_subscribers.sample import SampleSubscriber
    from headwater_subscribers.timeline import Timeline, TimelineSubscriber, timeline_svg
    from headwater_subscribers.tracing import OpenTelemetrySubscriber

__all__ = [
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

_MODULES = {
    "CallbackSubscriber": "headwater_subscribers.callback",
    "ConsoleSubscriber": "headwater_subscribers.console",
    "FileSubscriber": "headwater_subscribers.file",
    "FilterSubscriber": "headwater_subscribers.filter",
    "LogSubscriber": "headwater_subscribers.log",
    "MetricsSubscriber": "headwater_subscribers.metrics",
    "OpenTelemetrySubscriber": "headwater_subscribers.tracing",
    "PrometheusSubscriber": "headwater_subscribers.prometheus",
    "QueueSubscriber": "headwater_subscribers.queue",
    "SampleSubscriber": "headwater_subscribers.sample",
    "Timeline": "headwater_subscribers.timeline",
    "TimelineSubscriber": "headwater_subscribers.timeline",
    "read_events": "headwater_subscribers.file",
    "timeline_svg": "headwater_subscribers.timeline",
}


def __getattr__(name: str) -> Any:
    """Load a subscriber on first use, so that one that is not used costs nothing."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_MODULES[name]), name)
