from __future__ import annotations

import io
import re
import subprocess
import sys
from fnmatch import fnmatchcase
from threading import Thread
from typing import Any

import anyio
import pytest
from pydantic import ValidationError

from headwater import ExecutionCancelled, Pipeline, Runner, StepError, Stream, StreamEvent, run_sync, step
from headwater.events.data import (
    InputRequired,
    PipelineStart,
    StepComplete,
    StepInfo,
    StepProgress,
    StepRetry,
    StepSkipped,
    StreamGap,
)
from headwater.kinds.registry import registry
from headwater_subscribers import MetricsSubscriber
from headwater_subscribers.metrics.collector import CALLING_OUT
from headwater_subscribers.metrics.slo import DEFAULT_SLOS, Slo
from tests.subscribers.samples import CANCELLED, DONE, FAILED, START, Fact, ended, events, failed, started


def measured(*executions: list[Fact], **options: Any) -> MetricsSubscriber:
    """Return the metrics of executions, one after the other."""
    metrics = MetricsSubscriber(**options)
    for number, facts in enumerate(executions):
        metrics.on_events(events(facts, f"e{number}"))
    return metrics


WELL = [START, started("lines"), ended("lines"), started("words"), ended("words"), DONE]
BADLY = [START, started("lines"), ended("lines"), started("words"), failed("words"), FAILED]
RETRIED = [START, started("words"), (2.0, "words", StepRetry(2, 0.1, "OSError", "busy")), ended("words"), DONE]
ASKED = [START, (1.0, "words", InputRequired("go on?")), (2.0, "words", InputRequired("really?")), DONE]


@pytest.mark.parametrize(
    ("executions", "metric", "value"),
    [
        ([WELL], "sr", 1.0),
        ([BADLY], "sr", 0.5),
        ([WELL, BADLY], "sr", 0.75),
        ([[START, failed("lines"), failed("words", cause="lines"), FAILED]], "sr", 0.0),
        ([[START, (1.0, "words", StepSkipped("not taken")), DONE]], "sr", 1.0),
        ([[START, started("lines"), ended("lines"), started("words"), CANCELLED]], "sr", 1.0),
        ([WELL], "cr", 0.0),
        ([[START, ended("lines", data=StepComplete(9, 7, 1.0, compensations=2)), ended("words"), DONE]], "cr", 0.5),
        ([WELL], "pc", 0.0),
        ([RETRIED, WELL], "pc", 0.5),
        ([WELL], "hir", 0.0),
        ([ASKED, WELL, WELL, WELL], "hir", 0.25),
        ([WELL], "ma", 1.0),
        ([RETRIED, WELL], "ma", 2 / 3),
        ([[START, started("words", flavor="unary_unary"), ended("words"), DONE]], "ma", 0.0),
        ([[START, started("words"), failed("words", error_type="TimeoutError"), FAILED]], "ma", 0.0),
        ([BADLY], "ma", 1.0),
        ([[START, ended("words", data=StepComplete(1, 1, 1.0, attempts=2)), DONE]], "ma", 0.0),
    ],
)
def test_ratios_follow_their_definitions(executions: list[list[Fact]], metric: str, value: float) -> None:
    """Each ratio counts what it says, over all executions."""
    assert getattr(measured(*executions).snapshot().reliability, metric) == pytest.approx(value)


def test_ratios_have_their_empty_cases() -> None:
    """Before anything has happened nothing is wrong, and no duration is made up."""
    reliability = MetricsSubscriber().snapshot().reliability
    ratios = (reliability.sr, reliability.cr, reliability.pc, reliability.hir, reliability.ma, reliability.rsr)
    assert ratios == (1.0, 0.0, 0.0, 0.0, 1.0, 1.0)
    assert [times.mean_s for times in (reliability.tcl, reliability.wct, reliability.mtte)] == [None, None, None]


def test_tool_call_latency_is_that_of_steps_that_call_out() -> None:
    """Only kinds that are said to call out are counted."""
    reliability = measured(WELL, calling_out=["text.wor*"]).snapshot().reliability
    assert (reliability.tcl.count, reliability.tcl.mean_s) == (1, 4.0)
    assert measured(WELL).snapshot().reliability.tcl.count == 0


def test_every_installed_kind_that_asks_a_server_calls_out() -> None:
    """The durations of all steps that send requests are tool call latency by default."""
    kinds = [kind for kind in registry.kinds() if "http" in kind.split(".")]
    assert kinds
    assert [kind for kind in kinds if not any(fnmatchcase(kind, pattern) for pattern in CALLING_OUT)] == []


def test_completion_time_is_that_of_executions() -> None:
    """Every execution that ended counts, however it ended."""
    wct = measured(WELL, BADLY, [START, CANCELLED]).snapshot().reliability.wct
    assert (wct.count, wct.mean_s, wct.max_s) == (3, 9.0, 9.0)


