# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""A pipeline with several inputs takes a stream or a value for each of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from headwater import ConfigError, Pipeline, Runner, StepError, Stream, step


@step("inputs.add")
def add(a: int, b: int) -> int:
    return a + b


@step("inputs.add_later")
async def add_later(a: int, b: int) -> int:
    return a + b


@step("inputs.scaled")
async def scaled(numbers: Stream[int], by: int) -> int:
    return by * sum(await numbers.collect())


@step("inputs.lookup")
async def lookup(numbers: Stream[int], table: list[int]) -> AsyncIterator[int]:
    async for number in numbers:
        yield table[number]


@step("inputs.shout")
def shout(text: str) -> str:
    return text.upper()


async def letters() -> AsyncIterator[str]:
    for letter in "ab":
        yield letter


async def numbers() -> AsyncIterator[int]:
    for number in (1, 2):
        yield number


@pytest.mark.parametrize("kind", [add, add_later])
@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (lambda: iter([1, 2]), lambda: 5, [6, 7]),
        (lambda: 5, numbers, [6, 7]),
        (lambda: [1, 2], lambda: 5, [6, 7]),
        (lambda: 1, lambda: 5, 6),
    ],
)
async def test_a_step_is_mapped_over_the_input_that_is_a_stream(kind: Any, a: Any, b: Any, expected: Any) -> None:
    """Whichever input it is, and whatever was run before with the same pipeline."""
    pipeline = Pipeline("sums", steps={"sum": kind})
    for _ in range(2):
        assert (await pipeline.run({"sum.a": a(), "sum.b": b()})).output == expected
        assert (await pipeline.run({"sum.a": 1, "sum.b": 2})).output == 3


async def test_two_streams_for_a_step_that_takes_values_are_refused() -> None:
    """The pairs would be chance; the refusal is that of a document."""
    with pytest.raises(ConfigError, match="mapped over two streams") as error:
        await Pipeline("sums", steps={"sum": add}).run({"sum.a": iter([1]), "sum.b": iter([2])})
    assert error.value.problems[0].code == "several-mapped"


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        (scaled, {"step.numbers": [1, 2], "step.by": 5}, 15),
        (scaled, {"step.numbers": 3, "step.by": 5}, 15),
        (lookup, {"step.numbers": [1, 0], "step.table": [7, 8]}, [8, 7]),
    ],
)
async def test_a_stream_port_and_a_value_port_each_take_their_data(
    kind: Any, given: Mapping[str, Any], expected: Any
) -> None:
    """A list is the items of a stream, or one value, as the port has it."""
    pipeline = Pipeline("ports", steps={"step": kind})
    assert (await pipeline.run(given)).output == expected
    ports = {
        name: iter(data) if name == "step.numbers" and isinstance(data, list) else data for name, data in given.items()
    }
    assert (await pipeline.run(ports)).output == expected


async def test_a_stream_beside_a_stream_port_is_refused_for_a_value_port() -> None:
    """A stream has one first item, and the step reads the other stream once."""
    pipeline = Pipeline("ports", steps={"step": scaled})
    with pytest.raises(ConfigError) as error:
        await pipeline.run({"step.numbers": [1], "step.by": iter([1, 2])})
    assert error.value.problems[0].code == "mapped-beside-stream"


async def test_inputs_of_several_steps_are_streams_or_values_of_their_own() -> None:
    """Each step gives a list or a value, as its data is; views of the outputs included."""
    pipeline = Pipeline("two", steps={"left": shout, "right": shout}, edges=[])
    assert (await pipeline.run({"left": letters(), "right": "c"})).output == {"left": ["A", "B"], "right": "C"}
    async with Runner().start(pipeline, {"left": "c", "right": iter("ab")}) as execution:
        assert (await execution.result()).output == {"left": "C", "right": ["A", "B"]}


async def test_a_wrong_item_of_one_input_is_an_error_of_its_port() -> None:
    """The items are checked, each where it arrives."""
    with pytest.raises(StepError, match="step 'sum' port 'a': item: expected int, found 'x'"):
        await Pipeline("sums", steps={"sum": add}).run({"sum.a": iter([1, "x"]), "sum.b": 2})
