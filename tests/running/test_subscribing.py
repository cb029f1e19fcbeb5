# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""Subscribers come and go while an execution runs, and after it; a program names it, or gives it a context."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import ClassVar

import anyio
import pytest
import structlog

from headwater import (
    EventType,
    Pipeline,
    Runner,
    Step,
    StepError,
    StepSkipped,
    Stream,
    StreamEvent,
    StreamingContext,
    StreamSubscriber,
    run_sync,
    step,
)

TERMINAL = {"pipeline_complete", "pipeline_error", "pipeline_cancelled"}


@step("subscribing.pass")
async def passing(numbers: Stream[int]) -> AsyncIterator[int]:
    async for number in numbers:
        yield number


@step("subscribing.double")
async def double(number: int) -> int:
    return 2 * number


class Recorder(StreamSubscriber):
    """Keeps what it receives."""

    def __init__(self) -> None:
        self.events: list[StreamEvent] = []

    def on_events(self, batch: Sequence[StreamEvent]) -> Awaitable[None] | None:
        self.events += batch
        return None

    def note(self, event: StreamEvent) -> None:
        self.events.append(event)

    @property
    def seqs(self) -> list[int]:
        return [event.seq for event in self.events]


class Waiting(Recorder):
    """Awaits something in each call, and has a lifespan."""

    def __init__(self) -> None:
        super().__init__()
        self.left = False

    async def on_events(self, batch: Sequence[StreamEvent]) -> None:
        await anyio.lowlevel.checkpoint()
        super().on_events(batch)

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None]:
        yield
        self.left = True


KINDS = pytest.mark.parametrize("make", [Recorder, Waiting])


def pipeline() -> Pipeline:
    return Pipeline("numbers", steps={"first": passing, "second": passing}, streaming={"emit_items": "all"})


def complete(recorder: Recorder, from_seq: int = 1) -> bool:
    """Return whether a recorder has every event from a number to the terminal one, in order."""
    last = recorder.events[-1]
    return last.event_type in TERMINAL and recorder.seqs == list(range(from_seq, last.seq + 1))


@KINDS
@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("items", [0, 1, 5])
async def test_subscriber_gets_everything_whenever_it_joins(make: type[Recorder], early: bool, items: int) -> None:
    """Before the start, after any number of items, after the end: what was, what comes, and the end."""
    steady = Recorder()
    joined: list[Recorder] = []
    execution = Runner([steady] if early else []).start(pipeline(), range(5))
    joined.append(make())
    execution.subscribe(joined[-1])
    async with execution:
        output = aiter(execution.output)
        for _ in range(items):
            await anext(output)
            joined.append(make())
            assert (await execution.subscribe(joined[-1])) is not None
        await execution.result()
        joined.append(make())
        execution.subscribe(joined[-1])
    joined.append(make())
    await execution.subscribe(joined[-1])
    assert all(complete(one) for one in joined)
    assert not early or complete(steady)


@KINDS
async def test_subscriber_joins_from_a_number_and_by_filters(make: type[Recorder]) -> None:
    """It is asked for as with `StreamingContext.subscribe`."""
    later, outputs = make(), make()
    async with Runner().start(pipeline(), range(5)) as execution:
        await execution.result()
        execution.subscribe(later, from_seq=4)
        execution.subscribe(outputs, types={"step_output"}, steps={"second"})
    assert complete(later, from_seq=4)
    assert [(event.step_id, event.data.value) for event in outputs.events] == [("second", n) for n in range(5)]


async def test_plain_subscriber_is_served_in_the_call_when_the_execution_was_left() -> None:
    """No task is there, and none is needed; one that awaits something is awaited by the program."""
    plain, waiting, function = Recorder(), Waiting(), Recorder()
    async with Runner().start(pipeline(), range(500)) as execution:
        await execution.result()
    execution.subscribe(plain)
    execution.subscribe(lambda event: function.on_events([event]))
    assert complete(plain)
    assert function.seqs == plain.seqs
    subscription = execution.subscribe(waiting, buffer_size=7)
    assert waiting.events == []
    await subscription
    await subscription
    assert complete(waiting)
    assert waiting.left


async def test_subscriber_that_raises_after_the_end_is_reported() -> None:
    """As one that raises while the execution runs: it does not raise where it is subscribed."""

    def refuse(event: StreamEvent) -> None:
        raise KeyError(event.seq)

    async with Runner().start(pipeline(), [1]) as execution:
        await execution.result()
    with structlog.testing.capture_logs() as reports:
        await execution.subscribe(refuse)
    assert [(report["event"], report["reason"]) for report in reports] == [("subscriber_lost", "error")]


