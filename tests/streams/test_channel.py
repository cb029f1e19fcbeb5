"""A channel is a bounded edge between one writer and one reader, that ends or breaks after its items."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from headwater.errors import StreamBrokenError, StreamOrderError
from headwater.streams.channel import Channel
from headwater.streams.ends import NOTHING, ReaderLeft, Source
from headwater.streams.merging.merged import Concatenated, Interleaved
from headwater.streams.tee import Tee
from headwater.streams.waiter import Waiter

BREAK = StreamBrokenError("the writer failed", step_id="writer")


async def read(source: Source) -> list[Any]:
    """Return all the items of a source, flat."""
    items: list[Any] = []
    while batch := await source.take():
        items += batch
    return items


async def read_until_break(source: Source) -> tuple[list[Any], StreamBrokenError]:
    """Return the items of a source that breaks, and the break."""
    items: list[Any] = []
    with pytest.raises(StreamBrokenError) as caught:
        while batch := await source.take():
            items += batch
    return items, caught.value


async def write_all(channel: Channel, items: range, written: list[int]) -> None:
    """Write items one by one, as a step's loop does, then end the stream."""
    for item in items:
        written.append(item)
        if channel.put(item):
            await channel.wait_writable()
    channel.finish()


def pair() -> tuple[Channel, Channel, Waiter]:
    """Return two channels that meet in one port."""
    reader = Waiter()
    return Channel(4, reader), Channel(4, reader), reader


class TestOrder:
    async def test_gives_items_in_order_when_the_writer_is_faster(self) -> None:
        """Items come in the order in which they were written, whatever the capacity."""
        for capacity in (1, 2, 7, 256):
            channel = Channel(capacity)
            async with anyio.create_task_group() as group:
                group.start_soon(write_all, channel, range(600), [])
                assert await read(channel) == list(range(600))

    async def test_takes_all_there_is_when_several_items_wait(self) -> None:
        """One wake-up moves everything that waits."""
        channel = Channel(8)
        await channel.write([1, 2, 3])
        assert await channel.take() == [1, 2, 3]

    async def test_hands_over_a_single_item_when_the_reader_waits(self) -> None:
        """Nobody waits for a batch to fill."""
        channel, got = Channel(256), anyio.Event()

        async def reader() -> None:
            assert await channel.take() == ["only"]
            got.set()

        async with anyio.create_task_group() as group:
            group.start_soon(reader)
            await anyio.wait_all_tasks_blocked()
            channel.put("only")
            with anyio.fail_after(60):
                await got.wait()


class TestBound:
    @pytest.mark.parametrize("capacity", [1, 2, 16])
    async def test_stops_the_writer_when_full(self, capacity: int) -> None:
        """A writer that nobody reads has written its capacity and not one item more."""
        channel, written = Channel(capacity), list[int]()
        async with anyio.create_task_group() as group:
            group.start_soon(write_all, channel, range(100), written)
            await anyio.wait_all_tasks_blocked()
            assert len(written) == len(channel.buffer) == capacity
            assert await read(channel) == list(range(100))

    async def test_never_holds_more_than_its_capacity_when_written_in_bulk(self) -> None:
        """`write` splits a long list by the room there is."""
        channel = Channel(3)
        async with anyio.create_task_group() as group:
            group.start_soon(channel.write, list(range(10)))
            seen = 0
            while seen < 10:
                batch = await channel.take()
                assert 1 <= len(batch) <= 3
                seen += len(batch)

    async def test_lets_others_run_when_there_is_room(self) -> None:
        """Asking for room is a cancellation point also when nobody has to wait."""
        with anyio.CancelScope() as scope:
            scope.cancel()
            await Channel(4).wait_writable()
        assert scope.cancelled_caught


class TestEnd:
    async def test_ends_when_finished_without_items(self) -> None:
        """An empty stream is a stream."""
        channel = Channel()
        channel.finish("footer")
        assert await channel.take() == []
        assert channel.footer == "footer"

    async def test_keeps_ending_when_read_again(self) -> None:
        """The end is a state, not a frame that can be missed."""
        channel = Channel()
        channel.finish()
        assert [await channel.take() for _ in range(3)] == [[], [], []]

    async def test_breaks_after_the_items_already_written(self) -> None:
        """A failure of the writer never overtakes its items."""
        channel = Channel()
        await channel.write([1, 2, 3])
        channel.fail(BREAK)
        assert await read_until_break(channel) == ([1, 2, 3], BREAK)

    async def test_wakes_the_reader_when_it_breaks(self) -> None:
        """A reader that sleeps learns of the break."""
        channel = Channel()
        async with anyio.create_task_group() as group:
            group.start_soon(read_until_break, channel)
            await anyio.wait_all_tasks_blocked()
            channel.fail(BREAK)

    async def test_stays_ended_when_a_break_follows_the_end(self) -> None:
        """What ended well cannot fail afterwards."""
        channel = Channel()
        channel.finish()
        channel.fail(BREAK)
        assert await channel.take() == []

    async def test_refuses_the_footer_while_items_wait(self) -> None:
        """A footer comes after the items, for the reader too."""
        channel = Channel()
        channel.put(1)
        channel.finish("footer")
        with pytest.raises(StreamOrderError, match="when all items were read"):
            _ = channel.footer
        await channel.take()
        assert channel.footer == "footer"


