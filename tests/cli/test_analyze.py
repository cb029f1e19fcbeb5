"""What `headwater plan` shows with `--analyze` and `--events`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import KINDS, Done

Call = Callable[..., Done]
MakePipeline = Callable[..., str]

STEPS = (("cli.numbers", {"count": 3}), ("cli.named", {}), ("cli.sum", {}))
EDGES = ["numbers -> sum", "numbers -> named"]


def test_plan_shows_what_fails_with_a_step_when_it_is_analyzed(call: Call, pipeline: MakePipeline) -> None:
    """Below the plan stand the steps that can work at once, and those downstream of each step."""
    done = call("plan", pipeline(*STEPS, edges=EDGES), "--analyze", "--steps", KINDS)
    lines = [line.split() for line in done.out.splitlines()]
    assert done.code == 0
    assert any("can work at once:" in line for line in done.out.splitlines())
    assert ["numbers", "2", "named,", "sum"] in lines or ["numbers", "2", "sum,", "named"] in lines
    assert "critical path" not in done.out


def test_plan_shows_the_critical_path_when_a_run_was_recorded(
    call: Call, pipeline: MakePipeline, tmp_path: Path
) -> None:
    """The times are those of the last execution in the file."""
    document, events = pipeline(*STEPS, edges=EDGES), tmp_path / "run.jsonl"
    for _ in range(2):
        assert call("run", document, "--quiet", "--events", events, "--steps", KINDS).code == 0
    done = call("plan", document, "--events", events, "--json", "--steps", KINDS)
    analysis = json.loads(done.out)["analysis"]
    assert analysis["downstream_counts"] == {"numbers": 2, "named": 0, "sum": 0}
    assert analysis["critical_path"][0]["step"] == "numbers"
    assert "  critical path  busy" in call("plan", document, "--events", events, "--steps", KINDS).out


@pytest.mark.parametrize("content", [None, "{}\n"])
def test_plan_names_the_file_when_its_events_cannot_be_read(
    call: Call, pipeline: MakePipeline, tmp_path: Path, content: str | None
) -> None:
    """A file that is missing, or that is not of events, is a problem with its place."""
    events = tmp_path / "run.jsonl"
    if content is not None:
        events.write_text(content, "utf-8")
    done = call("plan", pipeline(*STEPS, edges=EDGES), "--events", events, "--steps", KINDS)
    assert done.code == 2
    assert str(events) in done.err
    assert "[unreadable]" in done.err
