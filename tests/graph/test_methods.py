"""Which method of a task runs: decided by what comes in and by what the readers take."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import combinations
from types import new_class
from typing import Any, TypeVar

import pytest

from headwater import ConfigError, Flavor, Pipeline, Step, Stream, Task, run_sync, step

T = TypeVar("T")

WORDS = Task(
    "words",
    unary_input=str,
    stream_input=str,
    unary_output=list[str],
    stream_output=str,
    input_join="".join,
    input_split=list,
    output_join=list,
    output_split=iter,
)
TEXT = "to be or not"


class _UnaryUnary(Step, kind="methods.uu"):
    @WORDS.method(Flavor.UNARY_UNARY)
    def uu(self, text: str) -> list[str]:
        return text.split()


class _UnaryStream(Step, kind="methods.us"):
    @WORDS.method(Flavor.UNARY_STREAM)
    def us(self, text: str) -> Iterator[str]:
        yield from text.split()


class _StreamUnary(Step, kind="methods.su"):
    @WORDS.method(Flavor.STREAM_UNARY)
    async def su(self, parts: Stream[str]) -> list[str]:
        return "".join(await parts.collect()).split()


class _StreamStream(Step, kind="methods.ss"):
    @WORDS.method(Flavor.STREAM_STREAM)
    async def ss(self, parts: Stream[str]) -> AsyncIterator[str]:
        for word in "".join(await parts.collect()).split():
            yield word


@step("methods.whole")
def whole(words: list[str]) -> str:
    """Read all words as one value."""
    return "|".join(words)


@step("methods.each")
def each(word: str) -> str:
    """Read one word."""
    return f"<{word}>"


@step("methods.every")
async def every(words: Stream[str]) -> str:
    """Read the stream of words."""
    return "|".join(await words.collect())


@step("methods.anything")
def anything(item: T) -> T:
    """Take one of anything."""
    return item


@step("methods.all_of_anything")
async def all_of_anything(items: Stream[Any]) -> int:
    """Read a stream of anything."""
    return len(await items.collect())


BASES: dict[str, type[Step]] = {"uu": _UnaryUnary, "us": _UnaryStream, "su": _StreamUnary, "ss": _StreamStream}
SETS = [names for size in range(1, 5) for names in combinations(BASES, size)]
STEPS = {
    names: BASES[names[0]]
    if len(names) == 1
    else new_class("".join(names), tuple(BASES[name] for name in names), {"kind": f"methods.of_{'_'.join(names)}"})
    for names in SETS
}


def pipeline(names: tuple[str, ...], reader: Any = None, adapt: str | None = None) -> Pipeline:
    """Return a pipeline of the step with some methods, and perhaps a reader."""
    writer = STEPS[names]
    if reader is None:
        return Pipeline("methods", steps={"w": writer})
    edge = {"from": "w", "to": "r"} | ({} if adapt is None else {"adapt": adapt})
    return Pipeline("methods", steps={"w": writer, "r": reader}, edges=["input -> w", edge])


def method(names: tuple[str, ...], reader: Any, *, stream: bool, adapt: str | None = None) -> str:
    """Return the method that runs."""
    return pipeline(names, reader, adapt).plan(stream_input=stream).step("w").method.name


@pytest.mark.parametrize(
    ("reader", "stream", "order"),
    [
        # Both ends, then what comes in, then a derived one.
        (whole, False, "uu us ss|su"),
        (whole, True, "su ss uu|us"),
        (every, False, "us uu ss|su"),
        (every, True, "ss su us|uu"),
        (each, False, "us ss uu su"),
        (each, True, "ss us su uu"),
        (all_of_anything, False, "us uu ss|su"),
        (all_of_anything, True, "ss su us|uu"),
        (anything, False, "us uu ss|su"),
        (anything, True, "ss su us|uu"),
        (None, False, "uu us ss|su"),
        (None, True, "ss su us|uu"),
    ],
)
def test_runs_the_method_that_both_ends_ask_for(reader: Any, stream: bool, order: str) -> None:
    """Of every set of methods the one runs that comes first for what comes in and for what is read."""
    ranks = {name: rank for rank, group in enumerate(order.split()) for name in group.split("|")}
    for names in SETS:
        if reader is each and not {"us", "ss"} & set(names):
            with pytest.raises(ConfigError, match="type-mismatch"):
                pipeline(names, reader)
            continue
        found = pipeline(names, reader).plan(stream_input=stream).step("w").method.name
        assert ranks[found] == min(ranks[name] for name in names), (names, found)


@pytest.mark.parametrize(
    ("reader", "expected"), [(whole, "to|be|or|not"), (every, "to|be|or|not"), (all_of_anything, 4)]
)
@pytest.mark.parametrize("data", [TEXT, "chunks"])
def test_gives_the_same_whatever_methods_there_are(reader: Any, expected: Any, data: str) -> None:
    """With all rules declared a further method never changes what a reader of words gets."""
    for names in SETS:
        given: Any = iter(["to b", "e or", " not"]) if data == "chunks" else data
        assert run_sync(pipeline(names, reader), given).output == expected, names


@pytest.mark.parametrize("names", [names for names in SETS if {"us", "ss"} & set(names)])
@pytest.mark.parametrize(
    ("reader", "expected"), [(each, ["<to>", "<be>"]), (anything, ["to", "be"]), (None, ["to", "be"])]
)
def test_gives_the_items_one_by_one_where_a_method_streams(names: tuple[str, ...], reader: Any, expected: Any) -> None:
    """A reader of one word, or of anything, gets each word, for a value and for a stream."""
    if "us" in names or "uu" not in names:  # a step that gives a value for a value is read by anything as that value
        assert run_sync(pipeline(names, reader), "to be").output == expected
    assert run_sync(pipeline(names, reader), iter(["to", " be"])).output == expected


def test_asks_the_method_for_what_an_adapter_needs() -> None:
    """An adapter that the document asks for decides like a reader: the writer must give what it takes."""
    assert method(("uu", "us", "su", "ss"), whole, stream=True) == "su"
    assert method(("uu", "us", "su", "ss"), whole, stream=True, adapt="collect") == "ss"
    assert method(("uu", "us", "su", "ss"), whole, stream=False, adapt="join") == "us"
    assert method(("uu", "us", "su", "ss"), every, stream=False, adapt="split") == "uu"
    assert method(("uu", "us", "su", "ss"), every, stream=True, adapt="split") == "su"


@step("methods.count")
def count(number: int) -> Iterator[int]:
    """Give the numbers below a number."""
    yield from range(number)


@step("methods.scaled")
async def scaled(numbers: Stream[int], factor: int) -> AsyncIterator[int]:
    """Multiply each number."""
    async for number in numbers:
        yield number * factor


def test_refuses_to_map_a_step_beside_a_stream_that_it_reads() -> None:
    """The stream would end with the first item that the step is mapped over."""
    with pytest.raises(ConfigError) as caught:
        Pipeline(
            "beside",
            steps={"one": count, "other": count, "scaled": scaled},
            edges=["input -> one", "input -> other", "one -> scaled.numbers", "other -> scaled.factor"],
        )
    assert [problem.code for problem in caught.value.problems] == ["mapped-beside-stream"]


def test_gives_values_of_a_shared_input_before_its_streams() -> None:
    """One value for a stream and for a value of the same step is no deadlock."""
    pipeline = Pipeline("both", steps={"it": scaled}, edges=["input -> it.numbers", "input -> it.factor"])
    assert run_sync(pipeline, 3).output == [9]


class Heavy(Step, kind="methods.heavy", cpu=True):
    """Works on one text in a process, and on a stream where it is."""

    @WORDS.method(Flavor.UNARY_STREAM)
    def us(self, text: str) -> Iterator[str]:
        yield from text.split()

    @WORDS.method(Flavor.UNARY_UNARY)
    def uu(self, text: str) -> list[str]:
        return text.split()

    @WORDS.method(Flavor.STREAM_STREAM)
    async def ss(self, parts: Stream[str]) -> AsyncIterator[str]:
        async for part in parts:
            yield part


@pytest.mark.parametrize("stream", [False, True])
def test_prefers_a_method_that_can_run_where_the_step_is_placed(stream: bool) -> None:
    """A method whose choice would be a problem is chosen only when there is no other."""
    pipeline = Pipeline("heavy", steps={"w": Heavy(), "r": every}, edges=["input -> w", "w -> r"])
    assert pipeline.plan(stream_input=stream).step("w").method.name == "uu"
