"""The handle of a stream: header, items and footer are read once, in any sensible way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import pytest

from headwater import Pipeline, Runner, Stream, StreamBrokenError, StreamConsumedError, StreamOrderError, step
from headwater.streams.channel import Channel
from headwater.streams.ends import NOTHING


@step("test_stream.same")
def same(number: int) -> int:
    """Return the number."""
    return number


Reading = Callable[[Stream[Any, Any, Any]], Any]


async def by_items(stream: Stream[Any, Any, Any]) -> list[Any]:
    """Read with `async for`."""
    return [item async for item in stream]


async def by_batches(stream: Stream[Any, Any, Any]) -> list[Any]:
    """Read in lists of whatever is there."""
    return [item async for batch in stream.batches() for item in batch]


async def by_collecting(stream: Stream[Any, Any, Any]) -> list[Any]:
    """Read everything at once."""
    return await stream.collect()


READINGS = [by_items, by_batches, by_collecting]


def given(items: int = 3, header: Any = NOTHING, footer: Any = NOTHING) -> Stream[int, Any, Any]:
    """Return a stream whose frames are all there."""
    channel = Channel()
    if header is not NOTHING:
        channel.set_header(header)
    for item in range(items):
        channel.put(item)
    channel.finish(footer)
    return Stream(channel, "step 'count' port 'words'")


def broken(items: int) -> Stream[int]:
    """Return a stream whose writer failed after some items."""
    channel = Channel()
    for item in range(items):
        channel.put(item)
    channel.fail(StreamBrokenError("step 'words' failed", step_id="words"))
    return Stream(channel)


@pytest.mark.parametrize("reading", READINGS)
class TestReading:
    async def test_gives_every_item(self, reading: Reading) -> None:
        """All ways of reading give the same items."""
        assert await reading(given(5)) == [0, 1, 2, 3, 4]

    async def test_gives_nothing_when_there_are_no_items(self, reading: Reading) -> None:
        """An empty stream ends at once."""
        assert await reading(given(0)) == []

    async def test_raises_when_the_writer_failed(self, reading: Reading) -> None:
        """A cut stream is an error in every way of reading."""
        with pytest.raises(StreamBrokenError, match="words") as caught:
            await reading(broken(3))
        assert caught.value.step_id == "words"

    @pytest.mark.parametrize("again", READINGS)
    async def test_refuses_to_be_read_twice(self, reading: Reading, again: Reading) -> None:
        """A second reading is an error, never silently empty."""
        stream = given()
        await reading(stream)
        with pytest.raises(StreamConsumedError, match="step 'count' port 'words'"):
            await again(stream)

    async def test_allows_the_header_before_and_after(self, reading: Reading) -> None:
        """The header may be read first, last, both or never."""
        stream = given(2, header="header")
        assert await stream.header() == "header"
        assert await reading(stream) == [0, 1]
        assert await stream.header() == "header"

    async def test_gives_the_footer_after_the_items(self, reading: Reading) -> None:
        """The footer is there once the items were read."""
        stream = given(2, footer="footer")
        await reading(stream)
        assert await stream.footer() == "footer"

    async def test_gives_none_when_there_is_no_header_or_footer(self, reading: Reading) -> None:
        """What a stream does not declare is None."""
        stream = given()
        assert await stream.header() is None
        await reading(stream)
        assert await stream.footer() is None


async def test_raises_the_break_after_the_items_when_read_one_by_one() -> None:
    """The items that arrived come before the error."""
    items: list[int] = []
    with pytest.raises(StreamBrokenError):
        async for item in broken(3):
            items.append(item)  # noqa: PERF401 - a comprehension would lose them with the error
    assert items == [0, 1, 2]


async def test_refuses_the_footer_when_nothing_was_read() -> None:
    """A footer that is asked for too early is an error, and eats no item."""
    stream = given(3, footer="footer")
    with pytest.raises(StreamOrderError, match="after the items"):
        await stream.footer()
    assert await stream.collect() == [0, 1, 2]
    assert await stream.footer() == "footer"


async def test_refuses_the_footer_in_the_middle() -> None:
    """A footer that is asked for among the items is an error, and the reading can go on."""
    stream, items = given(3, footer="footer"), list[int]()
    async for item in stream:
        items.append(item)
        with pytest.raises(StreamOrderError):
            await stream.footer()
    assert items == [0, 1, 2]


async def test_gives_the_header_in_the_middle() -> None:
    """Reading the header late is no second reading."""
    stream = given(2, header="header")
    assert [(item, await stream.header()) async for item in stream] == [(0, "header"), (1, "header")]


async def test_gives_batches_of_what_is_there() -> None:
    """A batch is never empty, and never waits to be filled."""
    channel = Channel()
    batches: list[list[int]] = []

    async def read() -> None:
        batches.extend([batch async for batch in Stream[int](channel).batches()])

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        await anyio.wait_all_tasks_blocked()
        channel.put(1)
        await anyio.wait_all_tasks_blocked()
        await channel.write([2, 3])
        await anyio.wait_all_tasks_blocked()
        channel.finish()
    assert batches == [[1], [2, 3]]


@pytest.mark.parametrize("size", [None, 2])
async def test_loses_nothing_when_a_wait_for_a_batch_is_given_up(size: int | None) -> None:
    """A reader may stop waiting, do something else, and wait again."""
    channel = Channel()
    batches = Stream[int](channel).batches(size)
    read: list[int] = []
    for number in range(4):
        with anyio.move_on_after(0):
            read += await anext(batches)
        channel.put(number)
    channel.finish()
    async for batch in batches:
        read += batch
    assert read == [0, 1, 2, 3]


async def test_has_statistics() -> None:
    """A stream says how much waits and how much was read."""
    stream = given(4)
    before = stream.statistics()
    await stream.collect()
    after = stream.statistics()
    assert (before.buffered_items, before.read_items) == (4, 0)
    assert (after.buffered_items, after.read_items, after.ended) == (0, 4, True)


async def test_stops_the_writer_when_closed() -> None:
    """Closing a stream lets its items go, and may be done twice."""
    channel = Channel()
    stream: Stream[int] = Stream(channel)
    channel.put(1)
    iterator: AsyncIterator[int] = aiter(stream)
    assert await anext(iterator) == 1
    await stream.aclose()
    await stream.aclose()
    assert channel.reader_left


async def test_names_itself_in_its_repr() -> None:
    """A stream that is printed says which it is."""
    assert repr(given()) == "<Stream step 'count' port 'words'>"


class TestFilledBatches:
    """Lists of a size that the reader asks for."""

    @pytest.mark.parametrize(("items", "size", "sizes"), [(0, 3, []), (2, 3, [2]), (6, 3, [3, 3]), (7, 3, [3, 3, 1])])
    async def test_gives_lists_of_the_size(self, items: int, size: int, sizes: list[int]) -> None:
        """All lists are full, but for the last one."""
        stream = given(items)
        batches = [batch async for batch in stream.batches(size)]
        assert [len(batch) for batch in batches] == sizes
        assert [item for batch in batches for item in batch] == list(range(items))
        assert await stream.footer() is None

    async def test_gives_what_is_there_before_a_break(self) -> None:
        """A list that will never be full comes before the error."""
        batches: list[list[int]] = []
        with pytest.raises(StreamBrokenError):
            async for batch in broken(4).batches(3):
                batches.append(batch)  # noqa: PERF401 - what came before the error counts
        assert batches == [[0, 1, 2], [3]]

    async def test_waits_no_longer_than_it_may_when_a_list_is_not_full(self) -> None:
        """With nothing more to come for now, the list comes short, and the next one starts anew."""
        channel = Channel()
        stream: Stream[int] = Stream(channel)
        batches = stream.batches(3, linger_s=0.001)
        channel.put(1)
        assert await anext(batches) == [1]
        await channel.write([2, 3, 4, 5])
        assert [await anext(batches), await anext(batches)] == [[2, 3, 4], [5]]
        channel.finish()
        assert [batch async for batch in batches] == []

    async def test_lets_no_item_wait_longer_than_it_may_when_its_reader_is_slow(self, virtual_clock: Any) -> None:
        """The time of an item runs from its arrival, not from the list before it."""
        channel = Channel()
        stream: Stream[int] = Stream(channel)
        batches = stream.batches(2, linger_s=10)
        await channel.write([1, 2, 3])
        assert await anext(batches) == [1, 2]
        await anyio.sleep(60)  # the reader is busy, by a clock that jumps
        before_s = virtual_clock.elapsed_s
        assert await anext(batches) == [3]
        assert virtual_clock.elapsed_s == before_s

    async def test_can_be_left_at_any_list(self) -> None:
        """A reader that has enough leaves no generator behind, also of the output of an execution."""
        pipeline = Pipeline("pass", steps={"same": same})
        async with Runner().start(pipeline, range(1_000)) as execution:
            async for batch in execution.output.batches(7):
                assert batch == list(range(7))
                break
            execution.cancel()


@pytest.mark.parametrize("wait", ["scope", "native"])
@pytest.mark.parametrize("by", ["items", "batches", "lists"])
async def test_loses_nothing_when_a_wait_for_an_item_is_cancelled(
    by: str, wait: str, anyio_backend: tuple[str, dict[str, Any]]
) -> None:
    """A step may give up a wait to do something else, and come back: the iterator goes on where it was."""
    if wait == "native" and anyio_backend[0] == "trio":
        pytest.skip("asyncio only")
    channel = Channel()
    stream = Stream[int](channel)
    items = {"items": lambda: aiter(stream), "batches": stream.batches, "lists": lambda: stream.batches(1)}[by]()
    seen: list[Any] = []
    for number in range(5):
        if wait == "native":
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(items), 0.001)
        else:
            with anyio.move_on_after(0.001) as scope:
                seen.append(await anext(items))
            assert scope.cancelled_caught
        channel.put(number)
        seen.append(await anext(items))
    channel.finish()
    with pytest.raises(StopAsyncIteration):
        await anext(items)
    assert seen == (list(range(5)) if by == "items" else [[number] for number in range(5)])


async def test_raises_the_break_again_when_the_reader_goes_on() -> None:
    """A reader that handles the break and reads on must not take the stream for ended."""
    items = aiter(broken(2))
    assert [await anext(items), await anext(items)] == [0, 1]
    for _ in range(2):
        with pytest.raises(StreamBrokenError):
            await anext(items)


async def test_refuses_a_second_reader_after_a_loop() -> None:
    """A loop over the stream keeps its iterator to itself, so nothing can go on after it."""
    stream = given()
    async for _ in stream:
        break
    with pytest.raises(StreamConsumedError):
        aiter(stream)
    await stream.aclose()
