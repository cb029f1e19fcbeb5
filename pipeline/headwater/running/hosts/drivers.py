"""The loops that move items: each reads a source, calls a step, and writes a sink.

Every loop has a cancellation point: reading sleeps when the source is empty, and `wait_writable` lets other tasks run
once per slice. What a loop needs for each item stands in local variables: each attribute would cost as much as a check.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING, Any

from anyio import Event, Semaphore, sleep

from headwater.running.attempt import Failure
from headwater.running.failures import STEP_ERRORS, error_in, is_stopped
from headwater.running.groups import open_group
from headwater.running.hosts.stages import Stage, batches_through
from headwater.running.hosts.turns import Slicer, close_iterator
from headwater.streams.frames import is_batch
from headwater.streams.grammar import NOT_AN_ITEM

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

    from headwater.running.attempt import Attempt
    from headwater.running.hosts.outbox import Outbox
    from headwater.running.record import StepRecord
    from headwater.running.workers.worker import Worker
    from headwater.streams.ends import Source

__all__ = ["drive_batches", "drive_frames", "drive_items", "drive_iterator", "drive_workers", "write_slices"]

_LOOK_S, _LONG_LOOK_S = 0.02, 0.2  # between looks for results that wait; the second while units are single items


async def drive_frames(frames: AsyncIterator[Any], outbox: Outbox, through: Callable[[Any], Any] | None) -> None:
    """Write what an async generator yields."""
    sink, admit, wait_writable = outbox.sink, outbox.admit, outbox.wait_writable
    buffer, append, expected = sink.buffer, _appender(sink.buffer, through), outbox.expected
    async for value in frames:
        if isinstance(value, expected):
            append(value)
        elif is_batch(value):
            items = outbox.admit_all([value])
            await outbox.write(items if through is None else [*map(through, items)])
            continue
        else:
            item = admit(value)
            expected = outbox.expected  # after the header other classes pass than before it
            if item is NOT_AN_ITEM:
                if outbox.needs_drain:
                    await wait_writable()
                continue
            append(item)
        if len(buffer) >= sink.limit and sink.flush():
            await wait_writable()


async def drive_items(
    source: Source,
    call: Callable[[Any], Awaitable[Any]],
    outbox: Outbox,
    through: Callable[[Any], Any] | None,
    record: StepRecord,
) -> None:
    """Call a coroutine function with each item, one at a time."""
    sink, admit, wait_writable = outbox.sink, outbox.admit, outbox.wait_writable
    buffer, append, expected = sink.buffer, _appender(sink.buffer, through), outbox.expected
    while batch := await source.take():
        record.items_in += len(batch)
        for item in batch:
            value = await call(item)
            if not isinstance(value, expected):
                value = admit(value)
                if value is NOT_AN_ITEM:
                    if outbox.needs_drain:
                        await wait_writable()
                    continue
            append(value)
            if len(buffer) >= sink.limit and sink.flush():
                await wait_writable()


def _appender(buffer: list[Any], through: Callable[[Any], Any] | None) -> Callable[[Any], None]:
    """Return the function that puts an item into a buffer, through the fused stages if there are any."""
    append = buffer.append
    return append if through is None else lambda item: append(through(item))


async def drive_batches(source: Source, stages: Sequence[Stage], outbox: Outbox) -> None:
    """Run the items of a source through plain functions, a slice at a time."""
    slicer = Slicer(outbox.capacity)
    while batch := await source.take():
        await write_slices(batch, stages, outbox, slicer)


async def drive_iterator(values: Iterator[Any], outbox: Outbox, stages: Sequence[Stage], attempt: Attempt) -> None:
    """Write what a plain generator yields, a slice at a time."""
    try:
        await _drive_iterator(values, outbox, stages, attempt)
    except Failure:
        with suppress(Exception):  # what its cleanup raises does not hide that a later step failed
            close_iterator(values)
        raise
    finally:
        close_iterator(values)


async def _drive_iterator(values: Iterator[Any], outbox: Outbox, stages: Sequence[Stage], attempt: Attempt) -> None:
    slicer, record = Slicer(outbox.capacity), attempt.record
    while True:
        part: list[Any] = []
        failure: Failure | None = None
        started = perf_counter()
        try:
            ended = slicer.fill(part, values, slicer.size)
        except STEP_ERRORS as error:
            failure, ended = Failure(attempt, error), True
        elapsed_s = perf_counter() - started
        record.note_hold(elapsed_s, len(part))
        items = outbox.admit_all(part)
        if stages:
            record.note_outputs(items)
        await _write_slice(items, stages, outbox, slicer, elapsed_s)
        if failure is not None:
            raise failure
        if ended:
            return


async def write_slices(batch: list[Any], stages: Sequence[Stage], outbox: Outbox, slicer: Slicer) -> None:
    """Run items through stages, a slice at a time, and write the results."""
    start = 0
    while start < len(batch):
        part = batch[start : start + slicer.size]
        start += len(part)
        await _write_slice(part, stages, outbox, slicer, 0.0)


async def _write_slice(
    part: list[Any], stages: Sequence[Stage], outbox: Outbox, slicer: Slicer, elapsed_s: float
) -> None:
    """Run one slice through the stages, write the results, then let other tasks run."""
    results = batches_through(stages, part, outbox.capacity, slicer)
    written = False
    try:
        while True:
            started = perf_counter()
            batch = next(results, None)
            elapsed_s += perf_counter() - started
            if batch is None:
                break
            await outbox.write(batch)
            written = True
    finally:
        results.close()
    slicer.adapt(elapsed_s, len(part))
    if not written:
        await outbox.wait_writable()


class _Slot:
    """The place of one unit of work in the order of the results, to which a worker appends them."""

    __slots__ = ("_taken", "done", "error", "first", "items", "news", "results")

    def __init__(self, items: int, first: int) -> None:
        self.items = items
        self.first = first
        self.done = False
        self.news = Event()
        self.results: list[Any] = []
        self.error: Exception | None = None
        self._taken = 0

    def look(self) -> None:
        """Announce results while others take long."""
        if len(self.results) > self._taken:
            self.news.set()

    def take(self) -> list[Any]:
        """Return the results since the last call."""
        start, self._taken = self._taken, len(self.results)
        return self.results[start : self._taken]


class _Workbench:
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
        self._slots: deque[_Slot] = deque()
        self._given = 0
        self.ended = False

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
                slot = _Slot(len(unit), self._given)
                self._given += slot.items
                self._slots.append(slot)
                self._news.set()
            started = perf_counter()
            try:
                slot.error = await worker.work(unit, slot.results, slot.first)
            except STEP_ERRORS as error:
                if is_stopped(error):
                    raise
                slot.error = error_in(error)  # raised in its turn, after the results before it
            self._slicer.adapt(perf_counter() - started)
            slot.done = True
            slot.news.set()

    async def next_slot(self) -> _Slot | None:
        """Return the next slot in order when it has results; None at the end."""
        while not self._slots:
            if self.ended:
                if self._break is not None:
                    raise self._break
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
        while not self.ended or self._slots:
            await sleep(_LOOK_S if self._slicer.size > 1 else _LONG_LOOK_S)
            if self._slots:
                self._slots[0].look()

    def is_working(self) -> bool:
        """Return whether a worker calls the step's function."""
        return not all(slot.done for slot in self._slots)

    def delivered(self, slot: _Slot) -> None:
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


