# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""What is in flight never exceeds what the plan says, however fast the writer and slow the reader."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import anyio
import pytest

from headwater import Pipeline, Runner, Stream, step
from tests.running import kinds


class Tally:
    """Counts the items of one run: how many are alive, and the most there were at one moment."""

    current: "Tally"

    def __init__(self) -> None:
        self.alive = 0
        self.most = 0
        Tally.current = self


class Item:
    """An item that is counted for as long as anything holds it."""

    def __init__(self) -> None:
        self.tally = tally = Tally.current
        tally.alive += 1
        tally.most = max(tally.most, tally.alive)

    def __del__(self) -> None:
        self.tally.alive -= 1


@step("bounded.async")
async def make_async(count: int) -> AsyncIterator[Item]:
    for _ in range(count):
        yield Item()


@step("bounded.plain")
def make_plain(count: int) -> Iterator[Item]:
    for _ in range(count):
        yield Item()


@step("bounded.thread", blocking=True)
def make_thread(count: int) -> Iterator[Item]:
    for _ in range(count):
        yield Item()


@step("bounded.pass_def")
def pass_def(item: Item) -> Item:
    return item


@step("bounded.pass_async")
async def pass_async(item: Item) -> Item:
    return item


@step("bounded.pass_stream")
async def pass_stream(items: Stream[Item]) -> AsyncIterator[Item]:
    async for item in items:
        yield item


@step("bounded.pass_thread", blocking=True)
def pass_thread(item: Item) -> Item:
    return item


@step("bounded.pass_thread_stream", blocking=True)
def pass_thread_stream(items: Iterable[Item]) -> Iterator[Item]:
    yield from items


@step("bounded.expand")
def expand(item: Item) -> Iterator[Item]:
    for _ in range(10):
        yield Item()


MAKERS = [make_async, make_plain, make_thread]
PASSES: list[tuple[Any, ...]] = [
    (),
    (pass_def,),
    (pass_async,),
    (pass_stream,),
    (pass_thread,),
    (pass_thread_stream,),
    (expand,),
    (expand, pass_def, expand),
    (pass_async, pass_def, pass_stream, pass_thread),
]


def chain(steps: tuple[Any, ...], buffer: int, options: dict[str, Any] | None = None) -> Pipeline:
    """Return a chain with the same capacity on each edge."""
    names = dict(zip("abcdefgh", steps, strict=False))
    pairs = list(zip(names, list(names)[1:], strict=False))
    edges = [
        {"from": "input", "to": "a"},
        *({"from": one, "to": other, "buffer": buffer} for one, other in pairs),
        {"from": list(names)[-1], "to": "output", "buffer": buffer},
    ]
    return Pipeline("bounded", steps=names, edges=edges, options=options)


async def most_in_flight(pipeline: Pipeline, count: int, pause: Callable[[], Any]) -> int:
    """Read one item at a time, letting the writers go as far as they can before each; return the most alive."""
    tally = Tally()
    async with Runner().start(pipeline, count) as execution:
        seen = 0
        async for item in execution.output:
            seen += 1
            del item
            if seen == 20:
                await pause()
        assert (await execution.result()).status == "completed"
    assert seen >= count
    return tally.most


def planned(pipeline: Pipeline) -> int:
    """Return the bound that the plan names."""
    bound = pipeline.plan().worst_case_items
    assert bound is not None
    return bound


@pytest.mark.parametrize("maker", MAKERS, ids=lambda target: target.kind)
@pytest.mark.parametrize("passes", PASSES, ids=lambda steps: "-".join(one.kind[8:] for one in steps) or "none")
@pytest.mark.parametrize("buffer", [4])
async def test_holds_no_more_than_planned(maker: Any, passes: tuple[Any, ...], buffer: int) -> None:
    """Items that are alive at one moment are never more than the worst case that the plan names."""
    pipeline = chain((maker, *passes), buffer)
    count = 30 if passes.count(expand) > 1 else 300
    most = await most_in_flight(pipeline, count, anyio.wait_all_tasks_blocked)
    assert 0 < most <= planned(pipeline)


@pytest.mark.parametrize("target", [pass_async, pass_thread], ids=lambda target: target.kind)
@pytest.mark.parametrize("concurrency", [2, 8])
async def test_holds_no_more_than_planned_when_several_are_worked_on(target: Any, concurrency: int) -> None:
    """Concurrency has its place in the worst case."""
    pipeline = chain((make_async, target), 4, {"b": {"concurrency": concurrency}})
    most = await most_in_flight(pipeline, 300, anyio.wait_all_tasks_blocked)
    assert most <= planned(pipeline)


async def test_holds_no_more_than_planned_when_a_branch_is_slow() -> None:
    """The slowest reader of a tee sets the pace for all."""
    pipeline = Pipeline(
        "tee",
        steps={"make": make_async, "fast": pass_async, "slow": pass_stream},
        edges=[
            "input -> make",
            {"from": "make", "to": "fast", "buffer": 4},
            {"from": "make", "to": "slow", "buffer": 4},
        ]
        + [{"from": one, "to": "output", "buffer": 4} for one in ("fast", "slow")],
    )
    tally = Tally()
    async with Runner().start(pipeline, 200) as execution, anyio.create_task_group() as group:

        async def read_fast() -> None:
            async for item in execution.outputs["fast"]:
                del item

        group.start_soon(read_fast)
        seen = 0
        async for item in execution.outputs["slow"]:
            del item
            seen += 1
            if seen == 20:
                await anyio.wait_all_tasks_blocked()
    assert 0 < tally.most <= planned(pipeline)


async def test_pulls_no_more_of_the_programs_input_than_fits() -> None:
    """An endless input is read as far as there is room, and no further."""
    pulled = 0

    def endless() -> Iterator[int]:
        nonlocal pulled
        while True:
            pulled += 1
            yield pulled

    pipeline = Pipeline(
        "input",
        steps={"pass": kinds.async_pass},
        edges=[{"from": "input", "to": "pass", "buffer": 4}, {"from": "pass", "to": "output", "buffer": 4}],
    )
    async with Runner().start(pipeline, endless()) as execution:
        output = aiter(execution.output)
        assert await anext(output) == 1
        await anyio.wait_all_tasks_blocked()
        assert pulled <= planned(pipeline)
        execution.cancel()


async def test_names_a_worst_case_that_grows_with_the_buffers() -> None:
    """The figure of the plan is a sum over its edges, not a guess."""
    figures = [planned(chain((make_async, pass_stream, pass_async), size)) for size in (1, 2, 3)]
    assert figures[0] < figures[1]
    assert figures[1] - figures[0] == figures[2] - figures[1]


@step("bounded.table")
def table(items: list[int]) -> int:
    return len(items)


async def test_names_no_bound_when_an_input_gathers_a_whole_stream() -> None:
    """A list of all items grows with the stream; the plan says which edge is gathered."""
    pipeline = Pipeline("table", steps={"count": kinds.async_count, "table": table})
    plan = pipeline.plan()
    assert plan.worst_case_items is None
    assert [(edge.source, edge.target) for edge in plan.gathered] == [("count", "table")]
    assert (await pipeline.run(3_000)).output == 3_000
    unary = Pipeline("unary", steps={"table": table}).plan()
    assert (unary.worst_case_items is None, unary.gathered) == (False, ())
