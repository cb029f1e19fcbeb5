# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""Edges that meet in one port: each policy, over streams and single values, with all that may end them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from itertools import pairwise
from typing import Any

import anyio
import pytest

from headwater import ConfigError, Emits, Execution, Pipeline, Runner, StepError, Stream, step
from headwater.errors import HeadwaterError
from headwater.graph.plan import PlannedEdge
from headwater.running.request import RunOptions, open_channel
from headwater.streams.ends import Ends
from headwater.streams.waiter import Waiter
from tests.running import kinds

Pair = tuple[int, int]


@step("merging.add")
def add(pair: Pair) -> int:
    return pair[0] + 1000 * pair[1]


@step("merging.add_later")
async def add_later(pair: Pair) -> int:
    return pair[0] + 1000 * pair[1]


@step("merging.add_streams")
async def add_streams(pairs: Stream[Pair]) -> AsyncIterator[int]:
    async for pair in pairs:
        yield add(pair)


@step("merging.add_blocking", blocking=True)
def add_blocking(pairs: Iterable[Pair]) -> Iterable[int]:
    for pair in pairs:
        yield add(pair)


@step("merging.add_list")
def add_list(pairs: list[Pair]) -> list[int]:
    return [add(pair) for pair in pairs]


@step("merging.show")
def show(pair: tuple[int | None, int | None]) -> str:
    return f"{pair[0]} {pair[1]}"


@step("merging.fails")
async def fails(number: int) -> AsyncIterator[int]:
    for value in range(number):
        yield value
    msg = "cut"
    raise ValueError(msg)


READERS = {
    "mapped": add,
    "mapped coroutine": add_later,
    "streaming": add_streams,
    "in a thread": add_blocking,
    "as a list": add_list,
}


def pipeline(first: Any, second: Any, reader: Any, merge: Any) -> Pipeline:
    """Return two writers whose outputs meet."""
    steps = {"first": first, "second": second, "reader": reader}
    edges = ["first -> reader", "second -> reader"]
    return Pipeline("meeting", steps=steps, edges=edges, options={"reader": {"merge": merge}})


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS.keys())
@pytest.mark.parametrize("second", [kinds.async_count, kinds.thread_count, kinds.generator_count])
async def test_zip_brings_tuples_when_edges_are_streams(reader: Any, second: Any) -> None:
    """Whatever reads them, and whatever writes them."""
    meeting = pipeline(kinds.async_count, second, reader, "zip")
    output = (await meeting.run({"first": 600, "second": 600})).output
    assert output == [1001 * number for number in range(600)]


@pytest.mark.parametrize("reader", [add, add_later])
async def test_zip_brings_one_tuple_when_edges_carry_one_value(reader: Any) -> None:
    """Then the step runs once, and its output is one value."""
    meeting = pipeline(kinds.def_double, kinds.async_double, reader, "zip")
    assert (await meeting.run({"first": 1, "second": 2})).output == 4002


async def test_zip_reads_the_input_of_the_pipeline() -> None:
    """An edge from the input is like any other: its items are those of the tuple that the port declares."""
    edges = ["input -> reader", "input -> double", "double -> reader"]
    meeting = Pipeline(
        "input", steps={"double": kinds.def_double, "reader": add}, edges=edges, options={"reader": {"merge": "zip"}}
    )
    assert (await meeting.run(3)).output == 6003
    assert (await meeting.run(iter(range(500)))).output == [2001 * number for number in range(500)]
    with pytest.raises(StepError, match="expected int, found 'x'"):
        await meeting.run("x")


@pytest.mark.parametrize(
    ("unequal", "output"),
    [
        ({"unequal": "shortest"}, ["0 0", "1 1"]),
        ({"unequal": "pad"}, ["0 0", "1 1", "2 None"]),
        ({"unequal": "pad", "pad": -1}, ["0 0", "1 1", "2 -1"]),
    ],
)
async def test_zip_ends_as_the_document_says_when_an_edge_is_shorter(unequal: Any, output: list[str]) -> None:
    """Whichever of the edges that is."""
    meeting = pipeline(kinds.async_count, kinds.async_count, show, {"policy": "zip", **unequal})
    assert (await meeting.run({"first": 3, "second": 2})).output == output
    turned = [" ".join(reversed(line.split())) for line in output]
    assert (await meeting.run({"first": 2, "second": 3})).output == turned


