"""A subscriber that measures: counts, durations and the reliability metrics, from events alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase
from itertools import zip_longest
from threading import Lock
from typing import TYPE_CHECKING, Final, TextIO

from headwater import EventType, StreamEvent, StreamSubscriber
from headwater_subscribers.metrics.counting import CHANGES
from headwater_subscribers.metrics.slo import DEFAULT_SLOS, Slo, SloResult
from headwater_subscribers.metrics.snapshot import MetricsSnapshot, snapshot_of
from headwater_subscribers.metrics.tallies import Tallies

if TYPE_CHECKING:
    from headwater_subscribers.metrics.tallies import StepTally

__all__ = ["CALLING_OUT", "MetricsSubscriber"]

CALLING_OUT: Final = ("http.*", "source.http", "llm.*")
"""Kinds of steps that call out, unless others are given."""


class MetricsSubscriber(StreamSubscriber):
    """Measure executions: any number of them, one after the other or at the same time, also in several threads.

    What it remembers depends on how many steps there are, not on how many events or executions it has seen.

    Args:
        slos: The objectives that the metrics are judged by.
        calling_out: Kinds of the steps that call out, with `*` for anything, such as `http.*`: their durations are the
            tool call latency.
        max_steps: How many steps and pipelines, in total, are counted separately; the others are counted together as
            step `other` or pipeline `other`.
        max_executions: How many executions may run at a time; beyond that, the oldest counts as abandoned.

    Example:
        >>> from headwater import Pipeline, run_sync, step
        >>> @step("example.double")
        ... def double(number: int) -> int:
        ...     return 2 * number
        >>> metrics = MetricsSubscriber()
        >>> result = run_sync(Pipeline("twice", steps={"double": double}), [1, 2, 3], subscribers=[metrics])
        >>> measured = metrics.snapshot()
        >>> measured.pipelines[0].completed, measured.steps[0].items_out, measured.reliability.sr
        (1, 3, 1.0)
    """

    types: Collection[str] | None = frozenset({EventType.PIPELINE_START, *CHANGES})
    interval_s: float = 0.1

    def __init__(
        self,
        *,
        slos: Iterable[Slo] = DEFAULT_SLOS,
        calling_out: Iterable[str] = CALLING_OUT,
        max_steps: int = 10_000,
        max_executions: int = 10_000,
    ) -> None:
        self._slos = tuple(slos)
        self._calling_out = tuple(calling_out)
        self._tallies = Tallies(max_steps, max_executions)
        self._reproduced = 0
        self._replays = 0
        self._lock = Lock()

    def on_events(self, batch: Sequence[StreamEvent]) -> None:
        """Count events."""
        changes = CHANGES
        with self._lock:
            tallies = self._tallies
            runs = tallies.runs
            for event in batch:
                run = runs.get(event.execution_id)
                if run is None:
                    run = tallies.begin(event)
                change = changes.get(event.event_type)
                if change is not None:
                    change(tallies, run, event, event.data)

    def count_replay(self, recorded: Iterable[StreamEvent], replayed: Iterable[StreamEvent]) -> bool:
        """Count a replay, and return whether it reproduced the recorded events.

        Args:
            recorded: The events as they were recorded.
            replayed: The events of the replay.

        Returns:
            Whether both are the same: as many, in the same order, each with the same JSON.
        """
        pairs = zip_longest(recorded, replayed)
        same = all(old is not None and new is not None and old.to_json() == new.to_json() for old, new in pairs)
        with self._lock:
            self._replays += 1
            self._reproduced += same
        return same

    def snapshot(self) -> MetricsSnapshot:
        """Return all metrics as they stand now.

        Returns:
            A frozen model; `snapshot().model_dump(mode="json")` is plain data.
        """
        with self._lock:
            return snapshot_of(self._tallies, self._slos, self._calls_out, (self._reproduced, self._replays))

    def slos(self) -> tuple[SloResult, ...]:
        """Return the results of the objectives, in their order.

        Returns:
            One result for each objective.
        """
        return self.snapshot().slos

    def text(self) -> str:
        """Return the metrics as tables: of the pipelines, of the steps, and of the reliability metrics.

        Returns:
            Plain text of several lines.
        """
        from headwater_subscribers.metrics.text_tables import as_text

        return as_text(self.snapshot())

    def write(self, file: TextIO) -> None:
        """Write what `text` returns, in color on a terminal if the extra `cli` is installed.

        Args:
            file: Where to write.
        """
        from headwater_subscribers.metrics.text_tables import write_metrics

        write_metrics(self.snapshot(), file)

    def _calls_out(self, step: StepTally) -> bool:
        return any(fnmatchcase(step.kind, pattern) for pattern in self._calling_out)
