# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""An execution tells everything in order, with one end; no subscriber can disturb it or another one."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import anyio
import pytest

from headwater import (
    ExecutionCancelled,
    Pipeline,
    Runner,
    StepContext,
    StepError,
    Stream,
    StreamEvent,
    StreamSubscriber,
    step,
)
from tests.running import kinds

TERMINAL = {"pipeline_complete", "pipeline_error", "pipeline_cancelled"}


@step("events.told")
async def emitted(numbers: Stream[int], ctx: StepContext) -> AsyncIterator[int]:
    async for number in numbers:
        ctx.progress(number / 20, f"item {number}")
        yield number


@step("events.fail")
async def fail(number: int) -> int:
    if number == 5:
        raise ValueError("five")
    return number


@step("events.wait")
async def wait(numbers: Stream[int]) -> AsyncIterator[int]:
    async for number in numbers:
        yield number
        if number == 5:
            await anyio.sleep_forever()


@step("events.fail_in_cancel")
async def fail_in_cancel(numbers: Stream[int]) -> AsyncIterator[int]:
    try:
        async for number in numbers:
            yield number
        await anyio.sleep_forever()
    finally:
        raise ValueError("while it was cancelled")


class Recorder(StreamSubscriber):
    """Keeps what it receives."""

    def __init__(self) -> None:
        self.events: list[StreamEvent] = []

    def on_events(self, batch: Sequence[StreamEvent]) -> None:
        self.events.extend(batch)


def chain(*steps: Any, **options: Any) -> Pipeline:
    return Pipeline("chain", steps=dict(zip("abcdefgh", steps, strict=False)), **options)


def essence(events: Sequence[StreamEvent]) -> list[tuple[Any, ...]]:
    """Return events without what differs from run to run: ids, times and the counts that depend on pace."""
    emitted = [event for event in events if event.event_type != "step_progress" or event.data.message]
    return [(event.event_type, event.step_id, event.attempt, _data(event)) for event in emitted]


def _data(event: StreamEvent) -> Any:
    data = event.data
    names = [name for name in type(data).__slots__ if not name.endswith("_s") and name != "events"]
    counts = {"items_in", "items_out"} if event.event_type == "step_progress" else set()
    return [(name, getattr(data, name)) for name in names if name not in counts]


def check_numbers(events: Sequence[StreamEvent]) -> None:
    """Assert that the events are numbered from 1 without a gap, and that exactly one of them is terminal: the last."""
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [event.event_type in TERMINAL for event in events] == [False] * (len(events) - 1) + [True]


ENDS = {
    "success": (chain(kinds.async_count, emitted, kinds.async_sum), "pipeline_complete"),
    "unary": (chain(kinds.def_double, kinds.async_double), "pipeline_complete"),
    "failure": (chain(kinds.async_count, emitted, fail), "pipeline_error"),
    "unary failure": (chain(kinds.def_double, fail), "pipeline_error"),
    "thread failure": (chain(kinds.thread_count, fail, kinds.thread_pass), "pipeline_error"),
}


@pytest.mark.parametrize(("pipeline", "end"), ENDS.values(), ids=list(ENDS))
@pytest.mark.parametrize("data", [10, 5])
async def test_numbers_events_and_ends_once(pipeline: Pipeline, end: str, data: int) -> None:
    """Every execution tells events 1, 2, 3 ... up to exactly one that is its end."""
    if data == 10 and pipeline is ENDS["unary failure"][0]:
        end = "pipeline_complete"
    if data == 5 and end == "pipeline_error":
        pipeline, end = chain(kinds.def_double, kinds.async_count, emitted, fail), "pipeline_error"
    recorder = Recorder()
    async with Runner([recorder]).start(pipeline, data) as execution:
        await execution.result(check=False)
    check_numbers(recorder.events)
    assert recorder.events[-1].event_type == end
    assert {event.execution_id for event in recorder.events} == {execution.execution_id}


