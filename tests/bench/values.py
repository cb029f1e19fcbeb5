"""What a step costs when every edge carries one value: chains and fan-outs without channels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from measure import Figure, Row, in_loop, ratio

from headwater import Pipeline, Runner, StreamEvent, StreamSubscriber, step

__all__ = ["ROWS"]

STEPS = 1_000
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


async def _run(pipeline: Pipeline, events: int) -> None:
    """Run a pipeline several times, and see that each run told so many events."""
    for _ in range(RUNS):
        counter = Counter()
        await Runner(subscribers=[counter]).run(pipeline, 0)
        assert counter.events == events


def _figure(pipeline: Pipeline, steps: int) -> Figure:
    events = 2 + 2 * len(pipeline.plan().steps)  # start and end of each step, and of the execution
    return Figure(RUNS * steps, partial(in_loop, partial(_run, pipeline, events)))


def _chain() -> Figure:
    steps = {f"s{number}": increment for number in range(STEPS)}
    return _figure(Pipeline("chain", steps=steps, streaming=SILENT), STEPS)


def _fan_out() -> Figure:
    branches = {f"branch{number}": same for number in range(BRANCHES)}
    edges = [f"source -> {branch}" for branch in branches]
    return _figure(Pipeline("fan", steps={"source": increment, **branches}, edges=edges, streaming=SILENT), BRANCHES)


ROWS = [
    Row("unary step with 2 events, chain of 1,000", 22, "x", lambda: ratio(_chain())),
    Row("fan-out of 100 async unary steps, per step", 250, "x", lambda: ratio(_fan_out())),
]