async def test_unsubscribe_takes_the_subscriber_the_function_or_the_subscription() -> None:
    """All three end the delivery, also when awaited; one that is not subscribed is left alone."""
    recorders = [Recorder() for _ in range(3)]
    async with Runner().start(pipeline(), range(3)) as execution:
        first = execution.subscribe(recorders[0])
        execution.subscribe(recorders[1])
        execution.subscribe(recorders[2].note)
        await anext(aiter(execution.output))
        await anyio.wait_all_tasks_blocked()
        counts = [len(recorder.events) for recorder in recorders]
        execution.unsubscribe(first)
        await execution.unsubscribe(recorders[1])
        await execution.unsubscribe(recorders[2].note)
        await execution.unsubscribe(Recorder())
        await execution.result()
    assert [len(recorder.events) for recorder in recorders] == counts
    with pytest.raises(TypeError, match="expected a StreamSubscriber"):
        execution.unsubscribe(3)  # type: ignore[arg-type]


@KINDS
async def test_subscriber_that_joins_learns_of_a_cancellation(make: type[Recorder]) -> None:
    """Its delivery is part of the execution, and is not cancelled with the steps."""
    joined = make()
    async with Runner().start(pipeline(), range(5)) as execution:
        await anext(aiter(execution.output))
        execution.subscribe(joined)
        execution.cancel("enough")
    assert complete(joined)
    assert joined.events[-1].event_type == "pipeline_cancelled"


async def test_subscriber_that_joins_and_hangs_does_not_outlive_a_cancelled_program() -> None:
    """It has its deadline, as every subscriber has."""

    async def hang(_event: StreamEvent) -> None:
        await anyio.sleep_forever()

    execution = Runner().start(pipeline(), count())
    with anyio.CancelScope() as scope:
        async with execution:
            execution.subscribe(hang, send_deadline_s=0.01)
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
            await anyio.sleep_forever()
    assert execution.status == "cancelled"


async def test_program_gives_the_id_of_an_execution() -> None:
    """It is in the execution, in its events and in its result."""
    result = await pipeline().run([1], execution_id="order-17")
    assert result.execution_id == "order-17"
    assert result.events is not None
    assert {event.execution_id for event in result.events.read(after=0)} == {"order-17"}
    assert (await Runner().run(pipeline(), [1], execution_id="0f_-")).execution_id == "0f_-"


@pytest.mark.parametrize("bad", ["", "a b", "-a", "ä", "a\n", "../a", "a.b", "x" * 129, "ordér"])
def test_id_of_an_execution_is_refused_when_it_is_not_one(bad: str) -> None:
    """It becomes a part of paths and addresses, so it is restricted as other names are."""
    for start in (run_sync, Runner().start):
        with pytest.raises(ValueError, match=r"an id is expected .ASCII letters, digits, _ and -"):
            start(pipeline(), [1], execution_id=bad)
    with pytest.raises(ValueError, match="an id is expected"):
        Runner().start(pipeline(), [1], context=StreamingContext(bad))
    assert run_sync(pipeline(), [1], execution_id="x" * 128).execution_id == "x" * 128


def test_id_of_an_execution_is_refused_when_it_is_not_a_string() -> None:
    """An UUID is to be written as a string."""
    with pytest.raises(TypeError, match="execution_id is a int, but a string is expected"):
        run_sync(pipeline(), [1], execution_id=7)  # type: ignore[arg-type]


async def test_id_of_an_execution_is_refused_while_another_one_has_it() -> None:
    """Within the block of a runner; after the end it is free again."""
    async with Runner() as runner:
        async with runner.start(pipeline(), [1], execution_id="one") as execution:
            with pytest.raises(RuntimeError, match="execution 'one' already runs in this runner"):
                await runner.run(pipeline(), [1], execution_id="one")
            await execution.result()
        assert (await runner.run(pipeline(), [1], execution_id="one")).status == "completed"


@KINDS
@pytest.mark.parametrize("entered", [False, True])
async def test_program_gives_a_context_and_subscribes_before_the_start(make: type[Recorder], entered: bool) -> None:
    """Its id is the id of the execution, and its subscribers have everything when the execution is over."""
    recorder = make()
    context = StreamingContext("mine", history=10_000)
    context.subscribe(recorder)
    if entered:
        async with context:
            result = await pipeline().run(range(3), context=context)
            assert complete(recorder)
            late = make()
            await context.subscribe(late)
    else:
        result = await Runner([]).run(pipeline(), range(3), context=context)
        late = make()
        await context.subscribe(late)
    assert result.execution_id == "mine"
    assert result.events is context.log
    assert complete(recorder)
    assert complete(late)


def test_context_is_given_to_run_sync() -> None:
    """In a loop of its own, so it cannot have been entered."""
    recorder, context = Recorder(), StreamingContext("mine")
    context.subscribe(recorder)
    assert run_sync(pipeline(), range(3), context=context).output == [0, 1, 2]
    assert complete(recorder)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_context_of_another_loop_is_refused() -> None:
    """Nothing of this loop may be touched there."""
    async with StreamingContext("mine") as context:
        with pytest.raises(RuntimeError, match="the context was entered in another event loop"):
            await anyio.to_thread.run_sync(lambda: run_sync(pipeline(), [1], context=context))


