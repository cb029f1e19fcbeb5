"""The kind `control.map`: a pipeline for each item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from headwater import ConfigError, Pipeline, Runner, StepError, step
from headwater.testing import EventRecorder
from tests.steps.nesting import Ending, Opening, chain, closed, nesting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio

running: list[int] = []


@step("nesting.overlap")
async def overlap(number: int) -> int:
    """Wait until as many items as fit are worked on, and note how many that are."""
    running.append(number)
    try:
        await anyio.wait_all_tasks_blocked()
        return len(running)
    finally:
        running.remove(number)


def mapping(*kinds: str | dict[str, Any], before: Any = (), **options: Any) -> dict[str, Any]:
    """Return a document that maps a chain of steps."""
    return nesting(chain(*kinds), kind="control.map", before=before, options=options)


async def test_runs_for_each_item() -> None:
    """What a pipeline makes of a whole stream, it makes of each item alone."""
    pipeline = Pipeline.load(mapping("nesting.repeat", "nesting.total"))
    assert (await pipeline.run(iter([1, 2, 3]))).output == [1, 4, 9]
    assert (await pipeline.run(4)).output == 16


async def test_adds_streams_to_its_output() -> None:
    """A pipeline that writes a stream writes one for each item, one after the other."""
    pipeline = Pipeline.load(mapping("nesting.repeat", "nesting.double"))
    assert (await pipeline.run(iter([1, 2, 0, 3]))).output == [2, 4, 4, 6, 6, 6]


async def test_works_on_several_items_at_a_time() -> None:
    """`concurrency` of the step says how many runs there are at a time, and the results stay in order."""
    assert max((await Pipeline.load(mapping("nesting.overlap", concurrency=4)).run(iter(range(12)))).output) == 4
    doubled = Pipeline.load(mapping("nesting.double", concurrency=4))
    assert (await doubled.run(iter(range(12)))).output == [2 * number for number in range(12)]


async def test_events_have_the_index_of_the_item() -> None:
    """Each event of a step inside says which item it is about."""
    recorder = EventRecorder(steps={"nested"})
    await Pipeline.load(mapping("nesting.double", concurrency=2)).run(iter(range(3)), subscribers=[recorder])
    inside = [event for event in recorder.events if event.step_id == "nested/s0"]
    indexes = [{"index": index} for index in range(3)]
    assert [event.metadata for event in inside if event.event_type == "step_complete"] == indexes
    assert all(event.metadata in indexes for event in inside)


async def test_events_of_maps_in_maps_have_both_indexes() -> None:
    """The metadata of an inner run has that of the run around it as `outer`."""
    recorder = EventRecorder(types={"step_complete"})
    inner = nesting(chain("nesting.double"), kind="control.map")
    document = nesting(
        {"name": "m", "steps": [{"id": "r", "kind": "nesting.repeat"}, *inner["steps"]]}, kind="control.map"
    )
    await Pipeline.load(document).run(iter([1, 2]), subscribers=[recorder])
    found = [event.metadata for event in recorder.events if event.step_id == "nested/nested/s0"]
    assert found == [
        {"index": 0, "outer": {"index": 0}},
        *({"index": index, "outer": {"index": 1}} for index in (0, 1)),
    ]


@pytest.mark.parametrize("options", [{}, {"concurrency": 4}])
async def test_fails_with_an_item(options: dict[str, Any]) -> None:
    """The items before the one that fails are written, and the error has the path of the step that failed."""
    pipeline = Pipeline.load(mapping("nesting.fail_at", **options))
    with pytest.raises(StepError, match="step 'nested' > 's0' failed: ValueError: 3 is bad") as caught:
        await pipeline.run(iter(range(10)))
    assert caught.value.result is not None
    assert caught.value.result.output == [0, 1, 2]


@pytest.mark.parametrize("options", [{}, {"concurrency": 4}])
async def test_is_cancelled_with_the_execution(options: dict[str, Any]) -> None:
    """Every run that waits is cancelled, and its cleanup has run when the block is left."""
    closed.clear()
    async with Runner().start(Pipeline.load(mapping("nesting.wait", **options)), iter(range(10))):
        await anyio.wait_all_tasks_blocked()
    assert closed == ["wait"] * options.get("concurrency", 1)


async def test_stops_when_its_reader_leaves() -> None:
    """A reader that has enough closes the run that writes."""
    closed.clear()
    document = mapping("nesting.repeat")
    document["steps"].append({"id": "few", "kind": "stream.take", "params": {"n": 2}})
    assert (await Pipeline.load(document).run(iter([10**9, 10**9]))).output == [10**9, 10**9]
    assert closed == ["repeat"]


async def test_takes_any_value() -> None:
    """An item may be None, a list or an object."""
    items: list[Any] = [None, [1, 2], {"a": 1}]
    assert (await Pipeline.load(mapping("nesting.same")).run(iter(items))).output == items


async def test_header_and_footer_flow_around() -> None:
    """The header and the footer of the stream do not go through the pipeline."""
    result = await Pipeline.load(mapping("nesting.double", before=({"id": "f", "kind": "nesting.framed"},))).run()
    assert (result.header, result.output, result.footer) == (Opening(unit="m"), [0, 2, 4], Ending(items=3))


async def test_holds_few_items() -> None:
    """A slow reader holds up what is written before the step."""
    read = 0

    async def items() -> AsyncIterator[int]:
        nonlocal read
        for number in range(100_000):
            read += 1
            yield number

    async with Runner().start(Pipeline.load(mapping("nesting.double")), items()) as execution:
        async for _ in execution.output:
            break
        await anyio.wait_all_tasks_blocked()
        assert read < 5_000


@pytest.mark.parametrize("options", [{}, {"concurrency": 3}])
@pytest.mark.parametrize("kind", ["control.map", "control.pipeline"])
async def test_leaves_out_items_whose_branch_is_not_taken(kind: str, options: dict[str, Any]) -> None:
    """A condition inside leaves an item out, as it does outside; a single value skips what comes after."""
    document = chain("nesting.double")
    document["edges"] = [{"from": "input", "to": "s0", "when": {"lt": 3}}]
    after = {"id": "after", "kind": "nesting.double"}
    pipeline = Pipeline.load(nesting(document, after, kind=kind, options=options if kind == "control.map" else {}))
    recorder = EventRecorder(types={"step_skipped"})
    assert (await pipeline.run(iter([1, 5, 2]))).output == [4, 8]
    assert (await pipeline.run(1)).output == 4
    assert (await pipeline.run(5, subscribers=[recorder])).output is None
    assert {event.step_id for event in recorder.events} >= {"nested/s0", "after"}


async def test_leaves_out_items_that_go_elsewhere() -> None:
    """A switch inside, of which one port is the output, passes on the items of that port."""
    steps = [
        {"id": "way", "kind": "control.switch", "params": {"cases": {"few": {"lt": 3}}, "default": "many"}},
        {"id": "drop", "kind": "nesting.double"},
    ]
    document = {"name": "x", "steps": steps, "edges": ["way.many -> drop"], "output": ["way.few"]}
    pipeline = Pipeline.load(nesting(document, kind="control.map"))
    assert (await pipeline.run(iter([1, 5, 2]))).output == [1, 2]


def test_refuses_a_pipeline_without_one_input() -> None:
    """A source, and a pipeline with two inputs, have no item to run for."""
    with pytest.raises(ConfigError, match="with one input, but this one has 0"):
        Pipeline.load(mapping({"kind": "nesting.numbers", "params": {"n": 1}}))
