"""Texts that come whole or in pieces, and how they are fed to what takes them apart."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Literal, Protocol, TypeVar

from headwater import Stream

__all__ = ["Cutter", "Piece", "parts_of_pieces", "parts_of_whole"]

PartT_co = TypeVar("PartT_co", covariant=True)
PartT = TypeVar("PartT")

Piece = Literal["chunk", "line", "text"]
"""What each item of a stream of texts is: any part of one text, a line of it, or a text of its own."""


class Cutter(Protocol[PartT_co]):
    """Takes one text apart while it comes."""

    def feed(self, piece: str) -> Iterator[PartT_co]:
        """Read the next piece of the text, and yield the parts that are whole with it."""
        ...

    def finish(self) -> Iterator[PartT_co]:
        """Read the end of the text, and yield the parts that are left."""
        ...


def parts_of_whole(text: str, cutter: Cutter[PartT]) -> Iterator[PartT]:
    """Yield the parts of a whole text."""
    yield from cutter.feed(text)
    yield from cutter.finish()


async def parts_of_pieces(
    pieces: Stream[str], each: Piece, new_cutter: Callable[[], Cutter[PartT]]
) -> AsyncIterator[PartT]:
    """Yield the parts of a text in pieces, or of many texts."""
    if each == "text":
        async for text in pieces:
            for part in parts_of_whole(text, new_cutter()):
                yield part
        return
    cutter = new_cutter()
    line_end = "\n" if each == "line" else ""
    async for piece in pieces:
        for part in cutter.feed(piece + line_end):
            yield part
    for part in cutter.finish():
        yield part
