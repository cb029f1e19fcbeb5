"""What a step costs when every edge carries one value: first with default settings, then with tuned ones."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from anyio.lowlevel import checkpoint
from measure import Figure, Row, in_loop, ratio

from headwater import Pipeline, Runner, StreamEvent, StreamSubscriber, step

__all__ = ["ROWS"]

SHORT, STEPS = 100, 1_000
BRANCHES = 100
RUNS = 10
SILENT = {"emit_items": "none"}


class Counter(StreamSubscriber):
    """The cheapest subscriber there is."""

    def __init__(self) -> None:
        self.events = 0

    def on_events(self, batch: Sequence[StreamEvent]) -> None:
        self.events += len(batch)


@step("bench.increment")
def increment(number: int) -> int:
    """Return the next number."""
    return number + 1


@step("bench.same")
async def same(number: int) -> int:
    """Return the number, as the coroutine function of the hop rows does."""
    return number


@step("bench.waits")
async def waits(number: int) -> int:
    """Return the number after one turn of the event loop."""
    await checkpoint()
    return number


async def _run(pipeline: Pipeline) -> None:
    """Run a pipeline several times, with nothing set and nobody who looks."""
    for _ in range(RUNS):
        await pipeline.run(0)


async def _run_watched(pipeline: Pipeline, events: int) -> None:
    """Run a pipeline several times, and see that each run emitted so many events."""
    for _ in range(RUNS):
        counter = Counter()
        await Runner(subscribers=[counter]).run(pipeline, 0)
        assert counter.events == events


def _figure(pipeline: Pipeline, steps: int) -> Figure:
    return Figure(RUNS * steps, partial(in_loop, partial(_run, pipeline)))


def _watched(pipeline: Pipeline, steps: int) -> Figure:
    events = 2 + 2 * len(pipeline.plan().steps)  # start and end of each step, and of the execution
    return Figure(RUNS * steps, partial(in_loop, partial(_run_watched, pipeline, events)))


def _chain(steps: int, kind: Any, **options: Any) -> Pipeline:
    return Pipeline("chain", steps={f"s{number}": kind for number in range(steps)}, **options)


def _fan_out(kind: Any) -> Pipeline:
    branches = {f"branch{number}": kind for number in range(BRANCHES)}
    edges = [f"source -> {branch}" for branch in branches]
    return Pipeline("fan", steps={"source": increment, **branches}, edges=edges)


ROWS = [
    Row("default: async unary step, chain of 100", 40, "x", lambda: ratio(_figure(_chain(SHORT, same), SHORT))),
    Row("default: fan-out of 100 async steps, per step", 200, "x", lambda: ratio(_figure(_fan_out(same), BRANCHES))),
    Row("default: the same, of steps that wait once", 400, "x", lambda: ratio(_figure(_fan_out(waits), BRANCHES))),
    Row(
        "tuned: `def` step, chain of 1,000, no items emitted",
        16,
        "x",
        lambda: ratio(_watched(_chain(STEPS, increment, streaming=SILENT), STEPS)),
    ),
]
