"""Outputs that may stay unconnected, and what the operator must allow."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

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


CHAIN = {"parse": parse, "double": double}


async def test_takes_the_main_port_when_a_chain_goes_on_after_a_step_with_a_side_port() -> None:
    """A side port is neither in the way of a chain nor the pipeline's output."""
    result = await Pipeline("chain", steps=CHAIN).run(iter(["1", "2"]))
    assert result.output == [2, 4]


async def test_fails_when_a_step_writes_to_a_side_port_that_leads_nowhere() -> None:
    """What would be lost is an error that names the port."""
    with pytest.raises(StepError) as caught:
        await Pipeline("chain", steps=CHAIN).run(iter(["1", "x"]))
    assert isinstance(caught.value.__cause__, StreamOrderError)
    assert "port 'rejected', which leads nowhere" in str(caught.value)


async def test_fails_when_a_unary_step_writes_to_a_side_port_that_leads_nowhere() -> None:
    """The same holds where no stream flows."""
    with pytest.raises(StepError) as caught:
        await Pipeline("one", steps={"parse": parse_one}).run("x")
    assert "port 'rejected', which leads nowhere" in str(caught.value)
    assert (await Pipeline("one", steps={"parse": parse_one}).run("7")).output == 7


async def test_gives_the_items_of_a_side_port_when_the_document_names_it() -> None:
    """Named as an output it is one like any other."""
    pipeline = Pipeline("both", steps={"parse": parse}, output=["parse.numbers", "parse.rejected"])
    result = await pipeline.run(iter(["1", "x", "2"]))
    assert result.output == {"parse.numbers": [1, 2], "parse.rejected": ["x"]}


@pytest.mark.parametrize(("output", "count"), [("step", 1), (["step.numbers", "step.rejected"], 2)])
async def test_tells_a_step_which_of_its_ports_lead_somewhere(output: Any, count: int) -> None:
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
        def nowhere(number: int) -> Nowhere:
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