@pytest.mark.parametrize("stop", ["cancel", "leave", "raise", "scope"])
@pytest.mark.parametrize("target", [wait, fail_in_cancel], ids=["waits", "fails in cancel"])
async def test_ends_once_when_stopped(stop: str, target: Any) -> None:
    """Cancelling, leaving the block, an error in it and an outer scope end it once, also when a step fails then."""
    recorder = Recorder()
    execution = Runner([recorder]).start(chain(kinds.async_count, target, emitted), 6)
    with anyio.CancelScope() as scope:
        try:
            async with execution:
                output = aiter(execution.output)
                assert [await anext(output) for _ in range(6)] == list(range(6))
                if stop == "cancel":
                    execution.cancel("enough")
                    with pytest.raises(ExecutionCancelled):
                        await execution.result()
                elif stop == "raise":
                    raise KeyError("the program's own")
                elif stop == "scope":
                    scope.cancel()
                    await anyio.sleep_forever()
        except KeyError:
            assert stop == "raise"
    check_numbers(recorder.events)
    ends = {"pipeline_cancelled", "pipeline_error"} if stop == "scope" else {"pipeline_cancelled"}
    assert recorder.events[-1].event_type in ends
    assert execution.status == ("cancelled" if recorder.events[-1].event_type == "pipeline_cancelled" else "failed")


async def test_emits_the_reason_of_a_cancel() -> None:
    """The last event says why, and which steps had not ended."""
    async with Runner().start(chain(kinds.async_count, wait), 10) as execution:
        assert await anext(aiter(execution.output)) == 0
        execution.cancel("enough")
        execution.cancel("again")
        last = [event async for event in execution.events()][-1]
    assert (last.event_type, last.data.reason) == ("pipeline_cancelled", "enough")
    assert "b" in last.data.unfinished


async def test_ends_well_when_cancelled_after_its_end() -> None:
    """A cancel that comes too late changes nothing."""
    async with Runner().start(chain(kinds.def_double), 1) as execution:
        result = await execution.result()
        execution.cancel()
    assert (result.status, execution.status) == ("completed", "completed")


async def test_is_cancelled_when_that_was_said_before_its_start() -> None:
    """A cancel before the block is a cancel: no step runs."""
    recorder = Recorder()
    execution = Runner([recorder]).start(chain(kinds.async_count, emitted), 3)
    execution.cancel("changed my mind")
    async with execution:
        result = await execution.result(check=False)
    assert (result.status, [event.event_type for event in recorder.events]) == (
        "cancelled",
        ["pipeline_start", "pipeline_cancelled"],
    )


class Raises(Recorder):
    """Fails at its third call."""

    def on_events(self, batch: Sequence[StreamEvent]) -> None:
        super().on_events(batch)
        if len(self.events) >= 3:
            raise RuntimeError("a broken subscriber")


class Hangs(Recorder):
    """Never returns from its first call."""

    send_deadline_s = 0.05

    async def on_events(self, batch: Sequence[StreamEvent]) -> None:  # type: ignore[override]  # either form is allowed
        super().on_events(batch)
        await anyio.sleep_forever()


async def run_with(subscribers: list[Any], *, guests: bool) -> tuple[Any, Recorder, list[StreamEvent]]:
    """Run a pipeline with subscribers; a late reader and one that leaves early are guests inside the block."""
    recorder = Recorder()
    late: list[StreamEvent] = []
    items: list[Any] = []
    execution = Runner([recorder, *subscribers]).start(chain(kinds.async_count, emitted, kinds.async_double), 20)
    async with anyio.create_task_group() as group, execution:
        output = aiter(execution.output)
        items += [await anext(output) for _ in range(3)]

        async def leave_early() -> None:
            async for event in execution.events():
                if event.event_type == "step_progress":
                    return

        async def join_late() -> None:
            late.extend([event async for event in execution.events()])

        if guests:
            group.start_soon(leave_early)
            group.start_soon(join_late)
        items += [item async for item in output]
        await execution.result()
    assert (await execution.result()).status == "completed"
    return items, recorder, late


