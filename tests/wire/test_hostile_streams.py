"""Typed streams of a peer that means harm, and readers that were left in the middle."""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncIterator
from typing import Any, Literal

import anyio
import numpy as np
import pytest

from headwater.archives.formats import packer
from headwater.errors import FrameTypeError, StreamBrokenError, StreamConsumedError
from headwater.wire import FrameDecoder, FrameKind, StreamReader, StreamWriter, frame
from tests.wire.streams import chunked, pieces, read, written

OPEN = frame(FrameKind.OPEN, b'{"version":1}')
PIECE_BYTES = 256 * 1024
EVALUATED: list[Any] = ["(1,i4", "1" * 5000 + "i4,i4", "i4,i4", "(2,3)i4", "(" * 10_000, "i4," * 10_000, "a8", "int"]
NOT_PLAIN: list[Any] = ["V8", "S0", "O", "T", "M8[s", "<U" + "9" * 30, "M8[99999999999Y]", "<i8\0", ""]
HOSTILE_TYPES: list[Any] = [*EVALUATED, *NOT_PLAIN, None, 8, ["<i8"], {"names": ["a"], "formats": ["O"]}]
NEVER_WRITTEN: list[Any] = [None, 1, "1", {}, [-1], [-(2**63)], [True], [1.0], [[1]]]
HOSTILE_SHAPES: list[Any] = [*NEVER_WRITTEN, [2**70], [0, 2**62], [2**32, 2**32], [1] * 99, [1] * 100_000, [2], []]


def opened(compression: Literal["gzip", "zstd"]) -> bytes:
    """Return the first frame of a compressed stream."""
    return frame(FrameKind.OPEN, b'{"version":1,"compression":"%b"}' % compression.encode())


def array_frame(dtype: Any, shape: Any, values: bytes = bytes(8)) -> bytes:
    """Return a frame of an array that is described in any way."""
    about = json.dumps({"dtype": dtype, "shape": shape}).encode()
    return frame(FrameKind.ARRAY, len(about).to_bytes(4, "big") + about + values)


@pytest.mark.parametrize("size_bytes", [1, 7, 1000])
def test_frame_over_the_limit_is_refused_when_it_comes_whole(size_bytes: int) -> None:
    """The limit does not depend on how the bytes were cut."""
    data = OPEN + frame(FrameKind.ITEM, b"1") + frame(FrameKind.ITEM, b'"%b"' % (b"a" * 60)) + b"\x05"
    items: list[Any] = []
    with pytest.raises(StreamBrokenError, match="a frame of 62 bytes is larger than the limit of 50"):
        read([*chunked(data, size_bytes), b"\0\0"], max_frame_bytes=50, into=items)
    assert items == [1]


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_compressed_stream_is_read_when_it_fills_its_last_piece(compression: Any, extra: int) -> None:
    """Content whose size is that of a piece has nothing after its end."""
    end = frame(FrameKind.END, b'{"items":1}')
    text = b"a" * (PIECE_BYTES - len(end) - 7 + extra)
    one = packer(compression)
    packed = one.compress(frame(FrameKind.ITEM, b'"%b"' % text) + end) + one.flush()
    assert read([opened(compression) + packed])[1] == [text.decode()]


