"""Steps of nested pipelines in every view: the state, the console, the timeline, metrics, files, traces and plans."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from headwater import Execution, ExecutionState, Pipeline, Runner, StepError
from headwater.cli.plan_text import plan_json, plan_text
from headwater.testing import EventRecorder
from headwater.toolkit import State
from headwater_subscribers import ConsoleSubscriber, FileSubscriber, MetricsSubscriber, TimelineSubscriber, read_events
from headwater_subscribers.console.painter import Painter
from tests.steps.nesting import chain, nesting

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

AFTER = {"id": "after", "kind": "nesting.double"}
MAPPED = nesting(chain("nesting.repeat", "nesting.total"), AFTER, kind="control.map", options={"concurrency": 2})
PATHS = ["nested", "nested/s0", "nested/s1", "after"]


async def events_of(document: Any = MAPPED, *subscribers: Any, data: Any = (1, 2, 3)) -> EventRecorder:
    """Run a document, and return its events."""
    recorder = EventRecorder()
    await Pipeline.load(document).run(iter(data), subscribers=[recorder, *subscribers])
    return recorder


async def test_state_has_nested_steps_below_the_step_that_holds_them() -> None:
    """The counts are those of all runs together."""
    state = (await events_of()).state
    first, *inside, last = state.steps  # which of those inside starts first is up to the event loop
    assert (first, {*inside}, last) == ("nested", {"nested/s0", "nested/s1"}, "after")
    inner = state.steps["nested/s0"]
    assert (inner.state, inner.runs, inner.running, inner.items_in, inner.items_out) == (State.DONE, 3, 0, 3, 6)
    assert (inner.kind, inner.result and inner.result.items_out) == ("nesting.repeat", 6)


async def test_state_of_a_run_goes_on_until_all_have_ended() -> None:
    """While one of several runs goes on, the step runs."""
    recorder = await events_of()
    state = ExecutionState()
    seen: set[State] = set()
    for event in recorder.events:
        state.apply([event])
        if (step := state.steps.get("nested/s0")) is not None:
            assert (step.state is State.RUNNING) == (step.running > 0)
            seen.add(step.state)
    assert seen == {State.RUNNING, State.DONE}


async def test_state_of_what_was_stopped_is_not_left_running() -> None:
    """Steps inside that were stopped in the middle have no event of their end; that of the outer step is theirs."""
    document = nesting(chain("nesting.wait"), kind="control.loop", until={"ge": 1}, max_time_s=0.01)
    recorder = EventRecorder()
    with pytest.raises(StepError, match="did not hold within"):
        await Pipeline.load(document).run(1, subscribers=[recorder])
    assert recorder.state.steps["nested/s0"].state is State.STOPPED


async def test_result_has_metrics_of_nested_steps() -> None:
    """They are the sums over the runs."""
    result = await Pipeline.load(MAPPED).run(iter([1, 2, 3]))
    assert set(result.metrics) == set(PATHS)
    assert (result.metrics["nested/s0"].items_out, result.metrics["nested"].items_out) == (6, 3)


async def test_filters_by_step_match_what_is_inside() -> None:
    """The id of a step means all of it, a path the step there; live, and in views and subscriptions."""
    everything = await events_of()
    inside = {"nested", "nested/s0", "nested/s1"}
    for steps, expected in [({"nested"}, inside), ({"nested/s1"}, {"nested/s1"}), ({"nested/s"}, set[str]())]:
        recorder = EventRecorder(steps=steps)
        async with Runner([recorder]).start(Pipeline.load(MAPPED), iter([1, 2, 3])) as execution:
            viewed = await viewed_of(execution, steps)
        wanted = [event.seq for event in everything.events if event.step_id in expected]
        assert {event.step_id for event in viewed} == expected
        assert [event.step_id for event in recorder.events] == [event.step_id for event in viewed]
        assert len(viewed) == len(wanted)


async def viewed_of(execution: Execution, steps: set[str]) -> list[Any]:
    """Return the events of some steps by a view."""
    return [event async for event in execution.events(steps=steps)]


async def test_console_shows_nested_steps_in_lines() -> None:
    """A line names the path and the item."""
    file = io.StringIO()
    await events_of(MAPPED, ConsoleSubscriber(file=file))
    assert "nested/s0[1]" in file.getvalue()
    assert "started, 2 steps" in file.getvalue()


async def test_console_shows_nested_steps_in_the_tree() -> None:
    """They are below the step that holds them, also in the narrowest picture."""
    state = (await events_of()).state
    for width in (40, 80, 120):
        lines = ["".join(segment.text for segment in line) for line in Painter(state).lines(width, 30, state.ended_s)]
        names = [next(part for part in line.split() if part not in {"│", "✓"}) for line in lines[1:5]]
        assert (names[0], {*names[1:3]}, names[3]) == ("nested", {"nested/s0", "nested/s1"}, "after")
    assert "3 runs" in "".join(lines)


async def test_timeline_and_files_and_metrics_have_nested_steps(tmp_path: Path) -> None:
    """Each names them by their paths; a file keeps the index of the item."""
    timeline, metrics = TimelineSubscriber(), MetricsSubscriber()
    await events_of(MAPPED, timeline, metrics, FileSubscriber(tmp_path / "run.jsonl"))
    assert "nested/s0" in timeline.svg()
    assert {step.step_id for step in metrics.snapshot().steps} == set(PATHS)
    inner = next(step for step in metrics.snapshot().steps if step.step_id == "nested/s0")
    assert (inner.completed, inner.items_in, inner.items_out) == (3, 3, 6)
    read = [event for event in read_events(tmp_path / "run.jsonl") if event.step_id == "nested/s0"]
    assert {(event.metadata or {})["index"] for event in read} == {0, 1, 2}


async def test_traces_have_a_span_for_each_run() -> None:
    """The span of a nested step is inside of that of the step that holds it, and all have ended."""
    pytest.importorskip("opentelemetry.sdk")
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from headwater_subscribers import OpenTelemetrySubscriber

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    await events_of(MAPPED, OpenTelemetrySubscriber(provider))
    spans = exporter.get_finished_spans()
    outer = next(span for span in spans if span.name == "step nested")
    inner = [span for span in spans if span.name == "step nested/s0"]
    assert len(inner) == 3
    assert outer.context is not None
    assert {span.parent and span.parent.span_id for span in inner} == {outer.context.span_id}


def test_plan_shows_nested_steps_below_the_step() -> None:
    """The text has their paths and edges, JSON the whole plan, and drawings a dashed way into it."""
    plan = Pipeline.load(MAPPED).plan(stream_input=True)
    text = plan_text(plan)
    rows = [line.split()[0] for line in text.splitlines() if line.startswith("  ") and line.split()]
    assert rows[1:5] == PATHS
    assert "nested/s0" in text.partition("edge")[2]
    nested = json.loads(plan_json(plan))["steps"][0]["nested"]
    assert [step["id"] for step in nested["steps"]] == ["s0", "s1"]
    pipeline = Pipeline.load(MAPPED)
    assert "nested/s0<br>nesting.repeat" in pipeline.draw("mermaid")
    assert "-.->" in pipeline.draw("mermaid")
    assert "dashed" in pipeline.draw("dot")
    assert "nested/s1" in pipeline.draw("svg")
    assert "nested/s1" in pipeline.draw("text")


def test_plan_counts_what_nested_pipelines_hold() -> None:
    """Each run may hold what its plan says; one that gathers a stream makes it unbounded."""
    few, many = (
        Pipeline.load(nesting(chain("nesting.double"), kind="control.map", options={"concurrency": number}))
        .plan(stream_input=True)
        .worst_case_items
        for number in (2, 8)
    )
    assert few is not None
    assert many is not None
    assert many > few
    gathering = nesting(chain("nesting.repeat", {"kind": "stream.sort"}, "nesting.total"), kind="control.map")
    assert Pipeline.load(gathering).plan().worst_case_items is not None