async def test_is_disturbed_by_no_subscriber() -> None:
    """With one that raises, one that hangs, a late and an early one: same output, same events for the others."""
    expected, alone, _ = await run_with([], guests=False)
    raises, hangs, other = Raises(), Hangs(), Recorder()
    items, recorder, late = await run_with([raises, hangs, other], guests=True)
    assert items == expected == [2 * number for number in range(20)]
    check_numbers(recorder.events)
    assert other.events == recorder.events == late
    assert Counter(map(str, essence(recorder.events))) == Counter(map(str, essence(alone.events)))
    for step_id in ("a", "b", "c", None):
        of_step = [one for one in essence(recorder.events) if one[1] == step_id]
        assert of_step == [one for one in essence(alone.events) if one[1] == step_id]


async def test_names_the_subscribers_that_were_lost() -> None:
    """The result says who missed something, and why."""
    raises, hangs = Raises(), Hangs()
    async with Runner([raises, hangs]).start(chain(kinds.async_count, emitted), 20) as execution:
        await execution.result()
    result_of_losses = {type(one.subscriber).__name__: one.reason for one in execution._context.lost}
    assert result_of_losses == {"Raises": "error", "Hangs": "deadline"}


async def test_gives_independent_views() -> None:
    """Any number of readers see all the events, filtered as each of them asks."""
    seen: dict[str, list[StreamEvent]] = {}
    async with (
        Runner().start(chain(kinds.async_count, emitted, kinds.async_sum), 5) as execution,
        anyio.create_task_group() as group,
    ):

        async def view(name: str, **filters: Any) -> None:
            seen[name] = [event async for event in execution.events(**filters)]

        group.start_soon(lambda: view("all"))
        group.start_soon(lambda: view("starts", types={"step_start"}))
        group.start_soon(lambda: view("b", steps={"b"}))
        group.start_soon(lambda: view("from 3", from_seq=3))
        await execution.result()
    check_numbers(seen["all"])
    assert sorted(event.step_id for event in seen["starts"] if event.step_id) == ["a", "b", "c"]
    assert seen["b"] == [event for event in seen["all"] if event.step_id == "b"]
    assert seen["from 3"] == seen["all"][2:]


async def test_replays_after_the_end() -> None:
    """What was told stays readable when the execution is over."""
    async with Runner().start(chain(kinds.def_double), 1) as execution:
        result = await execution.result()
    replayed = [event async for event in execution.events()]
    check_numbers(replayed)
    assert result.events is not None
    assert list(result.events.read(after=0)) == replayed


async def test_emits_counts_at_the_end_of_each_step() -> None:
    """`step_complete` says what went in and out of every step, in every segment."""
    steps = [kinds.async_count, kinds.def_double, kinds.generator_count, kinds.async_double, kinds.thread_pass]
    result = await chain(*steps, kinds.async_sum).run(4)
    counts = {step_id: (emitted.items_in, emitted.items_out) for step_id, emitted in result.metrics.items()}
    assert counts == {"a": (1, 4), "b": (4, 4), "c": (4, 12), "d": (12, 12), "e": (12, 12), "f": (12, 1)}


async def test_emits_times_that_fit_together() -> None:
    """Times of a step are within its duration, and those that do not exist are None."""
    result = await chain(kinds.async_count, emitted, kinds.async_sum).run(50)
    for end in result.metrics.values():
        assert end.first_item_s is not None
        assert 0 <= end.first_item_s <= end.duration_s
        assert 0 <= end.input_wait_s <= end.duration_s
        assert end.output_wait_s >= 0
    empty = await chain(kinds.async_count, emitted).run(0)
    assert empty.metrics["a"].first_item_s is None


