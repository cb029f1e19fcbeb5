# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""Graphs of every shape: tees, merges, conditions, several inputs and outputs."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import pytest

from headwater import Footer, Header, Outputs, Pipeline, Runner, StepError, Stream, StreamEvent, To, step
from tests.running import kinds

EVEN = {"in": [0, 2, 4, 6, 8]}


def graph(edges: list[Any], options: dict[str, Any] | None = None, output: Any = None, **steps: Any) -> Pipeline:
    return Pipeline("graph", steps=steps, edges=edges, options=options, output=output)


async def run(pipeline: Pipeline, data: Any) -> tuple[Any, list[StreamEvent]]:
    """Return the output and the events of an execution."""
    events: list[StreamEvent] = []
    result = await pipeline.run(data, subscribers=[events.append])
    return result.output, events


def of_type(events: list[StreamEvent], event_type: str) -> set[str | None]:
    return {event.step_id for event in events if event.event_type == event_type}


@pytest.mark.parametrize("readers", [2, 5])
@pytest.mark.parametrize("kind", [kinds.def_double, kinds.async_double, kinds.thread_double])
async def test_gives_everything_to_every_branch(readers: int, kind: Any) -> None:
    """A tee gives each reader all the items, whatever kind of step it is."""
    branches = {f"branch{number}": kind for number in range(readers)}
    pipeline = graph([f"count -> {name}" for name in branches], count=kinds.async_count, **branches)
    output, _ = await run(pipeline, 600)
    assert output == {name: [2 * number for number in range(600)] for name in branches}


async def test_runs_every_step_of_uneven_branches() -> None:
    """No step is lost where one branch is longer than the other."""
    pipeline = graph(
        ["a -> b", "b -> b2", "a -> c"],
        a=kinds.def_double,
        b=kinds.async_double,
        b2=kinds.def_double,
        c=kinds.def_double,
    )
    for data, expected in ((1, {"b2": 8, "c": 4}), ([1, 2], {"b2": [8, 16], "c": [4, 8]})):
        output, events = await run(pipeline, data)
        assert output == expected
        assert of_type(events, "step_complete") == {"a", "b", "b2", "c"}


@step("running.lengths")
def lengths(left: list[int], right: list[int]) -> tuple[int, int]:
    return len(left), len(right)


@step("running.failing_count")
async def failing_count(number: int) -> AsyncIterator[int]:
    for value in range(number):
        yield value
    raise ValueError("out of numbers")


async def test_collects_two_streams_of_one_source_at_the_same_time() -> None:
    """Neither waits for the other, which would stop their source as soon as a buffer is full."""
    edges = ["count -> lengths.left", "count -> even", "even -> lengths.right"]
    pipeline = graph(edges, count=kinds.async_count, even=kinds.async_double, lengths=lengths)
    output, _ = await run(pipeline, 5_000)
    assert output == (5_000, 5_000)


@step("running.items_then_sum")
def items_then_sum(numbers: list[int], total: int) -> tuple[int, int]:
    return len(numbers), total


@step("running.sum_then_items")
def sum_then_items(total: int, numbers: list[int]) -> tuple[int, int]:
    return len(numbers), total


@pytest.mark.parametrize("condition", [None, {"gt": 0}])
@pytest.mark.parametrize("kind", [items_then_sum, sum_then_items])
async def test_takes_a_value_and_a_list_in_any_order_when_both_come_from_one_source(kind: Any, condition: Any) -> None:
    """A step whose branch may be skipped does not wait for one input before the other either."""
    start = {"from": "input", "to": "count", **({} if condition is None else {"when": condition})}
    edges = [start, "count -> sum", "count -> both.numbers", "sum -> both.total"]
    pipeline = graph(edges, count=kinds.async_count, sum=kinds.async_sum, both=kind)
    output, _ = await run(pipeline, 5_000)
    assert output == (5_000, sum(range(5_000)))


@pytest.mark.parametrize("kind", [items_then_sum, sum_then_items])
async def test_skips_a_step_with_a_list_and_a_value_when_the_branch_of_the_value_is_not_taken(kind: Any) -> None:
    """What the list holds by then does not matter."""
    edges = ["input -> count", "count -> both.numbers", {"from": "input", "to": "value", "when": {"lt": 0}}]
    pipeline = graph([*edges, "value -> both.total"], count=kinds.async_count, value=kinds.async_double, both=kind)
    output, events = await run(pipeline, 5_000)
    assert output is None
    assert of_type(events, "step_skipped") == {"value", "both"}


