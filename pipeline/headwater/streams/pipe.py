"""The two ends of a stream that passes through bytes, such as the pipes of a worker process.

The frames are those of `headwater.wire`, and two more. The synchronous parts do no I/O: a program without an event loop
sends what `PipeSink.pending` returns, and gives what arrives to `PipeSource.feed`.
"""

from __future__ import annotations

from enum import IntEnum
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from anyio import BrokenResourceError, ClosedResourceError, EndOfStream
from anyio.lowlevel import checkpoint
from pydantic_core import from_json, to_json

from headwater.errors import StreamBrokenError
from headwater.streams.channel import Channel
from headwater.streams.ends import NOTHING, ChannelStatistics, ReaderLeft
from headwater.streams.wrapped import Wrapped
from headwater.wire.payloads import frame
from headwater.wire.stream_reader import FrameDecoder, FrameKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from headwater.streams.meter import Meter

__all__ = ["Codec", "PipeSink", "PipeSource"]

_MAX_FRAME_BYTES = 2**32 - 1  # the other process is the program's own, and runs what the program asks for
_CLOSED = (EndOfStream, ClosedResourceError, BrokenResourceError, OSError)


class _Kind(IntEnum):
    """The frames that only a pipe has."""

    SKIP = 10
    NOTE = 11


class Codec(NamedTuple):
    """How the frames of one stream become JSON and back."""

    dump_items: Callable[[list[Any]], bytes] = to_json
    load_items: Callable[[bytes], list[Any]] = from_json
    dump: Callable[[Any], bytes] = to_json
    load: Callable[[bytes], Any] = from_json


async def _no_send(_data: bytes) -> None:
    """Stand for the I/O of a sink that is used without an event loop."""


class PipeSink:
    """The writing end; see `Sink`. To send the end of the stream, await `wait_writable` once more."""

    limit = 1  # every item can be sent at once: what makes frames larger is that items arrive while others are sent

    def __init__(
        self, codec: Codec, send: Callable[[bytes], Awaitable[object]] = _no_send, *, capacity: int = 256
    ) -> None:
        self.buffer: list[Any] = []
        self.capacity: int = capacity
        self.meter: Meter | None = None
        self._codec = codec
        self._send = send
        self._pending = bytearray()
        self._torn = False
        self._written_items = 0
        self._waited_s = 0.0
        self.ended: bool = False
        self._reader_left = False

    def pending(self) -> bytes:
        """Return the bytes to be sent now, and forget them."""
        pending = bytes(self._pending)
        self._pending.clear()
        return pending

    def flush(self) -> bool:
        """Make a frame of what is in the buffer; always True, as it is sent by `wait_writable`."""
        items = self.buffer[:]
        self.buffer.clear()
        if self._reader_left:
            raise ReaderLeft
        if items:
            self._add(FrameKind.ITEMS, self._codec.dump_items(items))
            self._written_items += len(items)
        if self.meter is not None:
            self.meter.look()
        return True

    def put(self, item: Any) -> bool:
        """Make a frame of one item; always True."""
        self.buffer.append(item)
        return self.flush()

    async def wait_writable(self) -> None:
        """Send what is pending; always let others run."""
        started = perf_counter()
        pending = self.pending()
        if self._torn:  # a part of a frame was sent and then cancelled, so nothing that follows could be read
            raise ReaderLeft
        try:
            self._torn = bool(pending)
            await (self._send(pending) if pending else checkpoint())
            self._torn = False
        except _CLOSED:
            self._reader_left = True
        finally:
            self._waited_s += perf_counter() - started
        if self._reader_left:
            raise ReaderLeft

    async def write(self, items: Sequence[Any]) -> bool:
        """Send items, in frames of at most `capacity`; always True."""
        for start in range(0, len(items), self.capacity):
            self.buffer += items[start : start + self.capacity]
            self.flush()
            await self.wait_writable()
        return True

    def set_header(self, header: Any) -> None:
        """Write the header, before the first item."""
        self._add(FrameKind.HEADER, self._codec.dump(header))

    def note(self, value: Any) -> None:
        """Write something beside the stream, for `PipeSource.on_note`."""
        self._add(_Kind.NOTE, to_json(value))

    def finish(self, footer: Any = NOTHING) -> None:
        """End the stream."""
        if footer is not NOTHING:
            self._add(FrameKind.FOOTER, self._codec.dump(footer))
        self._end(FrameKind.END, None)

    def skip(self) -> None:
        """End the stream because its branch was not taken."""
        self._end(_Kind.SKIP, None)

    def fail(self, error: Exception) -> None:
        """Break the stream, unless it has ended; the notes of the error cross as well."""
        where = {name: getattr(error, name, None) for name in ("step_id", "execution_id")}
        notes: list[str] = getattr(error, "__notes__", [])
        self._end(FrameKind.BREAK, {"message": str(error), **where, "notes": notes})

    def statistics(self) -> ChannelStatistics:
        """Return what was written; how much of it is read is known at the other end only."""
        return ChannelStatistics(
            buffered_items=len(self.buffer),
            capacity_items=self.capacity,
            written_items=self._written_items + len(self.buffer),
            read_items=self._written_items,
            done_items=0,
            reader_wait_s=0.0,
            writer_wait_s=self._waited_s,
            ended=self.ended,
        )

    def _end(self, kind: int, value: Any) -> None:
        if not self.ended:
            self.ended = True
            self._add(kind, to_json(value))

    def _add(self, kind: int, data: bytes) -> None:
        self._pending += frame(kind, data)


