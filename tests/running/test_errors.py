# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""What goes wrong is one error with the step, the attempt and the cause, whatever raised it and wherever."""

import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic import BaseModel

from headwater import (
    ConfigError,
    ExecutionCancelled,
    ExecutionTimeoutError,
    Pipeline,
    Runner,
    StepContext,
    StepError,
    Stream,
    StreamBrokenError,
    step,
)
from tests.running import kinds


class Odd(Exception):  # noqa: N818 - an error that follows no rule
    """An error of a step's own."""


@step("errors.def")
def raise_def(number: int) -> int:
    raise Odd("from the step")


@step("errors.async")
async def raise_async(number: int) -> int:
    raise Odd("from the step")


@step("errors.thread", blocking=True)
def raise_thread(number: int) -> int:
    raise Odd("from the step")


@step("errors.generator")
def raise_generator(number: int) -> Iterator[int]:
    yield number
    raise Odd("from the step")


@step("errors.stream")
async def raise_stream(numbers: Stream[int]) -> AsyncIterator[int]:
    yield 1
    raise Odd("from the step")


@step("errors.thread_stream", blocking=True)
def raise_thread_stream(numbers: Iterable[int]) -> Iterator[int]:
    yield 1
    raise Odd("from the step")


@step("errors.unary")
async def raise_unary(numbers: Stream[int]) -> int:
    raise Odd("from the step")


@step("errors.group")
async def raise_group(number: int) -> int:
    async with anyio.create_task_group() as group:
        group.start_soon(_raise)
    return number


async def _raise() -> None:
    raise Odd("from the step")


RAISING = [
    raise_def,
    raise_async,
    raise_thread,
    raise_generator,
    raise_stream,
    raise_thread_stream,
    raise_unary,
    raise_group,
]


def chain(*steps: Any, **options: Any) -> Pipeline:
    return Pipeline("chain", steps=dict(zip("abcdefgh", steps, strict=False)), **options)


@pytest.mark.parametrize("raising", RAISING, ids=lambda target: target.kind)
@pytest.mark.parametrize("data", [1, [1, 2]], ids=["value", "stream"])
async def test_names_the_step_and_keeps_the_cause(raising: Any, data: Any) -> None:
    """One `StepError` says which step, which try and what; the original is its cause."""
    with pytest.raises(StepError) as caught:
        await chain(kinds.def_double, raising, kinds.async_pass).run(data)
    error = caught.value
    assert (error.step_id, error.attempt, error.path) == ("b", 1, ("b",))
    assert isinstance(error.__cause__, Odd)
    assert str(error) == "step 'b' failed: Odd: from the step"
    assert error.result.status == "failed"
    assert error.result.error is error


async def test_names_the_fused_step_that_failed() -> None:
    """Of several steps that run as one, the right one is named."""
    with pytest.raises(StepError) as caught:
        await chain(kinds.async_count, kinds.def_double, raise_def, kinds.def_double).run(3)
    assert caught.value.step_id == "c"


@pytest.mark.parametrize("data", [1, [1]], ids=["unary", "stream"])
async def test_raises_one_error_when_several_steps_fail_together(data: Any) -> None:
    """The first failure is the error; the others do not hide it in a group."""
    both = anyio.Event()
    waiting = 0

    @step("errors.together")
    async def together(number: int) -> int:
        nonlocal waiting
        waiting += 1
        if waiting == 2:
            both.set()
        try:
            await both.wait()
            raise Odd("from the step")
        finally:
            if waiting == 3:
                raise Odd("never")

    @step("errors.unwinding")
    async def unwinding(number: int) -> int:
        nonlocal waiting
        waiting += 1
        if waiting == 2:
            both.set()
        try:
            await anyio.sleep_forever()
        finally:
            raise KeyError("while unwinding")
        return number

    pipeline = Pipeline(
        "both",
        steps={"start": kinds.async_double, "one": together, "other": unwinding, "end": kinds.add},
        edges=["start -> one", "start -> other", "one -> end.left", "other -> end.right"],
    )
    if data == [1]:
        pipeline = Pipeline(
            "both",
            steps={"start": kinds.async_pass, "one": together, "other": unwinding},
            edges=["start -> one", "start -> other"],
        )
    with pytest.raises(StepError) as caught:
        await pipeline.run(data)
    assert caught.value.step_id == "one"
    assert isinstance(caught.value.__cause__, Odd)


