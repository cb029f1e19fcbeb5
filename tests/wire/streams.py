"""Streams for the tests of the wire: sample types, and bytes in pieces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from pydantic import BaseModel

from headwater.wire import Compression, StreamReader, StreamWriter


class Opening(BaseModel):
    """A header."""

    source: str


class Word(BaseModel):
    """An item."""

    text: str
    score: float | None = None


class Closing(BaseModel):
    """A footer."""

    words: int


WORDS = [Word(text="río"), Word(text="源流 🏞", score=0.5), Word(text="")]

Read = tuple[Any, list[Any], Any]


def written(
    items: Sequence[Any] = WORDS,
    *,
    item: Any = Word,
    header: Any = None,
    footer: Any = None,
    compression: Compression | None = None,
) -> bytes:
    """Return a whole stream, with its first item in a frame of its own."""
    writer = StreamWriter[Any, Any, Any](
        item,
        None if header is None else type(header),
        None if footer is None else type(footer),
        compression=compression,
    )
    sent = b"" if header is None else writer.write_header(header)
    if items:
        sent += writer.write_item(items[0]) + writer.write_items(items[1:])
    sent += b"" if footer is None else writer.write_footer(footer)
    return sent + writer.write_end()


async def pieces(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Yield bytes one after the other."""
    for part in parts:
        yield part


def chunked(data: bytes, size_bytes: int) -> list[bytes]:
    """Return bytes in pieces of one size."""
    return [data[start : start + size_bytes] for start in range(0, len(data), size_bytes)]


async def read_all(parts: Iterable[bytes], *types: Any, into: list[Any] | None = None, **options: Any) -> Read:
    """Return the header, the items and the footer of a stream; items go to `into`, also before an error."""
    reader = StreamReader[Any, Any, Any](pieces(parts), *types, **options)
    header = await reader.read_header()
    items = [] if into is None else into
    async for item in reader.read_items():
        items.append(item)
    return header, items, await reader.read_footer()


def read(parts: Iterable[bytes], *types: Any, into: list[Any] | None = None, **options: Any) -> Read:
    """Read a stream in an event loop of its own."""
    return asyncio.run(read_all(parts, *types, into=into, **options))
