"""What a step may ask for while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anyio
import pytest
import structlog

from headwater.kinds import StepContext


@pytest.mark.parametrize(
    ("fraction", "reported"),
    [(None, None), (0, 0.0), (0.5, 0.5), (1, 1.0), (1.0000001, 1.0), (-3, 0.0), (float("inf"), 1.0)],
)
def test_reports_its_progress(fraction: float | None, reported: float | None) -> None:
    """Progress is handed on as it is, except for a fraction that rounding took out of its bounds."""
    seen: list[tuple[float | None, str, Mapping[str, Any]]] = []
    ctx = StepContext("e", "s", report=lambda *progress: seen.append(progress))
    ctx.progress(fraction, "reading", lines=3)
    assert seen == [(reported, "reading", {"lines": 3})]


def test_has_one_key_for_all_attempts() -> None:
    """The idempotency key tells steps and executions apart, but not the attempts of a step."""
    keys = {StepContext("e", "s", attempt=attempt).idempotency_key for attempt in (1, 2, 3)}
    assert keys == {"e:s"}
    assert StepContext("e", "t").idempotency_key not in keys
    assert StepContext("f", "s").idempotency_key not in keys


def test_knows_that_it_is_cancelled() -> None:
    """A loop in a worker thread can ask whether it should end."""
    cancelled: list[bool] = []
    ctx = StepContext("e", "s", is_cancelled=lambda: bool(cancelled))
    assert not ctx.cancelled
    cancelled.append(True)
    assert ctx.cancelled


def test_has_a_bound_logger() -> None:
    """Whatever a step logs says which execution and step it is of."""
    ctx = StepContext("e", "s")
    with structlog.testing.capture_logs() as logs:
        ctx.log.info("hello", lines=3)
    assert logs == [{"event": "hello", "lines": 3, "log_level": "info", "execution_id": "e", "step_id": "s"}]
    assert ctx.log is ctx.log


def test_shows_where_it_is() -> None:
    """Its representation names the step, and takes no attributes beyond those there are."""
    ctx = StepContext("e", "s", attempt=2, deadline=3.5)
    assert repr(ctx) == "<StepContext 's' attempt 2 of execution e>"
    assert ctx.deadline == 3.5
    with pytest.raises(AttributeError):
        ctx.other = 3  # type: ignore[attr-defined]


async def test_is_used_from_worker_threads() -> None:
    """A blocking step tells its progress from its thread."""
    seen: list[Any] = []
    ctx = StepContext("e", "s", report=lambda *progress: seen.append(progress))
    await anyio.to_thread.run_sync(lambda: ctx.progress(0.5))
    assert seen == [(0.5, "", {})]
