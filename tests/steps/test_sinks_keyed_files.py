"""One file for each value of a field: names that stay in the folder, and files that appear when all are whole."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from anyio import Event
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from headwater import Pipeline, Runner, StepError, run_sync, step
from headwater_steps.files import folder_writer
from headwater_steps.files.encoders import JsonEncoder
from headwater_steps.files.file_names import file_name, same_file
from headwater_steps.files.folder_writer import FolderSummary, Layout, replacing_files
from headwater_steps.sinks import files
from tests.steps.test_sinks_rows import FULL, names

SALES = [{"shop": "north", "sum": 3}, {"shop": "south", "sum": 5}, {"shop": "north", "sum": 1}]


class Sale(BaseModel):
    shop: dict[str, str]
    text: str


@step("test_sinks.sales_and_wait")
async def sales_and_wait() -> AsyncIterator[dict[str, Any]]:
    """Write a few items, and then never another."""
    for sale in SALES:
        yield sale
    await Event().wait()


def write(folder: Path, items: list[Any], **params: Any) -> FolderSummary:
    """Write items through a pipeline."""
    result = run_sync(Pipeline("write", steps={"sink": files.with_params(folder=folder, **params)}), iter(items))
    assert isinstance(result.output, FolderSummary)
    return result.output


async def test_files_are_written_by_the_values_of_a_field(tmp_path: Path) -> None:
    """Each file has its items in their order, on every event loop."""
    pipeline = Pipeline("write", steps={"sink": files.with_params(folder=tmp_path, by="shop", overwrite=True)})
    result = await pipeline.run(iter(SALES))
    assert (tmp_path / "north.jsonl").read_text() == '{"shop":"north","sum":3}\n{"shop":"north","sum":1}\n'
    assert (tmp_path / "south.jsonl").read_text() == '{"shop":"south","sum":5}\n'
    assert result.output == FolderSummary(folder=str(tmp_path), files=2, items=3, size_bytes=75)
    assert names(tmp_path) == ["north.jsonl", "south.jsonl"]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"format": "csv"}, {"north.csv": "shop,sum\nnorth,3\nnorth,1\n", "south.csv": "shop,sum\nsouth,5\n"}),
        ({"write": "sum"}, {"north.jsonl": "3\n1\n", "south.jsonl": "5\n"}),
        ({"format": "text", "write": "shop"}, {"north.txt": "north\nnorth\n", "south.txt": "south\n"}),
    ],
)
def test_files_have_other_formats_when_asked(tmp_path: Path, params: dict[str, Any], expected: dict[str, str]) -> None:
    """Each file has columns of its own, and one field may be all that is written."""
    write(tmp_path, SALES, by="shop", **params)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == expected


def test_files_are_written_by_a_field_within(tmp_path: Path) -> None:
    """The field may be that of a model, and stand in another."""
    sales = [Sale(shop={"name": "north"}, text="a"), Sale(shop={"name": "south"}, text="b")]
    write(tmp_path, sales, by="shop.name", write="text", format="text")
    assert names(tmp_path) == ["north.txt", "south.txt"]


def test_files_are_compressed_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file may be written in several pieces, and is read as one."""
    monkeypatch.setattr(folder_writer, "_BUFFER_BYTES", 100)
    items = [{"key": number % 3, "n": number} for number in range(1_000)]
    summary = write(tmp_path, items, by="key", compression="gzip")
    assert names(tmp_path) == ["0.jsonl.gz", "1.jsonl.gz", "2.jsonl.gz"]
    for key, path in enumerate(sorted(tmp_path.iterdir())):
        read = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
        assert read == items[key::3]
    assert summary.size_bytes == sum(path.stat().st_size for path in tmp_path.iterdir())


def test_files_need_one_open_file_however_many_there_are(tmp_path: Path) -> None:
    """More files than a process may open are written."""
    script = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from headwater_steps.files import folder_writer\n"
        "from headwater_steps.sinks import files\n"
        "folder_writer._BUFFER_BYTES = 10_000\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))\n"
        "print(files(({'key': n % 100} for n in range(2_000)), folder=Path(sys.argv[1]), by='key').files)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout == "100\n"
    assert len(names(tmp_path)) == 100