@pytest.mark.parametrize(
    ("facts", "times_s"),
    [
        ([START, failed("words", 6.0), FAILED], [3.0]),
        ([START, failed("lines", 2.0), failed("words", 8.0, cause="lines"), FAILED], [7.0]),
        ([START, FAILED], [0.0]),
        (WELL, []),
    ],
    ids=["one step", "a step and one that suffers", "outside the steps", "no error"],
)
def test_time_to_explain_goes_from_the_error_to_the_end_that_explains_it(
    facts: list[Fact], times_s: list[float]
) -> None:
    """An error is explained by the event that ends the execution; a step that only suffers has none of its own."""
    mtte = measured(facts).snapshot().reliability.mtte
    assert (mtte.count, mtte.sum_s) == (len(times_s), sum(times_s))


def test_replays_are_compared_with_what_was_recorded() -> None:
    """A replay succeeds when it emits the very same events."""
    metrics, recorded = MetricsSubscriber(), events(WELL)
    again = [StreamEvent.from_json(event.to_json()) for event in recorded]
    assert metrics.count_replay(recorded, again)
    assert not metrics.count_replay(recorded, again[:-1])
    assert not metrics.count_replay(recorded, [*again, again[-1]])
    assert not metrics.count_replay(recorded, events(BADLY))
    assert metrics.snapshot().reliability.rsr == 0.25


# ---- counts


def test_steps_are_counted_by_how_they_ended() -> None:
    """Each way to end is counted separately."""
    facts = [
        START,
        (0.5, "extra", StepSkipped("not taken")),
        failed("lines"),
        failed("words", cause="lines"),
        started("last"),
        FAILED,
    ]
    steps = {step.step_id: step for step in measured(WELL, facts).snapshot().steps}
    counts = {name: (s.completed, s.failed, s.suffered, s.stopped, s.skipped) for name, s in steps.items()}
    assert counts == {
        "lines": (1, 1, 0, 0, 0),
        "words": (1, 0, 1, 0, 0),
        "extra": (0, 0, 0, 0, 1),
        "last": (0, 0, 0, 1, 0),
    }


def test_figures_of_a_step_are_summed_and_the_largest_gap_is_kept() -> None:
    """The figures of each end of a step are added up."""
    first = StepComplete(10, 20, 4.0, 100, 0.5, 0.25, 1, 1.0, 0.5)
    second = StepComplete(1, 2, 2.0, 50, 1.5, 0.125, 1, 0.5, 0.25)
    facts = [[START, started("words"), ended("words", data=data), DONE] for data in (first, second)]
    words = measured(*facts).snapshot().steps[0]
    assert (words.kind, words.items_in, words.items_out, words.bytes_out) == ("text.words", 11, 22, 150)
    assert (words.input_wait_s, words.output_wait_s, words.largest_gap_s) == (1.5, 0.75, 0.25)
    assert (words.duration.sum_s, words.first_item.max_s) == (6.0, 1.5)


def test_items_are_counted_while_a_step_runs_and_only_once() -> None:
    """An execution that goes on for days shows its items all the time."""
    metrics = MetricsSubscriber()
    facts = events(
        [
            START,
            started("words"),
            (2.0, "words", StepProgress(items_in=3, items_out=30)),
            (3.0, "words", StepProgress(0.5, "half")),
            (4.0, "words", StepProgress(items_in=7, items_out=70)),
            ended("words"),
        ]
    )
    counts: list[tuple[int, int]] = []
    for event in facts:
        metrics.on_events([event])
        counts += [(step.items_in, step.items_out) for step in metrics.snapshot().steps]
    assert counts == [(0, 0), (3, 30), (3, 30), (7, 70), (10, 70)]


def test_duration_of_a_failed_step_comes_from_its_events() -> None:
    """A failure has no duration, so it is taken from the times of start and error."""
    assert (
        measured([START, started("words", 1.0), failed("words", 6.0), FAILED]).snapshot().steps[0].duration.sum_s == 5
    )


def test_clock_that_was_set_back_gives_no_negative_time() -> None:
    """Times of day may jump; durations do not become negative by it."""
    snapshot = measured([START, started("words", 50.0), failed("words", 40.0), FAILED]).snapshot()
    assert snapshot.steps[0].duration.min_s == 0.0
    assert snapshot.reliability.mtte.min_s == 0.0


def test_execution_whose_start_was_missed_is_counted_as_unknown() -> None:
    """A late subscriber counts what it sees, and says how much it missed."""
    snapshot = measured([(0.5, None, StreamGap(7, 1, 7)), ended("words"), DONE]).snapshot()
    assert [(pipeline.name, pipeline.completed) for pipeline in snapshot.pipelines] == [("unknown", 1)]
    assert snapshot.missed_events == 7


