# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""An execution has completed only when each step has returned and each stream has ended; all else is a failure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from anyio.lowlevel import checkpoint

from headwater import Execution, Pipeline, Runner, StepError, Stream, step
from headwater.running.failures import STEP_ERRORS, error_in
from headwater.testing import EventRecorder

ITEMS, ODD_ITEM = 40, 17


class PanicError(BaseException):
    """An error of code that is not written in Python."""


def panic() -> BaseException:
    return PanicError("called `unwrap` on nothing")


def several() -> BaseException:
    return BaseExceptionGroup("two parts failed", [ValueError("one"), PanicError("two")])


ODD: dict[str, Callable[[], BaseException]] = {
    "panic": panic,
    "several": several,
    "exit": lambda: SystemExit(3),
    "generator-exit": lambda: GeneratorExit("closed"),
    "stop": lambda: StopIteration(1),
    "stop-async": lambda: StopAsyncIteration(1),
    "cancelled": lambda: asyncio.CancelledError("by another task"),
    "interrupted": KeyboardInterrupt,
}


class Trap:
    """What the steps call with each item; it raises at one of them."""

    def __init__(self) -> None:
        self.make: Callable[[], BaseException] = ValueError

    def __call__(self, number: int) -> int:
        if number == ODD_ITEM:
            raise self.make()
        return number


TRAP = Trap()


@step("complete.numbers")
async def numbers() -> AsyncIterator[int]:
    for number in range(ITEMS):
        yield number


@step("complete.def")
def plain(number: int) -> int:
    return TRAP(number)


@step("complete.generator")
def expanding(number: int) -> Iterator[int]:
    yield TRAP(number)


@step("complete.async")
async def waiting(number: int) -> int:
    await anyio.lowlevel.checkpoint()
    return TRAP(number)


@step("complete.async_generator")
async def async_expanding(number: int) -> AsyncIterator[int]:
    await anyio.lowlevel.checkpoint()
    yield TRAP(number)


@step("complete.thread", blocking=True)
def blocking(number: int) -> int:
    return TRAP(number)


@step("complete.thread_generator", blocking=True)
def blocking_expanding(number: int) -> Iterator[int]:
    yield TRAP(number)


@step("complete.stream")
async def passing(items: Stream[int]) -> AsyncIterator[int]:
    async for number in items:
        yield TRAP(number)


@step("complete.thread_stream", blocking=True)
def blocking_passing(items: Iterable[int]) -> Iterator[int]:
    for number in items:
        yield TRAP(number)


@step("complete.source")
async def source() -> AsyncIterator[int]:
    for number in range(ITEMS):
        yield TRAP(number)


@step("complete.generator_source")
def generator_source() -> Iterator[int]:
    for number in range(ITEMS):
        yield TRAP(number)


@step("complete.thread_source", blocking=True)
def thread_source() -> Iterator[int]:
    for number in range(ITEMS):
        yield TRAP(number)


@step("complete.same")
async def same(number: int) -> int:
    return number


@step("complete.count")
async def count(items: Stream[int]) -> int:
    return len(await items.collect())


@step("complete.one")
async def one() -> int:
    return ODD_ITEM


@step("complete.total")
async def total(items: Stream[int]) -> int:
    return sum([TRAP(number) async for number in items])


@step("complete.thread_total", blocking=True)
def thread_total(items: Iterable[int]) -> int:
    return sum([TRAP(number) for number in items])


MAPPED: dict[str, tuple[Any, dict[str, Any]]] = {
    "def": (plain, {}),
    "generator": (expanding, {}),
    "async": (waiting, {}),
    "async-workers": (waiting, {"concurrency": 4}),
    "async-inline": (waiting, {"inline": True}),
    "async-generator": (async_expanding, {}),
    "thread": (blocking, {}),
    "thread-workers": (blocking, {"concurrency": 3}),
    "thread-generator": (blocking_expanding, {}),
    "stream": (passing, {}),
    "thread-stream": (blocking_passing, {}),
}


def mapped(function: Any, options: dict[str, Any]) -> Pipeline:
    return Pipeline("odd", steps={"first": numbers, "odd": function, "count": count}, options={"odd": options})


SHAPES: dict[str, Pipeline] = {
    **{name: mapped(*given) for name, given in MAPPED.items()},
    **{
        f"{name}-source": Pipeline("odd", steps={"odd": function, "same": same, "count": count})
        for name, function in (("async", source), ("generator", generator_source), ("thread", thread_source))
    },
    "inline-source": Pipeline(
        "odd", steps={"odd": generator_source, "same": same, "count": count}, options={"same": {"inline": True}}
    ),
    "fused": Pipeline("odd", steps={"first": numbers, "same": same, "odd": plain, "count": count}),
    "total": Pipeline("odd", steps={"first": numbers, "odd": total}),
    "thread-total": Pipeline("odd", steps={"first": numbers, "odd": thread_total}),
    "unary-def": Pipeline("odd", steps={"one": one, "odd": plain}),
    "unary-async": Pipeline("odd", steps={"one": one, "odd": waiting}),
    "unary-thread": Pipeline("odd", steps={"one": one, "odd": blocking}),
    "unary-limited": Pipeline("odd", steps={"one": one, "odd": waiting}, options={"odd": {"timeout": {"total_s": 60}}}),
}


