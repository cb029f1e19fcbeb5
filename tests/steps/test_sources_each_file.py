"""Files that come as items: read as a whole or line by line, in their order, and none that is not allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from headwater import Pipeline, Result, Runner, StepError, run_sync
from headwater_steps.files import BadLineError
from headwater_steps.sources import csv, files, found_lines, found_text, jsonl, lines
from headwater_steps.sources.file_search import FoundFile
from headwater_steps.streams import take
from tests.steps.reading import cause, pipeline


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with three files, one of them empty."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo")
    (folder / "b.txt").touch()
    (folder / "c.txt").write_text("three\n" * 10_000)
    return folder


def reading(folder: Path, step: Any, **params: Any) -> Pipeline:
    """Return a pipeline that reads the files of a folder."""
    steps = {"found": files.with_params(folder=folder), "read": step.with_params(**params)}
    return Pipeline("read", steps=steps)


async def test_reads_each_file_as_a_whole(folder: Path) -> None:
    """There is a text for each file, in their order, on every event loop."""
    assert (await reading(folder, found_text).run()).output == ["one\r\ntwo", "", "three\n" * 10_000]


async def test_reads_each_file_line_by_line(folder: Path) -> None:
    """The lines of one file come after those of the one before, and no line goes on in the next file."""
    assert (await reading(folder, found_lines).run()).output == ["one", "two", *["three"] * 10_000]


@pytest.mark.parametrize(("step", "expected"), [(found_text, "one\r\ntwo"), (found_lines, ["one", "two"])])
def test_reads_a_single_file_that_a_program_gives(folder: Path, step: Any, expected: Any) -> None:
    """One file is as good as a stream of them, and so is what JSON says of one."""
    for item in (FoundFile(path=str(folder / "a.txt"), size_bytes=0), {"path": str(folder / "a.txt"), "size_bytes": 0}):
        assert run_sync(Pipeline("read", steps={"read": step}), item).output == expected


@pytest.mark.parametrize("step", [found_text, found_lines])
def test_names_the_file_that_cannot_be_read(folder: Path, step: Any) -> None:
    """The error has file and line; what was left out or replaced is counted."""
    (folder / "b.txt").write_bytes(b"fine\nbad \xff\n")
    with pytest.raises(StepError) as error:
        run_sync(reading(folder, step))
    assert isinstance(error.value.__cause__, BadLineError)
    assert cause(error).startswith(f"{folder / 'b.txt'}:2: the bytes ff are not valid utf-8")
    result: Result = run_sync(reading(folder, step, on_bad="replace"))
    assert "bad \ufffd" in "\n".join(result.output).split("\n")
    assert result.metrics["read"].compensations == 1


def test_leaves_out_bad_lines_when_asked(folder: Path) -> None:
    """Each line that is left out is a compensation."""
    (folder / "c.txt").write_bytes(b"bad \xff\n" * 100)
    result = run_sync(reading(folder, found_lines, on_bad="skip"))
    assert result.output == ["one", "two"]
    assert result.metrics["read"].compensations == 100


@pytest.mark.parametrize("step", [found_text, found_lines])
def test_reads_only_files_within_a_folder_when_asked(folder: Path, tmp_path: Path, step: Any) -> None:
    """No path and no link leads out of the folder."""
    (tmp_path / "secret").write_text("secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    reader = Pipeline("read", steps={"read": step.with_params(within=folder)})
    assert run_sync(reader, FoundFile(path=str(folder / "b.txt"), size_bytes=0)).output in ("", [])
    for path in (folder / "link", folder / ".." / "secret", Path("/etc/passwd")):
        with pytest.raises(StepError) as error:
            run_sync(reader, FoundFile(path=str(path), size_bytes=0))
        assert isinstance(error.value.__cause__, PermissionError)
        assert f"is not within {folder}" in cause(error)


async def test_stops_reading_when_the_reader_has_enough(folder: Path) -> None:
    """A reader that leaves ends the reading of a file in its middle."""
    steps = {"found": files.with_params(folder=folder), "read": found_lines, "first": take.with_params(n=3)}
    assert (await Pipeline("first", steps=steps).run()).output == ["one", "two", "three"]


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file of 20 MB that is both JSON lines and a CSV with one column."""
    path = tmp_path / "large"
    path.write_text('"' + "x" * 997 + '"\n')
    path.write_text(path.read_text() * 20_000)
    return path


@pytest.mark.parametrize("source", [lines, jsonl, csv])
async def test_source_is_cancelled_in_the_middle_of_a_file(large: Path, source: Any) -> None:
    """Once the execution is left, nothing of it reads on."""
    names = {"names": ["a"]} if source is csv else {}
    async with Runner().start(pipeline(source, path=large, **names)) as execution:
        async for _ in execution.output:
            break
        execution.cancel()
    counts = {step.items_out for step in (await _completed(execution)).values()}
    assert all(count < 20_000 for count in counts)


async def _completed(execution: Any) -> dict[str, Any]:
    """Return what steps told that ended well, after a cancel."""
    return {event.step_id: event.data async for event in execution.events(types={"step_complete"})}
