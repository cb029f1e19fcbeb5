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
except ImportError as error:
    raise MissingExtraError("the live table of an execution", "cli") from error

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
        # Refreshed by the subscriber: a thread of rich's own would outlive a step that holds the interpreter.
        self._live = Live(console=self._console, auto_refresh=False, redirect_stdout=sys.stdout.isatty())
        self._ascii = not self._console.encoding.lower().startswith("utf")
        self.is_dumb = self._console.is_dumb_terminal

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.vertical_overflow = "visible"
        self.refresh()
        self._live.stop()

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
        table = Table(box=None, padding=(0, 1), show_edge=False, header_style="dim")
        table.add_column("")
        table.add_column("step", no_wrap=True, overflow="ellipsis")
        for heading in ("in", "out", "rate", "time"):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("")  # the only one that may be wrapped, so the others keep their width
        for step in self._view.steps.values():
            table.add_row(*self._row(step, now_s))
        return Group(table, self._summary(now_s))

    def _row(self, step: StepView, now_s: float) -> tuple[Text, ...]:
        elapsed_s = step.elapsed_s(now_s)
        figures = (
            quantity(step.items_in) if step.items_in else "",
            "" if step.items_out is None else quantity(step.items_out),
            step.rate(now_s),
            "" if elapsed_s is None else duration(elapsed_s),
        )
        style = _SIGNS[step.state][2]
        name = Text(step.step_id, style="dim" if step.state is State.WAITING else "")
        failed = step.state is State.FAILED
        note = Text(step.note(), style=style if failed else "dim", no_wrap=not failed, overflow="ellipsis")
        return (self._sign(step.state), name, *map(Text, figures), note)

    def _summary(self, now_s: float) -> Text:
        missed = f" ({self._view.missed} events not shown)" if self._view.missed else ""
        return self._sign(self._view.state).append(f" {self._view.summary(now_s)}{missed}")

    def _sign(self, state: State) -> Text:
        sign, plain_sign, style = _SIGNS[state]
        return Text(plain_sign if self._ascii else sign, style=style)
