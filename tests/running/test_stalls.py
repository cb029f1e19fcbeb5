# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""Steps that wait for each other forever are reported; whatever may still move is left alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import anyio
import pytest

from headwater import DeadlockError, Pipeline, Runner, StepError, Stream, step
from tests.running import kinds
from tests.running.conftest import ENOUGH, Looks

MANY = 2_000
"""More items than a buffer holds."""

pytestmark = pytest.mark.usefixtures("looks")


@step("stalls.in_turn")
async def in_turn(first: Stream[int], second: Stream[int]) -> AsyncIterator[int]:
    async for number in first:
        yield number
    async for number in second:
        yield number


@step("stalls.thread_in_turn", blocking=True)
def thread_in_turn(first: Iterable[int], second: Iterable[int]) -> Iterator[int]:
    yield from first
    yield from second


@step("stalls.collect_in_turn")
async def collect_in_turn(first: Stream[int], second: Stream[int]) -> int:
    return len(await first.collect()) + len(await second.collect())


def joined(join: Any, **between: Any) -> Pipeline:
    """Return a pipeline whose last step reads one source twice, with another step before one of its inputs."""
    (name, kind), *_ = [*between.items(), ("", None)]
    edges = ["numbers -> join.first", f"numbers -> {name}" if name else "", f"{name or 'numbers'} -> join.second"]
    steps = {"numbers": kinds.async_count, "join": join, **({name: kind} if name else {})}
    return Pipeline("joined", steps=steps, edges=[edge for edge in edges if edge])


@pytest.mark.parametrize("join", [in_turn, thread_in_turn, collect_in_turn])
@pytest.mark.parametrize("between", [{}, {"double": kinds.async_double}, {"double": kinds.thread_double}])
async def test_fails_with_the_edges_when_a_step_reads_its_streams_in_turn(join: Any, between: dict[str, Any]) -> None:
    """The edge that is full and the one that is waited for are named, wherever the step runs."""
    pipeline = joined(join, **between)
    assert (await pipeline.run(100)).status == "completed"
    with pytest.raises(DeadlockError) as caught:
        await pipeline.run(MANY)
    message = str(caught.value)
    assert "step 'join' waits for an item of 'numbers.out -> join.first'" in message
    assert f"'{next(iter(between), 'numbers')}.out -> join.second' is read, which is full (256 items)" in message
    assert caught.value.result.status == "failed"


async def test_fails_when_the_input_stands_still_on_one_of_its_edges() -> None:
    """The input of the pipeline waits like a step; items that went through before are in the result."""
    edges = ["input -> join.first", "input -> join.second"]
    pipeline = Pipeline("pair", steps={"join": in_turn}, edges=edges)
    with pytest.raises(DeadlockError, match=r"the input waits until 'input -> join\.second' is read") as caught:
        await pipeline.run(range(MANY))
    assert caught.value.result.output[:3] == [0, 1, 2]


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_fails_when_a_ring_goes_through_concurrent_calls(concurrency: int) -> None:
    """Workers without work are no reason to wait on."""
    edges = ["numbers -> join.first", "numbers -> several", "several -> join.second"]
    steps = {"numbers": kinds.async_count, "several": kinds.async_double, "join": in_turn}
    options = {"several": {"concurrency": concurrency}}
    pipeline = Pipeline("concurrent", steps=steps, edges=edges, options=options)
    with pytest.raises(DeadlockError):
        await pipeline.run(3 * MANY)


async def test_says_nothing_when_a_step_waits_for_something_of_its_own(looks: Looks) -> None:
    """A network or a timer may answer at any time, and the edges behind it may be full or empty as long."""

    @step("stalls.slow_start")
    async def slow_start(items: Stream[int]) -> AsyncIterator[int]:
        await looks.wait()
        async for number in items:
            yield number

    steps = {"numbers": kinds.async_count, "slow": slow_start, "sum": kinds.async_sum}
    result = await Pipeline("slow", steps=steps).run(MANY)
    assert result.output == sum(range(MANY))


async def test_says_nothing_when_calls_take_their_time(looks: Looks) -> None:
    """Workers that are at work may free an edge."""

    @step("stalls.slow_calls")
    async def slow_calls(number: int) -> int:
        if number in {3, 900}:
            await looks.wait()
        return number

    edges = ["numbers -> slow", "slow -> both.left", "numbers -> both.right"]
    steps = {"numbers": kinds.async_count, "slow": slow_calls, "both": in_step}
    pipeline = Pipeline("slow", steps=steps, edges=edges, options={"slow": {"concurrency": 4}})
    assert (await pipeline.run(MANY)).output == MANY


@step("stalls.in_step")
async def in_step(left: Stream[int], right: Stream[int]) -> int:
    others = aiter(right)
    count = 0
    async for _ in left:
        await anext(others)
        count += 1
    return count


