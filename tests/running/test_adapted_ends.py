# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""Edges from the input and to the output of a pipeline do what their `adapt` says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from headwater import ConfigError, Flavor, Pipeline, Step, StepError, Stream, Task, step
from tests.running import kinds
from tests.running.kinds import Closing, Opening

WORDS = Task(
    "words",
    unary_input=str,
    stream_input=str,
    unary_output=str,
    stream_output=str,
    input_split=str.split,
    output_join=" ".join,
    output_split=str.split,
)


class Words(Step, kind="ends.words"):
    @WORDS.method(Flavor.STREAM_STREAM)
    async def every(self, words: Stream[str]) -> AsyncIterator[str]:
        async for word in words:
            yield word.title()


class Titles(Step, kind="ends.titles"):
    @WORDS.method(Flavor.UNARY_UNARY)
    def whole(self, text: str) -> str:
        return text.title()


@step("ends.row")
def row(numbers: list[int]) -> int:
    return sum(numbers)


@step("ends.total")
async def total(numbers: Stream[int]) -> int:
    return sum(await numbers.collect())


@step("ends.shown")
def shown(value: Any) -> str:
    return repr(value)


@step("ends.count")
def count(number: int) -> Iterator[int]:
    yield from range(number)


def ended(target: Any, *, start: str | None = None, end: str | None = None, when: Any = None) -> Pipeline:
    """Return a pipeline of one step with an adapter at its ends."""
    into: dict[str, Any] = {"from": "input", "to": "a"} | ({"adapt": start} if start else {})
    out: dict[str, Any] = {"from": "a", "to": "output"} | ({"adapt": end} if end else {})
    return Pipeline("ends", steps={"a": target}, edges=[into, out | ({"when": when} if when else {})])


@pytest.mark.parametrize(
    ("target", "start", "data", "expected"),
    [
        (row, None, [1, 2], 3),
        (row, "map", [[1, 2], [3]], [3, 3]),
        (row, "map", lambda: iter([[1, 2], [3]]), [3, 3]),
        (row, "collect", lambda: iter([1, 2]), 3),
        (row, "collect", [1, 2], 3),
        (total, "one", 5, 5),
        (Words(), "split", "to be", ["To", "Be"]),
        (Words(), None, lambda: iter(["to", "be"]), ["To", "Be"]),
    ],
)
async def test_reads_the_input_as_its_edge_says(target: Any, start: str | None, data: Any, expected: Any) -> None:
    """The adapter says how the data of an execution is read, also against what the data looks like."""
    given = data() if callable(data) else data  # an iterator is read once
    assert (await ended(target, start=start).run(given)).output == expected


@pytest.mark.parametrize(("target", "start", "data"), [(total, "one", [5, 6]), (Words(), "split", 7)])
async def test_refuses_input_that_its_adapter_does_not_take(target: Any, start: str, data: Any) -> None:
    """What does not fit is an error, and nothing is left out."""
    with pytest.raises(StepError):
        await ended(target, start=start).run(data)


async def test_gives_a_shared_input_whole_to_values_and_by_items_to_streams() -> None:
    """Each reader of one input gets all of it."""
    targets = {"row": row, "total": total, "shown": shown}
    pipeline = Pipeline("shared", steps=targets, edges=["input -> row", "input -> total", "input -> shown"])
    assert (await pipeline.run([1, 2])).output == {"row": 3, "total": 3, "shown": "[1, 2]"}


@pytest.mark.parametrize(
    ("end", "expected", "streams"),
    [
        (None, ["To", "Be"], True),
        ("map", ["To", "Be"], True),
        ("join", "To Be", False),
        ("collect", ["To", "Be"], False),
    ],
)
async def test_makes_one_value_of_a_stream_for_the_output(end: str | None, expected: Any, streams: bool) -> None:
    """A joined or collected output is one value, in the result and in the plan."""
    pipeline = ended(Words(), end=end)
    assert pipeline.plan().edges[-1].streaming is streams
    assert (await pipeline.run(iter(["to", "be"]))).output == expected


@pytest.mark.parametrize(
    ("end", "expected", "streams"), [(None, "To Be", False), ("one", ["To Be"], True), ("split", ["To", "Be"], True)]
)
async def test_makes_a_stream_of_a_value_for_the_output(end: str | None, expected: Any, streams: bool) -> None:
    """A divided output is a stream of the parts, or of the one value."""
    pipeline = ended(Titles(), end=end)
    assert pipeline.plan().edges[-1].streaming is streams
    assert (await pipeline.run("to be")).output == expected


