"""Outputs that may stay unconnected, and what the operator must allow."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import pytest
from anyio.lowlevel import checkpoint

from headwater import (
    ConfigError,
    Outputs,
    Pipeline,
    SidePort,
    StepContext,
    StepDefinitionError,
    StepError,
    Stream,
    StreamOrderError,
    To,
    step,
)
from headwater.testing import EventRecorder
from headwater.toolkit import NeededWhen
from headwater_steps.streams import take


class Parsed(Outputs):
    numbers: int
    rejected: SidePort[str]


@step("side.parse")
async def parse(texts: Stream[str]) -> AsyncIterator[Parsed]:
    """Parse texts, with the others on the side."""
    async for text in texts:
        yield To("numbers", int(text)) if text.isdigit() else To("rejected", text)


@step("side.parse_one")
def parse_one(text: str) -> Parsed:
    """Parse one text."""
    return To("numbers", int(text)) if text.isdigit() else To("rejected", text)


@step("side.double")
def double(number: int) -> int:
    """Double a number."""
    return 2 * number


@step("side.connected")
def connected(text: str, ctx: StepContext) -> Parsed:
    """Tell how many ports lead somewhere."""
    return To("numbers", len(ctx.connected))


@step("side.secretive", permission="side-door")
def secretive(text: str, ctx: StepContext) -> str:
    """Tell what is allowed."""
    return f"{text} {sorted(ctx.allowed)}"


@step("side.bare")
async def bare(texts: Stream[str]) -> AsyncIterator[Parsed]:
    """Parse texts, and address only what is not for the main port."""
    async for text in texts:
        number: Any = int(text) if text.isdigit() else To("rejected", text)
        yield number


@step("side.bare_one")
def bare_one(text: str) -> Parsed:
    """Parse one text, or say nothing about an empty one."""
    number: Any = int(text) if text.isdigit() else To("rejected", text) if text else Outputs()
    return number


@step("side.bare_later")
async def bare_later(text: str) -> Parsed:
    """Parse one text, as a coroutine function."""
    return bare_one(text)


@step("side.bare_each")
def bare_each(text: str) -> Iterator[Parsed]:
    """Parse one text, as a generator."""
    yield bare_one(text)


@step("side.bare_slowly", blocking=True)
def bare_slowly(text: str) -> Parsed:
    """Parse one text in a thread."""
    return bare_one(text)


@step("side.wrong")
def wrong(text: str) -> Parsed:
    """Write what fits no port."""
    value: Any = [text]
    return value


BARE = [bare, bare_one, bare_later, bare_each, bare_slowly]
CHAIN = {"parse": parse, "double": double}


async def test_takes_the_main_port_when_a_chain_goes_on_after_a_step_with_a_side_port() -> None:
    """A side port is neither in the way of a chain nor the pipeline's output."""
    result = await Pipeline("chain", steps=CHAIN).run(iter(["1", "2"]))
    assert result.output == [2, 4]


async def test_fails_when_a_step_writes_to_a_side_port_that_is_not_connected() -> None:
    """What would be lost is an error that names the port."""
    with pytest.raises(StepError) as caught:
        await Pipeline("chain", steps=CHAIN).run(iter(["1", "x"]))
    assert isinstance(caught.value.__cause__, StreamOrderError)
    assert "port 'rejected', which is not connected" in str(caught.value)


async def test_fails_when_a_unary_step_writes_to_a_side_port_that_is_not_connected() -> None:
    """The same holds where no stream flows."""
    with pytest.raises(StepError) as caught:
        await Pipeline("one", steps={"parse": parse_one}).run("x")
    assert "port 'rejected', which is not connected" in str(caught.value)
    assert (await Pipeline("one", steps={"parse": parse_one}).run("7")).output == 7


async def test_gives_the_items_of_a_side_port_when_the_document_names_it() -> None:
    """Named as an output it is one like any other."""
    pipeline = Pipeline("both", steps={"parse": parse}, output=["parse.numbers", "parse.rejected"])
    result = await pipeline.run(iter(["1", "x", "2"]))
    assert result.output == {"parse.numbers": [1, 2], "parse.rejected": ["x"]}


class Halves(Outputs):
    """Two ports, neither of which may be left out."""

    even: int
    odd: int


@step("side.halves")
def halves(number: int) -> Halves:
    """Send a number to one of two ports."""
    half: Any = To("odd" if number % 2 else "even", number)
    return half