class TestHeader:
    async def test_gives_the_header_before_any_item(self) -> None:
        """A header is there as soon as it was written."""
        channel = Channel()
        channel.set_header("header")
        assert await channel.header() == "header"

    @pytest.mark.parametrize(
        "go_on", [lambda channel: channel.put(1), lambda channel: channel.finish()], ids=["item", "end"]
    )
    async def test_says_there_is_none_when_something_else_comes_first(self, go_on: Callable[[Channel], Any]) -> None:
        """Once an item or the end is there, no header can follow."""
        channel, headers = Channel(), list[Any]()

        async def reader() -> None:
            headers.append(await channel.header())

        async with anyio.create_task_group() as group:
            group.start_soon(reader)
            await anyio.wait_all_tasks_blocked()
            go_on(channel)
        assert headers == [NOTHING]

    async def test_raises_the_break_when_the_writer_failed_before_it(self) -> None:
        """A header that never came is told as the failure, not as absence."""
        channel = Channel()
        channel.fail(BREAK)
        with pytest.raises(StreamBrokenError):
            await channel.header()

    async def test_keeps_the_header_when_items_were_read(self) -> None:
        """The header can be read late."""
        channel = Channel()
        channel.set_header("header")
        channel.put(1)
        await channel.take()
        assert await channel.header() == "header"


class TestLeaving:
    async def test_stops_the_writer_at_its_next_item_when_the_reader_left(self) -> None:
        """A writer does not work for nobody."""
        channel = Channel()
        channel.close()
        with pytest.raises(ReaderLeft):
            channel.put(1)
        assert channel.buffer == []

    async def test_wakes_a_writer_that_waits_for_room(self) -> None:
        """A writer that is blocked by a full channel is released when its reader leaves."""
        channel, emitted = Channel(1), anyio.Event()

        async def writer() -> None:
            channel.put(1)
            with pytest.raises(ReaderLeft):
                await channel.wait_writable()
            emitted.set()

        async with anyio.create_task_group() as group:
            group.start_soon(writer)
            await anyio.wait_all_tasks_blocked()
            channel.close()
            with anyio.fail_after(60):
                await emitted.wait()

    async def test_lets_unread_items_go_when_the_reader_leaves(self) -> None:
        """Nothing is kept for a reader that is gone."""
        channel = Channel()
        await channel.write([1, 2])
        channel.close()
        assert channel.statistics().buffered_items == 0


class TestStatistics:
    async def test_counts_what_was_written_and_read(self) -> None:
        """Numbers add up at every moment."""
        channel = Channel(4)
        await channel.write([1, 2, 3])
        before = channel.statistics()
        await channel.take()
        channel.put(4)
        channel.finish()
        after = channel.statistics()
        assert (before.buffered_items, before.written_items, before.read_items, before.ended) == (3, 3, 0, False)
        assert (after.buffered_items, after.written_items, after.read_items, after.ended) == (1, 4, 3, True)
        assert after.capacity_items == 4

    async def test_measures_how_long_each_end_waited(self) -> None:
        """The end that waits is the one whose time grows."""
        channel = Channel(1)
        async with anyio.create_task_group() as group:
            group.start_soon(channel.write, [1, 2])
            await anyio.wait_all_tasks_blocked()
            await read_one(channel)
            await read_one(channel)
        assert channel.statistics().writer_wait_s > 0


async def read_one(channel: Channel) -> None:
    """Take the single item that is there."""
    assert len(await channel.take()) == 1


class TestInterleave:
    async def test_gives_items_of_each_channel_in_order(self) -> None:
        """Interleaving mixes streams and keeps the order within each."""
        one, other, reader = pair()
        items: list[int] = []
        async with anyio.create_task_group() as group:
            group.start_soon(write_all, one, range(50), [])
            group.start_soon(write_all, other, range(100, 150), [])
            items += await read(Interleaved([one, other], reader))
        assert [item for item in items if item < 100] == list(range(50))
        assert [item for item in items if item >= 100] == list(range(100, 150))

    async def test_goes_on_when_one_channel_has_ended(self) -> None:
        """The end of a merge is the end of all of its streams."""
        one, other, reader = pair()
        one.finish()
        other.put("late")
        other.finish()
        assert await read(Interleaved([one, other], reader)) == ["late"]

    async def test_breaks_after_the_items_when_one_channel_breaks(self) -> None:
        """A merge is not complete when one of its streams is not."""
        one, other, reader = pair()
        one.put(1)
        other.put(2)
        other.fail(BREAK)
        items, _ = await read_until_break(Interleaved([one, other], reader))
        assert sorted(items) == [1, 2]

    async def test_waits_for_the_header_when_items_of_another_channel_come_first(self) -> None:
        """The one header among merged streams is not missed because a stream without one is faster."""
        one, other, reader = pair()
        headers: list[Any] = []

        async def read_header() -> None:
            headers.append(await Interleaved([one, other], reader).header())

        async with anyio.create_task_group() as group:
            group.start_soon(read_header)
            await anyio.wait_all_tasks_blocked()
            one.put(1)
            await anyio.wait_all_tasks_blocked()
            other.set_header("header")
        assert headers == ["header"]