async def test_context_is_used_for_one_execution() -> None:
    """A second use would mix two executions in one log."""
    context = StreamingContext("mine")
    await pipeline().run([1], context=context)
    with pytest.raises(RuntimeError, match="the streaming context of 'mine' was used before; make another one"):
        await pipeline().run([1], context=context)
    running = StreamingContext("other")
    async with Runner().start(pipeline(), [1], context=running):
        with pytest.raises(RuntimeError, match="was used before"):
            Runner().start(pipeline(), [1], context=running)
    async with StreamingContext("left") as left:
        pass
    with pytest.raises(RuntimeError, match="was used before"):
        Runner().start(pipeline(), [1], context=left)


def test_context_is_refused_when_it_is_something_else() -> None:
    """Or when there is an id beside it."""
    with pytest.raises(TypeError, match="context is a str, but a StreamingContext is expected"):
        Runner().start(pipeline(), [1], context="mine")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="give one"):
        Runner().start(pipeline(), [1], context=StreamingContext("mine"), execution_id="other")


async def test_options_of_a_given_context_hold() -> None:
    """They are the program's, and stand in place of those of the document."""
    silent = StreamingContext("silent", enabled=False)
    assert (await pipeline().run([1], context=silent)).status == "completed"
    assert silent.log.last_seq == 1
    document = Pipeline("quiet", steps={"double": double}, streaming={"enabled": False})
    loud = StreamingContext("loud")
    await document.run(1, context=loud)
    assert [event.event_type async for event in loud.events()] == [
        "pipeline_start", "step_start", "step_output", "step_complete", "pipeline_complete",
    ]  # fmt: skip


async def test_program_adds_events_of_its_own_to_those_of_an_execution() -> None:
    """They are numbered with the others; the end is for the execution to emit."""
    recorder, context = Recorder(), StreamingContext("mine")
    context.subscribe(recorder)
    note = StreamEvent(99, EventType.STEP_SKIPPED, "mine", "outside", data=StepSkipped("by hand"))
    await context.emit(note)
    async with Runner().start(pipeline(), [1], context=context) as execution:
        await context.emit(note)
        with pytest.raises(RuntimeError, match=r"'pipeline_complete' is for the execution to emit"):
            context.emit(EventType.PIPELINE_COMPLETE)
        with pytest.raises(RuntimeError, match="for the execution to emit"):
            context.emit(StreamEvent(1, EventType.PIPELINE_ERROR, "mine"))
        assert (await execution.result()).status == "completed"
    assert complete(recorder)
    assert [event.data.reason for event in recorder.events if event.step_id == "outside"] == ["by hand"] * 2


@pytest.mark.parametrize("size", [1, 3])
async def test_subscribers_that_join_a_full_runner_do_not_cost_an_end(size: int) -> None:
    """Many that come and go leave no task behind, and every execution ends."""
    async with Runner() as runner:
        for turn in range(size):
            async with runner.start(pipeline(), range(3)) as execution:
                guests = [Recorder() for _ in range(10)]
                for guest in guests:
                    execution.subscribe(guest)
                    if turn % 2:
                        execution.unsubscribe(guest)
                await execution.result()
            assert turn % 2 or all(complete(guest) for guest in guests)


class Opened(Step, kind="subscribing.opened"):
    """Acquires something while others subscribe."""

    _joining: ClassVar[list[Callable[[], object]]] = []

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None]:
        for join in self._joining:
            join()
        yield

    async def run(self, numbers: Stream[int]) -> AsyncIterator[int]:
        async for number in numbers:
            yield number


@KINDS
async def test_subscriber_joins_while_steps_acquire_what_they_need(
    make: type[Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The execution has begun, but its tasks have not."""
    recorder = make()
    execution = Runner().start(Pipeline("opened", steps={"opened": Opened()}), [1, 2])
    monkeypatch.setattr(Opened, "_joining", [lambda: execution.subscribe(recorder)])
    async with execution:
        await execution.result()
    assert complete(recorder)


async def test_subscriber_of_an_execution_that_could_not_start_gets_its_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The program subscribes to what the failed start has left."""
    recorder = Recorder()

    def fail() -> None:
        raise OSError("no disk")

    monkeypatch.setattr(Opened, "_joining", [fail])
    execution = Runner().start(Pipeline("opened", steps={"opened": Opened()}), [1, 2])
    with pytest.raises(StepError, match="no disk"):
        await execution.__aenter__()
    execution.subscribe(recorder)
    assert [event.event_type for event in recorder.events] == ["pipeline_start", "pipeline_error"]
