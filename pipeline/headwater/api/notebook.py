"""Pipelines and results as a notebook shows them: HTML without scripts, in which all that is not ours is only text.

See https://ipython.readthedocs.io/en/stable/config/integrating.html on `_repr_html_`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from headwater.display import shorten
from headwater.events.data import PipelineCancelled, PipelineFailure, PipelineStart, StepComplete, StepProgress
from headwater.events.event import EventType
from headwater.events.plain import plain
from headwater.graph.drawing.draw import draw
from headwater.shapes import is_list, is_object

if TYPE_CHECKING:
    from headwater.api.result import Result
    from headwater.events.event import StreamEvent
    from headwater.graph.plan import Plan

__all__ = ["pipeline_html", "result_html"]

_MOST_DRAWN_STEPS, _MOST_DRAWN_EDGES = 150, 300  # whose drawing cannot become too large
_SHOWN_ITEMS, _SHOWN_COLUMNS, _SHOWN_TEXT = 10, 12, 300
_GREY = "rgba(128,128,128,.35)"
_CELL = f"text-align:left;padding:2px 14px 2px 0;border-bottom:1px solid {_GREY};vertical-align:top"
_NUMBER = f"{_CELL};text-align:right;font-variant-numeric:tabular-nums"
_COLORS = {"completed": "#1a7f37", "failed": "#cf222e", "cancelled": "#9a6700"}
_ENDS = {
    EventType.STEP_START: "stopped",  # if nothing more is told of the step
    EventType.STEP_COMPLETE: "done",
    EventType.STEP_ERROR: "failed",
    EventType.STEP_SKIPPED: "skipped",
}
_READ = frozenset(EventType) - {EventType.STEP_OUTPUT}


def pipeline_html(plan: Plan) -> str:
    """Return a pipeline as HTML: its name and size, and a drawing.

    Args:
        plan: What runs.
    """
    size = f"{_count(len(plan.steps), 'step')}, {_count(len(plan.edges), 'edge')}"
    head = f"<div><b>{_text(plan.name)}</b>: {size}</div>"
    if len(plan.steps) > _MOST_DRAWN_STEPS or len(plan.edges) > _MOST_DRAWN_EDGES:
        return f"<div>{head}<div>too many for a notebook; <code>draw('svg')</code> gives a picture</div></div>"
    return f'<div>{head}<div style="overflow:auto;max-height:80vh">{draw(plan, "svg")}</div></div>'


def result_html(result: Result) -> str:
    """Return a result as HTML: how it ended, what each step did, and the beginning of the output.

    Args:
        result: The result.
    """
    facts = _Facts.of(result)
    color = _COLORS.get(result.status, "gray")
    head = (
        f'<div><b>{_text(facts.name)}</b> <span style="color:{color};font-weight:600">{_text(result.status)}</span> '
        f'in {_duration(result.duration_s)} <code style="opacity:.6">{_text(result.execution_id)}</code></div>'
    )
    failure = f'<div style="color:{color};white-space:pre-wrap">{_text(facts.failure)}</div>' if facts.failure else ""
    parts = (("header", result.header), ("output", result.output), ("footer", result.footer))
    shown = "".join(_part(name, value) for name, value in parts if value is not None)
    return f"<div>{head}{failure}{facts.table()}{shown}</div>"


# ---- what each step did


@dataclass(slots=True)
class _Fact:
    kind: str = ""
    state: str = "not started"
    told: StepComplete | StepProgress | None = None


@dataclass(slots=True)
class _Facts:
    """What the events of an execution tell of its steps."""

    name: str
    failure: str
    steps: dict[str, _Fact]

    @classmethod
    def of(cls, result: Result) -> _Facts:
        facts = cls("pipeline", "" if result.error is None else type(result.error).__name__, {})
        if result.events is not None:
            for event in result.events.read(after=0).select(_READ, None, latest=True):
                facts._apply(event)
        return facts

    def _apply(self, event: StreamEvent) -> None:
        data = event.data
        if isinstance(data, PipelineStart):
            self.name = data.name
            self.steps.update((step.id, _Fact(step.kind)) for step in data.steps)
        elif isinstance(data, PipelineFailure):
            # Not the text of the error itself: that of the event has its secrets masked.
            place = "" if data.step_id is None else f"step {data.step_id!r}: "
            self.failure = f"{place}{data.error_type}: {data.message}"
        elif isinstance(data, PipelineCancelled):
            self.failure = data.reason
        elif event.step_id is not None:
            step = self.steps.setdefault(event.step_id, _Fact())
            step.state = _ENDS.get(event.event_type, step.state)
            if isinstance(data, StepComplete | StepProgress):
                step.told = data

    def table(self) -> str:
        if not self.steps:
            return ""
        head = ("step", "kind", "", "in", "out", "time", "first item", "waited in", "waited out")
        return _table(head, [[_text(step_id), *_figures(step)] for step_id, step in self.steps.items()], numbers=3)


def _figures(step: _Fact) -> Iterator[str]:
    yield f'<span style="opacity:.6">{_text(step.kind)}</span>'
    yield _text(step.state)
    told = step.told
    yield "" if told is None or told.items_in is None else f"{told.items_in:,}"
    yield "" if told is None or told.items_out is None else f"{told.items_out:,}"
    if isinstance(told, StepComplete):
        times = (told.duration_s, told.first_item_s, told.input_wait_s, told.output_wait_s)
        yield from ("" if seconds is None else _duration(seconds) for seconds in times)
    else:
        yield from ("",) * 4


# ---- what came out


def _part(name: str, value: Any) -> str:
    heading = f'<div style="margin-top:.6em"><b>{name}</b>{_size(value)}</div>'
    return f"{heading}{_value(value)}"


def _size(value: Any) -> str:
    return f": {_count(len(value), 'item')}" if is_list(value) else ""


def _value(value: Any) -> str:
    if is_list(value):
        return _items([plain(item) for item in value[:_SHOWN_ITEMS]], len(value))
    if is_object(value):
        pairs = islice(value.items(), _SHOWN_ITEMS)
        rows = [[_text(name), _value(one) if is_list(one) else _short(plain(one))] for name, one in pairs]
        return _table(("", ""), rows) + _more(len(value) - len(rows))
    return f'<pre style="white-space:pre-wrap">{_short(plain(value))}</pre>'


def _items(items: Sequence[Any], count: int) -> str:
    """Return the first items of many: as a table where they are records, as lines otherwise."""
    if items and all(is_object(item) and item for item in items):
        names = list(dict.fromkeys(chain.from_iterable(items)))[:_SHOWN_COLUMNS]
        shown = _table(names, [[_short(item[name]) if name in item else "" for name in names] for item in items])
    else:
        shown = "".join(f'<div style="white-space:pre-wrap">{_short(item)}</div>' for item in items)
    return shown + _more(count - len(items))


def _more(count: int) -> str:
    return f'<div style="opacity:.6">and {_count(count, "more")}</div>' if count > 0 else ""


def _short(value: Any) -> str:
    """Return plain data as text that is no longer than one can read at a glance."""
    text = value if isinstance(value, str) else to_json(value).decode()
    return _text(shorten(text, _SHOWN_TEXT))


# ---- HTML


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: int | None = None) -> str:
    """Return a table; its cells are HTML, its head is text."""
    styles = [_CELL if numbers is None or column < numbers else _NUMBER for column in range(len(head))]
    top = f"<thead>{_row('th', styles, list(map(_text, head)))}</thead>" if any(head) else ""
    body = "".join(_row("td", styles, row) for row in rows)
    return f'<table style="border-collapse:collapse;margin:.4em 0">{top}<tbody>{body}</tbody></table>'


def _row(tag: str, styles: Sequence[str], cells: Sequence[str]) -> str:
    parts = (f'<{tag} style="{style}">{cell}</{tag}>' for style, cell in zip(styles, cells, strict=True))
    return f"<tr>{''.join(parts)}</tr>"


def _text(text: str) -> str:
    return escape("".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in text))


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 or noun == 'more' else 's'}"


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:,.2f} s"
