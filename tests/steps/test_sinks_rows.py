"""Files of comma-separated values and of texts, and compressed ones: what is written, and what never half."""

from __future__ import annotations

import bz2
import csv as csv_module
import gzip
import io
import lzma
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pytest
from anyio import Event
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from headwater import Pipeline, Runner, StepError, run_sync, step
from headwater_steps.files import FileSummary
from headwater_steps.sinks import csv, files, jsonl, text
from headwater_steps.sources import csv as csv_source
from headwater_steps.sources import lines

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


class Model(BaseModel):
    name: str
    at: datetime | None = None


@dataclass
class Point:
    x: int
    y: float


@step("test_sinks.rows_and_wait")
async def rows_and_wait() -> AsyncIterator[dict[str, str]]:
    """Write many rows, and then never another."""
    for _ in range(2_000):
        yield {"text": "x" * 100}
    await Event().wait()


@step("test_sinks.rows_and_fail")
async def rows_and_fail() -> AsyncIterator[dict[str, str]]:
    """Write many rows, and fail."""
    for _ in range(2_000):
        yield {"text": "x" * 100}
    raise OSError("the source is gone")


def sink(kind: Any, path: Path, **params: Any) -> Pipeline:
    """Return a pipeline that writes what it is given."""
    return Pipeline("write", steps={"sink": kind.with_params(path=path, **params)})


def names(folder: Path) -> list[str]:
    """Return the names of everything in a folder."""
    return sorted(path.name for path in folder.iterdir())


# ---- comma-separated values


@pytest.mark.parametrize(
    ("items", "params", "written"),
    [
        pytest.param([{"a": "x", "b": 1}, {"b": 2, "a": "y"}], {}, "a,b\nx,1\ny,2\n", id="columns of the first item"),
        pytest.param([{"a": 1, "b": 2}], {"columns": ["b"]}, "b\n2\n", id="chosen columns"),
        pytest.param([{"a": 1}, {}], {"columns": ["a", "b"]}, "a,b\n1,\n,\n", id="missing fields"),
        pytest.param([{"a": 1}], {"header": False}, "1\n", id="no names"),
        pytest.param([{"a": 1, "b": ";"}], {"delimiter": ";"}, 'a;b\n1;";"\n', id="delimiter"),
        pytest.param([{"a": 1, "b": ","}], {"delimiter": "\t"}, "a\tb\n1\t,\n", id="tabulator"),
        pytest.param([{"a": 'x, "y"\nz\r'}], {}, 'a\n"x, ""y""\nz\r"\n', id="quotes"),
        pytest.param([{"a": None, "b": ""}, {"a": ""}], {}, "a,b\n,\n,\n", id="null"),
        pytest.param([{"a": None}], {}, 'a\n""\n', id="a row that would be blank"),
        pytest.param([{"a": True, "b": False}], {}, "a,b\ntrue,false\n", id="truth"),
        pytest.param([{"a": 0.1, "b": -1e-7, "c": 10**20}], {}, f"a,b,c\n0.1,-1e-07,{10**20}\n", id="numbers"),
        pytest.param([{"a": date(2026, 3, 14), "b": Decimal("1.50")}], {}, "a,b\n2026-03-14,1.50\n", id="dates"),
        pytest.param([{"a": [1, None], "b": {"c": "d"}}], {}, 'a,b\n"[1,null]","{""c"":""d""}"\n', id="nested"),
        pytest.param([Model(name="x", at=datetime(2026, 3, 14, tzinfo=UTC))], {}, "name,at\nx,2026-03-14T00:00:00Z\n"),
        pytest.param([Point(1, 2.5)], {}, "x,y\n1,2.5\n", id="dataclass"),
        pytest.param([], {}, "", id="empty"),
        pytest.param([], {"columns": ["a", "b"]}, "a,b\n", id="names alone"),
        pytest.param([], {"columns": ["a", "b"], "header": False}, "", id="nothing at all"),
        pytest.param([{"é": "ä"}], {"encoding": "latin-1"}, "é\nä\n", id="latin-1"),
        pytest.param([{"a": "ä"}, {"a": "b"}], {"encoding": "utf-16"}, "a\nä\nb\n", id="one byte order mark"),
    ],
)
async def test_csv_writes_a_row_for_each_item(
    tmp_path: Path, items: list[Any], params: dict[str, Any], written: str
) -> None:
    """Fields become cells, by RFC 4180, on every event loop."""
    path = tmp_path / "out.csv"
    result = await sink(csv, path, overwrite=True, **params).run(iter(items))
    content = path.read_bytes()
    assert content.decode(params.get("encoding", "utf-8")) == written
    assert result.output == FileSummary(path=str(path), items=len(items), size_bytes=len(content))


