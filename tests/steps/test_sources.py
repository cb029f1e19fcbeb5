"""Files read as streams: what is a line, what is told of the file, what becomes of bad lines, what memory it takes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from headwater import Pipeline, Result, StepContext, StepError, run_sync
from headwater_steps.files import BadLineError, FileFooter, FileHeader
from headwater_steps.shaping import count, take
from headwater_steps.sources import JsonlFooter, jsonl, lines


def read(path: Path, **params: Any) -> Result:
    """Return what comes of a pipeline of one `source.lines`."""
    return run_sync(Pipeline("read", steps={"lines": lines.with_params(path=path, **params)}))


def read_jsonl(path: Path, **params: Any) -> Result:
    """Return what comes of a pipeline of one `source.jsonl`."""
    return run_sync(Pipeline("read", steps={"values": jsonl.with_params(path=path, **params)}))


def cause(error: pytest.ExceptionInfo[StepError]) -> str:
    """Return the message of what made a step fail."""
    assert error.value.__cause__ is not None
    return str(error.value.__cause__)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A place for the file under test."""
    return tmp_path / "data.txt"


# ---- lines


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"", [], id="empty"),
        pytest.param(b"a\nb\n", ["a", "b"], id="lines"),
        pytest.param(b"a\nb", ["a", "b"], id="no end of the last line"),
        pytest.param(b"\n\n", ["", ""], id="blank"),
        pytest.param(b"a\r\nb\r\n", ["a", "b"], id="CR LF"),
        pytest.param(b"a\rb\x0bc\x0cd\xc2\x85e\n", ["a\rb\x0bc\x0cd\x85e"], id="only LF ends a line"),
        pytest.param(b"a\r", ["a\r"], id="CR at the end of the file"),
        pytest.param(b"a\r\r\n", ["a\r"], id="CR before CR LF"),
        pytest.param(b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n", ["a", "\ufeffb"], id="byte order mark"),
        pytest.param("ä€😀\n".encode(), ["ä€😀"], id="characters of two to four bytes"),
    ],
)
def test_lines_are_cut_at_line_feeds(file: Path, content: bytes, expected: list[str]) -> None:
    """A line ends with LF or CR LF, which is no part of it, and the last one may end with the file."""
    file.write_bytes(content)
    result = read(file)
    assert result.output == expected
    assert result.header == FileHeader(path=str(file), size_bytes=len(content))
    assert result.footer == FileFooter(lines=len(expected))


@pytest.fixture
def numbers(file: Path) -> Path:
    """A file with a number on each of its 2,000 lines."""
    file.write_text("".join(f"{number}\n" for number in range(2_000)))
    return file


async def test_lines_flow_on_every_event_loop(numbers: Path) -> None:
    """The items, the header and the footer are the same whatever runs the pipeline."""
    result = await Pipeline("read", steps={"lines": lines.with_params(path=numbers)}).run()
    assert (result.output, result.footer) == (list(map(str, range(2_000))), FileFooter(lines=2_000))


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\ufeff"))))
def test_lines_are_those_that_were_written(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    """Whatever texts without line ends are written one to a line come back."""
    file = tmp_path_factory.getbasetemp() / "written.txt"
    file.write_bytes("".join(f"{text}\n" for text in texts).encode())
    frames = list(lines(StepContext("execution", "lines"), path=file))
    assert frames[1:-1] == texts


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "iso-8859-15"])
def test_lines_are_decoded_when_an_encoding_is_given(file: Path, encoding: str) -> None:
    """A line feed is found in the text, not among the bytes, and the mark of UTF-16 is no part of it."""
    file.write_bytes("café\nüber ਊ\n".replace("ਊ", "x" if encoding[:3] != "utf" else "ਊ").encode(encoding))
    assert read(file, encoding=encoding).output[0] == "café"
    assert len(read(file, encoding=encoding).output) == 2


@pytest.mark.parametrize(("on_bad", "expected"), [("replace", "a\ufffdb"), ("skip", "ab")])
def test_lines_mend_bytes_that_are_no_text_when_told(file: Path, on_bad: str, expected: str) -> None:
    """Undecodable bytes are replaced or left out, and the rest of the line stays."""
    file.write_bytes(b"fine\na\xffb\n")
    assert read(file, on_bad=on_bad).output == ["fine", expected]


