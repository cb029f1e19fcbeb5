"""Steps whose files the program confines: every kind that uses files, in tasks, threads and worker processes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from headwater import Pipeline, Runner, StepError, step
from headwater.toolkit import FileRefusedError, InputPath, OutputPath, confined_to, open_inside, paths_outside
from tests.acceptance.sample import NO_DATA, make_files
from tests.acceptance.samples import ALLOW, SAMPLES, document_of

PLACES = ("${parameters.files}", "${parameters.out}")
USES_FILES = sorted(
    kind
    for kind, sample in SAMPLES.items()
    if any(place in repr((sample.params, sample.one, sample.many)) for place in PLACES)
)


@step("inside.cpu_read", cpu=True)
def cpu_read(path: str) -> str:
    """Read a file in a worker process."""
    with open(path, encoding="utf-8", opener=open_inside) as file:
        return file.read()


@step("inside.thread_read", blocking=True)
def thread_read(path: str) -> str:
    """Read a file in a worker thread."""
    with open(path, encoding="utf-8", opener=open_inside) as file:
        return file.read()


@step("inside.task_read")
async def task_read(path: str) -> str:
    """Read a file in the event loop."""
    with open(path, encoding="utf-8", opener=open_inside) as file:  # noqa: ASYNC230 - a small one
        return file.read()


@step("inside.copied", blocking=True)
def copied(_value: str, *, source: InputPath, target: OutputPath) -> str:
    """Declare a path to read and one to write."""
    return f"{source} {target}"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder of files to read."""
    folder = tmp_path / "files"
    folder.mkdir()
    make_files(folder)
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder to write to."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


_recorders: list[Callable[[str, Any], None]] = []


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    for recorder in _recorders:
        if arguments:
            recorder(event, arguments[0])


sys.addaudithook(_note)


@contextmanager
def touched(*folders: Path) -> Iterator[list[tuple[str, str]]]:
    """Record what is opened, listed or changed in some folders."""
    found: list[tuple[str, str]] = []

    def note(event: str, path: Any) -> None:
        if event.partition(".")[0] in {"open", "os", "shutil"} and isinstance(path, str):
            found.extend((event, path) for folder in folders if path.startswith(str(folder)))

    _recorders.append(note)
    try:
        yield found
    finally:
        _recorders.remove(note)


def sample_of(kind: str, files: Path, out: Path) -> tuple[Pipeline, Any]:
    """Return a pipeline with a kind, and data for it."""
    sample = SAMPLES[kind]
    parameters = {"files": str(files), "out": str(out), "url": "http://127.0.0.1:1", "remote": "http://127.0.0.1:1"}
    data = None if sample.one[0] is NO_DATA else sample.one[0]
    text = json.dumps(data)
    for name, value in parameters.items():
        text = text.replace(f"${{parameters.{name}}}", value)
    return Pipeline.load(document_of(kind), parameters, allow=ALLOW), json.loads(text)


def emptied(folder: Path) -> None:
    """Remove the files of a folder."""
    for path in folder.iterdir():
        path.unlink()


def refusal(error: BaseException) -> FileRefusedError:
    """Return the refusal among the causes of an error."""
    cause: BaseException | None = error
    while not isinstance(cause, FileRefusedError):
        assert cause is not None, error
        cause = cause.__cause__
    return cause


def test_covers_the_kinds_that_use_files() -> None:
    """The samples have one for each family."""
    assert {"source.lines", "source.text", "source.csv", "source.jsonl", "source.files"} <= set(USES_FILES)
    assert {"file.text", "file.lines", "sink.jsonl", "sink.csv", "sink.text", "sink.files"} <= set(USES_FILES)
    assert "text.count_tokens" in USES_FILES