@pytest.mark.parametrize(
    ("items", "params", "message"),
    [
        ([{"a": 1}, {"b": 2}], {}, "item 2 has 'b', which no item before it has; set columns to all"),
        (["text"], {}, "item 1 is not an object, but str; comma-separated values need objects with fields"),
        ([[1, 2]], {}, "item 1 is not an object, but list"),
        (
            [{"a": 1}, {"a": float("nan")}],
            {},
            "item 2 cannot be written as comma-separated values: nan is not a finite number",
        ),
        ([{"a": object()}], {}, "item 1 cannot be written as comma-separated values: "),
        ([{"a": "€"}], {"encoding": "latin-1"}, "item 1 cannot be written: U+20AC cannot be expressed in latin-1"),
        ([{"a": "\ud800"}], {}, "item 1 cannot be written: U+D800 cannot be expressed in utf-8"),
    ],
)
def test_csv_names_the_item_that_cannot_be_written(
    tmp_path: Path, items: list[Any], params: dict[str, Any], message: str
) -> None:
    """Nothing is lost or changed in silence; the error has the number of the item, and no file is left."""
    with pytest.raises(StepError) as error:
        run_sync(sink(csv, tmp_path / "out.csv", **params), iter(items))
    assert str(error.value.__cause__).startswith(message)
    assert not names(tmp_path)


FIELDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


@given(st.lists(st.tuples(FIELDS, FIELDS), min_size=1, max_size=5))
def test_csv_is_read_back(tmp_path_factory: pytest.TempPathFactory, values: list[tuple[str, str]]) -> None:
    """Whatever texts are written come back, by the standard library and by the source."""
    path = tmp_path_factory.getbasetemp() / "back.csv"
    csv([{"a": one, "b": other} for one, other in values], path=path, overwrite=True)
    written = path.read_bytes().decode()
    assert [tuple(row) for row in csv_module.reader(io.StringIO(written, newline=""))] == [("a", "b"), *values]
    read = run_sync(Pipeline("read", steps={"rows": csv_source.with_params(path=path)})).output
    assert [tuple(item.values()) for item in read] == values


# ---- texts


@pytest.mark.parametrize(
    ("items", "params", "written"),
    [
        (["a", "b\nc"], {}, b"a\nb\nc\n"),
        (["a", "b"], {"end": ""}, b"ab"),
        (["a", "b"], {"end": "\r\n"}, b"a\r\nb\r\n"),
        (["ä"], {"encoding": "latin-1"}, b"\xe4\n"),
        (["a", "b"], {"encoding": "utf-16-be"}, b"\0a\0\n\0b\0\n"),
        ([], {}, b""),
    ],
)
async def test_text_writes_each_item_on_a_line(
    tmp_path: Path, items: list[str], params: dict[str, Any], written: bytes
) -> None:
    """Texts are written as they are, on every event loop, with what is to follow each of them."""
    path = tmp_path / "out.txt"
    result = await sink(text, path, overwrite=True, **params).run(iter(items))
    assert path.read_bytes() == written
    assert result.output == FileSummary(path=str(path), items=len(items), size_bytes=len(written))


def test_text_writes_one_byte_order_mark(tmp_path: Path) -> None:
    """An encoding with a mark has it at the start of the file alone."""
    path = tmp_path / "out.txt"
    text(["a", "b"], path=path, encoding="utf-16")
    assert path.read_bytes().decode("utf-16") == "a\nb\n"
    assert run_sync(Pipeline("r", steps={"r": lines.with_params(path=path, encoding="utf-16")})).output == ["a", "b"]


