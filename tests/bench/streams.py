"""What holds for whole streams: events cost next to nothing, and steps that wait do so at the same time."""

from __future__ import annotations

import time
from functools import partial
from statistics import median

import anyio
from hops import chain, mapped, numbers, run
from measure import Figure, Row, Value, in_loop, interleave

from headwater import step

__all__ = ["ROWS"]

STEPS, ITEMS = 4, 100_000
NAP_S, NAPS = 0.002, 200
ROUNDS = 25


def _events() -> Value:
    """Compare the default settings with events switched off."""
    pipelines = [chain(numbers, mapped, STEPS), chain(numbers, mapped, STEPS, streaming={"enabled": False})]
    emitted, silent = (Figure(ITEMS, partial(in_loop, partial(run, pipeline, ITEMS))) for pipeline in pipelines)
    interleave([emitted, silent], ROUNDS)
    return Value((emitted.ns / silent.ns - 1) * 100, f"{emitted.ns:,.0f} against {silent.ns:,.0f} ns per item")


@step("bench.nap")
async def nap(number: int) -> int:
    """Return the number after a nap."""
    await anyio.sleep(NAP_S)
    return number


def _overlap() -> Value:
    """Compare two steps that sleep with one, by the clock on the wall; the median of rounds that take turns."""
    two, one = (partial(run, chain(numbers, nap, steps), NAPS) for steps in (2, 1))
    rounds = [[in_loop(work, clock=time.perf_counter) for work in (two, one)] for _ in range(5)]
    two_s, one_s = (min(times) for times in zip(*rounds, strict=True))
    value = min(two_s / one_s, median(pair[0] / pair[1] for pair in rounds))
    return Value(value, f"{two_s / NAPS * 1e3:.2f} against {one_s / NAPS * 1e3:.2f} ms per item")


ROWS = [
    Row("events on (default settings) against off", 2, "%", _events),
    Row("two steps that sleep 2 ms per item, against one", 1.1, "x", _overlap),
]
