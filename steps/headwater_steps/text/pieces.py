"""Text as one string or in pieces, and how it is fed to a cutter."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Literal, Protocol, TypeVar

from headwater import Stream

__all__ = ["Cutter", "Piece", "parts_of_pieces", "parts_of_whole"]

PartT_co = TypeVar("PartT_co", covariant=True)
PartT = TypeVar("PartT")

Piece = Literal["chunk", "line", "text"]
"""What each item of a stream of strings is: any part of one text, a line of it, or all of one."""


class Cutter(Protocol[PartT_co]):
    """Cuts one text into parts while it arrives."""

    def feed(self, piece: str) -> Iterator[PartT_co]:
        """Take the next piece, and yield the parts that are complete with it."""
        ...

    def finish(self) -> Iterator[PartT_co]:
        """Take the end of the text, and yield the parts that are left."""
        ...


def parts_of_whole(text: str, cutter: Cutter[PartT]) -> Iterator[PartT]:
    """Yield the parts of one string, cut by a new cutter."""
    yield from cutter.feed(text)
    yield from cutter.finish()


async def parts_of_pieces(
    pieces: Stream[str], each: Piece | None, new_cutter: Callable[[], Cutter[PartT]]
) -> AsyncIterator[PartT]:
    """Yield the parts of text in pieces, each as soon as it is complete; every text gets a new cutter.

    By default the items are lines or snapshots where the stream says so, and chunks of one text elsewhere. The text of
    snapshots is the last one.
    """
    if each is None and pieces.mode == "snapshot":
        last = ""
        async for piece in pieces:
            last = piece
        for part in parts_of_whole(last, new_cutter()):
            yield part
        return
    if each is None and pieces.mode == "line":
        each = "line"
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