@pytest.mark.parametrize(
    ("output", "names"),
    [
        ("parse", ("parse.numbers",)),
        (["parse", "parse.rejected"], ("parse.numbers", "parse.rejected")),
        (["parse.rejected", "parse.numbers"], ("parse.rejected", "parse.numbers")),
        (None, ("parse.numbers",)),
    ],
)
def test_names_an_output_after_its_own_port(output: Any, names: tuple[str, ...]) -> None:
    """The name of an output is the same, whatever other ports are outputs."""
    assert Pipeline("named", steps={"parse": parse}, output=output).plan().output_names == names


def test_names_an_output_the_same_when_another_port_has_a_reader() -> None:
    """A port that gets a reader changes no name."""
    both = Pipeline("named", steps={"halves": halves}, edges=["input -> halves"])
    one = Pipeline("named", steps={"halves": halves, "double": double}, edges=["halves.even -> double"])
    assert both.plan().output_names == ("halves.even", "halves.odd")
    assert one.plan().output_names == ("halves.odd", "double")


@pytest.mark.parametrize(
    ("target", "output", "port"),
    [(parse, "parse.rejected", "numbers"), (halves, "parse.even", "odd"), (parse_one, "parse.rejected", "numbers")],
)
def test_refuses_a_main_port_that_nothing_reads(target: Any, output: str, port: str) -> None:
    """What a step writes there would be lost, so the document has to name it as an output, or give it a reader."""
    with pytest.raises(ConfigError) as caught:
        Pipeline("unread", steps={"parse": target}, output=output)
    (problem,) = caught.value.problems
    assert (problem.code, problem.path) == ("unread-output", "$.steps[0]")
    assert f"output '{port}' of step 'parse'" in problem.message


@pytest.mark.parametrize("target", BARE)
async def test_writes_values_without_an_address_to_the_main_port_in_order(target: Any) -> None:
    """Whatever the form of the step, its own items need no address where all others go to the side."""
    pipeline = Pipeline("bare", steps={"parse": target}, output=["parse.numbers", "parse.rejected"])
    texts = [str(number) if number % 3 else f"x{number}" for number in range(2_000)]
    result = await pipeline.run(iter(texts))
    assert result.output["parse.numbers"] == [number for number in range(2_000) if number % 3]
    assert result.output["parse.rejected"] == [f"x{number}" for number in range(0, 2_000, 3)]


@pytest.mark.parametrize("target", BARE)
async def test_bounds_what_waits_on_a_side_port_whatever_the_form_of_the_step(target: Any) -> None:
    """A step that writes only to the side waits for whoever reads there."""
    pulled: list[int] = []
    seen: list[int] = []

    async def texts() -> AsyncIterator[str]:
        for number in range(2_000):
            pulled.append(number)
            yield "x"

    @step("side.slow_reader")
    async def slow_reader(rejects: Stream[str]) -> AsyncIterator[int]:
        async for _ in rejects:
            await checkpoint()
            seen.append(len(pulled))
            yield len(seen)

    steps = {"parse": target, "slow": slow_reader}
    edges = [{"from": "parse.rejected", "to": "slow", "buffer": 4}]
    pipeline = Pipeline("bounded", steps=steps, edges=edges, output=["slow", "parse"])
    result = await pipeline.run(texts())
    assert result.output == {"slow": list(range(1, 2_001)), "parse.numbers": []}
    assert max(count - index for index, count in enumerate(seen)) < 1_500


@pytest.mark.parametrize("target", BARE[1:])
async def test_takes_a_value_without_an_address_from_a_unary_step(target: Any) -> None:
    """Where no stream flows, the main port gets it too."""
    assert (await Pipeline("one", steps={"parse": target}).run("7")).output in (7, [7])


async def test_counts_and_emits_the_items_of_all_ports() -> None:
    """What goes to a side port is counted apart, and events name the port of an item."""
    recorder = EventRecorder(types={"step_output", "step_complete"}, steps={"parse"})
    pipeline = Pipeline(
        "emitted",
        steps={"parse": bare_one},
        output=["parse.numbers", "parse.rejected"],
        streaming={"emit_items": "all"},
    )
    await pipeline.run(iter(["1", "x", "", "2"]), subscribers=[recorder])
    emitted = [(event.data.port, event.data.value) for event in recorder.of("step_output")]
    assert sorted(emitted) == [("numbers", 1), ("numbers", 2), ("rejected", "x")]
    complete = recorder.of("step_complete")[0].data
    assert (complete.items_in, complete.items_out, complete.items_aside) == (4, 2, {"rejected": 1})