@pytest.mark.parametrize(
    ("item", "params", "message"),
    [
        ("€", {"encoding": "latin-1"}, "item 2 cannot be written: U+20AC cannot be expressed in latin-1"),
        ("\ud800", {}, "item 2 cannot be written: U+D800 cannot be expressed in utf-8; set another encoding"),
    ],
)
def test_text_names_the_item_that_cannot_be_written(
    tmp_path: Path, item: str, params: dict[str, Any], message: str
) -> None:
    """A character that the encoding lacks is an error, and no file is left."""
    with pytest.raises(StepError) as error:
        run_sync(sink(text, tmp_path / "out.txt", **params), iter(["a", item]))
    assert str(error.value.__cause__).startswith(message)
    assert not names(tmp_path)


def test_text_refuses_what_is_no_text(tmp_path: Path) -> None:
    """A number is not taken for its digits."""
    with pytest.raises(StepError):
        run_sync(sink(text, tmp_path / "out.txt"), iter(["a", 1]))
    assert not names(tmp_path)


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        (csv, {"columns": []}),
        (csv, {"columns": [""]}),
        (csv, {"delimiter": '"'}),
        (csv, {"delimiter": "\n"}),
        (text, {"encoding": "rot13"}),
        (jsonl, {"compression": "zip"}),
    ],
)
def test_sink_refuses_wrong_params(kind: Any, params: dict[str, Any]) -> None:
    """Params are checked before anything is opened."""
    with pytest.raises(ValidationError):
        kind.with_params(path="x", **params)


# ---- compressed files, and what all sinks have in common

FORMATS: list[Any] = [
    pytest.param("gzip", ".gz", gzip.decompress, id="gzip"),
    pytest.param("bzip2", ".bz2", bz2.decompress, id="bzip2"),
    pytest.param("xz", ".xz", lzma.decompress, id="xz"),
    pytest.param("zstd", ".zst", zstd.decompress, id="zstd"),
]
SINKS: list[Any] = [
    pytest.param(jsonl, '{"text":"a"}\n{"text":"b"}\n', id="jsonl"),
    pytest.param(csv, "text\na\nb\n", id="csv"),
]
Decompress = Callable[[bytes], bytes]


@pytest.mark.parametrize(("name", "suffix", "decompress"), FORMATS)
@pytest.mark.parametrize(("kind", "content"), SINKS)
def test_sink_compresses_a_file_by_its_name_or_when_asked(
    tmp_path: Path, kind: Any, content: str, *, name: str, suffix: str, decompress: Decompress
) -> None:
    """The end of the name tells the format, or a param does; the same items give the same bytes."""
    items = [{"text": "a"}, {"text": "b"}]
    named, reported, plain = tmp_path / f"out{suffix}", tmp_path / "out", tmp_path / f"plain{suffix}"
    written = kind(items, path=named)
    assert written.size_bytes == named.stat().st_size
    assert decompress(named.read_bytes()).decode() == content
    kind(items, path=reported, compression=name)
    assert reported.read_bytes() == named.read_bytes()
    kind(items, path=plain, compression="none")
    assert plain.read_text() == content


@pytest.mark.parametrize("kind", [jsonl, csv])
@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2", ".xz", ".zst"])
async def test_sink_leaves_nothing_when_cancelled(tmp_path: Path, kind: Any, suffix: str) -> None:
    """Cancelling in the middle removes what was begun, before the execution is left."""
    steps = {"items": rows_and_wait, "sink": kind.with_params(path=tmp_path / f"out{suffix}")}
    async with Runner().start(Pipeline("write", steps=steps)) as execution:
        async for _ in execution.events(types={"step_output"}):
            break
        execution.cancel()
    assert not names(tmp_path)


