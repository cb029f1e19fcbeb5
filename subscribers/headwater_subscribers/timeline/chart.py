"""A timeline drawn as SVG, without any library."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Final
from unicodedata import east_asian_width

from headwater.toolkit import State, duration, one_line, plural, quantity
from headwater_subscribers.console.view import by_policies
from headwater_subscribers.metrics.text_tables import took

if TYPE_CHECKING:
    from headwater import ExecutionState, StepState

__all__ = ["draw_chart"]

_MOST_ROWS: Final = 200
_WIDTH: Final = 1080
_MARGIN: Final = 24
_TOP: Final = 92
_ROW: Final = 34
_BAR: Final = 18
_NUMBERS: Final = 190
_LEGEND: Final = 56
_SIGN: Final = 8
_CHAR: Final = 7.3  # of the labels, on average

_INTERESTING: Final = (State.FAILED, State.RUNNING, State.STOPPED, State.DONE, State.SKIPPED, State.WAITING)
"""Which steps are drawn when there are too many for all."""

_WORDS: Final = {
    State.WAITING: "not started",
    State.RUNNING: "still running",
    State.DONE: "done",
    State.FAILED: "failed",
    State.STOPPED: "cancelled",
}

_STYLE: Final = """
.board{fill:#fff}.name{fill:#1f2328;font-weight:600}.text{fill:#1f2328}.dim{fill:#656d76}.grid{stroke:#d8dee4}
.axis{stroke:#afb8c1}.work{fill:#2f6fdb}.input{fill:#c9daf8}.output{fill:#f0b54a}.failed{fill:#cf222e}
.retry{fill:#8250df}.stopped{fill:#656d76}.done{fill:#1a7f37}.first{fill:#fff;stroke:#1f2328}.cut{stroke:#656d76}
.cross{stroke:#cf222e}.never{stroke:#afb8c1}
@media (prefers-color-scheme:dark){.board{fill:#0d1117}.name,.text{fill:#e6edf3}.dim{fill:#9198a1}
.grid{stroke:#262c36}.axis{stroke:#484f58}.work{fill:#4c8dff}.input{fill:#1f3a63}.output{fill:#c58a2b}
.failed{fill:#ff7b72}.retry{fill:#b392f0}.stopped{fill:#9198a1}.done{fill:#3fb950}.first{fill:#0d1117;stroke:#e6edf3}
.cut{stroke:#9198a1}.cross{stroke:#ff7b72}.never{stroke:#484f58}}
"""
_MINUTES: Final = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720)
_UNITS: Final = (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0), ("s", 0.1), ("ms", 1e-4), ("µs", 0.0))
"""The units of the axis, each with the smallest stride between two marks that it is used for, in seconds."""
_SCALES_S: Final = {"d": 86_400.0, "h": 3_600.0, "min": 60.0, "s": 1.0, "ms": 1e-3, "µs": 1e-6}
_FONT: Final = "system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','DejaVu Sans',sans-serif"


def draw_chart(execution: ExecutionState, failure: str) -> str:
    """Return a whole SVG document; `failure` is why the execution failed or was cancelled, or empty."""
    return "\n".join(_Drawing(execution, failure).lines())


class _Drawing:
    """One drawing: its places, and the lines of its document."""

    def __init__(self, execution: ExecutionState, failure: str) -> None:
        self._execution = execution
        self._failure = failure
        self._name = one_line(execution.name) or "pipeline"
        self._steps = _shown(list(execution.steps.values()))
        self._hidden = len(execution.steps) - len(self._steps)
        longest = max((_width(step.step_id) for step in self._steps), default=0)
        kinds = max((_width(step.kind) * 0.85 for step in self._steps), default=0)
        self._left = _MARGIN + min(max(longest, kinds, 80), 240) + 20
        self._right = _WIDTH - _MARGIN - _NUMBERS
        self._bottom = _TOP + _ROW * max(len(self._steps), 1) + 6
        self._span_s = max(execution.ended_s - execution.started_s, 1e-6)

    def lines(self) -> Iterator[str]:
        """Yield the document."""
        height = self._bottom + _LEGEND + (24 if self._hidden else 0)
        title = escape(f"Timeline of {self._name}: {self._outcome()}")
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
            f'viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{title}" font-family="{_FONT}" font-size="13">'
        )
        yield f"<title>{title}</title>"
        yield f"<style>{_STYLE}</style>"
        yield f'<rect class="board" width="{_WIDTH}" height="{height}" rx="8"/>'
        yield from self._heading()
        yield from self._axis()
        for number, step in enumerate(self._steps):
            yield from self._row(step, _TOP + number * _ROW)
        if self._hidden:
            more = f"and {plural(self._hidden, 'more step')} that are not drawn"
            yield _text(_MARGIN, self._bottom + 16, more, "dim")
        if not self._steps:
            yield _text((self._left + self._right) / 2, _TOP + _ROW / 2 + 4, "no steps", "dim", anchor="middle")
        yield from self._legend(height - 22)
        yield "</svg>"

    def _outcome(self) -> str:
        execution = self._execution
        took = duration(self._span_s)
        if execution.state is State.DONE:
            return f"done in {took}"
        return "not started" if execution.state is State.WAITING else f"{_WORDS[execution.state]} after {took}"

    def _heading(self) -> Iterator[str]:
        execution = self._execution
        style = {State.DONE: "done", State.FAILED: "failed", State.STOPPED: "stopped"}.get(execution.state, "work")
        yield _text(_MARGIN, 34, _cut(self._name, 560, 9.8), "name", size=18)
        right = _WIDTH - _MARGIN
        yield f'<circle class="{style}" cx="{right - 6}" cy="28" r="6"/>'
        yield _text(right - 20, 33, self._outcome(), "text", anchor="end", size=14)
        missed = f"{execution.missed:,} events were missed" if execution.missed else ""
        note = ", ".join(part for part in (self._failure, missed) if part)
        if note:
            yield _text(_MARGIN, 56, _cut(note, _WIDTH - 2 * _MARGIN, _CHAR), "failed" if self._failure else "dim")

    def _axis(self) -> Iterator[str]:
        top, bottom = _TOP - 6, self._bottom
        stride_s = _stride(self._span_s, 7)
        for number in range(int(self._span_s / stride_s + 1e-9) + 1):
            x = self._x(self._execution.started_s + number * stride_s)
            yield f'<path class="grid" d="M{x:.1f} {top}V{bottom}"/>'
            yield _text(x, top - 6, _moment(number * stride_s, stride_s), "dim", anchor="middle", size=11)
        yield f'<path class="axis" d="M{self._left:.1f} {top}H{self._right}M{self._left:.1f} {bottom}H{self._right}"/>'

    def _legend(self, y: float) -> Iterator[str]:
        x = float(_MARGIN)
        for style, text in (("work", "works"), ("input", "waits for input"), ("output", "waits for room downstream")):
            yield f'<rect class="{style}" x="{x:.1f}" y="{y - 10}" width="12" height="12" rx="2"/>'
            yield _text(x + 18, y, text, "dim", size=12)
            x += 18 + _width(text) * 0.88 + 22
        for sign, text in ((_first, "first item"), (_retry, "retry"), (_cross, "error"), (_stop, "stopped")):
            yield sign(x + 6, y - 4)
            yield _text(x + 18, y, text, "dim", size=12)
            x += 18 + _width(text) * 0.88 + 22

    def _row(self, step: StepState, top: float) -> Iterator[str]:
        middle = top + _ROW / 2
        width = self._left - _MARGIN - 16
        yield f"<g><title>{escape(_story(step))}</title>"
        yield f'<rect class="board" x="{_MARGIN}" y="{top}" width="{width:.0f}" height="{_ROW}"/>'
        yield _text(_MARGIN, middle - 2 if step.kind else middle + 4, _cut(step.step_id, width, _CHAR), "text")
        if step.kind:
            yield _text(_MARGIN, middle + 11, _cut(step.kind, width, 6.2), "dim", size=11)
        if step.started_s is None:
            yield from self._absent(step, middle)
        else:
            yield from self._bar(step, step.started_s, middle)
        yield "</g>"

    def _absent(self, step: StepState, middle: float) -> Iterator[str]:
        """Draw a step that never started."""
        yield f'<path class="never" stroke-dasharray="2 5" d="M{self._left:.1f} {middle}H{self._right}"/>'
        text = f"skipped: {_reason(step)}" if step.state is State.SKIPPED else "did not start"
        yield _text(self._right + 14, middle + 4, _cut(text, _NUMBERS - 14, 6.4), "dim", size=12)

    def _bar(self, step: StepState, started_s: float, middle: float) -> Iterator[str]:
        ended_s = self._execution.ended_s if step.ended_s is None else step.ended_s
        begin, end = self._x(started_s), max(self._x(ended_s), self._x(started_s) + 2.5)
        top = middle - _BAR / 2
        yield f'<rect class="work" x="{begin:.1f}" y="{top}" width="{end - begin:.1f}" height="{_BAR}" rx="2"/>'
        yield from self._waits(step, ended_s, top)
        if step.first_item_s is not None and end - begin > _SIGN:
            yield _first(min(max(self._x(step.first_item_s), begin), end), middle)
        yield from (_retry(self._x(time_s), middle) for time_s in step.retries)
        if step.state is State.FAILED:
            yield _cross(end, middle)
        elif step.state is State.STOPPED:
            yield _stop(end, middle)
        yield from self._numbers(step, max(ended_s - started_s, 0.0), middle)

    def _waits(self, step: StepState, ended_s: float, top: float) -> Iterator[str]:
        """Draw over the bar the share of each stretch of time that the step waited."""
        for before, after in pairwise(step.waits):
            elapsed_s = min(after.time_s, ended_s) - before.time_s
            if elapsed_s <= 0:
                continue
            x, width = self._x(before.time_s), self._span(elapsed_s)
            height = 0.0
            waits = (("input", after.input_wait_s - before.input_wait_s),)
            for style, wait_s in (*waits, ("output", after.output_wait_s - before.output_wait_s)):
                share = min(max(wait_s / elapsed_s, 0.0), 1.0) * _BAR
                part = min(share, _BAR - height)
                if part >= 0.5:
                    yield (
                        f'<rect class="{style}" shape-rendering="crispEdges" x="{x:.1f}" y="{top + height:.1f}" '
                        f'width="{max(width, 2.5):.1f}" height="{part:.1f}"/>'
                    )
                    height += part

    def _numbers(self, step: StepState, elapsed_s: float, middle: float) -> Iterator[str]:
        x = self._right + 14
        if step.state is State.FAILED:
            yield _text(x, middle + 4, _cut(_reason(step), _NUMBERS - 14, 6.4), "failed", size=12)
            return
        if step.items_in or step.items_out:
            read = f"{quantity(step.items_in)} " if step.items_in else ""
            yield _text(x, middle + 4, f"{read}→ {quantity(step.items_out or 0)}", "dim", size=12)
        yield _text(_WIDTH - _MARGIN, middle + 4, took(elapsed_s), "text", anchor="end", size=12)

    def _x(self, time_s: float) -> float:
        return self._left + self._span(min(max(time_s - self._execution.started_s, 0.0), self._span_s))

    def _span(self, elapsed_s: float) -> float:
        return (self._right - self._left) * elapsed_s / self._span_s


def _shown(steps: Sequence[StepState]) -> list[StepState]:
    """Return the steps that are drawn, in their order."""
    if len(steps) <= _MOST_ROWS:
        return list(steps)
    by_interest = sorted(range(len(steps)), key=lambda index: (_INTERESTING.index(steps[index].state), index))
    return [steps[index] for index in sorted(by_interest[:_MOST_ROWS])]


def _story(step: StepState) -> str:
    """Return all that is known of a step, which is shown when the mouse is over it."""
    parts = [f"{step.step_id} ({step.kind})" if step.kind else step.step_id, _WORDS.get(step.state, step.state.value)]
    if reason := _reason(step):
        parts.append(reason)
    if step.started_s is not None and step.first_item_s is not None:
        parts.append(f"first item after {took(step.first_item_s - step.started_s)}")
    if step.started_s is not None and step.waits:
        last = step.waits[-1]
        parts.append(f"waited {took(last.input_wait_s)} for input, {took(last.output_wait_s)} for room")
    parts += [f"{step.items_in:,} items in"] if step.items_in else []
    parts += [f"{step.items_out:,} items out"] if step.items_out else []
    parts += by_policies(step)
    return one_line("; ".join(parts), limit=500)


def _reason(step: StepState) -> str:
    """Return why a step failed, was skipped or was tried again, in one line."""
    return one_line(str(step.failure or step.skip_reason or step.retry or ""))


def _first(x: float, y: float) -> str:
    return f'<circle class="first" stroke-width="1.5" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'


def _retry(x: float, y: float) -> str:
    return f'<path class="retry" d="M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z"/>'


def _cross(x: float, y: float) -> str:
    return f'<path class="cross" stroke-width="2.5" d="M{x - 4.5:.1f} {y - 4.5:.1f}l9 9m0 -9l-9 9"/>'


def _stop(x: float, y: float) -> str:
    return f'<path class="cut" stroke-width="3" d="M{x:.1f} {y - _BAR / 2:.1f}v{_BAR}"/>'


def _text(x: float, y: float, text: str, style: str, *, anchor: str = "start", size: int = 13) -> str:
    end = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" font-size="{size}"{end}>{escape(one_line(text, 300))}</text>'


def _width(text: str) -> float:
    return _CHAR * sum(1.7 if east_asian_width(char) in "WF" else 1.0 for char in text)


def _cut(text: str, width: float, char: float) -> str:
    """Shorten text to a width, in letters of a width."""
    left = width * _CHAR / char
    if _width(text) <= left:
        return text
    kept = 0
    for kept, char_ in enumerate(text):  # noqa: B007 - where the loop ends is the result
        left -= _width(char_)
        if left < _CHAR:
            break
    return text[:kept].rstrip() + "…"


def _stride(span_s: float, most: int) -> float:
    """Return a round span of time that fits into `span_s` at most `most` times."""
    for factor in _MINUTES:
        if most * 30.0 < span_s <= most * 60.0 * factor:
            return 60.0 * factor
    unit_s = 86_400.0 if span_s > most * 30.0 else 1.0
    power = 10.0**-7
    while True:
        for factor in (1, 2, 5):
            if span_s <= most * factor * power * unit_s:
                return factor * power * unit_s
        power *= 10


def _moment(seconds: float, stride_s: float) -> str:
    """Return a place on the axis of time, in the unit that its marks have."""
    unit = next(unit for unit, from_s in _UNITS if stride_s >= from_s * 0.999)
    return f"{seconds / _SCALES_S[unit]:.6g} {unit}"