@pytest.mark.parametrize("kind", USES_FILES)
async def test_kind_works_inside_and_is_refused_outside(kind: str, files: Path, out: Path, tmp_path: Path) -> None:
    """Inside of its folders a kind does what it does anywhere; outside of them it fails, and touches no file."""
    pipeline, data = sample_of(kind, files, out)
    free = (await pipeline.run(data)).output
    emptied(out)
    with confined_to([files], writable=[out]):
        assert (await pipeline.run(data)).output == free
    emptied(out)
    other = tmp_path / "other"
    other.mkdir()
    with confined_to([other]), touched(files, out) as found, pytest.raises(StepError) as caught:
        await pipeline.run(data)
    assert refusal(caught.value).path.startswith((str(files), str(out)))
    assert found == []
    assert caught.value.to_json()["causes"][0]["code"] == "file-refused"


@pytest.mark.parametrize("kind", ["sink.jsonl", "sink.files", "sink.text", "sink.csv"])
async def test_sink_is_refused_where_steps_may_only_read(kind: str, files: Path, out: Path) -> None:
    """A folder for reading is not for writing."""
    pipeline, data = sample_of(kind, files, out)
    with confined_to([files, out], writable=[]), touched(out) as found, pytest.raises(StepError) as caught:
        await pipeline.run(data)
    assert "steps may write no file here" in str(refusal(caught.value))
    assert found == []


async def test_standard_input_is_not_for_steps() -> None:
    """It is that of the program, not of those who run pipelines there."""
    pipeline = Pipeline.load({"name": "read", "steps": [{"id": "in", "kind": "source.stdin"}]})
    with confined_to(["/tmp"]), pytest.raises(StepError) as caught:
        await pipeline.run()
    assert refusal(caught.value).path == "/dev/stdin"


@pytest.mark.parametrize("reader", [task_read, thread_read, cpu_read], ids=["task", "thread", "process"])
@pytest.mark.parametrize("many", [False, True])
async def test_is_inherited_wherever_a_step_runs(reader: Any, many: bool, files: Path, tmp_path: Path) -> None:
    """Tasks, worker threads and worker processes are confined as the code that starts the execution is."""
    (tmp_path / "secret.txt").write_text("secret")
    pipeline = Pipeline("read", steps={"read": reader})
    good, bad = str(files / "two" / "a.txt"), str(tmp_path / "secret.txt")
    assert (await pipeline.run(bad)).output == "secret"
    with confined_to([files]):
        assert (await pipeline.run(iter([good, good]) if many else good)).output == (["a", "a"] if many else "a")
        with pytest.raises(StepError, match="is refused: steps may read only what is in"):
            await pipeline.run(iter([good, bad]) if many else bad)


async def test_holds_for_an_execution_that_is_read_outside_of_the_block(files: Path, tmp_path: Path) -> None:
    """What counts is where the execution is started and its block is entered, whatever reads it later."""
    (tmp_path / "secret.txt").write_text("secret")
    pipeline = Pipeline("read", steps={"read": thread_read})
    async with Runner() as runner:
        with confined_to([files]):
            execution = runner.start(pipeline, str(tmp_path / "secret.txt"))
            async with execution:
                assert (await execution.result(check=False)).status == "failed"
        assert (await runner.run(pipeline, str(tmp_path / "secret.txt"))).output == "secret"


async def test_two_executions_at_once_have_their_own_folders(files: Path, out: Path) -> None:
    """Executions of one runner do not share what confines them."""
    (out / "a.txt").write_text("out")
    pipeline = Pipeline("read", steps={"read": thread_read})
    async with Runner() as runner:
        with confined_to([files]):
            first = runner.start(pipeline, str(files / "two" / "a.txt"))
            await first.__aenter__()
        with confined_to([out]):
            async with runner.start(pipeline, str(out / "a.txt")) as second:
                assert (await second.result()).output == "out"
        assert (await first.result()).output == "a"
        await first.__aexit__(None, None, None)


