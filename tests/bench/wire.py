"""What it costs to write a typed stream as bytes and to read it, beside the codec that one writes in ten minutes."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

from measure import Clock, Figure, Row, Value, in_loop, interleave
from pydantic import BaseModel

from headwater import StreamReader, StreamWriter

__all__ = ["ROWS"]

ITEMS = 20_000
BATCH = 256  # the default capacity of an edge
CHUNK_BYTES = 65_536
PREFIX = struct.Struct(">BI")


class Word(BaseModel):
    """A small item."""

    text: str
    count: int


WORDS = [Word(text=f"w{number}", count=number) for number in range(500)] * (ITEMS // 500)


class PlainWriter:
    """The straightforward way to write: a kind, a length and JSON for each item."""

    def write_item(self, item: Word) -> bytes:
        """Return the bytes of one item."""
        payload = item.model_dump_json().encode()
        return PREFIX.pack(3, len(payload)) + payload


class PlainReader:
    """The straightforward way to read: so many bytes for the prefix, then so many for the item."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._buffer = bytearray()

    async def _read(self, size_bytes: int) -> bytes:
        while len(self._buffer) < size_bytes:
            self._buffer += await anext(self._chunks)
        data = bytes(self._buffer[:size_bytes])
        del self._buffer[:size_bytes]
        return data

    async def read_items(self) -> AsyncIterator[Word]:
        """Yield the items."""
        try:
            while True:
                _, length = PREFIX.unpack(await self._read(PREFIX.size))
                yield Word.model_validate_json(await self._read(length))
        except StopAsyncIteration:
            return


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), CHUNK_BYTES):
        yield data[start : start + CHUNK_BYTES]


async def _write_plainly() -> None:
    write = PlainWriter().write_item
    assert sum(len(write(word)) for word in WORDS) > ITEMS


async def _write_singly() -> None:
    writer = StreamWriter(Word)
    assert sum(len(writer.write_item(word)) for word in WORDS) + len(writer.write_end()) > ITEMS


async def _write_batches() -> None:
    writer = StreamWriter(Word)
    sizes = [len(writer.write_items(WORDS[start : start + BATCH])) for start in range(0, ITEMS, BATCH)]
    assert sum(sizes) + len(writer.write_end()) > ITEMS


async def _read_plainly(data: bytes) -> None:
    assert sum([1 async for _ in PlainReader(_chunks(data)).read_items()]) == ITEMS


async def _read_ours(data: bytes) -> None:
    assert sum([1 async for _ in StreamReader(_chunks(data), Word).read_items()]) == ITEMS


def _clock(work: Callable[[], Awaitable[None]]) -> Clock:
    return partial(in_loop, work)


def _beside(ours: Callable[[], Awaitable[None]], plain: Callable[[], Awaitable[None]]) -> Value:
    figures = [Figure(ITEMS, _clock(ours)), Figure(ITEMS, _clock(plain))]
    interleave(figures)
    mine, theirs = (figure.ns for figure in figures)
    return Value(mine / theirs, f"{1e9 / mine:,.0f} items/s beside {1e9 / theirs:,.0f}")


def _plain_bytes() -> bytes:
    return b"".join(map(PlainWriter().write_item, WORDS))


def _single_bytes() -> bytes:
    writer = StreamWriter(Word)
    return b"".join(map(writer.write_item, WORDS)) + writer.write_end()


def _batch_bytes() -> bytes:
    writer = StreamWriter(Word)
    parts = [writer.write_items(WORDS[start : start + BATCH]) for start in range(0, ITEMS, BATCH)]
    return b"".join(parts) + writer.write_end()


def _reading(data: Callable[[], bytes]) -> Value:
    return _beside(partial(_read_ours, data()), partial(_read_plainly, _plain_bytes()))


ROWS = [
    Row("wire: write in batches / straightforward codec", 1 / 3, "x", lambda: _beside(_write_batches, _write_plainly)),
    Row("wire: read batches / straightforward codec", 1 / 3, "x", lambda: _reading(_batch_bytes)),
    Row("wire: write one by one / straightforward codec", 1, "x", lambda: _beside(_write_singly, _write_plainly)),
    Row("wire: read one by one / straightforward codec", 1, "x", lambda: _reading(_single_bytes)),
]