async def _no_bytes() -> bytes:
    """Stand for the I/O of a source that is used without an event loop."""
    return b""


class PipeSource(Wrapped):
    """The reading end; see `Source`. What has not been taken stays in the pipe, which makes the writer wait."""

    __slots__ = ("_codec", "_footer", "_frames", "_on_note", "_receive", "_waited_s", "arrived")

    def __init__(
        self,
        codec: Codec,
        receive: Callable[[], Awaitable[bytes]] = _no_bytes,
        on_note: Callable[[Any], object] | None = None,
    ) -> None:
        self.arrived: Channel = Channel()
        super().__init__(self.arrived)
        self._codec = codec
        self._receive = receive
        self._on_note = on_note
        self._frames = FrameDecoder(_MAX_FRAME_BYTES)
        self._footer: Any = NOTHING
        self._waited_s = 0.0

    def feed(self, data: bytes) -> None:
        """Decode the frames that are complete with these bytes; no bytes are the end of all."""
        for kind, payload in self._frames.feed(data):
            self._decode(kind, payload)
        if not data:
            self.arrived.fail(StreamBrokenError("the stream was cut off: its bytes ended before it did"))

    def _decode(self, kind: int, data: bytes) -> None:
        match kind:
            case FrameKind.ITEMS:
                self.arrived.buffer += self._codec.load_items(data)
            case FrameKind.HEADER:
                self.arrived.set_header(self._codec.load(data))
            case FrameKind.FOOTER:
                self._footer = self._codec.load(data)
            case FrameKind.END:
                self.arrived.finish(self._footer)
            case _Kind.SKIP:
                self.arrived.skip()
            case FrameKind.BREAK:
                self.arrived.fail(_broken(**from_json(data)))
            case _Kind.NOTE:
                if self._on_note is not None:
                    self._on_note(from_json(data))
            case _:
                self.arrived.fail(StreamBrokenError(f"the stream is damaged: there is no frame of kind {kind}"))

    async def take(self, *, ahead: bool = False) -> list[Any]:
        """Return every item that is there, waiting for at least one; an empty list at the end."""
        if not ahead:
            self.arrived.acknowledge()
        while not self.arrived.buffer and not self.arrived.ended:
            await self._wait()
        return await self.arrived.take(ahead=True)

    async def header(self) -> Any:
        """Return the header, or `NOTHING` once it is clear that none comes."""
        await self._wait_opened()
        return await self.arrived.header()

    async def branch_taken(self) -> bool:
        """Wait for the first frame or the end, and return whether the branch was taken."""
        await self._wait_opened()
        return await self.arrived.branch_taken()

    async def _wait_opened(self) -> None:
        while not self.arrived.opened:
            await self._wait()

    async def _wait(self) -> None:
        """Wait for bytes."""
        started = perf_counter()
        try:
            data = await self._receive()
        except _CLOSED:
            data = b""
        self._waited_s += perf_counter() - started
        self.feed(data)

    def close(self) -> None:
        """Read no further; the owner of the pipe closes it, which stops the writer."""
        self.arrived.finish()
        self.arrived.close()

    def statistics(self) -> ChannelStatistics:
        """Return what has arrived, and how much of it was read."""
        return self.arrived.statistics()._replace(reader_wait_s=self._waited_s)


def _broken(message: str, step_id: str | None, execution_id: str | None, notes: Sequence[str]) -> StreamBrokenError:
    error = StreamBrokenError(message, step_id=step_id, execution_id=execution_id)
    for note in notes:
        error.add_note(note)
    return error
