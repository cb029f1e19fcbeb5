from __future__ import annotations

from collections.abc import Sequence

import pytest
from anyio.lowlevel import checkpoint

from headwater.events.event import EventType, StreamEvent
from headwater.events.streaming_context import StreamingContext
from headwater_subscribers import CallbackSubscriber


async def emit_three(subscriber: CallbackSubscriber) -> StreamingContext:
    """Run a subscriber on an execution of three events."""
    async with StreamingContext("e1") as context:
        context.subscribe(subscriber)
        context.emit(EventType.STEP_START, "a")
        context.emit(EventType.STEP_START, "b")
    return context


async def test_plain_callback_receives_each_event() -> None:
    """A function is all that is needed."""
    seen: list[StreamEvent] = []
    await emit_three(CallbackSubscriber(seen.append))
    assert [event.seq for event in seen] == [1, 2, 3]


async def test_async_callback_is_awaited_for_each_event() -> None:
    """An async function finishes with one event before it gets the next."""
    seen: list[str] = []

    async def receive(event: StreamEvent) -> None:
        seen.append(f"begin {event.seq}")
        await checkpoint()
        seen.append(f"end {event.seq}")

    await emit_three(CallbackSubscriber(receive))
    assert seen == ["begin 1", "end 1", "begin 2", "end 2", "begin 3", "end 3"]


async def test_batch_callback_receives_sequences() -> None:
    """A function that can handle many events at once saves calls."""
    seen: list[Sequence[StreamEvent]] = []
    await emit_three(CallbackSubscriber(seen.append, batch=True))
    assert [event.seq for batch in seen for event in batch] == [1, 2, 3]
    assert len(seen) < 3


async def test_async_batch_callback_is_awaited() -> None:
    """Both forms may be async."""
    seen: list[int] = []

    async def receive(batch: Sequence[StreamEvent]) -> None:
        await checkpoint()
        seen.extend(event.seq for event in batch)

    await emit_three(CallbackSubscriber(receive, batch=True))
    assert seen == [1, 2, 3]


async def test_filters_of_the_callback_are_applied() -> None:
    """Only what was asked for is delivered."""
    seen: list[StreamEvent] = []
    await emit_three(CallbackSubscriber(seen.append, types={"step_start"}, steps={"b"}))
    assert [event.seq for event in seen] == [2]


async def test_callback_that_raises_is_detached() -> None:
    """A fault in a callback stays there."""

    def refuse(event: StreamEvent) -> None:
        raise ValueError(event.seq)

    subscriber = CallbackSubscriber(refuse)
    context = await emit_three(subscriber)
    assert [(lost.subscriber, lost.reason) for lost in context.lost] == [(subscriber, "error")]


def test_package_names_an_unknown_subscriber() -> None:
    """A misspelled name fails as in every module."""
    import headwater_subscribers

    with pytest.raises(AttributeError, match="has no attribute 'QueSubscriber'"):
        headwater_subscribers.QueSubscriber  # noqa: B018 - the access is what is tested
