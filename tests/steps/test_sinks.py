"""Files that are written whole or not at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from anyio import Event
from anyio.to_thread import run_sync as run_in_thread
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr, model_serializer

from headwater import Footer, Header, Pipeline, Runner, StepError, run_sync, step
from headwater_steps.files import FileSummary
from headwater_steps.sinks import jsonl


class Model(BaseModel):
    at: datetime
    secret: SecretStr = SecretStr("canary")


@dataclass
class Point:
    x: int
    y: float


class Signal(BaseModel):
    """An item that tells when it is written."""

    number: int

    @model_serializer
    def reported(self) -> dict[str, int]:
        WRITING.set()
        return {"number": self.number}


WRITING = threading.Event()


@step("test_sinks.one_and_wait")
async def one_and_wait() -> AsyncIterator[Signal]:
    """Write one item, and then never another."""
    yield Signal(number=1)
    await Event().wait()


@step("test_sinks.three_and_fail")
async def three_and_fail() -> AsyncIterator[int]:
    """Write three items, and fail."""
    for number in range(3):
        yield number
    raise OSError("the source is gone")


@step("test_sinks.framed")
def framed() -> Iterator[int | Header[str] | Footer[str]]:
    """Write one item between a header and a footer."""
    yield Header("begin")
    yield 1
    yield Footer("end")


def sink(path: Path, **params: Any) -> Pipeline:
    """Return a pipeline that writes what it is given."""
    return Pipeline("write", steps={"sink": jsonl.with_params(path=path, **params)})


def names(folder: Path) -> list[str]:
    """Return the names of everything in a folder."""
    return sorted(path.name for path in folder.iterdir())


async def test_jsonl_writes_one_line_for_each_item(tmp_path: Path) -> None:
    """Items of every kind become a line of JSON each, on every event loop, and the summary says how much it was."""
    path = tmp_path / "out.jsonl"
    at = datetime(2026, 3, 14, 8, 0, tzinfo=UTC)
    items = [
        *({"a": [1, None, "ä\n"]}, "NaN", 3, None, Model(at=at), Point(1, 2.5)),
        *(at, date(2026, 3, 14), {7}, Decimal("1.50"), UUID(int=1), Path("a/b")),
    ]
    result = await sink(path, overwrite=True).run(iter(items))
    assert path.read_text("utf-8").splitlines() == [
        '{"a":[1,null,"ä\\n"]}',
        '"NaN"',
        "3",
        "null",
        '{"at":"2026-03-14T08:00:00Z","secret":"**********"}',
        '{"x":1,"y":2.5}',
        '"2026-03-14T08:00:00Z"',
        '"2026-03-14"',
        "[7]",
        '"1.50"',
        '"00000000-0000-0000-0000-000000000001"',
        '"a/b"',
    ]
    assert result.output == FileSummary(path=str(path), items=12, size_bytes=path.stat().st_size)
    assert names(tmp_path) == ["out.jsonl"]


@given(
    st.lists(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5), max_size=5)
)
def test_jsonl_is_read_back_by_another_library(tmp_path_factory: pytest.TempPathFactory, items: list[Any]) -> None:
    """What is written is what any reader of JSON lines reads."""
    path = tmp_path_factory.getbasetemp() / "back.jsonl"
    try:
        jsonl(items, path=path, overwrite=True)
    except ValueError:  # a lone surrogate, which UTF-8 has no bytes for
        assert any(0xD800 <= ord(char) < 0xE000 for char in json.dumps(items, ensure_ascii=False))
    else:
        assert [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]] == items


@pytest.mark.parametrize(("data", "text"), [(iter([]), ""), ({"a": 1}, '{"a":1}\n')])
def test_jsonl_takes_one_value_or_an_empty_stream(tmp_path: Path, data: Any, text: str) -> None:
    """A single value is one line, and an empty stream an empty file."""
    run_sync(sink(tmp_path / "out.jsonl"), data)
    assert (tmp_path / "out.jsonl").read_text() == text


def test_jsonl_writes_items_only(tmp_path: Path) -> None:
    """The header and the footer of a stream are no lines of the file."""
    path = tmp_path / "out.jsonl"
    run_sync(Pipeline("write", steps={"framed": framed, "sink": jsonl.with_params(path=path)}))
    assert path.read_text() == "1\n"


# ---- the place of the file


def test_jsonl_refuses_to_overwrite_unless_asked(tmp_path: Path) -> None:
    """A file that is there stays as it is, and the error says what to do."""
    path = tmp_path / "out.jsonl"
    path.write_text("old")
    with pytest.raises(StepError, match="already exists; choose another path, or set overwrite to true"):
        run_sync(sink(path), iter([1]))
    assert path.read_text() == "old"
    assert names(tmp_path) == ["out.jsonl"]


def test_jsonl_refuses_to_overwrite_what_appeared_meanwhile(tmp_path: Path) -> None:
    """A file that comes into being while another is written to its place is not lost."""
    path = tmp_path / "out.jsonl"

    def items() -> Iterator[int]:
        path.write_text("mine")
        yield 1

    with pytest.raises(FileExistsError):
        jsonl(items(), path=path)
    assert path.read_text() == "mine"
    assert names(tmp_path) == ["out.jsonl"]


def test_jsonl_replaces_a_file_when_asked(tmp_path: Path) -> None:
    """The new file has the permissions of the old one; a link to it stays a link."""
    path, link = tmp_path / "out.jsonl", tmp_path / "link"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    assert run_sync(sink(link, overwrite=True), iter([1, 2])).output.items == 2
    assert path.read_text() == "1\n2\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    assert names(tmp_path) == ["link", "out.jsonl"]


def test_jsonl_leaves_the_old_file_when_it_fails(tmp_path: Path) -> None:
    """A file is replaced by a whole one or not at all."""
    path = tmp_path / "out.jsonl"
    path.write_text("old")
    with pytest.raises(StepError):
        run_sync(sink(path, overwrite=True), iter([1, object()]))
    assert path.read_text() == "old"
    assert names(tmp_path) == ["out.jsonl"]


def test_jsonl_gives_a_new_file_the_usual_permissions(tmp_path: Path) -> None:
    """A new file may be read by whom the user's mask allows it."""
    path = tmp_path / "out.jsonl"
    before = os.umask(0o027)
    try:
        jsonl([1], path=path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("overwrite", [False, True])
def test_jsonl_never_replaces_what_is_no_file(tmp_path: Path, overwrite: bool) -> None:
    """A folder or a device is not taken for a file."""
    for path in (tmp_path, Path("/dev/null")):
        with pytest.raises(StepError, match="already exists and is not a regular file"):
            run_sync(sink(path, overwrite=overwrite), iter([1]))
    assert not names(tmp_path)


def test_jsonl_fails_when_there_is_no_folder(tmp_path: Path) -> None:
    """A missing folder is an error and is not made."""
    with pytest.raises(StepError) as error:
        run_sync(sink(tmp_path / "none" / "out.jsonl"), iter([1]))
    assert isinstance(error.value.__cause__, FileNotFoundError)
    assert not names(tmp_path)


# ---- nothing half-written


@pytest.mark.parametrize(
    "item", [float("nan"), [float("inf")], {"a": -float("inf")}, object(), b"\xff", "\ud800", {"a": lambda: None}]
)
def test_jsonl_names_the_item_that_is_no_json(tmp_path: Path, item: Any) -> None:
    """What JSON cannot express is an error with the item's number, never another value; no file is left."""
    with pytest.raises(StepError, match="item 3 cannot be written as JSON: "):
        run_sync(sink(tmp_path / "out.jsonl"), iter([1, 2, item]))
    assert not names(tmp_path)


async def test_jsonl_leaves_nothing_when_the_stream_breaks(tmp_path: Path) -> None:
    """A cut stream is no file: the error names the step that failed, and the folder is empty."""
    pipeline = Pipeline(
        "write", steps={"numbers": three_and_fail, "sink": jsonl.with_params(path=tmp_path / "out.jsonl")}
    )
    with pytest.raises(StepError) as error:
        await pipeline.run()
    assert error.value.step_id == "numbers"
    assert not names(tmp_path)


async def test_jsonl_leaves_nothing_when_cancelled(tmp_path: Path) -> None:
    """Cancelling in the middle removes what was begun, before the execution is left."""
    path = tmp_path / "out.jsonl"
    WRITING.clear()
    steps = {"items": one_and_wait, "sink": jsonl.with_params(path=path)}
    pipeline = Pipeline("write", steps=steps, streaming={"emit_items": "none"})  # only the sink writes the item
    async with Runner().start(pipeline) as execution:
        await run_in_thread(WRITING.wait)
        assert [name.endswith(".part") for name in names(tmp_path)] == [True]
        execution.cancel()
    assert not names(tmp_path)


INTERRUPTED = """
import sys
from anyio import Event
from headwater import Pipeline, run_sync, step
from headwater_steps.sinks import jsonl
from pydantic import BaseModel, model_serializer

class Told(BaseModel):
    @model_serializer
    def told(self) -> int:
        print("writing", flush=True)
        return 1

@step("test.wait")
async def items() -> __import__("typing").AsyncIterator[Told]:
    yield Told()
    await Event().wait()

try:
    steps = {"items": items, "sink": jsonl.with_params(path=sys.argv[1])}
    run_sync(Pipeline("write", steps=steps, streaming={"emit_items": "none"}))
except KeyboardInterrupt:
    print("interrupted")
"""


def test_jsonl_leaves_nothing_when_interrupted(tmp_path: Path) -> None:
    """Ctrl-C in the middle removes what was begun."""
    script, folder = tmp_path / "script.py", tmp_path / "out"
    script.write_text(INTERRUPTED)
    folder.mkdir()
    with subprocess.Popen([sys.executable, script, folder / "out.jsonl"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        assert len(names(folder)) == 1
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == "interrupted\n"
    assert not names(folder)


FULL = """
import resource, sys
from headwater import Pipeline, StepError, run_sync
from headwater_steps.sinks import jsonl

resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    run_sync(Pipeline("write", steps={"sink": jsonl.with_params(path=sys.argv[1])}), iter(range(1_000_000)))
except StepError as error:
    print(type(error.__cause__).__name__)
"""


def test_jsonl_leaves_nothing_when_the_disk_is_full(tmp_path: Path) -> None:
    """A file that cannot grow any further is an error of the step, and is removed."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, tmp_path / "out.jsonl"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "OSError\n"
    assert not names(tmp_path)
