from __future__ import annotations

from headwater.events.backpressure import Backpressure
from headwater.events.event import EventType
from headwater.events.log import EventLog


class Reader:
    """A reader whose free slots are those of a list, one each time they are asked for."""

    buffer_size = 10
    needed_seq = 1

    def __init__(self, *free_slots: int) -> None:
        self.left = list(free_slots)

    def free_slots(self) -> int:
        """Return the next number of free slots."""
        return self.left.pop(0)


def test_emit_asks_to_drain_until_the_lag_is_computed_again() -> None:
    """Lag is computed now and then, and at the next event after a caller has waited."""
    log, reader = EventLog("e1"), Reader(1, 0, 5)
    Backpressure(log, [reader])
    assert [log.append(EventType.STEP_PROGRESS) for _ in range(10)] == [False] + [True] * 9
    assert reader.left == [5]
    log.attend()
    assert not log.append(EventType.STEP_PROGRESS)
    assert reader.left == []


def test_lag_is_computed_again_when_nothing_waits() -> None:
    """An emitter that ignores the signal sees all the same when the lag is over."""
    log = EventLog("e1")
    Backpressure(log, [Reader(0, 1000)])
    signals = [log.append(EventType.STEP_PROGRESS) for _ in range(100)]
    assert signals.index(False) == 64


async def test_drain_waits_for_half_a_buffer() -> None:
    """A reader that has caught up by half of its buffer is no reason to wait."""
    log, reader = EventLog("e1"), Reader(6)
    await Backpressure(log, [reader]).drain()
    assert reader.left == []
