"""Metrics at one moment: frozen models, which become JSON as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel

from headwater_subscribers.metrics.histogram import Distribution, Histogram
from headwater_subscribers.metrics.slo import SloResult

if TYPE_CHECKING:
    from headwater_subscribers.metrics.slo import Slo
    from headwater_subscribers.metrics.tallies import StepTally, Tallies

__all__ = ["MetricsSnapshot", "PipelineMetrics", "Reliability", "StepMetrics", "snapshot_of"]


class _Frozen(BaseModel, frozen=True, from_attributes=True):
    """A model that is made from a tally with the same attributes."""


class StepMetrics(_Frozen, frozen=True):
    """One step, over all executions of its pipeline.

    Attributes:
        pipeline: Name of the pipeline.
        step_id: Id of the step.
        kind: Its registered name; empty when its start was missed.
        completed: How often it completed.
        failed: How often it failed on its own.
        suffered: How often it was stopped by the failure of another step.
        stopped: How often it was still running when its execution ended.
        skipped: How often its branch was not taken.
        retries: How often an attempt was followed by another one.
        compensated: How often it completed, but with items that were skipped, put aside or replaced.
        deviated: How often it did not run in its planned flavor, at the first attempt and within its limits.
        items_in: Items read.
        items_out: Items written to the main output.
        items_aside: Items that did not go there, by where they went: a side port, or `skipped`.
        policies: What its policies did in executions in which it completed, such as `cached`, `limited`, `rejected` and
            `retries`.
        bytes_out: Bytes written, if they are known.
        input_wait_s: How long it waited for input, in total.
        output_wait_s: How long it waited for room downstream, in total.
        largest_gap_s: The longest time between two items that it wrote; None when there is none.
        duration: From its start to its end.
        first_item: From its start to the first item that it wrote.
    """

    pipeline: str
    step_id: str
    kind: str
    completed: int
    failed: int
    suffered: int
    stopped: int
    skipped: int
    retries: int
    compensated: int
    deviated: int
    items_in: int
    items_out: int
    items_aside: dict[str, int]
    policies: dict[str, int]
    bytes_out: int
    input_wait_s: float
    output_wait_s: float
    largest_gap_s: float | None
    duration: Distribution
    first_item: Distribution


class PipelineMetrics(_Frozen, frozen=True):
    """The executions of one pipeline.

    Attributes:
        name: Name of the pipeline.
        started: Executions that have started.
        running: Those that have not ended yet.
        completed: Those that completed.
        failed: Those that failed.
        cancelled: Those that were cancelled.
        abandoned: Those that were dropped before they ended, because too many were running.
        slo_breaches: How many executions ended while the pipeline missed an objective of its document, by objective.
        duration: From the start of an execution to its end, whatever the end.
    """

    name: str
    started: int
    running: int
    completed: int
    failed: int
    cancelled: int
    abandoned: int
    slo_breaches: dict[str, int]
    duration: Distribution


class Reliability(_Frozen, frozen=True):
    """The reliability metrics. Ratios are from 0 to 1.

    Attributes:
        sr: Step success rate: steps that completed / steps that ended; 1 when none has.
        cr: Compensation rate: steps that needed compensation / steps that ended; 0 when none has.
        pc: Plan churn: retries / executions; 0 when there is none.
        hir: Human intervention rate: executions that waited for a person / executions; 0 when there is none.
        ma: Mode adherence: steps that ran in their planned flavor, at attempt 1 and within their limits / steps that
            ended; 1 when none has.
        tcl: Tool call latency: duration of steps that call out.
        wct: Workflow completion time: duration of executions.
        mtte: Time to explain: from an error to the event that ends the execution and explains it.
        rsr: Replay success rate: replays that reproduce the recorded events / replays; 1 when there is none.
    """

    sr: float
    cr: float
    pc: float
    hir: float
    ma: float
    tcl: Distribution
    wct: Distribution
    mtte: Distribution
    rsr: float


class MetricsSnapshot(_Frozen, frozen=True):
    """All metrics at one moment; `model_dump(mode="json")` makes plain data of it.

    Attributes:
        pipelines: The executions by pipeline.
        steps: The steps of all pipelines.
        reliability: The reliability metrics.
        slos: The results of the objectives.
        missed_events: How many events were missed, so that the metrics are too low.
    """

    pipelines: tuple[PipelineMetrics, ...]
    steps: tuple[StepMetrics, ...]
    reliability: Reliability
    slos: tuple[SloResult, ...]
    missed_events: int


def snapshot_of(
    tallies: Tallies, slos: Sequence[Slo], calls_out: Callable[[StepTally], bool], replays: tuple[int, int]
) -> MetricsSnapshot:
    """Return the metrics of tallies; `replays` are how many reproduced their events, and how many there were."""
    pipelines = list(tallies.pipelines.values())
    steps = [step for pipeline in pipelines for step in pipeline.steps.values()]
    ended = sum(step.ended for step in steps)
    started = sum(pipeline.started for pipeline in pipelines)
    reproduced, replayed = replays
    reliability = Reliability(
        sr=_ratio(sum(step.completed for step in steps), ended, empty=1.0),
        cr=_ratio(sum(step.compensated for step in steps), ended, empty=0.0),
        pc=_ratio(sum(step.retries for step in steps), started, empty=0.0),
        hir=_ratio(tallies.waits_for_person, started, empty=0.0),
        ma=_ratio(ended - sum(step.deviated for step in steps), ended, empty=1.0),
        tcl=_merged(step.durations for step in steps if calls_out(step)),
        wct=_merged(pipeline.durations for pipeline in pipelines),
        mtte=tallies.explanations.distribution(),
        rsr=_ratio(reproduced, replayed, empty=1.0),
    )
    samples = {"SR": ended, "CR": ended, "MA": ended, "PC": started, "HIR": started, "RSR": replayed}
    return MetricsSnapshot(
        pipelines=tuple(map(PipelineMetrics.model_validate, pipelines)),
        steps=tuple(map(StepMetrics.model_validate, steps)),
        reliability=reliability,
        slos=tuple(_judged(slo, reliability, samples) for slo in slos),
        missed_events=tallies.missed_events,
    )


def _ratio(part: float, whole: float, *, empty: float) -> float:
    return part / whole if whole else empty


def _merged(histograms: Iterable[Histogram]) -> Distribution:
    merged = Histogram()
    for histogram in histograms:
        merged.merge(histogram)
    return merged.distribution()


def _judged(slo: Slo, reliability: Reliability, samples: dict[str, int]) -> SloResult:
    value = getattr(reliability, slo.metric.lower())
    if isinstance(value, Distribution):
        return slo.judge(getattr(value, f"{slo.statistic}_s"), value.count)
    return slo.judge(value, samples[slo.metric])
