"""Coroutine functions that the document wants inline run within the segment before them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from anyio.lowlevel import checkpoint

from headwater import Emits, Footer, Header, Pipeline, Runner, StepError, Stream, step


@step("inline.numbers")
def numbers() -> Iterator[int]:
    """Write five numbers."""
    yield from range(5)


@step("inline.arriving")
async def arriving() -> Emits[int, Header[str], Footer[str]]:
    """Write five numbers between a header and a footer."""
    yield Header("begin")
    for number in range(5):
        yield number
    yield Footer("end")


@step("inline.double")
async def double(number: int) -> int:
    """Double a number after letting others run."""
    await checkpoint()
    return 2 * number


@step("inline.less")
def less(number: int) -> int:
    """Take one off a number."""
    return number - 1


@step("inline.picky")
async def picky(number: int) -> int:
    """Fail for the number three."""
    if number == 3:
        raise ValueError("no threes")
    return number


@step("inline.twice")
def twice(number: int) -> Iterator[int]:
    """Write a number twice."""
    yield from (number, number)


@step("inline.whole")
async def whole(items: Stream[int]) -> AsyncIterator[int]:
    """Pass a stream on."""
    async for item in items:
        yield item


INLINE = {"double": {"inline": True}, "picky": {"inline": True}}


@pytest.mark.parametrize(
    ("steps", "segments"),
    [
        ([numbers, double], [("numbers", "double")]),
        ([numbers, less, double, less], [("numbers", "less", "double", "less2")]),
        ([arriving, double], [("arriving", "double")]),
        ([numbers, whole, double, less], [("numbers",), ("whole", "double", "less")]),
        ([numbers, twice, double], [("numbers", "twice"), ("double",)]),
        ([numbers, double, twice], [("numbers", "double"), ("twice",)]),
    ],
)
async def test_inline_step_is_fused_when_the_segment_can_wait_for_it(
    steps: list[Any], segments: list[tuple[str, ...]]
) -> None:
    """Results are those of a run with channels, and the plan says what runs as one."""
    named: dict[str, Any] = {}
    for each in steps:
        name = each.kind.removeprefix("inline.")
        named[name if name not in named else f"{name}2"] = each
    options = {name: keys for name, keys in INLINE.items() if name in named}
    pipeline = Pipeline("inline", steps=named, options=options)
    result, plain = await pipeline.run(), await Pipeline("apart", steps=named).run()
    assert list(pipeline.plan().segments) == segments
    assert (result.output, result.header, result.footer) == (plain.output, plain.header, plain.footer)
    assert {name: emitted.items_out for name, emitted in result.metrics.items()} == {
        name: emitted.items_out for name, emitted in plain.metrics.items()
    }


async def test_plan_warns_when_a_step_cannot_be_inline() -> None:
    """A step that keeps its channel although the document says inline is told with its place."""
    pipeline = Pipeline("inline", steps={"numbers": numbers, "whole": whole}, options={"whole": {"inline": True}})
    assert [(warning.code, warning.path) for warning in pipeline.plan().warnings] == [
        ("inline-unused", "$.steps[1].inline")
    ]


async def test_items_before_a_failure_are_kept_when_the_step_is_inline() -> None:
    """The failure names the inline step and comes after what was right."""
    items: list[int] = []
    steps = {"numbers": numbers, "picky": picky, "less": less}
    with pytest.raises(StepError, match="step 'picky' failed: ValueError: no threes"):
        async with Runner().start(Pipeline("inline", steps=steps, options={"picky": INLINE["picky"]})) as execution:
            async for item in execution.output:
                items += [item]
    assert items == [-1, 0, 1]