async def test_zip_fails_when_an_edge_is_shorter() -> None:
    """Nothing is dropped in silence; the error names both edges."""
    with pytest.raises(StepError) as error:
        await pipeline(kinds.async_count, kinds.async_count, show, "zip").run({"first": 3, "second": 2})
    assert "'second.out -> reader.pair' ended after 2 items, but 'first.out -> reader.pair' has more" in str(
        error.value
    )
    assert isinstance(error.value.__cause__, HeadwaterError)


@pytest.mark.parametrize("unequal", ["fail", "shortest", "pad"])
@pytest.mark.parametrize("order", [(fails, kinds.async_count), (kinds.async_count, fails)])
async def test_cut_edge_is_never_an_end(unequal: str, order: tuple[Any, Any]) -> None:
    """A writer that fails breaks the rounds after its last item, under every policy."""
    meeting = pipeline(*order, show, {"policy": "zip", "unequal": unequal})
    with pytest.raises(StepError, match="ValueError: cut") as error:
        await meeting.run({"first": 4, "second": 4} | ({"first": 9} if order[1] is fails else {"second": 9}))
    output = error.value.result.output
    assert output == [f"{number} {number}" for number in range(len(output))]


async def test_zip_takes_the_branch_of_its_values_when_all_are_taken() -> None:
    """A value that does not come is an edge that is shorter."""
    for merge, output in [("shortest", None), ("pad", "2 None")]:
        meeting = Pipeline(
            "branches",
            steps={"first": kinds.def_double, "second": kinds.def_double, "reader": show},
            edges=[
                {"from": "input", "to": "first"},
                {"from": "input", "to": "second", "when": {"gt": 5}},
                "first -> reader",
                "second -> reader",
            ],
            options={"reader": {"merge": {"policy": "zip", "unequal": merge}}},
        )
        assert (await meeting.run(1)).output == output
        assert (await meeting.run(6)).output == "12 12"


async def test_writer_is_stopped_when_the_shortest_edge_has_ended() -> None:
    """A writer without end does not keep the execution running."""
    closed = list[str]()

    @step("merging.endless")
    async def endless(number: int) -> AsyncIterator[int]:
        try:
            while True:
                yield number
        finally:
            closed.append("endless")

    meeting = pipeline(kinds.async_count, endless, add, {"policy": "zip", "unequal": "shortest"})
    assert (await meeting.run({"first": 3, "second": 0})).output == [0, 1, 2]
    assert closed == ["endless"]


@pytest.mark.parametrize(
    ("steps", "edges"),
    [
        ({"b": kinds.async_pass}, ["a -> b", "a -> z", "b -> z"]),
        ({"b": kinds.async_sum}, ["a -> b", "a -> z", "b -> z"]),
        ({}, ["a -> z", "x -> z", {"from": "a", "to": "x", "when": {"gt": 3}}]),
        ({"b": kinds.generator_count}, ["a -> b", "a -> z", "b -> z"]),
        ({"b": kinds.async_double, "c": kinds.async_pass}, ["a -> b", "a -> c", "b -> z", "c -> x", "x -> z"]),
    ],
)
def test_refuses_zip_when_branches_of_one_writer_may_differ(steps: Any, edges: Any) -> None:
    """One of them fills up and stops the writer, while an item of the other is awaited."""
    names = {end.partition(" ")[0] for end in edges if isinstance(end, str)}
    every = {"a": kinds.async_count, **steps, **({"x": kinds.def_double} if "x" in names else {}), "z": add}
    with pytest.raises(ConfigError) as error:
        Pipeline("differ", steps=every, edges=edges, options={"z": {"merge": "zip"}})
    assert [problem.code for problem in error.value.problems] == ["deadlock-risk"]
    assert "z.pair" in error.value.problems[0].message


