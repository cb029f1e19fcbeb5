"""A connection may be cut at any byte: no event and no item is missing, none comes twice, and no end is made up."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterator

import anyio
import pytest

from headwater import Pipeline, Stream, run_sync, step
from headwater_client import Backoff, Client, ServerUnreachableError
from tests.client.cutting import cutting

EARLY = 4  # connections that are cut soon, so that there are more of them

AT_ONCE = Backoff(first_s=0.001, most_s=0.004, give_up_s=20)


@step("client.cuts_square")
def square(number: int) -> int:
    """Square a number."""
    return number * number


@step("client.cuts_spread")
def spread(number: int) -> Iterator[int]:
    """Count up to a number."""
    yield from range(number)


@step("client.cuts_sum")
async def total(numbers: Stream[int]) -> int:
    """Add all numbers."""
    return sum(await numbers.collect())


SQUARES = Pipeline("squares", steps={"square": square})
CHAIN = Pipeline("chain", steps={"spread": spread, "square": square, "total": total})
SPREAD = Pipeline("spread", steps={"spread": spread, "square": square})


@pytest.fixture(scope="module")
def url(serve: Callable[..., str]) -> str:
    """A server with the pipelines of this module."""
    return serve([SQUARES, CHAIN, SPREAD])


async def test_events_equal_the_log_when_the_client_is_cut_at_each_event_in_turn(url: str) -> None:
    """A cut after any event, and in the middle of it, costs none and repeats none."""
    async with Client(url) as client, client.start("chain", 3) as execution:
        await execution.result()
        whole = [event.to_json() async for event in execution.events()]
    for seq in range(1, len(whole) + 1):
        for offset in (-30, 0):
            marker = b"id: %d\n" % seq

            def cut(number: int, way: str, seen: bytes, marker: bytes = marker, offset: int = offset) -> int | None:
                place = seen.find(b"\n\n", seen.find(marker)) if marker in seen and number == 1 else -1
                return place + 2 + offset if way == "down" and place >= 0 else None

            with cutting(url, cut) as (cut_url, _):
                async with (
                    Client(cut_url, backoff=AT_ONCE) as client,
                    client.execution(execution.execution_id) as copy,
                ):
                    assert [event.to_json() async for event in copy.events()] == whole


def limits(seed: int, least: int, most: int) -> Callable[[int, str, bytes], int | None]:
    """Cut each connection after a random number of bytes, in a random direction."""
    source = random.Random(seed)
    places: dict[tuple[int, str], int] = {}

    def cut(number: int, way: str, _seen: bytes) -> int:
        longest = least + 1000 if number < EARLY else most
        return places.setdefault((number, way), source.randint(least, longest))

    return cut


@pytest.mark.parametrize("seed", range(4))
async def test_whole_execution_is_right_when_every_connection_is_cut_at_a_random_byte(url: str, seed: int) -> None:
    """Start, input, output, events and end go through connections that break again and again."""
    numbers = list(range(500))
    seen: list[int] = []
    async with Client(url) as client:
        before = {form["id"] async for form in client.executions()}
    with cutting(url, limits(seed, 200, 6000)) as (cut_url, proxy):
        async with (
            Client(cut_url, backoff=AT_ONCE) as client,
            client.start(
                "squares", iter(numbers), item=int, subscribers=[lambda event: seen.append(event.seq)]
            ) as execution,
        ):
            items = [item async for item in execution.output]
            result = await execution.result()
        assert proxy.connections > EARLY
    assert items == [number * number for number in numbers]
    assert result.status == "completed"
    assert seen == list(range(1, len(seen) + 1))
    async with Client(url) as client:
        started = {form["id"] async for form in client.executions()} - before
    assert started == {execution.execution_id}  # whatever was repeated


@pytest.mark.parametrize("seed", range(4))
async def test_items_equal_those_of_a_local_run_when_the_output_is_cut(url: str, seed: int) -> None:
    """An output goes on at the item after the last that arrived."""
    with cutting(url, limits(seed, 600, 3000)) as (cut_url, _):
        async with Client(cut_url, backoff=AT_ONCE) as client:
            result = await client.run("spread", 3000)
    assert result.output == run_sync(SPREAD, 3000).output


async def test_server_that_cannot_be_reached_is_an_error_after_a_while() -> None:
    """A client gives up when its time is over."""
    async with Client("http://127.0.0.1:9", backoff=Backoff(first_s=0.001, most_s=0.001, give_up_s=0.02)) as client:
        with pytest.raises(ServerUnreachableError, match=r"http://127\.0\.0\.1:9 cannot be reached"):
            await client.pipelines()


async def test_cut_without_an_end_is_never_complete(url: str) -> None:
    """Where the server is gone in the middle of an output, the program gets an error after the items it has."""
    short = Backoff(first_s=0.001, most_s=0.002, give_up_s=0.05)
    blocked = False

    def cut(_number: int, way: str, seen: bytes) -> int | None:
        if blocked:
            return 0
        return None

    async def numbers() -> AsyncIterator[int]:
        yield 1
        await anyio.sleep_forever()

    with cutting(url, cut) as (cut_url, proxy):
        async with Client(cut_url, backoff=short) as client:
            with pytest.raises(ServerUnreachableError):
                async with client.start("squares", numbers()) as execution:
                    async for _ in execution.output.batches():
                        blocked = True
                        proxy.stop()
