"""How many items have gone through the steps, told while they run and when they are stopped."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio

from headwater import EventType, Pipeline, Runner, Stream, StreamEvent, step


@step("pulse.hanging")
async def hanging(*, count: int = 3) -> AsyncIterator[int]:
    """Give some numbers, and then neither another nor an end."""
    for number in range(count):
        yield number
    await anyio.sleep_forever()


@step("pulse.even")
def even(number: int) -> bool:
    """Tell whether a number is even."""
    return number % 2 == 0


@step("pulse.each")
async def each(values: Stream[bool]) -> AsyncIterator[bool]:
    """Pass everything on."""
    async for value in values:
        yield value


def pipeline(**streaming: bool) -> Pipeline:
    """Return three steps, the second fused to the first."""
    steps = {"hanging": hanging, "even": even, "each": each}
    return Pipeline("pulse", steps=steps, streaming=streaming or None)


def counts(events: list[StreamEvent]) -> dict[str | None, tuple[int | None, int | None]]:
    """Return the last counts that each step told."""
    return {event.step_id: (event.data.items_in, event.data.items_out) for event in events}  # type: ignore[union-attr]


async def test_tells_counts_while_the_steps_run() -> None:
    """Each step, fused or not, tells how many items it has read and written, although none says so itself."""
    async with Runner().start(pipeline()) as execution:
        told: list[StreamEvent] = []
        async for event in execution.events(types={"step_progress"}):
            told.append(event)
            if len(told) == 3:
                break
        execution.cancel()
    assert counts(told) == {"hanging": (0, 3), "even": (3, 3), "each": (3, 3)}


async def test_tells_counts_once_when_nothing_more_happens() -> None:
    """What has been told is not told again when the steps are stopped."""
    async with Runner().start(pipeline()) as execution:
        async for _ in execution.events(types={"step_progress"}, steps={"each"}):
            break
        execution.cancel()
        result = await execution.result(check=False)
    assert result.events is not None
    told = [event for event in result.events.read(after=0) if event.event_type is EventType.STEP_PROGRESS]
    assert len(told) == 3


async def test_tells_counts_when_the_steps_are_stopped() -> None:
    """A cancelled execution tells how far each step came, before its last event."""
    async with Runner().start(pipeline()) as execution:
        async for _ in execution.output:
            break
        execution.cancel()
        result = await execution.result(check=False)
    assert result.events is not None
    events = list(result.events.read(after=0))
    assert counts([event for event in events if event.event_type is EventType.STEP_PROGRESS])["hanging"] == (0, 3)
    assert events[-1].event_type is EventType.PIPELINE_CANCELLED


async def test_tells_no_counts_when_progress_is_off() -> None:
    """`emit_progress: false` is honored."""
    async with Runner().start(pipeline(emit_progress=False)) as execution:
        async for _ in execution.output:
            break
        execution.cancel()
        result = await execution.result(check=False)
    assert result.events is not None
    assert EventType.STEP_PROGRESS not in {event.event_type for event in result.events.read(after=0)}
