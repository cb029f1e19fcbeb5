"""The workbench at which several workers call a step's function: units of work out, results in."""

from __future__ import annotations

from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING, Any

from anyio import Event, Semaphore, sleep

from headwater.running.failures import STEP_ERRORS, error_in, is_stopped

if TYPE_CHECKING:
    from headwater.running.hosts.turns import Slicer
    from headwater.running.record import StepRecord
    from headwater.running.workers.worker import Worker
    from headwater.streams.ends import Source

__all__ = ["AnyOrder", "Slot", "Workbench"]

_LOOK_S, _LONG_LOOK_S = 0.02, 0.2  # between looks for results that wait; the second while units are single items


class Slot:
    """The place of one unit of work in the order of the results, to which a worker appends them."""

    __slots__ = ("_taken", "after", "before", "done", "error", "first", "items", "news", "overtaken_by", "results")

    def __init__(self, items: int, first: int) -> None:
        self.items: int = items
        self.first: int = first
        self.done: bool = False
        self.news: Event = Event()
        self.results: list[Any] = []
        self.error: Exception | None = None
        self._taken = 0
        # Where results come in any order: its neighbors that are not delivered, and the items between it and the next.
        self.before: Slot | None = None
        self.after: Slot | None = None
        self.overtaken_by: int = 0

    @property
    def has_more(self) -> bool:
        """Whether there are results that were not taken."""
        return len(self.results) > self._taken

    def take(self) -> list[Any]:
        """Return the results since the last call."""
        start, self._taken = self._taken, len(self.results)
        return self.results[start : self._taken]


class Workbench:
    """Hands units of work to several workers and gets their results back in order."""

    def __init__(self, source: Source, slicer: Slicer, places: int, record: StepRecord) -> None:
        self._source = source
        self._slicer = slicer
        self._places = Semaphore(places)
        self._turn = Semaphore(1)  # one worker at a time takes a unit, so slots are in the order of the items
        self._record = record
        self._batch: list[Any] = []
        self._break: Exception | None = None
        self._news = Event()
        self._slots: deque[Slot] = deque()
        self._given = 0
        self.ended: bool = False

    async def run_worker(self, worker: Worker) -> None:
        """Let one worker do units until there are no more; whatever stops it is raised by `next_slot`."""
        try:
            await self._run_worker(worker)
        except STEP_ERRORS as error:
            if is_stopped(error):
                raise
            self._break = error_in(error)
            self._end()

    async def _run_worker(self, worker: Worker) -> None:
        while not self.ended:
            await self._places.acquire()
            async with self._turn:
                unit = await self._next_unit()
                if not unit:
                    self._end()
                    return
                slot = Slot(len(unit), self._given)
                self._given += slot.items
                self._add(slot)
            started = perf_counter()
            try:
                slot.error = await worker.work(unit, slot.results, slot.first)
            except STEP_ERRORS as error:
                if is_stopped(error):
                    raise
                slot.error = error_in(error)  # raised in its turn, after the results before it
            self._slicer.adapt(perf_counter() - started)
            slot.done = True
            self._note(slot)

    def _add(self, slot: Slot) -> None:
        self._slots.append(slot)
        self._news.set()

    def _note(self, slot: Slot) -> None:
        """Announce that a slot has results."""
        slot.news.set()

    def _at_end(self) -> bool:
        """Return whether no more slots come; raise what has stopped a worker."""
        if self.ended and self._break is not None:
            raise self._break
        return self.ended

    async def next_slot(self) -> Slot | None:
        """Return the next slot in order when it has results; None at the end."""
        while not self._slots:
            if self._at_end():
                return None
            self._news = Event()
            await self._news.wait()
        slot = self._slots[0]
        await slot.news.wait()
        if slot.done:
            self._slots.popleft()
        else:
            slot.news = Event()
        return slot

    async def watch(self) -> None:
        """Look now and then whether results wait for others of their unit."""
        while not self.ended or self.has_pending():
            await sleep(_LOOK_S if self._slicer.size > 1 else _LONG_LOOK_S)
            self._look()

    def has_pending(self) -> bool:
        """Return whether units are not delivered."""
        return bool(self._slots)

    def _look(self) -> None:
        if self._slots and self._slots[0].has_more:
            self._note(self._slots[0])

    def is_working(self) -> bool:
        """Return whether a worker calls the step's function."""
        return not all(slot.done for slot in self._slots)

    def delivered(self, slot: Slot) -> None:
        """Note that the results of a slot were written: its items are done, and its place is free."""
        self._source.acknowledge(slot.items)
        self._places.release()

    async def _next_unit(self) -> list[Any]:
        if self.ended:
            return []
        if not self._batch:
            try:
                self._batch = await self._source.take(ahead=True)
            except STEP_ERRORS as error:
                if is_stopped(error):
                    raise
                self._break = error_in(error)  # raised in its turn, after the items before it
                return []
            self._record.items_in += len(self._batch)
        size = self._slicer.size
        unit, self._batch = self._batch[:size], self._batch[size:]
        return unit

    def _end(self) -> None:
        self.ended = True
        self._news.set()
        self._places.release()


class AnyOrder(Workbench):
    """Hands units of work to several workers and gets their results back as they come."""

    def __init__(self, source: Source, slicer: Slicer, places: int, record: StepRecord) -> None:
        super().__init__(source, slicer, places, record)
        self._pending: dict[Slot, None] = {}
        self._last: Slot | None = None
        self._ready: dict[Slot, None] = {}

    def _add(self, slot: Slot) -> None:
        slot.before, self._last = self._last, slot
        if slot.before is not None:
            slot.before.after = slot
        self._pending[slot] = None

    def _note(self, slot: Slot) -> None:
        self._ready[slot] = None
        self._news.set()

    def _look(self) -> None:
        for slot in self._pending:
            if slot.has_more:
                self._note(slot)

    def has_pending(self) -> bool:
        """Return whether units are not delivered."""
        return bool(self._pending)

    def is_working(self) -> bool:
        """Return whether a worker calls the step's function."""
        return not all(slot.done for slot in self._pending)

    async def next_slot(self) -> Slot | None:
        """Return any slot when it has results; None at the end."""
        while not self._ready:
            if not self._pending and self._at_end():
                return None
            self._news = Event()
            await self._news.wait()
        slot = next(iter(self._ready))
        del self._ready[slot]
        return slot

    def delivered(self, slot: Slot) -> None:
        """Note that the results of a slot were written; its items are done when those before them are."""
        del self._pending[slot]
        before, after, items = slot.before, slot.after, slot.items + slot.overtaken_by
        if before is None:
            self._source.acknowledge(items)
        else:
            before.overtaken_by += items
            before.after = after
        if after is None:
            self._last = before
        else:
            after.before = before
        self._places.release()
