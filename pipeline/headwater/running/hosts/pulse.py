"""The progress that steps do not report themselves: how many items have gone through them, and what waits where."""

from __future__ import annotations

from contextlib import asynccontextmanager
from heapq import nlargest
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import anyio

from headwater.events.step_state import State
from headwater.running.groups import open_group

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence

    from headwater.running.hosts.host import StepHost
    from headwater.running.record import StepRecord, WaitsFor
    from headwater.streams.ends import EdgeSource

__all__ = ["Queue", "pulse"]

_INTERVAL_S = 0.5
_SHORTEST_LOOK_S = 0.05
_MOST_EDGES = 64  # of one step, in one event


class Queue(NamedTuple):
    """An edge where items may wait: its name, where they are read, and the steps at its ends."""

    name: str
    source: EdgeSource
    writer: StepRecord | None
    reader: StepRecord | None

    @property
    def owner(self) -> StepRecord | None:
        """The step that reports it: its reader, or its writer as long as nothing else reads."""
        if self.reader is not None and self.reader.state is not State.WAITING:
            return self.reader
        return self.writer


def waiting_in(queues: Iterable[Queue]) -> Mapping[StepRecord, Mapping[str, tuple[int, int]]]:
    """Return how many items wait on the edges of each running step, and how many may, where some do."""
    found: dict[StepRecord, dict[str, tuple[int, int]]] = {}
    for queue in queues:
        owner = queue.owner
        if owner is not None and owner.state is State.RUNNING:
            counted = queue.source.statistics()
            if counted.buffered_items:
                found.setdefault(owner, {})[queue.name] = counted.buffered_items, counted.capacity_items
    return {
        owner: edges if len(edges) <= _MOST_EDGES else dict(nlargest(_MOST_EDGES, edges.items(), lambda edge: edge[1]))
        for owner, edges in found.items()
    }


@asynccontextmanager
async def pulse(
    hosts: Sequence[StepHost], queues: Sequence[Queue], look: Callable[[], None]
) -> AsyncGenerator[None, None]:
    """Emit the counts of running steps and call `look` from time to time; at the end emit those of stopped steps."""
    watched = [(host, [_Counts(record) for record in host.records]) for host in hosts]

    def emit() -> None:
        waiting = waiting_in(queues)
        for host, counts in watched:
            if host.has_ended:
                continue
            host.count()
            for each in counts:
                each.emit(waiting)

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
        self._emitted: tuple[int, int, WaitsFor, Mapping[str, tuple[int, int]]] = (0, 0, None, {})
        self._look: tuple[float, float, float] | None = None  # when, and the waits at that time

    def emit(self, waiting: Mapping[StepRecord, Mapping[str, tuple[int, int]]]) -> None:
        """Emit the counts of the step, and what waits there, when it runs and they have changed."""
        record = self._record
        if record.state is not State.RUNNING:
            return
        counts = (record.items_in, record.items_out, self._waits_for(), waiting.get(record, {}))
        if counts != self._emitted:
            self._emitted = counts
            record.emit_counts(counts[2], counts[3])

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
