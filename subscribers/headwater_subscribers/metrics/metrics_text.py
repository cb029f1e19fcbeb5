"""Metrics as a person reads them: what stands in the tables, and the tables as plain text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, TextIO

from headwater.display import cells, duration, one_line, quantity
from headwater_subscribers.metrics.histogram import Distribution

if TYPE_CHECKING:
    from headwater_subscribers.metrics.metrics_snapshot import MetricsSnapshot, PipelineMetrics, StepMetrics
    from headwater_subscribers.metrics.slo import SloResult

__all__ = ["TextTable", "as_text", "tables_of", "took", "write_metrics"]

_MOST_STEPS: Final = 50
_SPACE: Final = 2

_NAMES: Final = {
    "SR": "steps that ended well",
    "CR": "steps that needed compensation",
    "PC": "retries per execution",
    "HIR": "executions that waited for a person",
    "MA": "steps that ran as planned",
    "TCL": "steps that call out",
    "WCT": "executions",
    "MTTE": "from an error to its explanation",
    "RSR": "replays that reproduced the events",
}


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table of texts.

    Args:
        headings: What stands above each column.
        rows: The rows, each with a text for each column.
        figures: Headings of the columns of figures, which are aligned to the right.
        spare: Headings of the columns that go first where there is no room for all, in this order.
        note: What stands below.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    figures: frozenset[str] = frozenset()
    spare: tuple[str, ...] = ()
    note: str = ""

    def widths(self) -> list[int]:
        """Return how many characters wide each column is."""
        return [max(map(cells, column)) for column in zip(self.headings, *self.rows, strict=True)]

    def fitted(self, width: int) -> TextTable:
        """Leave out columns until the table has room.

        Args:
            width: The room in characters.

        Returns:
            This table, or one with fewer columns, which may still be too wide.
        """
        widths = dict(zip(self.headings, self.widths(), strict=True))
        for heading in self.spare:
            if sum(widths.values()) + _SPACE * len(widths) <= width:
                break
            del widths[heading]
        places = [place for place, heading in enumerate(self.headings) if heading in widths]
        rows = tuple(tuple(row[place] for place in places) for row in self.rows)
        return replace(self, headings=tuple(widths), rows=rows)


def as_text(snapshot: MetricsSnapshot) -> str:
    """Return metrics as plain text.

    Args:
        snapshot: The metrics.

    Returns:
        Several lines, the last one without an end.
    """
    return "\n\n".join("\n".join(_lines(table)) for table in tables_of(snapshot))


def write_metrics(snapshot: MetricsSnapshot, file: TextIO) -> None:
    """Write metrics: on a terminal with rich, if that is installed, and as plain text elsewhere.

    Args:
        snapshot: The metrics.
        file: Where to write.
    """
    if file.isatty() and find_spec("rich") is not None:
        from headwater_subscribers.metrics.metrics_table import write_tables

        write_tables(tables_of(snapshot), file)
    else:
        file.write(as_text(snapshot) + "\n")
    file.flush()


def tables_of(snapshot: MetricsSnapshot) -> list[TextTable]:
    """Return what there is to read: the executions, their steps, and the reliability metrics.

    Args:
        snapshot: The metrics.

    Returns:
        The tables, without those that would be empty.
    """
    tables = [_pipelines(snapshot.pipelines), _steps(snapshot.steps), _reliability(snapshot)]
    return [table for table in tables if table.rows]


def took(seconds: float | None) -> str:
    """Return a span of time, also where it is a very short one.

    Args:
        seconds: The time; None when there is none.

    Returns:
        Such as `250 µs` or `3.1 s`, or a dash.

    Example:
        >>> [took(seconds) for seconds in (None, 0.0, 0.00025, 3.14)]
        ['-', '0 µs', '250 µs', '3.1 s']
    """
    if seconds is None:
        return "-"
    return duration(seconds) if seconds >= 0.00095 else f"{seconds * 1e6:.0f} µs"


def _pipelines(pipelines: Sequence[PipelineMetrics]) -> TextTable:
    headings = ("pipeline", "executions", "running", "completed", "failed", "cancelled", "mean", "p95", "longest")
    spare = ("longest", "running", "cancelled", "p95", "completed")
    return TextTable(headings, tuple(map(_pipeline_row, pipelines)), frozenset(headings[1:]), spare)


def _pipeline_row(pipeline: PipelineMetrics) -> tuple[str, ...]:
    counts = (pipeline.started, pipeline.running, pipeline.completed, pipeline.failed, pipeline.cancelled)
    times = pipeline.duration
    return (one_line(pipeline.name, 40), *map(quantity, counts), *map(took, (times.mean_s, times.p95_s, times.max_s)))


def _steps(steps: Sequence[StepMetrics]) -> TextTable:
    headings = (
        "step",
        "kind",
        "ended",
        "failed",
        "retries",
        "in",
        "out",
        "first",
        "mean",
        "p95",
        "waits in",
        "waits out",
    )
    spare = ("kind", "p95", "retries", "first", "failed", "ended", "in", "waits out")
    longest = sorted(range(len(steps)), key=lambda place: -steps[place].duration.sum_s)[:_MOST_STEPS]
    rows = tuple(_step_row(steps[place]) for place in sorted(longest))
    hidden = len(steps) - len(rows)
    note = f"and {hidden} steps that took less time" if hidden else ""
    return TextTable(headings, rows, frozenset(headings[2:]), spare, note)


def _step_row(step: StepMetrics) -> tuple[str, ...]:
    ended = step.completed + step.failed + step.suffered
    counts = (ended, step.failed, step.retries, step.items_in, step.items_out)
    times = (step.first_item.mean_s, step.duration.mean_s, step.duration.p95_s)
    waits = (_share(step.input_wait_s, step.duration.sum_s), _share(step.output_wait_s, step.duration.sum_s))
    return (one_line(step.step_id, 40), one_line(step.kind, 40), *map(quantity, counts), *map(took, times), *waits)


def _share(part: float, whole: float) -> str:
    return f"{min(part / whole, 1.0):.0%}" if whole else "-"


def _reliability(snapshot: MetricsSnapshot) -> TextTable:
    objectives: dict[str, SloResult] = {result.slo.metric: result for result in snapshot.slos}
    rows: list[tuple[str, ...]] = []
    for metric, meaning in _NAMES.items():
        value = getattr(snapshot.reliability, metric.lower())
        rows.append((metric, meaning, _value(metric, value), *_objective(objectives.get(metric))))
    missed = snapshot.missed_events
    note = f"{missed:,} events were missed, so the figures are too low" if missed else ""
    return TextTable(("metric", "of", "value", "objective", ""), tuple(rows), spare=("of", "objective"), note=note)


def _value(metric: str, value: float | Distribution) -> str:
    if isinstance(value, Distribution):
        return f"mean {took(value.mean_s)}, p95 {took(value.p95_s)}" if value.count else "-"
    return f"{value:.2f}" if metric == "PC" else f"{value * 100:.4g} %"


def _objective(result: SloResult | None) -> tuple[str, str]:
    return ("", "") if result is None else (str(result.slo).partition(" ")[2], result.status)


def _lines(table: TextTable) -> Iterator[str]:
    widths = table.widths()
    for row in (table.headings, *table.rows):
        padded = (
            _padded(text, width, right=heading in table.figures)
            for heading, text, width in zip(table.headings, row, widths, strict=True)
        )
        yield (" " * _SPACE).join(padded).rstrip()
    if table.note:
        yield table.note


def _padded(text: str, width: int, *, right: bool) -> str:
    room = " " * (width - cells(text))
    return room + text if right else text + room
