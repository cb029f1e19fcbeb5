"""Steps that use one file: what is refused when the document is loaded, and what may run."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel

from headwater import ConfigError, Pipeline, Step, step
from headwater.toolkit import InputPath, OutputPath, PathUse


def document(*steps: tuple[str, str, Mapping[str, Any]], edges: Iterable[str] = (), **keys: Any) -> dict[str, Any]:
    """Return a document of steps with their kinds and params."""
    listed = [{"id": step_id, "kind": kind, "params": params} for step_id, kind, params in steps]
    return {"name": "files", "steps": listed, "edges": [*edges], **keys}


def problems_of(source: Mapping[str, Any], *args: Any, **options: Any) -> list[tuple[str, str, str]]:
    """Return the code, path and message of each problem of a document."""
    try:
        Pipeline.load(source, *args, **options)
    except ConfigError as error:
        return [(problem.code, problem.path, problem.message) for problem in error.problems]
    return []


def two_sinks(first: str, second: str, **keys: Any) -> dict[str, Any]:
    """Return a document of two sinks of the same input."""
    sinks = ("north", "sink.text", {"path": first}), ("south", "sink.csv", {"path": second})
    return document(*sinks, edges=["input -> north", "input -> south"], **keys)


def copied(source: Mapping[str, Any], sink: Mapping[str, Any], kind: str = "sink.jsonl") -> dict[str, Any]:
    """Return a document of a source and a sink."""
    return document(("rows", "source.jsonl", source), ("out", kind, sink), edges=["rows -> out"])


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run each test in a folder of its own, with a folder and a link to it."""
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    Path("link").symlink_to("data")
    return tmp_path


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("tides.txt", "tides.txt"),
        ("tides.txt", "./tides.txt"),
        ("data/../tides.txt", "tides.txt"),
        ("data/tides.txt", "link/tides.txt"),
        ("{folder}/tides.txt", "tides.txt"),
        ("${parameters.place}", "data/tides.txt"),
        ("${env.PLACE}/tides.txt", "data/tides.txt"),
    ],
)
def test_load_refuses_two_sinks_when_their_paths_lead_to_one_file(folder: Path, first: str, second: str) -> None:
    """However the paths are written, the second sink is reported with both of them."""
    parameters = {"place": {"type": "string", "default": "data/tides.txt"}}
    source = two_sinks(first.format(folder=folder) if "{folder}" in first else first, second, parameters=parameters)
    [(code, path, message)] = problems_of(source, env={"PLACE": "data"})
    assert (code, path) == ("shared-file", "$.steps[1].params.path")
    assert "step 'south' writes" in message
    assert "which step 'north' also writes" in message


def test_load_refuses_two_sinks_when_one_path_is_a_link_to_the_other_file() -> None:
    """A link is followed, as the sink does."""
    Path("data/now.txt").symlink_to("tides.txt")
    assert [code for code, _, _ in problems_of(two_sinks("data/now.txt", "data/tides.txt"))] == ["shared-file"]


def test_load_reports_each_sink_once_when_many_share_a_file() -> None:
    """Each sink after the first one is a problem."""
    sinks = [(f"out{number}", "sink.text", {"path": "tides.txt"}) for number in range(4)]
    found = problems_of(document(*sinks, edges=[f"input -> {step_id}" for step_id, _, _ in sinks]))
    assert [path for _, path, _ in found] == [f"$.steps[{number}].params.path" for number in (1, 2, 3)]


def test_load_reports_a_path_that_no_system_takes_only_when_it_runs() -> None:
    """A path with a zero byte is not looked at."""
    assert [code for code, _, _ in problems_of(two_sinks("a\0b", "a\0b"))] == ["shared-file"]
    assert problems_of(two_sinks("a\0b", "b\0a")) == []


def test_load_accepts_sinks_when_their_files_differ() -> None:
    """Files of one folder, and one name in several folders, are different files."""
    Path("other").mkdir()
    assert problems_of(two_sinks("data/tides.txt", "data/moons.txt")) == []
    assert problems_of(two_sinks("data/tides.txt", "other/tides.txt")) == []


@pytest.mark.parametrize("kind", ["source.lines", "source.text", "source.csv", "source.jsonl"])
def test_load_refuses_a_sink_when_it_writes_the_file_of_a_source(kind: str) -> None:
    """The sink is reported, also where it may overwrite."""
    source = document(("rows", kind, {"path": "data/t"}), ("out", "sink.jsonl", {"path": "link/t", "overwrite": True}))
    [(code, path, message)] = problems_of({**source, "edges": ["rows -> out"]})
    assert (code, path) == ("shared-file", "$.steps[1].params.path")
    assert message == "step 'out' writes 'link/t', which step 'rows' reads as 'data/t'"


