"""Files of JSON lines: what is a value, what becomes of bad lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater import Pipeline, StepError
from headwater_steps.files import BadLineError, BadRow, FileFooter, FileHeader
from headwater_steps.sources import jsonl
from headwater_steps.streams import count
from tests.steps.reading import CONTEXT, cause, items_of, read, reject


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A place for the file under test."""
    return tmp_path / "data.jsonl"


def test_jsonl_reads_every_kind_of_value(file: Path) -> None:
    """Each line is one JSON value, null and scalars included; blank lines are left out and counted."""
    file.write_bytes(b'\xef\xbb\xbf{"a": [1, 2.5]}\r\n\n  \t\n"text"\n3\nnull\ntrue')
    result = read(jsonl, file)
    assert result.output == [{"a": [1, 2.5]}, "text", 3, None, True]
    assert result.header == FileHeader(path=str(file), size_bytes=file.stat().st_size)
    assert result.footer == FileFooter(lines=7, items=5, blank_lines=2)


@given(
    st.lists(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5), max_size=5)
)
def test_jsonl_reads_what_was_written(tmp_path_factory: pytest.TempPathFactory, values: list[Any]) -> None:
    """Whatever values another library writes as JSON lines come back."""
    file = tmp_path_factory.getbasetemp() / "written.jsonl"
    file.write_text("".join(f"{json.dumps(value)}\n" for value in values))
    assert items_of(jsonl(CONTEXT, path=file)) == values


def test_jsonl_takes_what_only_looks_odd(file: Path) -> None:
    """Digits and colons in strings, large integers and tiny fractions are values like any other."""
    lines = [{"a": "0e400", "b": 'x": 1, "b": 2'}, {"hash": "3e400f"}, 1e-400, 10**400, {"x": {"y": 1e300}}, 1e22]
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines) + "1E+99\n1e0000\n")
    assert read(jsonl, file).output == [*lines, 1e99, 1.0]


BAD = [
    pytest.param(b'{"a": }', "invalid JSON: expected value", 7, id="no value"),
    pytest.param(b"NaN", "invalid JSON: expected value", 1, id="NaN"),
    pytest.param(b"[-Infinity]", "invalid JSON", 3, id="Infinity"),
    pytest.param(b"{'a': 1}", "invalid JSON: key must be a string", 2, id="single quotes"),
    pytest.param(b'{"a": 1} {"a": 2}', "invalid JSON: trailing characters", 10, id="two values"),
    pytest.param(b'{"a": 1', "invalid JSON: EOF while parsing an object", 7, id="cut off"),
    pytest.param(b'"\xff"', "invalid JSON: invalid unicode code point", 2, id="no UTF-8"),
    pytest.param(b'{"\xc3\xa9": "abc\xff\xfe"}', "invalid JSON: invalid unicode code point", 11, id="no UTF-8 within"),
    pytest.param('["éé", x]'.encode(), "invalid JSON: expected value", 8, id="after other letters"),
    pytest.param('["aé'.encode(), "invalid JSON: EOF while parsing a string", 4, id="cut off after another letter"),
    pytest.param('["é", 1e400]'.encode(), "invalid JSON: the number '1e400' is too large", 7, id="too large after one"),
    pytest.param(b'{"a": 1e400}', "invalid JSON: the number '1e400' is too large", 7, id="too large"),
    pytest.param(b"[1, -1E+999]", "invalid JSON: the number '-1E+999' is too large", 5, id="too small"),
    pytest.param(b"1" + b"0" * 400 + b".0", "invalid JSON: the number", 1, id="many digits"),
    pytest.param(b'{"a": 1, "a": 2}', "invalid JSON: the key 'a' occurs twice in one object", 10, id="twice"),
    pytest.param(b'{"b": {"a" :1,"a" :2}}', "invalid JSON: the key 'a' occurs twice", 15, id="twice within"),
    pytest.param(b"[" * 1_000, "invalid JSON: recursion limit exceeded", 202, id="too deep"),
]