# ---- names


@pytest.mark.parametrize("is_dangling", [False, True])
@pytest.mark.parametrize("overwrite", [False, True])
def test_files_follow_no_link_out_of_the_folder(tmp_path: Path, *, is_dangling: bool, overwrite: bool) -> None:
    """A link that someone put into the folder would let a value write elsewhere."""
    folder, outside = tmp_path / "folder", tmp_path / "outside.txt"
    folder.mkdir()
    if not is_dangling:
        outside.write_text("kept")
    (folder / "north.jsonl").symlink_to(outside)
    with pytest.raises(StepError, match=r"north\.jsonl already exists and is not a regular file"):
        write(folder, SALES, by="shop", overwrite=overwrite)
    assert outside.exists() is not is_dangling
    assert names(folder) == ["north.jsonl"]


def test_files_leave_nothing_when_one_of_them_appears_in_the_meantime(tmp_path: Path) -> None:
    """The other writer's file stays, and those that were published before it go."""

    def sales() -> Iterator[dict[str, Any]]:
        yield from SALES
        (tmp_path / "south.jsonl").write_text("early")

    with pytest.raises(FileExistsError, match=r"south\.jsonl already exists"):
        files(sales(), folder=tmp_path, by="shop")
    assert names(tmp_path) == ["south.jsonl"]
    assert (tmp_path / "south.jsonl").read_text() == "early"


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("north", "north"),
        ("Café 7", "Café 7"),
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
        ("..", "%2E%2E"),
        (".", "%2E"),
        (".hidden", "%2Ehidden"),
        ("a/b\\c", "a%2Fb%5Cc"),
        ("a\0b\n", "a%00b%0A"),
        ("50%", "50%25"),
        ("%2F", "%252F"),
        ("", "%"),
        ("NUL", "%4EUL"),
        ("com1.txt", "%63om1.txt"),
        ("console", "console"),
        ("end.", "end%2E"),
        ("end ", "end%20"),
        ('a:*?"<>|', "a%3A%2A%3F%22%3C%3E%7C"),
        ("\ud800", "%ED%A0%80"),
        (7, "7"),
        (-1.5, "-1.5"),
        (True, "true"),
        (None, "null"),
    ],
)
def test_file_name_cannot_lead_elsewhere(key: Any, name: str) -> None:
    """What a system would take for something else than a name is written in another way."""
    assert file_name(key) == name


@given(st.text(), st.text())
def test_file_name_is_a_name_and_differs_for_different_strings(one: str, other: str) -> None:
    """Whatever the text, its name is one part of a path, can be written, is short, and is its own."""
    name = file_name(one)
    assert (Path("folder") / name).parent == Path("folder")
    assert (Path("folder") / name).resolve().parent == Path("folder").resolve()
    assert 0 < len(name.encode()) <= 200
    assert not set(name) & set('/\\\0:*?"<>|')
    assert (name == file_name(other)) == (one == other)


def test_file_name_differs_for_long_strings() -> None:
    """A long text is cut, and a digest stands for the rest."""
    one, other = "x" * 10_000, "x" * 9_999 + "y"
    assert file_name(one) != file_name(other)
    assert len(file_name(one)) < 200
    assert len(file_name("ä" * 10_000).encode()) < 200


@pytest.mark.parametrize(("one", "other"), [("a", "A"), ("caf\u00e9", "cafe\u0301"), (1, "1"), (None, "null")])
def test_files_refuse_values_that_share_a_file(tmp_path: Path, one: Any, other: Any) -> None:
    """Items of two values never end in one file, on no system."""
    with pytest.raises(StepError) as error:
        write(tmp_path, [{"key": one}, {"key": other}], by="key")
    assert str(error.value.__cause__).startswith(f"item 2: {one!r} and {other!r} would share the file ")
    assert same_file(file_name(one)) == same_file(file_name(other))
    assert not names(tmp_path)


# ---- what is refused