async def drive_workers(
    source: Source, workers: Sequence[Worker], outbox: Outbox, stages: Sequence[Stage], attempt: Attempt, *, unit: int
) -> None:
    """Let several workers call a step's function, and write the results in the order of the items."""
    # Twice as many units as workers: while one result is slow and holds up the others, work goes on.
    bench = _Workbench(source, Slicer(unit), 2 * len(workers), attempt.record)
    attempt.calls_aside = bench.is_working
    # Raised after the group: inside, a cancellation could wrap it in a group of both.
    ending: BaseException | None = None
    async with open_group() as group:
        for worker in workers:
            group.start_soon(bench.run_worker, worker)
        group.start_soon(bench.watch)
        try:
            await _deliver(bench, outbox, stages, attempt)
        except STEP_ERRORS as error:
            if is_stopped(error):
                raise
            ending = error
        group.cancel_scope.cancel()  # the watch, and after an error the workers
    if ending is not None:
        raise ending


async def _deliver(bench: _Workbench, outbox: Outbox, stages: Sequence[Stage], attempt: Attempt) -> None:
    """Write the results in the order of the items."""
    slicer = Slicer(outbox.capacity)
    while (slot := await bench.next_slot()) is not None:
        is_done = slot.done
        items = outbox.admit_all(slot.take())
        if stages:
            attempt.record.note_outputs(items)
            await write_slices(items, stages, outbox, slicer)
        else:
            await outbox.write(items)
        if is_done and slot.error is not None:
            raise slot.error if isinstance(slot.error, Failure) else Failure(attempt, slot.error)
        if is_done:
            bench.delivered(slot)
        await outbox.wait_writable()
