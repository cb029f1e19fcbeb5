"""What `headwater plan --analyze` adds: the steps that can work at once, what fails with a step, the critical path."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headwater.cli.runs.watching import find_subscriber
from headwater.cli.terminal import styled
from headwater.display import columns, duration, plural, shorten
from headwater.errors import ConfigError, HeadwaterError, Problem
from headwater.events.data import PipelineStart, StepComplete

if TYPE_CHECKING:
    from headwater.graph.analysis import Analysis

__all__ = ["analysis_object", "analysis_text", "recorded_metrics"]

_MOST_ROWS, _MOST_CHARS = 10, 80


def recorded_metrics(path: Path) -> dict[str, StepComplete]:
    """Return what each step measured in the last execution of a file of events."""
    metrics: dict[str, StepComplete] = {}
    try:
        for event in find_subscriber("file", "--events").read(path):
            if isinstance(event.data, PipelineStart):
                metrics.clear()
            elif isinstance(event.data, StepComplete):
                metrics[event.step_id] = event.data
    except (OSError, HeadwaterError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(Problem("unreadable", f"the events cannot be read: {reason}", file=str(path))) from None
    return metrics


def analysis_text(analysis: Analysis) -> str:
    """Return an analysis as lines below a plan."""
    return "\n".join(chain.from_iterable(_sections(analysis)))


def _sections(analysis: Analysis) -> Iterator[list[str]]:
    at_once = analysis.concurrent_steps
    yield ["", f"  {plural(len(at_once), 'step')} can work at once: {shorten(', '.join(at_once), _MOST_CHARS)}"]
    if rows := list(_downstream_rows(analysis)):
        yield ["", *_table(["if this step fails", "", "these get no complete input"], rows)]
    if path := analysis.critical_path:
        total_s = sum(map(analysis.busy_s, path))
        rows = [[step, duration(analysis.busy_s(step)), f"{analysis.busy_s(step) / total_s:.0%}"] for step in path]
        yield ["", *_table(["critical path", "busy", "share"], rows)]


def _downstream_rows(analysis: Analysis) -> Iterator[list[str]]:
    """Yield the steps that take most others with them."""
    counts = analysis.downstream_counts
    for step in sorted(filter(counts.get, counts), key=counts.__getitem__, reverse=True)[:_MOST_ROWS]:
        yield [step, f"{counts[step]:,}", shorten(", ".join(analysis.downstream(step)), _MOST_CHARS)]


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    heading, *lines = columns([head, *rows], indent="  ")
    return [styled(heading, "dim", stream=sys.stdout), *lines]


def analysis_object(analysis: Analysis) -> dict[str, Any]:
    """Return an analysis as a JSON object."""
    return {
        "concurrent_steps": analysis.concurrent_steps,
        "downstream_counts": analysis.downstream_counts,
        "critical_path": [{"step": step, "busy_s": analysis.busy_s(step)} for step in analysis.critical_path],
    }
