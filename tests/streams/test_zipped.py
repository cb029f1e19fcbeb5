"""Edges that are zipped: the rounds are those of Python's own `zip`, and no edge is read ahead of the others."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater import StreamBrokenError, StreamError
from headwater.streams.channel import Channel
from headwater.streams.ends import NOTHING, ReaderLeft
from headwater.streams.merging.zipped import Zipped
from headwater.streams.waiter import Waiter

COLUMNS = st.lists(st.lists(st.integers(), max_size=12), min_size=2, max_size=4)
CAPACITIES = st.integers(1, 4)


def zipped(size: int, unequal: str = "fail", capacity: int = 8) -> tuple[list[Channel], Zipped]:
    """Return edges and the source in which they meet."""
    reader = Waiter()
    channels = [Channel(capacity, reader) for _ in range(size)]
    return channels, Zipped(channels, reader, [f"edge{place}" for place in range(size)], unequal, "pad")


async def write(channel: Channel, items: Sequence[Any]) -> None:
    """Write items to an edge, then end it."""
    try:
        await channel.write(items)
        channel.finish()
    except ReaderLeft:
        pass


async def rounds_of(columns: Sequence[Sequence[Any]], unequal: str, capacity: int) -> list[Any]:
    """Return what comes of writers that run at the same time."""
    channels, source = zipped(len(columns), unequal, capacity)
    rounds: list[Any] = []
    async with anyio.create_task_group() as group:
        for channel, items in zip(channels, columns, strict=True):
            group.start_soon(write, channel, items)
        while batch := await source.take():
            rounds += batch
    assert source.statistics().done_items == source.statistics().read_items == len(rounds)
    return rounds


@given(columns=COLUMNS, capacity=CAPACITIES)
def test_zip_is_that_of_python_when_the_shortest_ends_it(columns: list[list[int]], capacity: int) -> None:
    """As many rounds as the shortest edge has items."""
    assert anyio.run(rounds_of, columns, "shortest", capacity) == list(zip(*columns, strict=False))


@given(columns=COLUMNS, capacity=CAPACITIES)
def test_zip_is_that_of_python_when_it_pads(columns: list[list[int]], capacity: int) -> None:
    """As many rounds as the longest edge has items."""
    assert anyio.run(rounds_of, columns, "pad", capacity) == list(zip_longest(*columns, fillvalue="pad"))


@given(columns=COLUMNS, capacity=CAPACITIES)
def test_zip_is_that_of_python_when_lengths_must_be_equal(columns: list[list[int]], capacity: int) -> None:
    """All rounds, or an error where `zip(strict=True)` raises one."""
    if len(set(map(len, columns))) == 1:
        assert anyio.run(rounds_of, columns, "fail", capacity) == list(zip(*columns, strict=True))
        return
    with pytest.raises(ExceptionGroup) as error:
        anyio.run(rounds_of, columns, "fail", capacity)
    assert error.group_contains(StreamError, match="ended after")


@pytest.mark.parametrize("unequal", ["fail", "shortest", "pad"])
async def test_break_is_raised_after_the_rounds_before_it(unequal: str) -> None:
    """A cut edge is never an end."""
    (first, second), source = zipped(2, unequal)
    first.buffer += [1, 2, 3]
    second.buffer += [4]
    second.fail(StreamBrokenError("cut"))
    assert await source.take() == [(1, 4)]
    for _ in range(2):
        with pytest.raises(StreamBrokenError, match="cut"):
            await source.take()


async def test_edge_that_is_ahead_is_not_read_further() -> None:
    """What waits is bounded by the buffers, with one batch taken."""
    (first, second), source = zipped(2, capacity=2)
    second.put(0)
    first.buffer += [1, 2]
    assert await source.take() == [(1, 0)]
    first.buffer += [3, 4]
    assert (first.writable, source.statistics().buffered_items) == (False, 3)
    second.buffer += [0, 0, 0]
    assert await source.take() == [(2, 0)]
    assert await source.take() == [(3, 0), (4, 0)]


async def test_counts_as_done_what_is_in_finished_rounds() -> None:
    """An item that waits for its round, and one that is worked on, is not done."""
    (first, second), source = zipped(2)
    first.buffer += [1, 2, 3]
    second.buffer += [4, 5]
    await source.take(ahead=True)
    source.acknowledge(1)
    assert [channel.statistics().done_items for channel in (first, second)] == [1, 1]
    assert source.statistics()[2:5] == (5, 2, 1)
    source.acknowledge()
    assert [channel.statistics().done_items for channel in (first, second)] == [2, 2]


async def test_longer_edges_are_left_when_the_shortest_ends() -> None:
    """Their writers stop at the next item."""
    (first, second), source = zipped(2, "shortest")
    first.finish()
    second.put(1)
    assert await source.take() == []
    assert second.reader_left
    assert source.footer is NOTHING


@pytest.mark.parametrize(
    ("unequal", "skipped", "taken"),
    [
        ("fail", [0, 1], False), ("fail", [0], True), ("pad", [1], True), ("shortest", [1], False),
        ("shortest", [0, 1], False), ("shortest", [], True),
    ],
)  # fmt: skip
async def test_branch_is_taken_when_there_may_be_a_round(unequal: str, skipped: list[int], taken: bool) -> None:
    """One edge that is not taken leaves no round, unless it is padded or an error."""
    channels, source = zipped(2, unequal)
    for place, channel in enumerate(channels):
        if place in skipped:
            channel.skip()
        else:
            channel.put(1)
    assert await source.branch_taken() is taken


async def test_header_and_footer_are_those_of_the_edge_that_has_them() -> None:
    """At most one edge has them, as the plan decides."""
    (first, second), source = zipped(2)
    second.set_header("header")
    first.finish()
    second.finish("footer")
    assert await source.header() == "header"
    assert await source.take() == []
    assert source.footer == "footer"