@pytest.mark.parametrize("before", [0, 1, 1_000, 5_000])
def test_lines_name_the_line_of_bytes_that_are_no_text(file: Path, before: int) -> None:
    """The error tells file, line, bytes and what to do, wherever the bytes stand."""
    file.write_bytes(b"a line of text\n" * before + b"bad \xff\xfe\n" + b"more\n" * 10)
    with pytest.raises(StepError) as error:
        read(file)
    assert cause(error) == (
        f"{file}:{before + 1}: the bytes ff are no utf-8 text; set another encoding, or on_bad to replace or skip"
    )


@pytest.mark.parametrize(("size", "end"), [(10, ""), (9, "\n"), (8, "\r\n")])
def test_lines_read_a_line_that_just_fits(file: Path, size: int, end: str) -> None:
    """The longest line allowed is read, its end counted."""
    file.write_text("ä" * size + end, "utf-8", newline="")
    assert read(file, max_line_chars=10).output == ["ä" * size]


@pytest.mark.parametrize(("size", "end"), [(11, ""), (10, "\n"), (9, "\r\n"), (5_000_000, "")])
def test_lines_refuse_a_line_that_is_too_long(file: Path, size: int, end: str) -> None:
    """A longer line is an error that names it and the param that allows it."""
    file.write_text("short\n" + "x" * size + end, newline="")
    with pytest.raises(StepError) as error:
        read(file, max_line_chars=10)
    assert cause(error).startswith(f"{file}:2: the line is longer than 10 chars; raise max_line_chars")


def test_lines_fail_when_there_is_no_file(tmp_path: Path) -> None:
    """A missing file fails the step, with the path in the message."""
    with pytest.raises(StepError, match=r"step 'lines' failed.*nothing\.txt") as error:
        read(tmp_path / "nothing.txt")
    assert isinstance(error.value.__cause__, FileNotFoundError)


def test_lines_have_no_size_when_the_file_is_a_device() -> None:
    """What is no regular file has no size to tell."""
    assert read(Path("/dev/null")).header == FileHeader(path="/dev/null", size_bytes=None)


@pytest.mark.parametrize(
    "params",
    [{}, {"path": "x", "encoding": "rot13"}, {"path": "x", "on_bad": "hope"}, {"path": "x", "max_line_chars": 0}],
)
def test_lines_refuse_wrong_params(params: dict[str, Any]) -> None:
    """Params are checked before anything is opened."""
    with pytest.raises(ValidationError):
        lines.with_params(**params)


def test_lines_stop_reading_when_the_reader_has_enough(file: Path) -> None:
    """A reader that leaves ends the source long before the end of the file."""
    file.write_text("line\n" * 100_000)
    result = run_sync(Pipeline("first", steps={"lines": lines.with_params(path=file), "first": take.with_params(n=3)}))
    assert result.output == ["line"] * 3
    assert result.metrics["lines"].items_out < 2_000


def test_lines_tell_how_far_they_are(file: Path) -> None:
    """A long file is read with progress that grows up to the whole."""
    told: list[float | None] = []
    file.write_text("a line of text\n" * 20_000)
    context = StepContext("execution", "lines", report=lambda fraction, _message, _data: told.append(fraction))
    assert sum(isinstance(frame, str) for frame in lines(context, path=file)) == 20_000
    assert len(told) == 4
    assert told == sorted(told, key=lambda fraction: fraction or 0)
    assert told[-1] is not None
    assert 0.7 < told[-1] <= 1


MEMORY = """
import resource, sys
from headwater import Pipeline, run_sync
from headwater_steps import shaping, sources, text

def run(path):
    steps = {"read": getattr(sources, sys.argv[1]).with_params(path=path), "n": shaping.count}
    return run_sync(Pipeline("count", steps=steps)).output

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

run(sys.argv[2])
before = peak()
print(run(sys.argv[3]), peak() - before)
"""


@pytest.mark.parametrize(("kind", "line"), [("lines", "x" * 999), ("jsonl", json.dumps({"x": "y" * 990}))])
def test_source_takes_constant_memory_whatever_the_size(tmp_path: Path, kind: str, line: str) -> None:
    """A file of 50 MB takes no more memory than one of 1 MB, but for a few of the system's own pages."""
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_text(f"{line}\n" * 1_000)
    large.write_text(f"{line}\n" * 50_000)
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, kind, str(small), str(large)], capture_output=True, text=True, check=True
    )
    items, growth_kib = map(int, done.stdout.split())
    assert items == 50_000
    assert growth_kib < 4_096


# ---- jsonl


