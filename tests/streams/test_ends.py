"""Whatever has an end of a stream keeps the same promises, so that no reader and no writer knows what it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from headwater import Stream, StreamBrokenError
from headwater.api.outlet import Outlet
from headwater.graph.plan import Adapter, PlannedEdge
from headwater.running.hosts.adapters import Converted, Given
from headwater.streams.channel import Channel
from headwater.streams.checked import Checked
from headwater.streams.ends import NOTHING, EdgeSource, ReaderLeft, Sink, Source, totals
from headwater.streams.frames import StreamType
from headwater.streams.grammar import Checker
from headwater.streams.merging.merged import Concatenated, Interleaved
from headwater.streams.meter import Meter
from headwater.streams.pipe import Codec, PipeSink, PipeSource
from headwater.streams.tee import Tee
from headwater.streams.waiter import Waiter
from headwater.streams.wrapped import Wrapped
from headwater.toolkit.loop_calls import LoopCalls

BREAK = StreamBrokenError("the writer failed", step_id="writer")
EDGE = PlannedEdge(0, "writer", "out", None, "in", StreamType(int), streaming=True, adapter=Adapter.NONE)


def filled(reader: Waiter | None = None) -> Channel:
    """Return a channel with a header, three items and a footer."""
    channel = Channel(8, reader)
    channel.set_header("header")
    channel.buffer += [1, 2, 3]
    channel.finish("footer")
    return channel


def ended(reader: Waiter) -> Channel:
    """Return a channel that has ended without a frame."""
    channel = Channel(8, reader)
    channel.finish()
    return channel


def meeting(merge: Callable[[Sequence[EdgeSource], Waiter], Source]) -> Source:
    """Return two edges, one of them empty, that meet in one port."""
    reader = Waiter()
    return merge([filled(reader), ended(reader)], reader)


def arriving() -> PipeSource:
    """Return the far end of a pipe, where one byte arrives after the other."""
    sink = PipeSink(Codec())
    sink.set_header("header")
    sink.buffer += [1, 2, 3]
    sink.flush()
    sink.finish("footer")
    sent = iter(sink.pending())

    async def receive() -> bytes:
        await checkpoint()
        return bytes([byte]) if (byte := next(sent, None)) is not None else b""

    return PipeSource(Codec(), receive)


SOURCES: dict[str, Callable[[], Source]] = {
    "channel": filled,
    "interleaved": lambda: meeting(Interleaved),
    "concatenated": lambda: meeting(Concatenated),
    "checked": lambda: Checked(filled(), "port", Checker(int, int), Checker(str, str), Checker(str, str)),
    "wrapped": lambda: Wrapped(filled()),
    "converted": lambda: Converted(filled(), lambda _before, item: item, Adapter.TO_DELTA),
    "given": lambda: Given([1, 2, 3], "header", "footer"),
    "outlet": lambda: Outlet("writer", EDGE, filled(), lambda: None, LoopCalls(), is_awaited=lambda: False),
    "pipe": arriving,
}


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES.keys())
class TestSource:
    async def test_gives_every_frame_in_order(self, make: Callable[[], Source]) -> None:
        """A reader gets the header, the items, the end and the footer."""
        source = make()
        assert await source.branch_taken()
        assert await source.header() == "header"
        assert [await source.take(), await source.take(), await source.take()] == [[1, 2, 3], [], []]
        assert source.footer == "footer"

    async def test_counts_items_as_done_when_asked_for_more(self, make: Callable[[], Source]) -> None:
        """Items are in the reader's hands until it asks again."""
        source = make()
        await source.take()
        before = source.statistics()
        await source.take()
        after = source.statistics()
        assert (before.written_items, before.read_items, before.done_items) == (3, 3, 0)
        assert (after.written_items, after.read_items, after.done_items) == (3, 3, 3)

    async def test_counts_only_acknowledged_items_as_done_when_working_ahead(self, make: Callable[[], Source]) -> None:
        """A reader that has several items in work says itself which of them are done."""
        source, done = make(), list[int]()
        await source.take(ahead=True)
        await source.take(ahead=True)
        for items in (0, 2, None, None):
            source.acknowledge(items)
            done.append(source.statistics().done_items)
        assert done == [0, 2, 3, 3]

    async def test_leaves_without_a_count_when_closed(self, make: Callable[[], Source]) -> None:
        """A reader that leaves, perhaps because it failed, has not finished with what it took."""
        source = make()
        await source.take()
        source.close()
        assert (source.statistics().buffered_items, source.statistics().done_items) == (0, 0)


Written = tuple[Sink, list[Source]]


def one() -> Written:
    """Return a channel as its writer and its reader see it."""
    channel = Channel(4)
    return channel, [channel]


def tee(*capacities: int) -> Written:
    """Return a tee to channels."""
    channels = [Channel(capacity) for capacity in capacities]
    return Tee([(channel, None) for channel in channels]), [*channels]


def piped() -> Written:
    """Return the two ends of a pipe, with places for a few pieces of bytes between them."""
    between = Channel(8)

    async def send(data: bytes) -> None:
        await between.write([data])

    async def receive() -> bytes:
        return b"".join(await between.take())

    return PipeSink(Codec(), send, capacity=4), [PipeSource(Codec(), receive)]


SINKS: dict[str, Callable[[], Written]] = {
    "channel": one,
    "tee of one": lambda: tee(4),
    "tee of two": lambda: tee(4, 6),
}


