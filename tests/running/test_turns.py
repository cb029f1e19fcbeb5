# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""No step holds the others for long because its first items were quick, and none leaves a generator open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from headwater import Execution, Pipeline, Runner, StepError, Stream, step
from headwater.running.hosts.turns import Slicer
from headwater.streams.meter import Meter, Turn

QUICK_ITEMS, SLOW_S = 1_000, 1.0


class Clock:
    """A clock that items move."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def items(self, quick: int) -> Iterator[int]:
        """Yield numbers: each takes no time at first, then a long one."""
        for number in range(10 * quick):
            self.now_s += 0.0 if number < quick else SLOW_S
            yield number


def test_slice_ends_after_a_few_items_when_they_become_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was quick for a thousand items may hold the loop for a few slow ones, once; then for one at a time."""
    clock = Clock()
    monkeypatch.setattr("headwater.running.hosts.turns.perf_counter", clock)
    slicer, items, slices = Slicer(256), clock.items(QUICK_ITEMS), list[tuple[int, float]]()
    while not slices or len(slices) < 30:
        part, started = list[int](), clock()
        assert not slicer.fill(part, items, slicer.size)
        slicer.adapt(clock() - started, len(part))
        slices.append((len(part), clock() - started))
    assert max(elapsed_s for _, elapsed_s in slices) <= 16 * SLOW_S
    assert slices[-1][0] == 1
    assert max(length for length, _ in slices) == 256


def test_stride_shrinks_at_once_when_a_writer_becomes_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """One long look is enough, however long the stride had become."""
    clock = Clock()
    monkeypatch.setattr("headwater.streams.meter.perf_counter", clock)
    meter = Meter(clock())
    for _ in range(2_000):
        assert not meter.look()
    assert meter.stride == 256
    clock.now_s += 256 * SLOW_S
    assert meter.look()
    assert meter.stride == 1


def test_writer_pauses_for_the_time_it_ran_rather_than_the_time_it_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    """An item that comes after a long wait goes on at once; after work of a slice others get a turn."""
    clock = Clock()
    monkeypatch.setattr("headwater.streams.meter.perf_counter", clock)
    turn = Turn()
    meter = Meter(clock(), turn)
    assert not meter.look()
    clock.now_s += SLOW_S
    turn.began_s = clock()
    assert not meter.look()
    clock.now_s += SLOW_S
    assert meter.look()


CLOSED: list[str] = []


def opened(name: str) -> Iterator[int]:
    try:
        number = 0
        while True:
            yield number
            number += 1
    finally:
        CLOSED.append(name)


@step("turns.source")
def source() -> Iterator[int]:
    yield from opened("source")


@step("turns.expanding")
def expanding(number: int) -> Iterator[int]:
    yield from opened("expanding")


@step("turns.plain")
def plain(number: int) -> int:
    return number


@step("turns.waiting")
async def waiting(number: int) -> int:
    return number


@step("turns.take")
async def take(numbers: Stream[int]) -> int:
    async for number in numbers:
        if number == 100:
            return number
    return 0


@step("turns.fail")
async def fail(numbers: Stream[int]) -> int:
    async for number in numbers:
        if number == 100:
            raise ValueError(number)
    return 0


async def end(execution: Execution, how: str) -> None:
    async with execution:
        if how == "cancel":
            items = execution.output.batches()
            await anext(items)
            execution.cancel()
        else:
            await execution.result()


@pytest.mark.parametrize("middle", ["none", "fused", "inline"])
@pytest.mark.parametrize("ends", ["take", "fail", "cancel"])
@pytest.mark.parametrize("opens", ["source", "expanding", "data"])
async def test_closes_plain_generators_when_they_are_left(opens: str, ends: str, middle: str) -> None:
    """What a generator holds is free when the block is left, not when it is collected."""
    first: dict[str, Any] = {"source": {"a": source}, "expanding": {"a": expanding}, "data": {"a": plain}}[opens]
    between = {"none": {}, "fused": {"b": plain}, "inline": {"b": waiting}}[middle]
    last: dict[str, Any] = {"take": {"c": take}, "fail": {"c": fail}, "cancel": {"c": plain}}[ends]
    options = {"b": {"inline": True}} if middle == "inline" else {}
    data = {"source": None, "expanding": [7], "data": opened("data")}[opens]
    CLOSED.clear()
    execution = Runner().start(Pipeline("open", steps={**first, **between, **last}, options=options), data)
    try:
        await end(execution, ends)
    except StepError:
        assert ends == "fail"
    assert [opens] == CLOSED


async def test_leaves_a_file_of_the_program_open(tmp_path: Any) -> None:
    """What the program opened, it closes itself."""
    path = tmp_path / "lines.txt"
    path.write_text("a\nb\n", "utf-8")
    with path.open(encoding="utf-8") as lines:
        await Runner().run(Pipeline("lines", steps={"a": same}), lines)
        assert not lines.closed


@step("turns.same")
def same(line: str) -> str:
    return line
