"""Generic steps: what they write has the types that their edges bring, and is believed to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, TypeVar

import pytest

from headwater import FrameTypeError, Pipeline, StepError, Stream, run_sync, step
from headwater.types.value_checkers import checker, class_checker

Item = TypeVar("Item")


@step("generic.pairs")
async def pairs(items: Stream[Item]) -> AsyncIterator[list[Item]]:
    """Write lists of two."""
    async for batch in items.batches(2):
        yield batch


@step("generic.numbers")
async def numbers() -> AsyncIterator[int]:
    """Write numbers."""
    yield 1
    yield 2


@step("generic.typed")
async def typed(items: Stream[int]) -> AsyncIterator[list[int]]:
    """Write lists of texts, against what it says."""
    async for _ in items:
        yield ["a"]  # type: ignore[list-item]  # what is tested


@step("generic.broken")
async def broken(items: Stream[Item]) -> AsyncIterator[list[Item]]:
    """Write what is no list."""
    async for item in items:
        yield item  # type: ignore[misc]  # what is tested


def items_of(target: Any) -> Any:
    """Return the checker of what a step writes after numbers."""
    return Pipeline("generic", steps={"numbers": numbers, "it": target}).plan().step("it").outputs[0].items


def test_believes_what_a_generic_step_makes_of_its_items() -> None:
    """The type is the full one, and the check that of its class: nothing looks into each list."""
    assert items_of(pairs) is class_checker(list[int])
    assert items_of(pairs).expected is list


def test_looks_into_what_another_step_makes() -> None:
    """A step that names a type is held to it at every depth."""
    assert items_of(typed) is checker(list[int])
    with pytest.raises(StepError, match="valid integer"):
        run_sync(Pipeline("generic", steps={"numbers": numbers, "it": typed}))


def test_refuses_another_class_from_a_generic_step() -> None:
    """The class is still checked."""
    with pytest.raises(StepError) as caught:
        run_sync(Pipeline("generic", steps={"numbers": numbers, "it": broken}))
    assert isinstance(caught.value.__cause__, FrameTypeError)