@pytest.mark.parametrize(
    ("item", "params", "message"),
    [
        ({}, {}, "there is no field 'key' in item 2"),
        ({"key": "a"}, {"write": "text"}, "there is no field 'text' in item 2"),
        ({"key": ["a"]}, {}, "item 2: a list cannot be the name of a file; set by to a field that is a string"),
        ({"key": (1,)}, {}, "item 2: a tuple cannot be the name of a file"),
        ({"key": "a", "text": object()}, {}, "item 2 cannot be written as JSON: "),
        ({"key": "a", "text": 3}, {"write": "text", "format": "text"}, "item 2 is not a string, but int"),
        ({"key": "b"}, {"max_files": 1}, "item 2: more than 1 distinct values: 'b' would need another file"),
    ],
)
def test_files_name_the_item_that_cannot_be_written(
    tmp_path: Path, item: Any, params: dict[str, Any], message: str
) -> None:
    """The error has the number of the item, and nothing is left in the folder."""
    with pytest.raises(StepError) as error:
        write(tmp_path, [{"key": "a", "text": "x"}, item], by="key", **params)
    assert str(error.value.__cause__).startswith(message)
    assert not names(tmp_path)


def test_files_refuse_to_overwrite_unless_asked(tmp_path: Path) -> None:
    """One file that is there is enough, and all others stay unwritten."""
    (tmp_path / "south.jsonl").write_text("old")
    with pytest.raises(StepError, match=r"south\.jsonl already exists"):
        write(tmp_path, SALES, by="shop")
    assert names(tmp_path) == ["south.jsonl"]
    write(tmp_path, SALES, by="shop", overwrite=True)
    assert names(tmp_path) == ["north.jsonl", "south.jsonl"]
    assert (tmp_path / "south.jsonl").read_text() == '{"shop":"south","sum":5}\n'


def test_files_refuse_a_file_that_is_being_written(tmp_path: Path) -> None:
    """Which of the two would be left would be chance; the first one is written."""
    layout = Layout(".jsonl", JsonEncoder, overwrite=True)
    with replacing_files(tmp_path, layout) as first:
        first.add("north", SALES[0], 1)
        with (
            pytest.raises(FileExistsError, match=r"another step or execution writes .*north\.jsonl"),
            replacing_files(tmp_path, layout) as second,
        ):
            second.add("south", SALES[1], 1)
            second.add("north", SALES[2], 2)
    assert names(tmp_path) == ["north.jsonl"]
    with replacing_files(tmp_path, layout) as third:
        third.add("north", SALES[0], 1)


def test_files_fail_when_there_is_no_folder(tmp_path: Path) -> None:
    """A missing folder is an error and is not made; a file is none."""
    for place, expected in (("none", FileNotFoundError), ("file", NotADirectoryError)):
        (tmp_path / "file").touch()
        with pytest.raises(StepError) as error:
            write(tmp_path / place, SALES, by="shop")
        assert isinstance(error.value.__cause__, expected)
    assert names(tmp_path) == ["file"]


async def test_files_leave_nothing_when_cancelled(tmp_path: Path) -> None:
    """Cancelling in the middle removes what was begun, before the execution is left."""
    steps = {"items": sales_and_wait, "sink": files.with_params(folder=tmp_path, by="shop")}
    async with Runner().start(Pipeline("write", steps=steps)) as execution:
        async for _ in execution.events(types={"step_output"}):
            break
        execution.cancel()
    assert not names(tmp_path)


def test_files_leave_nothing_when_the_disk_is_full(tmp_path: Path) -> None:
    """A file that cannot grow any further is an error of the step, and all are removed."""
    command = [sys.executable, "-c", FULL.replace('{"text"', '{"key": "a", "text"'), "files", "-"]
    command += ["folder", str(tmp_path), "by", "key"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "OSError\n"
    assert not names(tmp_path)


@pytest.mark.parametrize(
    "params",
    [
        {"by": "key"},
        {"folder": "x"},
        {"folder": "x", "by": ""},
        {"folder": "x", "by": "a..b"},
        {"folder": "x", "by": "a", "format": "xml"},
        {"folder": "x", "by": "a", "max_files": 0},
    ],
)
def test_files_refuse_wrong_params(params: dict[str, Any]) -> None:
    """Params are checked before anything is opened."""
    with pytest.raises(ValidationError):
        files.with_params(**params)
