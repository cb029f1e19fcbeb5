"""A picture of an execution for a terminal: a tree of its steps with their numbers, in lines of rich's segments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Final

from headwater import ExecutionState, MissingExtraError, StepState
from headwater.toolkit import State, duration, plural, quantity
from headwater_subscribers.console import view
from headwater_subscribers.console.tree import ASCII_LINES, LINES, TreeRow, tree_rows, with_nested

try:
    from rich.cells import cell_len, set_cell_size
    from rich.segment import Segment
    from rich.style import Style
except ImportError as _error:
    raise MissingExtraError("the live table of an execution", "cli") from _error

__all__ = ["Line", "Painter"]

Line = list[Segment]

_PLAIN: Final = Style.null()
_DIM: Final = Style(dim=True)
_AWAITED: Final = Style(color="yellow", bold=True)
_STYLES: Final = {
    State.WAITING: _DIM,
    State.RUNNING: Style(color="cyan"),
    State.DONE: Style(color="green"),
    State.FAILED: Style(color="red", bold=True),
    State.SKIPPED: _DIM,
    State.STOPPED: Style(color="yellow"),
}
_FIRST_SHOWN: Final = (State.FAILED, State.RUNNING, State.STOPPED, State.WAITING, State.SKIPPED, State.DONE)
"""Which steps are shown when not all fit; one that others wait for comes even before those that run."""

_NARROW: Final = 60  # columns below which only the most important numbers fit
_WIDE: Final = 76  # and from which on all of them do
_SHORTEST_NAME: Final = 8
_SHORTEST_NOTE: Final = 10
_SHORTEST_MESSAGE: Final = 4
_LONGEST_BAR: Final = 20
_SHORTEST_BAR: Final = 6
_FINAL_ROWS: Final = 200
_MESSAGE_LINES: Final = 8


@dataclass(frozen=True, slots=True)
class _Signs:
    """What is drawn, with the characters that the terminal has."""

    states: dict[State, str]
    bar: tuple[str, str, str]
    awaited: str
    joins: str
    ellipsis: str


_UNICODE: Final = _Signs(
    states=dict(zip(State, "·▸✓✗-■", strict=True)), bar=("━", "╸", "─"), awaited="◀", joins="←", ellipsis="…"
)
_ASCII: Final = _Signs(
    states=dict(zip(State, ".>+x-#", strict=True)), bar=("#", "#", "-"), awaited="<", joins="<", ellipsis="~"
)


@dataclass(frozen=True, slots=True)
class _Row:
    """One step as it is drawn."""

    step: StepState
    place: TreeRow
    numbers: Sequence[str]
    message: str
    is_awaited: bool

    @property
    def title(self) -> str:
        return self.place.lead + view.step_name(self.step.step_id)


class Painter:
    """Draws an execution as it stands; `ascii_only` is for a terminal that has no other characters."""

    def __init__(self, execution: ExecutionState, *, ascii_only: bool = False) -> None:
        self._execution = execution
        self._signs = _ASCII if ascii_only else _UNICODE
        self._tree_lines = ASCII_LINES if ascii_only else LINES
        self._tree: list[TreeRow] = []
        self._steps: object = None
        self._bottleneck: str | None = None

    def lines(self, width: int, height: int, now_s: float, *, final: bool = False) -> list[Line]:
        """Return lines that are not wider than the terminal.

        The `final` picture may be higher than the terminal, and wraps messages.
        """
        self._bottleneck = self._execution.bottleneck(now_s)
        places = self._shown(_FINAL_ROWS if final else height - 3)  # without heading, hidden steps and summary
        headings = self._headings(width)
        rows = [self._row(place, headings, now_s) for place in places]
        lines = list(self._table(rows, headings, width, now_s, final=final)) if rows else []
        if len(places) < len(self._execution.steps):
            lines.append([Segment(self._sized(f"    {self._hidden(places)}", width), _DIM)])
        lines += self._summary(places, width, now_s, final=final)
        return [self._cropped(line, width) for line in lines] if width < _NARROW else lines

    def _headings(self, width: int) -> Sequence[str]:
        if width < _NARROW:
            return ("out", "time")
        is_known = any(step.input_wait_s is not None for step in self._execution.steps.values())
        headings = ("out", "rate", "time") if width < _WIDE else ("in", "out", "rate", "time")
        return (*headings, "busy") if is_known else headings

    def _places(self) -> list[TreeRow]:
        steps = self._execution.steps
        if self._steps is not steps or len(self._tree) != len(steps):
            self._steps = steps
            outer = {step.step_id: step.sources for step in steps.values() if "/" not in step.step_id}
            rows = tree_rows(outer, self._tree_lines)
            self._tree = with_nested(rows, [step_id for step_id in steps if "/" in step_id], self._tree_lines)
        return self._tree

    def _shown(self, rows: int) -> list[TreeRow]:
        """Return the places of the steps that fit, in their order; those that matter most are chosen."""
        places, steps = self._places(), self._execution.steps
        if len(places) * 2 <= rows:
            return places
        shown: set[str] = set()
        for place in sorted(places, key=lambda place: self._rank(steps[place.step_id])):
            rows -= 2 if steps[place.step_id].state is State.FAILED else 1
            if rows < 0 and shown:
                break
            shown.add(place.step_id)
        return [place for place in places if place.step_id in shown]

    def _rank(self, step: StepState) -> tuple[bool, int]:
        is_first = step.state is State.FAILED or step.step_id == self._bottleneck
        return not is_first, _FIRST_SHOWN.index(step.state)

    def _hidden(self, shown: Sequence[TreeRow]) -> str:
        steps = self._execution.steps
        states = Counter(step.state for step in steps.values())
        states.subtract(steps[place.step_id].state for place in shown)
        parts = ", ".join(f"{states[state]:,} {state.value}" for state in State if states[state])
        return f"and {plural(states.total(), 'more step')}: {parts}"

    def _row(self, place: TreeRow, headings: Sequence[str], now_s: float) -> _Row:
        step = self._execution.steps[place.step_id]
        elapsed_s, busy = step.elapsed_s(now_s), step.busy(now_s)
        numbers = {
            "in": quantity(step.items_in) if step.items_in else "",
            "out": "" if step.items_out is None else quantity(step.items_out),
            "rate": view.rate(step, now_s),
            "time": "" if elapsed_s is None else duration(elapsed_s),
            "busy": "" if busy is None else f"{busy:.0%}",
        }
        shown = [numbers[heading] for heading in headings]
        return _Row(
            step,
            place,
            shown,
            view.message(step) or view.aside(step) or view.runs(step),
            step.step_id == self._bottleneck,
        )

    def _table(
        self, rows: Sequence[_Row], headings: Sequence[str], width: int, now_s: float, *, final: bool
    ) -> Iterable[Line]:
        widths = [max(map(len, column)) for column in zip(headings, *(row.numbers for row in rows), strict=True)]
        taken = 4 + sum(widths) + 2 * len(widths)
        longest = max(cell_len(row.title) for row in rows)
        name_width = min(max(longest, 4), max(width - taken - 2 - _SHORTEST_NOTE, _SHORTEST_NAME))
        cells = "".join(f"  {heading:>{wide}}" for heading, wide in zip(headings, widths, strict=True))
        yield [Segment(self._sized(f"    {'step':{name_width}}{cells}", width), _DIM)]
        rest = max(width - taken - name_width - 2, 0)
        for row in rows:
            yield [*self._name(row, name_width), *_numbers(row, headings, widths), *self._note(row, rest, now_s)]
            if row.step.state is State.FAILED and row.message:
                yield from self._failure(row, width, final=final)

    def _name(self, row: _Row, width: int) -> Line:
        state = row.step.state
        title = self._sized(row.title, width)
        lead, name = title[: len(row.place.lead)], title[len(row.place.lead) :]
        style = _AWAITED if row.is_awaited else _DIM if state is State.WAITING else _PLAIN
        return [Segment(f" {self._signs.states[state]}  ", _STYLES[state]), Segment(lead, _DIM), Segment(name, style)]

    def _note(self, row: _Row, width: int, now_s: float) -> Line:
        """Return what stands behind the numbers: how much is done, what the step reports, or what it joins."""
        step = row.step
        if step.state is State.FAILED or width < 2:
            return []
        line = [Segment("  "), *(self._bar(step, width, now_s) if view.percent(step) else ())]
        left = width + 2 - sum(segment.cell_length for segment in line)
        if row.is_awaited:
            line.append(Segment(self._awaited(left), _AWAITED))
        elif row.message and left >= _SHORTEST_MESSAGE:
            line.append(Segment(row.message, _DIM))
        elif row.place.joins and len(line) == 1:
            line.append(Segment(f"{self._signs.joins} {', '.join(map(view.step_name, row.place.joins))}", _DIM))
        return self._cropped(line, width + 2)

    def _awaited(self, width: int) -> str:
        sign = self._signs.awaited
        notes = (f"{sign} the others wait for it", f"{sign} slowest", sign)
        return next((note for note in notes if len(note) <= width), sign)

    def _bar(self, step: StepState, width: int, now_s: float) -> Line:
        percent = view.percent(step)
        beside = "  ".join(part for part in (f"{percent:>4}", view.left(step, now_s)) if part)
        size = min(width - len(beside) - 3, _LONGEST_BAR)
        if size < _SHORTEST_BAR or step.state is not State.RUNNING:
            return [Segment(f"{percent}  ", _STYLES[step.state])]
        whole, half, rest = self._signs.bar
        halves = round(min(max(step.fraction or 0.0, 0.0), 1.0) * size * 2)
        done = whole * (halves // 2) + half * (halves % 2)
        bar = [Segment(done, _STYLES[State.RUNNING]), Segment(rest * (size - len(done)), _DIM)]
        return [*bar, Segment(f" {beside}  ")]

    def _failure(self, row: _Row, width: int, *, final: bool) -> Iterable[Line]:
        """Return why a step failed, below its name."""
        lead = f"    {row.place.below}  "
        rest = max(width - len(lead), 10)
        parts = wrap(row.message, rest)[:_MESSAGE_LINES] if final else [self._sized(row.message, rest)]
        for part in parts:
            yield self._cropped([Segment(lead, _DIM), Segment(part.rstrip(), _STYLES[State.FAILED])], width)

    def _summary(self, shown: Sequence[TreeRow], width: int, now_s: float, *, final: bool) -> Iterable[Line]:
        execution = self._execution
        shows_failure = any(execution.steps[place.step_id].state is State.FAILED for place in shown)
        missed = f" ({execution.missed:,} events not shown)" if execution.missed else ""
        summary = f"{view.summary(execution, now_s, whole=not shows_failure)}{missed}"
        rest = max(width - 2, 10)
        parts = wrap(summary, rest) if final else [self._sized(summary, rest).rstrip()]
        for number, part in enumerate(parts):
            sign = "  " if number else f"{self._signs.states[execution.state]} "
            yield [Segment(sign, _STYLES[execution.state]), Segment(part)]

    def _sized(self, text: str, width: int) -> str:
        """Return text that takes exactly `width` cells, shortened or filled up."""
        if cell_len(text) <= width:
            return set_cell_size(text, width)
        return set_cell_size(text, max(width - 1, 0)) + self._signs.ellipsis[:width]

    def _cropped(self, line: Line, width: int) -> Line:
        """Return a line that takes at most `width` cells."""
        kept: Line = []
        for segment in line:
            size = cell_len(segment.text)
            if size > width:
                return [*kept, Segment(self._sized(segment.text, width), segment.style)]
            kept.append(segment)
            width -= size
        return kept


def _numbers(row: _Row, headings: Sequence[str], widths: Sequence[int]) -> Iterable[Segment]:
    for heading, number, wide in zip(headings, row.numbers, widths, strict=True):
        style = _AWAITED if heading == "busy" and row.is_awaited else _PLAIN
        yield Segment(f"  {number:>{wide}}", style)