async def test_fails_once_when_two_collected_streams_break() -> None:
    """The error is the one of the step that failed, not a group of its consequences."""
    edges = ["fails -> lengths.left", "fails -> lengths.right"]
    pipeline = graph(edges, fails=failing_count, lengths=lengths)
    with pytest.raises(StepError, match="step 'fails' failed: ValueError: out of numbers"):
        await pipeline.run(3)


@pytest.mark.parametrize("data", [1, [1, 2, 3]])
async def test_joins_the_branches_of_a_diamond(data: Any) -> None:
    """Two branches of one value meet again in a step with two inputs."""
    pipeline = graph(
        ["start -> one", "start -> other", "one -> add.left", "other -> add.right"],
        start=kinds.list_sum if data != 1 else kinds.def_double,
        one=kinds.async_double,
        other=kinds.def_double,
        add=kinds.add,
    )
    assert (await run(pipeline, data))[0] == (8 if data == 1 else 24)


@pytest.mark.parametrize("merge", ["interleave", "concat"])
async def test_merges_streams_in_one_port(merge: str) -> None:
    """Several edges into a port become one stream, mixed or one after the other."""
    pipeline = graph(
        ["input -> one", "input -> other", "one -> all", "other -> all"],
        {"all": {"merge": merge}},
        one=kinds.async_count,
        other=kinds.generator_count,
        all=kinds.async_pass,
    )
    output, _ = await run(pipeline, 400)
    assert sorted(output) == sorted([*range(400)] * 2)
    assert merge == "interleave" or output == [*range(400)] * 2


@pytest.mark.parametrize("merge", ["interleave", "concat"])
async def test_merges_values_into_a_stream(merge: str) -> None:
    """Single values that meet in a port are a stream of as many items."""
    pipeline = graph(
        ["input -> one", "input -> other", "one -> total", "other -> total"],
        {"total": {"merge": merge}},
        one=kinds.def_double,
        other=kinds.async_double,
        total=kinds.async_sum,
    )
    assert (await run(pipeline, 3))[0] == 12


@pytest.mark.parametrize("reader", [kinds.async_pass, kinds.def_double, kinds.thread_pass])
async def test_sends_items_where_their_condition_says(reader: Any) -> None:
    """On a stream, `when` is asked for each item, and nothing is lost between complementary branches."""
    pipeline = graph(
        [{"from": "count", "to": "even", "when": EVEN}, {"from": "count", "to": "odd", "when": {"not": EVEN}}],
        count=kinds.async_count,
        even=reader,
        odd=reader,
    )
    output, events = await run(pipeline, 9)
    factor = 2 if reader is kinds.def_double else 1
    assert output == {
        "even": [factor * number for number in range(9) if number % 2 == 0],
        "odd": [factor * number for number in range(9) if number % 2],
    }
    assert of_type(events, "step_skipped") == set()


async def test_ends_well_when_no_item_meets_a_condition() -> None:
    """A stream without items is a stream: its readers run, and end."""
    pipeline = graph(
        [{"from": "count", "to": "total", "when": {"gt": 100}}], count=kinds.async_count, total=kinds.async_sum
    )
    output, events = await run(pipeline, 3)
    assert output == 0
    assert of_type(events, "step_complete") == {"count", "total"}


@pytest.mark.parametrize(("data", "taken", "left"), [(1, "small", "large"), (100, "large", "small")])
@pytest.mark.parametrize("kind", [kinds.def_double, kinds.async_double, kinds.thread_double])
async def test_skips_the_branch_of_a_value_that_is_not_taken(data: int, taken: str, left: str, kind: Any) -> None:
    """On a unary edge, a branch whose condition is not met skips its steps, near and far, and says so."""
    pipeline = graph(
        [
            {"from": "start", "to": "small", "when": {"lt": 10}},
            {"from": "start", "to": "large", "when": {"ge": 10}},
            "small -> small2",
            "large -> large2",
        ],
        start=kinds.def_double,
        small=kind,
        small2=kinds.def_double,
        large=kind,
        large2=kinds.async_double,
    )
    output, events = await run(pipeline, data)
    assert output == {f"{taken}2": 8 * data}
    assert of_type(events, "step_skipped") == {left, f"{left}2"}
    assert of_type(events, "step_complete") == {"start", taken, f"{taken}2"}
    assert of_type(events, "step_start") == {"start", taken, f"{taken}2"}


@pytest.mark.parametrize("reader", [kinds.async_count, kinds.thread_count, kinds.generator_count])
async def test_skips_a_stream_that_would_start_in_a_branch_not_taken(reader: Any) -> None:
    """A step that makes a stream of a value that does not come is skipped with all that read it."""
    pipeline = graph(
        [{"from": "start", "to": "count", "when": {"gt": 10}}, "count -> total", "start -> other"],
        start=kinds.def_double,
        count=reader,
        total=kinds.async_sum,
        other=kinds.def_double,
    )
    output, events = await run(pipeline, 1)
    assert output == {"other": 4}
    assert of_type(events, "step_skipped") == {"count", "total"}
    assert (await run(pipeline, 10))[0] == {"other": 40, "total": 190}


