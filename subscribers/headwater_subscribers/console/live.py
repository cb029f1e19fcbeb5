"""The live display of an execution: a picture that is drawn over itself, with rich."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from time import time
from types import TracebackType
from typing import Self, TextIO

from headwater import ExecutionState, MissingExtraError, StreamEvent
from headwater_subscribers.console.painter import Line, Painter

try:
    from rich.console import Console, ConsoleOptions
    from rich.control import Control
    from rich.live import Live
    from rich.segment import ControlType, Segment
except ImportError as _error:
    raise MissingExtraError("the live table of an execution", "cli") from _error

__all__ = ["LiveDisplay", "Picture"]


class LiveDisplay:
    """A picture that is drawn over itself; the terminal is as before when the context is left."""

    def __init__(self, file: TextIO, clock: Callable[[], float] = time) -> None:
        self._console = Console(file=file)
        self._execution = ExecutionState()
        self._painter = Painter(self._execution, ascii_only=not self._console.encoding.lower().startswith("utf"))
        self._clock = clock
        # Refreshed by the subscriber: a thread of rich's own would outlive a step that holds the interpreter.
        self._live = Live(console=self._console, auto_refresh=False, redirect_stdout=sys.stdout.isatty())
        self._drawn: Sequence[Line] = ()
        self._drawn_width = 0
        self.is_dumb: bool = self._console.is_dumb_terminal

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.vertical_overflow = "visible"
        self._draw(final=True)
        self._live.stop()  # draws it: once, as a picture higher than the screen cannot be erased

    def show(self, events: Iterable[StreamEvent]) -> None:
        """Take events into account, for the next refresh."""
        self._execution.apply(events)

    def refresh(self) -> None:
        """Draw the execution as it stands now."""
        self._draw(final=False)

    def _draw(self, *, final: bool) -> None:
        width, height = self._console.size
        self._erase_what_was_wrapped(width)
        lines = self._painter.lines(width, height, self._clock(), final=final)
        self._drawn, self._drawn_width = lines, width
        self._live.update(Picture(lines), refresh=not final)

    def _erase_what_was_wrapped(self, width: int) -> None:
        """Erase lines that became two because the terminal is now narrower than when they were drawn."""
        if width < self._drawn_width:
            sizes = [sum(segment.cell_length for segment in line) for line in self._drawn]
            more = sum((max(size, 1) - 1) // width for size in sizes)
            up = ((ControlType.CURSOR_UP, 1), (ControlType.ERASE_IN_LINE, 2))
            self._console.control(Control((ControlType.ERASE_IN_LINE, 2), *up * more))


class Picture:
    """Lines as rich prints them; the layout of a rich table would take ten times as long."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterable[Segment]:
        new_line = Segment.line()
        for line in self._lines:
            yield from line
            yield new_line