@pytest.mark.parametrize("entered", [False, True])
async def test_resources_are_acquired_with_the_folders_of_their_execution(
    entered: bool, files: Path, out: Path, tmp_path: Path
) -> None:
    """A file that a step reads in `lifespan` is checked too, also where a runner shares what was acquired."""
    pipeline, data = sample_of("text.count_tokens", files, out)
    other = tmp_path / "other"
    other.mkdir()
    async with AsyncExitStack() as stack:
        runner = Runner()
        if entered:
            await stack.enter_async_context(runner)
        with confined_to([other]), pytest.raises(StepError) as caught:
            await runner.run(pipeline, data)
        assert refusal(caught.value).path.startswith(str(files))
        with confined_to([files]):
            assert (await runner.run(pipeline, data)).status == "completed"


def links(files: Path, out: Path) -> None:
    """Put links into a folder: one that stays inside, some that lead out."""
    (out / "secret.txt").write_text("secret")
    (out / "deep").mkdir()
    (out / "deep" / "secret.txt").write_text("secret")
    (files / "two" / "inside.txt").symlink_to("a.txt")
    (files / "two" / "out.txt").symlink_to(out / "secret.txt")
    (files / "two" / "folder").symlink_to(out)
    (files / "two" / "nowhere.txt").symlink_to(files / "missing.txt")


@pytest.mark.parametrize(
    ("params", "refused"),
    [
        ({"pattern": "a.txt"}, ""),
        ({"pattern": "[ab].txt", "follow_links": True}, ""),
        ({"pattern": "inside.txt"}, ""),
        ({"pattern": "nowhere.txt", "on_none": "ignore"}, ""),
        ({"pattern": "*.txt"}, "two/out.txt"),
        ({"pattern": "**/secret.txt", "on_none": "ignore"}, ""),
        ({"pattern": "**/secret.txt", "follow_links": True}, "two/folder"),
        ({"pattern": "folder/*", "follow_links": True}, "two/folder"),
        ({"pattern": "folder/*", "on_none": "ignore"}, ""),
    ],
)
async def test_search_stays_inside(params: dict[str, Any], refused: str, files: Path, out: Path) -> None:
    """A link that leads out of the folders is an error when the search would use it, and nothing behind it shows."""
    links(files, out)
    document = {"name": "find", "steps": [{"id": "f", "kind": "source.files", "params": params}]}
    document["steps"][0]["params"] = {"folder": str(files / "two"), **params}
    pipeline = Pipeline.load(document)
    with confined_to([files]), touched(out) as found:
        if refused:
            with pytest.raises(StepError) as caught:
                await pipeline.run()
            assert refusal(caught.value).path == str(files / refused)
        else:
            assert "secret" not in json.dumps([item.path for item in (await pipeline.run()).output])
    assert found == []


async def test_names_of_files_come_as_data(files: Path, out: Path) -> None:
    """Paths that are items are checked like those that are params."""
    links(files, out)
    pipeline = Pipeline.load({"name": "read", "steps": [{"id": "r", "kind": "file.text"}]})
    bad = [str(out / "secret.txt"), str(files / "two" / "out.txt"), "../secret", "/dev/zero", "a\0b", "x" * 300]
    with confined_to([files]):
        assert (await pipeline.run({"path": str(files / "two" / "inside.txt"), "size_bytes": 1})).output == "a"
        for path in bad:
            with pytest.raises(StepError, match="is refused"):
                await pipeline.run({"path": path, "size_bytes": 1})


async def test_a_pipe_or_device_does_not_hold_a_step(files: Path) -> None:
    """A named pipe without a writer is refused before anything waits for it."""
    os.mkfifo(files / "fifo")
    for kind in ("source.lines", "source.text", "source.csv", "source.jsonl"):
        steps = [{"id": "r", "kind": kind, "params": {"path": str(files / "fifo")}}]
        with confined_to([files]), pytest.raises(StepError, match="it is a named pipe"):
            await Pipeline.load({"name": "read", "steps": steps}).run()
    steps = [{"id": "w", "kind": "sink.text", "params": {"path": str(files / "fifo"), "overwrite": True}}]
    with confined_to([files]), pytest.raises(StepError, match="not a regular file"):
        await Pipeline.load({"name": "write", "steps": steps}).run(iter(["a"]))


