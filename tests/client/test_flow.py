"""Items flow while the input is sent, nothing runs ahead without bound, and whoever leaves leaves nothing behind."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import pytest

from headwater import ExecutionCancelled, Pipeline, Stream, step
from headwater_client import Client
from headwater_server import Limits


@step("client.flow_square")
async def square(numbers: Stream[int]) -> AsyncIterator[int]:
    """Square numbers one by one."""
    async for number in numbers:
        yield number * number


@step("client.flow_echo")
def echo(text: str) -> str:
    """Return text."""
    return text


@step("client.flow_count")
def count(number: int) -> Iterator[int]:
    """Count up to a number."""
    yield from range(number)


@step("client.flow_long")
def long(number: int) -> Iterator[str]:
    """Yield long strings, each longer than the one before."""
    for length in range(number):
        yield "x" * (20_000 + length)


@step("client.flow_first")
async def first(texts: Stream[str]) -> str:
    """Return the first text, and read no more."""
    async for text in texts:
        return text
    return ""


@step("client.flow_forever")
async def forever(number: int) -> int:
    """Never end."""
    await anyio.sleep_forever()
    return number


PIPELINES = {
    "square": Pipeline("square", steps={"square": square}),
    "echo": Pipeline("echo", steps={"echo": echo}),
    "count": Pipeline("count", steps={"count": count}),
    "first": Pipeline("first", steps={"first": first}),
    "long": Pipeline("long", steps={"long": long}),
    "forever": Pipeline("forever", steps={"forever": forever}),
    "two": Pipeline("two", steps={"count": count, "a": square, "b": square}, edges=["count -> a", "count -> b"]),
}


@pytest.fixture(scope="module")
def url(serve: Callable[..., str]) -> str:
    """A server with the pipelines of this module, which keeps few items."""
    return serve(list(PIPELINES.values()), limits=Limits(kept_items=50, input_items=20))


async def test_first_item_comes_out_before_the_third_is_sent(url: str) -> None:
    """Input and output overlap: the program gets results while it still sends."""
    came, order = anyio.Event(), []

    async def numbers() -> AsyncIterator[int]:
        yield 1
        yield 2
        await came.wait()
        order.append("third")
        yield 3

    async with Client(url) as client, client.start("square", numbers(), item=int) as execution:
        async for item in execution.output:
            order.append(str(item))
            came.set()
    assert order.index("1") < order.index("third")
    assert order[-1] == "9"


async def test_slow_reader_misses_nothing(url: str) -> None:
    """A program that reads slowly gets every item, although the server keeps few."""
    most, lengths = 3_000, list[int]()
    async with Client(url) as client, client.start("long", most, item=str) as execution:
        kept = 0
        while kept < 300:  # as many as the buffers of both sides hold
            (form,) = [form async for form in client.executions(state="running", pipeline="long")]
            kept = form["outputs"]["long"]["items"]
        assert kept < most
        async for batch in execution.output.batches():
            lengths += map(len, batch)
    assert lengths == [20_000 + number for number in range(most)]


async def test_sender_waits_when_the_execution_does_not_read(url: str) -> None:
    """The input is read no further ahead than buffers are long, those of the system included."""
    taken = [0]

    def texts() -> Iterator[str]:
        for _ in range(1_000_000):
            taken[0] += 1
            yield "x" * 20_000

    async with Client(url) as client, client.start("echo", texts()) as execution:
        async for _ in execution.output.batches():
            break
        seen = quiet = 0
        while quiet < 100:  # requests during which nothing has moved
            await client.pipelines()
            quiet = quiet + 1 if taken[0] == seen else 0
            seen = taken[0]
        assert seen < 5_000


async def test_outputs_may_be_read_one_after_the_other(url: str) -> None:
    """An output that is not read at the moment does not hold up the other one."""
    async with Client(url) as client, client.start("two", 3_000, item=int) as execution:
        outputs = execution.outputs
        first = await outputs["a"].collect()
        second = await outputs["b"].collect()
    assert first == second == [number * number for number in range(3_000)]


async def test_events_come_to_their_end_when_no_output_is_read(url: str) -> None:
    """A program that only watches does not hold up the execution."""
    async with Client(url) as client, client.start("count", 3_000) as execution:
        types = [event.event_type async for event in execution.events()]
        result = await execution.result()
    assert types[-1] == "pipeline_complete"
    assert result.output == list(range(3_000))


async def test_cancel_works_in_another_thread(url: str) -> None:
    """A signal handler or a thread stops the execution."""
    async with Client(url) as client, client.start("forever", 1) as execution:
        threading.Thread(target=execution.cancel, args=["from a thread"]).start()
        with pytest.raises(ExecutionCancelled):
            await execution.result()


async def program(client: Client, names: list[str]) -> None:
    """Use an execution in every way."""

    async def numbers() -> AsyncIterator[int]:
        for number in range(40):
            yield number
            await anyio.lowlevel.checkpoint()

    async with client.start("square", numbers()) as execution:
        names.append(execution.execution_id)
        output = execution.output
        async for _ in output.batches():
            break
        async for event in execution.events():
            if event.event_type == "step_output":
                break
        await execution.result()


@pytest.mark.parametrize("moment_s", [0.0, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1])
async def test_nothing_is_left_when_the_program_is_cancelled_at_any_point(url: str, moment_s: float) -> None:
    """Whenever the program is cancelled, its execution ends on the server, and no task is left here."""
    names: list[str] = []
    async with Client(url) as client:
        with anyio.move_on_after(moment_s):
            await program(client, names)
        running = [form async for form in client.executions(pipeline="square", state="running")]
        while running:
            running = [form async for form in client.executions(pipeline="square", state="running")]


async def test_many_executions_leave_no_connection(url: str) -> None:
    """Connections are closed or used again, whatever happened to their executions."""
    async with Client(url) as client:
        for end in ("result", "leave", "cancel") * 5:
            async with client.start("square", iter(range(100))) as execution:
                if end == "result":
                    await execution.result()
                if end == "cancel":
                    execution.cancel()
        pool: Any = client._connection.http._transport
        while len(pool._pool.connections) > 8:  # some are still being closed
            await client.pipelines()


async def test_typed_items_are_checked(url: str) -> None:
    """An item of another type than the program expects is an error of this side, not a wrong value."""
    async with Client(url) as client:
        with pytest.raises(Exception, match="another type than declared"):
            await client.run("square", iter([1, 2]), item=str)


async def test_sender_is_let_go_when_the_execution_reads_no_more(url: str) -> None:
    """A request that waits for room ends with the execution, so nothing is left waiting on the server."""
    async with Client(url) as client:
        async with client.start("first", iter(["x" * 1_000] * 100_000)) as execution:
            result = await execution.result()
        assert result.output == "x" * 1_000
