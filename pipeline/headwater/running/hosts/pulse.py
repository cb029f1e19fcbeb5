"""The progress that steps do not report themselves: how many items have gone through them, and what they wait for."""

from __future__ import annotations

from contextlib import asynccontextmanager
from time import perf_counter
from typing import TYPE_CHECKING

import anyio

from headwater.events.step_state import State
from headwater.running.groups import open_group

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from headwater.running.hosts.host import StepHost
    from headwater.running.record import StepRecord, WaitsFor

__all__ = ["pulse"]

_INTERVAL_S = 0.5
_SHORTEST_LOOK_S = 0.05


@asynccontextmanager
async def pulse(hosts: Sequence[StepHost], look: Callable[[], None]) -> AsyncGenerator[None, None]:
    """Emit the counts of running steps and call `look` from time to time; at the end emit those of stopped steps."""
    watched = [(host, [_Counts(record) for record in host.records]) for host in hosts]

    def emit() -> None:
        for host, counts in watched:
            if host.has_ended:
                continue
            host.count()
            for each in counts:
                each.emit()

    async with open_group() as group:
        group.start_soon(_beat, emit, look)
        try:
            yield
        finally:
            emit()
            group.cancel_scope.cancel()


async def _beat(emit: Callable[[], None], look: Callable[[], None]) -> None:
    while True:
        await anyio.sleep(_INTERVAL_S)
        emit()
        look()


class _Counts:
    """What was emitted last about a step, and its waits at the last look."""

    __slots__ = ("_emitted", "_look", "_record")

    def __init__(self, record: StepRecord) -> None:
        self._record = record
        self._emitted: tuple[int, int, WaitsFor] = (0, 0, None)
        self._look: tuple[float, float, float] | None = None  # when, and the waits at that time

    def emit(self) -> None:
        """Emit the counts of the step when it runs and they have changed."""
        record = self._record
        if record.state is not State.RUNNING:
            return
        counts = (record.items_in, record.items_out, self._waits_for())
        if counts != self._emitted:
            self._emitted = counts
            record.emit_counts(counts[2])

    def _waits_for(self) -> WaitsFor:
        """Return what the step waited for during more than half of the time since the last look."""
        record, now = self._record, perf_counter()
        looked_at, input_wait_s, output_wait_s = self._look or (record.started_at, 0.0, 0.0)
        half_s = (now - looked_at) / 2
        if half_s < _SHORTEST_LOOK_S:
            return self._emitted[2]
        self._look = (now, record.input_wait_s, record.output_wait_s)
        if record.input_wait_s - input_wait_s > half_s:
            return "input"
        return "output" if record.output_wait_s - output_wait_s > half_s else None
