"""What events cost: to emit one, to emit and deliver one, and to deliver one to a hundred subscribers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

import anyio

from headwater.events.context import StreamingContext
from headwater.events.data import StepProgress
from headwater.events.event import EventType, StreamEvent
from headwater.events.subscriber import StreamSubscriber

__all__ = ["measure"]

EVENTS = 100_000
ROUNDS = 5


class Counter(StreamSubscriber):
    """The cheapest subscriber there is."""

    def __init__(self) -> None:
        self.count = 0

    def on_events(self, batch: Sequence[StreamEvent]) -> None:
        self.count += len(batch)


async def _run(subscribers: int) -> float:
    """Return the CPU time per event, in ns, from the first one emitted to the last one delivered."""
    counters = [Counter() for _ in range(subscribers)]
    data = StepProgress(0.5, "working")
    start = time.process_time()
    async with StreamingContext("bench") as context:
        for counter in counters:
            context.subscribe(counter)
        emit, progress = context.emit, EventType.STEP_PROGRESS
        for _ in range(EVENTS):
            if emit(progress, "step", data):
                await context.room()
    spent = time.process_time() - start
    assert all(counter.count == EVENTS + 1 for counter in counters)
    return spent / EVENTS * 1e9


def measure() -> dict[str, float]:
    """Measure the cost of events.

    Returns:
        CPU time per event in ns, the best of a few rounds, by the number of subscribers.
    """
    rows = {"emit, no subscriber": 0, "emit, one subscriber": 1, "batch delivery to 100 subscribers": 100}
    return {row: min(anyio.run(partial(_run, count)) for _ in range(ROUNDS)) for row, count in rows.items()}


if __name__ == "__main__":
    for name, nanoseconds in measure().items():
        print(f"{name:36} {nanoseconds:8.0f} ns")
