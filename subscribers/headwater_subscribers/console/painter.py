"""The picture of an execution on a terminal: a tree of its steps with their figures, in lines of rich's segments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Final

from headwater.display import duration, quantity
from headwater.errors import MissingExtraError
from headwater_subscribers.console.stepview import State, StepView
from headwater_subscribers.console.tree import ASCII_LINES, LINES, TreeRow, tree_rows
from headwater_subscribers.console.view import ExecutionView

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
"""Which steps are shown where there is no room for all; one that others wait for comes even before those that run."""

_NARROW: Final = 60
_WIDE: Final = 76
"""Columns below which only the figures that matter most have room, and from which on all of them have."""

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
    states=dict(zip(State, "·▸✓✗-■", strict=True)),
    bar=("━", "╸", "─"),
    awaited="◀",
    joins="←",
    ellipsis="…",
)
_ASCII: Final = _Signs(
    states=dict(zip(State, ".>+x-#", strict=True)),
    bar=("#", "#", "-"),
    awaited="<",
    joins="<",
    ellipsis="~",
)


@dataclass(frozen=True, slots=True)
class _Row:
    """One step as it is drawn."""

    step: StepView
    place: TreeRow
    figures: Sequence[str]

    @property
    def title(self) -> str:
        return self.place.lead + self.step.step_id


class Painter:
    """Draws an execution as it stands.

    Args:
        view: The execution.
        ascii_only: Whether the terminal has no other characters.
    """

    def __init__(self, view: ExecutionView, *, ascii_only: bool = False) -> None:
        self._view = view
        self._signs = _ASCII if ascii_only else _UNICODE
        self._tree_lines = ASCII_LINES if ascii_only else LINES
        self._tree: list[TreeRow] = []
        self._steps: object = None

    def lines(self, width: int, height: int, now_s: float, *, final: bool = False) -> list[Line]:
        """Return the picture.

        Args:
            width: Columns that there are.
            height: Lines that there are.
            now_s: The present, in seconds since 1970-01-01 UTC.
            final: Whether it is the last one, which may be higher than the screen, and wrap messages.

        Returns:
            Lines that are not wider than the terminal.
        """
        self._view.mark_awaited(now_s)
        places = self._shown(_FINAL_ROWS if final else height - 3)  # without heading, hidden steps and summary
        headings = self._headings(width)
        rows = [self._row(place, headings, now_s) for place in places]
        lines = list(self._table(rows, headings, width, now_s, final=final)) if rows else []
        if len(places) < len(self._view.steps):
            lines.append([Segment(set_size(f"    {self._hidden(places)}", width, self._signs.ellipsis), _DIM)])
        lines += self._summary(places, width, now_s, final=final)
        return [_cropped(line, width, self._signs.ellipsis) for line in lines] if width < _NARROW else lines

    # ---- which steps, and what of them

    def _headings(self, width: int) -> Sequence[str]:
        if width < _NARROW:
            return ("out", "time")
        is_known = any(step.input_wait_s is not None for step in self._view.steps.values())
        headings = ("out", "rate", "time") if width < _WIDE else ("in", "out", "rate", "time")
        return (*headings, "busy") if is_known else headings

    def _places(self) -> list[TreeRow]:
        if self._steps is not self._view.steps or len(self._tree) != len(self._view.steps):
            self._steps = self._view.steps
            sources = {step.step_id: step.sources for step in self._view.steps.values()}
            self._tree = tree_rows(sources, self._tree_lines)
        return self._tree

    def _shown(self, room: int) -> list[TreeRow]:
        """Return the places of the steps that have room, in their order; those that matter most are chosen."""
        places, steps = self._places(), self._view.steps
        if len(places) * 2 <= room:
            return places
        left = room
        shown: set[str] = set()
        for place in sorted(places, key=lambda place: _rank(steps[place.step_id])):
            left -= 2 if steps[place.step_id].state is State.FAILED else 1
            if left < 0 and shown:
                break
            shown.add(place.step_id)
        return [place for place in places if place.step_id in shown]

    def _hidden(self, shown: Sequence[TreeRow]) -> str:
        states = Counter(step.state for step in self._view.steps.values())
        states.subtract(self._view.steps[place.step_id].state for place in shown)
        count = states.total()
        parts = ", ".join(f"{states[state]:,} {state.value}" for state in State if states[state])
        return f"and {count:,} more step{'' if count == 1 else 's'}: {parts}"

    # ---- the table

    def _row(self, place: TreeRow, headings: Sequence[str], now_s: float) -> _Row:
        step = self._view.steps[place.step_id]
        elapsed_s, busy = step.elapsed_s(now_s), step.busy(now_s)
        figures = {
            "in": quantity(step.items_in) if step.items_in else "",
            "out": "" if step.items_out is None else quantity(step.items_out),
            "rate": step.rate(now_s),
            "time": "" if elapsed_s is None else duration(elapsed_s),
            "busy": "" if busy is None else f"{busy:.0%}",
        }
        return _Row(step, place, [figures[heading] for heading in headings])

    def _table(
        self, rows: Sequence[_Row], headings: Sequence[str], width: int, now_s: float, *, final: bool
    ) -> Iterable[Line]:
        widths = [
            max(len(heading), *(len(row.figures[index]) for row in rows)) for index, heading in enumerate(headings)
        ]
        taken = 4 + sum(widths) + 2 * len(widths)
        longest = max(cell_len(row.title) for row in rows)
        name_width = min(max(longest, 4), max(width - taken - 2 - _SHORTEST_NOTE, _SHORTEST_NAME))
        cells = "".join(f"  {heading:>{wide}}" for heading, wide in zip(headings, widths, strict=True))
        yield [Segment(set_size(f"    {'step':{name_width}}{cells}", width, self._signs.ellipsis), _DIM)]
        room = max(width - taken - name_width - 2, 0)
        for row in rows:
            yield [*self._name(row, name_width), *self._figures(row, headings, widths), *self._note(row, room, now_s)]
            if row.step.state is State.FAILED and row.step.message:
                yield from self._message(row, width, final=final)

    def _name(self, row: _Row, width: int) -> Line:
        state = row.step.state
        title = set_size(row.title, width, self._signs.ellipsis)
        lead, name = title[: len(row.place.lead)], title[len(row.place.lead) :]
        style = _AWAITED if row.step.is_awaited else _DIM if state is State.WAITING else _PLAIN
        return [
            Segment(f" {self._signs.states[state]}  ", _STYLES[state]),
            Segment(lead, _DIM),
            Segment(name, style),
        ]

    def _figures(self, row: _Row, headings: Sequence[str], widths: Sequence[int]) -> Iterable[Segment]:
        for heading, figure, wide in zip(headings, row.figures, widths, strict=True):
            style = _AWAITED if heading == "busy" and row.step.is_awaited else _PLAIN
            yield Segment(f"  {figure:>{wide}}", style)

    def _note(self, row: _Row, room: int, now_s: float) -> Line:
        """Return what stands behind the figures: how far the step is, what it says, or else what it joins."""
        step = row.step
        if step.state is State.FAILED or room < 2:
            return []
        line = [Segment("  "), *(self._bar(step, room, now_s) if step.percent() else ())]
        left = room + 2 - sum(segment.cell_length for segment in line)
        if step.is_awaited:
            line.append(Segment(self._awaited(left), _AWAITED))
        elif step.message and left >= _SHORTEST_MESSAGE:
            line.append(Segment(step.message, _DIM))
        elif row.place.joins and len(line) == 1:
            line.append(Segment(f"{self._signs.joins} {', '.join(row.place.joins)}", _DIM))
        return _cropped(line, room + 2, self._signs.ellipsis)

    def _awaited(self, room: int) -> str:
        sign = self._signs.awaited
        texts = (f"{sign} the others wait for it", f"{sign} slowest", sign)
        return next((text for text in texts if len(text) <= room), sign)

    def _bar(self, step: StepView, room: int, now_s: float) -> Line:
        told = "  ".join(part for part in (f"{step.percent():>4}", step.left(now_s)) if part)
        size = min(room - len(told) - 3, _LONGEST_BAR)
        if size < _SHORTEST_BAR or step.state is not State.RUNNING:
            return [Segment(f"{step.percent()}  ", _STYLES[step.state])]
        whole, half, rest = self._signs.bar
        halves = round(min(max(step.fraction or 0.0, 0.0), 1.0) * size * 2)
        done = whole * (halves // 2) + half * (halves % 2)
        return [
            Segment(done, _STYLES[State.RUNNING]),
            Segment(rest * (size - len(done)), _DIM),
            Segment(f" {told}  "),
        ]

    def _message(self, row: _Row, width: int, *, final: bool) -> Iterable[Line]:
        """Return why a step failed, below its name."""
        lead = f"    {row.place.below}  "
        room = max(width - len(lead), 10)
        message = row.step.message
        parts = wrap(message, room)[:_MESSAGE_LINES] if final else [set_size(message, room, self._signs.ellipsis)]
        for part in parts:
            line = [Segment(lead, _DIM), Segment(part.rstrip(), _STYLES[State.FAILED])]
            yield _cropped(line, width, self._signs.ellipsis)

    # ---- the summary

    def _summary(self, shown: Sequence[TreeRow], width: int, now_s: float, *, final: bool) -> Iterable[Line]:
        view = self._view
        has_told = any(view.steps[place.step_id].state is State.FAILED for place in shown)
        missed = f" ({view.missed:,} events not shown)" if view.missed else ""
        summary = f"{view.summary(now_s, whole=not has_told)}{missed}"
        room = max(width - 2, 10)
        parts = wrap(summary, room) if final else [set_size(summary, room, self._signs.ellipsis).rstrip()]
        for number, part in enumerate(parts):
            sign = "  " if number else f"{self._signs.states[view.state]} "
            yield [Segment(sign, _STYLES[view.state]), Segment(part)]


def set_size(text: str, width: int, ellipsis: str) -> str:
    """Return a text that takes exactly so many cells of a terminal.

    Args:
        text: Printable text.
        width: The number of cells.
        ellipsis: What stands for the rest of one that is too long.
    """
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, max(width - 1, 0)) + ellipsis[:width]


def _cropped(line: Line, width: int, ellipsis: str) -> Line:
    """Return a line that takes so many cells at most."""
    kept: Line = []
    left = width
    for segment in line:
        size = cell_len(segment.text)
        if size > left:
            kept.append(Segment(set_size(segment.text, left, ellipsis), segment.style))
            break
        kept.append(segment)
        left -= size
    return kept


def _rank(step: StepView) -> tuple[bool, int]:
    return step.state is not State.FAILED and not step.is_awaited, _FIRST_SHOWN.index(step.state)
