# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""Executions of one pipeline at the same time never meet."""

import asyncio
import signal
import sys
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from contextvars import ContextVar
from typing import Any

import anyio
import pytest

from headwater import Pipeline, Result, Runner, StepContext, Stream, StreamEvent, run_sync, step
from tests.running import kinds


@step("isolation.tag")
async def tag(numbers: Stream[int], ctx: StepContext) -> AsyncIterator[str]:
    async for number in numbers:
        ctx.progress(None, f"{ctx.execution_id} {number}")
        await anyio.lowlevel.checkpoint()
        yield f"{ctx.execution_id} {number}"


@step("isolation.tag_one")
async def tag_one(number: int, ctx: StepContext) -> str:
    await anyio.lowlevel.checkpoint()
    return f"{ctx.execution_id} {number}"


@step("isolation.range", blocking=True)
def range_thread(number: int) -> Iterator[int]:
    yield from range(number)


STREAMING = Pipeline("streaming", steps={"count": kinds.async_count, "double": kinds.def_double, "tag": tag})
UNARY = Pipeline("unary", steps={"double": kinds.def_double, "again": kinds.async_double, "tag": tag_one})
THREADS = Pipeline("threads", steps={"count": range_thread, "double": kinds.def_double, "tag": tag})


def expected(pipeline: Pipeline, execution_id: str, data: int) -> Any:
    if pipeline is UNARY:
        return f"{execution_id} {4 * data}"
    return [f"{execution_id} {2 * number}" for number in range(data)]


@pytest.mark.parametrize("pipeline", [STREAMING, UNARY, THREADS], ids=lambda pipeline: pipeline.name)
async def test_keeps_a_hundred_executions_apart(pipeline: Pipeline) -> None:
    """Each of 100 concurrent executions has exactly its own output and its own events."""
    results: dict[int, Result] = {}
    events: dict[int, list[StreamEvent]] = {data: [] for data in range(100)}

    async def run(data: int) -> None:
        async with Runner([events[data].append]).start(pipeline, data) as execution:
            results[data] = await execution.result()

    async with anyio.create_task_group() as group:
        for data in range(100):
            group.start_soon(run, data)

    assert len({result.execution_id for result in results.values()}) == 100
    for data, result in results.items():
        assert result.output == expected(pipeline, result.execution_id, data)
        assert {event.execution_id for event in events[data]} == {result.execution_id}
        assert [event.seq for event in events[data]] == list(range(1, len(events[data]) + 1))
        emitted = [event.data.message for event in events[data] if event.event_type == "step_progress"]
        assert all(message.startswith(result.execution_id) for message in emitted if message)


async def test_keeps_a_failure_to_its_own_execution() -> None:
    """Executions that fail or are cancelled leave the others alone."""

    @step("isolation.odd")
    async def odd(number: int) -> int:
        await anyio.lowlevel.checkpoint()
        if number == 13:
            raise ValueError(number)
        return number

    pipeline = Pipeline("odd", steps={"double": kinds.async_pass, "odd": odd})
    statuses: dict[int, str] = {}

    async def run(data: int) -> None:
        async with Runner().start(pipeline, [data]) as execution:
            if data == 7:
                execution.cancel()
            statuses[data] = (await execution.result(check=False)).status

    async with anyio.create_task_group() as group:
        for data in range(20):
            group.start_soon(run, data)
    assert statuses == {**dict.fromkeys(range(20), "completed"), 13: "failed", 7: "cancelled"}


def test_runs_one_pipeline_in_several_threads() -> None:
    """A pipeline belongs to no event loop: programs in several threads may run it at once."""
    results: list[Any] = []

    async def main() -> None:
        async def run(data: int, backend: str) -> None:
            result = await anyio.to_thread.run_sync(lambda: run_sync(STREAMING, data, backend=backend))
            results.append(result.output == expected(STREAMING, result.execution_id, data))

        async with anyio.create_task_group() as group:
            for data in range(6):
                group.start_soon(run, data, "trio" if data % 2 else "asyncio")

    anyio.run(main)
    assert results == [True] * 6


async def test_runs_inside_a_running_loop() -> None:
    """`run_sync` works where a loop runs already, as in notebooks."""
    assert run_sync(Pipeline("double", steps={"double": kinds.def_double}), 2).output == 4


@step("isolation.handled")
async def handled(numbers: Stream[int]) -> AsyncIterator[str]:
    """Tell which exception is being handled."""
    async for _ in numbers:
        yield repr(sys.exc_info()[1])


