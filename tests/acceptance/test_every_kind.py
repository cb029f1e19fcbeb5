"""Every kind that ships: one value, many, none, a cancel in the middle, wrong params, wrong items, on every backend."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import entry_points
from pathlib import Path
from typing import IO, Any

import anyio
import psutil
import pytest
from anyio.abc import ByteStream
from anyio.from_thread import start_blocking_portal
from anyio.lowlevel import checkpoint
from pydantic_core import to_json

from headwater import ExecutionCancelled, Footer, Header, Pipeline, Runner, StepError, step
from headwater.testing import EventRecorder, endless_stream
from headwater_server import create_app
from tests.acceptance.sample import KEPT, LONG_ITEMS, NO_DATA, Sample, make_files
from tests.acceptance.samples import ALLOW, SAMPLES, definition_of, document_of, takes_data
from tests.client.conftest import threaded
from tests.steps.http_server import Asked, Server, answer, routes, serving

CANCEL_AT = 20

KINDS = list(SAMPLES)
TAKE_ONE = [kind for kind in KINDS if SAMPLES[kind].one[0] is not NO_DATA]
TAKE_MANY = [kind for kind in KINDS if SAMPLES[kind].many[0] is not NO_DATA]
FILL_THEMSELVES = [kind for kind in KINDS if not callable(SAMPLES[kind].endless)]
STREAM_OUT = [kind for kind in KINDS if kind not in {"source.text", *(name for name in KINDS if "sink." in name)}]


@step("acceptance.framed")
def framed(*, items: list[Any]) -> Iterator[Any | Header[str] | Footer[str]]:
    """Write items between a header and a footer."""
    yield Header(KEPT[0])
    yield from items
    yield Footer(KEPT[1])


# ---- where the kinds are tried


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files to read."""
    folder = tmp_path_factory.mktemp("files")
    make_files(folder)
    os.mkfifo(folder / "pipe")
    return folder


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An empty folder to write to."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def standard_input() -> Iterator[IO[bytes]]:
    """The end to write to of a pipe that stands for standard input, with a line in it."""
    before = os.dup(0)
    reading, writing = os.pipe()
    os.dup2(reading, 0)
    os.close(reading)
    with os.fdopen(writing, "wb", buffering=0) as file:
        file.write(b"from a pipe\n")
        yield file
    os.dup2(before, 0)
    os.close(before)


class World:
    """Where a kind is tried.

    Args:
        kind: The kind.
        parameters: What documents may refer to.
    """

    def __init__(self, kind: str, parameters: dict[str, str]) -> None:
        self.kind = kind
        self.sample: Sample = SAMPLES[kind]
        self.parameters = parameters

    def pipeline(
        self, params: dict[str, Any] | None = None, *, before: list[Any] | None = None, after: str = ""
    ) -> Pipeline:
        """Return the kind as a document has it."""
        document = document_of(self.kind, params, before=before, after=after)
        return Pipeline.load(document, self.parameters, allow=ALLOW)

    def filled(self, data: Any) -> Any:
        """Return data with the places that it refers to."""
        if data is NO_DATA:
            return None
        if callable(data):
            return lambda number: self.filled(data(number))
        if isinstance(data, str):
            for name, content in self.parameters.items():
                data = data.replace(f"${{parameters.{name}}}", content)
        elif isinstance(data, list):
            return [self.filled(part) for part in data]
        elif isinstance(data, dict):
            return {key: self.filled(part) for key, part in data.items()}
        return data

    def plain(self, output: Any) -> Any:
        """Return what is compared of an output, as plain data."""
        return self.sample.look(json.loads(to_json(output)))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server in an event loop of its own, whose tasks are not those of the pipelines."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(serving(_answering)) as server:
        yield server


@step("acceptance.shout")
def shout(text: str) -> str:
    """Return text in capitals."""
    return text.upper()


@pytest.fixture(scope="module")
def remote() -> Iterator[str]:
    """A server with a pipeline."""
    with threaded(create_app(Pipeline("shout", steps={"shout": shout}), drain_s=0.1)) as url:
        yield url


@pytest.fixture(scope="module")
def urls(server: Server, remote: str) -> dict[str, str]:
    """The addresses of the servers."""
    return {"url": server.url, "remote": remote}


@pytest.fixture
def world(kind: str, standard_input: IO[bytes], urls: dict[str, str], files: Path, out: Path) -> World:
    """Where a kind is tried."""
    return World(kind, {"files": str(files), "out": str(out), **urls})


