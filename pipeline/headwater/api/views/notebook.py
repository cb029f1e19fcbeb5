"""Pipelines and results as a notebook shows them: HTML without scripts, in which data is always escaped.

See https://ipython.readthedocs.io/en/stable/config/integrating.html on `_repr_html_`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from headwater.display import plural, shorten
from headwater.events.data import PipelineCancelled, PipelineFailure
from headwater.events.event import EventType
from headwater.events.plain import plain
from headwater.events.state import ExecutionState
from headwater.graph.drawing.draw import draw
from headwater.shapes import is_list, is_object

if TYPE_CHECKING:
    from headwater.api.result import Result
    from headwater.events.step_state import StepState
    from headwater.graph.plan import Plan

__all__ = ["pipeline_html", "result_html"]

_MOST_DRAWN_STEPS, _MOST_DRAWN_EDGES = 150, 300  # more would be too large to look at
_SHOWN_ITEMS, _SHOWN_COLUMNS, _SHOWN_TEXT = 10, 12, 300
_GREY = "rgba(128,128,128,.35)"
_CELL = f"text-align:left;padding:2px 14px 2px 0;border-bottom:1px solid {_GREY};vertical-align:top"
_NUMBER = f"{_CELL};text-align:right;font-variant-numeric:tabular-nums"
_COLORS = {"completed": "#1a7f37", "failed": "#cf222e", "cancelled": "#9a6700"}
_READ = frozenset(EventType) - {EventType.STEP_OUTPUT}


def pipeline_html(plan: Plan) -> str:
    """Return a pipeline as HTML: its name and size, and a drawing."""
    size = f"{plural(len(plan.steps), 'step')}, {plural(len(plan.edges), 'edge')}"
    head = f"<div><b>{_text(plan.name)}</b>: {size}</div>"
    if len(plan.steps) > _MOST_DRAWN_STEPS or len(plan.edges) > _MOST_DRAWN_EDGES:
        return f"<div>{head}<div>too many for a notebook; <code>draw('svg')</code> gives a picture</div></div>"
    return f'<div>{head}<div style="overflow:auto;max-height:80vh">{draw(plan, "svg")}</div></div>'


def result_html(result: Result) -> str:
    """Return a result as HTML: how it ended, what each step did, and the beginning of the output."""
    state = _state(result)
    color = _COLORS.get(result.status, "gray")
    head = (
        f"<div><b>{_text(state.name or 'pipeline')}</b> "
        f'<span style="color:{color};font-weight:600">{_text(result.status)}</span> '
        f'in {_duration(result.duration_s)} <code style="opacity:.6">{_text(result.execution_id)}</code></div>'
    )
    reason = _failure(result, state)
    failure = f'<div style="color:{color};white-space:pre-wrap">{_text(reason)}</div>' if reason else ""
    parts = (("header", result.header), ("output", result.output), ("footer", result.footer))
    shown = "".join(_part(name, value) for name, value in parts if value is not None)
    return f"<div>{head}{failure}{_steps(state)}{shown}</div>"


def _state(result: Result) -> ExecutionState:
    state = ExecutionState()
    if result.events is not None:
        state.apply(result.events.read(after=0).select(_READ, None, latest=True))
    return state


def _failure(result: Result, state: ExecutionState) -> str:
    """Return why it failed: not the message of the error itself, but that of the event, whose secrets are masked."""
    if isinstance(state.end, PipelineCancelled):
        return state.end.reason
    if isinstance(state.end, PipelineFailure):
        return str(state.end)
    return "" if result.error is None else type(result.error).__name__


def _steps(state: ExecutionState) -> str:
    head = ("step", "kind", "", "in", "out", "time", "first item", "waited in", "waited out")
    rows = [[_text(step.step_id), *_cells(step)] for step in state.steps.values()]
    return _table(head, rows, numbers=3) if rows else ""


def _cells(step: StepState) -> Iterator[str]:
    yield f'<span style="opacity:.6">{_text(step.kind)}</span>'
    yield ", ".join([step.outcome, *(f"{count:,} {_text(where)}" for where, count in step.items_aside.items())])
    yield from ("" if count is None else f"{count:,}" for count in (step.items_in, step.items_out))
    if (end := step.result) is None:
        yield from ("",) * 4
    else:
        times = (end.duration_s, end.first_item_s, end.input_wait_s, end.output_wait_s)
        yield from ("" if seconds is None else _duration(seconds) for seconds in times)


def _part(name: str, value: Any) -> str:
    heading = f'<div style="margin-top:.6em"><b>{name}</b>{_size(value)}</div>'
    return f"{heading}{_value(value)}"


def _size(value: Any) -> str:
    return f": {plural(len(value), 'item')}" if is_list(value) else ""


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
    return f'<div style="opacity:.6">and {count:,} more</div>' if count > 0 else ""


def _short(value: Any) -> str:
    """Return plain data as text that can be read at a glance."""
    text = value if isinstance(value, str) else to_json(value).decode()
    return _text(shorten(text, _SHOWN_TEXT))


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


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:,.2f} s"