def test_runs_outside_of_any_exception_handler() -> None:
    """Within one, every resumption of a generator costs more, and errors of steps drag its exception along."""
    assert run_sync(Pipeline("handled", steps={"handled": handled}), [1]).output == ["None"]


CALLER: ContextVar[str] = ContextVar("caller", default="nobody")


async def test_subscribers_see_the_context_variables_of_who_runs_the_pipeline() -> None:
    """Who started an execution is known where its events are received, also through the blocking door."""
    pipeline = Pipeline("double", steps={"double": kinds.def_double})
    seen: list[str] = []
    CALLER.set("here")
    await pipeline.run(2, subscribers=[lambda event: seen.append(CALLER.get())])
    run_sync(pipeline, 2, subscribers=[lambda event: seen.append(CALLER.get())])
    assert set(seen) == {"here"}


@step("isolation.caller_in_thread", blocking=True)
def caller_in_thread(number: int) -> str:
    return f"{CALLER.get()} {number}"


@step("isolation.callers_in_thread", blocking=True)
def callers_in_thread(numbers: Iterable[int]) -> Iterator[str]:
    for number in numbers:
        yield f"{CALLER.get()} {number}"
        CALLER.set("the step itself")


@pytest.mark.parametrize("target", [caller_in_thread, callers_in_thread], ids=["one", "stream"])
async def test_steps_in_threads_see_the_context_variables_of_who_runs_the_pipeline(target: Any) -> None:
    """A thread begins with a copy of the caller's context, so that what a step sets there stays there."""
    CALLER.set("here")
    pipeline = Pipeline("callers", steps={"count": kinds.async_count, "caller": target})
    for _ in range(2):
        assert (await pipeline.run(1)).output == ["here 0"]
    assert CALLER.get() == "here"


async def test_a_lone_step_in_a_thread_sees_the_context_variables_of_who_runs_the_pipeline() -> None:
    """What runs without streams has the same context."""
    CALLER.set("here")
    pipeline = Pipeline("caller", steps={"caller": caller_in_thread})
    assert (await pipeline.run(1)).output == run_sync(pipeline, 1).output == "here 1"


@step("isolation.own_loop", blocking=True)
def own_loop(number: int) -> int:
    async def double() -> int:
        await anyio.lowlevel.checkpoint()
        return 2 * number

    return anyio.run(double)


async def test_a_step_in_a_thread_may_run_an_event_loop_of_its_own() -> None:
    """The context that crosses does not say that a loop runs already."""
    assert (await Pipeline("loop", steps={"loop": own_loop}).run(2)).output == 4


@step("isolation.interrupts")
async def interrupts(number: int) -> AsyncIterator[int]:
    yield number
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    await anyio.sleep_forever()


@pytest.fixture
def plain_interrupts() -> Iterator[None]:
    """Have an interrupt raise `KeyboardInterrupt` where the main thread is, as in a notebook."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("plain_interrupts")
async def test_ends_an_execution_of_run_sync_when_interrupted() -> None:
    """An interrupt in a running loop stops the execution, with its reason, before it reaches the program."""
    events: list[StreamEvent] = []
    with pytest.raises(KeyboardInterrupt):
        run_sync(Pipeline("interrupts", steps={"interrupts": interrupts}), 1, subscribers=[events.append])
    assert (str(events[-1].event_type), events[-1].data.reason) == ("pipeline_cancelled", "interrupted")
    assert "headwater run_sync" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.usefixtures("plain_interrupts")  # `asyncio.run` handles an interrupt only where nothing else does
def test_ends_an_execution_of_run_sync_when_asyncio_has_an_interrupt() -> None:
    """`asyncio.run` makes a cancellation of the first interrupt, which a blocked loop cannot deliver."""
    events: list[StreamEvent] = []

    async def program() -> None:
        run_sync(Pipeline("interrupts", steps={"interrupts": interrupts}), 1, subscribers=[events.append])

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(program())
    assert (str(events[-1].event_type), events[-1].data.reason) == ("pipeline_cancelled", "interrupted")


def test_runs_in_a_callback_of_a_loop() -> None:
    """A callback, such as that of a button in a notebook, belongs to no task."""
    outputs: list[Any] = []

    async def program() -> None:
        loop, called = asyncio.get_running_loop(), asyncio.Event()

        def callback() -> None:
            outputs.append(run_sync(Pipeline("called", steps={"double": kinds.async_double}), 21).output)
            called.set()

        loop.call_soon(callback)
        await called.wait()

    asyncio.run(program())
    assert outputs == [42]
