"""The loops that move items: each reads a source, calls a step, and writes a sink.

Every loop has a cancellation point: reading sleeps when the source is empty, and `wait_writable` lets other tasks run
once per slice. What a loop needs for each item stands in local variables: each attribute would cost as much as a check.
"""

from __future__ import annotations

from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING, Any

from headwater.running.attempt import Failure
from headwater.running.failures import STEP_ERRORS, is_stopped
from headwater.running.groups import open_group
from headwater.running.hosts.stages import Stage, batches_through
from headwater.running.hosts.turns import Slicer, close_iterator
from headwater.running.workers.workbench import AnyOrder, Workbench
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


async def drive_workers(
    source: Source,
    workers: Sequence[Worker],
    outbox: Outbox,
    stages: Sequence[Stage],
    attempt: Attempt,
    *,
    slicer: Slicer,
) -> None:
    """Let several workers call a step's function, and write the results, in order if the document asks for it."""
    # Twice as many units as workers: while one result is slow and holds up the others, work goes on.
    bench = (Workbench if attempt.step.ordered else AnyOrder)(source, slicer, 2 * len(workers), attempt.record)
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


async def _deliver(bench: Workbench, outbox: Outbox, stages: Sequence[Stage], attempt: Attempt) -> None:
    """Write the results as they come from the workbench."""
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