async def test_reports_a_break_that_a_step_raised_itself_as_its_own() -> None:
    """A step that reads some stream of its own, and finds it cut, has failed."""

    @step("errors.own_break")
    async def own_break(number: int) -> int:
        raise StreamBrokenError("the connection was cut")

    with pytest.raises(StepError) as caught:
        await chain(own_break).run([1])
    assert (caught.value.step_id, str(caught.value.__cause__)) == ("a", "the connection was cut")


async def test_fails_when_a_step_raises_a_cancellation_of_its_own() -> None:
    """A step that stops itself like a cancelled one did not end well."""

    @step("errors.stops_itself")
    async def stops_itself(numbers: Stream[int]) -> AsyncIterator[int]:
        async for number in numbers:
            yield number
            with anyio.CancelScope() as scope:
                scope.cancel()
                await anyio.lowlevel.checkpoint()
            if number == 2:
                raise anyio.EndOfStream

    with pytest.raises(StepError, match="EndOfStream"):
        await chain(kinds.async_count, stops_itself).run(10)


@pytest.mark.parametrize("items", [3, 300])
@pytest.mark.parametrize("reader", [kinds.async_pass, kinds.async_double, kinds.def_double, kinds.thread_pass])
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_gives_the_items_before_the_programs_iterable_failed(items: int, reader: Any, asynchronous: bool) -> None:
    """An input that raises breaks the stream after its items, and is named as the input."""

    def plain() -> Iterator[int]:
        yield from range(items)
        raise Odd("from the program")

    async def awaited() -> AsyncIterator[int]:
        for number in range(items):
            yield number
        raise Odd("from the program")

    async with Runner().start(chain(reader), awaited() if asynchronous else plain()) as execution:
        result = await execution.result(check=False)
    assert result.status == "failed"
    assert result.output == [2 * number if "double" in reader.kind else number for number in range(items)]
    assert isinstance(result.error, StepError)
    assert (result.error.step_id, type(result.error.__cause__)) == ("input", Odd)


async def test_stops_the_branches_beside_the_input_that_failed() -> None:
    """A source of its own does not keep an execution alive whose input has failed."""

    @step("errors.endless")
    async def endless() -> AsyncIterator[int]:
        while True:
            yield 1
            await anyio.lowlevel.checkpoint()

    def broken() -> Iterator[int]:
        yield 1
        raise Odd("from the program")

    pipeline = Pipeline(
        "beside",
        steps={"endless": endless, "left": kinds.async_pass, "double": kinds.def_double},
        edges=["endless -> left", "input -> double"],
    )
    with anyio.fail_after(60), pytest.raises(StepError, match="input"):
        await pipeline.run(broken())


TWO = Pipeline(
    "two",
    steps={"a": kinds.def_double, "b": kinds.def_double, "c": kinds.add},
    edges=["a -> c.left", "b -> c.right"],
)


@pytest.mark.parametrize(
    ("target", "data", "code"),
    [
        (chain(kinds.def_double), None, "missing-input"),
        (chain(kinds.async_pass), None, "missing-input"),
        (TWO, 1, "missing-input"),
        (TWO, {"a": 1}, "missing-input"),
        (TWO, {"a": 1, "b": 2, "c": 3}, "missing-input"),
    ],
)
async def test_refuses_data_that_fits_no_input(target: Pipeline, data: Any, code: str) -> None:
    """Missing data and data for no input are errors of the call, told at once."""
    with pytest.raises(ConfigError) as caught:
        Runner().start(target, data)
    assert [problem.code for problem in caught.value.problems] == [code]


async def test_refuses_data_when_there_is_no_input() -> None:
    """A pipeline with a source of its own takes no data."""

    @step("errors.source")
    async def source() -> AsyncIterator[int]:
        yield 1

    with pytest.raises(ConfigError) as caught:
        Runner().start(chain(source), [1])
    assert [problem.code for problem in caught.value.problems] == ["unexpected-input"]
    assert (await chain(source).run()).output == [1]


class Person(BaseModel):
    name: str
    age: int


@step("errors.age")
def age(person: Person) -> int:
    return person.age


