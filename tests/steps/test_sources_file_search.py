"""The files of a folder: which of them, in what order, and what is never walked into."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from headwater import Pipeline, StepError, run_sync
from headwater_steps.sinks import csv, jsonl, text
from headwater_steps.sources import files, found_text
from headwater_steps.sources.file_search import FolderFooter, FoundFile
from tests.steps.reading import cause, pipeline

TREE = [
    "b.txt",
    "a.txt",
    "c.log",
    "B.TXT",
    ".hidden.txt",
    "sub/d.txt",
    "sub/deep/e.txt",
    ".git/f.txt",
    "z/g.txt",
    "ä.txt",
]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with files, folders and hidden ones."""
    for name in TREE:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "empty").mkdir()
    return tmp_path


def names(folder: Path, **params: Any) -> list[str]:
    """Return the ways from a folder to the files that are found in it."""
    result = run_sync(pipeline(files, folder=folder, **params))
    assert result.footer == FolderFooter(
        files=len(result.output), size_bytes=sum(found.size_bytes for found in result.output)
    )
    return [Path(found.path).relative_to(folder).as_posix() for found in result.output]


@pytest.mark.parametrize(
    ("pattern", "params", "expected"),
    [
        ("*", {}, ["B.TXT", "a.txt", "b.txt", "c.log", "ä.txt"]),
        ("*.txt", {}, ["a.txt", "b.txt", "ä.txt"]),
        ("[ab].txt", {}, ["a.txt", "b.txt"]),
        ("?.txt", {}, ["a.txt", "b.txt", "ä.txt"]),
        ("sub/*.txt", {}, ["sub/d.txt"]),
        ("*/*.txt", {}, ["sub/d.txt", "z/g.txt"]),
        ("**/*.txt", {}, ["a.txt", "b.txt", "sub/d.txt", "sub/deep/e.txt", "z/g.txt", "ä.txt"]),
        ("**", {}, ["B.TXT", "a.txt", "b.txt", "c.log", "sub/d.txt", "sub/deep/e.txt", "z/g.txt", "ä.txt"]),
        ("sub/**/*", {}, ["sub/d.txt", "sub/deep/e.txt"]),
        ("**/deep/**/*.txt", {}, ["sub/deep/e.txt"]),
        ("**/**/e.txt", {}, ["sub/deep/e.txt"]),
        (".*", {}, [".hidden.txt"]),
        (".git/*", {}, [".git/f.txt"]),
        ("*.txt", {"hidden": True}, [".hidden.txt", "a.txt", "b.txt", "ä.txt"]),
        ("**/f.txt", {"hidden": True}, [".git/f.txt"]),
    ],
)
def test_files_are_those_that_match_in_the_order_of_their_names(
    tree: Path, pattern: str, params: dict[str, Any], expected: list[str]
) -> None:
    """A star is not for dots and slashes, two stars are for any folders, and the order is by characters."""
    assert names(tree, pattern=pattern, **params) == expected


