# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""Results in any order: each as soon as it is there, all of them, and none twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random
from typing import Any

import anyio
import pytest

from headwater import Pipeline, StepError, Stream, step
from headwater.running.hosts.turns import WholeUnits
from headwater.running.workers.workbench import AnyOrder, Slot

ANY_ORDER = {"concurrency": 4, "ordered": False}


@step("order.nap")
async def nap(seconds: int) -> int:
    await anyio.sleep(seconds)  # in virtual time
    return seconds


@step("order.turns")
async def turns(number: int) -> int:
    for _ in range(Random(number).randrange(5)):
        await anyio.lowlevel.checkpoint()
    return number


@step("order.threaded", blocking=True)
def threaded(number: int) -> int:
    return number


@step("order.fails")
async def fails(number: int) -> int:
    await anyio.lowlevel.checkpoint()
    if number == 50:
        raise ValueError(number)
    return number


@step("order.second")
async def second(numbers: Stream[int]) -> AsyncIterator[int]:
    async for number in numbers:
        yield number
        if number > 0:
            return


def of(target: Any, **options: Any) -> Pipeline:
    """Return a pipeline of one step, with results in any order."""
    return Pipeline("one", steps={"step": target}, options={"step": {**ANY_ORDER, **options}})


async def test_gives_results_as_they_come(virtual_clock: Any) -> None:
    """A slow item holds up no other."""
    assert (await of(nap).run([9, 1, 3, 2, 5, 2])).output == [1, 2, 3, 2, 5, 9]
    started = anyio.current_time()
    await of(nap).run([9, 1, 3, 2, 5, 2])
    assert anyio.current_time() - started == pytest.approx(9)


@pytest.mark.parametrize("target", [turns, threaded], ids=lambda target: target.kind)
async def test_gives_every_result_once(target: Any) -> None:
    """Many items come through, whatever overtakes what."""
    output = (await of(target).run(range(1000))).output
    assert sorted(output) == list(range(1000))


async def test_fails_when_an_item_fails() -> None:
    """The failure is that of its item; what was written before it stays."""
    with pytest.raises(StepError) as caught:
        await of(fails).run(range(100))
    assert set(caught.value.result.output) <= set(range(100)) - {50}


async def test_stops_when_the_reader_leaves() -> None:
    """No worker goes on for a reader that has enough."""
    pipeline = Pipeline("two", steps={"step": turns, "second": second}, options={"step": ANY_ORDER})
    output = (await pipeline.run(range(100_000))).output
    assert len(output) <= 2


@pytest.mark.parametrize("turns_before", range(0, 40, 4))
async def test_ends_when_it_is_cancelled(turns_before: int) -> None:
    """A cancellation at any moment leaves nothing behind."""
    async with anyio.create_task_group() as group:
        group.start_soon(of(turns).run, range(10_000))
        for _ in range(turns_before):
            await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()


class Items:
    """A source that counts what is acknowledged."""

    def __init__(self) -> None:
        self.acknowledged = 0

    def acknowledge(self, items: int | None = None) -> None:
        """Count items as done."""
        self.acknowledged += items or 0


@pytest.mark.parametrize("seed", range(20))
async def test_acknowledges_items_in_their_order(seed: int) -> None:
    """An item that was overtaken keeps those behind it from counting as done."""
    random = Random(seed)
    source: Any = Items()
    bench = AnyOrder(source, WholeUnits(1), 100, record=None)  # type: ignore[arg-type]
    slots = [Slot(random.randrange(1, 4), 0) for _ in range(20)]
    for slot in slots:
        bench._add(slot)
    delivered: set[Slot] = set()
    for slot in random.sample(slots, len(slots)):
        bench.delivered(slot)
        delivered.add(slot)
        done = 0
        for first in slots:
            if first not in delivered:
                break
            done += first.items
        assert source.acknowledged == done