@pytest.mark.parametrize(
    ("read", "params", "refused"),
    [
        ("data/north.jsonl", {}, True),
        ("data/north.csv", {}, False),
        ("data/north.csv", {"format": "csv"}, True),
        ("data/north.csv.gz", {"format": "csv", "compression": "gzip"}, True),
        ("data/north.csv", {"format": "csv", "compression": "gzip"}, False),
        ("data/deep/north.jsonl", {}, False),
        ("north.jsonl", {}, False),
    ],
)
def test_load_refuses_files_of_keys_when_one_of_them_may_be_read(
    read: str, params: Mapping[str, Any], refused: bool
) -> None:
    """`sink.files` writes names with the suffix of its format into its folder, and nothing else."""
    found = problems_of(copied({"path": read}, {"folder": "link", "by": "place", **params}, "sink.files"))
    assert [code for code, _, _ in found] == (["shared-file"] if refused else [])


def test_load_refuses_two_sinks_of_keys_when_they_write_files_of_one_kind_into_one_folder() -> None:
    """The names depend on the data, so either could replace a file of the other."""
    one = {"folder": "data", "by": "place"}
    sinks = ("north", "sink.files", one), ("south", "sink.files", {**one, "folder": "link"})
    edges = ["input -> north", "input -> south"]
    assert [code for code, _, _ in problems_of(document(*sinks, edges=edges))] == ["shared-file"]
    other = ("south", "sink.files", {**one, "format": "csv"})
    assert problems_of(document(sinks[0], other, edges=edges)) == []


@pytest.mark.parametrize(
    ("pattern", "path", "refused"),
    [
        ("*.txt", "data/out.txt", True),
        ("*.txt", "data/out.csv", False),
        ("*.txt", "data/deep/out.txt", False),
        ("*/*.txt", "data/deep/out.txt", True),
        ("**/*.txt", "data/out.txt", True),
        ("**/*.txt", "data/a/b/out.txt", True),
        ("**", "data/a/out.csv", True),
        ("**/a/**/o*", "data/b/a/out.csv", True),
        ("**/a/**/o*", "data/b/out.csv", False),
        ("*", "data/.out.txt", False),
        ("*", "out.txt", False),
    ],
)
def test_load_refuses_a_sink_when_a_search_would_find_its_file(pattern: str, path: str, refused: bool) -> None:
    """The next execution would read what this one writes."""
    search = ("found", "source.files", {"folder": "data", "pattern": pattern})
    steps = search, ("texts", "file.text", {}), ("out", "sink.text", {"path": path})
    found = problems_of(document(*steps, edges=["found -> texts", "texts -> out"]))
    assert [code for code, _, _ in found] == (["shared-file"] if refused else [])


def test_load_refuses_files_of_keys_when_a_search_would_find_them() -> None:
    """A pattern of files that are written and one of files that are read are compared as well."""
    search = ("found", "source.files", {"folder": "data", "pattern": "**/*.jsonl"})
    edges = ["found -> out"]
    out = {"folder": "data", "by": "path"}
    found = problems_of(document(search, ("out", "sink.files", out), edges=edges))
    assert [message for _, _, message in found] == [
        "step 'out' writes the files '*.jsonl' in 'data', which step 'found' reads as the files '**/*.jsonl' in 'data'"
    ]
    assert problems_of(document(search, ("out", "sink.files", {**out, "format": "csv"}), edges=edges)) == []


# third-party kinds


class Summary(BaseModel):
    lines: int


@step("files.save")
async def save(item: str, *, path: OutputPath) -> Summary:
    """Write a value."""
    path.write_text(item)
    return Summary(lines=1)


@step("files.each")
async def each(item: str, *, path: OutputPath) -> AsyncIterator[str]:
    """Write a value, and go on."""
    yield item
    path.write_text(item)


@step("files.load")
async def load(item: Summary, *, path: InputPath) -> str:
    """Read a file after a value has come."""
    return path.read_text() * item.lines


@step("files.tail")
async def tail(item: str, *, path: InputPath) -> str:
    """Read a file for each item."""
    return f"{path}: {item}"


class Place(BaseModel):
    file: OutputPath | None = None


class Report(Step, kind="files.report"):
    """Write to several paths, somewhere in its params."""

    places: list[Place] = []  # noqa: RUF012 - pydantic copies it
    named: dict[str, OutputPath] = {}  # noqa: RUF012 - pydantic copies it
    log: OutputPath = Path("report.log")
    folder: Annotated[Path, PathUse(writes=True, names=lambda params: f"{params['log'].stem}-*.txt")] = Path("data")

    async def run(self, item: str) -> str:
        return item


