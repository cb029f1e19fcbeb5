"""Edges that pass through a pipe of the operating system, made of nothing but the ends of streams."""

from __future__ import annotations

import fcntl
import os
from typing import Any

import anyio
from anyio.abc import TaskGroup
from pydantic import TypeAdapter

from headwater import StreamBrokenError
from headwater.graph.plan import PlannedEdge
from headwater.streams.channel import Channel
from headwater.streams.ends import NOTHING, Ends, ReaderLeft, Sink, Source
from headwater.streams.pipe import Codec, PipeSink, PipeSource
from headwater.streams.waiter import Waiter

PIPE_BYTES = 4096


class BytePipe:
    """A pipe of the operating system that holds as little as it can."""

    def __init__(self) -> None:
        self._outgoing, self._incoming = os.pipe()
        fcntl.fcntl(self._incoming, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        for handle in (self._outgoing, self._incoming):
            os.set_blocking(handle, False)

    async def send(self, data: bytes) -> None:
        """Send all the bytes, a part at a time as they are read."""
        rest = memoryview(data)
        while rest:
            await anyio.wait_writable(self._incoming)
            rest = rest[os.write(self._incoming, rest) :]

    async def receive(self) -> bytes:
        """Return some bytes, none after the last."""
        await anyio.wait_readable(self._outgoing)
        return os.read(self._outgoing, PIPE_BYTES)

    def close_sending(self) -> None:
        """End the bytes."""
        os.close(self._incoming)

    def close_receiving(self) -> None:
        """Refuse any more bytes."""
        os.close(self._outgoing)


async def relay(source: Source, sink: Sink) -> None:
    """Move a stream from its source to a sink, with whatever happens to it at either end."""
    try:
        if not await source.branch_taken():
            sink.skip()
            return
        if (header := await source.header()) is not NOTHING:
            sink.set_header(header)
        while items := await source.take():
            await sink.write(items)
        sink.finish(source.footer)
    except ReaderLeft:
        source.close()
    except StreamBrokenError as error:
        sink.fail(error)
    except Exception as error:  # noqa: BLE001 - an item that cannot cross breaks the stream for its reader
        source.close()
        sink.fail(error)


class PipeEdges:
    """Opens edges whose frames pass through a pipe, in both directions of time: items forth, leaving back.

    Args:
        group: Where what moves the frames runs; it outlives the execution.
    """

    def __init__(self, group: TaskGroup) -> None:
        self._group = group
        self.opened: dict[str, Ends] = {}  # by the step that writes

    def __call__(self, edge: PlannedEdge, reader: Waiter) -> Ends:
        """Return the ends of an edge."""
        capacity = edge.capacity if edge.streaming else 2
        near = Channel(capacity, unary=not edge.streaming)
        far = Channel(capacity, reader, unary=not edge.streaming)
        pipe, codec = BytePipe(), codec_of(edge)
        self._group.start_soon(self._write, near, PipeSink(codec, pipe.send), pipe)
        self._group.start_soon(self._read, PipeSource(codec, pipe.receive), far, pipe)
        self.opened[edge.source or "input"] = ends = Ends(near, far)
        return ends

    async def _write(self, near: Channel, sink: PipeSink, pipe: BytePipe) -> None:
        try:
            await relay(near, sink)
            await sink.wait_writable()
        except ReaderLeft:
            near.close()
        finally:
            pipe.close_sending()

    async def _read(self, source: PipeSource, far: Channel, pipe: BytePipe) -> None:
        try:
            await relay(source, far)
        finally:
            pipe.close_receiving()


def codec_of(edge: PlannedEdge) -> Codec:
    """Return how the frames of an edge cross: as JSON of their declared types."""
    items: TypeAdapter[list[Any]] = TypeAdapter(list[edge.type.item])  # type: ignore[name-defined]
    frames: TypeAdapter[Any] = TypeAdapter(edge.type.header | edge.type.footer if edge.type.header else None)
    return Codec(items.dump_json, items.validate_json, frames.dump_json, frames.validate_json)
