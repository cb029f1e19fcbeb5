"""Text files read as a whole."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from headwater import Pipeline, StepError
from headwater_steps.sources import text
from headwater_steps.text import words
from tests.steps.reading import cause, pipeline, read


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A place for the file under test."""
    return tmp_path / "data.txt"


@pytest.mark.parametrize(
    ("content", "encoding", "expected"),
    [
        (b"", "utf-8", ""),
        (b"a\r\nb\n\nc", "utf-8", "a\r\nb\n\nc"),
        (codecs.BOM_UTF8 + "ä\ufeff".encode(), "utf-8", "ä\ufeff"),
        ("ä\n".encode("utf-16"), "utf-16", "ä\n"),
        ("ä\n".encode("utf-16-be"), "utf-16-be", "ä\n"),
        (codecs.BOM_UTF32_BE + "ä\n".encode("utf-32-be"), "utf-32", "ä\n"),
        ("ä\n".encode("latin-1"), "latin-1", "ä\n"),
        ("ä\n".encode() * 100_000, "utf-8", "ä\n" * 100_000),
    ],
)
def test_text_is_what_the_file_has(file: Path, content: bytes, encoding: str, expected: str) -> None:
    """Ends of lines stay as they are; a byte order mark is dropped."""
    file.write_bytes(content)
    assert read(text, file, encoding=encoding).output == expected


def test_text_names_the_line_of_bytes_that_are_no_text(file: Path) -> None:
    """The error tells file, line, bytes and what to do."""
    file.write_bytes(b"fine\n" * 50_000 + b"ab\xff\n")
    with pytest.raises(StepError) as error:
        read(text, file)
    assert cause(error) == (
        f"{file}:50001: the bytes ff are not valid utf-8; set another encoding, or on_bad to replace"
    )


def test_text_replaces_bytes_that_are_not_text_when_asked(file: Path) -> None:
    """Undecodable bytes become U+FFFD."""
    file.write_bytes(b"a\xffb")
    assert read(text, file, on_bad="replace").output == "a\ufffdb"


def test_text_refuses_a_file_that_is_too_large(file: Path) -> None:
    """A file is refused before it fills the memory; one that just fits is read."""
    file.write_text("x" * 1_000)
    assert read(text, file, max_size_bytes=1_000).output == "x" * 1_000
    with pytest.raises(StepError) as error:
        read(text, file, max_size_bytes=999)
    assert cause(error) == f"{file} has more than 999 bytes; raise max_size_bytes, or read its lines"


@pytest.mark.parametrize("params", [{}, {"path": "x", "on_bad": "skip"}, {"path": "x", "max_size_bytes": 0}])
def test_text_refuses_wrong_params(params: dict[str, Any]) -> None:
    """Params are checked before anything is opened."""
    with pytest.raises(ValidationError):
        text.with_params(**params)


def test_text_fails_when_the_path_is_a_folder(tmp_path: Path) -> None:
    """A folder is no text."""
    with pytest.raises(StepError) as error:
        read(text, tmp_path)
    assert isinstance(error.value.__cause__, IsADirectoryError)


@pytest.fixture
def poem(file: Path) -> Path:
    """A file with a few words."""
    file.write_text("a rose\nis a rose\n")
    return file


async def test_text_flows_on_every_event_loop(poem: Path) -> None:
    """One value leaves the step, alone and in a stream of what is made of it."""
    assert (await pipeline(text, path=poem).run()).output == "a rose\nis a rose\n"
    split = Pipeline("words", steps={"poem": text.with_params(path=poem), "words": words})
    assert (await split.run()).output == ["a", "rose", "is", "a", "rose"]
