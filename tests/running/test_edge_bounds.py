# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""The bounds of edges: bytes beside items, and what is dropped when an edge is full."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from headwater import ConfigError, Pipeline, Runner, StepError, Stream, StreamEvent, run_sync, step
from headwater_subscribers import ConsoleSubscriber, MetricsSubscriber
from tests.running import kinds

ITEMS = 2_000


@step("bounds.blocks")
async def blocks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield bytes(1_000)


@step("bounds.plain_blocks")
def plain_blocks(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield bytes(1_000)


@step("bounds.lengths")
async def lengths(items: Stream[bytes]) -> AsyncIterator[int]:
    async for batch in items.batches():
        yield sum(map(len, batch))


@step("bounds.length", blocking=True)
def length(items: Iterable[bytes]) -> int:
    return sum(map(len, items))


@step("bounds.stuck")
async def stuck(items: Stream[int]) -> int:
    """Take one item, wait until nothing else moves, and count the rest."""
    batches = aiter(items.batches())
    first = len(await anext(batches))
    await anyio.wait_all_tasks_blocked()
    return first + sum([len(batch) async for batch in batches])


def edge(source: str, target: str, **bounds: Any) -> dict[str, Any]:
    return {"from": source, "to": target, **bounds}


@pytest.mark.parametrize("writer", [blocks, plain_blocks])
async def test_no_more_bytes_wait_than_fit(writer: Any) -> None:
    """Whatever the writer is: each batch that is read has at most these bytes."""
    steps = {"blocks": writer, "lengths": lengths}
    pipeline = Pipeline("bytes", steps=steps, edges=[edge("blocks", "lengths", buffer_bytes=5_500)])
    sums = (await pipeline.run(200)).output
    assert (sum(sums), max(sums) <= 5_000) == (200_000, True)


@pytest.mark.parametrize("size", [1, 1_000, 10**9])
async def test_every_item_passes_whatever_the_bound(size: int) -> None:
    """An item that is larger than the bound passes alone."""
    steps = {"blocks": blocks, "length": length}
    pipeline = Pipeline("bytes", steps=steps, edges=[edge("blocks", "length", buffer_bytes=size)])
    assert (await pipeline.run(300)).output == 300_000


def test_step_is_not_fused_when_its_edge_has_bounds() -> None:
    """Where there is no channel, there is no bound."""
    for bounds in ({"buffer_bytes": 9}, {"on_full": "drop_oldest"}, {"on_full": "wait"}):
        steps = {"count": kinds.async_count, "double": kinds.def_double}
        plan = Pipeline("one", steps=steps, edges=[edge("count", "double", **bounds)]).plan()
        assert [planned.fused for planned in plan.edges if planned.target == "double"] == [False]


def observed(observer: Any, *, events: list[StreamEvent], **bounds: Any) -> Pipeline:
    """Return a pipeline in which one reader gets every item, and another one only what fits."""
    assert not events
    steps = {"count": kinds.async_count, "all": kinds.async_sum, "observer": observer}
    return Pipeline("observed", steps=steps, edges=["count -> all", edge("count", "observer", **bounds)])


@pytest.mark.parametrize(("bounds", "kept"), [({"on_full": "drop_oldest", "buffer": 8}, 8), ({"on_full": "latest"}, 1)])
async def test_reader_that_is_stuck_holds_up_nothing_when_items_are_dropped(bounds: Any, kept: int) -> None:
    """The number lost is in the last event of the writing step: read and lost are all that was written."""
    events: list[StreamEvent] = []
    pipeline = observed(stuck, events=events, **bounds)
    result = await pipeline.run(ITEMS, subscribers=[events.append])
    complete = {event.step_id: event.data for event in events if event.event_type == "step_complete"}
    lost = complete["count"].items_aside["lost"]
    assert result.output["all"] == sum(range(ITEMS))
    assert (complete["count"].items_out, result.output["observer"] + lost) == (ITEMS, ITEMS)
    assert lost >= ITEMS - 2 * 256 - kept


async def test_reader_gets_the_newest_item_when_only_the_latest_is_kept() -> None:
    """The last item is never lost."""

    @step("bounds.last")
    async def last(items: Stream[int]) -> int:
        seen = [-1]
        async for item in items:
            seen.append(item)
            await checkpoint()
        return seen[-1]

    output = (await observed(last, events=[], on_full="latest").run(ITEMS)).output
    assert output == {"all": sum(range(ITEMS)), "observer": ITEMS - 1}


async def test_lost_items_of_the_input_count_for_the_step_that_reads_them() -> None:
    """No step has written them."""
    events: list[StreamEvent] = []
    pipeline = Pipeline("input", steps={"stuck": stuck}, edges=[edge("input", "stuck", on_full="latest")])
    result = await pipeline.run(iter(range(ITEMS)), subscribers=[events.append])
    (complete,) = [event.data for event in events if event.event_type == "step_complete"]
    assert complete.items_aside["lost"] + result.output == ITEMS


async def test_lost_items_count_for_the_last_of_fused_steps() -> None:
    """It is the one that writes to the edge."""
    events: list[StreamEvent] = []
    steps = {"count": kinds.generator_count, "double": kinds.def_double, "stuck": stuck}
    edges = ["count -> double", edge("double", "stuck", on_full="drop_oldest", buffer=4)]
    result = await Pipeline("fused", steps=steps, edges=edges).run(ITEMS, subscribers=[events.append])
    aside = {event.step_id: event.data.items_aside for event in events if event.event_type == "step_complete"}
    assert aside == {"count": {}, "double": {"lost": ITEMS - result.output}, "stuck": {}}


def test_console_and_metrics_show_what_was_lost() -> None:
    """As they show what was skipped."""
    written, metrics = io.StringIO(), MetricsSubscriber()
    pipeline = observed(stuck, events=[], on_full="latest")
    output = run_sync(pipeline, ITEMS, subscribers=[ConsoleSubscriber(file=written), metrics]).output
    lost = ITEMS - output["observer"]
    assert f"{lost:,} lost" in written.getvalue()
    assert next(step.items_aside for step in metrics.snapshot().steps if step.step_id == "count") == {"lost": lost}


async def test_output_keeps_the_newest_items_when_the_program_reads_slowly() -> None:
    """The program gets what is true when it looks."""
    steps = {"count": kinds.async_count, "all": kinds.async_sum}
    edges = ["count -> all", "all -> output", edge("count", "output", on_full="latest")]
    async with Runner().start(Pipeline("output", steps=steps, edges=edges), ITEMS) as execution:
        streams = execution.outputs
        assert [item async for item in streams["all"]] == [sum(range(ITEMS))]
        assert [item async for item in streams["count"]][-1] == ITEMS - 1


async def test_failure_is_not_hidden_when_items_are_dropped() -> None:
    """A cut is never an end."""

    @step("bounds.fails")
    async def fails(number: int) -> AsyncIterator[int]:
        for value in range(number):
            yield value
        msg = "cut"
        raise ValueError(msg)

    pipeline = Pipeline(
        "cut", steps={"fails": fails, "sum": kinds.async_sum}, edges=[edge("fails", "sum", on_full="drop_oldest")]
    )
    with pytest.raises(StepError, match="ValueError: cut"):
        await pipeline.run(1_000)


async def test_edge_that_drops_items_ends_a_deadlock() -> None:
    """It never fills up, so the planner accepts it, and the execution ends."""

    @step("bounds.both")
    async def both(total: int, items: Stream[int]) -> int:
        return total + len(await items.collect())

    steps = {"count": kinds.async_count, "sum": kinds.async_sum, "both": both}
    edges: list[Any] = ["count -> sum", "sum -> both.total"]
    with pytest.raises(ConfigError, match="deadlock-risk"):
        Pipeline("stuck", steps=steps, edges=[*edges, "count -> both.items"])
    loose = Pipeline("loose", steps=steps, edges=[*edges, edge("count", "both.items", on_full="drop_oldest", buffer=5)])
    assert (await loose.run(ITEMS)).output == sum(range(ITEMS)) + 5


def test_bounds_of_an_edge_that_streams_with_some_data_are_accepted() -> None:
    """A pipeline may be given one value or many items."""
    edges = [edge("input", "double", buffer_bytes=100), edge("double", "again", on_full="latest")]
    steps = {"double": kinds.async_double, "again": kinds.async_double}
    pipeline = Pipeline("data", steps=steps, edges=edges)
    assert run_sync(pipeline, 3).output == 12
    assert run_sync(pipeline, iter(range(5))).output[-1] == 16
