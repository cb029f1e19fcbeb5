"""A subscriber that shows an execution: live on a terminal, or as plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.util import find_spec
from time import time
from typing import TYPE_CHECKING, Final, Protocol, TextIO

import anyio

from headwater import EventType, StreamEvent, StreamSubscriber
from headwater.toolkit import EventBatch, Policy
from headwater_subscribers.console.lines import LineDisplay

if TYPE_CHECKING:
    from headwater_subscribers.console.live import LiveDisplay

__all__ = ["ConsoleSubscriber"]

_CLOCK_S: Final = 1.0
_SHOWN: Final = frozenset(EventType) - {EventType.STEP_OUTPUT}


class _Display(Protocol):
    def show(self, events: Iterable[StreamEvent]) -> None: ...


class ConsoleSubscriber(StreamSubscriber):
    """Show the steps of an execution while they run.

    On a terminal, with the extra `cli` installed, this is a live tree of the steps in the order of the data: items in
    and out, the present rate, the time, and the share of it that a step was busy rather than waiting for its neighbors.
    A step that reports a fraction has a bar and the time that is left, the step that others wait for is marked, and a
    step that fails says why. When there are more steps than lines, the most important ones are shown and the others
    counted. Elsewhere, each thing that happens is one line. The variable `NO_COLOR` (https://no-color.org) is
    respected, and so are terminals without Unicode.

    It shows one execution, at most ten times a second, whatever the number of events.

    Args:
        file: Where to write; None for standard error, as standard output belongs to the results.
        live: Whether to show a live tree; None to show it if `file` is a terminal and rich is installed.
        clock: Returns the present in seconds since 1970-01-01 UTC; for events of the past, it has to return their time.

    Raises:
        MissingExtraError: `live` is true, but rich is not installed.

    Example:
        >>> subscriber = ConsoleSubscriber(live=False)
    """

    policy: Policy = "coalesce"
    buffer_size: int | None = 50_000  # it looks at few of the events, and the log keeps them in any case
    interval_s: float = 0.1

    def __init__(
        self, *, file: TextIO | None = None, live: bool | None = None, clock: Callable[[], float] = time
    ) -> None:
        self._file = sys.stderr if file is None else file
        self._table = _table(self._file, clock, live=live)
        self._display: _Display = self._table or LineDisplay(self._file)
        self._is_fresh = False

    def on_events(self, batch: Sequence[StreamEvent]) -> None:
        """Show events."""
        # Only the events that are shown are made: a batch of the log may have thousands of others.
        events = batch.select(_SHOWN, None, latest=True) if isinstance(batch, EventBatch) else batch
        self._display.show(events)
        if self._table is not None and events:
            self._table.refresh()
            self._is_fresh = True

    def lifespan(self) -> AbstractAsyncContextManager[None]:
        """Keep the tree up to date, and leave the terminal as it was."""
        return super().lifespan() if self._table is None else self._refreshing(self._table)

    @asynccontextmanager
    async def _refreshing(self, table: LiveDisplay) -> AsyncGenerator[None, None]:
        with table:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._tick, table)
                yield
                tasks.cancel_scope.cancel()

    async def _tick(self, table: LiveDisplay) -> None:
        """Keep the clocks of the steps running while there are no events."""
        while True:
            await anyio.sleep(_CLOCK_S)
            if not self._is_fresh:
                table.refresh()
            self._is_fresh = False


def _table(file: TextIO, clock: Callable[[], float], *, live: bool | None) -> LiveDisplay | None:
    """Return the live tree, or None to write plain lines."""
    if live is None:
        live = file.isatty() and find_spec("rich") is not None
    if not live:
        return None
    from headwater_subscribers.console.live import LiveDisplay

    table = LiveDisplay(file, clock)
    return None if table.is_dumb else table
