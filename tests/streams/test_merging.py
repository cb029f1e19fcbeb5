"""Edges that meet as the newest of each, or of which the first one wins."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st

from headwater import StreamBrokenError
from headwater.streams.channel import Channel
from headwater.streams.ends import NOTHING
from headwater.streams.merging.latest import Latest
from headwater.streams.merging.race import Race
from headwater.streams.waiter import Waiter


def edges(size: int, capacity: int = 8) -> tuple[list[Channel], Waiter]:
    """Return edges whose reader sleeps at one place."""
    reader = Waiter()
    return [Channel(capacity, reader) for _ in range(size)], reader


async def write(channel: Channel, items: Sequence[Any]) -> None:
    """Write items to an edge, with turns for others between them, then end it."""
    for item in items:
        if channel.put(item):
            await channel.wait_writable()
        elif item % 3 == 0:
            await checkpoint()
    channel.finish()


class TestLatest:
    @given(
        columns=st.lists(st.lists(st.integers(0, 9), max_size=10, unique=True), min_size=2, max_size=4),
        capacity=st.integers(1, 4),
    )
    def test_shows_each_change_once_every_edge_has_an_item(self, columns: list[list[int]], capacity: int) -> None:
        """Two tuples differ in one place; from the first tuple on, each edge shows all its items, in order."""

        async def read() -> tuple[list[Any], list[Channel]]:
            channels, reader = edges(len(columns), capacity)
            source = Latest(channels, reader)
            tuples: list[Any] = []
            async with anyio.create_task_group() as group:
                for channel, items in zip(channels, columns, strict=True):
                    group.start_soon(write, channel, items)
                while batch := await source.take():
                    tuples += batch
            assert source.statistics().done_items == source.statistics().read_items == len(tuples)
            return tuples, channels

        tuples, channels = anyio.run(read)
        if not all(columns):
            assert tuples == []
            return
        assert tuples[-1] == tuple(items[-1] for items in columns)
        assert all(sum(map(int.__ne__, one, other)) == 1 for one, other in pairwise(tuples))
        for place, items in enumerate(columns):
            shown = list(dict.fromkeys(each[place] for each in tuples))
            assert shown == items[len(items) - len(shown) :]
        assert [channel.done_items for channel in channels] == list(map(len, columns))

    async def test_takes_items_that_cannot_be_compared(self) -> None:
        """Such as arrays, whose comparison is an array."""

        class Array:
            def __eq__(self, other: object) -> bool:
                raise TypeError

            __hash__ = None  # type: ignore[assignment]  # as arrays have it

        (first, second), reader = edges(2)
        first.put(Array())
        second.put(Array())
        assert len(await Latest([first, second], reader).take()) == 1

    async def test_counts_items_as_done_with_the_tuples_that_they_made(self) -> None:
        """Those that came before the first tuple are done with it."""
        (first, second), reader = edges(2)
        source = Latest([first, second], reader)
        first.buffer += [1, 2]
        second.put(3)
        assert await source.take(ahead=True) == [(2, 3)]
        first.buffer += [4, 5]
        assert await source.take(ahead=True) == [(4, 3), (5, 3)]
        done: list[list[int]] = []
        for items in (1, 1, 1):
            source.acknowledge(items)
            done.append([first.done_items, second.done_items])
        assert done == [[2, 1], [2, 1], [4, 1]]

    async def test_break_is_raised_after_the_items_before_it(self) -> None:
        """A cut edge is never an end."""
        (first, second), reader = edges(2)
        source = Latest([first, second], reader)
        first.put(1)
        second.put(2)
        second.fail(StreamBrokenError("cut"))
        assert await source.take() == [(1, 2)]
        with pytest.raises(StreamBrokenError):
            await source.take()

    async def test_branch_is_taken_when_each_edge_is(self) -> None:
        """One that brings nothing leaves no tuple."""
        (first, second), reader = edges(2)
        first.put(1)
        second.skip()
        assert not await Latest([first, second], reader).branch_taken()


class TestRace:
    async def test_reads_the_edge_that_brings_the_first_item(self) -> None:
        """The others are left at once."""
        (first, second), reader = edges(2)
        source = Race([first, second], reader)
        first.set_header("not an answer")
        second.set_header("header")
        second.buffer += [1, 2]
        assert (await source.header(), await source.take(), first.reader_left) == ("header", [1, 2], True)
        second.finish("footer")
        assert (await source.take(), source.footer) == ([], "footer")

    async def test_waits_for_what_is_stopped_also_when_its_reader_was_cancelled(self) -> None:
        """A reader that gives up and asks again gets nothing before the others have ended."""
        (first, second), reader = edges(2)
        source, ended, stopped = Race([first, second], reader), anyio.Event(), list[int]()

        async def stop(winner: int) -> None:
            stopped.append(winner)
            await ended.wait()

        source.stop_others = stop
        second.put(1)
        async with anyio.create_task_group() as group:
            with anyio.CancelScope() as scope:
                group.start_soon(anyio.wait_all_tasks_blocked)
                scope.cancel()
                await source.take()
            assert scope.cancelled_caught
            ended.set()
            assert await source.take() == [1]
        assert set(stopped) == {1}

    async def test_edges_that_end_without_an_item_do_not_win(self) -> None:
        """Where none has one, the first edge that was taken says how the stream ends."""
        (first, second, third), reader = edges(3)
        source = Race([first, second, third], reader)
        first.skip()
        second.finish("second")
        third.finish("third")
        assert await source.branch_taken()
        assert (await source.take(), source.footer) == ([], "second")

    async def test_branch_is_not_taken_when_none_is(self) -> None:
        """Then the step is skipped."""
        channels, reader = edges(2)
        for channel in channels:
            channel.skip()
        assert not await Race(channels, reader).branch_taken()

    async def test_break_before_an_answer_is_raised(self) -> None:
        """Also while the other edge is silent; the footer is not known."""
        (first, second), reader = edges(2)
        source = Race([first, second], reader)
        first.fail(StreamBrokenError("cut"))
        with pytest.raises(StreamBrokenError):
            await source.take()
        assert source.footer is NOTHING

    async def test_acknowledges_only_what_the_winner_brought(self) -> None:
        """Nothing of the others was read."""
        (first, second), reader = edges(2)
        source = Race([first, second], reader)
        source.acknowledge()
        first.buffer += [1, 2, 3]
        await source.take(ahead=True)
        source.acknowledge(2)
        assert (first.done_items, second.done_items) == (2, 0)
