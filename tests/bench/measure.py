"""How the bench measures: least CPU times of workloads that take turns, as ratios to a bare async-generator hop.

Taking turns lets whatever else the machine does slow all of them alike; the least of several rounds is the one that
was disturbed least.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import anyio

__all__ = [
    "BACKENDS",
    "LONG",
    "SHORT",
    "Clock",
    "Figure",
    "Row",
    "Value",
    "bare_hop",
    "in_loop",
    "interleave",
    "per_hop",
    "ratio",
]

SHORT, LONG = 1, 17
"""Steps of the two chains whose difference is the cost of the hops alone."""

ITEMS = 100_000
ROUNDS = 7
BACKENDS: dict[str, dict[str, Any]] = {
    "asyncio": {"backend": "asyncio"},
    "uvloop": {"backend": "asyncio", "backend_options": {"use_uvloop": True}},
    "trio": {"backend": "trio"},
}

Clock = Callable[[], float]
Unit = Literal["x", "%", "us", "ms", "MB", "items"]


@dataclass(frozen=True, slots=True)
class Value:
    """What a row came to.

    Args:
        value: The figure that is held against the bound.
        absolute: The same in absolute terms, for people.
    """

    value: float
    absolute: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table.

    Args:
        name: What is measured.
        bound: The most that it may come to.
        unit: `x` for a ratio, or what else the bound is in.
        measure: Measures it.
    """

    name: str
    bound: float
    unit: Unit
    measure: Callable[[], Value]


class Figure:
    """The cost of one unit of a workload, in ns: the least of all rounds.

    Args:
        units: Units of work in one run.
        run: Does the work once and returns the CPU time in seconds.
        without: Likewise without those units, so that the cost of all else cancels.
    """

    def __init__(self, units: int, run: Clock, without: Clock | None = None) -> None:
        self._units = units
        self._run = run
        self._without = without
        self._least_s = math.inf
        self._least_without_s = 0.0 if without is None else math.inf

    def sample(self) -> None:
        """Run the work once more."""
        gc.collect()
        self._least_s = min(self._least_s, self._run())
        if self._without is not None:
            gc.collect()
            self._least_without_s = min(self._least_without_s, self._without())

    @property
    def ns(self) -> float:
        """CPU time of one unit, in ns."""
        return (self._least_s - self._least_without_s) / self._units * 1e9


def interleave(figures: Sequence[Figure], rounds: int = ROUNDS) -> None:
    """Sample figures in turns.

    Args:
        figures: What to measure.
        rounds: How often each.
    """
    for _ in range(rounds):
        for figure in figures:
            figure.sample()


def in_loop(work: Callable[[], Awaitable[Any]], backend: str = "asyncio", clock: Clock = time.process_time) -> float:
    """Run work in an event loop of its own.

    Args:
        work: What to run.
        backend: A key of `BACKENDS`.
        clock: Tells the time in seconds.

    Returns:
        Seconds that the work took, without the start of the loop.
    """

    async def main() -> float:
        started = clock()
        await work()
        return clock() - started

    return anyio.run(main, **BACKENDS[backend])


async def _numbers() -> AsyncIterator[int]:
    for number in range(ITEMS):
        yield number


async def _pass_on(numbers: AsyncIterator[int]) -> AsyncIterator[int]:
    async for number in numbers:
        yield number


async def _exhaust(hops: int) -> None:
    numbers = _numbers()
    for _ in range(hops):
        numbers = _pass_on(numbers)
    async for _ in numbers:
        pass


def per_hop(work: Callable[[int], Awaitable[Any]], items: int = ITEMS, backend: str = "asyncio") -> Figure:
    """Return the cost of one hop of one item, from chains of two lengths.

    Args:
        work: Runs a chain of so many hops.
        items: Items that flow along it.
        backend: A key of `BACKENDS`.
    """
    long, short = (partial(in_loop, partial(work, hops), backend) for hops in (LONG, SHORT))
    return Figure(items * (LONG - SHORT), long, short)


def bare_hop(backend: str = "asyncio") -> Figure:
    """Return the unit of the table: one item through one of several nested async generators.

    Args:
        backend: A key of `BACKENDS`.
    """
    return per_hop(_exhaust, backend=backend)


def ratio(figure: Figure, rounds: int = ROUNDS) -> Value:
    """Measure a figure against the bare hop.

    Args:
        figure: What to measure.
        rounds: How often.

    Returns:
        The ratio.
    """
    bare = bare_hop()
    interleave([bare, figure], rounds)
    return Value(figure.ns / bare.ns, f"{figure.ns:,.0f} ns (bare hop {bare.ns:.0f} ns)")
