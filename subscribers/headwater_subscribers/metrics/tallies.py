"""What is counted while executions run: totals of each pipeline and of each of its steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from headwater import PipelineStart, StreamEvent
from headwater_subscribers.metrics.histogram import Distribution, Histogram

__all__ = ["OTHER", "UNKNOWN", "PipelineTally", "RunTally", "StepTally", "Tallies"]

UNKNOWN: Final = "unknown"
"""Name of the pipeline of an execution whose start was missed."""

OTHER: Final = "other"
"""Name of the pipeline, and id of the step, under which everything beyond `max_steps` is counted."""


@dataclass(slots=True, eq=False)
class StepTally:
    """The totals of one step, over all executions of its pipeline."""

    pipeline: str
    step_id: str
    kind: str
    completed: int = 0
    failed: int = 0
    suffered: int = 0
    skipped: int = 0
    stopped: int = 0
    retries: int = 0
    compensated: int = 0
    deviated: int = 0
    items_in: int = 0
    items_out: int = 0
    items_aside: dict[str, int] = field(default_factory=dict[str, int])
    policies: dict[str, int] = field(default_factory=dict[str, int])
    bytes_out: int = 0
    input_wait_s: float = 0.0
    output_wait_s: float = 0.0
    largest_gap_s: float | None = None
    durations: Histogram = field(default_factory=Histogram)
    first_items: Histogram = field(default_factory=Histogram)

    @property
    def ended(self) -> int:
        """How often it ended by itself: it completed or failed, rather than being stopped or skipped."""
        return self.completed + self.failed + self.suffered

    @property
    def duration(self) -> Distribution:
        """From its start to its end."""
        return self.durations.distribution()

    @property
    def first_item(self) -> Distribution:
        """From its start to the first item that it wrote."""
        return self.first_items.distribution()


@dataclass(slots=True, eq=False)
class PipelineTally:
    """The totals of the executions of one pipeline."""

    name: str
    started: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    abandoned: int = 0
    durations: Histogram = field(default_factory=Histogram)
    steps: dict[str, StepTally] = field(default_factory=dict[str, StepTally])
    slo_breaches: dict[str, int] = field(default_factory=dict[str, int])
    planned: Mapping[str, str] = field(default_factory=dict[str, str])
    _start: PipelineStart | None = None

    @property
    def running(self) -> int:
        """Executions that have not ended."""
        return self.started - self.completed - self.failed - self.cancelled - self.abandoned

    @property
    def duration(self) -> Distribution:
        """From the start of an execution to its end, whatever the end."""
        return self.durations.distribution()

    def plan(self, start: PipelineStart) -> None:
        """Note the flavors in which the steps are planned to run; executions of one pipeline share `start`."""
        if start is not self._start:
            self._start = start
            self.planned = {step.id: step.flavor for step in start.steps if step.flavor}


@dataclass(slots=True, eq=False)
class RunTally:
    """One execution that has not ended.

    `running` is when each running step started, `counted` how many of its items are already counted, in and out,
    `aside` those that did not go to its main output, and `deviants` are the steps that did not run as planned.
    """

    pipeline: PipelineTally
    running: dict[str, float] = field(default_factory=dict[str, float])
    counted: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    aside: dict[str, Mapping[str, int]] = field(default_factory=dict[str, Mapping[str, int]])
    deviants: set[str] = field(default_factory=set[str])
    errors_s: list[float] = field(default_factory=list[float])
    waited_for_person: bool = False


class Tallies:
    """All totals; beyond `max_executions` that run at a time, the oldest counts as abandoned."""

    def __init__(self, max_steps: int, max_executions: int) -> None:
        self.pipelines: dict[str, PipelineTally] = {}
        self.runs: dict[str, RunTally] = {}
        self.explanations: Histogram = Histogram()
        self.waits_for_person: int = 0
        self.missed_events: int = 0
        self._free_tallies = max_steps
        self._max_executions = max_executions

    def begin(self, event: StreamEvent) -> RunTally:
        """Begin to count an execution."""
        if len(self.runs) >= self._max_executions:
            self.runs.pop(next(iter(self.runs))).pipeline.abandoned += 1
        start = event.data if isinstance(event.data, PipelineStart) else PipelineStart(UNKNOWN)
        pipeline = self.pipeline(start.name)
        pipeline.started += 1
        pipeline.plan(start)
        run = self.runs[event.execution_id] = RunTally(pipeline)
        return run

    def pipeline(self, name: str) -> PipelineTally:
        """Return the tally of a pipeline, made on first use."""
        tally = self.pipelines.get(name)
        if tally is None:
            if self._free_tallies <= 0 and name != OTHER:
                return self.pipeline(OTHER)
            self._free_tallies -= 1
            tally = self.pipelines[name] = PipelineTally(name)
        return tally

    def step(self, run: RunTally, step_id: str | None, kind: str = "") -> StepTally:
        """Return the tally of a step, made on first use."""
        step_id = step_id or OTHER
        steps = run.pipeline.steps
        tally = steps.get(step_id)
        if tally is None:
            if self._free_tallies <= 0 and step_id != OTHER:
                return self.step(run, OTHER)
            self._free_tallies -= 1
            tally = steps[step_id] = StepTally(run.pipeline.name, step_id, kind)
        return tally
