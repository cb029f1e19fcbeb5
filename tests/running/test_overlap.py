# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""Steps work at the same time, as items go from step to step while they are made; proven by order, not by time."""

import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from time import perf_counter
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from headwater import Pipeline, Runner, Stream, step
from headwater.streams.meter import SLICE_S
from tests.running import kinds


def chain(*steps: Any, **options: Any) -> Pipeline:
    return Pipeline("chain", steps=dict(zip("abcdefgh", steps, strict=False)), **options)


@pytest.mark.parametrize("middle", [kinds.def_double, kinds.async_double, kinds.async_pass, kinds.batch_pass])
async def test_gives_the_last_step_its_first_item_before_the_first_made_its_third(middle: Any) -> None:
    """In a chain of three an item reaches the end while the beginning works on the next but one."""
    log: list[str] = []

    @step("overlap.first")
    async def first(number: int) -> AsyncIterator[int]:
        for value in range(number):
            for _ in range(10):  # the work that an item takes
                await checkpoint()
            log.append(f"made {value}")
            yield value

    @step("overlap.last")
    async def last(numbers: Stream[int]) -> int:
        async for _ in numbers:
            log.append("read")  # noqa: PERF401 - the moment of each item is what is tested
        return log.count("read")

    assert (await chain(first, middle, last).run(5)).output == 5
    assert log.index("read") < log.index("made 2")


async def test_gives_the_items_of_a_slow_thread_while_it_works() -> None:
    """A blocking step hands over an item that took longer than a slice before it works on the next."""
    read = threading.Event()

    @step("overlap.slow_thread", blocking=True)
    def slow_thread(number: int) -> Iterator[int]:
        for value in range(number):
            started = perf_counter()
            while perf_counter() - started < 2 * SLICE_S:  # the work that an item takes
                pass
            assert value < 2 or read.wait(60), "nobody read the first item"
            yield value

    @step("overlap.thread_last", blocking=True)
    def thread_last(numbers: Iterable[int]) -> Iterator[int]:
        for number in numbers:
            read.set()
            yield number

    assert (await chain(slow_thread, kinds.async_pass, thread_last).run(4)).output == [0, 1, 2, 3]


async def test_lets_two_steps_work_on_different_items_at_once() -> None:
    """One step can be in the middle of an item while another is in the middle of the one before."""
    meeting: list[anyio.Event] = [anyio.Event(), anyio.Event()]

    @step("overlap.left")
    async def left(number: int) -> int:
        if number == 1:
            meeting[0].set()
            await meeting[1].wait()
        return number

    @step("overlap.right")
    async def right(number: int) -> int:
        if number == 0:
            meeting[1].set()
            await meeting[0].wait()
        return number

    with anyio.fail_after(60):
        assert (await chain(kinds.async_count, left, right).run(3)).output == [0, 1, 2]


@pytest.mark.parametrize("data", [1, [1]], ids=["unary", "stream"])
async def test_lets_branches_work_at_once(data: Any) -> None:
    """A branch overlaps with its sibling: each waits for the other in the middle."""
    meeting: list[anyio.Event] = [anyio.Event(), anyio.Event()]

    def meet(own: int) -> Any:
        async def wait(number: int) -> int:
            meeting[own].set()
            await meeting[1 - own].wait()
            return number

        return wait

    one, other = meet(0), meet(1)

    @step("overlap.one")
    async def branch_one(number: int) -> int:
        return await one(number)

    @step("overlap.other")
    async def branch_other(number: int) -> int:
        return await other(number)

    pipeline = Pipeline(
        "branches",
        steps={"start": kinds.def_double, "one": branch_one, "other": branch_other},
        edges=["start -> one", "start -> other"],
    )
    expected = 2 if data == 1 else [2]
    with anyio.fail_after(60):
        assert (await pipeline.run(data)).output == {"one": expected, "other": expected}


async def test_lets_threads_of_two_steps_work_at_once() -> None:
    """Two blocking steps are in their code at the same time."""
    meeting = threading.Barrier(2, timeout=60)

    @step("overlap.thread_one", blocking=True)
    def thread_one(number: int) -> int:
        meeting.wait()
        return number

    @step("overlap.thread_other", blocking=True)
    def thread_other(number: int) -> int:
        meeting.wait()
        return number

    pipeline = Pipeline(
        "threads",
        steps={"start": kinds.def_double, "one": thread_one, "other": thread_other},
        edges=["start -> one", "start -> other"],
    )
    assert (await pipeline.run(1)).output == {"one": 2, "other": 2}


async def test_gives_the_program_an_item_while_the_input_goes_on() -> None:
    """An item of the input comes out before the next one is given in: nothing waits to be filled."""
    send, receive = anyio.create_memory_object_stream[int](1)
    async with receive, Runner().start(chain(kinds.def_double, kinds.async_pass), receive) as execution:
        output = aiter(execution.output)
        async with send:
            for number in range(5):
                await send.send(number)
                with anyio.fail_after(60):
                    assert await anext(output) == 2 * number
        assert [item async for item in output] == []


@pytest.mark.parametrize("data", ["async", "plain"])
async def test_ends_when_the_reader_has_enough_and_the_input_gives_no_more(data: str) -> None:
    """An input, or a step, that waits for something is not waited for when nobody reads it any more."""

    @step("overlap.idle")
    async def idle(number: int) -> AsyncIterator[int]:
        for value in range(3):
            yield value
        await anyio.sleep_forever()

    async def idle_input() -> AsyncIterator[int]:
        for value in range(3):
            yield value
        await anyio.sleep_forever()

    pipeline = chain(kinds.take) if data == "async" else chain(idle, kinds.async_pass, kinds.take)
    with anyio.fail_after(60):
        result = await pipeline.run(idle_input() if data == "async" else 1)
    assert (result.output, result.status) == ([0, 1, 2], "completed")