async def test_fails_when_a_value_without_an_address_does_not_fit_the_main_port() -> None:
    """The check of the main port holds for it."""
    with pytest.raises(StepError, match="port 'numbers'"):
        await Pipeline("wrong", steps={"parse": wrong}).run(iter(["x"]))


async def test_goes_on_for_the_side_port_when_the_main_port_is_read_no_more() -> None:
    """The step ends only when nobody reads any of its ports."""
    steps = {"parse": bare, "take": take.with_params(n=1)}
    pipeline = Pipeline("left", steps=steps, edges=["parse.numbers -> take"], output=["take", "parse.rejected"])
    texts = ["1"] * 600 + ["x"] * 600
    result = await pipeline.run(iter(texts))
    assert (result.output["take"], len(result.output["parse.rejected"])) == ([1], 600)


@pytest.mark.parametrize(("output", "count"), [("step", 1), (["step.numbers", "step.rejected"], 2)])
async def test_shows_a_step_which_of_its_ports_are_connected(output: Any, count: int) -> None:
    """A step can refuse at once to do what would lead nowhere."""
    result = await Pipeline("ports", steps={"step": connected}, output=output).run("x")
    numbers = result.output if count == 1 else result.output["step.numbers"]
    assert numbers == count


def test_refuses_a_step_whose_every_output_is_a_side_port() -> None:
    """One of the ports has to be the one that the step is there for."""

    class Nowhere(Outputs):
        left: SidePort[int]
        right: SidePort[int]

    with pytest.raises(StepDefinitionError) as caught:

        @step("side.nowhere")
        def unconnected(number: int) -> Nowhere:
            raise AssertionError

    assert [problem.code for problem in caught.value.problems] == ["side-ports"]


DOCUMENT = {"name": "secretive", "steps": [{"id": "door", "kind": "side.secretive"}]}


def test_refuses_a_kind_when_its_permission_is_not_given() -> None:
    """A document alone never gets what the operator must allow; the error says how he does."""
    with pytest.raises(ConfigError) as caught:
        Pipeline.load(DOCUMENT, allow={"other"})
    (problem,) = caught.value.problems
    assert (problem.code, problem.path) == ("not-allowed", "$.steps[0].kind")
    assert "--allow side-door" in problem.hint


def test_refuses_a_kind_in_python_as_well() -> None:
    """The rule is the same for a pipeline that a program builds."""
    with pytest.raises(ConfigError):
        Pipeline("secretive", steps={"door": secretive})


async def test_runs_a_kind_when_its_permission_is_given() -> None:
    """The permission reaches the step, also after other parameters are bound."""
    pipeline = Pipeline.load(DOCUMENT, allow={"side-door"})
    assert (await pipeline.run("open")).output == "open ['side-door']"
    assert (await pipeline.with_parameters().run("open")).output == "open ['side-door']"


def test_refuses_a_single_string_as_permissions() -> None:
    """A string is a collection of letters, which nobody means."""
    with pytest.raises(TypeError, match="write allow="):
        Pipeline.load(DOCUMENT, allow="side-door")


class Sorted(Outputs):
    """A side port that a param sends items to."""

    fine: int
    odd: Annotated[SidePort[int], NeededWhen("on_odd", "aside")]


@step("side.sort")
def sort(number: int, *, on_odd: str = "aside") -> Sorted:
    """Send odd numbers to the side, as a param says."""
    half: Any = To("odd" if number % 2 and on_odd == "aside" else "fine", number)
    return half


@pytest.mark.parametrize("params", [{}, {"on_odd": "aside"}])
def test_refuses_a_param_that_sends_items_to_a_port_that_nothing_reads(params: dict[str, str]) -> None:
    """The kind declares the value that needs the port; it counts as a default, too."""
    with pytest.raises(ConfigError) as caught:
        Pipeline("aside", steps={"sort": sort.with_params(**params)})
    (problem,) = caught.value.problems
    assert (problem.code, problem.path) == ("unread-output", "$.steps[0].params.on_odd")
    assert problem.message == "on_odd is aside, but the port 'odd' of step 'sort' is not connected"


def test_needs_no_side_port_for_another_value_of_its_param() -> None:
    """A port that gets nothing, or that is read, is in order."""
    assert Pipeline("alone", steps={"sort": sort.with_params(on_odd="keep")})
    assert Pipeline("output", steps={"sort": sort}, output=["sort", "sort.odd"])
    assert Pipeline("read", steps={"sort": sort, "more": sort.with_params(on_odd="")}, edges=["sort.odd -> more"])
