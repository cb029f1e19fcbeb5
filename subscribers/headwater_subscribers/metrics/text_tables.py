"""Metrics as tables: of the executions, of their steps, and of the reliability metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, TextIO

from headwater.toolkit import cells, columns, duration, one_line, quantity
from headwater_subscribers.metrics.histogram import Distribution

if TYPE_CHECKING:
    from headwater_subscribers.metrics.slo import SloResult
    from headwater_subscribers.metrics.snapshot import MetricsSnapshot, PipelineMetrics, StepMetrics

__all__ = ["as_text", "took", "write_metrics"]

_MOST_STEPS: Final = 50
_GAP: Final = 2  # cells between two columns

_NAMES: Final = {
    "SR": "steps that completed",
    "CR": "steps that needed compensation",
    "PC": "retries per execution",
    "HIR": "executions that waited for a person",
    "MA": "steps that ran as planned",
    "TCL": "steps that call out",
    "WCT": "executions",
    "MTTE": "from an error to its explanation",
    "RSR": "replays that reproduced the events",
}
_ASIDE: Final = {"aside": "items_aside", "policies": "policies"}
"""Columns that are shown where there is something in them."""

_STYLES: Final = {"met": "green", "missed": "bold red", "no data": "dim"}


@dataclass(frozen=True, slots=True)
class _Table:
    """A table whose columns of numbers are aligned to the right; `spare` are left out first, in this order."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[str] = frozenset()
    spare: tuple[str, ...] = ()
    note: str = ""

    def fitted(self, width: int) -> _Table:
        """Leave out columns until the table fits; what is left may still be too wide."""
        widths = {
            name: max(map(cells, column))
            for name, *column in zip(self.headings, self.headings, *self.rows, strict=True)
        }
        for heading in self.spare:
            if sum(widths.values()) + _GAP * len(widths) <= width:
                break
            del widths[heading]
        places = [place for place, heading in enumerate(self.headings) if heading in widths]
        rows = tuple(tuple(row[place] for place in places) for row in self.rows)
        return replace(self, headings=tuple(widths), rows=rows)

    def lines(self) -> list[str]:
        right = {place for place, heading in enumerate(self.headings) if heading in self.numbers}
        return list(columns([self.headings, *self.rows], right=right))


def as_text(snapshot: MetricsSnapshot) -> str:
    """Return metrics as plain text of several lines."""
    return "\n\n".join("\n".join([*table.lines(), *_note(table)]) for table in _tables(snapshot))


def write_metrics(snapshot: MetricsSnapshot, file: TextIO) -> None:
    """Write metrics: on a terminal in color, if rich is installed, and as plain text elsewhere."""
    if file.isatty() and find_spec("rich") is not None:
        _write_colored(_tables(snapshot), file)
    else:
        file.write(as_text(snapshot) + "\n")
    file.flush()


def _write_colored(tables: Sequence[_Table], file: TextIO) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(file=file, highlight=False, soft_wrap=False)
    for table in tables:
        heading, *lines = table.fitted(console.width).lines()
        shown = [Text(heading, "dim")]
        for line, row in zip(lines, table.rows, strict=True):
            text = Text(line)
            text.stylize(_STYLES.get(row[-1], ""), start=len(line) - len(row[-1]))
            shown.append(text)
        for text in [*shown, *(Text(note, "dim italic") for note in _note(table)), Text()]:
            console.print(text, no_wrap=True, overflow="ellipsis")


def _note(table: _Table) -> list[str]:
    return [table.note] if table.note else []


def _tables(snapshot: MetricsSnapshot) -> list[_Table]:
    """Return the tables that have rows."""
    tables = [_pipelines(snapshot.pipelines), _steps(snapshot.steps), _reliability(snapshot)]
    return [table for table in tables if table.rows]