@pytest.mark.parametrize("data", [1, 100])
async def test_goes_on_where_alternative_branches_meet(data: int) -> None:
    """A merge of branches of which one was taken gets the items of that one."""
    pipeline = graph(
        [
            {"from": "start", "to": "small", "when": {"lt": 10}},
            {"from": "start", "to": "large", "when": {"ge": 10}},
            "small -> all",
            "large -> all",
        ],
        {"all": {"merge": "interleave"}},
        start=kinds.def_double,
        small=kinds.def_double,
        large=kinds.async_double,
        all=kinds.async_sum,
    )
    output, events = await run(pipeline, data)
    assert output == 4 * data
    assert of_type(events, "step_skipped") == ({"large"} if data == 1 else {"small"})


async def test_skips_a_step_that_lacks_one_of_its_values() -> None:
    """A step with two inputs needs both."""
    pipeline = graph(
        [{"from": "start", "to": "one", "when": {"gt": 10}}, "one -> add.left", "start -> add.right"],
        start=kinds.def_double,
        one=kinds.async_double,
        add=kinds.add,
    )
    output, events = await run(pipeline, 1)
    assert output is None
    assert of_type(events, "step_skipped") == {"one", "add"}
    assert (await run(pipeline, 10))[0] == 60


@step("graphs.add_more")
def add_more(left: int, right: int = 1000, note: str | None = None) -> str:
    return f"{left + right} {note}"


@step("graphs.sum_more")
async def sum_more(left: int, right: Stream[int] | None = None) -> int:
    return left if right is None else left + sum(await right.collect())


@step("graphs.add_more_in_thread", blocking=True)
def add_more_in_thread(left: int, right: int = 1000) -> str:
    return f"{left + right} None"


@pytest.mark.parametrize("add", [add_more, add_more_in_thread])
@pytest.mark.parametrize("data", [1, [1]], ids=["unary", "stream"])
async def test_runs_a_step_with_the_default_of_an_input_whose_branch_was_not_taken(add: Any, data: Any) -> None:
    """An optional input to which nothing comes is as good as one that is not connected."""
    pipeline = graph(
        ["total -> add.left", {"from": "total", "to": "one", "when": {"gt": 10}}, "one -> add.right"],
        total=kinds.list_sum if isinstance(data, list) else kinds.def_double,
        one=kinds.async_double,
        add=add,
    )
    output, events = await run(pipeline, data)
    assert output == f"{1000 + (1 if isinstance(data, list) else 2)} None"
    assert of_type(events, "step_skipped") == {"one"}
    assert (await run(pipeline, [20] if isinstance(data, list) else 10))[0] == "60 None"


async def test_gives_the_default_of_a_stream_whose_branch_was_not_taken() -> None:
    """A stream that is optional has its default, too."""
    pipeline = graph(
        ["start -> sum.left", {"from": "start", "to": "count", "when": {"gt": 10}}, "count -> sum.right"],
        start=kinds.def_double,
        count=kinds.async_count,
        sum=sum_more,
    )
    assert (await run(pipeline, 1))[0] == 2
    assert (await run(pipeline, 6))[0] == 12 + sum(range(12))


class Sides(Outputs):
    low: int
    high: int


@step("graphs.side_of")
def side_of(number: int) -> Sides:
    return To("low" if number < 10 else "high", number)


@step("graphs.async_side_of")
async def async_side_of(number: int) -> Sides:
    return To("low" if number < 10 else "high", number)


@step("graphs.thread_side_of", blocking=True)
def thread_side_of(number: int) -> Sides:
    return To("low" if number < 10 else "high", number)


@pytest.mark.parametrize("side", [side_of, async_side_of, thread_side_of], ids=lambda one: one.kind)
@pytest.mark.parametrize("reader", [kinds.def_double, kinds.async_sum, kinds.thread_sum])
async def test_skips_every_reader_of_a_port_that_a_call_did_not_write(side: Any, reader: Any) -> None:
    """A port without a value is a branch that was not taken, for those that read a value and a stream alike."""
    pipeline = graph(
        ["side.low -> low", "side.high -> high", "high -> after"],
        side=side,
        low=kinds.async_sum,
        high=reader,
        after=kinds.def_double,
    )
    output, events = await run(pipeline, 3)
    assert output == {"low": 3}
    assert of_type(events, "step_skipped") == {"high", "after"}
    assert of_type(events, "step_start") == {"side", "low"}


