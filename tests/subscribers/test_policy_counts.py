# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""What policies did, in every view: the counts are those of the events."""

from __future__ import annotations

import io
from typing import Any

import anyio
import pytest

from headwater import Pipeline, StepComplete, step
from headwater.testing import EventRecorder
from headwater_subscribers import ConsoleSubscriber, MetricsSubscriber, TimelineSubscriber


@step("counts.shout")
async def shout(text: str) -> str:
    await anyio.lowlevel.checkpoint()
    if text == "bad":
        raise ConnectionError("down")
    return text.upper()


COUNTS = {"cached": 3, "limited": 2, "rejected": 1}


@pytest.fixture
async def views(virtual_clock: Any) -> tuple[EventRecorder, MetricsSubscriber, str, str]:
    """Run a pipeline whose policies did something; return the events, the metrics, the console and the timeline."""
    options = {
        "cache": {},
        "rate_limit": {"per_s": 1, "burst": 2},
        "circuit_breaker": {"failures": 2},
        "on_error": "skip_item",
    }
    screen, recorder, metrics = io.StringIO(), EventRecorder(), MetricsSubscriber()
    timeline = TimelineSubscriber()
    items = ["a", "b", "a", "bad", "a", "b", "bad", "c"]
    pipeline = Pipeline("shout", steps={"shout": shout}, options={"shout": options})
    await pipeline.run(items, subscribers=[recorder, metrics, ConsoleSubscriber(file=screen), timeline])
    return recorder, metrics, screen.getvalue(), timeline.svg()


async def test_counts_are_the_same_in_every_view(
    views: tuple[EventRecorder, MetricsSubscriber, str, str], virtual_clock: Any
) -> None:
    """Three results came from the cache, two calls waited, and one was refused after two failures."""
    recorder, metrics, console, timeline = views
    [data] = [event.data for event in recorder.events if isinstance(event.data, StepComplete)]
    assert data.policies == COUNTS
    assert metrics.snapshot().steps[0].policies == COUNTS
    assert "3 cached, 2 limited, 1 rejected" in metrics.text()
    for view in (console, timeline):
        assert "3 cached, 2 held back, 1 refused".replace(", ", "; " if view is timeline else ", ") in view