def test_load_accepts_a_step_when_it_reads_the_file_of_the_step_whose_value_it_takes() -> None:
    """The writer has ended when the reader starts."""
    chain = document(
        ("save", "files.save", {"path": "note.txt"}),
        ("load", "files.load", {"path": "note.txt"}),
        ("again", "files.save", {"path": "./note.txt"}),
        edges=["input -> save", "save -> load", "load -> again"],
    )
    assert problems_of(chain) == []
    beside = {**chain, "edges": ["input -> save", "save -> load", "input -> again"]}
    assert [path for _, path, _ in problems_of(beside)] == ["$.steps[2].params.path"]


def test_load_refuses_a_reader_when_the_writer_still_runs() -> None:
    """A stream comes before its writer has ended."""
    steps = ("each", "files.each", {"path": "note.txt"}), ("tail", "files.tail", {"path": "note.txt"})
    found = problems_of(document(*steps, edges=["input -> each", "each -> tail"]))
    assert [path for _, path, _ in found] == ["$.steps[0].params.path"]


@pytest.mark.parametrize(
    ("params", "path"),
    [
        ({"places": [{}, {"file": "out.txt"}]}, ".places[1].file"),
        ({"named": {"north": "out.txt"}}, ".named.north"),
        ({"log": "out.txt"}, ".log"),
        ({"folder": ".", "log": "out"}, None),
        ({"folder": ".", "log": "o"}, None),
    ],
)
def test_load_finds_the_paths_of_a_kind_when_they_are_within_its_params(
    params: Mapping[str, Any], path: str | None
) -> None:
    """Models, lists, mappings, unions and defaults are looked through."""
    steps = ("rows", "source.lines", {"path": "out.txt"}), ("report", "files.report", params)
    found = problems_of(document(*steps, edges=["rows -> report"]))
    assert [where for _, where, _ in found] == ([f"$.steps[1].params{path}"] if path else [])


def test_load_finds_the_paths_of_a_kind_when_they_are_defaults() -> None:
    """A default names a file as well; a pattern is made of the params with their defaults."""
    steps = ("rows", "source.lines", {"path": "report.log"}), ("report", "files.report", {})
    assert [where for _, where, _ in problems_of(document(*steps, edges=["rows -> report"]))] == [
        "$.steps[1].params.log"
    ]
    steps = ("rows", "source.lines", {"path": "data/report-1.txt"}), ("report", "files.report", {})
    assert [where for _, where, _ in problems_of(document(*steps, edges=["rows -> report"]))] == [
        "$.steps[1].params.folder"
    ]


def test_a_pipeline_in_python_is_refused_when_its_steps_share_a_file() -> None:
    """The same check, with strings as paths."""
    steps = {"rows": tail.with_params(path="out.txt"), "report": Report(log=Path(os.path.curdir, "out.txt"))}
    with pytest.raises(ConfigError, match=r"step 'report' writes 'out\.txt', which step 'rows' reads"):
        Pipeline("files", steps=steps, edges=["input -> rows", "input -> report"])
    Pipeline("files", steps=steps)  # one after the other


def _broken(params: Mapping[str, Any]) -> str:
    return str(params["no such param"])


class Broken(Step, kind="files.broken"):
    """Fail to name the files of a folder."""

    folder: Annotated[Path, PathUse(writes=True, names=_broken)] = Path("data")

    async def run(self, item: str) -> str:
        return item


def test_load_reports_a_kind_when_it_fails_to_name_its_files() -> None:
    """Other people's code may raise anything."""
    assert [(code, path) for code, path, _ in problems_of(document(("one", "files.broken", {})))] == [
        ("params-failed", "$.steps[0].params")
    ]


@pytest.mark.parametrize(("merge", "codes"), [("interleave", ["shared-file"]), ("zip", []), ("first", [])])
def test_step_does_not_come_after_those_whose_values_are_interleaved(merge: str, codes: list[str]) -> None:
    """It starts with the first value, while the other step may still write; in tuples it has the values of both."""
    sinks = [("one", "sink.text", {"path": "one.txt"}), ("other", "sink.text", {"path": "other.txt"})]
    reader = {"id": "count", "kind": "shared.last", "params": {"path": "other.txt"}, "merge": merge}
    source = document(*sinks, edges=["input -> one", "input -> other", "one -> count", "other -> count"])
    source["steps"].append(reader)
    assert [code for code, _, _ in problems_of(source)] == codes


@step("shared.last")
def last(written: Any, *, path: InputPath) -> str:
    """Read a file after others were written."""
    return f"{written} {path}"