@pytest.mark.parametrize(
    ("emit_items", "expected"),
    [("none", []), ("first", [0]), ("sample", [0, 100, 200]), ("all", list(range(250)))],
)
@pytest.mark.parametrize("source", [kinds.async_count, kinds.generator_count, kinds.thread_count])
async def test_emits_the_items_that_are_asked_for(emit_items: str, expected: list[int], source: Any) -> None:
    """`emit_items` says which items of each step become events."""
    result = await chain(source, kinds.def_double, streaming={"emit_items": emit_items}).run(250)
    assert result.events is not None
    outputs = [event for event in result.events.read(after=0) if event.event_type == "step_output"]
    for step_id in ("a", "b"):
        assert [event.data.index for event in outputs if event.step_id == step_id] == expected
    assert [event.data.value for event in outputs if event.step_id == "b"] == [2 * index for index in expected]


async def test_emits_only_the_end_when_streaming_is_off() -> None:
    """Without streaming the log holds the terminal record, and the result is the same."""
    result = await chain(kinds.async_count, emitted, streaming={"enabled": False}).run(3)
    assert result.output == [0, 1, 2]
    assert result.events is not None
    assert [event.event_type for event in result.events.read(after=0)] == ["pipeline_complete"]


async def test_emits_no_progress_when_that_is_off() -> None:
    """`emit_progress` silences the progress of steps and nothing else."""
    result = await chain(kinds.async_count, emitted, streaming={"emit_progress": False}).run(3)
    assert result.events is not None
    types = {str(event.event_type) for event in result.events.read(after=0)}
    assert "step_progress" not in types
    assert "step_complete" in types


async def test_waits_for_a_subscriber_that_is_slow() -> None:
    """A subscriber that must not miss anything bounds the events that wait for it."""
    most_behind = 0

    class Slow(StreamSubscriber):
        buffer_size = 16

        def __init__(self) -> None:
            self.events: list[StreamEvent] = []

        async def on_event(self, event: StreamEvent) -> None:
            nonlocal most_behind
            most_behind = max(most_behind, execution._context.log.last_seq - event.seq)
            self.events.append(event)
            await anyio.lowlevel.checkpoint()

    slow = Slow()
    pipeline = chain(kinds.async_count, kinds.async_pass, streaming={"emit_items": "all"})
    async with Runner([slow]).start(pipeline, 500) as execution:
        await execution.result()
    check_numbers(slow.events)
    assert most_behind <= 2 * 16


async def test_raises_the_error_that_it_emits() -> None:
    """The terminal event, the raised error and the result say the same."""
    recorder = Recorder()
    with pytest.raises(StepError) as caught:
        await chain(kinds.async_count, fail).run(10, subscribers=[recorder])
    end = recorder.events[-1].data
    assert (end.step_id, end.error_type, end.message) == ("b", "ValueError", "five")
    assert (caught.value.step_id, caught.value.message) == ("b", "ValueError: five")


async def test_start_has_the_planned_flavor_of_each_step() -> None:
    """What each step is planned to run in is known before it starts, and is what it then starts in."""
    recorder = Recorder()
    await chain(kinds.async_count, emitted, kinds.async_sum).run(10, subscribers=[recorder])
    planned = {step.id: step.flavor for step in recorder.events[0].data.steps}
    started = {event.step_id: event.data.flavor for event in recorder.events if event.event_type == "step_start"}
    assert planned == started == {"a": "unary_stream", "b": "stream_stream", "c": "stream_unary"}


@step("events.lenient")
async def lenient(numbers: Stream[int], ctx: StepContext) -> AsyncIterator[int]:
    async for number in numbers:
        if number % 3:
            yield number
        else:
            ctx.progress(message=f"left out {number}", compensations=1)


@step("events.lenient_value")
def lenient_value(number: int, ctx: StepContext) -> int:
    ctx.progress(compensations=1)
    return number


@step("events.lenient_threads", blocking=True)
def lenient_thread(number: int, ctx: StepContext) -> int:
    ctx.progress(message=f"mended {number}", compensations=1)
    return number


