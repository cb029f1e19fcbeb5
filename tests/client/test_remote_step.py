"""The kind `control.remote`: a pipeline on a server as a step of a pipeline here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import pytest

from headwater import (
    ConfigError,
    Emits,
    ExecutionCancelled,
    Footer,
    Header,
    Pipeline,
    Runner,
    StepError,
    Stream,
    StreamReader,
    StreamWriter,
    step,
)
from headwater_client import Client
from headwater_server import Limits


@step("client.step_square")
def square(number: int) -> int:
    """Square a number."""
    return number * number


@step("client.step_invert")
def invert(number: int) -> float:
    """Invert a number."""
    return 1 / number


@step("client.step_total")
async def total(numbers: Stream[int]) -> int:
    """Add all numbers."""
    return sum(await numbers.collect())


@step("client.step_count")
def count(number: int) -> Iterator[int]:
    """Count up to a number."""
    yield from range(number)


@step("client.step_framed")
async def framed(numbers: Stream[int, str, str]) -> Emits[int, Header[str], Footer[str]]:
    """Pass numbers through, with their header and footer."""
    yield Header(await numbers.header())
    async for number in numbers:
        yield number
    yield Footer(await numbers.footer())


@step("client.step_waiting")
async def waiting(numbers: Stream[int]) -> AsyncIterator[int]:
    """Pass numbers through, and then wait forever."""
    async for number in numbers:
        yield number
    await anyio.sleep_forever()


THERE = {
    name: Pipeline(name, steps={name: given})
    for name, given in {
        "square": square,
        "invert": invert,
        "total": total,
        "count": count,
        "framed": framed,
        "waiting": waiting,
    }.items()
}


@pytest.fixture(scope="module")
def url(serve: Callable[..., str]) -> str:
    """A server with the pipelines of this module."""
    return serve(list(THERE.values()), limits=Limits(kept_items=50, input_items=20))


def here(url: str, pipeline: str, /, **params: Any) -> Pipeline:
    """Return a pipeline whose only step runs one on the server."""
    remote = {"url": url, "hosts": ["127.0.0.1:*"], "pipeline": pipeline, **params}
    document = {"name": "here", "steps": [{"id": "there", "kind": "control.remote", "params": remote}]}
    return Pipeline.load(document, allow={"private-network"})


VALUE = {"streaming": False, "item": "integer"}

FLAVORS: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "value to value": ("square", 3, {"reads": VALUE, "writes": VALUE}),
    "items one by one": ("square", [1, 2, 3], {"reads": VALUE, "writes": VALUE}),
    "stream to stream": ("square", [1, 2, 3], {}),
    "stream to value": ("total", list(range(100)), {"writes": VALUE}),
    "value to stream": ("count", 700, {"reads": VALUE}),
    "empty stream": ("square", [], {}),
}


@pytest.mark.parametrize("flavor", FLAVORS)
async def test_result_equals_the_local_one_in_each_flavor(url: str, flavor: str) -> None:
    """A pipeline elsewhere gives what it would give here."""
    name, data, params = FLAVORS[flavor]
    remote = await here(url, name, **params).run(data)
    assert remote.output == (await THERE[name].run(data)).output


async def test_header_and_footer_go_both_ways(url: str) -> None:
    """The frames of a stream go there and back."""
    writer = StreamWriter(int, str, str)
    body = writer.write_header("first") + writer.write_items([1, 2]) + writer.write_footer("last") + writer.write_end()

    async def chunks() -> AsyncIterator[bytes]:
        yield body

    port = {"item": "integer", "header": True, "footer": True}
    result = await here(url, "framed", reads=port, writes=port).run(StreamReader(chunks(), int, str, str))
    assert (result.header, result.output, result.footer) == ("first", [1, 2], "last")


async def test_failure_there_is_the_failure_of_this_step(url: str) -> None:
    """The error of the step has the chain of causes of the server."""
    with pytest.raises(StepError) as failed:
        await here(url, "invert").run([1, 0])
    assert failed.value.step_id == "there"
    inner = failed.value.__cause__
    assert isinstance(inner, StepError)
    assert inner.step_id == "invert"
    assert isinstance(inner.__cause__, ZeroDivisionError)
    assert failed.value.result.output == [1.0]


async def test_failure_before_the_step_ends_the_execution_there(url: str) -> None:
    """A stream that breaks here breaks there, and nothing goes on."""

    def numbers() -> Iterator[int]:
        yield 1
        raise LookupError("no more")

    with pytest.raises(StepError, match="LookupError: no more"):
        await here(url, "square").run(numbers())
    await nothing_runs(url, "square")


async def nothing_runs(url: str, pipeline: str) -> None:
    """Wait until no execution of a pipeline runs on the server."""
    async with Client(url) as client:
        while [form async for form in client.executions(pipeline=pipeline, state="running")]:
            await anyio.lowlevel.checkpoint()


async def test_cancellation_reaches_the_server(url: str) -> None:
    """An execution that is cancelled here is cancelled there."""
    async with Runner().start(here(url, "waiting"), iter([1, 2])) as execution:
        async for _ in execution.output:
            execution.cancel("enough")
            break
        with pytest.raises(ExecutionCancelled):
            await execution.result()
    await nothing_runs(url, "waiting")


@pytest.mark.parametrize("moment_s", [0.0, 0.01, 0.02, 0.04, 0.08])
async def test_nothing_is_left_when_the_program_is_cancelled_at_any_point(url: str, moment_s: float) -> None:
    """Whenever the program is cancelled, nothing of it goes on, here or there."""
    with anyio.move_on_after(moment_s):
        await here(url, "waiting").run(iter(range(100)))
    await nothing_runs(url, "waiting")


async def test_items_flow_both_ways_at_the_same_time(url: str) -> None:
    """The first result comes before the third item is given."""
    came, order = anyio.Event(), list[str]()

    async def numbers() -> AsyncIterator[int]:
        yield 1
        yield 2
        await came.wait()
        order.append("third")
        yield 3

    async with Runner().start(here(url, "square"), numbers()) as execution:
        async for item in execution.output:
            order.append(str(item))
            came.set()
    assert order.index("1") < order.index("third")
    assert order[-1] == "9"


async def test_reader_that_leaves_stops_the_pipeline_there(url: str) -> None:
    """A step that has enough ends what would go on forever."""
    remote = {"url": url, "hosts": ["127.0.0.1:*"], "pipeline": "waiting"}
    document = {
        "name": "here",
        "steps": [
            {"id": "there", "kind": "control.remote", "params": remote},
            {"id": "first", "kind": "stream.take", "params": {"n": 2}},
        ],
    }
    result = await Pipeline.load(document, allow={"private-network"}).run(iter(range(10)))
    assert result.output == [0, 1]
    await nothing_runs(url, "waiting")


async def test_unknown_pipeline_is_an_error_of_the_step(url: str) -> None:
    """What the server refuses is the error of the step."""
    with pytest.raises(StepError, match="there is no pipeline 'nothing'"):
        await here(url, "nothing").run([1])


async def test_address_of_a_private_network_needs_the_permission(url: str) -> None:
    """Without the operator's permission, no private address is connected to."""
    remote = {"url": url, "hosts": ["*:*"], "pipeline": "square"}
    document = {"name": "here", "steps": [{"id": "there", "kind": "control.remote", "params": remote}]}
    with pytest.raises(StepError, match="a loopback address; a private network needs the operator"):
        await Pipeline.load(document).run([1])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"url": "http://other.example.org"}, "the host other.example.org is not among the allowed ones"),
        ({"url": "ftp://127.0.0.1"}, "is not that of a server"),
        ({"url": "http://me:secret@127.0.0.1:1"}, "must not have a name or password"),
        ({"reads": {"item": "text"}}, "item"),
    ],
)
def test_document_is_refused_when_the_step_cannot_work(url: str, params: dict[str, Any], message: str) -> None:
    """What is wrong with the params is reported when the document is loaded."""
    with pytest.raises(ConfigError, match=message):
        here(url, "square", **params)


async def test_types_are_checked_when_the_document_declares_them(url: str) -> None:
    """A value of another type than declared is an error, not passed on."""
    with pytest.raises(StepError, match="another type than declared"):
        await here(url, "square", writes={"item": "string"}).run([1])
