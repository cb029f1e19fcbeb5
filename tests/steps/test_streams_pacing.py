"""Items that pass as they are: looked at, and slowed down."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs

from headwater import Pipeline, Stream, run_sync, step
from headwater.testing import EventRecorder, slow_stream
from headwater_steps.streams import peek, rate


@step("pace.times")
async def times(items: Stream[Any]) -> AsyncIterator[float]:
    """Tell when each item came."""
    async for _ in items:
        yield anyio.current_time()


async def arrivals(items: Any, **params: Any) -> list[float]:
    """Return when items come through, in seconds after the start."""
    started = anyio.current_time()
    pipeline = Pipeline("slow", steps={"rate": rate.with_params(**params), "times": times})
    return [time - started for time in (await pipeline.run(items)).output]


# ---- peek


@pytest.mark.parametrize(("every", "shown"), [(1, [1, 2, 3, 4, 5]), (2, [1, 3, 5]), (4, [1, 5]), (9, [1])])
async def test_peek_shows_every_so_many_items(every: int, shown: list[int]) -> None:
    """The first is shown, and those so many after it; all pass."""
    recorder = EventRecorder(types={"step_progress"})
    target = peek.with_params(every=every, message="row", to="progress")
    pipeline = Pipeline("look", steps={"step": target}, streaming={"flush_interval_ms": 0})
    result = await pipeline.run(iter("abcde"), subscribers=[recorder])
    assert result.output == list("abcde")
    reported = [event.data for event in recorder.events if event.data.message == "row"]
    assert [data.data for data in reported] == [{"number": number, "item": "abcde"[number - 1]} for number in shown]


def test_peek_writes_to_the_log() -> None:
    """The log names the step and the execution."""
    with capture_logs() as logs:
        result = run_sync(Pipeline("look", steps={"step": peek.with_params(every=2)}), iter([{"a": 1}, 2, 3]))
    assert [(line["event"], line["number"], line["item"]) for line in logs] == [("item", 1, {"a": 1}), ("item", 3, 3)]
    assert {(line["step_id"], line["execution_id"]) for line in logs} == {("step", result.execution_id)}


def test_peek_cuts_large_items() -> None:
    """What is shown of an item is bounded, what passes is not."""
    with capture_logs() as logs:
        result = run_sync(Pipeline("look", steps={"step": peek}), iter(["x" * 100_000]))
    assert len(result.output[0]) == 100_000
    assert len(str(logs[0]["item"])) < 2_000


# ---- rate


async def test_rate_lets_items_pass_one_after_the_other(virtual_clock: Any) -> None:
    """The first comes at once, and each further one an interval later."""
    assert await arrivals(range(5), per_second=2) == pytest.approx([0, 0.5, 1, 1.5, 2])


async def test_rate_lets_a_burst_pass_at_once(virtual_clock: Any) -> None:
    """So many items need not wait, the others come at the rate."""
    assert await arrivals(range(6), per_second=2, burst=3) == pytest.approx([0, 0, 0, 0.5, 1, 1.5])


async def test_rate_does_not_hold_items_that_come_slowly(virtual_clock: Any) -> None:
    """Who is slower than the rate does not wait for it."""
    assert await arrivals(slow_stream(range(4), interval_s=10), per_second=1) == pytest.approx([10, 20, 30, 40])


async def test_rate_saves_no_more_than_a_burst_in_a_pause(virtual_clock: Any) -> None:
    """After a pause, however long, only a burst passes at once."""

    async def with_a_pause() -> AsyncIterator[int]:
        yield 0
        await anyio.sleep(100)  # by a clock that jumps
        for number in range(1, 5):
            yield number

    assert await arrivals(with_a_pause(), per_second=1, burst=2) == pytest.approx([0, 100, 100, 101, 102])


async def test_rate_keeps_up_over_many_items(virtual_clock: Any) -> None:
    """Rounding does not add up."""
    times_s = await arrivals(range(1_000), per_second=30)
    assert times_s[-1] == pytest.approx(999 / 30)


def test_rate_passes_everything_on() -> None:
    """Nothing is dropped or changes its place."""
    target = rate.with_params(per_second=100_000, burst=500)
    assert run_sync(Pipeline("slow", steps={"step": target}), range(1_000)).output == list(range(1_000))