def test_authority_of_a_server_is_a_file_too(files: Path, out: Path) -> None:
    """The certificates that an HTTP step trusts are read only inside."""
    params = {"hosts": ["example.com"], "url": "https://example.com/", "ca_file": str(out / "ca.pem")}
    pipeline = Pipeline.load({"name": "get", "steps": [{"id": "get", "kind": "source.http", "params": params}]})
    (problem,) = paths_outside(pipeline, [files])
    assert (problem.code, problem.path) == ("outside-roots", "$.steps[0].params.ca_file")


async def test_certificates_outside_are_not_read(files: Path, out: Path) -> None:
    """The step fails before it opens a connection."""
    (out / "ca.pem").write_text("no certificate")
    params = {"hosts": ["example.com"], "url": "https://example.com/", "ca_file": str(out / "ca.pem")}
    pipeline = Pipeline.load({"name": "get", "steps": [{"id": "get", "kind": "source.http", "params": params}]})
    with confined_to([files]), touched(out) as found, pytest.raises(StepError, match="is refused"):
        await pipeline.run()
    assert found == []


def test_paths_are_known_before_the_start(files: Path, out: Path) -> None:
    """Each param with a path outside is a problem with its place, those of nested pipelines and fallbacks, too."""
    inner = {"name": "inner", "steps": [{"id": "save", "kind": "sink.text", "params": {"path": str(files / "x")}}]}
    document = {
        "name": "paths",
        "parameters": {"path": {"type": "string"}},
        "steps": [
            {"id": "read", "kind": "source.lines", "params": {"path": "${parameters.path}"}},
            {"id": "good", "kind": "source.lines", "params": {"path": str(files / "lines.txt")}},
            {"id": "used", "kind": "stream.count"},
            {"id": "inner", "kind": "control.pipeline", "params": {"pipeline": inner}},
        ],
        "edges": ["good -> inner", "read -> used"],
    }
    pipeline = Pipeline.load(json.loads(json.dumps(document)), {"path": "/etc/passwd"})
    problems = paths_outside(pipeline, [files], writable=[out])
    assert [(problem.code, problem.path) for problem in problems] == [
        ("outside-roots", "$.steps[0].params.path"),
        ("outside-roots", "$.steps[3].params"),
    ]
    assert "step 'read' would read '/etc/passwd': steps may read only what is in" in problems[0].message
    assert "step 'inner/save' would write" in problems[1].message
    assert [problem.path for problem in paths_outside(pipeline, [])] == [
        "$.steps[0].params.path",
        "$.steps[1].params.path",
        "$.steps[3].params",
    ]
    assert paths_outside(pipeline, ["/"]) == []


def test_place_of_a_path_has_its_line(files: Path, tmp_path: Path) -> None:
    """A problem of a file has line and column."""
    file = tmp_path / "read.json"
    file.write_text('{"name": "r", "steps": [\n{"id": "a", "kind": "source.lines", "params": {"path": "/etc/x"}}]}')
    (problem,) = paths_outside(Pipeline.load(file), [files])
    assert (problem.file, problem.line, problem.column) == (str(file), 2, 56)


def test_paths_of_a_pipeline_in_python_are_known(files: Path, out: Path) -> None:
    """Params of steps that a program makes are checked as well."""
    steps = {"copied": copied.with_params(source=out / "a", target=files / "b")}
    problems = paths_outside(Pipeline("python", steps=steps), [files], writable=[])
    assert [problem.path for problem in problems] == ["$.steps[0].params.source", "$.steps[0].params.target"]
