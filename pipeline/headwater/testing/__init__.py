"""The test kit for steps, pipelines and subscribers.

The functions are also pytest fixtures of the same name, by the plugin that comes with Headwater, and so are
`event_recorder` and `virtual_clock`. Each name is imported on first use, as pytest loads the plugin in every test run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.lazy import on_first_use

if TYPE_CHECKING:
    from collections.abc import Callable

    from headwater.testing.clock import VirtualClock
    from headwater.testing.laws import verify_step, verify_task
    from headwater.testing.recorder import EventRecorder
    from headwater.testing.running import collect, run_step
    from headwater.testing.samples import SampleBrokenError, SampleStream, breaking_stream, endless_stream, slow_stream

__all__ = [
    "EventRecorder",
    "SampleBrokenError",
    "SampleStream",
    "VirtualClock",
    "breaking_stream",
    "collect",
    "endless_stream",
    "run_step",
    "slow_stream",
    "verify_step",
    "verify_task",
]

__getattr__: Callable[[str], Any] = on_first_use(
    __name__,
    {
        "clock": "VirtualClock",
        "laws": "verify_step verify_task",
        "recorder": "EventRecorder",
        "running": "collect run_step",
        "samples": "SampleBrokenError SampleStream breaking_stream endless_stream slow_stream",
    },
)