@pytest.mark.parametrize(("line", "reason", "column"), BAD)
def test_jsonl_names_the_place_of_a_bad_line(file: Path, line: bytes, reason: str, column: int) -> None:
    """The error tells file, line, column, the reason and what to do; what came before was read."""
    file.write_bytes(b"1\n\n" + line + b"\n2\n")
    with pytest.raises(StepError) as error:
        read(jsonl, file)
    assert cause(error).startswith(f"{file}:3:{column}: {reason}")
    assert cause(error).endswith("; repair the line, or set on_bad to skip or reject")
    assert isinstance(error.value.__cause__, BadLineError)
    assert (error.value.__cause__.line, error.value.__cause__.column) == (3, column)


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (
            '{\n  "salt": 1\n}\n',
            "the value continues on the next line, but must be on one: convert the file, such as with jq",
        ),
        ('[\n {"salt": 1},\n {"salt": 2}\n]\n', "such as with jq -c '.[]'"),
        ('{"salt": 1}\r{"salt": 2}\r', "the file has no line feed: its lines end with a carriage return alone"),
    ],
)
def test_jsonl_says_what_the_file_is_when_values_are_not_lines(file: Path, content: str, hint: str) -> None:
    """The hint names what turns the file into JSON lines."""
    file.write_text(content)
    with pytest.raises(StepError) as error:
        read(jsonl, file)
    assert hint in cause(error)


@pytest.mark.parametrize(("line", "reason", "column"), BAD)
def test_jsonl_counts_bad_lines_when_it_skips_them(file: Path, line: bytes, reason: str, column: int) -> None:
    """A skipped line is told in the footer, with its number."""
    file.write_bytes(b"1\n" + line + b"\n2\n")
    result = read(jsonl, file, on_bad="skip")
    assert result.output == [1, 2]
    assert result.footer == FileFooter(lines=3, items=2, bad_rows=1, first_bad_lines=(2,))


@pytest.mark.parametrize(("line", "reason", "column"), BAD)
def test_jsonl_gives_bad_lines_to_a_port_when_it_rejects_them(
    file: Path, line: bytes, reason: str, column: int
) -> None:
    """A rejected line has its number, the reason, its column, and the text as it stands."""
    file.write_bytes(b"1\n" + line + b"\r\n2")
    values, (bad,), footer = reject(jsonl, path=file)
    assert values == [1, 2]
    assert isinstance(bad, BadRow)
    assert (bad.line, bad.column, bad.text) == (2, column, line.decode(errors="replace"))
    assert bad.reason.startswith(reason)
    assert footer == FileFooter(lines=3, items=2, bad_rows=1, first_bad_lines=(2,))


def test_jsonl_keeps_the_numbers_of_ten_bad_lines(file: Path) -> None:
    """However many lines are bad, the footer stays small."""
    file.write_text("bad\n1\n" * 1_000)
    footer = read(jsonl, file, on_bad="skip").footer
    assert footer.bad_rows == footer.items == 1_000
    assert footer.first_bad_lines == tuple(range(1, 20, 2))


@pytest.mark.parametrize("on_bad", ["fail", "skip"])
def test_jsonl_refuses_a_line_that_is_too_long(file: Path, on_bad: str) -> None:
    """A line too long is an error whatever happens to bad ones."""
    file.write_text('1\n"' + "x" * 2_000 + '"\n')
    with pytest.raises(StepError) as error:
        read(jsonl, file, on_bad=on_bad, max_line_bytes=1_000)
    assert cause(error).startswith(f"{file}:2: the line is longer than 1000 bytes; raise max_line_bytes")


@pytest.fixture
def numbers(file: Path) -> Path:
    """A file with a number on each of its 2,000 lines."""
    file.write_text("".join(f"{number}\n" for number in range(2_000)))
    return file


async def test_jsonl_flows_on_every_event_loop(numbers: Path) -> None:
    """The values pass the edges of a pipeline, whatever runs it."""
    pipeline = Pipeline("count", steps={"values": jsonl.with_params(path=numbers), "n": count})
    assert (await pipeline.run()).output == 2_000