@pytest.mark.parametrize("data", [1, [1, 50]], ids=["unary", "stream"])
async def test_holds_a_condition_at_the_input_and_at_the_output(data: Any) -> None:
    """Edges from the pipeline's input and to its output have conditions like any other."""
    at_input = graph(
        [{"from": "input", "to": "a", "when": {"gt": 10}}, "input -> b"], a=kinds.async_double, b=kinds.async_double
    )
    at_output = graph(["input -> a", {"from": "a", "to": "output", "when": {"gt": 10}}], a=kinds.async_double)
    assert (await run(at_input, data))[0] == ({"b": 2} if data == 1 else {"a": [100], "b": [2, 100]})
    assert (await run(at_output, data))[0] == (None if data == 1 else [100])


async def test_gives_several_inputs_their_own_data() -> None:
    """Data by name goes to the step of that name."""
    pipeline = graph(
        ["one -> all", "other -> all"],
        {"all": {"merge": "interleave"}},
        one=kinds.async_pass,
        other=kinds.batch_pass,
        all=kinds.async_pass,
    )
    assert sorted((await run(pipeline, {"one": [1, 2], "other": [3]}))[0]) == [1, 2, 3]


async def test_gives_chosen_outputs_only() -> None:
    """`output` says what an execution gives; a step beside it runs all the same."""
    seen: list[int] = []

    @step("graphs.sink")
    async def sink(number: int) -> int:
        seen.append(number)
        return number

    pipeline = graph(
        ["count -> sink", "count -> double"],
        output="double",
        count=kinds.async_count,
        sink=sink,
        double=kinds.def_double,
    )
    assert (await run(pipeline, 3))[0] == [0, 2, 4]
    assert seen == [0, 1, 2]


async def test_reads_several_outputs_live() -> None:
    """Each output of an execution is a stream of its own."""
    pipeline = graph(
        ["count -> one", "count -> other"], count=kinds.async_count, one=kinds.async_pass, other=kinds.def_double
    )
    got: dict[str, list[int]] = {}
    async with Runner().start(pipeline, 500) as execution, anyio.create_task_group() as group:
        with pytest.raises(LookupError, match="one, other"):
            _ = execution.output

        async def read(name: str) -> None:
            got[name] = await execution.outputs[name].collect()

        for name in execution.outputs:
            group.start_soon(read, name)
    assert got == {"one": list(range(500)), "other": [2 * number for number in range(500)]}


async def test_goes_on_when_one_port_of_a_step_is_no_longer_read() -> None:
    """A step with two outputs works for the one that is still read."""
    pipeline = graph(
        ["sort.even -> take", "sort.odd -> total"], sort=kinds.sort_stream, take=kinds.take, total=kinds.async_sum
    )
    output, _ = await run(pipeline, range(1000))
    assert output == {"take": [0, 2, 4], "total": 250_000}


async def test_goes_on_when_one_branch_has_enough() -> None:
    """A branch that stops early does not stop its sibling."""
    pipeline = graph(
        ["count -> take", "count -> total"], count=kinds.async_count, take=kinds.take, total=kinds.async_sum
    )
    assert (await run(pipeline, 1000))[0] == {"take": [0, 1, 2], "total": 499_500}


async def test_runs_a_long_and_a_wide_graph() -> None:
    """A thousand steps in a row, or beside each other, are nothing special."""
    row = {f"s{number}": (kinds.def_double, kinds.async_pass)[number % 2] for number in range(100)}
    assert (await run(Pipeline("row", steps=row), [1]))[0] == [2**50]
    wide = {"start": kinds.def_double} | {f"s{number}": kinds.async_double for number in range(200)}
    pipeline = Pipeline("wide", steps=wide, edges=[f"start -> {name}" for name in wide if name != "start"])
    assert set((await run(pipeline, 1))[0].values()) == {4}


@step("graphs.anything")
def anything() -> Iterator[Any | Header[str] | Footer[str]]:
    yield Header("first")
    yield from ["a", 1, "b"]
    yield Footer("last")


@step("graphs.whatever")
def whatever(item: Any) -> Any:
    return item


@pytest.mark.parametrize("placement", ["def", "thread"])
async def test_takes_no_plain_item_for_a_header(placement: str) -> None:
    """Where items may be anything, a text among them is no header, however plain the headers are."""
    mapped = whatever if placement == "def" else step("graphs.whatever_thread", blocking=True)(whatever.__wrapped__)
    result = await Pipeline("any", steps={"a": anything, "b": mapped}).run()
    assert (result.header, result.output, result.footer) == ("first", ["a", 1, "b"], "last")
