"""How many items have gone through the steps, told while they run and when they are stopped."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import pytest

from headwater import EventType, Pipeline, Runner, Stream, StreamEvent, step
from headwater.events.data import StepProgress


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


def waits_for(event: StreamEvent) -> str | None:
    """Return the side that a step said it waits for."""
    assert isinstance(event.data, StepProgress)
    return event.data.waits_for


async def test_emits_counts_while_the_steps_run() -> None:
    """Each step, fused or not, tells how many items it has read and written, although none says so itself."""
    async with Runner().start(pipeline()) as execution:
        emitted: list[StreamEvent] = []
        with anyio.fail_after(60):
            async for event in execution.events(types={"step_progress"}):
                emitted.append(event)
                if counts(emitted) == {"hanging": (0, 3), "even": (3, 3), "each": (3, 3)}:
                    break
        execution.cancel()


async def test_emits_counts_once_when_nothing_more_happens() -> None:
    """Counts that were emitted are not emitted again when the steps are stopped."""
    async with Runner().start(pipeline()) as execution:
        async for event in execution.events(types={"step_progress"}, steps={"each"}):
            if counts([event])["each"] == (3, 3):
                break
        execution.cancel()
        result = await execution.result(check=False)
    assert result.events is not None
    events = [event for event in result.events.read(after=0) if event.event_type is EventType.STEP_PROGRESS]
    emitted = [(event.step_id, counts([event])[event.step_id], waits_for(event)) for event in events]
    assert len(emitted) == len(set(emitted)) >= 3


async def test_emits_counts_when_the_steps_are_stopped() -> None:
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


async def test_emits_no_counts_when_progress_is_off() -> None:
    """`emit_progress: false` is honored."""
    async with Runner().start(pipeline(emit_progress=False)) as execution:
        async for _ in execution.output:
            break
        execution.cancel()
        result = await execution.result(check=False)
    assert result.events is not None
    assert EventType.STEP_PROGRESS not in {event.event_type for event in result.events.read(after=0)}


@step("pulse.slow")
async def slow(values: Stream[bool], *, gate: float = 0.6) -> AsyncIterator[bool]:
    """Take long for each value."""
    async for value in values:
        await anyio.sleep(gate)  # so that the others have to wait for it
        yield value


async def test_emits_what_the_steps_wait_for_when_one_is_slow() -> None:
    """Who waits says for which side, who works says so, and the waits so far are told while they last."""
    steps = {"hanging": hanging.with_params(count=1000), "even": even, "slow": slow, "each": each}
    edges = [{"from": "even", "to": "slow", "buffer": 4}, "hanging -> even", "slow -> each"]
    waits: dict[str | None, StepProgress] = {}
    async with Runner().start(Pipeline("pulse", steps=steps, edges=edges)) as execution:
        async for event in execution.events(types={"step_progress"}):
            assert isinstance(event.data, StepProgress)
            waits[event.step_id] = event.data
            sides = {step_id: data.waits_for for step_id, data in waits.items()}
            if sides == {"hanging": "output", "even": "output", "slow": None, "each": "input"}:
                break
        execution.cancel()
    assert (waits["hanging"].output_wait_s or 0) > 0
    assert (waits["each"].input_wait_s or 0) > 0


@step("pulse.pass_on")
def pass_on(number: int) -> int:
    """Return the number."""
    return number


async def test_counts_do_not_drift_when_they_are_taken_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a channel has counted does not come on top of what the step counts itself."""
    monkeypatch.setattr("headwater.running.hosts.pulse._INTERVAL_S", 0)
    monkeypatch.setattr("headwater.running.hosts.drivers.Slicer.adapt", lambda *_: None)  # a turn for each item
    result = await Runner().run(Pipeline("counts", steps={"first": pass_on, "then": pass_on}), iter(range(600)))
    assert {name: (each.items_in, each.items_out) for name, each in result.metrics.items()} == {
        "first": (600, 600),
        "then": (600, 600),
    }