@step("errors.ages")
async def ages(people: Stream[Person]) -> AsyncIterator[int]:
    async for person in people:
        yield person.age


@pytest.mark.parametrize("target", [age, ages], ids=lambda target: target.kind)
async def test_checks_the_programs_data(target: Any) -> None:
    """Data from outside becomes what the step declares, or is an error that names step, port and field."""
    good, bad = {"name": "Ada", "age": 36}, {"name": "Bob", "age": "unknown"}
    assert (await chain(target).run([good, Person(name="Eve", age=5)])).output == [36, 5]
    with pytest.raises(StepError, match=r"step 'a' port 'pe.*age") as caught:
        await chain(target).run([good, bad])
    assert caught.value.result.output == [36]


async def test_leaves_the_programs_data_alone() -> None:
    """What a program gives is not changed."""
    data = [{"name": "Ada", "age": 36}]
    await chain(age).run(data)
    assert data == [{"name": "Ada", "age": 36}]


@pytest.mark.parametrize("wrong", ["text", None, 1.5, [1]])
@pytest.mark.parametrize("data", [1, [1, 2]], ids=["value", "stream"])
@pytest.mark.parametrize("kind", ["def", "async", "thread", "stream"])
async def test_refuses_a_result_of_another_type(wrong: Any, data: Any, kind: str) -> None:
    """A step that does not keep its annotation fails by name, before anything else sees the value."""

    @step("errors.lies")
    def lies(number: int) -> int:
        return wrong

    @step("errors.lies_async")
    async def lies_async(number: int) -> int:
        return wrong

    @step("errors.lies_thread", blocking=True)
    def lies_thread(number: int) -> int:
        return wrong

    @step("errors.lies_stream")
    async def lies_stream(numbers: Stream[int]) -> AsyncIterator[int]:
        yield wrong

    target = {"def": lies, "async": lies_async, "thread": lies_thread, "stream": lies_stream}[kind]
    with pytest.raises(StepError, match=r"step 'a'.*expected int") as caught:
        await chain(target, kinds.async_pass).run(data)
    assert caught.value.step_id == "a"


class TestTimeouts:
    @pytest.mark.parametrize("kind", ["unary", "stream", "mapped"])
    async def test_ends_a_step_that_takes_too_long(self, kind: str) -> None:
        """`timeout.total_s` of a step is an error of that step."""

        @step("errors.sleeps")
        async def sleeps(number: int) -> int:
            return await anyio.sleep_forever() or number

        @step("errors.sleeps_stream")
        async def sleeps_stream(numbers: Stream[int]) -> AsyncIterator[int]:
            async for number in numbers:
                yield number
            await anyio.sleep_forever()

        target = sleeps_stream if kind == "stream" else sleeps
        pipeline = chain(target, kinds.def_double, options={"a": {"timeout": {"total_s": 0.05}}})
        with pytest.raises(StepError, match=r"timeout of 0.05 s") as caught:
            await pipeline.run(1 if kind == "unary" else [1, 2])
        assert caught.value.step_id == "a"
        assert isinstance(caught.value.__cause__, TimeoutError)
        in_time = caught.value.result.output
        assert in_time == ([2, 4][: len(in_time)] if kind == "stream" else [] if kind == "mapped" else None)

    async def test_keeps_the_items_that_came_before_the_time_of_a_step_was_up(self, virtual_clock: Any) -> None:
        """Whatever was written in time is output, to the last item."""

        @step("errors.stops_short")
        async def stops_short(numbers: Stream[int]) -> AsyncIterator[int]:
            async for number in numbers:
                yield number
            await anyio.sleep_forever()

        pipeline = chain(stops_short, kinds.def_double, options={"a": {"timeout": {"total_s": 60}}})
        with pytest.raises(StepError) as caught:
            await pipeline.run([1, 2])
        assert caught.value.result.output == [2, 4]
        assert virtual_clock.elapsed_s == 60

    async def test_ends_an_execution_that_takes_too_long(self) -> None:
        """`timeout.total_s` of a pipeline is an error of the execution."""

        @step("errors.never_ends")
        async def never_ends(number: int) -> AsyncIterator[int]:
            yield number
            await anyio.sleep_forever()

        async with Runner().start(chain(never_ends, timeout_s=0.05), 1) as execution:
            with pytest.raises(ExecutionTimeoutError) as caught:
                await execution.result()
        assert execution.status == "failed"
        result = caught.value.result
        assert result is not None
        assert result.output in ([], [1])
        assert "0.05 s" in str(caught.value)

    async def test_keeps_the_items_that_came_before_the_time_was_up(self, virtual_clock: Any) -> None:
        """An execution that takes too long ends after the items that came in time."""

        @step("errors.goes_on")
        async def goes_on(number: int) -> AsyncIterator[int]:
            yield number
            await anyio.sleep_forever()

        async with Runner().start(chain(goes_on, timeout_s=60), 1) as execution:
            with pytest.raises(ExecutionTimeoutError) as caught:
                await execution.result()
        assert caught.value.result is not None
        assert caught.value.result.output == [1]
        assert virtual_clock.elapsed_s == 60

    async def test_cancels_a_thread_when_its_time_is_up(self) -> None:
        """A blocking step is not left behind: it can ask whether it is cancelled."""
        seen: list[bool] = []

        @step("errors.polls", blocking=True)
        def polls(number: int, ctx: StepContext) -> int:
            while not ctx.cancelled:
                pass
            seen.append(ctx.cancelled)
            return number

        for total_s in (0.05, 0.5, 5, 50):  # on a machine under load a thread may begin only after a short timeout
            if not seen:
                with pytest.raises(StepError, match="timeout"):
                    await chain(polls, options={"a": {"timeout": {"total_s": total_s}}}).run(1)
        assert seen == [True]

    async def test_does_not_end_what_is_quick(self) -> None:
        """A limit that is not reached changes nothing."""
        pipeline = chain(kinds.async_double, options={"a": {"timeout": {"total_s": 60}}}, timeout_s=60)
        assert (await pipeline.run(1)).output == 2
        assert (await pipeline.run([1, 2])).output == [2, 4]


