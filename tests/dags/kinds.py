"""Steps of random pipelines: each fails where its params say, in its first attempts, and is the same in every run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator

from anyio.lowlevel import checkpoint

from headwater import Footer, Header, Step, StepContext, Stream, step

LIMIT = 1_000
"""Numbers stay below it."""


def changed(number: int) -> int:
    """Return what a mapped step makes of a number."""
    return (2 * number + 1) % LIMIT


def spread_of(number: int) -> list[int]:
    """Return what a step that spreads makes of a number."""
    return [(number + offset) % LIMIT for offset in range(number % 3)]


def is_bad(number: int, bad: int) -> bool:
    """Return whether a number makes a step fail; 0 stands for none."""
    return bad > 0 and number % bad == 0


class FailedError(ConnectionError):
    """What the steps raise."""


@step("dags.plain")
def plain(number: int, ctx: StepContext, *, bad: int = 0, times: int = 0) -> int:
    """Change a number."""
    if is_bad(number, bad) and ctx.attempt <= times:
        raise FailedError(number)
    return changed(number)


@step("dags.later")
async def later(number: int, ctx: StepContext, *, bad: int = 0, times: int = 0) -> int:
    """Change a number, after a moment."""
    await checkpoint()
    if is_bad(number, bad) and ctx.attempt <= times:
        raise FailedError(number)
    return changed(number)


@step("dags.thread", blocking=True)
def thread(number: int, ctx: StepContext, *, bad: int = 0, times: int = 0) -> int:
    """Change a number in a thread."""
    if is_bad(number, bad) and ctx.attempt <= times:
        raise FailedError(number)
    return changed(number)


@step("dags.process", cpu=True)
def process(number: int, ctx: StepContext, *, bad: int = 0, times: int = 0) -> int:
    """Change a number in a process."""
    if is_bad(number, bad) and ctx.attempt <= times:
        raise ConnectionError(number)
    return changed(number)


class Spread(Step, kind="dags.spread"):
    """Write some numbers for each, and fail at one of them."""

    bad: int = 0
    times: int = 0
    at: int = 0

    async def run(self, number: int, ctx: StepContext) -> AsyncIterator[int]:
        fails = is_bad(number, self.bad) and ctx.attempt <= self.times
        for place, item in enumerate(spread_of(number)):
            if fails and place >= self.at:
                raise FailedError(number)
            yield item
        if fails:
            raise FailedError(number)


class ReplayedSpread(Spread, kind="dags.spread_again", resume="replay"):
    """The same, declared to replay."""


@step("dags.plain_spread", resume="replay")
def plain_spread(number: int, ctx: StepContext, *, bad: int = 0, times: int = 0, at: int = 0) -> Iterator[int]:
    """The same, as a plain generator."""
    fails = is_bad(number, bad) and ctx.attempt <= times
    for place, item in enumerate(spread_of(number)):
        if fails and place >= at:
            raise FailedError(number)
        yield item
    if fails:
        raise FailedError(number)


class Source(Step, kind="dags.source"):
    """Write numbers with a header and a footer, and fail at a place."""

    first: int = 0
    items: int = 0
    at: int = 0
    times: int = 0

    async def run(self, ctx: StepContext) -> AsyncIterator[int | Header[str] | Footer[int]]:
        yield Header("numbers")
        for place in range(self.items):
            if place == self.at and ctx.attempt <= self.times:
                raise FailedError(place)
            yield (self.first + place) % LIMIT
        if self.at >= self.items and ctx.attempt <= self.times:
            raise FailedError(self.items)
        yield Footer(self.items)


class ReplayedSource(Source, kind="dags.source_again", resume="replay"):
    """The same, declared to replay."""


@step("dags.thread_source", blocking=True, resume="replay")
def thread_source(ctx: StepContext, *, first: int = 0, items: int = 0, at: int = 0, times: int = 0) -> Iterator[int]:
    """Write numbers from a thread."""
    for place in range(items):
        if place == at and ctx.attempt <= times:
            raise FailedError(place)
        yield (first + place) % LIMIT
    if at >= items and ctx.attempt <= times:
        raise FailedError(items)


class Through(Step, kind="dags.through"):
    """Pass a stream on, and fail at a place."""

    at: int = 0
    times: int = 0

    async def run(self, numbers: Stream[int], ctx: StepContext) -> AsyncIterator[int]:
        place = 0
        async for number in numbers:
            if place == self.at and ctx.attempt <= self.times:
                raise FailedError(place)
            place += 1
            yield changed(number)
        if self.at >= place and ctx.attempt <= self.times:
            raise FailedError(place)


class ReplayedThrough(Through, kind="dags.through_again", resume="replay"):
    """The same, declared to replay."""


@step("dags.thread_through")
def thread_through(numbers: Iterable[int], ctx: StepContext, *, at: int = 0, times: int = 0) -> Iterator[int]:
    """Pass a stream on in a thread, and fail at a place."""
    place = 0
    for number in numbers:
        if place == at and ctx.attempt <= times:
            raise FailedError(place)
        place += 1
        yield changed(number)
    if at >= place and ctx.attempt <= times:
        raise FailedError(place)


@step("dags.total")
async def total(numbers: Stream[int], ctx: StepContext, *, times: int = 0) -> int:
    """Add the numbers of a stream."""
    found = 0
    async for number in numbers:
        found += number
    if ctx.attempt <= times:
        raise FailedError(found)
    return found % LIMIT


@step("dags.negative")
def negative(number: int) -> int:
    """Stand in for a mapped step."""
    return -number


@step("dags.pair")
def pair(numbers: tuple[int, int]) -> int:
    """Make one number of two."""
    return (numbers[0] * 7 + numbers[1]) % LIMIT