async def test_divides_a_value_into_more_items_than_fit() -> None:
    """The parts of a value wait like any items, also where several edges lead from the step."""
    text = " ".join(map(str, range(2_000)))
    edges: list[Any] = [
        "input -> a",
        {"from": "a", "to": "output", "adapt": "split", "buffer": 3},
        "a -> b",
        "b -> output",
    ]
    pipeline = Pipeline("many", steps={"a": Titles(), "b": shown}, edges=edges)
    result = await pipeline.run(text)
    assert result.output == {"a": text.split(), "b": repr(text)}


@pytest.mark.parametrize("data", [0, 3, 5_000])
async def test_collects_beside_other_readers(data: int) -> None:
    """A collected output holds every item, however many there are and whoever else reads them."""
    edges: list[Any] = ["input -> a", {"from": "a", "to": "output", "adapt": "collect"}, "a -> b", "b -> output"]
    pipeline = Pipeline("beside", steps={"a": count, "b": total}, edges=edges)
    assert (await pipeline.run(data)).output == {"a": list(range(data)), "b": sum(range(data))}


async def test_joins_what_meets_the_condition() -> None:
    """The condition of the edge selects the items before the join."""
    assert (await ended(Words(), end="join", when={"ne": "To"}).run(iter(["to", "be"]))).output == "Be"
    assert (await ended(Words(), end="join", when={"eq": "no"}).run(iter(["to", "be"]))).output == ""


async def test_names_the_step_when_the_rule_of_an_output_fails() -> None:
    """An error in a rule is a failure of the step that declares it."""

    def broken(items: list[str]) -> str:
        raise LookupError(f"{len(items)} items")

    task = Task("broken", stream_input=str, unary_output=str, stream_output=str, output_join=broken)

    class Broken(Step, kind="ends.broken"):
        @task.method(Flavor.STREAM_STREAM)
        async def every(self, words: Stream[str]) -> AsyncIterator[str]:
            async for word in words:
                yield word

    with pytest.raises(StepError, match="step 'a' failed: LookupError: 2 items"):
        await ended(Broken(), end="join").run(iter(["to", "be"]))


@pytest.mark.parametrize("reads", ["output", "step"])
@pytest.mark.parametrize("rule", ["join", "split"])
async def test_checks_what_a_rule_makes(rule: str, reads: str) -> None:
    """A rule is code like any other: a wrong type is an error that names the step."""
    task = Task(
        "wrong",
        unary_input=int,
        unary_output=list[int],
        stream_output=int,
        output_join=lambda items: list(map(str, items)),
        output_split=lambda value: [value],
    )

    class Wrong(Step, kind=f"ends.wrong_{rule}"):
        if rule == "join":

            @task.method(Flavor.UNARY_STREAM)
            def several(self, number: int) -> Iterator[int]:
                yield number

        else:

            @task.method(Flavor.UNARY_UNARY)
            def one(self, number: int) -> list[int]:
                return [number]

    pipeline = ended(Wrong(), end=rule)
    if reads == "step":
        edges: list[Any] = ["input -> a", {"from": "a", "to": "b", "adapt": rule}]
        pipeline = Pipeline("wrong", steps={"a": Wrong(), "b": total if rule == "split" else row}, edges=edges)
    with pytest.raises(StepError, match="FrameTypeError"):
        await pipeline.run(1)


@pytest.mark.parametrize("end", ["join", "split", "one"])
def test_refuses_an_output_that_its_adapter_does_not_take(end: str) -> None:
    """An adapter without a rule, or for the other direction, is a problem of its edge."""
    with pytest.raises(ConfigError) as caught:
        ended(count, end=end)
    assert [(problem.code, problem.path) for problem in caught.value.problems] == [("no-adapter", "$.edges[1]")]


@pytest.mark.parametrize("end", ["join", "collect"])
async def test_breaks_an_output_whose_step_fails(end: str) -> None:
    """What was gathered before a failure is never taken for the whole."""
    task = Task("half", stream_input=str, unary_output=str, stream_output=str, output_join="".join)

    class Half(Step, kind="ends.half"):
        @task.method(Flavor.STREAM_STREAM)
        async def every(self, words: Stream[str]) -> AsyncIterator[str]:
            async for word in words:
                yield word
                raise ValueError("half")

    with pytest.raises(StepError) as caught:
        await ended(Half(), end=end).run(iter(["to", "be"]))
    assert caught.value.result is not None
    assert caught.value.result.output is None


async def test_keeps_header_and_footer_of_a_collected_output() -> None:
    """The frames around the items are still in the result."""
    result = await ended(kinds.framed, end="collect").run(2)
    assert (result.header, result.output, result.footer) == (Opening(language="en"), [0, 1], Closing(items=2))