class TestConcat:
    async def test_gives_one_channel_after_the_other(self) -> None:
        """What came first does not matter, the order of the edges does."""
        one, other, reader = pair()
        await other.write([3, 4])
        other.finish()
        await one.write([1, 2])
        one.finish()
        assert await read(Concatenated([one, other], reader)) == [1, 2, 3, 4]

    async def test_breaks_in_its_turn(self) -> None:
        """The items of the channels before the one that broke are read first."""
        one, other, reader = pair()
        other.fail(BREAK)
        await one.write([1, 2])
        one.finish()
        assert await read_until_break(Concatenated([one, other], reader)) == ([1, 2], BREAK)

    async def test_gives_the_header_of_a_later_channel(self) -> None:
        """The one header among concatenated streams may belong to any of them."""
        one, other, reader = pair()
        one.put(1)
        other.set_header("header")
        assert await Concatenated([one, other], reader).header() == "header"


@pytest.mark.parametrize("joined", [Interleaved, Concatenated])
class TestJoined:
    async def test_gives_the_one_footer(self, joined: type[Interleaved | Concatenated]) -> None:
        """A footer is found whichever of the streams has it."""
        one, other, reader = pair()
        one.finish()
        other.finish("footer")
        source = joined([one, other], reader)
        assert await read(source) == []
        assert source.footer == "footer"

    async def test_stops_every_writer_when_closed(self, joined: type[Interleaved | Concatenated]) -> None:
        """A reader that leaves a port leaves all the streams that meet there."""
        one, other, reader = pair()
        joined([one, other], reader).close()
        for channel in (one, other):
            with pytest.raises(ReaderLeft):
                channel.put(1)

    async def test_adds_up_the_statistics(self, joined: type[Interleaved | Concatenated]) -> None:
        """A port has the numbers of all of its channels."""
        one, other, reader = pair()
        one.put(1)
        other.put(2)
        statistics = joined([one, other], reader).statistics()
        assert (statistics.buffered_items, statistics.written_items, statistics.capacity_items) == (2, 2, 8)


class TestTee:
    async def test_gives_every_item_to_every_reader(self) -> None:
        """Everyone gets everything."""
        channels = [Channel(2), Channel(5)]
        tee, results = Tee([(channel, None) for channel in channels]), list[Any]()

        async def reader(channel: Channel) -> None:
            results.append(await read(channel))

        async with anyio.create_task_group() as group:
            for channel in channels:
                group.start_soon(reader, channel)
            await tee.write(list(range(30)))
            tee.finish()
        assert results == [list(range(30))] * 2

    async def test_sends_items_by_their_condition(self) -> None:
        """A condition is asked for each item and each branch."""
        even, every = Channel(), Channel()
        tee = Tee([(even, lambda items: [item for item in items if item % 2 == 0]), (every, None)])
        await tee.write([1, 2, 3, 4])
        assert (even.take_nowait(), every.take_nowait()) == ([2, 4], [1, 2, 3, 4])

    async def test_waits_for_the_slowest_reader(self) -> None:
        """No branch buffers more than its capacity because another is faster."""
        slow, fast = Channel(2), Channel(2)
        tee = Tee([(slow, None), (fast, None)])

        async def read_fast() -> None:
            await read(fast)

        async with anyio.create_task_group() as group:
            group.start_soon(read_fast)
            group.start_soon(tee.write, list(range(10)))
            await anyio.wait_all_tasks_blocked()
            assert (len(slow.buffer), fast.read_items) == (2, 2)
            group.cancel_scope.cancel()

    async def test_goes_on_when_one_of_the_readers_leaves(self) -> None:
        """A reader that leaves is forgotten; the others lose nothing."""
        leaver, stayer = Channel(), Channel()
        tee = Tee([(leaver, None), (stayer, None)])
        tee.put(1)
        leaver.close()
        tee.put(2)
        await tee.wait_writable()
        assert stayer.take_nowait() == [1, 2]

    async def test_stops_the_writer_when_the_last_reader_left(self) -> None:
        """Only when nobody reads any more may the writer stop."""
        channels = [Channel(), Channel()]
        tee = Tee([(channel, None) for channel in channels])
        channels[0].close()
        tee.put(1)
        channels[1].close()
        with pytest.raises(ReaderLeft):
            tee.put(2)

    async def test_writes_on_when_it_has_no_reader(self) -> None:
        """An output that is not connected does not stop its step."""
        tee = Tee([])
        await tee.write([1, 2, 3])
        assert tee.statistics().written_items == 3


async def test_cancels_cleanly_while_both_ends_wait() -> None:
    """Cancellation reaches a sleeping reader and a sleeping writer."""
    empty, full = Channel(1), Channel(1)
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(read, empty)
            group.start_soon(full.write, [1, 2])
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
    await checkpoint()
    assert (empty.statistics().read_items, full.statistics().written_items) == (0, 1)
