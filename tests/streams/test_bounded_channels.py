"""Channels with a bound of bytes, and channels that drop items: what waits, what is lost, and who waits for whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from headwater import StreamBrokenError
from headwater.streams.bounded.dropping_channel import DroppingChannel
from headwater.streams.bounded.item_size import item_size
from headwater.streams.bounded.sized_channel import SizedChannel
from headwater.streams.channel import Channel
from headwater.streams.ends import ReaderLeft
from headwater.streams.tee import Tee


class Record(BaseModel):
    text: str
    parts: list[str]


@dataclass
class Point:
    label: str
    around: list[bytes] = field(default_factory=list[bytes])


class TestSizes:
    @pytest.mark.parametrize(
        ("item", "size"),
        [(b"12345", 5), (bytearray(7), 7), ("äöü", 3), (memoryview(bytes(9)), 9), ("", 0)],
    )
    def test_is_exact_when_the_item_says_it(self, item: Any, size: int) -> None:
        """Bytes, characters, and whatever has `nbytes`, such as a numpy array."""
        assert item_size(item) == size

    @pytest.mark.parametrize(
        "make",
        [
            lambda text: {"key": text}, lambda text: [text, text], lambda text: (1, (2, text)), lambda text: {text},
            lambda text: Record(text=text, parts=[text]), lambda text: Point(text, [text.encode()]),
        ],
    )  # fmt: skip
    def test_grows_with_what_is_inside(self, make: Any) -> None:
        """An estimate follows strings and bytes into containers, models and dataclasses."""
        assert item_size(make("x" * 10_000)) - item_size(make("x")) >= 9_999

    def test_is_found_in_bounded_time_when_an_item_is_huge(self) -> None:
        """The parts after the first thousand count as much as these."""
        many = [f"{number:100}" for number in range(100_000)]
        assert 100_000 * 100 < item_size(many) < 100_000 * 300


class TestSized:
    async def test_writer_waits_when_the_bytes_are_reached(self) -> None:
        """However few the items are; and it goes on when they are read."""
        channel = SizedChannel(256, 10)
        assert [channel.put(b"12345"), channel.put(b"12345")] == [False, True]
        assert not channel.writable
        assert await channel.take() == [b"12345", b"12345"]
        await channel.wait_writable()

    async def test_item_that_does_not_fit_waits_for_those_before_it(self) -> None:
        """What waits never has more bytes than the bound, unless it is one item alone."""
        channel = SizedChannel(256, 10)
        channel.put(b"1234567")
        assert channel.put(b"12345")
        assert (channel.buffered_bytes, channel.statistics().buffered_items) == (7, 2)
        channel.put(b"1" * 50)
        channel.finish()
        assert [await channel.take() for _ in range(4)] == [[b"1234567"], [b"12345"], [b"1" * 50], []]
        assert channel.statistics().written_items == 3

    async def test_items_are_bounded_as_well(self) -> None:
        """The number of items still counts."""
        channel = SizedChannel(2, 1_000)
        assert [channel.put(b""), channel.put(b"")] == [False, True]

    async def test_break_comes_after_what_was_written(self) -> None:
        """Also after an item that was held back."""
        channel = SizedChannel(8, 1)
        channel.put("ab")
        channel.put("cd")
        channel.fail(StreamBrokenError("cut"))
        assert [await channel.take(), await channel.take()] == [["ab"], ["cd"]]
        with pytest.raises(StreamBrokenError):
            await channel.take()

    async def test_writer_is_stopped_when_the_reader_leaves(self) -> None:
        """Also one that waits for room."""
        channel = SizedChannel(8, 1)
        channel.put("ab")
        async with anyio.create_task_group() as group:

            async def write() -> None:
                with pytest.raises(ReaderLeft):
                    await channel.wait_writable()

            group.start_soon(write)
            await anyio.wait_all_tasks_blocked()
            channel.close()
        with pytest.raises(ReaderLeft):
            channel.put("c")

    @given(sizes=st.lists(st.integers(0, 12), max_size=40), most=st.integers(1, 10), capacity=st.integers(1, 5))
    def test_brings_every_item_in_order_within_the_bound(self, sizes: list[int], most: int, capacity: int) -> None:
        """Whatever the sizes are, as plain writes and as one batch, alone and behind a tee."""
        items = [bytes(size) + bytes([number]) for number, size in enumerate(sizes)]

        async def read(in_batch: bool, in_tee: bool) -> list[bytes]:
            channel = SizedChannel(capacity, most)
            sink = Tee([(channel, None)]) if in_tee else channel
            got: list[bytes] = []
            async with anyio.create_task_group() as group:
                group.start_soon(_write, sink, items, in_batch)
                while batch := await channel.take():
                    assert len(batch) <= capacity
                    assert len(batch) == 1 or sum(map(len, batch)) <= most
                    got += batch
            return got

        for in_batch in (False, True):
            for in_tee in (False, True):
                assert anyio.run(read, in_batch, in_tee) == items


async def _write(sink: Any, items: Sequence[Any], in_batch: bool) -> None:
    if in_batch:
        await sink.write(items)
    for item in () if in_batch else items:
        if sink.put(item):
            await sink.wait_writable()
    sink.finish()


class TestDropping:
    async def test_writer_never_waits_for_the_reader(self) -> None:
        """The newest items wait, and the others are counted as lost."""
        channel = DroppingChannel(3)
        lost: list[int] = []
        channel.on_lost = lost.append
        await channel.write(list(range(10)))
        channel.put(10)
        channel.finish()
        assert [await channel.take(), await channel.take()] == [[8, 9, 10], []]
        statistics = channel.statistics()
        assert (sum(lost), channel.lost_items, statistics.written_items, statistics.read_items) == (8, 8, 11, 3)

    async def test_keeps_the_newest_one_for_a_reader_of_the_latest(self) -> None:
        """A reader that comes late gets what is true now."""
        channel = DroppingChannel(1)
        for number in range(5):
            channel.put(number)
        assert await channel.take() == [4]

    async def test_drops_by_bytes_but_never_the_newest(self) -> None:
        """An item that is larger than the bound is kept alone."""
        channel = DroppingChannel(256, capacity_bytes=10)
        for size in (4, 4, 4, 2):
            channel.put(bytes(size))
        assert list(map(len, channel.take_nowait())) == [4, 4, 2]
        channel.put(b"1")
        channel.put(bytes(50))
        assert list(map(len, channel.take_nowait())) == [50]
        assert channel.lost_items == 2

    async def test_gives_the_reader_a_turn_when_it_has_become_full(self) -> None:
        """So a reader that keeps up loses nothing."""
        channel = DroppingChannel(4)
        got: list[int] = []

        async def read() -> None:
            while batch := await channel.take():
                got.extend(batch)

        async with anyio.create_task_group() as group:
            group.start_soon(read)
            await checkpoint()
            await channel.write(list(range(100)))
            channel.finish()
        assert (got, channel.lost_items) == (list(range(100)), 0)

    async def test_other_edges_of_a_tee_get_every_item(self) -> None:
        """A reader that is stuck holds up nothing."""
        slow, quick = DroppingChannel(2), Channel(4)
        tee = Tee([(slow, None), (quick, None)])
        got: list[int] = []

        async def read() -> None:
            while batch := await quick.take():
                got.extend(batch)

        async with anyio.create_task_group() as group:
            group.start_soon(read)
            await tee.write(list(range(1_000)))
            for number in range(1_000, 1_010):
                if tee.put(number):
                    await tee.wait_writable()
            tee.finish()
        assert got == list(range(1_010))
        assert await slow.take() == [1_008, 1_009]
        assert slow.lost_items == 1_008

    async def test_first_item_and_header_are_seen_when_the_item_is_dropped(self) -> None:
        """What is emitted of an output does not depend on its reader."""
        channel, first = DroppingChannel(1), list[int]()
        channel.on_first = first.append
        channel.set_header("header")
        channel.put(1)
        channel.put(2)
        assert (first, await channel.header(), channel.take_nowait()) == ([1], "header", [2])

    async def test_break_comes_after_what_waits(self) -> None:
        """A cut is never an end, also where items are dropped."""
        channel = DroppingChannel(2)
        for number in range(5):
            channel.put(number)
        channel.fail(StreamBrokenError("cut"))
        assert await channel.take() == [3, 4]
        with pytest.raises(StreamBrokenError):
            await channel.take()

    async def test_writer_is_stopped_when_the_reader_leaves(self) -> None:
        """Dropping everything would never end."""
        channel = DroppingChannel(2)
        channel.close()
        assert not channel.writable
        with pytest.raises(ReaderLeft):
            channel.put(1)
        with pytest.raises(ReaderLeft):
            await channel.wait_writable()
