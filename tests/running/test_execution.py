# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""What a program may do with an execution: from several tasks and threads, in any order, and too early."""

import gc
import itertools
import threading
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from headwater import (
    Emits,
    EventType,
    ExecutionCancelled,
    Pipeline,
    Runner,
    StepError,
    StreamConsumedError,
    step,
)
from tests.running import kinds
from tests.running.kinds import Closing, Opening

MORE_THAN_FITS = 2_000


@step("execution.framed")
async def framed(number: int) -> Emits[int, Opening, Closing]:
    await anyio.lowlevel.checkpoint()
    yield Opening(language="en")
    for value in range(number):
        await anyio.lowlevel.checkpoint()
        yield value
    yield Closing(items=number)


@step("execution.fails")
async def fails(number: int) -> int:
    raise ValueError("wrong")


@step("execution.forever")
async def forever(number: int) -> AsyncIterator[int]:
    yield number
    await anyio.sleep_forever()


def one_step(target: Any) -> Pipeline:
    return Pipeline("execution", steps={"a": target})


class TestUnreadOutput:
    @pytest.mark.parametrize("target", [kinds.def_double, kinds.async_double, kinds.thread_double])
    async def test_is_collected_while_the_program_waits_for_events(self, target: Any) -> None:
        """A loop over all events ends however long the output is, and `result` has all of it."""
        async with Runner().start(one_step(target), range(MORE_THAN_FITS)) as execution:
            events = [event async for event in execution.events(types={"step_complete"})]
            result = await execution.result()
        assert [event.data.items_out for event in events] == [MORE_THAN_FITS]
        assert result.output == [2 * number for number in range(MORE_THAN_FITS)]

    async def test_is_collected_for_each_of_several_outputs(self) -> None:
        """What the program reads it gets; what it does not read is collected."""
        pipeline = Pipeline(
            "two", steps={"a": kinds.async_double, "b": kinds.async_pass}, edges=["input -> a", "input -> b"]
        )
        read: list[int] = []
        async with Runner().start(pipeline, range(MORE_THAN_FITS)) as execution, anyio.create_task_group() as group:

            async def read_one() -> None:
                read.extend(await execution.outputs["a"].collect())

            group.start_soon(read_one)
            async for _ in execution.events():
                pass
            assert (await execution.result()).output == {"a": None, "b": list(range(MORE_THAN_FITS))}
        assert len(read) == MORE_THAN_FITS

    async def test_is_read_from_its_first_item_after_events(self) -> None:
        """A program that reads the output after its events gets all of it, header and footer included."""
        async with Runner().start(one_step(framed), MORE_THAN_FITS) as execution:
            async for _ in execution.events():
                pass
            output = execution.output
            assert await output.header() == Opening(language="en")
            assert await output.collect() == list(range(MORE_THAN_FITS))
            assert await output.footer() == Closing(items=MORE_THAN_FITS)
            assert (await execution.result()).output is None

    async def test_passes_to_a_reader_that_comes_in_the_middle(self) -> None:
        """What was collected comes first, then what follows; no item is lost or doubled."""
        async with Runner().start(one_step(framed), MORE_THAN_FITS) as execution, anyio.create_task_group() as group:

            async def watch() -> None:
                async for _ in execution.events():
                    pass

            group.start_soon(watch)
            async for event in execution.events():
                if event.event_type is EventType.STEP_OUTPUT:
                    break
            assert [item async for item in execution.output] == list(range(MORE_THAN_FITS))

    @pytest.mark.parametrize("reads_first", [True, False])
    async def test_passes_to_a_reader_also_from_a_result_that_is_waited_for(self, reads_first: bool) -> None:
        """Which of two tasks comes first does not matter: the one that reads gets the items."""
        async with Runner().start(one_step(framed), MORE_THAN_FITS) as execution:
            read: list[int] = []

            async def read_items() -> None:
                read.extend([item async for item in execution.output])

            async with anyio.create_task_group() as group:
                if reads_first:
                    group.start_soon(read_items)
                    await anyio.lowlevel.checkpoint()
                group.start_soon(execution.result)
                await anyio.lowlevel.checkpoint()
                if not reads_first:
                    group.start_soon(read_items)
            assert read == list(range(MORE_THAN_FITS))
            assert (await execution.result()).output is None

    async def test_says_where_its_items_are_after_a_result(self) -> None:
        """Items that a result holds are not given again."""
        async with Runner().start(one_step(framed), 3) as execution:
            await execution.result()
            with pytest.raises(StreamConsumedError, match="use the output of the result"):
                await execution.output.collect()


