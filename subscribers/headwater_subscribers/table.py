"""The live display of an execution: a table of its steps, with rich."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from time import time
from types import TracebackType
from typing import Final, Self, TextIO

from headwater.errors import MissingExtraError
from headwater.events.event import StreamEvent
from headwater_subscribers.text import duration, quantity
from headwater_subscribers.view import ExecutionView, State, StepView

try:
    from rich.console import Console, Group
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text
except ImportError as _error:
    raise MissingExtraError("the live table of an execution", "cli") from _error

__all__ = ["TableDisplay"]

_SIGNS: Final = {
    State.WAITING: ("·", ".", "dim"),
    State.RUNNING: ("▸", ">", "cyan"),
    State.DONE: ("✓", "+", "green"),
    State.FAILED: ("✗", "x", "bold red"),
    State.SKIPPED: ("-", "-", "dim"),
    State.STOPPED: ("■", "#", "yellow"),
}
"""The sign of each state, the same in ASCII, and its style."""

_NARROW = 60
"""Columns below which only the figures that matter most have room."""

_FIRST_SHOWN = (State.FAILED, State.RUNNING, State.STOPPED, State.WAITING, State.SKIPPED, State.DONE)
"""Which steps are shown where there is no room for all."""


class TableDisplay:
    """A table that is drawn over itself; the terminal is as before when the context is left.

    Args:
        file: The terminal.

    Attributes:
        is_dumb: Whether the terminal cannot draw over anything.
    """

    def __init__(self, file: TextIO) -> None:
        self._console = Console(file=file)
        self._view = ExecutionView()
        self._is_final = False
        # Refreshed by the subscriber: a thread of rich's own would outlive a step that holds the interpreter.
        self._live = Live(console=self._console, auto_refresh=False, redirect_stdout=sys.stdout.isatty())
        self._ascii = not self._console.encoding.lower().startswith("utf")
        self.is_dumb: bool = self._console.is_dumb_terminal

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.vertical_overflow = "visible"
        self._is_final = True
        self._live.update(self._picture(time()))
        self._live.stop()  # draws it; what is drawn twice stays there twice, where it is higher than the screen

    def show(self, events: Sequence[StreamEvent]) -> None:
        """Take events into account, for the next refresh.

        Args:
            events: Events in order.
        """
        self._view.apply(events)

    def refresh(self) -> None:
        """Draw the execution as it stands now."""
        self._live.update(self._picture(time()), refresh=True)

    def _picture(self, now_s: float) -> Group:
        is_narrow = self._console.width < _NARROW
        table = Table(box=None, padding=(0, 1), show_edge=False, header_style="dim")
        table.add_column("")
        table.add_column("step")  # this and the last may be narrowed, so the others keep their width
        for heading in ("out", "time") if is_narrow else ("in", "out", "rate", "time"):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("")
        steps = self._shown()
        for step in steps:
            table.add_row(*self._row(step, now_s, is_narrow=is_narrow))
        hidden = len(self._view.steps) - len(steps)
        more = [Text(f"  and {hidden} more step{'s' if hidden > 1 else ''}", style="dim")] if hidden else []
        return Group(table, *more, self._summary(now_s))

    def _shown(self) -> list[StepView]:
        """Return the steps that have room, in their order; all of them at the end, when the screen may scroll."""
        steps = list(self._view.steps.values())
        room = max(self._console.height - 3, 1)  # but for the heading, how many more there are, and the summary
        if self._is_final or len(steps) <= room:
            return steps
        first = sorted(range(len(steps)), key=lambda index: _FIRST_SHOWN.index(steps[index].state))
        return [steps[index] for index in sorted(first[:room])]

    def _row(self, step: StepView, now_s: float, *, is_narrow: bool) -> tuple[Text, ...]:
        elapsed_s = step.elapsed_s(now_s)
        items_out = "" if step.items_out is None else quantity(step.items_out)
        took = "" if elapsed_s is None else duration(elapsed_s)
        items_in = quantity(step.items_in) if step.items_in else ""
        figures = (items_out, took) if is_narrow else (items_in, items_out, step.rate(now_s), took)
        style = _SIGNS[step.state][2]
        name_style = "dim" if step.state is State.WAITING else ""
        name = Text(step.step_id, style=name_style, no_wrap=True, overflow="ellipsis")
        failed = step.state is State.FAILED
        is_whole = failed and self._is_final  # before the end, each row has to be one line for all to have room
        note = Text(step.note(), style=style if failed else "dim", no_wrap=not is_whole, overflow="ellipsis")
        return (self._sign(step.state), name, *map(Text, figures), note)

    def _summary(self, now_s: float) -> Text:
        missed = f" ({self._view.missed} events not shown)" if self._view.missed else ""
        summary = self._sign(self._view.state).append(f" {self._view.summary(now_s)}{missed}")
        summary.no_wrap, summary.overflow = not self._is_final, "ellipsis"
        return summary

    def _sign(self, state: State) -> Text:
        sign, plain_sign, style = _SIGNS[state]
        return Text(plain_sign if self._ascii else sign, style=style)
