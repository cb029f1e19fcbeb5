"""What an item costs that comes alone, where nothing is handed over in batches: many executions, each with few items.

The same work is measured as bare tasks joined by the cheapest hand-over that is correct and bounded.
"""

from __future__ import annotations

import asyncio
import gc
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import cache, partial
from itertools import pairwise
from typing import Any

import anyio
from hops import mapped
from measure import BACKENDS, Row, Value

from headwater import Pipeline, Runner, StreamEvent, StreamSubscriber

__all__ = ["ROWS"]

EXECUTIONS, ITEMS = 200, 50
STARTING = 10  # items of each execution whose latency does not count, as 200 executions start at once
INTERVAL_S = 0.1
STEPS = 3
ROUNDS = 3
CAPACITY = 256
END: Any = object()

Work = Callable[[int, list[int]], Coroutine[Any, Any, None]]
"""One execution: its number, and where the latencies of its items are noted, in ns."""

PIPELINE = Pipeline("lone", steps={f"step{number}": mapped for number in range(STEPS)}, streaming={"emit_items": "all"})


class _Seen(StreamSubscriber):
    """A subscriber that looks at every event."""

    def __init__(self) -> None:
        self.outputs = 0

    def on_event(self, event: StreamEvent) -> None:
        self.outputs += event.event_type.value == "step_output"


class _Handover:
    """A bounded hand-over from one task of asyncio to another."""

    __slots__ = ("items", "reader", "writer")

    def __init__(self) -> None:
        self.items: deque[Any] = deque()
        self.reader: asyncio.Future[None] | None = None
        self.writer: asyncio.Future[None] | None = None

    async def put(self, item: Any) -> None:
        while len(self.items) >= CAPACITY:
            self.writer = asyncio.get_running_loop().create_future()
            await self.writer
        self.items.append(item)
        self.reader = _wake(self.reader)

    async def get(self) -> Any:
        while not self.items:
            self.reader = asyncio.get_running_loop().create_future()
            await self.reader
        self.writer = _wake(self.writer)
        return self.items.popleft()


def _wake(sleeper: asyncio.Future[None] | None) -> None:
    if sleeper is not None and not sleeper.done():
        sleeper.set_result(None)


async def _numbers(number: int) -> AsyncIterator[int]:
    """Yield the time in ns, at a steady pace; the sources of all executions take turns."""
    due = time.perf_counter() + INTERVAL_S * number / EXECUTIONS
    for _ in range(ITEMS):
        await anyio.sleep(max(due - time.perf_counter(), 0.0))
        due += INTERVAL_S
        yield time.perf_counter_ns()


async def _bare(number: int, latencies_ns: list[int]) -> None:
    edges = [_Handover() for _ in range(STEPS + 1)]

    async def source() -> None:
        async for item in _numbers(number):
            await edges[0].put(item)
        await edges[0].put(END)

    async def work(given: _Handover, made: _Handover) -> None:
        while (item := await given.get()) is not END:
            await made.put(await mapped(item))
        await made.put(END)

    async with anyio.create_task_group() as group:
        group.start_soon(source)
        for given, made in pairwise(edges):
            group.start_soon(work, given, made)
        while (item := await edges[-1].get()) is not END:
            latencies_ns.append(time.perf_counter_ns() - item)


async def _execution(runner: Runner, number: int, latencies_ns: list[int]) -> None:
    async with runner.start(PIPELINE, _numbers(number)) as execution:
        async for item in execution.output:
            latencies_ns.append(time.perf_counter_ns() - item)  # noqa: PERF401 - read item by item, as programs do
        await execution.result()


async def _at_once(work: Work, latencies_ns: list[int]) -> None:
    async with anyio.create_task_group() as group:
        for number in range(EXECUTIONS):
            group.start_soon(work, number, latencies_ns)


def _run(work: Work) -> tuple[float, float]:
    """Return the CPU time of an item in us, and how long most of the items took in ms."""
    latencies_ns: list[int] = []
    gc.collect()
    started = time.process_time()
    anyio.run(_at_once, work, latencies_ns, **BACKENDS["asyncio"])
    cpu_s = time.process_time() - started
    assert len(latencies_ns) == EXECUTIONS * ITEMS
    settled_ns = sorted(latencies_ns[EXECUTIONS * STARTING :])
    return cpu_s / len(latencies_ns) * 1e6, settled_ns[len(settled_ns) * 99 // 100] / 1e6


@cache
def _measured() -> tuple[float, float, float]:
    """Return the CPU time of an item, that of one between bare tasks, and the latency: the least of several rounds."""
    lone_us = bare_us = latency_ms = math.inf
    for _ in range(ROUNDS):
        bare_us = min(bare_us, _run(_bare)[0])
        seen = _Seen()
        cpu_us, p99_ms = _run(partial(_execution, Runner([seen])))
        assert seen.outputs == EXECUTIONS * ITEMS * STEPS
        lone_us, latency_ms = min(lone_us, cpu_us), min(latency_ms, p99_ms)
    return lone_us, bare_us, latency_ms


def _cpu() -> Value:
    lone_us, bare_us, _ = _measured()
    return Value(lone_us, f"bare tasks take {bare_us:.0f} us")


def _against_bare() -> Value:
    lone_us, bare_us, _ = _measured()
    return Value(lone_us / bare_us, f"{lone_us:.0f} against {bare_us:.0f} us")


def _latency() -> Value:
    return Value(_measured()[2], "p99, from the source to the reader of the output")


ROWS = [
    Row("a lone item through three async steps, all emitted, CPU", 100, "us", _cpu),
    Row("the same against bare tasks with as many hand-overs", 3, "x", _against_bare),
    Row("the same, how long 99 of 100 items take", 50, "ms", _latency),
]