@pytest.mark.parametrize("kind", [jsonl, csv])
@pytest.mark.parametrize("suffix", ["", ".gz"])
async def test_sink_leaves_the_old_file_when_the_stream_breaks(tmp_path: Path, kind: Any, suffix: str) -> None:
    """A cut stream is no file: the old one stays, and the error names the step that failed."""
    path = tmp_path / f"out{suffix}"
    path.write_text("old")
    steps = {"items": rows_and_fail, "sink": kind.with_params(path=path, overwrite=True)}
    with pytest.raises(StepError) as error:
        await Pipeline("write", steps=steps).run()
    assert error.value.step_id == "items"
    assert path.read_text() == "old"
    assert names(tmp_path) == [path.name]


FULL = """
import os, resource, sys
from headwater import Pipeline, StepError, run_sync
from headwater_steps import sinks

resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
items = ({"text": os.urandom(100).hex()} for _ in range(100_000))
params = dict(zip(sys.argv[3::2], sys.argv[4::2]))
try:
    step = getattr(sinks, sys.argv[1]).with_params(**params)
    run_sync(Pipeline("write", steps={"sink": step}), items)
except StepError as error:
    print(type(error.__cause__).__name__)
"""


@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2", ".xz", ".zst"])
def test_sink_leaves_nothing_when_the_disk_is_full(tmp_path: Path, suffix: str) -> None:
    """A file that cannot grow any further is an error of the step, and is removed."""
    command = [sys.executable, "-c", FULL, "csv", "-", "path", str(tmp_path / f"out{suffix}")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "OSError\n"
    assert not names(tmp_path)


@pytest.mark.parametrize("kind", [jsonl, csv, text])
def test_sink_refuses_a_place_that_is_taken(tmp_path: Path, kind: Any) -> None:
    """A file that is there stays as it is; a folder is never replaced, a missing one never made."""
    path = tmp_path / "out"
    path.write_text("old")
    with pytest.raises(FileExistsError, match="set overwrite to true"):
        kind([], path=path)
    with pytest.raises(FileExistsError, match="not a regular file"):
        kind([], path=tmp_path, overwrite=True)
    with pytest.raises(FileNotFoundError):
        kind([], path=tmp_path / "none" / "out")
    assert (names(tmp_path), path.read_text()) == (["out"], "old")


@pytest.mark.parametrize(
    ("kind", "value", "content"),
    [(jsonl, {"a": 1}, '{"a":1}\n'), (csv, {"a": 1}, "a\n1\n"), (text, "a", "a\n")],
)
async def test_sink_takes_one_value(tmp_path: Path, kind: Any, value: Any, content: str) -> None:
    """A single value is a file of one row, on every event loop."""
    await sink(kind, tmp_path / "out", overwrite=True).run(value)
    assert (tmp_path / "out").read_text() == content


FORMULAS = ["=1+1", "+1+1", "-1+1", "@sum", "\t=1", "\r=1", "\n=1", "\uff1d1", "=", "-", "-1-1", "+49 30 1"]
HARMLESS = ["", "reed", "-1", "+1.5", "-1,5", "-2e-3", "1=1", "'=1", " =1", "a-b"]


@pytest.mark.parametrize("cell", [*FORMULAS, *HARMLESS])
def test_csv_escapes_formulas_when_asked(tmp_path: Path, cell: str) -> None:
    """A spreadsheet takes what begins with an apostrophe for text; numbers, and names of columns, are covered."""
    path = tmp_path / "data.csv"
    choices: list[tuple[Literal["keep", "escape"], str]] = [
        ("keep", cell),
        ("escape", f"'{cell}" if cell in FORMULAS else cell),
    ]
    for formulas, expected in choices:
        csv([{"=name": cell, "n": -1.5}], path=path, overwrite=True, formulas=formulas)
        with path.open(encoding="utf-8", newline="") as file:
            names, row = csv_module.reader(file)
        assert names == ["'=name" if formulas == "escape" else "=name", "n"]
        assert row == [expected, "-1.5"]


def test_files_escape_formulas_when_asked(tmp_path: Path) -> None:
    """The files of a folder are opened by people too."""
    files([{"k": "a", "v": "=1"}], folder=tmp_path, by="k", format="csv", formulas="escape")
    assert (tmp_path / "a.csv").read_text() == "k,v\na,'=1\n"