async def test_raises_the_same_from_every_door() -> None:
    """`run`, `result` and the output tell one and the same error."""
    async with Runner().start(chain(kinds.async_count, raise_async), 3) as execution:
        with pytest.raises(StepError) as first:
            await execution.output.collect()
        with pytest.raises(StepError) as second:
            await execution.result()
        with pytest.raises(StepError) as third:
            await execution.result()
    assert first.value is second.value is third.value


async def test_gives_the_program_its_own_error() -> None:
    """What is raised in the block comes out of it as it is, not in a group, and not as a step's."""
    mine = KeyError("mine")
    with pytest.raises(KeyError) as caught:
        async with Runner().start(chain(kinds.async_count), 3):
            raise mine
    assert caught.value is mine


async def test_raises_when_the_result_of_a_cancelled_execution_is_asked_for() -> None:
    """A cancelled execution has no result, but what came before is kept."""

    @step("errors.two_then_wait")
    async def two_then_wait(number: int) -> AsyncIterator[int]:
        yield 1
        yield 2
        reached.set()
        await anyio.sleep_forever()

    reached = anyio.Event()
    execution = Runner().start(chain(two_then_wait), 1)

    async def cancel() -> None:
        await reached.wait()
        await anyio.wait_all_tasks_blocked()
        execution.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(cancel)
        async with execution:
            with pytest.raises(ExecutionCancelled) as caught:
                await execution.result()
        assert (caught.value.result.status, caught.value.result.output) == ("cancelled", [1, 2])
        assert await execution.result(check=False) is caught.value.result


async def test_keeps_its_output_readable_after_the_block() -> None:
    """What was written before a cancel can still be read, and ends with the cancel."""
    async with Runner().start(chain(kinds.async_count), 3) as execution:
        await anyio.wait_all_tasks_blocked()
    items = []
    if execution.status == "completed":
        items = await execution.output.collect()
    else:
        with pytest.raises(ExecutionCancelled):
            async for item in execution.output:
                items.append(item)
    assert items == [0, 1, 2]


# ---- what is hard to catch, or to tell


@step("errors.exit_def")
def exit_def(number: int) -> int:
    if number == 2:
        sys.exit(number)
    return number


@step("errors.exit_async")
async def exit_async(number: int) -> int:
    if number == 2:
        sys.exit(number)
    return number