def test_running_executions_are_counted_apart() -> None:
    """What has not ended is running."""
    pipeline = measured([START, started("words")], WELL, BADLY, [START, CANCELLED]).snapshot().pipelines[0]
    assert (pipeline.started, pipeline.running) == (4, 1)
    assert (pipeline.completed, pipeline.failed, pipeline.cancelled) == (1, 1, 1)


# ---- bounds


def many_steps(name: str, count: int) -> list[Fact]:
    """Return an execution of a pipeline with many steps."""
    ids = [f"{name}-{number}" for number in range(count)]
    start: Fact = (0.0, None, PipelineStart(name, tuple(StepInfo(step_id, "text.words") for step_id in ids)))
    return [start, *(facts for step_id in ids for facts in (started(step_id), ended(step_id))), DONE]


def test_steps_beyond_the_limit_are_counted_together() -> None:
    """No stream of new pipelines makes the metrics grow forever, and nothing is lost from the totals."""
    executions = [many_steps(f"pipeline-{number}", 3) for number in range(20)]
    snapshot = measured(*executions, max_steps=10).snapshot()
    assert len(snapshot.steps) + len(snapshot.pipelines) <= 10 + 2 * (len(snapshot.pipelines) + 1)
    assert sum(step.completed for step in snapshot.steps) == 60
    assert sum(pipeline.completed for pipeline in snapshot.pipelines) == 20
    assert snapshot.pipelines[-1].name == "other"


def test_executions_that_never_end_are_forgotten() -> None:
    """An execution that never ends is dropped when there are too many."""
    abandoned = [[START, started("words")] for _ in range(7)]
    pipeline = measured(*abandoned, max_executions=3).snapshot().pipelines[0]
    assert (pipeline.started, pipeline.running, pipeline.abandoned) == (7, 3, 4)


# ---- objectives


@pytest.mark.parametrize(
    ("executions", "metric", "status"),
    [
        ([], "SR", "no data"),
        ([WELL], "SR", "met"),
        ([BADLY], "SR", "missed"),
        ([WELL], "CR", "met"),
        ([RETRIED] * 2, "PC", "met"),
        ([[*RETRIED[:3], *RETRIED[2:]]], "PC", "missed"),
        ([ASKED], "HIR", "missed"),
        ([RETRIED], "MA", "missed"),
        ([WELL], "MTTE", "no data"),
        ([BADLY], "MTTE", "met"),
        ([[START, failed("words", -400.0), FAILED]], "MTTE", "missed"),
        ([WELL], "RSR", "no data"),
    ],
)
def test_objectives_are_met_missed_or_without_data(executions: list[list[Fact]], metric: str, status: str) -> None:
    """Each default objective judges its metric, and keeps silent when there is nothing to judge."""
    results = {result.slo.metric: result.status for result in measured(*executions).slos()}
    assert results[metric] == status


def test_default_objectives_are_those_of_the_definitions() -> None:
    """The default targets are those of the reference."""
    expected = ["SR > 95 %", "CR < 10 %", "PC < 2", "HIR < 5 %", "MA > 90 %", "MTTE p95 <= 300 s", "RSR >= 99 %"]
    assert [str(slo) for slo in DEFAULT_SLOS] == expected


def test_own_objectives_judge_the_figure_they_name() -> None:
    """Durations can be judged by any of their figures."""
    slos = [Slo(metric="WCT", bound="<", target=9.0, statistic="max"), Slo(metric="WCT", bound="<=", target=9.0)]
    results = measured(WELL, slos=slos).slos()
    assert [(result.value, result.status) for result in results] == [(9.0, "missed"), (9.0, "met")]


@pytest.mark.parametrize("wrong", [{"metric": "XY"}, {"bound": "=="}, {"statistic": "p42"}, {"goal": 1}])
def test_objective_refuses_what_it_does_not_know(wrong: dict[str, Any]) -> None:
    """A misspelled objective is refused rather than always met."""
    with pytest.raises(ValidationError):
        Slo(**{"metric": "SR", "bound": ">", "target": 0.5, **wrong})


# ---- with real executions


@step("metrics.double")
async def double(number: int) -> int:
    """Return twice the number."""
    return 2 * number


@step("metrics.total")
async def total(numbers: Stream[int]) -> int:
    """Return the sum, unless it is a bad one."""
    found = sum([number async for number in numbers])
    if found < 0:
        raise ValueError("negative")
    return found


@step("metrics.forever")
async def forever(numbers: Stream[int]) -> int:
    """Wait until cancelled."""
    async for _ in numbers:
        await anyio.sleep_forever()
    return 0


SUM = Pipeline("sum", steps={"double": double, "total": total})


