# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""The step that failed is the one that is named, never one that was stopped because of it."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Any

import anyio
import pytest

from headwater import ExecutionTimeoutError, Pipeline, StepError, Stream, StreamBrokenError, StreamEvent, step
from tests.running import kinds
from tests.running.test_errors import chain


@step("blame.fails")
async def fails(number: int) -> AsyncIterator[int]:
    yield number
    await anyio.wait_all_tasks_blocked()
    raise ValueError("the cause")


@step("blame.waits")
async def waits(number: int) -> AsyncIterator[int]:
    yield number
    await anyio.sleep_forever()


@step("blame.cannot_stop")
async def cannot_stop(number: int) -> AsyncIterator[int]:
    try:
        yield number
        await anyio.sleep_forever()
    finally:
        raise OSError("cannot stop")


@step("blame.thread_cannot_stop", blocking=True)
def thread_cannot_stop(numbers: Iterable[int]) -> Iterator[int]:
    try:
        yield from numbers
    finally:
        raise OSError("cannot stop")


@step("blame.both")
async def both(left: Stream[int], right: Stream[int]) -> AsyncIterator[int]:
    rows = await right.collect()
    async for number in left:
        yield number + len(rows)


@step("blame.explains")
async def explains(numbers: Stream[int]) -> AsyncIterator[int]:
    try:
        async for number in numbers:
            yield number
    except StreamBrokenError as error:
        raise KeyError("not complete") from error


async def failure(pipeline: Pipeline) -> tuple[StepError, list[StreamEvent]]:
    """Run a pipeline that fails; return the error, and the events of errors."""
    events: list[StreamEvent] = []
    with pytest.raises(StepError) as caught:
        await pipeline.run(1, subscribers=[events.append])
    return caught.value, [event for event in events if event.event_type in {"step_error", "pipeline_error"}]


def own(events: Sequence[StreamEvent]) -> list[str | None]:
    """Return the steps that have failed on their own."""
    return [event.step_id for event in events if event.step_id is not None and event.data.cause_step_id is None]


@pytest.mark.parametrize("other", [waits, cannot_stop], ids=lambda target: target.kind)
@pytest.mark.parametrize("reader", [kinds.async_pass, thread_cannot_stop], ids=lambda target: target.kind)
async def test_names_the_step_that_failed_beside_one_that_was_stopped(other: Any, reader: Any) -> None:
    """Neither a branch that is stopped, nor what its cleanup raises, takes the place of the failure."""
    steps = {"other": other, "reader": reader, "failing": fails}
    edges = ["input -> other", "input -> failing", "other -> reader"]
    error, events = await failure(Pipeline("blame", steps=steps, edges=edges))
    assert error.step_id == "failing"
    assert own(events) == ["failing"]
    assert (events[-1].event_type, events[-1].data.step_id) == ("pipeline_error", "failing")


async def test_names_the_cause_to_a_reader_of_one_that_was_stopped() -> None:
    """A step that reads from the failed step and from one that was stopped suffers from the failure alone."""
    steps = {"failing": fails, "table": waits, "both": both, "sum": kinds.async_sum}
    edges = ["input -> failing", "input -> table", "failing -> both.left", "table -> both.right", "both -> sum"]
    error, events = await failure(Pipeline("blame", steps=steps, edges=edges))
    assert error.step_id == "failing"
    assert {event.step_id: event.data.cause_step_id for event in events[:-1]} == {
        "failing": None,
        "both": "failing",
        "sum": "failing",
    }


async def test_names_the_first_of_several_that_failed() -> None:
    """A step that makes an error of its own of the break is not the one that is named."""
    error, events = await failure(chain(fails, explains, explains))
    assert error.step_id == "a"
    assert isinstance(error.__cause__, ValueError)
    assert events[0].step_id == "a"


async def test_emits_nothing_for_a_step_that_was_only_stopped() -> None:
    """A stopped step is among the unfinished ones, and has no event of an error."""
    steps = {"other": waits, "reader": kinds.async_pass, "failing": fails}
    edges = ["input -> other", "input -> failing", "other -> reader"]
    _, events = await failure(Pipeline("blame", steps=steps, edges=edges))
    assert [event.step_id for event in events] == ["failing", None]
    assert events[-1].data.unfinished == ("other", "reader")


async def test_names_the_time_limit_when_a_step_fails_because_of_it() -> None:
    """What is raised by the cleanup of a step whose time is over does not hide that the time was over."""
    with pytest.raises(ExecutionTimeoutError):
        await chain(cannot_stop, timeout_s=0.05).run(1)


@step("blame.wraps")
async def wraps(numbers: Stream[int]) -> AsyncIterator[int]:
    try:
        async for number in numbers:
            yield number
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.lowlevel.checkpoint()
        raise OSError("cannot clean up")


@step("blame.many")
async def many(number: int) -> AsyncIterator[int]:
    try:
        for value in range(5_000):
            yield value
    finally:
        raise OSError("cannot clean up")


@step("blame.plain_many")
def plain_many(number: int) -> Iterator[int]:
    try:
        yield from range(5_000)
    finally:
        raise OSError("cannot clean up")


@step("blame.thread_many", blocking=True)
def thread_many(number: int) -> Iterator[int]:
    try:
        yield from range(5_000)
    finally:
        raise OSError("cannot clean up")


@step("blame.refuses")
def refuses(number: int) -> int:
    if number == 300:
        raise ValueError("the cause")
    return number


@step("blame.refuses_later")
async def refuses_later(number: int) -> int:
    return refuses(number)


@step("blame.thread_refuses", blocking=True)
def thread_refuses(number: int) -> int:
    return refuses(number)


@pytest.mark.parametrize("source", [many, plain_many, thread_many, kinds.async_count], ids=lambda target: target.kind)
@pytest.mark.parametrize("failing", [refuses, refuses_later, thread_refuses], ids=lambda target: target.kind)
@pytest.mark.parametrize("reader", [wraps, explains, thread_cannot_stop], ids=lambda target: target.kind)
async def test_names_the_step_that_failed_between_two_that_cannot_clean_up(
    source: Any, failing: Any, reader: Any
) -> None:
    """Whatever the cleanup of steps before and after raises has the failure as its cause."""
    events: list[StreamEvent] = []
    steps = {"source": source, "failing": failing, "reader": reader, "sum": kinds.async_sum}
    with pytest.raises(StepError) as caught:
        await Pipeline("blame", steps=steps).run(5_000, subscribers=[events.append])
    assert caught.value.step_id == events[-1].data.step_id == "failing"
    assert own([event for event in events if event.event_type == "step_error"]) == ["failing"]


async def test_names_the_step_that_failed_where_a_reader_had_left() -> None:
    """A step that is closed because its reader suffers from the failure does not take its place."""
    steps = {"failing": fails, "between": wraps, "table": waits, "both": both}
    edges = ["input -> failing", "input -> table", "failing -> between", "between -> both.left", "table -> both.right"]
    error, events = await failure(Pipeline("blame", steps=steps, edges=edges))
    assert error.step_id == "failing"
    assert own(events) == ["failing"]