async def _answering(asked: Asked, stream: ByteStream) -> None:
    """Answer a request, one of them without an end."""
    pages = {"/salt": answer("salt", content_type="text/plain"), "/lines": answer("a rose\nis a rose\n")}
    if asked.target != "/endless":
        await routes(pages | {"/bad": answer(b"a\n\xff\n")})(asked, stream)
        return
    await stream.send(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        await stream.send(b"line\n" * 1_000)


# ---- what is left behind


def traces() -> dict[str, Any]:
    """Return what a pipeline could leave behind, as far as a process can tell."""
    return {
        "threads": [thread.name for thread in threading.enumerate() if thread.name.startswith("headwater")],
        "handles": _handles(),
        "processes": [child.pid for child in psutil.Process().children(recursive=True)],
        "tasks": len(anyio.get_running_tasks()),
    }


def traces_since(before: dict[str, Any]) -> dict[str, Any]:
    """Return what is there now; a handle less than before is one that an earlier test had left to the collector."""
    now = traces()
    return now | {"handles": max(now["handles"], before["handles"])}


def _handles() -> int:
    """Return how many files, sockets and pipes are open; an event loop may keep a handle of the null device."""
    kinds: list[int] = []
    for handle in Path("/dev/fd").iterdir():
        with suppress(OSError):  # that of the listing itself
            kinds.append(os.fstat(int(handle.name)).st_rdev)
    return len(kinds) - kinds.count(Path(os.devnull).stat().st_rdev)


def _targets() -> list[str]:
    """Return what the open handles lead to, to find one that is left."""
    targets: list[str] = []
    for handle in Path("/dev/fd").iterdir():
        with suppress(OSError):
            targets.append(str(handle.readlink()))
    return sorted(targets)


@asynccontextmanager
async def leaving_nothing(*folders: Path) -> AsyncGenerator[None]:
    """Check that nothing is left: no thread, handle, process or task, and nothing in some folders."""
    before = traces()
    yield
    with anyio.move_on_after(60):  # the server has to see first that a connection is closed
        while traces_since(before) != before:
            await checkpoint()
    assert traces_since(before) == before, _targets()
    assert [path for folder in folders for path in folder.iterdir()] == []


# ---- the tests


def test_every_kind_has_a_sample() -> None:
    """A kind that ships is tried here, and nothing else is."""
    shipped = [
        entry.name for entry in entry_points(group="headwater.steps") if entry.dist and entry.dist.name == "headwater"
    ]
    assert sorted(SAMPLES) == sorted(shipped)


@pytest.mark.parametrize("kind", TAKE_ONE)
async def test_takes_one_value(world: World) -> None:
    """A single value is taken as it is, or as a stream of one item."""
    given, made = world.sample.one
    async with leaving_nothing():
        result = await world.pipeline().run(world.filled(given))
    assert world.plain(result.output) == world.filled(made)


@pytest.mark.parametrize("kind", TAKE_MANY)
async def test_takes_many_values(world: World) -> None:
    """A stream is read as a whole, or item by item."""
    given, made = world.sample.many
    async with leaving_nothing():
        result = await world.pipeline().run(iter(world.filled(given)))
    assert world.plain(result.output) == world.filled(made)


@pytest.mark.parametrize("kind", [*TAKE_MANY, *(kind for kind in KINDS if not takes_data(kind))])
async def test_takes_no_values(world: World, standard_input: IO[bytes]) -> None:
    """No items are no mistake; a source without an input gives what it has."""
    standard_input.close()
    async with leaving_nothing():
        result = await world.pipeline().run(iter([]) if takes_data(world.kind) else None)
    assert world.plain(result.output) == world.filled(world.sample.empty)


@pytest.mark.parametrize("kind", TAKE_MANY)
async def test_header_and_footer_go_around_what_is_mapped(world: World) -> None:
    """A step of single values leaves them around the items; one of whole streams starts a stream of its own."""
    given, made = world.sample.many
    result = await world.pipeline(before=given).run()
    assert world.plain(result.output) == world.filled(made)
    header, footer = (json.loads(to_json(frame)) for frame in (result.header, result.footer))
    expected_header, expected_footer = world.sample.frames
    assert header == expected_header
    assert footer == expected_footer or expected_footer.items() <= footer.items()


@pytest.mark.parametrize("kind", TAKE_MANY)
async def test_is_cancelled_in_the_middle(world: World, out: Path, temporary: Path) -> None:
    """A cancel in the middle of a stream without an end closes it, and nothing is left of the execution."""

    def cancel_in_time(number: int) -> Any:
        if number == CANCEL_AT:
            execution.cancel()
        return make(number)

    make = world.filled(world.sample.endless)
    items = endless_stream(cancel_in_time)
    async with leaving_nothing(out, temporary):
        async with Runner().start(world.pipeline(world.sample.lasting), items) as execution:
            with pytest.raises(ExecutionCancelled):
                await execution.result()
        assert items.closed
        assert items.given < LONG_ITEMS


@pytest.mark.parametrize("kind", FILL_THEMSELVES)
async def test_is_cancelled_while_it_writes(world: World, out: Path, temporary: Path) -> None:
    """A cancel while a step reads or waits for what has no end ends it, and nothing is left of the execution."""
    pipeline, data = endless_source(world)
    async with leaving_nothing(out, temporary), Runner().start(pipeline, data) as execution:
        if world.kind in STREAM_OUT:
            await anext(aiter(execution.output))
        else:
            await anext(aiter(execution.events(types={"step_start"})))
        execution.cancel()
        with pytest.raises(ExecutionCancelled):
            await execution.result()


def endless_source(world: World, *, after: str = "") -> tuple[Pipeline, Any]:
    """Return a pipeline with a kind that goes on for long by itself, and its data."""
    endless = world.sample.endless
    if isinstance(endless, dict):
        return world.pipeline(endless, after=after), None
    return world.pipeline(after=after), world.filled(endless)


@pytest.mark.parametrize("kind", [kind for kind in STREAM_OUT if not SAMPLES[kind].waits])
async def test_stops_when_its_reader_leaves(world: World, out: Path, temporary: Path) -> None:
    """A reader that has enough stops the step, which closes what it reads, and the execution is complete."""
    async with leaving_nothing(out, temporary):
        if callable(world.sample.endless):
            items = endless_stream(world.filled(world.sample.endless))
            result = await world.pipeline(after="stream.take").run(items)
            assert items.closed
            assert items.given < LONG_ITEMS
        else:
            pipeline, data = endless_source(world, after="stream.take")
            result = await pipeline.run(data)
    taken = result.output.values() if len(world.sample.ports) > 1 else [result.output]
    assert (result.status, [len(items) for items in taken]) == ("completed", [1] * len(world.sample.ports))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if SAMPLES[kind].bad_data])
