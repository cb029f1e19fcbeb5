"""Items that were skipped or rejected, as every view shows them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from headwater import Pipeline, run_sync
from headwater.testing import EventRecorder
from headwater_subscribers import ConsoleSubscriber, MetricsSubscriber

ROWS = "a,b\n1,1\n2\n3,3\n4\n5,5\n"
ENDS = {"skip": "2 skipped", "reject": "2 rejected"}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Return a table with two bad rows of five."""
    path = tmp_path / "table.csv"
    path.write_text(ROWS)
    return path


def read(table: Path, policy: str) -> Pipeline:
    """Return a pipeline that reads a table."""
    source = {"id": "rows", "kind": "source.csv", "params": {"path": str(table), "on_bad": policy}}
    steps: list[dict[str, Any]] = [source, {"id": "good", "kind": "stream.count"}]
    edges = ["rows -> good"]
    if policy == "reject":
        steps.append({"id": "bad", "kind": "stream.count"})
        edges.append("rows.rejected -> bad")
    return Pipeline.load({"name": "table", "steps": steps, "edges": edges})


@pytest.mark.parametrize(("policy", "shown"), ENDS.items())
@pytest.mark.parametrize("live", [False, True])
def test_console_shows_what_did_not_go_on(table: Path, policy: str, shown: str, *, live: bool) -> None:
    """The step and the end of the execution name the number; what went on is not added up with it."""
    written = io.StringIO()
    run_sync(read(table, policy), subscribers=[ConsoleSubscriber(file=written, live=live)])
    lines = written.getvalue().splitlines()
    assert any("rows" in line and shown in line for line in lines)
    assert any("table: done" in line and shown in line for line in lines)


@pytest.mark.parametrize(("policy", "shown"), ENDS.items())
def test_metrics_count_what_did_not_go_on(table: Path, policy: str, shown: str) -> None:
    """The totals have it by where it went, over all executions."""
    metrics = MetricsSubscriber()
    for _ in range(2):
        run_sync(read(table, policy), subscribers=[metrics])
    step = next(step for step in metrics.snapshot().steps if step.step_id == "rows")
    assert (step.items_out, step.items_aside) == (6, {shown.split()[1]: 4})
    assert shown.replace("2", "4") in metrics.text()


@pytest.mark.parametrize(("policy", "shown"), ENDS.items())
def test_events_count_what_did_not_go_on(table: Path, policy: str, shown: str) -> None:
    """The end of a step has the numbers, and the state that is computed from the events as well."""
    recorder = EventRecorder()
    run_sync(read(table, policy), subscribers=[recorder])
    complete = next(event.data for event in recorder.of("step_complete") if event.step_id == "rows")
    assert (complete.items_out, complete.items_aside) == (3, {shown.split()[1]: 2})
    assert recorder.state.steps["rows"].items_aside == complete.items_aside
    assert json.loads(json.dumps(dict(complete.items_aside))) == complete.items_aside
