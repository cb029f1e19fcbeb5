"""A subscriber that shows an execution on a terminal, or as plain lines where there is none."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol, TextIO

import anyio

from headwater.events.event import StreamEvent
from headwater.events.subscriber import Policy, StreamSubscriber
from headwater_subscribers.lines import LineDisplay

if TYPE_CHECKING:
    from headwater_subscribers.table import TableDisplay

__all__ = ["ConsoleSubscriber"]

_REFRESH_S = 0.1
_CLOCK_S = 1.0


class _Display(Protocol):
    def show(self, events: Sequence[StreamEvent]) -> None: ...


class ConsoleSubscriber(StreamSubscriber):
    """Show the steps of an execution while they run.

    On a terminal, with the extra `cli` installed, this is a live table: the steps in the order of the data, items in
    and out, rates, progress and time, and at the end how it ended. Elsewhere it is one line for each thing that
    happens. The variable `NO_COLOR` (https://no-color.org) is honored.

    Args:
        file: Where to write; standard error when None, so that results keep standard output for themselves.
        live: Whether to show a live table; None for whether `file` is a terminal and rich is installed.

    Raises:
        MissingExtraError: A live table is asked for, but rich is not installed.

    Example:
        >>> subscriber = ConsoleSubscriber(live=False)
    """

    policy: Policy = "coalesce"

    def __init__(self, *, file: TextIO | None = None, live: bool | None = None) -> None:
        self._file = sys.stderr if file is None else file
        self._table = _table(self._file, live=live)
        self._display: _Display = self._table or LineDisplay(self._file)
        self._news = anyio.Event()

    def on_events(self, batch: Sequence[StreamEvent]) -> None:
        """Take events into account; plain lines are written at once, a table ten times a second.

        Args:
            batch: The events.
        """
        self._display.show(batch)
        self._news.set()

    def lifespan(self) -> AbstractAsyncContextManager[None]:
        """Keep the table up to date, and leave the terminal as it was.

        Returns:
            The context for the time of the subscription.
        """
        return super().lifespan() if self._table is None else self._refreshing(self._table)

    @asynccontextmanager
    async def _refreshing(self, table: TableDisplay) -> AsyncGenerator[None, None]:
        with table:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._refresh, table)
                yield
                tasks.cancel_scope.cancel()

    async def _refresh(self, table: TableDisplay) -> None:
        while True:
            self._news = anyio.Event()
            table.refresh()
            await anyio.sleep(_REFRESH_S)
            with anyio.move_on_after(_CLOCK_S):  # the clocks of the steps go on without events
                await self._news.wait()


def _table(file: TextIO, *, live: bool | None) -> TableDisplay | None:
    """Return the live table, or None where plain lines are right."""
    if live is None:
        live = file.isatty() and find_spec("rich") is not None
    if not live:
        return None
    from headwater_subscribers.table import TableDisplay

    table = TableDisplay(file)
    return None if table.is_dumb else table
