# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""Blocking steps that hand their input to threads of their own."""

import itertools
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
from typing import Any

import anyio
import pytest

from headwater import Pipeline, Runner, StepError, step


def double(number: int) -> int:
    return 2 * number


@step("threads.generator", blocking=True)
def generator(numbers: Iterable[int]) -> Iterator[int]:
    with ThreadPool(3) as pool:
        yield from pool.imap(double, numbers)


@step("threads.function", blocking=True)
def function(numbers: Iterable[int]) -> list[int]:
    with ThreadPool(3) as pool:
        return list(pool.imap(double, numbers))


@step("threads.future", blocking=True)
def future(numbers: Iterable[int]) -> list[int]:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: [2 * number for number in numbers]).result()


@step("threads.partial", blocking=True)
def partial(numbers: Iterable[int]) -> Iterator[int]:
    with ThreadPool(3) as pool:
        yield from itertools.islice(pool.imap(double, numbers), 2)


@step("threads.waits")
async def waits(number: int) -> AsyncIterator[int]:
    for value in range(number):
        yield value
    await anyio.sleep_forever()


@step("threads.breaks")
async def breaks(number: int) -> AsyncIterator[int]:
    for value in range(number):
        yield value
    raise ValueError("no more")


READERS = pytest.mark.parametrize("reader", [generator, function, future], ids=lambda target: target.kind)


def pool_threads() -> set[threading.Thread]:
    """Return the threads of pools that live."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("ThreadPoolExecutor")}


@READERS
async def test_read_every_item(reader: Any) -> None:
    """A pool of the step reads its input while the step yields what the pool has made."""
    result = await Pipeline("threads", steps={"a": reader}).run(iter(range(2_000)))
    assert result.output == [2 * number for number in range(2_000)]


@READERS
async def test_stop_when_the_execution_is_cancelled(reader: Any) -> None:
    """A pool that waits for an item does not hold a cancelled execution."""
    before = pool_threads()
    async with Runner().start(Pipeline("threads", steps={"a": waits, "b": reader}), 5) as execution:
        await anyio.wait_all_tasks_blocked()
        execution.cancel()
        assert (await execution.result(check=False)).status == "cancelled"
    assert pool_threads() == before


@READERS
async def test_get_the_error_of_the_writer(reader: Any) -> None:
    """The step that failed is named, not the one whose pool has read from it."""
    with pytest.raises(StepError, match="no more") as caught:
        await Pipeline("threads", steps={"a": breaks, "b": reader}).run(5)
    assert caught.value.step_id == "a"


async def test_may_be_left_by_a_step_that_has_enough() -> None:
    """A step that ends before its pool has read everything completes."""
    result = await Pipeline("threads", steps={"a": partial}).run(iter(range(2_000)))
    assert result.output == [0, 2]


FREE = threading.Event()


@step("threads.held_back", blocking=True)
def held_back(number: int) -> int:
    """Return a number, but wait with the 300th until it is free to go on."""
    if number == 300:
        FREE.wait()
    return number


@step("threads.many")
async def many_numbers() -> AsyncIterator[int]:
    """Write enough numbers for large units of work."""
    for number in range(400):
        yield number


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_result_is_there_while_another_item_of_its_unit_takes_long(concurrency: int) -> None:
    """What is finished does not wait for the items that a thread was given with it."""
    FREE.clear()
    steps = {"numbers": many_numbers, "held": held_back}
    pipeline = Pipeline("held", steps=steps, options={"held": {"concurrency": concurrency}})
    received: list[int] = []
    try:
        async with Runner().start(pipeline) as execution:
            async for number in execution.output:
                received.append(number)
                if number == 299:  # or it would never come
                    FREE.set()
    finally:
        FREE.set()
    assert received == list(range(400))


async def test_results_before_a_failure_are_written_when_others_of_their_unit_take_long() -> None:
    """A cancellation while the thread works on a unit loses nothing that was read."""
    FREE.clear()
    steps = {"numbers": many_numbers, "held": held_back}
    async with Runner().start(Pipeline("held", steps=steps)) as execution:
        received: list[int] = []
        async for number in execution.output:
            received.append(number)
            if number == 299:
                execution.cancel()
                FREE.set()
                break
    assert received == list(range(300))
    assert execution.status == "cancelled"
