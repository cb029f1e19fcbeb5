"""The items of an output that a server keeps: nothing is lost for who reads, and memory is bounded for who does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from headwater_server.executions.kept_items import KeptItems
from headwater_server.refusals import Refusal


def kept(*, most: int = 100, most_bytes: int = 10**9, awaited: bool = False) -> KeptItems:
    """Return an empty output."""
    return KeptItems("out", most=most, most_bytes=most_bytes, streaming=True, awaited=awaited)


async def write(output: KeptItems, batches: Sequence[Sequence[Any]]) -> None:
    """Write batches, and end."""
    for batch in batches:
        await output.add(batch)
    output.end(None, None)


async def read(output: KeptItems, after: int = 0, most: int = 10**9) -> list[Any]:
    """Read the items after a number, at most some."""
    found: list[Any] = []
    with output.reading(after) as reader:
        while len(found) < most:
            await output.wait_beyond(reader)
            if not (items := output.take(reader)):
                break
            found += items
            await checkpoint()
    return found[:most]


async def test_oldest_items_are_dropped_without_a_reader() -> None:
    """The last items are kept; who asks for others is refused, with the number of the first."""
    output = kept()
    await write(output, [range(start, start + 7) for start in range(0, 700, 7)])
    assert (output.count, list(output.items)) == (700, list(range(600, 700)))
    with pytest.raises(Refusal) as refused, output.reading(599):
        pass
    assert (refused.value.status, refused.value.more) == (410, {"first_item": 600})
    assert await read(output, 650) == list(range(650, 700))


async def test_reader_that_is_ahead_is_refused() -> None:
    """It cannot have read what there is not, and an end with its number would look complete."""
    output = kept()
    await write(output, [[1, 2, 3]])
    assert await read(output, 3) == []
    with pytest.raises(Refusal) as refused, output.reading(4):
        pass
    assert (refused.value.status, refused.value.code) == (400, "bad-query")


async def test_execution_waits_for_its_first_reader_when_it_is_announced() -> None:
    """Nothing is dropped before somebody reads, and then everything comes."""
    output = kept(awaited=True)
    async with anyio.create_task_group() as group:
        group.start_soon(write, output, [[number] for number in range(1000)])
        for _ in range(200):
            await checkpoint()
        assert output.count < 20  # a tenth of the room
        assert await read(output) == list(range(1000))


async def test_reader_that_was_cut_off_goes_on_where_it_was() -> None:
    """What was on its way when the connection was cut is sent again."""
    output = kept(awaited=True)
    found: list[Any] = []
    async with anyio.create_task_group() as group:
        group.start_soon(write, output, [[number] for number in range(1000)])
        while len(found) < 1000:
            lost = await read(output, len(found), 17)
            found += lost[:11]  # of which some were lost with the connection
    assert found == list(range(1000))


async def test_slowest_reader_decides() -> None:
    """Two readers at different paces both get everything."""
    output = kept(awaited=True)
    found: dict[str, list[Any]] = {"quick": [], "slow": []}

    async def follow(name: str, rests: int) -> None:
        with output.reading(0) as reader:
            while True:
                await output.wait_beyond(reader)
                if not (items := output.take(reader)):
                    return
                found[name] += items
                for _ in range(rests):
                    await checkpoint()

    async with anyio.create_task_group() as group:
        group.start_soon(follow, "quick", 0)
        group.start_soon(follow, "slow", 5)
        await checkpoint()
        group.start_soon(write, output, [[number] for number in range(1000)])
    assert found["quick"] == found["slow"] == list(range(1000))


async def test_reader_that_leaves_is_not_taken_for_another_one_at_the_same_item() -> None:
    """The one that stays gets everything, and nothing waits for the one that has left."""
    output = kept(awaited=True)
    found: list[Any] = []
    async with anyio.create_task_group() as group:
        with output.reading(0) as stays:
            with output.reading(0):
                pass
            group.start_soon(write, output, [[number] for number in range(1000)])
            while len(found) < 1000:
                await output.wait_beyond(stays)
                found += output.take(stays)
    assert found == list(range(1000))


async def test_bytes_are_bounded_as_well() -> None:
    """Large items are dropped earlier, except for the last one."""
    output = kept(most_bytes=1000)
    await write(output, [[b"x" * 400] for _ in range(10)])
    assert (output.count, len(output.items), output.size_bytes) == (10, 2, 800)
    await output.add([b"y" * 5000])
    assert list(output.items) == [b"y" * 5000]


async def test_nothing_waits_once_the_execution_has_failed() -> None:
    """An output without a reader ends with its execution."""
    output = kept(awaited=True)
    async with anyio.create_task_group() as group:
        group.start_soon(write, output, [[number] for number in range(50)])
        for _ in range(20):
            await checkpoint()
        assert not output.ended
        output.stop_waiting()
    assert output.ended