async def ended(execution: Execution) -> BaseException | None:
    """Run an execution to its end, and return what its block raised."""
    try:
        async with execution:
            await execution.result()
    except STEP_ERRORS as error:
        return error
    return None


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("odd", [name for name in ODD if name != "interrupted"])
async def test_fails_with_the_step_when_it_raises_something_odd(shape: str, odd: str) -> None:
    """Whatever a step raises, and wherever it runs: it has not returned, so it has failed."""
    TRAP.make, recorder = ODD[odd], EventRecorder()
    error = await ended(Runner(subscribers=[recorder]).start(SHAPES[shape]))
    assert isinstance(error, StepError)
    assert error.step_id == "odd"
    assert recorder.events[-1].event_type == "pipeline_error"
    assert recorder.events[-1].data.step_id == "odd"
    assert [event.step_id for event in recorder.events if event.event_type == "step_error"][:1] == ["odd"]


@pytest.mark.parametrize("shape", SHAPES)
def test_interrupts_the_program_too_when_a_step_is_interrupted(shape: str) -> None:
    """Trio raises an interrupt in whatever runs: the step has failed, and the program still gets its interrupt."""
    TRAP.make, recorder = KeyboardInterrupt, EventRecorder()
    with pytest.raises(KeyboardInterrupt):
        anyio.run(Runner(subscribers=[recorder]).run, SHAPES[shape], backend="trio")
    assert recorder.events[-1].event_type == "pipeline_error"
    assert recorder.events[-1].data.step_id == "odd"


@pytest.mark.parametrize("odd", [name for name in ODD if name not in {"interrupted", "stop", "stop-async"}])
async def test_fails_when_the_input_raises_something_odd(odd: str) -> None:
    """The data of a program is part of the execution."""
    make = ODD[odd]

    def data() -> Iterator[int]:
        yield from range(ODD_ITEM)
        raise make()

    async def later() -> AsyncIterator[int]:
        for number in data():
            yield number

    for given in (data(), later()):
        error = await ended(Runner().start(Pipeline("odd", steps={"same": same, "count": count}), given))
        assert isinstance(error, StepError)
        assert error.step_id == "input"


@pytest.mark.parametrize("options", [{}, {"concurrency": 4}, {"inline": True}], ids=["alone", "workers", "inline"])
async def test_fails_when_a_helper_of_a_step_was_cancelled_by_others(
    options: dict[str, Any], anyio_backend: tuple[str, dict[str, Any]]
) -> None:
    """A client that cancels its open requests does not stop the step that waits for one."""
    if anyio_backend[0] == "trio":
        pytest.skip("a task of trio cannot be cancelled by others")

    @step("complete.request")
    async def request(number: int) -> int:
        reply = asyncio.get_running_loop().create_future()
        if number == ODD_ITEM:
            reply.cancel()
        else:
            reply.set_result(number)
        return await reply  # type: ignore[no-any-return]

    error = await ended(Runner().start(mapped(request, options)))
    assert isinstance(error, StepError)
    assert error.step_id == "odd"
    assert "something that it waited for was cancelled" in error.message


@pytest.mark.parametrize("options", [{}, {"concurrency": 4}, {"inline": True}], ids=["alone", "workers", "inline"])
async def test_fails_when_the_task_of_a_step_is_cancelled_from_inside(
    options: dict[str, Any], anyio_backend: tuple[str, dict[str, Any]]
) -> None:
    """A task that is cancelled by its own code ends without a result."""
    if anyio_backend[0] == "trio":
        pytest.skip("a task of trio cannot be cancelled by its code")

    @step("complete.leave")
    async def leave(number: int) -> int:
        if number == ODD_ITEM and (task := asyncio.current_task()) is not None:
            task.cancel()
        await checkpoint()
        return number

    error = await ended(Runner().start(mapped(leave, options)))
    assert isinstance(error, StepError)
    assert error.step_id == "odd"


async def test_is_cancelled_when_the_program_stops_it() -> None:
    """A cancellation that the execution asked for is no failure of a step."""
    execution = Runner().start(SHAPES["async-workers"])
    with anyio.CancelScope() as scope:
        async with execution:
            scope.cancel()
            await anyio.sleep_forever()
    assert execution.status == "cancelled"


def test_makes_an_error_of_what_is_none() -> None:
    """The cause of the failure is what the step raised."""
    raised = panic()
    failure = error_in(raised)
    assert failure.__cause__ is raised
    assert str(failure) == "it raised PanicError: called `unwrap` on nothing, which is not an Exception"
