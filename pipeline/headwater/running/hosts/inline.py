"""Segments with a fused coroutine function: `inline: true` saves a channel and gives up overlap for it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from headwater.running.attempt import Failure
from headwater.running.failures import STEP_ERRORS, is_stopped
from headwater.running.hosts.turns import close_iterator
from headwater.streams.frames import is_batch
from headwater.streams.grammar import NOT_AN_ITEM

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from headwater.running.hosts.outbox import Outbox
    from headwater.running.hosts.stages import Stage
    from headwater.running.record import StepRecord
    from headwater.streams.ends import Source

__all__ = ["Closing", "admitted", "drive_inline", "items_of", "iterated"]


class Closing(aclosing[Any]):
    """Closes a generator at the end of a block; what its cleanup raises does not hide that a later step failed."""

    async def __aexit__(self, *exc_info: object) -> None:
        try:
            await super().__aexit__(*exc_info)
        except STEP_ERRORS as raised:
            if not isinstance(exc_info[1], Failure) or is_stopped(raised):
                raise


async def drive_inline(items: AsyncIterator[Any], stages: Sequence[Stage], outbox: Outbox) -> None:
    """Run items through stages one by one, waiting for each that suspends."""
    sink, wait_writable = outbox.sink, outbox.wait_writable
    async for item in items:
        value = item
        for stage in stages:
            try:
                value = await stage.one_later(value) if stage.suspends else stage.one(value)
            except STEP_ERRORS as error:
                if is_stopped(error):
                    raise
                raise Failure(stage.attempt, error) from error
            stage.record.items_in += 1
            stage.record.note_output(value)
        if sink.put(value):
            await wait_writable()


async def items_of(source: Source) -> AsyncGenerator[Any, None]:
    """Yield the items of a source."""
    while batch := await source.take():
        for item in batch:
            yield item


async def admitted(frames: AsyncGenerator[Any, None], outbox: Outbox, record: StepRecord) -> AsyncGenerator[Any, None]:
    """Yield the items among the frames of an async generator."""
    async with Closing(frames):
        async for frame in frames:
            if is_batch(frame):
                for item in outbox.admit_all([frame]):
                    record.note_output(item)
                    yield item
                continue
            item = frame if isinstance(frame, outbox.expected) else outbox.admit(frame)
            if item is not NOT_AN_ITEM:
                record.note_output(item)
                yield item


async def iterated(values: Iterator[Any], outbox: Outbox, record: StepRecord) -> AsyncGenerator[Any, None]:
    """Yield the items among the frames of a plain generator, letting other tasks run after each."""
    try:
        for value in values:
            item = value if isinstance(value, outbox.expected) else outbox.admit(value)
            if item is not NOT_AN_ITEM:
                record.note_output(item)
                yield item
            await outbox.wait_writable()
    finally:
        close_iterator(values)