async def test_other_tasks_get_turns_while_a_small_piece_expands() -> None:
    """Empty frames that expand a thousandfold do not hold the event loop, so a limit of time holds."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = squeeze.compress(frame(FrameKind.ITEMS, b"[]") * (8 * PIECE_BYTES // 7)) + squeeze.flush()
    assert len(packed) < 16 * 1024
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await anyio.lowlevel.checkpoint()
            turns += 1

    async with anyio.create_task_group() as group:
        group.start_soon(count_turns)
        with pytest.raises(StreamBrokenError, match="cut off after 0 items"):
            await anext(StreamReader(pieces([opened("gzip") + packed])).read_items())
        group.cancel_scope.cancel()
    assert turns >= 7


@pytest.mark.parametrize("count", [b"true", b"1.0", b'"1"', b"[1]", b"9" * 4000])
def test_number_of_items_that_is_not_the_integer_is_damage(count: bytes) -> None:
    """What Python compares as equal is not the number that a writer writes, and a long one is cut in the message."""
    data = OPEN + frame(FrameKind.ITEM, b"1") + frame(FrameKind.END, b'{"items":%b}' % count)
    with pytest.raises(StreamBrokenError, match="items were written, but 1 were read") as caught:
        read([data])
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("version", [b"true", b"1.0", b'"' + b"1" * 100_000 + b'"'])
def test_version_that_is_not_the_integer_is_refused(version: bytes) -> None:
    """A message does not repeat what a peer makes long."""
    with pytest.raises(StreamBrokenError, match="has version") as caught:
        read([frame(FrameKind.OPEN, b'{"version":%b}' % version)])
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("notes", ["null", "5", '"ab"', "{}", '[null, {"a": [1]}]'])
@pytest.mark.parametrize("message", ["null", "5", "[]"])
def test_break_with_odd_fields_is_a_broken_stream(notes: str, message: str) -> None:
    """What a peer writes about its error cannot raise another one."""
    about = f'{{"message":{message},"notes":{notes},"step_id":7,"execution_id":[]}}'
    with pytest.raises(StreamBrokenError, match="its writer failed") as caught:
        read([OPEN + frame(FrameKind.BREAK, about.encode())])
    assert (caught.value.step_id, caught.value.execution_id) == (None, None)


def test_break_is_cut_when_it_is_long() -> None:
    """An error stays small, whatever its writer says."""
    about = {"message": "m" * 10**6, "notes": ["n" * 10**5] * 1000, "step_id": "s" * 10**6}
    with pytest.raises(StreamBrokenError) as caught:
        read([OPEN + frame(FrameKind.BREAK, json.dumps(about).encode())], max_frame_bytes=2**28)
    assert len(str(caught.value)) == 10_000


class _OddError(Exception):
    """An error that has no text."""

    def __str__(self) -> str:
        raise LookupError


@pytest.mark.parametrize("error", [_OddError(), ValueError("\ud800"), ValueError("x" * 2**25), KeyboardInterrupt()])
def test_break_is_written_whatever_the_error_is(error: BaseException) -> None:
    """An error that has no form as JSON, or is too large for a frame, reaches the reader all the same."""
    vars(error).update(step_id=object(), __notes__=7)
    with pytest.raises(StreamBrokenError) as caught:
        read([StreamWriter().write_break(error)])
    assert "frame" not in str(caught.value)


@pytest.mark.parametrize("dtype", HOSTILE_TYPES)
def test_array_of_a_hostile_type_is_damage(dtype: Any) -> None:
    """The name of a type is never evaluated, and not repeated at length."""
    with pytest.raises(StreamBrokenError, match="the stream is damaged") as caught:
        read([OPEN + array_frame(dtype, [1])])
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("shape", HOSTILE_SHAPES)
def test_array_of_a_hostile_shape_is_damage(shape: Any) -> None:
    """A shape is the sizes that were written; none is computed or assumed."""
    values = b"" if shape in ([0, 2**62], []) else bytes(8)
    with pytest.raises(StreamBrokenError, match="the stream is damaged"):
        read([OPEN + array_frame("<i8", shape, values)])


@pytest.mark.parametrize("sent", [frame(FrameKind.ITEM, b"5"), frame(FrameKind.ITEMS, b"[5]"), frame(8, b"5")])
def test_other_items_than_arrays_are_refused_where_arrays_are_declared(sent: bytes) -> None:
    """An array is a type as any other, on both sides."""
    with pytest.raises(FrameTypeError, match="it should be an array"):
        read([OPEN + sent], np.ndarray)
    writer = StreamWriter[Any](np.ndarray)
    for write in (writer.write_item, lambda one: writer.write_items([one])):
        for item in (5, b"5"):
            with pytest.raises(FrameTypeError, match="it should be an array"):
                write(item)


@pytest.mark.parametrize("buffer", [bytearray, memoryview])
@pytest.mark.parametrize("size_bytes", [3, 1000])
def test_pieces_may_be_any_buffer(buffer: Any, size_bytes: int) -> None:
    """The items are bytes of their own, which do not change with the buffer."""
    data = written([1, b"ab", [2]], item=Any)
    found = read([buffer(part) for part in chunked(data, size_bytes)])[1]
    assert found == [1, b"ab", [2]]
    assert type(found[1]) is bytes


def test_piece_of_text_is_a_mistake_of_the_program() -> None:
    """A connection that yields strings is not a broken stream."""
    pieces_of_text: Any = ["abcdef"]
    for decode in (lambda: read(pieces_of_text), lambda: FrameDecoder().feed(pieces_of_text[0])):
        with pytest.raises(TypeError, match="bytes-like"):
            decode()


async def endless() -> AsyncIterator[bytes]:
    """Yield the beginning of a stream, and wait."""
    yield OPEN
    await anyio.sleep_forever()


async def test_items_are_not_complete_after_the_header_was_cancelled() -> None:
    """A stream that was left is never taken for one without items."""
    reader = StreamReader(endless(), int)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await reader.read_header()
    for again in (reader.read_header, reader.read_items().__anext__):
        with pytest.raises(StreamBrokenError, match="before its end"):
            await again()


async def test_items_are_not_complete_after_the_reader_was_closed() -> None:
    """Closing ends the stream for everyone, and closing twice does no harm."""
    reader = StreamReader(pieces([written([1], item=int)]), int)
    await reader.aclose()
    await reader.aclose()
    with pytest.raises(StreamBrokenError, match="before its end"):
        await anext(reader.read_items())


async def test_header_of_another_type_is_never_missing() -> None:
    """The header raises its own error, and no item follows it."""
    reader = StreamReader(pieces([OPEN + frame(FrameKind.HEADER, b'"x"') + frame(FrameKind.ITEM, b"1")]), int, int)
    with pytest.raises(FrameTypeError, match="the header has another type"):
        await reader.read_header()
    for again in (reader.read_header, reader.read_items().__anext__):
        with pytest.raises(StreamBrokenError, match="before its end"):
            await again()


async def test_second_task_is_refused_while_one_reads() -> None:
    """Two tasks on one reader are a mistake, and the message says what to do; the first task goes on."""
    reader = StreamReader(endless(), int)
    async with anyio.create_task_group() as group:
        group.start_soon(reader.read_header)
        await anyio.wait_all_tasks_blocked()
        for other in (reader.read_header, reader.read_items().__anext__, reader.aclose):
            with pytest.raises(StreamConsumedError, match="another task is reading the stream"):
                await other()
        group.cancel_scope.cancel()


async def test_reader_that_read_nothing_closes_its_bytes() -> None:
    """Leaving the block lets go of the connection, also before the first frame."""

    class Connection:
        closed = 0

        def __aiter__(self) -> AsyncIterator[bytes]:
            return endless()

        async def aclose(self) -> None:
            self.closed += 1

    connection = Connection()
    async with StreamReader(connection):
        pass
    assert connection.closed == 1