STEPS_THAT_COMPENSATE = pytest.mark.parametrize(
    ("steps", "counted"),
    [
        ((kinds.async_count, lenient, kinds.async_sum), {"a": 0, "b": 4, "c": 0}),
        ((kinds.async_count, lenient_value, kinds.async_sum), {"a": 0, "b": 10, "c": 0}),
        ((kinds.async_count, lenient_thread, kinds.async_sum), {"a": 0, "b": 10, "c": 0}),
        ((kinds.def_double, lenient_value), {"a": 0, "b": 1}),
        ((kinds.def_double, lenient_thread), {"a": 0, "b": 1}),
    ],
    ids=["stream", "mapped", "threads", "unary", "unary thread"],
)


@pytest.mark.parametrize("emit_progress", [True, False])
@STEPS_THAT_COMPENSATE
async def test_end_of_a_step_counts_its_compensations(
    steps: Sequence[Any], counted: dict[str, int], emit_progress: bool
) -> None:
    """What a step left out is counted, however seldom its progress is told, and when none is."""
    recorder = Recorder()
    pipeline = chain(*steps, streaming={"emit_progress": emit_progress})
    await pipeline.run(10, subscribers=[recorder])
    ends = [event for event in recorder.events if event.event_type == "step_complete"]
    assert {event.step_id: event.data.compensations for event in ends} == counted


async def test_compensations_are_emitted_when_the_reader_leaves() -> None:
    """A step that is stopped by its reader has ended well, and says what it had left out till then."""
    recorder = Recorder()
    pipeline = chain(kinds.async_count, lenient, kinds.take.with_params(count=1))
    await pipeline.run(100, subscribers=[recorder])
    (end,) = [event for event in recorder.events if event.event_type == "step_complete" and event.step_id == "b"]
    assert end.data.compensations >= 1


@step("events.twice")
def progress_twice(number: int, ctx: StepContext) -> int:
    ctx.progress(0.5, "half")
    ctx.progress(1.0, "all")
    return number


@pytest.mark.parametrize("data", [1, [1]])
async def test_last_progress_is_emitted_however_fast_it_came(data: Any) -> None:
    """What is held back because progress comes too fast is told before the step ends."""
    recorder = Recorder()
    await chain(progress_twice, streaming={"flush_interval_ms": 60_000}).run(data, subscribers=[recorder])
    progress = [event.data.message for event in recorder.events if event.event_type == "step_progress"]
    assert [message for message in progress if message] == ["half", "all"]


async def test_start_has_the_flavors_of_the_plan_that_runs() -> None:
    """The same pipeline runs in other flavors when its input is a stream."""
    pipeline, planned = chain(kinds.def_double, kinds.async_double), []
    for data in (1, [1, 2]):
        recorder = Recorder()
        await pipeline.run(data, subscribers=[recorder])
        planned.append([step.flavor for step in recorder.events[0].data.steps])
    assert planned == [["unary_unary", "unary_unary"], ["stream_stream", "stream_stream"]]


@pytest.mark.parametrize("history", [20, 200])
@pytest.mark.parametrize(
    "steps",
    [
        [kinds.def_double] * 4,
        [kinds.async_pass, kinds.def_double, kinds.def_double, kinds.async_pass],
        [kinds.generator_count],
        [kinds.async_double],
        [kinds.thread_double],
    ],
    ids=["fused", "mixed", "generator", "async", "thread"],
)
async def test_misses_nothing_with_a_short_history(steps: list[Any], history: int) -> None:
    """A function that is subscribed receives every event, however many a slice emits and however few the log keeps."""
    seen: list[int] = []
    names = dict(zip("abcd", steps, strict=False))
    pipeline = Pipeline("events", steps=names, streaming={"emit_items": "all", "history": history})
    await pipeline.run(iter([5] * 200), subscribers=[lambda event: seen.append(event.seq)])
    assert seen == list(range(1, len(seen) + 1))
    assert len(seen) > 200