class TestSeveralTasks:
    @pytest.mark.parametrize("number", [3, MORE_THAN_FITS])
    async def test_all_get_the_result(self, number: int) -> None:
        """Any number of tasks may wait for one result."""
        outputs: list[Any] = []
        async with Runner().start(one_step(framed), number) as execution, anyio.create_task_group() as group:

            async def wait() -> None:
                result = await execution.result()
                outputs.append((result.output, result.header, result.footer))

            for _ in range(3):
                group.start_soon(wait)
        assert outputs == [(list(range(number)), Opening(language="en"), Closing(items=number))] * 3

    async def test_get_the_result_when_the_first_gives_up(self) -> None:
        """A task that stops waiting takes nothing from the others."""
        async with Runner().start(one_step(framed), MORE_THAN_FITS) as execution:
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as group:
                    group.start_soon(execution.result)
                    await anyio.wait_all_tasks_blocked()
                    scope.cancel()
            assert (await execution.result()).output == list(range(MORE_THAN_FITS))

    @pytest.mark.parametrize("header_first", [True, False])
    async def test_read_header_and_items(self, header_first: bool) -> None:
        """One task may wait for the header while another reads the items."""
        got: list[Any] = []
        async with Runner().start(one_step(framed), 3) as execution, anyio.create_task_group() as group:

            async def read_header() -> None:
                got.append(await execution.output.header())

            async def read_items() -> None:
                got.extend([item async for item in execution.output])

            tasks = (read_header, read_items) if header_first else (read_items, read_header)
            for task in tasks:
                group.start_soon(task)
        assert sorted(map(str, got)) == ["0", "1", "2", str(Opening(language="en"))]

    @pytest.mark.parametrize("waits_first", [True, False])
    @pytest.mark.parametrize("batches", [True, False])
    async def test_leave_an_output_to_one_that_stops_reading(self, waits_first: bool, batches: bool) -> None:
        """A reader that stops early stops the writer, also when another task waits for the result."""
        async with Runner().start(one_step(kinds.async_pass), itertools.count()) as execution:
            reading = anyio.Event()

            async def read_some() -> None:
                async for _ in execution.output.batches() if batches else execution.output:
                    reading.set()
                    if waits_first:
                        await anyio.wait_all_tasks_blocked()
                    break

            async with anyio.create_task_group() as group:
                group.start_soon(read_some)
                await reading.wait()
                if not waits_first:
                    await anyio.wait_all_tasks_blocked()
                assert (await execution.result()).status == "completed"

    async def test_leave_an_output_to_one_that_stops_while_another_follows_the_events(self) -> None:
        """Waiting for events does not keep a writer that no reader is left for."""
        async with Runner().start(one_step(kinds.async_pass), itertools.count()) as execution:
            async for _ in execution.output:
                break
            async for _ in execution.events():
                pass
            assert (await execution.result()).status == "completed"

    async def test_keep_a_writer_whose_reader_stops_while_nothing_waits(self) -> None:
        """An execution goes on after its first item was read, until the program waits for its end."""
        async with Runner().start(one_step(forever), 1) as execution:
            async for _ in execution.events(types={"step_start"}):
                break
            assert await anext(aiter(execution.output)) == 1
            await anyio.wait_all_tasks_blocked()
            assert execution.status == "running"
            assert (await execution.result()).status == "completed"

    async def test_may_read_one_output_only_once(self) -> None:
        """A second reader of the items is refused with what to do."""
        async with Runner().start(one_step(framed), 3) as execution:
            await execution.output.collect()
            with pytest.raises(StreamConsumedError, match="keep its items in a list"):
                await execution.output.collect()


class TestStart:
    async def test_is_required_before_anything_is_waited_for(self) -> None:
        """What is used before its block is entered says so at once, instead of waiting for what never comes."""
        execution = Runner().start(one_step(kinds.async_double), 1)
        for use in (
            execution.result,
            lambda: anext(execution.events()),
            lambda: anext(aiter(execution.output)),
            lambda: anext(aiter(execution.outputs["a"])),
        ):
            with pytest.raises(RuntimeError, match="enter it first: async with"):
                await use()
        async with execution:
            assert (await execution.result()).output == 2

    async def test_happens_once(self) -> None:
        """An execution is one run: a second block needs another one."""
        execution = Runner().start(one_step(kinds.async_double), 1)
        async with execution:
            await execution.result()
        with pytest.raises(RuntimeError, match=r"start another with Runner\.start"):
            async with execution:
                pass
        assert (await execution.result()).output == 2