@pytest.mark.parametrize(
    ("steps", "edges"),
    [
        ({"b": kinds.async_double}, ["a -> b", "a -> z", "b -> z"]),
        (
            {"b": kinds.async_double, "c": kinds.thread_double, "d": kinds.def_double},
            ["a -> b", "a -> c", "c -> d", "b -> z", "d -> z"],
        ),
        ({"b": kinds.async_pass, "c": kinds.async_count}, ["a -> b", "c -> z", "b -> z"]),
        (
            {"x": kinds.async_count, "y": add, "w": add},
            ["a -> y", "x -> y", "a -> w", "x -> w", "y -> z", "w -> z"],
        ),
    ],
)
async def test_zip_goes_on_when_branches_bring_one_item_for_one_item(steps: Any, edges: Any) -> None:
    """What is accepted does not stand still, however small the buffers."""
    small = [
        {"from": edge.split(" -> ")[0], "to": edge.split(" -> ")[1], "buffer": 1 + place % 2}
        for place, edge in enumerate(edges)
    ]
    every = {"a": kinds.async_count, **steps, "z": add}
    options = {name: {"merge": "zip"} for name, kind in every.items() if kind is add}
    meeting = Pipeline("even", steps=every, edges=small, options=options)
    names = [group.name for group in meeting.plan().inputs]
    output = (await meeting.run(400 if len(names) == 1 else dict.fromkeys(names, 400))).output
    assert len(output) == 400


async def test_only_header_flows_around_a_mapped_step_when_one_edge_has_one() -> None:
    """Whichever edge that is; two headers are none, as which one passed would be chance."""

    @step("merging.language")
    async def language(sums: Stream[int, kinds.Opening]) -> str:
        header = await sums.header()
        await sums.collect()
        return header.language

    def document(first: Any, second: Any) -> Pipeline:
        steps = {"first": first, "second": second, "reader": add, "language": language}
        edges = ["first -> reader", "second -> reader", "reader -> language"]
        return Pipeline("around", steps=steps, edges=edges, options={"reader": {"merge": "zip"}})

    for pair in [(kinds.framed, kinds.async_count), (kinds.async_count, kinds.framed)]:
        assert (await document(*pair).run({"first": 3, "second": 3})).output == "en"
    with pytest.raises(ConfigError) as error:
        document(kinds.framed, kinds.framed)
    assert [problem.code for problem in error.value.problems] == ["header-mismatch"]


@pytest.mark.parametrize("merge", ["interleave", "concat", "zip", "latest"])
async def test_no_header_passes_when_several_edges_have_one(merge: str) -> None:
    """A reader that declares none gets none, not the one that happens to come first."""

    @step("merging.peek")
    async def peek(items: Stream[Any]) -> str:
        header = await items.header()
        await items.collect()
        return f"{header} {await items.footer()}"

    data = {"first": 2, "second": 2}
    assert (await pipeline(kinds.framed, kinds.framed, peek, merge).run(data)).output == "None None"
    one = (await pipeline(kinds.framed, kinds.async_count, peek, merge).run(data)).output
    assert one == "language='en' items=2"


# ---- latest


def is_latest(pairs: list[Any], first: list[int], second: list[int]) -> bool:
    """Return whether pairs show each item of each edge that came after the other edge had one, and in order."""
    changes = pairwise(pairs)
    return (
        all((one[0] == other[0]) + (one[1] == other[1]) == 1 for one, other in changes)
        and pairs[-1:] == ([(first[-1], second[-1])] if first and second else [])
        and [one for one in first if one in {pair[0] for pair in pairs}] == list(dict.fromkeys(p[0] for p in pairs))
        and [one for one in second if one in {pair[1] for pair in pairs}] == list(dict.fromkeys(p[1] for p in pairs))
    )


@step("merging.keep")
async def keep(pairs: Stream[Pair]) -> AsyncIterator[Pair]:
    async for pair in pairs:
        yield pair


@step("merging.swap")
def swap(pair: Pair) -> Pair:
    return pair[1], pair[0]


@pytest.mark.parametrize(("first", "second"), [(0, 0), (0, 5), (1, 1), (700, 3), (2, 900)])
async def test_latest_brings_the_newest_of_each_whenever_one_changes(first: int, second: int) -> None:
    """The first tuple comes when each edge has an item, the last one has the last items."""
    meeting = pipeline(kinds.async_count, kinds.thread_count, keep, "latest")
    pairs = (await meeting.run({"first": first, "second": second})).output
    assert is_latest(pairs, list(range(first)), list(range(second)))
    mapped = pipeline(kinds.async_count, kinds.generator_count, swap, "latest")
    pairs = (await mapped.run({"first": first, "second": second})).output
    assert is_latest([(pair[1], pair[0]) for pair in pairs], [*range(first)], [*range(second)])


