"""A stream that passes through bytes: whatever happens to the bytes, its reader gets all of it or an error."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater import StreamBrokenError
from headwater.streams.ends import NOTHING, ReaderLeft
from headwater.streams.pipe import Codec, PipeSink, PipeSource

ITEMS = [1, "two", {"three": [3]}, None]


def written() -> bytes:
    """Return the bytes of a whole stream."""
    sink = PipeSink(Codec(), capacity=3)
    sink.set_header({"language": "en"})
    for item in ITEMS:
        sink.put(item)
    sink.finish(len(ITEMS))
    return sink.pending()


def read(parts: list[bytes]) -> tuple[list[Any], PipeSource]:
    """Return the items that are in some bytes, and their source."""
    source = PipeSource(Codec())
    for part in parts:
        source.feed(part)
    return source.arrived.take_nowait(), source


@given(st.lists(st.integers(0, len(written()))))
def test_reads_the_same_however_the_bytes_are_cut_into_pieces(places: list[int]) -> None:
    """The pieces in which bytes arrive say nothing."""
    data, ends = written(), sorted(places)
    parts = [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]
    items, source = read([part for part in parts if part])
    assert (items, source.arrived.given_header, source.footer) == (ITEMS, {"language": "en"}, len(ITEMS))


@pytest.mark.parametrize("length", range(len(written())))
def test_breaks_wherever_the_bytes_end_before_the_end(length: int) -> None:
    """A stream that was cut is never taken for one that ended."""
    items, source = read([written()[:length], b""])
    assert items == ITEMS[: len(items)]
    assert isinstance(source.arrived.error, StreamBrokenError)
    assert "cut off" in str(source.arrived.error)


def test_ignores_the_end_of_the_bytes_after_the_end() -> None:
    """A stream that has ended stays so when its pipe is closed."""
    _, source = read([written(), b""])
    assert (source.arrived.ended, source.arrived.error) == (True, None)


def test_breaks_when_a_frame_has_an_unknown_kind() -> None:
    """Bytes that are not a stream are reported as damaged."""
    _, source = read([b"\xff\x00\x00\x00\x00"])
    assert "no frame of kind 255" in str(source.arrived.error)


def test_brings_the_notes_and_the_place_of_an_error() -> None:
    """A traceback from afar reaches the reader as a note."""
    error = StreamBrokenError("it failed", step_id="far", execution_id="run")
    error.add_note("Traceback ...")
    sink = PipeSink(Codec())
    sink.fail(error)
    _, source = read([sink.pending()])
    found = source.arrived.error
    assert isinstance(found, StreamBrokenError)
    assert (str(found), found.step_id, found.execution_id) == ("it failed", "far", "run")
    assert found.__notes__ == ["Traceback ..."]


def test_keeps_notes_beside_the_stream_in_their_order() -> None:
    """What is written beside the items does not mix with them, and arrives when it was written."""
    seen: list[Any] = []
    source = PipeSource(Codec(), on_note=lambda note: seen.append((note, len(source.arrived.buffer))))
    sink = PipeSink(Codec())
    sink.note("first")
    sink.put(1)
    sink.note("second")
    source.feed(sink.pending())
    assert seen == [("first", 0), ("second", 1)]
    assert read([b""])[1].arrived.given_header is NOTHING


async def test_sends_no_more_when_a_frame_was_sent_in_part() -> None:
    """A writer that is cancelled while it sends leaves a stream that is cut, not one that is garbled."""
    sent: list[bytes] = []

    async def send(data: bytes) -> None:
        sent.append(data[:3])
        await anyio.sleep_forever()

    sink = PipeSink(Codec(), send)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await sink.write([1])
    sink.fail(StreamBrokenError("cancelled"))
    with pytest.raises(ReaderLeft):
        await sink.wait_writable()
    assert len(sent) == 1
    assert read([*sent, b""])[1].arrived.error is not None


@pytest.mark.parametrize("error", [BrokenPipeError, anyio.BrokenResourceError, anyio.ClosedResourceError])
async def test_stops_the_writer_when_the_pipe_is_closed(error: type[Exception]) -> None:
    """A closed pipe is a reader that has left, now and later."""

    async def send(_data: bytes) -> None:
        raise error

    sink = PipeSink(Codec(), send)
    with pytest.raises(ReaderLeft):
        await sink.write([1])
    with pytest.raises(ReaderLeft):
        sink.put(2)


@pytest.mark.parametrize("error", [OSError, anyio.EndOfStream, anyio.BrokenResourceError])
async def test_breaks_when_nothing_can_be_received(error: type[Exception]) -> None:
    """A pipe that fails is a stream that was cut."""

    async def receive() -> bytes:
        raise error

    with pytest.raises(StreamBrokenError, match="cut off"):
        await PipeSource(Codec(), receive).header()