@step("errors.exit_thread", blocking=True)
def exit_thread(number: int) -> int:
    if number == 2:
        sys.exit(number)
    return number


@step("errors.exit_generator")
def exit_generator(number: int) -> Iterator[int]:
    yield exit_def(number)


@step("errors.exit_stream")
async def exit_stream(numbers: Stream[int]) -> AsyncIterator[int]:
    async for number in numbers:
        yield exit_def(number)


@step("errors.exit_thread_stream", blocking=True)
def exit_thread_stream(numbers: Iterable[int]) -> Iterator[int]:
    for number in numbers:
        yield exit_def(number)


EXITING = [exit_def, exit_async, exit_thread, exit_generator, exit_stream, exit_thread_stream]


@pytest.mark.parametrize("exiting", EXITING, ids=lambda target: target.kind)
@pytest.mark.parametrize("data", [2, [1, 2, 3]], ids=["value", "stream"])
async def test_takes_an_exit_for_a_failure_of_the_step(exiting: Any, data: Any) -> None:
    """A step cannot end the program: `sys.exit` in it is a failure like any other, after the items before it."""
    with pytest.raises(StepError, match=r"step 'b' failed: RuntimeError: it called sys\.exit\(2\)") as caught:
        await chain(kinds.async_pass, exiting).run(data)
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert isinstance(caught.value.__cause__.__cause__, SystemExit)
    if data != 2:
        assert caught.value.result.output == [1]


@step("errors.next_of_nothing")
def next_of_nothing(number: int) -> int:
    return number if number < 2 else next(iter(()))


@step("errors.iterator_of_next")
def iterator_of_next(number: int) -> Iterator[int]:
    return iter([number]) if number < 2 else iter(next(iter(())))


@pytest.mark.parametrize("leaking", [next_of_nothing, iterator_of_next], ids=lambda target: target.kind)
@pytest.mark.parametrize("data", [2, [2], [1, 2], [1, 2, 1]], ids=str)
async def test_never_takes_an_exhausted_iterator_inside_a_step_for_the_end(leaking: Any, data: Any) -> None:
    """`StopIteration` from a step's function fails the step; it does not end the stream as if all were done."""
    with pytest.raises(StepError, match="StopIteration"):
        await chain(leaking, kinds.def_double).run(data)


class Mute(Exception):  # noqa: N818 - an error that follows no rule
    """An error that cannot be told."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


TOLD = [
    (KeyError(), "KeyError"),
    (
        FileNotFoundError(2, "No such file or directory", "a.txt"),
        r"FileNotFoundError: No such file or directory: 'a.txt'",
    ),
    (IsADirectoryError(21, "Is a directory", Path("b")), "IsADirectoryError: Is a directory: 'b'"),
    (PermissionError(13, "Permission denied", "a", None, "b"), "PermissionError: Permission denied: 'a' -> 'b'"),
    (OSError(28, "No space left on device"), "OSError: No space left on device"),
    (TimeoutError("after a while"), "TimeoutError: after a while"),
    (Mute(), "Mute: (no message: its __str__ raised RuntimeError)"),
    (
        ExceptionGroup("two", [Odd("one"), ExceptionGroup("more", [Odd("three")])]),
        "ExceptionGroup: two (2 sub-exceptions): Odd: one; Odd: three",
    ),
    (
        ExceptionGroup("many", [KeyError()] * 9),
        f"ExceptionGroup: many (9 sub-exceptions): {'KeyError; ' * 5}and 4 more",
    ),
    (ValueError("x" * 50_000), f"ValueError: {'x' * 10_000} ... (50,000 characters)"),
]


@pytest.mark.parametrize(("error", "emitted"), TOLD, ids=lambda value: type(value).__name__)
async def test_reports_an_error_in_readable_form(error: Exception, emitted: str) -> None:
    """The error and the events say what was raised, whatever it makes of its own message."""

    @step("errors.raises_this")
    def raises_this(number: int) -> int:
        raise error

    with pytest.raises(StepError) as caught:
        await chain(raises_this).run([1])
    assert str(caught.value) == f"step 'a' failed: {emitted}"
    [event] = [event for event in caught.value.result.events.read(after=0) if event.event_type == "step_error"]
    assert emitted in {event.data.error_type, f"{event.data.error_type}: {event.data.message}"}