async def test_latest_brings_one_tuple_when_edges_carry_one_value() -> None:
    """Nothing changes after the first tuple."""
    assert (
        await pipeline(kinds.def_double, kinds.async_double, add, "latest").run({"first": 1, "second": 2})
    ).output == 4002


async def test_latest_repeats_one_value_beside_a_stream() -> None:
    """A value never changes."""
    meeting = pipeline(kinds.def_double, kinds.async_count, keep, "latest")
    pairs = (await meeting.run({"first": 1, "second": 300})).output
    assert pairs[-1] == (2, 299)
    assert {pair[0] for pair in pairs} == {2}


@pytest.mark.parametrize("order", [(fails, kinds.async_count), (kinds.async_count, fails)])
async def test_latest_fails_when_an_edge_is_cut(order: tuple[Any, Any]) -> None:
    """Also when the other edge goes on."""
    with pytest.raises(StepError, match="ValueError: cut"):
        await pipeline(*order, keep, "latest").run({"first": 4, "second": 4})


async def test_latest_of_branches_of_one_writer_goes_on() -> None:
    """It reads what comes, so no branch fills up, whatever the others bring."""
    steps = {"a": kinds.async_count, "b": kinds.async_sum, "c": kinds.async_pass, "z": keep}
    edges = ["a -> b", {"from": "a", "to": "c", "buffer": 1, "when": {"lt": 3}}, "b -> z", "c -> z"]
    output = (await Pipeline("tee", steps=steps, edges=edges, options={"z": {"merge": "latest"}}).run(2000)).output
    assert output[-1] == (sum(range(2000)), 2)


# ---- first


class Log(list[str]):
    """What was closed, in order."""

    def writer(self, name: str, *, items: int, waits: bool) -> Any:
        """Return a step that writes items, and then ends or waits."""

        @step(f"merging.{name}")
        async def write(number: int) -> AsyncIterator[str]:
            try:
                for place in range(items):
                    yield f"{name}{place}"
                if waits:
                    await anyio.sleep_forever()
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.lowlevel.checkpoint()
                self.append(name)

        return write

    def reader(self) -> Any:
        """Return a step that notes each item."""

        @step("merging.note")
        async def note(items: Stream[str]) -> AsyncIterator[str]:
            async for item in items:
                self.append(item)
                yield item

        return note


async def test_first_reads_the_edge_that_answers_first() -> None:
    """The others are closed before the reader gets an item, with all that writes only to them."""
    log = Log()

    @step("merging.endless_pass")
    async def endless_pass(items: Stream[str]) -> AsyncIterator[str]:
        try:
            async for item in items:
                yield item
        finally:
            log.append("pass")

    steps = {
        "slow": log.writer("slow", items=0, waits=True),
        "pass": endless_pass,
        "quick": log.writer("quick", items=3, waits=False),
        "reader": log.reader(),
    }
    edges = ["input -> slow", "input -> quick", "slow -> pass", "pass -> reader", "quick -> reader"]
    meeting = Pipeline("race", steps=steps, edges=edges, options={"reader": {"merge": "first"}})
    assert (await meeting.run(1)).output == ["quick0", "quick1", "quick2"]
    before = log[: log.index("quick0")]
    assert set(before) - {"quick"} == {"slow", "pass"}


@pytest.mark.parametrize("winner", ["first", "second"])
async def test_first_brings_one_value_when_edges_carry_one(winner: str) -> None:
    """Two answers to one question: the quicker one, and the other call is cancelled."""
    ended: list[str] = []

    def answer(name: str) -> Any:
        @step(f"merging.answer_{name}")
        async def ask(question: str) -> str:
            try:
                if name != winner:
                    await anyio.sleep_forever()
                return f"{name}: {question}"
            finally:
                ended.append(name)

        return ask

    @step("merging.use")
    def use(text: str) -> str:
        return f"{text} {sorted(ended)}"

    steps = {"first": answer("first"), "second": answer("second"), "use": use}
    edges = ["input -> first", "input -> second", "first -> use", "second -> use"]
    meeting = Pipeline("race", steps=steps, edges=edges, options={"use": {"merge": "first"}})
    assert (await meeting.run("why")).output == f"{winner}: why ['first', 'second']"


