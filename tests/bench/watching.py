"""What it costs to watch an execution that tells very much: the live tree on a terminal."""

from __future__ import annotations

import io
import os
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any
from unittest import mock

from measure import Figure, Row, Value, in_loop, interleave

from headwater import Pipeline, Runner, StreamSubscriber, step
from headwater_subscribers import ConsoleSubscriber

__all__ = ["ROWS"]

ITEMS = 60_000
ROUNDS = 9


class _Terminal(io.StringIO):
    """A terminal that is as fast as can be."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@step("bench.records")
async def records(count: int) -> AsyncIterator[dict[str, Any]]:
    for number in range(count):
        yield {"number": number, "path": "/index.html", "status": 200}


@step("bench.record")
async def record(record: dict[str, Any]) -> dict[str, Any]:
    return record


PIPELINE = Pipeline("telling", steps={"records": records, "record": record}, streaming={"emit_items": "all"})


async def _run(subscribers: Callable[[], list[StreamSubscriber]]) -> None:
    async with Runner(subscribers()).start(PIPELINE, ITEMS) as execution:
        async for _ in execution.output.batches():
            pass
        result = await execution.result()
    assert not result.lost_subscribers


def _console() -> list[StreamSubscriber]:
    return [ConsoleSubscriber(file=_Terminal())]


def _no_reader() -> list[StreamSubscriber]:
    return []


def _slower(subscribers: Callable[[], list[StreamSubscriber]]) -> Value:
    """Measure a run in which every item of every step is told, with subscribers and without."""
    watched, alone = (Figure(1, partial(in_loop, partial(_run, given))) for given in (subscribers, _no_reader))
    with mock.patch.dict(os.environ, {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}):
        interleave([watched, alone], ROUNDS)
    events_per_s = 2 * ITEMS / (alone.ns / 1e9)
    emitted = f"{watched.ns / 1e6:,.0f} against {alone.ns / 1e6:,.0f} ms at {events_per_s:,.0f} events per second"
    return Value((watched.ns / alone.ns - 1) * 100, emitted)


ROWS = [Row("live tree on a terminal, all items emitted, against none", 2, "%", partial(_slower, _console))]
