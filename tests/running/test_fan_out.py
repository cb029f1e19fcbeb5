# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""An output with many readers takes work in proportion to them."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from types import FrameType
from typing import Any

import anyio
import pytest

from headwater import Pipeline, Stream, step
from tests.running import kinds


@step("fan.count")
async def count(items: Stream[int]) -> int:
    return len(await items.collect())


@step("fan.few")
async def few(start: int) -> AsyncIterator[int]:
    for number in range(start, start + 3):
        yield number


def calls(pipeline: Pipeline, data: Any) -> int:
    """Return how many functions an execution calls."""
    found = 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal found
        found += event == "call"

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        anyio.run(pipeline.run, data)
    finally:
        sys.setprofile(before)
    return found


def named(word: str, count: int, kind: Any) -> dict[str, Any]:
    steps: dict[str, Any] = {}
    steps.update((f"{word}{number}", kind) for number in range(count))
    return steps


def fan_out(readers: int, kind: Any) -> Pipeline:
    steps = named("reader", readers, kind)
    return Pipeline("fan", steps={"few": few, **steps}, edges=[f"few -> {name}" for name in steps])


def fan_in(writers: int, kind: Any) -> Pipeline:
    steps = named("writer", writers, kind)
    edges = [edge for name in steps for edge in (f"few -> {name}", f"{name} -> all")]
    merge = {"all": {"merge": "interleave"}}
    return Pipeline("fan", steps={"few": few, **steps, "all": kinds.async_sum}, edges=edges, options=merge)


def fan_of_input(readers: int, kind: Any) -> Pipeline:
    steps = named("reader", readers, kind)
    return Pipeline("fan", steps=steps, edges=[f"input -> {name}" for name in steps])


@pytest.mark.parametrize(
    ("make", "kind", "data"),
    [
        (fan_out, count, 1),
        (fan_in, kinds.def_double, 1),
        (fan_of_input, count, [1, 2, 3]),
    ],
)
def test_takes_the_same_work_for_each_reader_when_there_are_many(make: Any, kind: Any, data: Any) -> None:
    """Eight times as many readers call about eight times as many functions, as each of them ends."""
    some, many = make(150, kind), make(1_200, kind)
    calls(some, data)  # plans are made on first use
    anyio.run(many.run, data)
    assert calls(many, data) < 1.5 * 8 * calls(some, data)