async def test_says_what_it_cannot_use(world: World, out: Path, temporary: Path) -> None:
    """What cannot be used fails the step, which is named, with what was found; nothing half-written is left."""
    assert world.sample.bad_data is not None
    given, message = world.sample.bad_data
    params, data = (
        (given, world.sample.many[0]) if isinstance(given, dict) and not takes_data_like(world, given) else ({}, given)
    )
    items = iter(world.filled(data)) if isinstance(data, list) else world.filled(data)
    async with leaving_nothing(out, temporary):
        with pytest.raises(StepError, match=message) as failure:
            await world.pipeline(params).run(items)
    assert failure.value.step_id == "it"


def takes_data_like(world: World, given: dict[str, Any]) -> bool:
    """Whether an object is data of a kind, rather than params."""
    return not given.keys() <= set(definition_of(world.kind).params_model.model_fields)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if SAMPLES[kind].compensated])
async def test_counts_what_it_skips_puts_aside_or_replaces(world: World) -> None:
    """Items that cannot be used as they are count as compensations of the step, also when no progress is told."""
    assert world.sample.compensated is not None
    params, data, count = world.sample.compensated
    recorder = EventRecorder(types={"step_complete"}, steps={"it"})
    items = iter(world.filled(data)) if isinstance(data, list) else world.filled(data)
    await world.pipeline(params).run(items, subscribers=[recorder])
    assert [event.data.compensations for event in recorder.events] == [count]


@pytest.mark.parametrize("kind", [kind for kind in TAKE_MANY if kind != "sink.files"])
async def test_counts_no_compensation_for_what_is_well(world: World) -> None:
    """What a step leaves out because it is asked to, as a filter is, is no compensation."""
    recorder = EventRecorder(types={"step_complete"}, steps={"it"})
    await world.pipeline().run(iter(world.filled(world.sample.many[0])), subscribers=[recorder])
    assert [event.data.compensations for event in recorder.events if event.step_id == "it"] == [0]
