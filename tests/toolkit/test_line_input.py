"""Input that arrives as chunks of bytes: values of JSON lines, lines of text, and what is wrong with them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater import ConfigError, Pipeline, Stream, step
from headwater.toolkit import TextLines, json_lines, text_lines

pytestmark = pytest.mark.anyio


@step("example.line_input_total")
async def total(numbers: Stream[int]) -> int:
    """Add numbers."""
    return sum([number async for number in numbers])


async def chunked(chunks: Sequence[bytes], closed: list[bool] | None = None) -> AsyncGenerator[bytes]:
    """Yield chunks, and note when that ends."""
    try:
        for chunk in chunks:
            yield chunk
    finally:
        if closed is not None:
            closed.append(True)


async def read(items: AsyncIterator[Any]) -> tuple[list[Any], str]:
    """Return the items, and the error that ends them."""
    found: list[Any] = []
    try:
        async for item in items:
            found.append(item)  # noqa: PERF401 - what came before an error counts
    except ConfigError as error:
        return found, str(error)
    return found, ""


def cut(data: bytes, size: int) -> list[bytes]:
    """Return data in chunks of a size."""
    return [data[place : place + size] for place in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize(
    ("data", "values", "lines"),
    [
        (b"", [], []),
        (b"1\n2\n", [1, 2], ["1", "2"]),
        (b"1\r\n2", [1, 2], ["1", "2"]),
        (b'\xef\xbb\xbf"a"\n\n"b"\n', ["a", "b"], ['"a"', "", '"b"']),
        (b'{"a": [1, "\xc3\xa4"]}\n  \nnull', [{"a": [1, "ä"]}, None], ['{"a": [1, "ä"]}', "  ", "null"]),
    ],
)
async def test_reads_the_same_when_chunks_are_cut_anywhere(
    data: bytes, values: list[Any], lines: list[str], size: int
) -> None:
    """The values and the lines do not depend on how the bytes arrive."""
    assert await read(json_lines(chunked(cut(data, size)))) == (values, "")
    assert await read(text_lines(chunked(cut(data, size)))) == (lines, "")


@given(st.lists(st.binary(max_size=9).filter(lambda line: b"\n" not in line and b"\r" not in line)), st.data())
async def test_lines_come_back_when_they_are_joined(lines: list[bytes], data: st.DataObject) -> None:
    """What was joined with line breaks is read as the same lines, unless its first bytes or a line are not text."""
    joined = b"#" + b"\n".join(lines) + b"\n"
    chunks = cut(joined, data.draw(st.integers(1, len(joined))))
    found, error = await read(text_lines(chunked(chunks)))
    if not error:
        assert "\n".join(found).encode() + b"\n" == joined


@pytest.mark.parametrize("size", [1, 5, 100])
@pytest.mark.parametrize(
    ("data", "read_before", "message"),
    [
        (b"1\n\n[2\n3\n", [1], "the body:3:2: the line is not a JSON value: EOF while parsing a list"),
        (b'{"a": 1, "a": 2}', [], "the body:1:10: the line is not a JSON value: "),
        (b"1\n2\n1e999\n", [1, 2], "the body:3:1: the line is not a JSON value: the number '1e999' is too large"),
        (b"1\n" + b"7" * 21 + b"\n3\n", [1], "the body:2: the line is longer than 20 bytes"),
        (b"1\n" + b"7" * 21, [1], "the body:2: the line is longer than 20 bytes"),
        (b"%PDF-1.4", [], "the body:1: expected text, found "),
    ],
)
async def test_names_the_line_when_a_value_is_bad(data: bytes, read_before: list[Any], message: str, size: int) -> None:
    """The values of the lines before come first, then an error with the line and the column."""
    if data.startswith(b"%PDF") and size == 1:
        pytest.skip("one byte does not show what it is")
    found, error = await read(json_lines(chunked(cut(data, size)), "the body", longest_line_bytes=20))
    assert found == read_before
    assert error.startswith(message)


async def test_names_the_byte_when_a_line_is_not_text() -> None:
    """A line that is not UTF-8 is an error with its line and column."""
    found, error = await read(text_lines(chunked([b"salt\nwa\xffter\n"]), "the body"))
    assert found == ["salt"]
    assert error.startswith("the body:2:3: the byte 0xff is not UTF-8")


async def test_keeps_little_when_a_line_arrives_byte_by_byte() -> None:
    """The limit counts bytes of the unfinished line, however small the chunks are."""
    _, error = await read(json_lines(chunked([b"7"] * 5000), longest_line_bytes=4096))
    assert error.startswith("input:1: the line is longer than 4096 bytes")


@pytest.mark.parametrize("kind", ["json", "text"])
async def test_closes_the_chunks_when_reading_stops_early(kind: str) -> None:
    """What the bytes are read from is closed with the values."""
    closed: list[bool] = []
    chunks = chunked([b"1\n", b"2\n"], closed)
    lines = json_lines(chunks) if kind == "json" else text_lines(chunks)
    await anext(lines)
    await lines.aclose()
    assert closed == [True]


async def test_feeds_a_pipeline_while_it_arrives() -> None:
    """The values are the items of a pipeline."""
    pipeline = Pipeline("total", steps={"total": total})
    assert (await pipeline.run(json_lines(chunked([b"1\n2", b"2\n3\n"])))).output == 26


async def test_says_that_it_is_lines_when_it_feeds_a_pipeline() -> None:
    """A step that takes text gets line breaks between the lines of a text."""
    pipeline = Pipeline.load({"name": "words", "steps": [{"id": "words", "kind": "text.words"}]})
    lines = text_lines(chunked([b"salt\nwat", b"er\n"]))
    assert isinstance(lines, TextLines)
    assert (await pipeline.run(lines)).output == ["salt", "water"]