def took(seconds: float | None) -> str:
    """Return a span of time, also where it is a very short one.

    Example:
        >>> [took(seconds) for seconds in (None, 0.0, 0.00025, 3.14)]
        ['-', '0 µs', '250 µs', '3.1 s']
    """
    if seconds is None:
        return "-"
    return duration(seconds) if seconds >= 0.00095 else f"{seconds * 1e6:.0f} µs"


def _pipelines(pipelines: Sequence[PipelineMetrics]) -> _Table:
    headings = ("pipeline", "executions", "running", "completed", "failed", "cancelled", "mean", "p95", "longest")
    spare = ("longest", "running", "cancelled", "p95", "completed")
    return _Table(headings, tuple(map(_pipeline_row, pipelines)), frozenset(headings[1:]), spare)


def _pipeline_row(pipeline: PipelineMetrics) -> tuple[str, ...]:
    counts = (pipeline.started, pipeline.running, pipeline.completed, pipeline.failed, pipeline.cancelled)
    times = pipeline.duration
    return (one_line(pipeline.name, 40), *map(quantity, counts), *map(took, (times.mean_s, times.p95_s, times.max_s)))


def _steps(steps: Sequence[StepMetrics]) -> _Table:
    aside = tuple(name for name in _ASIDE if any(getattr(step, _ASIDE[name]) for step in steps))
    times = ("first", "mean", "p95", "waits in", "waits out")
    headings = ("step", "kind", "ended", "failed", "retries", "in", "out", *aside, *times)
    spare = ("kind", "p95", "retries", "first", "failed", "ended", "in", "waits out")
    longest = sorted(range(len(steps)), key=lambda place: -steps[place].duration.sum_s)[:_MOST_STEPS]
    rows = tuple(_step_row(steps[place], aside=aside) for place in sorted(longest))
    hidden = len(steps) - len(rows)
    note = f"and {hidden} steps that took less time" if hidden else ""
    return _Table(headings, rows, frozenset(headings[2:]), spare, note)


def _step_row(step: StepMetrics, *, aside: Sequence[str]) -> tuple[str, ...]:
    ended = step.completed + step.failed + step.suffered
    counts = (ended, step.failed, step.retries, step.items_in, step.items_out)
    times = (step.first_item.mean_s, step.duration.mean_s, step.duration.p95_s)
    waits = (_share(step.input_wait_s, step.duration.sum_s), _share(step.output_wait_s, step.duration.sum_s))
    asides = [_counted(getattr(step, _ASIDE[name])) for name in aside]
    named = (one_line(step.step_id, 40), one_line(step.kind, 40))
    return (*named, *map(quantity, counts), *asides, *map(took, times), *waits)


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{quantity(count)} {one_line(where, 40)}" for where, count in counts.items()) or "-"


def _share(part: float, whole: float) -> str:
    return f"{min(part / whole, 1.0):.0%}" if whole else "-"


def _reliability(snapshot: MetricsSnapshot) -> _Table:
    objectives: dict[str, SloResult] = {result.slo.metric: result for result in snapshot.slos}
    rows: list[tuple[str, ...]] = []
    for metric, meaning in _NAMES.items():
        value = getattr(snapshot.reliability, metric.lower())
        rows.append((metric, meaning, _value(metric, value), *_objective(objectives.get(metric))))
    missed = snapshot.missed_events
    note = f"{missed:,} events were missed, so the numbers are too low" if missed else ""
    return _Table(("metric", "of", "value", "objective", ""), tuple(rows), spare=("of", "objective"), note=note)


def _value(metric: str, value: float | Distribution) -> str:
    if isinstance(value, Distribution):
        return f"mean {took(value.mean_s)}, p95 {took(value.p95_s)}" if value.count else "-"
    return f"{value:.2f}" if metric == "PC" else f"{value * 100:.4g} %"


def _objective(result: SloResult | None) -> tuple[str, str]:
    return ("", "") if result is None else (str(result.slo).partition(" ")[2], result.status)