@pytest.mark.parametrize("make", [*SINKS.values(), piped], ids=[*SINKS.keys(), "pipe"])
class TestSink:
    async def test_brings_every_frame_to_each_reader(self, make: Callable[[], Written]) -> None:
        """A writer gives the header, items one by one or together, and the end with its footer."""
        (sink, sources), results = make(), list[Any]()

        async def read(source: Source) -> None:
            stream: Stream[int, Any, Any] = Stream(source)
            results.append((await stream.header(), await stream.collect(), await stream.footer()))

        async with anyio.create_task_group() as group:
            for source in sources:
                group.start_soon(read, source)
            sink.set_header("header")
            for item in range(6):
                if sink.put(item):
                    await sink.wait_writable()
            await sink.write(range(6, 12))
            sink.finish("footer")
            await sink.wait_writable()
        assert results == [("header", list(range(12)), "footer")] * len(sources)
        statistics = sink.statistics()
        assert (statistics.written_items, statistics.buffered_items, statistics.ended) == (12, 0, True)

    async def test_hands_over_when_the_buffer_has_reached_the_limit(self, make: Callable[[], Written]) -> None:
        """A hot loop appends to the buffer itself, which stays the same list."""
        (sink, sources), results = make(), list[Any]()

        async def read(source: Source) -> None:
            results.append(await Stream[int](source).collect())

        buffer = sink.buffer
        async with anyio.create_task_group() as group:
            for source in sources:
                group.start_soon(read, source)
            for item in range(20):
                buffer.append(item)
                if len(buffer) >= sink.limit and sink.flush():
                    await sink.wait_writable()
            sink.finish()
            await sink.wait_writable()
        assert sink.buffer is buffer
        assert results == [list(range(20))] * len(sources)

    async def test_looks_at_the_pace_when_it_has_a_meter(self, make: Callable[[], Written]) -> None:
        """The first item and the gaps between items are measured wherever the items go."""
        sink, _ = make()
        sink.meter = meter = Meter(perf_counter())
        sink.put(1)
        assert sink.meter is meter
        assert meter.first_item_s is not None

    async def test_breaks_after_the_items_when_it_fails(self, make: Callable[[], Written]) -> None:
        """A failure does not overtake what was written, and a second one changes nothing."""
        sink, sources = make()
        await sink.write([1, 2])
        sink.fail(BREAK)
        sink.fail(StreamBrokenError("too late"))
        async with anyio.create_task_group() as group:
            group.start_soon(sink.wait_writable)
            for source in sources:
                assert await source.take() == [1, 2]
                with pytest.raises(StreamBrokenError, match="the writer failed") as caught:
                    await source.take()
                assert caught.value.step_id == "writer"

    async def test_says_that_the_branch_was_not_taken_when_skipped(self, make: Callable[[], Written]) -> None:
        """A reader can tell a branch that was not taken from an empty stream."""
        sink, sources = make()
        sink.skip()
        await sink.wait_writable()
        assert [await source.branch_taken() for source in sources] == [False] * len(sources)
        assert [await source.header() for source in sources] == [NOTHING] * len(sources)


@pytest.mark.parametrize("make", SINKS.values(), ids=SINKS.keys())
class TestSinkOfEdges:
    async def test_is_bounded_when_nothing_is_read(self, make: Callable[[], Written]) -> None:
        """A writer whose reader takes nothing gets no further than the capacity."""
        sink, sources = make()
        async with anyio.create_task_group() as group:
            group.start_soon(sink.write, range(100))
            await anyio.wait_all_tasks_blocked()
            buffered = [source.statistics().buffered_items for source in sources]
            assert buffered == [sink.capacity] * len(sources)
            group.cancel_scope.cancel()

    @pytest.mark.parametrize("waits", [False, True])
    async def test_stops_the_writer_when_every_reader_has_left(
        self, make: Callable[[], Written], *, waits: bool
    ) -> None:
        """A writer goes on for the sake of the last reader, not longer."""
        sink, sources = make()
        for source in sources:
            source.close()
        with pytest.raises(ReaderLeft):
            if waits:
                await sink.wait_writable()
            else:
                sink.put(1)


class TestDone:
    async def test_counts_each_item_at_its_own_edge_when_edges_are_interleaved(self) -> None:
        """Items of several edges are done in the order in which the reader got them."""
        reader = Waiter()
        one, other = Channel(8, reader), Channel(8, reader)
        source = Interleaved([one, other], reader)
        one.buffer += [1, 2]
        other.buffer += [3, 4]
        await source.take(ahead=True)
        one.buffer += [5]
        await source.take(ahead=True)
        source.acknowledge(3)
        assert (one.done_items, other.done_items) == (2, 1)
        source.acknowledge(2)
        assert (one.done_items, other.done_items) == (3, 2)

    async def test_counts_whole_lists_when_read_in_lists_of_a_size(self) -> None:
        """Items that wait for their list to be full are not done, though they were taken."""
        channel = Channel(8)
        lists = Stream[int](channel).batches(2)
        channel.buffer += [1, 2, 3]
        assert await anext(lists) == [1, 2]
        assert (channel.read_items, channel.done_items) == (3, 0)
        channel.finish()
        assert await anext(lists) == [3]
        assert (channel.read_items, channel.done_items) == (3, 2)

    async def test_counts_what_was_taken_when_the_reader_waits_for_more(self) -> None:
        """Asking is enough: what was taken before is done although nothing has come yet."""
        channel = Channel(8)
        channel.put(1)
        await channel.take()
        async with anyio.create_task_group() as group:
            group.start_soon(channel.take)
            await anyio.wait_all_tasks_blocked()
            assert channel.done_items == 1
            channel.put(2)


def test_sums_up_nothing_when_there_are_no_streams() -> None:
    """An output that is not connected has neither items nor an end."""
    assert totals([]) == (0, 0, 0, 0, 0, 0, 0, False)


def test_shows_the_absence_of_a_header_by_name() -> None:
    """What stands for no header is readable in a debugger."""
    assert repr(NOTHING) == "NOTHING"