async def test_says_nothing_when_the_program_reads_slowly(looks: Looks) -> None:
    """Full outputs wait for the program, which may read them in any order."""
    edges = ["numbers -> double", "numbers -> output", "double -> output"]
    pipeline = Pipeline("out", steps={"numbers": kinds.async_count, "double": kinds.async_double}, edges=edges)
    async with Runner().start(pipeline, MANY) as execution:
        await looks.wait()
        result = await execution.result()
    assert result.output["double"] == [2 * number for number in range(MANY)]


async def test_says_nothing_when_data_comes_slowly(looks: Looks) -> None:
    """The input waits for data from outside, not for an edge."""

    async def data() -> AsyncIterator[int]:
        for number in range(MANY):
            if number in {0, 300, 1_000}:
                await looks.wait()
            yield number

    edges = ["input -> both.left", "input -> both.right"]
    assert (await Pipeline("in", steps={"both": in_step}, edges=edges).run(data())).output == MANY


@pytest.mark.parametrize("limit_s", [None, 3_600])
async def test_says_nothing_when_a_step_ends_its_wait_by_itself(looks: Looks, limit_s: float | None) -> None:
    """A time limit, or another task of the step, may end a wait that no item ends."""

    @step("stalls.patient")
    async def patient(first: Stream[int], second: Stream[int]) -> int:
        async def end(scope: anyio.CancelScope) -> None:
            await looks.wait()
            scope.cancel()

        if limit_s is None:
            async with anyio.create_task_group() as group:
                group.start_soon(end, group.cancel_scope)
                await first.collect()
        else:
            with anyio.move_on_after(limit_s) as scope:
                scopes.append(scope)
                await first.collect()
        await first.aclose()
        return len(await second.collect())

    scopes: list[anyio.CancelScope] = []
    async with anyio.create_task_group() as group, Runner().start(joined(patient), MANY) as execution:

        async def end_limit() -> None:
            await looks.wait(3 * ENOUGH)
            for scope in scopes:
                scope.cancel()

        group.start_soon(end_limit)
        assert (await execution.result()).output == MANY
        group.cancel_scope.cancel()


async def test_says_nothing_when_a_task_of_a_step_reads_beside_it(looks: Looks) -> None:
    """The step waits for one stream in a task of its own, and will read the other one."""

    @step("stalls.tasks")
    async def tasks(first: Stream[int], second: Stream[int]) -> int:
        counts: list[int] = []

        async def count(stream: Stream[int]) -> None:
            counts.append(len(await stream.collect()))

        async with anyio.create_task_group() as group:
            group.start_soon(count, first)
            await looks.wait()
            group.start_soon(count, second)
        return sum(counts)

    assert (await joined(tasks).run(MANY)).output == 2 * MANY


async def test_leaves_a_step_with_a_time_limit_to_it() -> None:
    """Its own limit ends it, with its own error."""
    pipeline = Pipeline(
        "limited",
        steps={"numbers": kinds.async_count, "join": in_turn},
        edges=["numbers -> join.first", "numbers -> join.second"],
        options={"join": {"timeout": {"total_s": 0.2}}},
    )
    with pytest.raises(StepError, match="did not end within its timeout"):
        await pipeline.run(MANY)


class TestStallTimeout:
    """`timeout.stall_s` of the document bounds what the watch alone would leave to the steps."""

    @staticmethod
    def limited(join: Any, stall_s: float = 0.02) -> Pipeline:
        return Pipeline(
            "limited",
            steps={"numbers": kinds.async_count, "join": join},
            edges=["numbers -> join.first", "numbers -> join.second"],
            stall_s=stall_s,
        )

    async def test_fails_with_the_edges_when_nothing_has_moved(self) -> None:
        """Also when a step could end its wait by itself, at some later time."""

        @step("stalls.sleepy")
        async def sleepy(first: Stream[int], second: Stream[int]) -> int:
            with anyio.move_on_after(3_600):
                await first.collect()
            return len(await second.collect())

        with pytest.raises(DeadlockError) as caught:
            await self.limited(sleepy).run(MANY)
        message = str(caught.value)
        assert message.startswith("deadlock: nothing has moved for 0.02 s (timeout.stall_s): ")
        assert "'numbers.out -> join.second' is read, which is full (256 items)" in message

    async def test_says_nothing_when_items_move(self, looks: Looks) -> None:
        """However slowly: each item starts the time anew."""

        @step("stalls.slow_pairs")
        async def slow_pairs(first: Stream[int], second: Stream[int]) -> int:
            count = 0
            others = aiter(second)
            async for _ in first:
                await anext(others)
                count += 1
                if count % 500 == 0:
                    await looks.wait()
            return count

        assert (await self.limited(slow_pairs, 0.001).run(MANY)).output == MANY

    async def test_says_nothing_when_a_step_works(self, looks: Looks) -> None:
        """A step that waits for something else than an edge has limits of its own."""

        @step("stalls.works")
        async def works(first: Stream[int], second: Stream[int]) -> int:
            await looks.wait(3 * ENOUGH)
            return len(await first.collect()) if not await second.collect() else 0

        with pytest.raises(DeadlockError, match="deadlock: step"):
            await self.limited(works, 3_600).run(MANY)