class TestCancel:
    @pytest.mark.parametrize("target", [forever, kinds.async_pass])
    async def test_works_in_another_thread(self, target: Any) -> None:
        """A thread may cancel; so may others after it, and the event names the reason of the first."""
        data = 1 if target is forever else itertools.count()
        async with Runner().start(one_step(target), data) as execution:
            for reason in ("first", "second"):
                thread = threading.Thread(target=execution.cancel, args=(reason,))
                thread.start()
                await anyio.to_thread.run_sync(thread.join)
            execution.cancel("third")
            with pytest.raises(ExecutionCancelled):
                await execution.result()
        *_, last = [event async for event in execution.events()]
        assert last.data.reason == "first"

    async def test_does_nothing_in_another_thread_after_the_end(self) -> None:
        """A late cancel is harmless, whatever thread it comes from."""
        async with Runner().start(one_step(kinds.async_double), 1) as execution:
            await execution.result()
        thread = threading.Thread(target=execution.cancel)
        thread.start()
        thread.join()
        assert execution.status == "completed"

    async def test_wins_in_another_thread_before_the_start(self) -> None:
        """An execution that is cancelled before it starts runs nothing."""
        execution = Runner().start(one_step(forever), 1)
        thread = threading.Thread(target=execution.cancel)
        thread.start()
        thread.join()
        async with execution:
            assert (await execution.result(check=False)).status == "cancelled"


class TestLeaving:
    async def test_raises_the_failure_that_nothing_has_asked_for(self) -> None:
        """A failure does not get lost because the program only looked at events."""
        with pytest.raises(StepError, match="wrong") as caught:
            async with Runner().start(one_step(fails), [1]) as execution:
                async for _ in execution.events():
                    pass
        assert caught.value.result.status == "failed"

    @pytest.mark.parametrize("how", ["result", "unchecked result", "output"])
    async def test_does_not_raise_a_failure_twice(self, how: str) -> None:
        """The program has the error when `result` or an output has raised it, or the result holds it."""
        async with Runner().start(one_step(fails), [1]) as execution:
            if how == "unchecked result":
                assert isinstance((await execution.result(check=False)).error, StepError)
            else:
                with pytest.raises(StepError):
                    await (execution.result() if how == "result" else execution.output.collect())

    async def test_raises_what_the_program_raises(self) -> None:
        """An error of the program is not replaced by that of the execution."""
        with pytest.raises(KeyError):
            async with Runner().start(one_step(fails), [1]) as execution:
                async for _ in execution.events():
                    pass
                raise KeyError("of the program")

    async def test_raises_nothing_when_it_cancels(self) -> None:
        """Leaving early is a cancellation, not a failure."""
        async with Runner().start(one_step(forever), 1) as execution:
            assert await anext(aiter(execution.output)) == 1
        gc.collect()
        assert execution.status == "cancelled"


@step("execution.three_then_fails")
async def three_then_fails(last: bool) -> AsyncIterator[int]:
    for number in range(3):
        yield number
    if last:
        raise ValueError("out of numbers")


async def test_marks_a_result_as_partial_unless_the_execution_completed() -> None:
    """What was produced before a failure or a cancellation is there, and says that it is not all."""
    pipeline = Pipeline("partial", steps={"a": three_then_fails})
    complete = await pipeline.run(False)
    assert (complete.output, complete.is_partial) == ([0, 1, 2], False)
    with pytest.raises(StepError) as caught:
        await pipeline.run(True)
    assert caught.value.result is not None
    assert (caught.value.result.output, caught.value.result.is_partial) == ([0, 1, 2], True)
    async with Runner().start(Pipeline("cancelled", steps={"a": framed}), MORE_THAN_FITS) as execution:
        async for _ in execution.output:
            execution.cancel()
            break
        cancelled = await execution.result(check=False)
    assert (cancelled.status, cancelled.is_partial) == ("cancelled", True)