async def test_executions_at_the_same_time_are_measured_together() -> None:
    """One subscriber serves any number of executions."""
    metrics = MetricsSubscriber()
    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(Runner([metrics]).run, SUM, range(100))
    snapshot = metrics.snapshot()
    assert [(pipeline.name, pipeline.completed) for pipeline in snapshot.pipelines] == [("sum", 10)]
    assert {step.step_id: (step.items_in, step.items_out) for step in snapshot.steps} == {
        "double": (1000, 1000),
        "total": (1000, 10),
    }
    assert snapshot.reliability.ma == 1.0


async def test_failure_and_cancellation_of_executions_are_counted_separately() -> None:
    """Real ends of each kind are counted where they belong."""
    metrics = MetricsSubscriber()
    with pytest.raises(StepError):
        await SUM.run([-1], subscribers=[metrics])
    async with Runner([metrics]).start(Pipeline("long", steps={"wait": forever}), [1, 2]) as execution:
        async for _ in execution.events(types={"step_start"}):
            execution.cancel()
        with pytest.raises(ExecutionCancelled):
            await execution.result()
    pipelines = {pipeline.name: pipeline for pipeline in metrics.snapshot().pipelines}
    assert (pipelines["sum"].failed, pipelines["long"].cancelled) == (1, 1)
    steps = {step.step_id: step for step in metrics.snapshot().steps}
    assert (steps["total"].failed, steps["wait"].stopped) == (1, 1)


def test_executions_in_several_threads_are_all_counted() -> None:
    """Loops in threads of their own may share a subscriber."""
    metrics = MetricsSubscriber()
    threads = [Thread(target=lambda: run_sync(SUM, range(10), subscribers=[metrics])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert metrics.snapshot().pipelines[0].completed == 4


# ---- to read


def test_snapshot_is_frozen_and_becomes_json() -> None:
    """A snapshot does not change any more, and other programs can read it."""
    metrics = measured(WELL)
    before = metrics.snapshot()
    metrics.on_events(events(BADLY, "later"))
    assert before.reliability.sr == 1.0
    assert type(before).model_validate_json(before.model_dump_json()) == before
    with pytest.raises(ValidationError):
        before.missed_events = 1  # pyright: ignore[reportAttributeAccessIssue] - it must not be possible


def test_text_shows_executions_steps_and_objectives() -> None:
    """All that matters stands in three tables."""
    lines = measured(WELL, BADLY).text().splitlines()
    assert lines[0].split()[:3] == ["pipeline", "executions", "running"]
    assert lines[1].split()[:6] == ["report", "2", "0", "1", "1", "0"]
    words = next(line.split() for line in lines if line.startswith("words"))
    assert words[:7] == ["words", "text.words", "2", "1", "0", "10", "20"]
    rate = next(line.split() for line in lines if line.startswith("SR"))
    assert rate[-6:] == ["75", "%", ">", "95", "%", "missed"]


def test_text_without_data_shows_the_empty_cases() -> None:
    """Tables without rows are left out."""
    text = MetricsSubscriber().text()
    assert text.startswith("metric")
    assert text.count("no data") == len(DEFAULT_SLOS)


def test_text_leaves_out_short_steps_and_says_so() -> None:
    """Of many steps those are shown that took most of the time."""
    text = measured(many_steps("wide", 120)).text()
    assert "and 70 steps that took less time" in text


def test_text_keeps_control_characters_to_itself() -> None:
    """A hostile name cannot disturb a terminal."""
    start: Fact = (0.0, None, PipelineStart("evil\x1b[31m\n"))
    assert "\x1b" not in measured([start, started("a\x1b\nb"), ended("a\x1b\nb"), DONE]).text()


class Terminal(io.StringIO):
    """A terminal, to a program."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_tables_fit_the_terminal(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a narrow terminal, less important columns are left out."""
    monkeypatch.setenv("COLUMNS", columns)
    terminal = Terminal()
    measured(WELL, BADLY).write(terminal)
    lines = re.sub(r"\x1b\[[\d;]*m", "", terminal.getvalue()).splitlines()
    assert max(map(len, lines)) <= int(columns)
    assert any(line.startswith("words") for line in lines)
    assert ("kind" in lines[3]) == (columns == "200")


def test_plain_text_is_written_where_no_terminal_is() -> None:
    """A file gets what `text` returns."""
    file = io.StringIO()
    metrics = measured(WELL)
    metrics.write(file)
    assert file.getvalue() == metrics.text() + "\n"


def test_metrics_need_no_extra() -> None:
    """Everything but color works where nothing but the engine is installed."""
    code = """
import sys
sys.modules.update(rich=None, prometheus_client=None, opentelemetry=None)
from headwater_subscribers import MetricsSubscriber, timeline_svg
print(MetricsSubscriber().text()[:6], timeline_svg([])[:4])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("metric <svg\n", "")
