# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""A program may read outputs and events in any order: what it cannot read while it waits is collected for it."""

import itertools
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from headwater import EventType, Outputs, Pipeline, Runner, Stream, To, step
from tests.running import kinds
from tests.running.conftest import Looks

NUMBERS = range(1_000)


class Signs(Outputs):
    plus: int
    minus: int


@step("held.both")
async def both(numbers: Stream[int]) -> AsyncIterator[Signs]:
    async for number in numbers:
        yield To("plus", number)
        yield To("minus", -number)


@step("held.in_turn")
async def in_turn(numbers: Stream[int]) -> AsyncIterator[Signs]:
    collected = await numbers.collect()
    for number in collected:
        yield To("plus", number)
    for number in collected:
        yield To("minus", -number)


pytestmark = pytest.mark.usefixtures("looks")


@pytest.mark.parametrize("name", ["s.plus", "s.minus"])
async def test_collects_an_output_while_the_program_reads_another(name: str) -> None:
    """One output is read to its end, and the other is in the result."""
    async with Runner().start(Pipeline("two", steps={"s": both}), NUMBERS) as execution:
        read = await execution.outputs[name].collect()
        result = await execution.result()
    plus, minus = list(NUMBERS), [-number for number in NUMBERS]
    expected = {"s.plus": plus, "s.minus": minus}
    assert read == expected[name]
    assert result.output == {**expected, name: None}


async def test_gives_outputs_that_are_read_in_turn() -> None:
    """The second output waits for its reader, from its first item on."""
    async with Runner().start(Pipeline("two", steps={"s": both}), NUMBERS) as execution:
        plus, minus = [[number async for number in output] for output in execution.outputs.values()]
    assert (plus, minus) == (list(NUMBERS), [-number for number in NUMBERS])


@pytest.mark.parametrize("target", [both, in_turn])
async def test_gives_outputs_that_are_read_item_by_item_together(target: Any) -> None:
    """An output whose reader waits for the other output is collected, and goes on where it was."""
    async with Runner().start(Pipeline("two", steps={"s": target}), NUMBERS) as execution:
        minus = aiter(execution.outputs["s.minus"])
        pairs = [(number, await anext(minus)) async for number in execution.outputs["s.plus"]]
    assert pairs == [(number, -number) for number in NUMBERS]


async def test_gives_the_rest_of_an_output_after_another() -> None:
    """No item is lost or doubled where reading was interrupted."""
    async with Runner().start(Pipeline("two", steps={"s": both}), NUMBERS) as execution:
        plus = aiter(execution.outputs["s.plus"])
        read = [await anext(plus)]
        assert len(await execution.outputs["s.minus"].collect()) == len(NUMBERS)
        read += [number async for number in plus]
    assert read == list(NUMBERS)


async def test_stops_an_output_that_was_left_for_another() -> None:
    """A loop that was left holds up nothing, and its output is not in the result."""
    async with Runner().start(Pipeline("two", steps={"s": both}), NUMBERS) as execution:
        async for _ in execution.outputs["s.plus"]:
            break
        assert len(await execution.outputs["s.minus"].collect()) == len(NUMBERS)
        assert (await execution.result()).output == {"s.plus": None, "s.minus": None}


async def test_ends_when_the_result_is_asked_for_after_a_part_of_each() -> None:
    """An output that was collected for its reader is given up with it."""
    async with Runner().start(Pipeline("two", steps={"s": both}), NUMBERS) as execution:
        plus, minus = map(aiter, execution.outputs.values())
        assert await anext(plus) == 0
        assert [await anext(minus) for _ in NUMBERS[:600]][-1] == -599
        assert (await execution.result()).status == "completed"


async def test_gives_events_to_a_program_that_holds_an_output() -> None:
    """A loop over events that reads an item now and then reaches its end, and no item is lost."""
    read: list[int] = []
    async with Runner().start(Pipeline("one", steps={"double": kinds.async_double}), NUMBERS) as execution:
        output = aiter(execution.output)
        async for event in execution.events():
            if event.event_type is EventType.STEP_OUTPUT:
                read += [await anext(output)]
        read += [number async for number in output]
    assert read == [2 * number for number in NUMBERS]


async def test_waits_for_a_reader_that_is_only_slow(looks: Looks) -> None:
    """While another task may read an output, its writer waits, however long that takes."""
    pulled = itertools.count()
    read: dict[str, list[int]] = {}
    async with Runner().start(Pipeline("two", steps={"s": both}), (next(pulled) for _ in NUMBERS)) as execution:
        plus, minus = execution.outputs.values()

        async def read_slowly() -> None:
            numbers = aiter(plus)
            read["plus"] = [await anext(numbers)]
            await looks.wait(20)
            read["pulled"] = [next(pulled)]
            read["plus"] += [number async for number in numbers]

        async def read_the_other() -> None:
            read["minus"] = [-number for number in await minus.collect()]

        async with anyio.create_task_group() as group:
            group.start_soon(read_slowly)
            group.start_soon(read_the_other)
    assert read["pulled"][0] < len(NUMBERS)
    assert len(read["plus"]) == len(read["minus"]) == len(NUMBERS)
