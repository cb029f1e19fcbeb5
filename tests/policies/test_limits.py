"""Limits of the time of an attempt, of the first item and between items."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from anyio import sleep

from headwater import Pipeline, StepContext, StepError, StepTimeoutError, Stream, step
from headwater.testing import VirtualClock


@step("limits.slow")
async def slow(number: int, ctx: StepContext, *, times: int = 1) -> int:
    """Take long for 2, in the first attempts."""
    await sleep(100 if number == 2 and ctx.attempt <= times else 1)  # in virtual time
    return number


@step("limits.ticks")
async def ticks(ctx: StepContext, *, first_s: float = 1, gap_s: float = 1, times: int = 9) -> AsyncIterator[int]:
    """Write three numbers slowly, in the first attempts."""
    await sleep(first_s if ctx.attempt <= times else 0)  # in virtual time
    for number in range(3):
        yield number
        await sleep(gap_s)  # in virtual time


@step("limits.reader")
async def reader(numbers: Stream[int], *, pause_s: float = 0) -> AsyncIterator[int]:
    """Read slowly."""
    async for number in numbers:
        await sleep(pause_s)  # in virtual time
        yield number


def outcome(steps: dict[str, Any], options: dict[str, Any], data: Any = None, **edge: Any) -> tuple[Any, float]:
    """Return the output or the limit that has passed, and the seconds until then."""
    clock = VirtualClock()
    names = list(steps)
    edges = [{"from": names[0], "to": names[1], **edge}] if len(names) > 1 else None

    errors: list[BaseException | None] = []

    async def main() -> Any:
        try:
            return (await Pipeline("limited", steps=steps, options=options, edges=edges).run(data)).output
        except StepError as error:
            errors.append(error.__cause__)
            raise

    with suppress(StepError):
        return clock.run(main), clock.elapsed_s
    assert isinstance(errors[0], StepTimeoutError)
    return errors[0].limit, clock.elapsed_s


@pytest.mark.parametrize(
    ("timeout", "expected"),
    [
        ({"attempt_s": 5}, ("attempt_s", 6)),
        ({"attempt_s": 200}, ([1, 2, 3], 102)),
        ({"total_s": 50}, ("total_s", 50)),
        ({"first_item_s": 0.5}, ("first_item_s", 0.5)),
        ({"first_item_s": 2}, ([1, 2, 3], 102)),
        ({"idle_s": 20}, ("idle_s", 21)),
    ],
)
def test_limits_the_items_of_a_mapped_step(timeout: dict[str, float], expected: tuple[Any, float]) -> None:
    """Each limit counts from its own beginning, and the error names it."""
    assert outcome({"a": slow}, {"a": {"timeout": timeout}}, [1, 2, 3]) == expected


def test_retries_an_item_when_its_attempt_takes_too_long() -> None:
    """A timeout of an attempt is an error that may pass."""
    options = {"a": {"timeout": {"attempt_s": 5}, "retry": {"backoff_s": 3, "jitter": 0}}}
    assert outcome({"a": slow}, options, [1, 2, 3]) == ([1, 2, 3], 1 + 5 + 3 + 1 + 1)


def test_ends_with_all_attempts_when_the_total_time_is_over() -> None:
    """`total_s` covers the retries and their pauses."""
    options = {"a": {"timeout": {"attempt_s": 5, "total_s": 8}, "retry": {"backoff_s": 30, "jitter": 0}}}
    assert outcome({"a": slow}, options, [1, 2, 3]) == ("total_s", 8)


@pytest.mark.parametrize(
    ("params", "timeout", "expected"),
    [
        ({"first_s": 9}, {"first_item_s": 3}, ("first_item_s", 3)),
        ({"first_s": 9}, {"idle_s": 3}, ([0, 1, 2], 12)),
        ({"gap_s": 9}, {"first_item_s": 3}, ([0, 1, 2], 28)),
        ({"gap_s": 9}, {"idle_s": 3}, ("idle_s", 4)),
        ({"gap_s": 9}, {"attempt_s": 12}, ("attempt_s", 12)),
    ],
)
def test_limits_a_step_that_writes_a_stream(
    params: dict[str, float], timeout: dict[str, float], expected: tuple[Any, float]
) -> None:
    """The four limits are separate."""
    assert outcome({"a": ticks.with_params(**params)}, {"a": {"timeout": timeout}}) == expected


def test_retries_a_step_when_its_first_item_is_late() -> None:
    """Nothing was written, so nothing can come twice."""
    options = {"a": {"timeout": {"first_item_s": 3}, "retry": {"backoff_s": 2, "jitter": 0}}}
    output, elapsed_s = outcome({"a": ticks.with_params(first_s=9, times=1)}, options)
    assert (output, elapsed_s) == ([0, 1, 2], 3 + 2 + 3)


def test_does_not_count_the_wait_for_a_slow_reader() -> None:
    """A step that waits for room downstream is not idle."""
    steps = {"a": ticks.with_params(first_s=0, gap_s=0), "b": reader.with_params(pause_s=50)}
    output, _ = outcome(steps, {"a": {"timeout": {"idle_s": 3}}}, buffer=1)
    assert output == [0, 1, 2]
