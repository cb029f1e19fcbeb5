# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""Service level objectives: which executions count, and when an objective is missed."""

from __future__ import annotations

from typing import Any

import pytest

from headwater import ExecutionError, Pipeline, Runner, SloBreached, step
from headwater.config.policies.service_objectives import SloSpec
from headwater.running.shared.service_levels import ExecutionFacts, ServiceLevels
from headwater.testing import EventRecorder
from headwater_subscribers import MetricsSubscriber

NEVER_S = 1e-12
"""A time in which nothing is done."""


@step("levels.invert")
async def invert(number: int) -> float:
    return 1 / number


def facts(**given: Any) -> ExecutionFacts:
    """Return what counts of an execution in which all went well."""
    good: dict[str, Any] = {
        "completed": True,
        "ended_steps": 4,
        "completed_steps": 4,
        "compensated_steps": 0,
        "retries": 0,
        "duration_s": 1.0,
        "first_item_s": 0.1,
    }
    return ExecutionFacts(**{**good, **given})


def missed(spec: SloSpec, *executions: ExecutionFacts) -> dict[str, float]:
    """Return the objectives that executions miss, with what was measured."""
    levels = ServiceLevels(spec)
    for one in executions:
        levels.add(one)
    return {breach.objective: breach.value for breach in levels.breaches()}


@pytest.mark.parametrize(
    ("spec", "executions", "value"),
    [
        (SloSpec(step_success_rate=0.9), [facts(), facts(completed_steps=2)], 0.75),
        (SloSpec(success_rate=0.9), [facts(), facts(completed=False)], 0.5),
        (SloSpec(compensation_rate=0.1), [facts(compensated_steps=1)], 0.25),
        (SloSpec(retries_per_execution=1), [facts(retries=5), facts()], 2.5),
        (SloSpec(first_item_p50_s=0.05), [facts(first_item_s=0.01), facts(), facts()], 0.1),
        (SloSpec(first_item_p95_s=0.5), [*[facts()] * 18, facts(first_item_s=2.0), facts(first_item_s=3.0)], 2.0),
        (SloSpec(first_item_p99_s=0.5), [*[facts()] * 99, facts(first_item_s=2.0), facts(first_item_s=3.0)], 2.0),
        (SloSpec(duration_p95_s=0.5), [facts()], 1.0),
    ],
    ids=lambda value: next(iter(value.targets)) if isinstance(value, SloSpec) else "",
)
def test_reports_the_value_of_an_objective_that_is_missed(
    spec: SloSpec, executions: list[ExecutionFacts], value: float
) -> None:
    """Percentiles are values that occurred: the smallest that enough executions do not exceed."""
    assert missed(spec, *executions) == {next(iter(spec.targets)): value}
    assert missed(spec, facts(first_item_s=0.001, duration_s=0.001)) == {}


def test_counts_cancelled_executions_neither_as_success_nor_as_failure() -> None:
    """A person who gives up says nothing about the pipeline."""
    spec = SloSpec(success_rate=1.0, duration_p95_s=10.0)
    assert missed(spec, facts(), facts(completed=None, duration_s=99.0)) == {}


def test_counts_the_last_executions_only() -> None:
    """What was long ago is forgotten."""
    spec = SloSpec(success_rate=0.9, executions=2)
    assert missed(spec, facts(completed=False), facts(), facts()) == {}


def test_measures_nothing_when_nothing_ended() -> None:
    """Without a value no objective is missed."""
    spec = SloSpec(step_success_rate=1.0, first_item_p95_s=NEVER_S)
    assert missed(spec, facts(ended_steps=0, completed_steps=0, first_item_s=None)) == {}


@pytest.mark.parametrize("data", [2, [1, 2]], ids=["unary", "stream"])
async def test_emits_an_objective_that_is_missed_before_the_last_event(data: Any) -> None:
    """The event has what was asked for, what was measured, and over how many executions."""
    pipeline = Pipeline("one", steps={"invert": invert}, slo={"first_item_p95_s": NEVER_S, "success_rate": 0.5})
    recorder, metrics = EventRecorder(), MetricsSubscriber()
    async with Runner([recorder, metrics]) as runner:
        for _ in range(3):
            await runner.run(pipeline, data)
    breaches = [event.data for event in recorder.events if isinstance(event.data, SloBreached)]
    assert [breach.executions for breach in breaches] == [1, 2, 3]
    assert {(breach.objective, breach.target) for breach in breaches} == {("first_item_p95_s", NEVER_S)}
    assert all(breach.value > NEVER_S for breach in breaches)
    assert [str(event.event_type) for event in recorder.events][-2:] == ["slo_breached", "pipeline_complete"]
    assert metrics.snapshot().pipelines[0].slo_breaches == {"first_item_p95_s": 3}


async def test_measures_executions_of_one_runner_together() -> None:
    """One failure among four executions is a rate of 75 %; without a runner each execution counts alone."""
    pipeline = Pipeline("one", steps={"invert": invert}, slo={"step_success_rate": 0.7, "success_rate": 0.7})
    recorder = EventRecorder()

    async def run(runner: Runner, number: int) -> None:
        try:
            await runner.run(pipeline, number)
        except ExecutionError:
            assert number == 0

    async with Runner([recorder]) as runner:
        for number in (1, 2, 3, 0):
            await run(runner, number)
        assert not [event for event in recorder.events if isinstance(event.data, SloBreached)]
        await run(runner, 0)
    breaches = [event.data for event in recorder.events if isinstance(event.data, SloBreached)]
    assert [(breach.objective, breach.value) for breach in breaches] == [
        ("step_success_rate", 0.6),
        ("success_rate", 0.6),
    ]
    alone = EventRecorder()
    await run(Runner([alone]), 0)
    assert [event.data.value for event in alone.events if isinstance(event.data, SloBreached)] == [0.0, 0.0]


async def test_emits_nothing_when_the_document_has_no_objectives() -> None:
    """Nothing is measured unless it is asked for."""
    recorder = EventRecorder()
    await Pipeline("one", steps={"invert": invert}).run(1, subscribers=[recorder])
    assert not [event for event in recorder.events if isinstance(event.data, SloBreached)]