def test_jsonl_reads_every_kind_of_value(file: Path) -> None:
    """Each line is one JSON value, null and scalars included; blank lines are left out and counted."""
    file.write_bytes(b'\xef\xbb\xbf{"a": [1, 2.5]}\r\n\n  \t\n"text"\n3\nnull\ntrue')
    result = read_jsonl(file)
    assert result.output == [{"a": [1, 2.5]}, "text", 3, None, True]
    assert result.header == FileHeader(path=str(file), size_bytes=file.stat().st_size)
    assert result.footer == JsonlFooter(lines=7, items=5, blank_lines=2, bad_lines=0, first_bad_lines=())


@given(
    st.lists(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5), max_size=5)
)
def test_jsonl_reads_what_was_written(tmp_path_factory: pytest.TempPathFactory, values: list[Any]) -> None:
    """Whatever values another library writes as JSON lines come back."""
    file = tmp_path_factory.getbasetemp() / "written.jsonl"
    file.write_text("".join(f"{json.dumps(value)}\n" for value in values))
    frames = list(jsonl(StepContext("execution", "jsonl"), path=file))
    assert frames[1:-1] == values


BAD = [
    pytest.param(b'{"a": }', "no JSON: expected value", 7, id="no value"),
    pytest.param(b"NaN", "no JSON: expected value", 1, id="NaN"),
    pytest.param(b"[-Infinity]", "no JSON", 3, id="Infinity"),
    pytest.param(b"{'a': 1}", "no JSON: key must be a string", 2, id="single quotes"),
    pytest.param(b'{"a": 1} {"a": 2}', "no JSON: trailing characters", 10, id="two values"),
    pytest.param(b'{"a": 1', "no JSON: EOF while parsing an object", 7, id="cut off"),
    pytest.param(b'"\xff"', "no JSON: invalid unicode code point", 2, id="no UTF-8"),
    pytest.param(b"[" * 1_000, "no JSON: recursion limit exceeded", 202, id="too deep"),
]


@pytest.mark.parametrize(("line", "reason", "column"), BAD)
def test_jsonl_names_the_place_of_a_bad_line(file: Path, line: bytes, reason: str, column: int) -> None:
    """The error tells file, line, column, the reason and what to do; what came before was read."""
    file.write_bytes(b"1\n\n" + line + b"\n2\n")
    with pytest.raises(StepError) as error:
        read_jsonl(file)
    assert cause(error).startswith(f"{file}:3:{column}: {reason}")
    assert cause(error).endswith("; mend it, or set on_bad to skip")
    assert isinstance(error.value.__cause__, BadLineError)
    assert (error.value.__cause__.line, error.value.__cause__.column) == (3, column)


@pytest.mark.parametrize(("line", "reason", "column"), BAD)
def test_jsonl_counts_bad_lines_when_it_skips_them(file: Path, line: bytes, reason: str, column: int) -> None:
    """A skipped line is told in the footer, with its number."""
    file.write_bytes(b"1\n" + line + b"\n2\n")
    result = read_jsonl(file, on_bad="skip")
    assert result.output == [1, 2]
    assert result.footer == JsonlFooter(lines=3, items=2, blank_lines=0, bad_lines=1, first_bad_lines=(2,))


def test_jsonl_keeps_the_numbers_of_ten_bad_lines(file: Path) -> None:
    """However many lines are bad, the footer stays small."""
    file.write_text("bad\n1\n" * 1_000)
    footer = read_jsonl(file, on_bad="skip").footer
    assert footer.bad_lines == footer.items == 1_000
    assert footer.first_bad_lines == tuple(range(1, 20, 2))


@pytest.mark.parametrize("on_bad", ["fail", "skip"])
def test_jsonl_refuses_a_line_that_is_too_long(file: Path, on_bad: str) -> None:
    """A line too long is an error whatever happens to bad ones."""
    file.write_text('1\n"' + "x" * 2_000 + '"\n')
    with pytest.raises(StepError) as error:
        read_jsonl(file, on_bad=on_bad, max_line_bytes=1_000)
    assert cause(error).startswith(f"{file}:2: the line is longer than 1000 bytes; raise max_line_bytes")


async def test_jsonl_flows_on_every_event_loop(numbers: Path) -> None:
    """The values pass the edges of a pipeline, whatever runs it."""
    pipeline = Pipeline("count", steps={"values": jsonl.with_params(path=numbers), "n": count})
    assert (await pipeline.run()).output == 2_000
