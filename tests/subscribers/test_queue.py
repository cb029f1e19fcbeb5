from __future__ import annotations

import anyio
import pytest

from headwater.errors import StreamBrokenError
from headwater.events.event import EventType
from headwater.events.streaming_context import StreamingContext
from headwater_subscribers import QueueSubscriber


async def emit_many(context: StreamingContext, count: int) -> None:
    """Emit as a step does that heeds its subscribers."""
    for _ in range(count):
        if context.emit(EventType.STEP_PROGRESS, "a"):
            await context.drain()


async def test_queue_gives_all_events_to_another_task() -> None:
    """A slow reader with a small buffer sees everything, and the iteration ends with the execution."""
    queue = QueueSubscriber(buffer_size=7)
    seen: list[int] = []

    async def read() -> None:
        async for event in queue:
            seen.append(event.seq)
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        async with StreamingContext("e1") as context:
            context.subscribe(queue)
            await emit_many(context, 200)
    assert seen == list(range(1, 202))


async def test_queue_holds_no_more_than_its_buffer() -> None:
    """The reader sets the pace of the execution."""
    queue = QueueSubscriber(buffer_size=10)
    held: list[int] = []

    async def read() -> None:
        async for _ in queue:
            held.append(len(queue._events))
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks, StreamingContext("e1") as context:
        context.subscribe(queue)
        tasks.start_soon(read)
        await emit_many(context, 100)
    assert len(held) == 101
    assert max(held) <= 10


async def test_queue_can_be_read_when_the_execution_is_over() -> None:
    """What fits into the buffer waits there."""
    queue = QueueSubscriber()
    async with StreamingContext("e1") as context:
        context.subscribe(queue)
        await emit_many(context, 20)
    assert [event.seq async for event in queue] == list(range(1, 22))


async def test_queue_ends_when_the_filter_leaves_out_the_terminal_event() -> None:
    """The end of the events is not the same as the event of the end."""
    queue = QueueSubscriber(types={"step_progress"})
    async with StreamingContext("e1") as context:
        context.subscribe(queue)
        await emit_many(context, 3)
    assert [event.seq async for event in queue] == [1, 2, 3]


async def test_queue_breaks_when_it_is_not_read() -> None:
    """A reader that is given up gets what there is, and then an error: never what looks like the end."""
    queue = QueueSubscriber(buffer_size=5, send_deadline_s=0.05)
    async with StreamingContext("e1") as context:
        context.subscribe(queue)
        await emit_many(context, 50)
    seen: list[int] = []
    with pytest.raises(StreamBrokenError, match="detached before the last event"):
        async for event in queue:
            seen.append(event.seq)  # noqa: PERF401 - what was read before the error is to be seen
    assert seen == list(range(1, len(seen) + 1))
    assert 0 < len(seen) <= 5
    assert [lost.reason for lost in context.lost] == ["deadline"]


async def test_queue_refuses_a_second_execution() -> None:
    """Events of two executions in one sequence would be of no use."""
    queue = QueueSubscriber()
    async with StreamingContext("e1") as first:
        first.subscribe(queue)
    async with StreamingContext("e2") as second:
        second.subscribe(queue)
    assert [str(lost.error) for lost in second.lost] == [
        "a QueueSubscriber serves one execution; create another one for the next"
    ]
    assert [event.execution_id async for event in queue] == ["e1"]
