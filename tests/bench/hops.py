"""What a hop of an item along an edge costs, for each way to write a step."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import cache, partial
from typing import Any

from measure import BACKENDS, ITEMS, Figure, Row, bare_hop, interleave, per_hop, ratio

from headwater import Pipeline, Runner, Stream, step

__all__ = ["ROWS", "by_backend", "chain", "mapped", "numbers", "run", "taken"]


@step("bench.numbers")
async def numbers(count: int) -> AsyncIterator[int]:
    """Yield numbers."""
    for number in range(count):
        yield number


@step("bench.plain_numbers")
def plain_numbers(count: int) -> Iterator[int]:
    """Yield numbers from a plain generator."""
    yield from range(count)


@step("bench.fused")
def fused(number: int) -> int:
    """Pass an item on, fused into the segment upstream."""
    return number


@step("bench.mapped")
async def mapped(number: int) -> int:
    """Pass an item on, in a task of its own."""
    return number


@step("bench.yielded")
async def yielded(numbers: Stream[int]) -> AsyncIterator[int]:
    """Pass the items on, as an async generator."""
    async for number in numbers:
        yield number


@step("bench.taken")
async def taken(numbers: Stream[int]) -> int:
    """Read all items."""
    count = 0
    async for _ in numbers:
        count += 1
    return count


def chain(source: Any, middle: Any, hops: int, **options: Any) -> Pipeline:
    """Return a pipeline of a source, so many steps, and a step that reads all items.

    Args:
        source: The first step.
        middle: The step between, several times.
        hops: How many times.
        **options: Further arguments of the pipeline.
    """
    steps = {"source": source, **{f"hop{number}": middle for number in range(hops)}, "taken": taken}
    return Pipeline("chain", steps=steps, **options)


async def run(pipeline: Pipeline, items: int) -> None:
    """Run a chain, and see that no item was lost.

    Args:
        pipeline: What `chain` returned.
        items: Items to send along it.
    """
    result = await Runner().run(pipeline, items)
    assert result.output == items


def _hop(source: Any, middle: Any, backend: str = "asyncio") -> Figure:
    pipeline = cache(partial(chain, source, middle))
    return per_hop(lambda hops: run(pipeline(hops), ITEMS), backend=backend)


_HOPS = {
    "fused typed `def` step, per hop": (plain_numbers, fused, 1.0),
    "the same after an async source, per hop": (numbers, fused, 1.0),
    "`async def` step with its own task, per hop": (numbers, mapped, 2.0),
    "async-generator step, per hop": (numbers, yielded, 2.6),
}

ROWS = [
    Row(name, bound, "x", lambda source=source, middle=middle: ratio(_hop(source, middle)))
    for name, (source, middle, bound) in _HOPS.items()
]


def by_backend(rounds: int = 5) -> dict[str, dict[str, float]]:
    """Measure the hops on every backend.

    Args:
        rounds: How often each.

    Returns:
        The cost of a hop in ns, by row and backend.
    """
    table: dict[str, dict[str, float]] = {}
    for name, make in {
        "bare async generator, per hop": bare_hop,
        **{name: partial(_hop, source, middle) for name, (source, middle, _) in _HOPS.items()},
    }.items():
        figures = {backend: make(backend=backend) for backend in BACKENDS}
        interleave(list(figures.values()), rounds)
        table[name] = {backend: figure.ns for backend, figure in figures.items()}
    return table
