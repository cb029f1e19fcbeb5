"""Steps that fail as often as a test asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator

from headwater import Step, StepContext, Stream, step

CALLS: Counter[str] = Counter()
"""How often each step was called, by its id and item."""


class BusyError(Exception):
    """A service that says how long it is busy."""

    retryable = True

    def __init__(self, retry_after_s: float | None = None) -> None:
        super().__init__("busy")
        self.retry_after_s = retry_after_s


def fail_at_first(ctx: StepContext, times: int, item: object = "") -> None:
    """Raise a connection error in the first calls, by step and item."""
    key = f"{ctx.step_id}:{item}"
    CALLS[key] += 1
    assert ctx.attempt == min(CALLS[key], times + 1)
    if CALLS[key] <= times:
        raise ConnectionError(f"call {CALLS[key]} for {item!r}")


@step("policies.plain")
def plain(number: int, ctx: StepContext, *, times: int = 2, bad: int = 3) -> int:
    """Fail for the multiples of a number at first."""
    if number % bad == 0:
        fail_at_first(ctx, times, number)
    return 10 * number


@step("policies.later")
async def later(number: int, ctx: StepContext, *, times: int = 2, bad: int = 3) -> int:
    """Fail for the multiples of a number at first."""
    if number % bad == 0:
        fail_at_first(ctx, times, number)
    return 10 * number


@step("policies.thread", blocking=True)
def thread(number: int, ctx: StepContext, *, times: int = 2, bad: int = 3) -> int:
    """Fail for the multiples of a number at first, in a thread."""
    if number % bad == 0:
        fail_at_first(ctx, times, number)
    return 10 * number


@step("policies.process", cpu=True)
def process(number: int, ctx: StepContext, *, times: int = 2, bad: int = 3) -> int:
    """Fail for the multiples of a number at first, in a process, which remembers nothing of the attempts before."""
    if number % bad == 0 and ctx.attempt <= times:
        raise ConnectionError(f"attempt {ctx.attempt} for {number!r}")
    return 10 * number


@step("policies.negative")
def negative(number: int) -> int:
    """Stand in for the others."""
    return -number


class Source(Step, kind="policies.source"):
    """Write numbers, and fail at one of them at first."""

    after: int = 0
    times: int = 2
    items: int = 6

    async def run(self, ctx: StepContext) -> AsyncIterator[int]:
        for number in range(self.items):
            if number == self.after:
                fail_at_first(ctx, self.times)
            yield number


class Replayed(Source, kind="policies.replayed", resume="replay"):
    """The same, declared to give the same items each time."""


@step("policies.blocking_source", blocking=True, resume="replay")
def blocking_source(ctx: StepContext, *, after: int = 0, times: int = 2, items: int = 6) -> Iterator[int]:
    """The same in a thread."""
    for number in range(items):
        if number == after:
            fail_at_first(ctx, times)
        yield number


@step("policies.plain_source", resume="replay")
def plain_source(ctx: StepContext, *, after: int = 0, times: int = 2, items: int = 6) -> Iterator[int]:
    """The same as a plain generator."""
    for number in range(items):
        if number == after:
            fail_at_first(ctx, times)
        yield number


class Through(Step, kind="policies.through"):
    """Pass numbers on, and fail at one of them at first."""

    after: int = 0
    times: int = 2

    async def run(self, numbers: Stream[int], ctx: StepContext) -> AsyncIterator[int]:
        count = 0
        async for number in numbers:
            if count == self.after:
                fail_at_first(ctx, self.times)
            count += 1
            yield number


class ReplayedThrough(Through, kind="policies.replayed_through", resume="replay"):
    """The same, declared to give the same items each time."""


@step("policies.total")
async def total(numbers: Stream[int], ctx: StepContext, *, times: int = 2) -> int:
    """Sum numbers, and fail at the end at first."""
    found = sum(await numbers.collect())
    fail_at_first(ctx, times)
    return found


@step("policies.spread")
async def spread(number: int, ctx: StepContext, *, after: int = 0, times: int = 2) -> AsyncIterator[int]:
    """Write three numbers for each, and fail among those of 2 at first."""
    for index in range(3):
        if number == 2 and index == after:
            fail_at_first(ctx, times, number)
        yield 10 * number + index


@step("policies.busy")
async def busy(number: int, ctx: StepContext, *, retry_after_s: float | None = None) -> int:
    """Be busy at first, and say for how long."""
    CALLS[ctx.step_id] += 1
    if CALLS[ctx.step_id] < 3:
        raise BusyError(retry_after_s)
    return number


@step("policies.undo")
def undo(number: int, ctx: StepContext) -> int:
    """Note what is undone."""
    CALLS[f"{ctx.step_id}:{number}"] += 1
    return number