async def test_first_lets_a_writer_go_on_that_feeds_something_else() -> None:
    """Only what writes for the edge that has lost alone is stopped."""
    steps = {"both": kinds.async_count, "slow": kinds.async_sum, "sum": kinds.async_sum, "reader": kinds.async_pass}
    edges = ["both -> slow", "both -> sum", "both -> reader", "slow -> reader"]
    meeting = Pipeline("race", steps=steps, edges=edges, options={"reader": {"merge": "first"}})
    output = (await meeting.run(1000)).output
    assert output == {"sum": sum(range(1000)), "reader": list(range(1000))}


async def test_first_passes_over_edges_that_end_without_an_item() -> None:
    """An end is not an answer; where no edge has one, there is none."""
    meeting = pipeline(kinds.async_count, kinds.async_count, kinds.async_pass, "first")
    assert (await meeting.run({"first": 0, "second": 3})).output == [0, 1, 2]
    assert (await meeting.run({"first": 0, "second": 0})).output == []


async def test_first_passes_over_branches_that_are_not_taken() -> None:
    """The step is skipped only when no branch is taken."""
    edges = [
        {"from": "input", "to": "first", "when": {"gt": 5}}, {"from": "input", "to": "second", "when": {"gt": 9}},
        "first -> reader", "second -> reader",
    ]  # fmt: skip
    steps = {"first": kinds.def_double, "second": kinds.async_double, "reader": kinds.def_double}
    meeting = Pipeline("race", steps=steps, edges=edges, options={"reader": {"merge": "first"}})
    assert (await meeting.run(6)).output == 24
    assert (await meeting.run(1)).output is None


@pytest.mark.parametrize("order", [(fails, kinds.async_count), (kinds.async_count, fails)])
async def test_first_fails_when_an_edge_breaks_before_an_answer(order: tuple[Any, Any]) -> None:
    """A failure is not an answer, and not the end of an edge either."""

    @step("merging.never")
    async def never(number: int) -> AsyncIterator[int]:
        await anyio.sleep_forever()
        yield number

    first, second = (never if one is kinds.async_count else one for one in order)
    with pytest.raises(StepError, match="ValueError: cut"):
        await pipeline(first, second, kinds.async_pass, "first").run({"first": 0, "second": 0})


async def test_first_passes_the_header_of_the_edge_that_wins() -> None:
    """Each edge has one, so that the reader gets one."""

    @step("merging.french")
    async def french(number: int) -> Emits[int, kinds.Opening, kinds.Closing]:
        yield kinds.Opening(language="fr")
        if not number:
            await anyio.sleep_forever()
        yield number
        yield kinds.Closing(items=number)

    @step("merging.frames")
    async def frames(numbers: Stream[int, kinds.Opening, kinds.Closing]) -> str:
        language = (await numbers.header()).language
        items = await numbers.collect()
        return f"{language} {items} {(await numbers.footer()).items}"

    meeting = pipeline(french, french, frames, "first")
    assert (await meeting.run({"first": 0, "second": 7})).output == "fr [7] 7"
    with pytest.raises(ConfigError) as error:
        pipeline(french, kinds.async_count, frames, "first")
    assert {problem.code for problem in error.value.problems} == {"header-mismatch", "footer-mismatch"}


async def test_first_takes_values_and_streams() -> None:
    """Then it brings a stream, as whichever is first may be one."""
    meeting = pipeline(kinds.def_double, kinds.async_count, kinds.async_pass, "first")
    assert (await meeting.run({"first": 4, "second": 0})).output == [8]


