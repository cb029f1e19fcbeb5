"""Typed streams as bytes, and back."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.errors import FrameTypeError, StreamBrokenError, StreamConsumedError, StreamError, StreamOrderError
from headwater.wire import MAX_FRAME_BYTES, FrameDecoder, FrameKind, StreamReader, StreamWriter, frame, stream_reader
from tests.wire.streams import WORDS, Closing, Opening, Word, chunked, pieces, read, written

COMPRESSIONS: tuple[Literal["gzip", "zstd"] | None, ...] = (None, "gzip", "zstd")
WHOLE = {one: written(header=Opening(source="s"), footer=Closing(words=3), compression=one) for one in COMPRESSIONS}
MIXED = [*WORDS, b"\x00\xff", b"", np.arange(6, dtype="<i4").reshape(2, 3), 7, None]
VECTORS = json.loads((Path(__file__).parent.parent / "data" / "wire_vectors.json").read_text("utf-8"))["cases"]
OPEN = frame(FrameKind.OPEN, b'{"version":1}')
ENDED = frame(FrameKind.END, b'{"items":0}')


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("size_bytes", [1, 2, 3, 7, 64, 100_000])
def test_stream_is_the_same_however_its_bytes_are_cut(compression: Any, size_bytes: int) -> None:
    """The pieces in which bytes arrive have no meaning."""
    found = read(chunked(WHOLE[compression], size_bytes), Word, Opening, Closing)
    assert found == (Opening(source="s"), WORDS, Closing(words=3))


@given(cuts=st.lists(st.integers(0, len(WHOLE["gzip"])), max_size=8).map(sorted))
def test_stream_is_the_same_when_it_is_cut_anywhere(cuts: list[int]) -> None:
    """Also empty pieces change nothing."""
    data = WHOLE["gzip"]
    parts = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    assert read(parts, Word, Opening, Closing)[1] == WORDS


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_stream_is_broken_when_it_ends_at_any_byte_before_its_end(compression: Any) -> None:
    """No truncated stream is taken for a complete one, and its items are a beginning of what was written."""
    data = written(MIXED, item=Any, header=Opening(source="s"), footer=Closing(words=3), compression=compression)
    whole: list[Any] = read([data])[1]
    for end in range(len(data)):
        items: list[Any] = []
        with pytest.raises(StreamBrokenError, match="cut off"):
            read([data[:end]], into=items)
        assert list(map(repr, items)) == list(map(repr, whole[: len(items)]))


@pytest.mark.parametrize(
    "items",
    [
        [],
        [1, -(2**70), 0.1, True, None, "", "\0", "é漢🙂"],
        [b"", b"\x00" * 9, bytearray(b"ab"), memoryview(b"cd")],
        [math.inf, -math.inf],
        [{"a": [1, {"b": None}]}, [[], {}]],
    ],
)
def test_values_without_a_declared_type_are_read_as_written(items: list[Any]) -> None:
    """JSON values and bytes need no type."""
    assert read([written(items, item=Any)])[1] == items


def test_figures_of_a_model_that_json_does_not_have_are_read_as_written() -> None:
    """NaN and infinity do not become null, which an optional field would take in silence."""
    words = [Word(text="a", score=math.inf), Word(text="b", score=math.nan), Word(text="c")]
    _, found, _ = read([written(words)], Word)
    assert found[0] == words[0]
    assert found[1].score != found[1].score
    assert found[2] == words[2]


@pytest.mark.parametrize(
    ("declared", "items"),
    [
        (datetime, [datetime(2024, 2, 29, 12, tzinfo=UTC)]),
        (bytes, [b"\xff\x00", b"text"]),
        (tuple[int, str], [(1, "a"), (2, "b")]),
        (int | str, [1, "1", 2]),
        (float, [math.inf, 0.1, 5e-324]),
    ],
)
def test_items_have_their_declared_type_again(declared: Any, items: list[Any]) -> None:
    """The reader makes the values of the declared type from JSON."""
    assert read([written(items, item=declared)], declared)[1] == items


@pytest.mark.parametrize("dtype", ["<f4", ">i8", "bool", "<c16", "<U3", "<M8[s]"])
def test_arrays_are_read_with_their_type_and_shape(dtype: str) -> None:
    """An array is its bytes: nothing is rounded, and the order of the bytes stays."""
    array = np.zeros((2, 0, 3) if dtype == "bool" else (2, 3), dtype)
    (found,) = read([written([array], item=np.ndarray)], np.ndarray)[1]
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert (found == array).all()


def test_array_of_objects_is_refused() -> None:
    """What is not bytes cannot be written, and a stream cannot ask for objects."""
    with pytest.raises(FrameTypeError, match="no form as bytes"):
        StreamWriter().write_item(np.array([object()]))
    about = b'{"dtype":"O","shape":[1]}'
    damaged = frame(FrameKind.ARRAY, len(about).to_bytes(4, "big") + about + bytes(8))
    with pytest.raises(StreamBrokenError, match="no array has the type object"):
        read([OPEN + damaged])


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: str(case["name"]))
def test_lenient_reader_reads_streams_of_plain_frames(case: dict[str, Any]) -> None:
    """A stream of headers, items and footers alone is read, or refused where it is clearly wrong."""
    data, expected = bytes.fromhex(case["hex"]), case["expect"]
    types = (Any, Any, dict if "footer" in str(expected) else Any)
    for size_bytes in (1, 5, len(data) + 1):
        parts = chunked(data, size_bytes)
        if "error" in expected:
            with pytest.raises((StreamBrokenError, StreamOrderError)):
                read(parts, *types, lenient=True)
        else:
            header, items, footer = read(parts, lenient=True)
            assert (header, footer) == (expected.get("header"), expected.get("footer"))
            assert [item["words"] for item in items] == expected["items"]


def test_lenient_reader_needs_a_declared_footer() -> None:
    """A stream without an end is complete only if its footer says so."""
    with pytest.raises(StreamBrokenError, match="cut off after 1 items"):
        read([frame(FrameKind.ITEM, b"1")], int, None, int, lenient=True)


ITEM, HEADER, FOOTER = frame(FrameKind.ITEM, b"1"), frame(FrameKind.HEADER, b"2"), frame(FrameKind.FOOTER, b"3")
ONE_ITEM = frame(FrameKind.END, b'{"items":1}')


@pytest.mark.parametrize(
    ("frames", "types", "message"),
    [
        (ITEM + HEADER, (int,), "the header came after an item"),
        (HEADER + HEADER, (int,), "the header came after the header"),
        (FOOTER + ITEM, (int,), "an item came after the footer"),
        (FOOTER + FOOTER, (int,), "the footer came after the footer"),
        (ITEM + ONE_ITEM + ITEM, (int,), "after the end"),
        (ENDED + b"\0", (int,), "after the end"),
        (HEADER, (int, None), "declares no header"),
        (ITEM + FOOTER, (int, None, None), "declares no footer"),
        (ITEM, (int, int), "starts with its header"),
        (ENDED, (int, int), "starts with its header"),
        (ITEM + ONE_ITEM, (int, None, int), "the footer is missing"),
    ],
)
def test_frames_out_of_order_are_refused(frames: bytes, types: tuple[Any, ...], message: str) -> None:
    """Each side of a stream keeps the order `header? item* footer?`."""
    for size_bytes in (1, 1000):
        with pytest.raises(StreamOrderError, match=message):
            read(chunked(OPEN + frames, size_bytes), *types)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (ITEM, "does not begin with a frame of kind 1, but of kind 3"),
        (frame(FrameKind.OPEN, b"{}"), "version None"),
        (frame(FrameKind.OPEN, b'{"version":2}'), "version 2"),
        (frame(FrameKind.OPEN, b"[]"), "not an object"),
        (frame(FrameKind.OPEN, b'{"version":1,"compression":"lzma"}'), "'lzma', which cannot be read"),
        (OPEN + frame(77, b""), "no frame has the kind 77"),
        (OPEN + frame(0, b""), "no frame has the kind 0"),
        (OPEN + frame(FrameKind.ITEM, b"{"), "not JSON"),
        (OPEN + frame(FrameKind.ITEM, b"\xff"), "not JSON"),
        (OPEN + frame(FrameKind.ITEM, b"[" * 100_000), "not JSON"),
        (OPEN + frame(FrameKind.ITEMS, b"1"), "not an array"),
        (OPEN + ITEM + ENDED, "0 items were written, but 1 were read"),
        (OPEN + frame(FrameKind.END, b"{}"), "None items were written"),
        (OPEN + frame(FrameKind.ARRAY, b"\0"), "not JSON"),
        (frame(FrameKind.OPEN, b'{"version":1,"compression":"gzip"}') + b"no gzip", "damaged"),
        (frame(FrameKind.OPEN, b'{"version":1,"compression":"zstd"}') + b"no zstd", "damaged"),
    ],
)
def test_damaged_stream_is_broken(data: bytes, message: str) -> None:
    """Whatever is wrong with the bytes, the error is that of a stream that was cut off."""
    with pytest.raises(StreamBrokenError, match=message):
        read([data])


def test_large_frame_is_refused_before_its_bytes_are_read() -> None:
    """The length that a frame announces costs nothing."""
    with pytest.raises(StreamBrokenError, match="4,294,967,295 bytes is larger than the limit of 16,777,216"):
        read([OPEN, b"\x03\xff\xff\xff\xff"])
    decoder = FrameDecoder(max_frame_bytes=10)
    assert [*decoder.feed(frame(3, bytes(10)))] == [(3, bytes(10))]
    with pytest.raises(StreamBrokenError, match="a frame of 11 bytes"):
        decoder.feed(b"\x03\0\0\0\x0b")


@pytest.mark.parametrize("part", ["header", "footer"])
def test_header_that_is_too_large_leaves_the_stream_as_it_was(part: str) -> None:
    """What was refused was not written, so a smaller one may follow."""
    writer = StreamWriter[Any, Any, Any](int, str, str, max_frame_bytes=20)
    write = writer.write_header if part == "header" else writer.write_footer
    sent = writer.write_header("h") if part == "footer" else b""
    with pytest.raises(StreamError, match="is larger than the limit of 20"):
        write("x" * 20)
    sent += write("small") + (writer.write_footer("f") if part == "header" else b"") + writer.write_end()
    assert "small" in read([sent], int, str, str)


@pytest.mark.parametrize(("error", "code"), [(StreamBrokenError("x"), "stream-broken"), (KeyError("x"), None)])
def test_break_has_the_code_of_the_error(error: Exception, code: str | None) -> None:
    """An error has one code, whichever way it is sent."""
    *_, (_, payload) = FrameDecoder().feed(StreamWriter().write_break(error))
    assert json.loads(payload)["code"] == code


def test_items_that_are_too_large_for_one_frame_become_several() -> None:
    """The writer keeps the limit that the reader has, and an item that is larger is an error."""
    items = ["a" * 300, "b" * 300, "c" * 300]
    writer = StreamWriter(str, max_frame_bytes=700)
    data = writer.write_items(items) + writer.write_end()
    assert read([data], str, max_frame_bytes=700)[1] == items
    for write in (writer.write_items, lambda one: writer.write_item(one[0])):
        with pytest.raises(StreamError, match="is larger than the limit of 700"):
            write(["x" * 701])
    assert MAX_FRAME_BYTES == 16 * 2**20


@pytest.mark.parametrize(
    ("declared", "item"),
    [(int, "x"), (str, b"x"), (bytes, "x"), (Word, Closing(words=1)), (Word, {"txt": "a"}), (int, None)],
)
def test_item_of_another_type_is_refused_by_the_writer(declared: Any, item: Any) -> None:
    """Nothing is sent that the reader would refuse, and what was sent before stays a stream."""
    writer = StreamWriter[Any](declared)
    for write in (writer.write_item, lambda one: writer.write_items([one])):
        with pytest.raises(FrameTypeError, match="an item has another type than declared"):
            write(item)
    assert read([writer.write_end()])[1] == []


def test_dict_is_coerced_to_the_declared_model() -> None:
    """As on an edge of a pipeline, a dict may stand for a model."""
    items: list[Any] = [{"text": "a"}, Word(text="b")]
    assert read([written(items)], Word)[1] == [Word(text="a"), Word(text="b")]


@pytest.mark.parametrize(("declared", "payload"), [(int, b'"x"'), (Word, b"{}"), (bytes, b"1"), (str, b"7")])
def test_item_of_another_type_is_refused_by_the_reader(declared: Any, payload: bytes) -> None:
    """The items before the wrong one are read."""
    items: list[Any] = []
    with pytest.raises(FrameTypeError, match="an item has another type than declared"):
        read([OPEN + frame(FrameKind.ITEM, payload)], declared, into=items)
    assert items == []


def test_string_with_half_a_surrogate_pair_is_refused() -> None:
    """What has no form as UTF-8 is an error with its cause."""
    with pytest.raises(FrameTypeError, match="no form as JSON"):
        StreamWriter().write_item("\ud800")


def test_writer_that_fails_breaks_the_stream_after_its_items() -> None:
    """The reader gets what was written, then the error with its place."""
    writer = StreamWriter(int)
    error = StreamBrokenError("the pump failed", step_id="pump", execution_id="e1")
    error.add_note("ZeroDivisionError: division by zero")
    data = writer.write_item(1) + writer.write_break(error)
    assert writer.write_break(error) == b""
    items: list[Any] = []
    with pytest.raises(StreamBrokenError, match="the pump failed") as caught:
        read([data], int, into=items)
    assert items == [1]
    assert (caught.value.step_id, caught.value.execution_id) == ("pump", "e1")
    assert caught.value.__notes__ == ["ZeroDivisionError: division by zero"]


async def test_error_of_the_connection_is_a_broken_stream() -> None:
    """A program handles one error, whatever library reads the bytes."""

    async def connection() -> AsyncIterator[bytes]:
        yield OPEN + ITEM
        raise ConnectionResetError("reset by peer")

    items: list[int] = []
    with pytest.raises(StreamBrokenError, match="reset by peer") as caught:
        async for item in StreamReader(connection(), int).read_items():
            items.append(item)  # noqa: PERF401 - what was read before the error counts
    assert items == [1]
    assert isinstance(caught.value.__cause__, ConnectionResetError)


async def test_leaving_the_items_closes_the_connection() -> None:
    """A reader that stops early lets go of the bytes."""
    closed: list[bool] = []

    async def connection() -> AsyncIterator[bytes]:
        try:
            yield OPEN
            while True:
                yield ITEM
        finally:
            closed.append(True)

    async with StreamReader(connection(), int) as reader:
        assert await reader.read_header() is None
    assert closed == [True]
    async with aclosing(StreamReader(connection(), int).read_items()) as items:
        assert await anext(items) == 1
    assert closed == [True, True]


async def test_items_are_read_once() -> None:
    """A second iteration is an error, never silently empty."""
    reader = StreamReader(pieces([written([1, 2], item=int)]), int)
    assert [item async for item in reader.read_items()] == [1, 2]
    async with aclosing(reader.read_items()) as again:
        with pytest.raises(StreamConsumedError):
            await anext(again)


async def test_footer_before_the_items_is_refused() -> None:
    """The footer is known at the end alone."""
    with pytest.raises(StreamOrderError, match="read them to their end"):
        await StreamReader(pieces([WHOLE[None]])).read_footer()


async def test_header_is_known_before_any_item_is_sent() -> None:
    """A stream is typed while it is produced, so its header does not wait for items."""
    writer = StreamWriter(int, str)
    async with StreamReader(pieces([writer.write_header("h")]), int, str) as reader:
        assert await reader.read_header() == "h"


async def test_compressed_items_are_read_as_soon_as_they_are_sent() -> None:
    """Compression holds nothing back."""
    writer = StreamWriter(int, compression="gzip")
    async with aclosing(StreamReader(pieces([writer.write_item(1)]), int).read_items()) as items:
        assert await anext(items) == 1


def test_compressed_stream_expands_in_bounded_pieces() -> None:
    """A small stream that expands a thousandfold is read piece by piece."""
    item = "0" * 100_000
    data = written([item] * 200, item=str, compression="zstd")
    assert len(data) < 20_000
    assert read([data], str)[1] == [item] * 200


@pytest.mark.parametrize("write", ["header", "footer", "end"])
def test_writer_keeps_the_order(write: str) -> None:
    """What the reader would refuse is not written."""
    writer = StreamWriter(int, None, int)
    writer.write_item(1)
    with pytest.raises(StreamOrderError):
        writer.write_header(1) if write == "header" else writer.write_end() if write == "end" else [
            writer.write_footer(1),
            writer.write_footer(1),
        ]


def test_first_frame_names_the_declared_types() -> None:
    """Two writers of one type open their streams alike, and those of other types differently."""
    opened = [StreamWriter(one).write_end() for one in (int, int, str, Any)]
    kinds = [json.loads(next(iter(FrameDecoder().feed(data)))[1])["types"] for data in opened]
    assert kinds[0] == kinds[1] != kinds[2]
    assert kinds[3] is None


def test_copy_of_the_reader_works_without_headwater(tmp_path: Path) -> None:
    """Another program reads streams with one file, pydantic and the standard library."""
    source = Path(stream_reader.__file__).read_text("utf-8")
    (tmp_path / "copied.py").write_text(source, "utf-8")
    (tmp_path / "stream.bin").write_bytes(WHOLE[None])
    (tmp_path / "program.py").write_text(
        "import asyncio, sys\n"
        "sys.modules['headwater'] = sys.modules['anyio'] = None\n"
        "from copied import StreamReader, StreamBrokenError\n"
        "data = open('stream.bin', 'rb').read()\n"
        "async def chunks(cut):\n"
        "    yield data[:cut]\n"
        "async def main(cut):\n"
        "    return [item['text'] async for item in StreamReader(chunks(cut)).read_items()]\n"
        "print(ascii(asyncio.run(main(len(data)))))\n"
        "try:\n"
        "    asyncio.run(main(-1))\n"
        "except StreamBrokenError as error:\n"
        "    print(error)\n",
        "utf-8",
    )
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == [ascii([word.text for word in WORDS]), "the stream was cut off after 3 items"]


@given(
    items=st.lists(st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.binary(), st.lists(st.integers()))),
    size_bytes=st.integers(1, 50),
)
def test_any_items_are_read_as_written(items: list[Any], size_bytes: int) -> None:
    """Whatever the items and the pieces, nothing is lost or changed."""
    assert read(chunked(written(items, item=Any), size_bytes))[1] == items
