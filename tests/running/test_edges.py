# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""Edges may be anything that has the two ends of a stream: a pipeline runs the same over pipes as over channels."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import anyio
import pytest

from headwater import EventType, Execution, Pipeline, Stream, StreamEvent, step
from headwater.graph.plan import PlannedEdge
from headwater.running.request import EdgeFactory, RunOptions, open_channel
from headwater.streams.ends import Ends
from headwater.streams.waiter import Waiter
from tests.running import kinds
from tests.running.pipes import PIPE_BYTES, PipeEdges


@step("edges.forever")
async def forever(start: int) -> AsyncIterator[int]:
    while True:
        yield start
        start += 1


@step("edges.fail_at_3")
async def fail_at_3(number: int) -> int:
    if number == 3:
        msg = "three is refused"
        raise ValueError(msg)
    return number


@step("edges.fail_first")
async def fail_first(number: int) -> AsyncIterator[int]:
    if number:
        msg = "nothing comes"
        raise ValueError(msg)
    yield number


@step("edges.reframed")
async def reframed(
    numbers: Stream[int, kinds.Opening, kinds.Closing],
) -> AsyncIterator[str]:
    yield (await numbers.header()).language
    async for number in numbers:
        yield str(number)
    yield str((await numbers.footer()).items)


@step("edges.lists")
async def lists(numbers: Stream[int]) -> AsyncIterator[int]:
    async for batch in numbers.batches(7):
        yield sum(batch)