async def test_races_at_the_same_time_each_wait_for_their_own_losers() -> None:
    """One that ends does not hide from the other that something has ended."""
    log = Log()
    steps: dict[str, Any] = {}
    edges: list[str] = []
    options: dict[str, Any] = {}
    for name in ("a", "b", "c"):
        steps |= {
            f"slow_{name}": log.writer(f"slow_{name}", items=0, waits=True),
            f"quick_{name}": log.writer(f"quick_{name}", items=1, waits=False),
            name: log.reader(),
        }
        edges += [
            f"input -> slow_{name}",
            f"input -> quick_{name}",
            f"slow_{name} -> {name}",
            f"quick_{name} -> {name}",
        ]
        options[name] = {"merge": "first"}
    output = (await Pipeline("races", steps=steps, edges=edges, options=options).run(1)).output
    assert output == {name: [f"quick_{name}0"] for name in ("a", "b", "c")}
    assert all(log.index(f"slow_{name}") < log.index(f"quick_{name}0") for name in ("a", "b", "c"))


# ---- early ends on both sides

LEFT_EARLY = ["interleave", "concat", "zip", {"policy": "zip", "unequal": "pad"}, "latest", "first"]


class Endless:
    """Writers without end that note when they are opened and closed."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.closed: list[str] = []

    def writer(self, name: str) -> Any:
        @step(f"merging.endless_{name}")
        async def write(number: int) -> AsyncIterator[int]:
            self.opened.append(name)
            try:
                while True:
                    yield number
            finally:
                self.closed.append(name)

        return write

    def pipeline(self, reader: Any, merge: Any) -> Pipeline:
        """Return two of them that meet."""
        return pipeline(self.writer("first"), self.writer("second"), reader, merge)


@step("merging.three")
async def three(items: Stream[Any]) -> AsyncIterator[int]:
    """Read three items and leave."""
    count = 0
    async for _ in items:
        yield count
        count += 1
        if count == 3:
            return


@step("merging.one_for_one")
def one_for_one(item: Any) -> int:
    return 1 if item is not None else 0


@pytest.mark.parametrize("merge", LEFT_EARLY, ids=str)
async def test_writers_are_closed_when_the_reader_leaves(merge: Any) -> None:
    """All of them, under every policy."""
    endless = Endless()
    assert (await endless.pipeline(three, merge).run({"first": 1, "second": 2})).output == [0, 1, 2]
    assert sorted(endless.closed) == sorted(endless.opened) != []


@pytest.mark.parametrize("merge", LEFT_EARLY, ids=str)
async def test_writers_are_closed_when_the_program_leaves(merge: Any) -> None:
    """Whatever reads the output in the end."""
    endless = Endless()
    async with Runner().start(endless.pipeline(one_for_one, merge), {"first": 1, "second": 2}) as execution:
        async for _ in execution.output:
            break
    assert sorted(endless.closed) == sorted(endless.opened) != []


@pytest.mark.parametrize("merge", ["interleave", "concat", "zip", "latest"])
@pytest.mark.parametrize("count", [0, 1, 600])
async def test_every_item_is_done_when_edges_end(merge: str, count: int) -> None:
    """What was written at an edge was read and finished with."""
    edges: list[Ends] = []

    def record(edge: PlannedEdge, reader: Waiter) -> Ends:
        edges.append(open_channel(edge, reader))
        return edges[-1]

    pair = pipeline(kinds.async_count, kinds.async_count, one_for_one, merge)
    request = pair.compiled.request({"first": count, "second": count}, RunOptions(open_edge=record))
    async with Execution(request) as execution:
        await execution.result()
    done = [ends.source.statistics() for ends in edges]
    assert [each.done_items for each in done] == [each.written_items for each in done]


@pytest.mark.parametrize("policy", ["skip_item", "fail"])
def test_refuses_zip_when_a_step_between_may_skip_items(policy: str) -> None:
    """A branch that skips the items that failed may fall behind the other one."""
    steps = {"a": kinds.async_count, "b": kinds.async_double, "z": add}
    options = {"z": {"merge": "zip"}, "b": {"on_error": policy}}
    edges = ["a -> b", "a -> z", "b -> z"]
    if policy == "fail":
        Pipeline("even", steps=steps, edges=edges, options=options)
    else:
        with pytest.raises(ConfigError, match="deadlock-risk"):
            Pipeline("uneven", steps=steps, edges=edges, options=options)
