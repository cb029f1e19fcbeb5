"""What events cost: to emit one, to emit and deliver one, and to deliver one to a hundred subscribers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from measure import Figure, Row, Value, in_loop, ratio

from headwater.events.data import StepProgress
from headwater.events.event import EventType, StreamEvent
from headwater.events.streaming_context import StreamingContext
from headwater.events.subscriber import StreamSubscriber

__all__ = ["ROWS"]

EVENTS = 100_000


class Counter(StreamSubscriber):
    """The cheapest subscriber there is."""

    def __init__(self) -> None:
        self.count = 0

    def on_events(self, batch: Sequence[StreamEvent]) -> None:
        self.count += len(batch)


class Reader(Counter):
    """A subscriber that looks at every event, so that each has to be made."""

    def on_events(self, batch: Sequence[StreamEvent]) -> None:
        self.count = max(event.seq for event in batch)


async def _run(subscribers: int, kind: type[Counter] = Counter) -> None:
    """Emit events, and wait until the last one is delivered."""
    counters = [kind() for _ in range(subscribers)]
    data = StepProgress(0.5, "working")
    async with StreamingContext("bench") as context:
        for counter in counters:
            context.subscribe(counter)
        emit, progress = context.emit, EventType.STEP_PROGRESS
        for _ in range(EVENTS):
            if emit(progress, "step", data):
                await context.drain()
    assert all(counter.count == EVENTS + 1 for counter in counters)


def _figure(subscribers: int, kind: type[Counter] = Counter) -> Value:
    return ratio(Figure(EVENTS, partial(in_loop, partial(_run, subscribers, kind))))


ROWS = [
    Row("`emit`, one subscriber", 5, "x", partial(_figure, 1)),
    Row("the same, for one that looks at every event", 5, "x", partial(_figure, 1, Reader)),
    Row("batch delivery to 100 subscribers, per event", 10, "x", partial(_figure, 100)),
]
