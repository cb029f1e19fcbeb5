"""What a running pipeline holds in memory: as much as its plan says, whatever the length of its streams."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from itertools import pairwise

import anyio
import psutil
from hops import mapped, numbers
from measure import Row, Value

from headwater import Pipeline, Stream, run_sync, step

__all__ = ["ROWS"]

WARM_UP_ITEMS, ITEMS = 100_000, 1_000_000
SAMPLED_EVERY = 20_000
STEPS = 4

SLOW_ITEMS, ITEM_BYTES, CAPACITY = 10_000, 10_000, 16
EDGES = STEPS + 1


# ---- a long stream: what the process grows by


class _Peak:
    """The most memory that the process held, looked at now and then."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self.bytes = 0

    def look(self) -> None:
        self.bytes = max(self.bytes, self._process.memory_info().rss)


def grow() -> int:
    """Return by how many bytes a million items let the process grow, after a warm-up."""
    peak = _Peak()

    @step("bench.watched")
    async def watched(numbers: Stream[int]) -> int:
        count = 0
        async for _ in numbers:
            count += 1
            if count % SAMPLED_EVERY == 0:
                peak.look()
        return count

    steps = {"source": numbers, **{f"hop{number}": mapped for number in range(STEPS)}, "watched": watched}
    pipeline = Pipeline("long", steps=steps)
    run_sync(pipeline, WARM_UP_ITEMS)
    before, peak.bytes = peak.bytes, 0
    assert run_sync(pipeline, ITEMS).output == ITEMS
    return peak.bytes - before


def _growth() -> Value:
    """Measure in a process of its own, where nothing else has left room that could be used again."""
    child = subprocess.run([sys.executable, __file__], capture_output=True, text=True, check=True)
    grown = int(child.stdout)
    return Value(max(grown, 0) / 1e6, f"{grown / 1024:,.0f} KiB")


# ---- a slow reader: how many items wait


class _Flight:
    """The items between a source and the end of the chain."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0

    def start(self) -> None:
        self.now += 1
        self.most = max(self.most, self.now)

    def land(self) -> None:
        self.now -= 1


def _slow_chain(flight: _Flight) -> Pipeline:
    @step("bench.blocks")
    async def blocks(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            flight.start()
            yield bytes(ITEM_BYTES)

    @step("bench.passed")
    async def passed(block: bytes) -> bytes:
        return block

    @step("bench.slow")
    async def slow(blocks: Stream[bytes]) -> int:
        count = 0
        async for _ in blocks:
            await anyio.sleep(0.0001)
            flight.land()
            count += 1
        return count

    ids = ["source", *(f"hop{number}" for number in range(STEPS)), "slow"]
    edges = [{"from": source, "to": target, "buffer": CAPACITY} for source, target in pairwise(ids)]
    steps = {"source": blocks, **{f"hop{number}": passed for number in range(STEPS)}, "slow": slow}
    return Pipeline("slow", steps=steps, edges=edges)


def _in_flight() -> Value:
    flight = _Flight()
    pipeline = _slow_chain(flight)
    assert run_sync(pipeline, SLOW_ITEMS).output == SLOW_ITEMS
    planned = pipeline.plan().worst_case_items
    assert planned is not None
    assert flight.most <= planned, f"{flight.most} items in flight, but the plan says {planned} at most"
    return Value(flight.most, f"the plan says {planned} at most")


ROWS = [
    Row("1 M items x 4 async steps, growth of RSS", 3, "MB", _growth),
    Row(
        f"slow consumer of 10 kB items, {STEPS} steps, capacity {CAPACITY}",
        (2 * EDGES + 1) * CAPACITY,
        "items",
        _in_flight,
    ),
]

if __name__ == "__main__":
    print(grow())