def test_files_have_path_and_size(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The path begins with the folder as it was given, relative ones included."""
    monkeypatch.chdir(tree)
    result = run_sync(pipeline(files, folder="sub", pattern="**"))
    assert result.output == [
        FoundFile(path=str(Path("sub", "d.txt")), size_bytes=9),
        FoundFile(path=str(Path("sub", "deep", "e.txt")), size_bytes=14),
    ]


def test_files_never_walk_in_circles(tree: Path) -> None:
    """Links to folders are followed when told, but never to a folder that they are in."""
    (tree / "sub" / "loop").symlink_to(tree)
    (tree / "sub" / "self").symlink_to(tree / "sub")
    (tree / "other").symlink_to(tree / "z")
    (tree / "link.txt").symlink_to(tree / "a.txt")
    (tree / "broken.txt").symlink_to(tree / "nothing")
    every = ["a.txt", "b.txt", "link.txt", "sub/d.txt", "sub/deep/e.txt", "z/g.txt", "ä.txt"]
    assert names(tree, pattern="**/*.txt") == every
    followed = names(tree, pattern="**/*.txt", follow_links=True)
    assert followed == [*every[:3], "other/g.txt", *every[3:]]


def test_files_are_regular_ones(tree: Path) -> None:
    """A pipe is no file to read a folder of."""
    os.mkfifo(tree / "z" / "pipe")
    assert names(tree, pattern="z/*") == ["z/g.txt"]


def test_files_say_when_nothing_matches(tree: Path) -> None:
    """A pattern that fits nothing is an error by default, with what was looked at."""
    with pytest.raises(StepError) as error:
        run_sync(pipeline(files, folder=tree, pattern="*.csv"))
    assert cause(error) == (
        f"no file in {tree} matches '*.csv', of 6 that were looked at; correct folder or pattern, "
        "or set on_none to ignore"
    )
    assert names(tree, pattern="*.csv", on_none="ignore") == []


@pytest.mark.parametrize(("folder", "expected"), [("nothing", FileNotFoundError), ("a.txt", NotADirectoryError)])
def test_files_fail_when_there_is_no_folder(tree: Path, folder: str, expected: type[Exception]) -> None:
    """A missing folder is an error, whatever happens when nothing matches."""
    with pytest.raises(StepError) as error:
        run_sync(pipeline(files, folder=tree / folder, on_none="ignore"))
    assert isinstance(error.value.__cause__, expected)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"folder": "x", "pattern": ""},
        {"folder": "x", "pattern": "/etc/*"},
        {"folder": "x", "pattern": "../*"},
        {"folder": "x", "pattern": "a//b"},
        {"folder": "x", "pattern": "a/"},
        {"folder": "x", "pattern": "x" * 1_001},
        {"folder": "x", "on_none": "warn"},
    ],
)
def test_files_refuse_wrong_params(params: dict[str, Any]) -> None:
    """A pattern never leads out of the folder, and all is checked before anything is opened."""
    with pytest.raises(ValidationError):
        files.with_params(**params)


async def test_files_flow_on_every_event_loop(tree: Path) -> None:
    """The files pass the edges of a pipeline, whatever runs it."""
    result = await pipeline(files, folder=tree, pattern="**").run()
    assert result.footer == FolderFooter(files=8, size_bytes=sum(found.size_bytes for found in result.output))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have names in Unicode alone")
def test_files_list_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    """One odd name does not break the listing of a folder, and the file can be read."""
    path = tmp_path / os.fsdecode(b"caf\xe9.txt")
    path.write_text("crème\n")
    (found,) = run_sync(pipeline(files, folder=tmp_path)).output
    assert found.path == str(path)
    assert FoundFile.model_validate_json(found.model_dump_json()).path == str(tmp_path / "caf\\xe9.txt")
    assert run_sync(
        Pipeline("read", steps={"found": files.with_params(folder=tmp_path), "text": found_text})
    ).output == ["crème\n"]


@pytest.mark.parametrize("sink", [jsonl, text, csv])
def test_sinks_name_the_item_when_it_has_bytes_that_are_not_utf_8(tmp_path: Path, sink: Any) -> None:
    """The message has the name, with the byte in hexadecimal digits."""
    name = "caf\udce9.txt"
    with pytest.raises(ValueError, match=r"item 1 cannot be written.*not UTF-8, as from the name of a file: .*dce9"):
        sink([name if sink is text else {"path": name}], path=tmp_path / "names")


def test_leaves_out_a_link_when_it_leads_to_itself_or_to_nothing(tmp_path: Path) -> None:
    """It is not a file, and no reason to find none of the others."""
    (tmp_path / "a.txt").touch()
    (tmp_path / "self.txt").symlink_to("self.txt")
    (tmp_path / "lost.txt").symlink_to("nothing")
    for follow_links in (False, True):
        step = files.with_params(folder=tmp_path, pattern="**/*.txt", follow_links=follow_links)
        found = run_sync(Pipeline("find", steps={"files": step})).output
        assert [Path(one.path).name for one in found] == ["a.txt"]


def test_searches_with_bounded_work_when_links_lead_to_a_folder_in_many_ways(tmp_path: Path) -> None:
    """Two links in each of 40 folders to the next one are a million million ways to the last."""
    for number in range(40):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "file.txt").touch()
    for number in range(39):
        for name in ("left", "right"):
            (tmp_path / str(number) / name).symlink_to(f"../{number + 1}")
    step = files.with_params(folder=tmp_path, pattern="**/*.txt", follow_links=True)
    found = [one.path for one in run_sync(Pipeline("find", steps={"files": step})).output]
    assert {str(Path(path).resolve()) for path in found} == {str(path) for path in tmp_path.rglob("*.txt")}
    assert len(found) < 40 * 40
