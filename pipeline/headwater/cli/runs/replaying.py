"""Recorded events shown again by the same view that shows a run."""

from __future__ import annotations

import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from time import perf_counter
from typing import TYPE_CHECKING, Any

import anyio
import typer

from headwater.cli.reporting import FAILED, INTERRUPTED
from headwater.cli.runs.signals import open_signals
from headwater.cli.runs.watching import find_subscriber
from headwater.cli.terminal import say
from headwater.display import plural, printable
from headwater.errors import ConfigError, HeadwaterError, Problem
from headwater.running.groups import open_group

if TYPE_CHECKING:
    from pathlib import Path

    from headwater.events.event import StreamEvent

__all__ = ["executions", "replay_events"]

_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.02, 2.0
_BATCH_EVENTS = 256
_SHOWN_LINES = 10
_MOST_WAITING = 200_000
"""Most events of other executions that are kept while one is shown."""


def replay_events(path: Path, *, speed: float = 1.0, execution: str | None = None) -> None:
    """Show recorded events on standard output, `speed` times as fast as they happened, or at once for 0.

    `execution` is the beginning of the id of the only execution that is shown.
    """
    view, file = find_subscriber("console"), find_subscriber("file")
    bad = 0  # not the errors, as each would keep its line

    def leave_out(error: Exception) -> None:
        nonlocal bad
        bad += 1
        if bad <= _SHOWN_LINES:
            say(f"headwater: {printable(str(error))}")

    try:
        events: Iterable[StreamEvent] = file.read(path, on_bad=leave_out)
        if execution is not None:
            events = (event for event in events if event.execution_id.startswith(execution))
        shown = anyio.run(_show_all, events, view, speed)
    except BrokenPipeError:  # of standard output, which is not a fault of the file
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(Problem("unreadable", f"the events cannot be read: {reason}", file=str(path))) from None
    if shown is None:
        raise typer.Exit(INTERRUPTED)
    if not shown and not bad:
        which = "no events" if execution is None else f"no events of an execution {execution!r}"
        raise ConfigError(Problem("no-events", f"there are {which} in the file", file=str(path)))
    if bad:
        say(f"headwater: {plural(bad, 'line')} of the file {'was' if bad == 1 else 'were'} left out")
        raise typer.Exit(FAILED)


async def _show_all(events: Iterable[StreamEvent], view: Callable[..., Any], speed: float) -> int | None:
    """Show one execution after another; return how many there were, or None after Ctrl-C."""
    shown: int | None = None
    with open_signals(signal.SIGINT) as signals:
        async with open_group() as tasks:
            tasks.start_soon(_cancel_at, signals, tasks.cancel_scope)
            count = 0
            for one in executions(events):
                if count:
                    say()
                count += 1
                await _Replay(view, speed).show(one)
            shown = count
            tasks.cancel_scope.cancel()
    return shown


async def _cancel_at(signals: Any, scope: anyio.CancelScope) -> None:
    async for _ in signals:
        scope.cancel()
        break


def executions(events: Iterable[StreamEvent]) -> Iterator[Iterator[StreamEvent]]:
    """Yield the events of each execution in turn, in the order in which they began, to be read before the next.

    When several ran at the same time, the events of the others are kept while one is shown.
    """
    source = iter(events)
    waiting: dict[str, deque[StreamEvent]] = {}
    while True:
        if not waiting:
            first = next(source, None)
            if first is None:
                return
            waiting[first.execution_id] = deque((first,))
        execution_id = next(iter(waiting))
        one = _of_one(execution_id, waiting.pop(execution_id), source, waiting)
        yield one
        deque(one, maxlen=0)


def _of_one(
    execution_id: str, begun: deque[StreamEvent], source: Iterator[StreamEvent], waiting: dict[str, deque[StreamEvent]]
) -> Iterator[StreamEvent]:
    kept = sum(map(len, waiting.values()))
    for event in chain(begun, source):
        if event.execution_id == execution_id:
            yield event
            if event.event_type.terminal:
                return
            continue
        waiting.setdefault(event.execution_id, deque()).append(event)
        kept += 1
        if kept > _MOST_WAITING:
            raise HeadwaterError(
                f"more than {_MOST_WAITING:,} events of other executions are mixed with those of {execution_id}; "
                "show one of them alone with --execution"
            )


class _Replay:
    """One execution, shown by a view whose clock runs as the recorded one did."""

    def __init__(self, view: Callable[..., Any], speed: float) -> None:
        self._view = view(file=sys.stdout, clock=self._now_s)
        self._speed = speed
        self._shown_s = 0.0  # recorded time of the last event that was shown
        self._next_s: float | None = None  # and of the next one, while it is not yet due
        self._start: tuple[float, float] | None = None  # a recorded time, and when it was shown here

    def _now_s(self) -> float:
        """Return the recorded time, which stops at each event until that is shown."""
        if self._start is None or self._next_s is None:
            return self._shown_s
        recorded_s, here_s = self._start
        return min(recorded_s + (perf_counter() - here_s) * self._speed, self._next_s)

    async def show(self, events: Iterator[StreamEvent]) -> None:
        """Show the events of the execution, in order."""
        async with self._view.lifespan():
            batch: list[StreamEvent] = []
            for event in events:
                pause_s = self._pause_s(event)
                if batch and (pause_s or len(batch) >= _BATCH_EVENTS):
                    await self._deliver(batch)
                    batch = []
                if pause_s:
                    self._next_s = event.time_s
                    await anyio.sleep(pause_s)
                    self._next_s = None
                self._shown_s = event.time_s
                batch.append(event)
            if batch:
                await self._deliver(batch)

    def _pause_s(self, event: StreamEvent) -> float:
        """Return how long to wait before an event is shown; pauses too short to be seen are left out."""
        if not self._speed:
            return 0.0
        if self._start is None:
            self._start = event.time_s, perf_counter()
        recorded_s, here_s = self._start
        due_s = here_s + (event.time_s - recorded_s) / self._speed - perf_counter()
        if due_s > _LONGEST_PAUSE_S:
            due_s = _LONGEST_PAUSE_S
            self._start = event.time_s, perf_counter() + due_s
        return due_s if due_s > _SHORTEST_PAUSE_S else 0.0

    async def _deliver(self, batch: list[StreamEvent]) -> None:
        pending = self._view.on_events(batch)
        if pending is not None:
            await pending
        await anyio.lowlevel.checkpoint()
