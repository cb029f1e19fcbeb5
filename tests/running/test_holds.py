# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""The report on a step that holds the event loop names this step, not its neighbors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from anyio.lowlevel import checkpoint

from headwater import Pipeline, step

SLOW_FROM, COUNT = 20, 300


class Clock:
    """A clock that steps move, and what was reported meanwhile."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.reports: list[Any] = []

    def __call__(self) -> float:
        return self.now_s

    def notice(self, _text: str, *, held_s: float, step_id: str = "", step_ids: Any = None, kind: str = "") -> None:
        assert held_s > 0
        self.reports.append(step_ids or step_id)


clock = Clock()


def hold(number: int) -> int:
    if number >= SLOW_FROM:
        clock.now_s += 0.3
    return number


@pytest.fixture(autouse=True)
def _reports(monkeypatch: pytest.MonkeyPatch) -> None:
    clock.reports.clear()
    for module in ("running.hosts.watch", "running.hosts.stages", "running.hosts.drivers", "streams.meter"):
        monkeypatch.setattr(f"headwater.{module}.perf_counter", clock)
    monkeypatch.setattr("headwater.running.unary.unary_run.perf_counter", clock)
    monkeypatch.setattr("headwater.running.record.notice", clock.notice)


@step("holds.numbers")
async def numbers() -> AsyncIterator[int]:
    for number in range(COUNT):
        yield number


@step("holds.slow_numbers")
async def slow_numbers() -> AsyncIterator[int]:
    for number in range(COUNT):
        yield hold(number)


@step("holds.plain_numbers")
def plain_numbers() -> Iterator[int]:
    yield from range(COUNT)


@step("holds.same")
def same(number: int) -> int:
    return number


@step("holds.same_later")
async def same_later(number: int) -> int:
    await checkpoint()
    return number


@step("holds.slow")
def slow(number: int) -> int:
    return hold(number)


@step("holds.slow_later")
async def slow_later(number: int) -> int:
    return hold(number)


@pytest.mark.parametrize(
    ("steps", "reports"),
    [
        ({"n": numbers, "s": slow}, [["n", "s"], "s"]),
        ({"n": numbers, "a": same, "s": slow}, [["n", "a", "s"], "s"]),
        ({"n": numbers, "s": slow, "a": same}, [["n", "s", "a"], "s"]),
        ({"n": slow_numbers, "a": same}, [["n", "a"], "n"]),
        ({"n": slow_numbers}, ["n"]),
        ({"n": numbers, "s": slow_later}, ["s"]),
        ({"n": plain_numbers, "s": slow}, ["s"]),
    ],
)
async def test_names_the_step_that_holds_the_loop_in_a_stream(steps: dict[str, Any], reports: list[Any]) -> None:
    """Calls are not timed one by one until one of them was long; then the step is known."""
    await Pipeline("held", steps=steps).run()
    assert clock.reports == reports


async def test_names_all_steps_where_calls_cannot_be_timed() -> None:
    """Steps that take turns within one task are reported once, together."""
    pipeline = Pipeline("held", steps={"n": numbers, "a": same_later, "s": slow}, options={"a": {"inline": True}})
    await pipeline.run()
    assert clock.reports == [["n", "a", "s"]]


@step("holds.slow_between")
async def slow_between(number: int) -> int:
    await checkpoint()
    hold(number)
    await checkpoint()
    return number


@pytest.mark.parametrize("target", [slow, slow_later, slow_between])
@pytest.mark.parametrize("other", [None, same, same_later])
async def test_names_the_step_that_holds_the_loop_for_one_value(target: Any, other: Any) -> None:
    """A call for a single value is measured as well, with other steps before and after it."""
    others = {} if other is None else {"a": other, "b": other}
    await Pipeline("held", steps={"s": target, **others}).run(SLOW_FROM)
    await Pipeline("held", steps={**others, "s": target}).run(SLOW_FROM)
    assert clock.reports == ["s", "s"]


async def test_names_the_steps_that_hold_the_loop_side_by_side() -> None:
    """Steps that wait in tasks of their own are not blamed for each other."""
    steps = {"s": slow_between, "a": same_later, "t": slow, "b": same_later}
    edges = [f"input -> {step_id}" for step_id in steps]
    await Pipeline("held", steps=steps, edges=edges).run(SLOW_FROM)
    assert sorted(clock.reports) == ["s", "t"]


async def test_names_the_step_when_it_holds_the_loop_for_the_first_item(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first item needs no guess."""
    monkeypatch.setattr("tests.running.test_holds.SLOW_FROM", 0)
    await Pipeline("held", steps={"n": numbers, "s": slow}).run()
    assert clock.reports == ["s"]
