"""What is counted while executions run: totals of each pipeline and of each of its steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from headwater import PipelineStart, StreamEvent
from headwater_subscribers.metrics.histogram import Distribution, Histogram

__all__ = ["OTHER", "UNKNOWN", "PipelineTally", "RunTally", "StepTally", "Tallies"]

UNKNOWN: Final = "unknown"
"""Name of the pipeline of an execution whose start was not told."""

OTHER: Final = "other"
"""Name of the pipeline, and id of the step, under which all are counted for which there is no room."""


class StepTally:
    """The totals of one step, over all executions of its pipeline.

    Args:
        pipeline: Name of the pipeline.
        step_id: Id of the step.
        kind: Its registered name.
    """

    __slots__ = (
        "bytes_out",
        "compensated",
        "completed",
        "deviated",
        "durations",
        "failed",
        "first_items",
        "input_wait_s",
        "items_in",
        "items_out",
        "kind",
        "largest_gap_s",
        "output_wait_s",
        "pipeline",
        "retries",
        "skipped",
        "step_id",
        "stopped",
        "suffered",
    )

    def __init__(self, pipeline: str, step_id: str, kind: str) -> None:
        self.pipeline: str = pipeline
        self.step_id: str = step_id
        self.kind: str = kind
        self.completed: int = 0
        self.failed: int = 0
        self.suffered: int = 0
        self.skipped: int = 0
        self.stopped: int = 0
        self.retries: int = 0
        self.compensated: int = 0
        self.deviated: int = 0
        self.items_in: int = 0
        self.items_out: int = 0
        self.bytes_out: int = 0
        self.input_wait_s: float = 0.0
        self.output_wait_s: float = 0.0
        self.largest_gap_s: float | None = None
        self.durations: Histogram = Histogram()
        self.first_items: Histogram = Histogram()

    @property
    def ended(self) -> int:
        """How often it ended, well or not; being stopped or skipped is no end of its own."""
        return self.completed + self.failed + self.suffered

    @property
    def duration(self) -> Distribution:
        """From its start to its end."""
        return self.durations.distribution()

    @property
    def first_item(self) -> Distribution:
        """From its start to the first item that it wrote."""
        return self.first_items.distribution()


class PipelineTally:
    """The totals of the executions of one pipeline.

    Args:
        name: Name of the pipeline.
    """

    __slots__ = (
        "_start",
        "abandoned",
        "cancelled",
        "completed",
        "durations",
        "failed",
        "name",
        "planned",
        "started",
        "steps",
    )

    def __init__(self, name: str) -> None:
        self.name: str = name
        self.started: int = 0
        self.completed: int = 0
        self.failed: int = 0
        self.cancelled: int = 0
        self.abandoned: int = 0
        self.durations: Histogram = Histogram()
        self.steps: dict[str, StepTally] = {}
        self.planned: Mapping[str, str] = {}
        self._start: PipelineStart | None = None

    @property
    def running(self) -> int:
        """Executions whose end was not told."""
        return self.started - self.completed - self.failed - self.cancelled - self.abandoned

    @property
    def duration(self) -> Distribution:
        """From the start of an execution to its end, whatever the end."""
        return self.durations.distribution()

    def plan(self, start: PipelineStart) -> None:
        """Note the flavors in which the steps are planned to run.

        Args:
            start: What the execution told first; executions of one pipeline share it.
        """
        if start is not self._start:
            self._start = start
            self.planned = {step.id: step.flavor for step in start.steps if step.flavor}


class RunTally:
    """One execution that has not ended.

    Args:
        pipeline: Where it is counted.
    """

    __slots__ = ("deviants", "errors_s", "pipeline", "running", "told", "waited_for_person")

    def __init__(self, pipeline: PipelineTally) -> None:
        self.pipeline: PipelineTally = pipeline
        self.running: dict[str, float] = {}
        """When each step that runs has started."""
        self.told: dict[str, tuple[int, int]] = {}
        """How many items of a running step have been counted already, in and out."""
        self.deviants: set[str] = set()
        """The steps that did not run as planned."""
        self.errors_s: list[float] = []
        self.waited_for_person: bool = False


class Tallies:
    """All totals.

    Args:
        max_steps: For how many steps and pipelines, all together, there is a tally of their own.
        max_executions: How many executions may run at a time; beyond, the oldest is taken for one that was abandoned.
    """

    def __init__(self, max_steps: int, max_executions: int) -> None:
        self.pipelines: dict[str, PipelineTally] = {}
        self.runs: dict[str, RunTally] = {}
        self.explanations: Histogram = Histogram()
        self.waits_for_person: int = 0
        self.missed_events: int = 0
        self._room = max_steps
        self._max_executions = max_executions

    def begin(self, event: StreamEvent) -> RunTally:
        """Begin to count an execution.

        Args:
            event: The first event of it that is seen, which should be its start.

        Returns:
            Its tally.
        """
        if len(self.runs) >= self._max_executions:
            self.runs.pop(next(iter(self.runs))).pipeline.abandoned += 1
        start = event.data if isinstance(event.data, PipelineStart) else PipelineStart(UNKNOWN)
        pipeline = self.pipeline(start.name)
        pipeline.started += 1
        pipeline.plan(start)
        run = self.runs[event.execution_id] = RunTally(pipeline)
        return run

    def pipeline(self, name: str) -> PipelineTally:
        """Return the tally of a pipeline, made on first use.

        Args:
            name: Name of the pipeline.
        """
        tally = self.pipelines.get(name)
        if tally is None:
            if self._room <= 0 and name != OTHER:
                return self.pipeline(OTHER)
            self._room -= 1
            tally = self.pipelines[name] = PipelineTally(name)
        return tally

    def step(self, run: RunTally, step_id: str | None, kind: str = "") -> StepTally:
        """Return the tally of a step, made on first use.

        Args:
            run: An execution.
            step_id: Id of the step.
            kind: Its registered name, if it is known.
        """
        step_id = step_id or OTHER
        steps = run.pipeline.steps
        tally = steps.get(step_id)
        if tally is None:
            if self._room <= 0 and step_id != OTHER:
                return self.step(run, OTHER)
            self._room -= 1
            tally = steps[step_id] = StepTally(run.pipeline.name, step_id, kind)
        return tally
