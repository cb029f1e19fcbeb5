"""A remote execution has the surface of a local one, and gives the same."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from headwater import (
    ConfigError,
    Execution,
    ExecutionCancelled,
    Footer,
    Header,
    HeadwaterError,
    Pipeline,
    Runner,
    StepError,
    Stream,
    StreamType,
    StreamWriter,
    run_sync,
    step,
)
from headwater.wire import StreamReader
from headwater_client import Client, RemoteExecution, RequestRefusedError, UnknownExecutionError
from headwater_client import run_sync as run_on_server


@dataclass
class Head:
    """The header of a stream."""

    title: str


@dataclass
class Foot:
    """The footer of a stream."""

    count: int


@step("client.surface_square")
def square(number: int) -> int:
    """Square a number."""
    return number * number


@step("client.surface_sum")
async def total(numbers: Stream[int]) -> int:
    """Add all numbers."""
    return sum(await numbers.collect())


@step("client.surface_upto")
def upto(number: int) -> Iterator[int]:
    """Count up to a number."""
    yield from range(number)


@step("client.surface_framed")
async def framed(numbers: Stream[int, Head, Foot]) -> AsyncIterator[int | Header[Head] | Footer[Foot]]:
    """Pass numbers through, with their header and footer."""
    yield Header(await numbers.header())
    async for number in numbers:
        yield number
    yield Footer(await numbers.footer())


@step("client.surface_invert")
def invert(number: int) -> float:
    """Invert a number."""
    return 1 / number


PIPELINES = {
    name: Pipeline(name, steps={name: given})
    for name, given in {"square": square, "total": total, "upto": upto, "framed": framed, "invert": invert}.items()
}
PIPELINES["both"] = Pipeline(
    "both", steps={"start": upto, "square": square, "invert": total}, edges=["start -> square", "start -> invert"]
)


@pytest.fixture(scope="module")
def url(serve: Callable[..., str]) -> str:
    """A server with the pipelines of this module."""
    return serve(list(PIPELINES.values()))


FLAVORS = {
    "value to value": ("square", lambda: 3),
    "list to stream": ("square", lambda: [1, 2, 3]),
    "iterator to stream": ("square", lambda: iter([1, 2, 3])),
    "stream to value": ("total", lambda: iter(range(100))),
    "value to stream": ("upto", lambda: 5),
    "value to several": ("both", lambda: 4),
    "empty stream": ("square", lambda: iter([])),
}


@pytest.mark.parametrize("flavor", FLAVORS)
async def test_result_equals_the_local_one_in_each_flavor(url: str, flavor: str) -> None:
    """Whatever goes in and comes out, the outcome is that of the same pipeline here."""
    name, data = FLAVORS[flavor]
    local = await Runner().run(PIPELINES[name], data())
    async with Client(url) as client:
        remote = await client.run(name, data())
    assert (remote.status, remote.output) == (local.status, local.output)
    assert remote.events is not None
    assert local.events is not None
    assert {event.event_type for event in remote.events.read(after=0)} >= {
        event.event_type for event in local.events.read(after=0)
    }


@pytest.mark.parametrize("is_typed", [True, False])
async def test_header_and_footer_go_both_ways(url: str, is_typed: bool) -> None:
    """The frames of a typed stream reach the pipeline, and those of its output come back."""
    writer = StreamWriter(int, Head, Foot)
    body = (
        writer.write_header(Head("a")) + writer.write_items([1, 2]) + writer.write_footer(Foot(2)) + writer.write_end()
    )

    async def chunks() -> AsyncIterator[bytes]:
        yield body

    data = StreamReader(chunks(), int, Head, Foot)
    item: Any = StreamType(int, Head, Foot) if is_typed else int
    async with Client(url) as client, client.start("framed", data, item=item) as execution:
        output = execution.output
        header, items, footer = await output.header(), await output.collect(), await output.footer()
    assert items == [1, 2]
    assert (header, footer) == ((Head("a"), Foot(2)) if is_typed else ({"title": "a"}, {"count": 2}))


async def test_result_has_header_and_footer_when_the_output_is_not_read(url: str) -> None:
    """The frames of an output that is collected are in the result."""
    writer = StreamWriter(int, Head, Foot)
    body = writer.write_header(Head("a")) + writer.write_footer(Foot(0)) + writer.write_end()

    async def chunks() -> AsyncIterator[bytes]:
        yield body

    async with Client(url) as client:
        result = await client.run("framed", StreamReader(chunks(), int, Head, Foot))
    assert (result.output, result.header, result.footer) == ([], {"title": "a"}, {"count": 0})


async def test_failure_is_the_error_of_the_engine(url: str) -> None:
    """A failed step is a StepError with the chain of causes, and the result has what came before."""
    async with Client(url) as client:
        with pytest.raises(StepError) as failed:
            await client.run("invert", [2, 0])
    assert str(failed.value) == "step 'invert' failed: ZeroDivisionError: division by zero"
    assert isinstance(failed.value.__cause__, ZeroDivisionError)
    assert failed.value.result.output == [0.5]


async def test_output_raises_the_error_after_its_items(url: str) -> None:
    """A program that reads an output gets its items, and then what the execution failed with."""
    items: list[float] = []
    async with Client(url) as client, client.start("invert", iter([2, 4, 0]), item=float) as execution:
        with pytest.raises(StepError):
            async for batch in execution.output.batches():
                items += batch
    assert items == [0.5, 0.25]
    assert execution.status == "failed"


async def test_leaving_the_block_raises_a_failure_that_was_missed(url: str) -> None:
    """An error that no one has seen is raised at the end of the block."""
    async with Client(url) as client:
        with pytest.raises(StepError):
            async with client.start("invert", 0) as execution:
                _ = [event async for event in execution.events()]


async def test_error_of_the_input_breaks_the_execution(url: str) -> None:
    """What the data of the program raises is the cause of the failure."""

    def numbers() -> Iterator[int]:
        yield 1
        raise LookupError("no more numbers")

    async with Client(url) as client:
        with pytest.raises(StepError) as failed:
            await client.run("square", numbers())
    assert isinstance(failed.value.__cause__, LookupError)
    assert failed.value.step_id == "input"


async def test_events_are_those_of_the_server(url: str) -> None:
    """Views and subscribers get every event, numbered from 1 without gaps, up to the terminal one."""
    seen: list[int] = []
    async with Client(url) as client:
        async with client.start("square", [1, 2], subscribers=[lambda event: seen.append(event.seq)]) as execution:
            events = [event async for event in execution.events()]
            chosen = [event.event_type async for event in execution.events(types={"step_complete"})]
        assert [event.seq for event in events] == seen == list(range(1, len(events) + 1))
        assert chosen == ["step_complete"]
        assert events[-1].event_type == "pipeline_complete"
        assert {event.execution_id for event in events} == {execution.execution_id}


async def test_leaving_the_block_cancels_what_runs(url: str) -> None:
    """An execution that has not ended is cancelled, and its subscribers get the terminal event."""
    types: list[str] = []
    async with Client(url) as client:
        async with client.start(
            "square", iter(int, 1), subscribers=[lambda event: types.append(event.event_type)]
        ) as execution:
            async for _ in execution.output:
                break
        assert execution.status == "cancelled"
        assert types[-1] == "pipeline_cancelled"
        (form, *_) = [form async for form in client.executions(state="cancelled")]
        assert form["id"] == execution.execution_id


async def test_cancel_ends_the_execution_with_its_reason(url: str) -> None:
    """A cancelled execution is reported as such, with the reason in its last event."""
    async with Client(url) as client, client.start("square", iter(int, 1)) as execution:
        async for _ in execution.output:
            break
        execution.cancel("enough")
        with pytest.raises(ExecutionCancelled):
            await execution.result()
        assert (await execution.result(check=False)).status == "cancelled"
        last = [event async for event in execution.events(types={"pipeline_cancelled"})]
    assert last[0].data.reason == "enough"


async def test_attached_execution_goes_on_when_its_block_is_left(url: str) -> None:
    """An execution that was started elsewhere is watched, and not cancelled."""
    async with Client(url) as client, client.start("square", iter([1, 2])) as execution:
        async with client.execution(execution.execution_id) as watched:
            async for _ in watched.events():
                break
        result = await execution.result()
        async with client.execution(execution.execution_id) as again:
            assert (await again.result()).output == result.output == [1, 4]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda client: client.run("nothing"), RequestRefusedError),
        (lambda client: client.run("square"), ConfigError),
        (lambda client: client.run("square", 1, {"limit": 3}), HeadwaterError),
        (lambda client: client.pipeline("nothing"), RequestRefusedError),
    ],
    ids=["no such pipeline", "no input", "no such parameter", "no such pipeline to describe"],
)
async def test_refusal_is_an_error_with_its_reason(
    url: str, call: Callable[[Client], Any], error: type[Exception]
) -> None:
    """What the server refuses is an error before anything runs."""
    async with Client(url) as client:
        with pytest.raises(error):
            await call(client)


async def test_unknown_execution_is_an_error(url: str) -> None:
    """An execution that the server does not know is a clear error."""
    async with Client(url) as client:
        with pytest.raises(UnknownExecutionError, match="does not know the execution nothing"):
            async with client.execution("nothing"):
                pass


async def test_surface_needs_the_block(url: str) -> None:
    """Before the block is entered, whatever needs the execution says so."""
    async with Client(url) as client:
        execution = client.start("square", 1)
        for call in (lambda: execution.outputs, execution.events, lambda: execution.execution_id):
            with pytest.raises(RuntimeError, match="not started"):
                call()


async def test_pipelines_are_listed_and_described(url: str) -> None:
    """The client lists pipelines, and describes one with the schemas of its data."""
    async with Client(url) as client:
        names = [pipeline["name"] for pipeline in await client.pipelines()]
        described = await client.pipeline("square")
    assert names == sorted(PIPELINES)
    assert described["inputs"]["square"]["item"] == {"type": "integer"}


def test_script_runs_a_pipeline(url: str) -> None:
    """A script runs a pipeline on a server as it would here."""
    assert run_on_server(url, "square", [2, 3]).output == run_sync(PIPELINES["square"], [2, 3]).output


def test_surface_has_every_name_of_a_local_execution() -> None:
    """Whatever a program calls on a local execution exists on a remote one; only the plan stays on the server."""
    local = {name for name in dir(Execution) if not name.startswith("_")} | {"execution_id"}
    assert local - set(dir(RemoteExecution)) == {"plan"}