@step("edges.shortened", blocking=True)
def shortened(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield text[:10]


@step("edges.stuck")
async def stuck(numbers: Stream[int]) -> AsyncIterator[int]:
    yield len(await anext(aiter(numbers.batches())))
    await anyio.sleep_forever()


@step("edges.pairs")
def pairs(pair: tuple[int | None, int | None]) -> list[int | None]:
    return list(pair)


@step("edges.long_text")
async def long_text(count: int) -> AsyncIterator[str]:
    for number in range(count):
        yield f"{number} " * 10_000


def chain(*steps: Any, **options: Any) -> Pipeline:
    return Pipeline("chain", steps=dict(zip("abcdefgh", steps, strict=False)), **options)


def branches(*edges: Any) -> Pipeline:
    steps = {"numbers": kinds.async_count, "x": kinds.async_double, "y": kinds.async_pass, "all": kinds.async_pass}
    options = {"all": {"merge": "interleave"}}
    return Pipeline("branches", steps=steps, edges=[*edges, "x -> all", "y -> all"], options=options)


def in_turn() -> Pipeline:
    steps = {"x": kinds.async_count, "y": kinds.async_count, "all": kinds.async_pass}
    return Pipeline("turns", steps=steps, edges=["x -> all", "y -> all"], options={"all": {"merge": "concat"}})


def meeting(merge: Any, first: Any, second: Any) -> Pipeline:
    steps = {"x": first, "y": second, "all": pairs}
    return Pipeline("meeting", steps=steps, edges=["x -> all", "y -> all"], options={"all": {"merge": merge}})


def when(target: str, condition: dict[str, int]) -> dict[str, Any]:
    return {"from": "numbers", "to": target, "when": condition}


def failing() -> Iterator[int]:
    yield from range(3)
    msg = "the program's own iterable fails"
    raise ValueError(msg)


CASES: dict[str, tuple[Callable[[], Pipeline], Any]] = {
    "items": (lambda: chain(kinds.async_count, kinds.async_pass, kinds.async_double), 5000),
    "no items": (lambda: chain(kinds.async_count, kinds.async_pass), 0),
    "one value": (lambda: chain(kinds.async_count, kinds.async_sum, kinds.async_double), 100),
    "header and footer": (lambda: chain(kinds.framed, reframed), 600),
    "header and footer of the output": (lambda: chain(kinds.framed, kinds.async_double), 20),
    "items of many bytes": (lambda: chain(long_text, shortened), 20),
    "lists of a size": (lambda: chain(kinds.async_count, lists), 100),
    "a step in a thread": (lambda: chain(kinds.thread_count, kinds.thread_pass), 600),
    "several at a time": (
        lambda: chain(kinds.async_count, kinds.async_double, options={"b": {"concurrency": 3}}),
        600,
    ),
    "edges one after the other": (in_turn, {"x": 600, "y": 300}),
    "edges as they come": (lambda: branches("numbers -> x", "numbers -> y"), 600),
    "conditions": (lambda: branches(when("x", {"lt": 20}), when("y", {"ge": 20})), 50),
    "rounds": (lambda: meeting("zip", kinds.async_count, kinds.thread_count), {"x": 600, "y": 600}),
    "unequal rounds": (lambda: meeting("zip", kinds.async_count, kinds.async_count), {"x": 5, "y": 3}),
    "rounds of the shortest": (
        lambda: meeting({"policy": "zip", "unequal": "shortest"}, forever, kinds.async_count),
        {"x": 0, "y": 300},
    ),
    "rounds that are padded": (
        lambda: meeting({"policy": "zip", "unequal": "pad"}, kinds.async_count, kinds.async_count),
        {"x": 3, "y": 300},
    ),
    "the newest of two values": (
        lambda: meeting("latest", kinds.async_double, kinds.def_double),
        {"x": 3, "y": 300},
    ),
    "a stream given": (lambda: chain(kinds.async_pass, kinds.async_double), list(range(600))),
    "a failure after items": (lambda: chain(kinds.async_count, fail_at_3, kinds.async_pass), 10),
    "a failure before any item": (lambda: chain(fail_first, kinds.async_pass, kinds.async_double), 1),
    "a failure of the input": (lambda: chain(kinds.async_pass, kinds.async_double), failing),
    "a reader that leaves": (lambda: chain(forever, kinds.async_double, kinds.take), 1),
}


@dataclass(frozen=True)
class Outcome:
    """What a program sees of an execution."""

    status: str
    output: Any
    header: Any
    footer: Any
    error: str | None
    states: dict[str, EventType]


async def run(pipeline: Pipeline, data: Any, open_edge: EdgeFactory) -> Outcome:
    events: list[StreamEvent] = []
    options = RunOptions((events.append,), open_edge)
    async with Execution(pipeline.compiled.request(data() if callable(data) else data, options)) as execution:
        result = await execution.result(check=False)
    output = sorted(result.output) if pipeline.name == "branches" else result.output
    states = {event.step_id: event.event_type for event in events if event.step_id and "output" not in event.event_type}
    return Outcome(result.status, output, result.header, result.footer, repr(result.error), states)


class TestPipes:
    @pytest.mark.parametrize(("build", "data"), CASES.values(), ids=CASES.keys())
    async def test_give_the_outcome_that_channels_give(self, build: Callable[[], Pipeline], data: Any) -> None:
        """Items, header, footer, failures and their place do not depend on what an edge is."""
        expected = await run(build(), data, open_channel)
        async with anyio.create_task_group() as group:
            assert await run(build(), data, PipeEdges(group)) == expected

    async def test_say_that_a_branch_was_not_taken(self) -> None:
        """A value that does not come is told from a stream without items, also far from its writer."""
        edges: list[Any] = [
            "numbers -> sum",
            {"from": "sum", "to": "x", "when": {"lt": 0}},
            {"from": "sum", "to": "y", "when": {"ge": 0}},
        ]
        steps = {"numbers": kinds.async_count, "sum": kinds.async_sum, "x": kinds.async_double, "y": kinds.async_double}
        pipeline = Pipeline("skipping", steps=steps, edges=edges)
        async with anyio.create_task_group() as group:
            outcome = await run(pipeline, 4, PipeEdges(group))
            assert (outcome.output, outcome.states["x"]) == ({"y": 12}, "step_skipped")

    async def test_hold_no_more_than_both_ends_and_the_pipe(self) -> None:
        """A reader that is stuck stops its writer, however many bytes an item has."""
        pipeline = chain(forever, stuck, edges=[{"from": "a", "to": "b", "buffer": 16}])
        async with anyio.create_task_group() as group:
            edges = PipeEdges(group)
            async with Execution(pipeline.compiled.request(10**9, RunOptions(open_edge=edges))) as execution:
                assert await anext(aiter(execution.output)) > 0
                await anyio.wait_all_tasks_blocked()
                written = edges.opened["a"].sink.statistics().written_items
                await anyio.wait_all_tasks_blocked()
                assert edges.opened["a"].sink.statistics().written_items == written <= 5 * 16 + PIPE_BYTES // 11

    @pytest.mark.parametrize("leaves", [False, True])
    async def test_leave_nothing_behind_when_cancelled(self, *, leaves: bool) -> None:
        """Every task and pipe is gone when the execution was cancelled, or its program has left."""
        async with anyio.create_task_group() as group:
            pipeline, options = chain(forever, kinds.async_pass), RunOptions(open_edge=PipeEdges(group))
            async with Execution(pipeline.compiled.request(0, options)) as execution:
                assert await anext(aiter(execution.output)) == 0
                if not leaves:
                    execution.cancel()
                    assert (await execution.result(check=False)).status == "cancelled"
            assert execution.status == "cancelled"
            group.cancel_scope.cancel()  # as whoever opened the edges does


class TestDone:
    """What an execution has finished with, edge by edge: what a commit or an acknowledgement goes by."""

    @pytest.mark.parametrize(
        ("middle", "concurrency"),
        [*product([kinds.async_double, kinds.thread_double, kinds.def_double], [1, 3]), (lists, 1)],
    )
    async def test_is_everything_when_the_execution_is_complete(self, middle: Any, concurrency: int) -> None:
        """Every item that was written was taken and finished with, also when several are in work at a time."""
        edges, record = recorded()
        pipeline = chain(kinds.async_count, middle, kinds.async_pass, options={"b": {"concurrency": concurrency}})
        assert (await run(pipeline, 500, record)).status == "completed"
        statistics = [ends.source.statistics() for ends in edges.values()]
        assert [each.done_items for each in statistics] == [each.written_items for each in statistics]

    @pytest.mark.parametrize("concurrency", [1, 3])
    async def test_leaves_out_what_was_in_work_when_a_step_failed(self, concurrency: int) -> None:
        """An item whose step failed was taken, but is not done; nor are those after it."""
        edges, record = recorded()
        pipeline = chain(kinds.async_count, fail_at_3, options={"b": {"concurrency": concurrency}})
        assert (await run(pipeline, 10, record)).status == "failed"
        statistics = edges["a"].source.statistics()
        assert statistics.done_items <= 3 < statistics.read_items


def recorded() -> tuple[dict[str, Ends], EdgeFactory]:
    """Return a factory of channels, and those that it opens by the step that writes."""
    edges: dict[str, Ends] = {}

    def record(edge: PlannedEdge, reader: Waiter) -> Ends:
        edges[edge.source or "input"] = ends = open_channel(edge, reader)
        return ends

    return edges, record
