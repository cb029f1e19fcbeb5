"""The kind `text.chunks`: overlapping passages of a number of characters, words or sentences."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Annotated

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from headwater import Flavor, Step, Stream, Task
from headwater_steps.text.pieces import Piece, parts_of_pieces, parts_of_whole
from headwater_steps.text.units import Unit, Units, units_of

__all__ = ["CHUNKS", "Chunk", "ChunkCutter", "Chunks"]


class Chunk(BaseModel, frozen=True):
    """A passage of a text.

    Args:
        text: The passage as it is written.
        start: Place of its first character in the text, in characters from 0.
        end: Place after its last character.
        index: Number of the chunk, from 0.
    """

    text: str
    start: int
    end: int
    index: int


class ChunkCutter:
    """Cuts text that arrives in pieces into chunks; it keeps at most one chunk and what has arrived since.

    Example:
        >>> cutter = ChunkCutter("words", 3, 1, 100)
        >>> [chunk.text for chunk in [*cutter.feed("to be or no"), *cutter.feed("t to be"), *cutter.finish()]]
        ['to be or', 'or not to', 'to be']
    """

    def __init__(self, by: Unit, size: int, overlap: int, max_chunk_chars: int) -> None:
        self._units: Units = units_of(by, max_chunk_chars + 1)
        self._trims = by != "characters"
        self._size = size
        self._step = size - overlap
        self._max_chunk_chars = max_chunk_chars
        self._parts: list[str] = []
        self._offset = 0  # of the first part
        self._read_chars = 0
        self._covered_chars = 0
        self._unit = 0  # first of the next chunk
        self._index = 0

    def feed(self, piece: str) -> Iterator[Chunk]:
        """Take the next piece, and return the chunks that are complete with it."""
        self._parts.append(piece)
        self._read_chars += len(piece)
        self._units.feed(piece)
        return self._cut()

    def finish(self) -> Iterator[Chunk]:
        """Take the end of the text, and yield the last chunks."""
        self._units.finish()
        yield from self._cut()
        start = self._units.place(self._unit)
        if start is not None and self._covered_chars < self._read_chars:
            yield from self._chunk("".join(self._parts), start, self._read_chars)

    def _cut(self) -> Iterator[Chunk]:
        text = ""
        while (end := self._units.place(self._unit + self._size)) is not None:
            text = text or "".join(self._parts)
            yield from self._chunk(text, self._units.place(self._unit) or 0, end)
            self._covered_chars = end
            self._unit += self._step
            self._units.forget(self._unit)
        if text:
            start = self._units.place(self._unit) or 0
            self._parts = [text[start - self._offset :]]
            self._offset = start
        self._check_length(self._offset, self._read_chars)

    def _chunk(self, text: str, start: int, end: int) -> Iterator[Chunk]:
        """Yield the chunk between two places, unless it has only spaces."""
        self._check_length(start, end)
        passage = text[start - self._offset : end - self._offset]
        if self._trims:
            start += len(passage) - len(passage.lstrip())
            passage = passage.strip()
        if passage:
            yield Chunk(text=passage, start=start, end=start + len(passage), index=self._index)
            self._index += 1

    def _check_length(self, start: int, end: int) -> None:
        if end - start > self._max_chunk_chars:
            raise ValueError(
                f"the chunk that starts at character {start} has more than {self._max_chunk_chars} characters; "
                "raise max_chunk_chars, or make size smaller"
            )


CHUNKS = Task(
    "chunks",
    unary_input=str,
    stream_input=str,
    unary_output=list[Chunk],
    stream_output=Chunk,
    input_join="".join,
    output_join=list,
)
"""From text, as one string or in pieces, to its chunks."""


class Chunks(Step, kind="text.chunks"):
    """Cut text into overlapping chunks, such as those that are searched to answer a question.

    However the text is cut into pieces, the chunks are the same, with the same places. Every character of the text is
    in a chunk, except spaces around chunks of words and sentences.

    Args:
        by: What is counted: `characters`, `words` (what is between spaces) or `sentences` (as in `text.sentences`, each
            with what follows up to the next).
        size: How many of them make a chunk; the last one may have fewer.
        overlap: How many of them the next chunk repeats; fewer than `size`.
        each: What each item of a stream is: a `chunk`, any part of one text; a `line` of one text, without its end; or
            a `text` of its own, with places and numbers from 0. By default a `line` where the writer declares lines, as
            `source.lines` and the command line do, and a `chunk` elsewhere; of snapshots, the last is the text.
        max_chunk_chars: Longest chunk, in characters. No more of the text is kept in memory.

    Yields:
        The chunks, each with `text`, `start`, `end` and `index`; the places count characters of the text from 0.

    Raises:
        ValueError: A chunk is longer than `max_chunk_chars`.

    Example:
        >>> [chunk.text for chunk in Chunks(by="words", size=3, overlap=1).whole("to be or not to be")]
        ['to be or', 'or not to', 'to be']
    """

    by: Unit = "characters"
    size: Annotated[int, Field(ge=1, le=10_000_000)] = 1_000
    overlap: Annotated[int, Field(ge=0)] = 0
    each: Piece | None = None
    max_chunk_chars: Annotated[int, Field(ge=1, le=100_000_000)] = 1_000_000

    @field_validator("overlap")
    @classmethod
    def _is_less_than_size(cls, overlap: int, info: ValidationInfo) -> int:
        if overlap >= info.data.get("size", overlap + 1):
            raise ValueError(f"an overlap of {overlap} leaves nothing new in a chunk of {info.data['size']}; reduce it")
        return overlap

    @field_validator("max_chunk_chars")
    @classmethod
    def _takes_a_chunk(cls, max_chunk_chars: int, info: ValidationInfo) -> int:
        size = info.data.get("size", 0)
        if max_chunk_chars < size:
            raise ValueError(
                f"a chunk of {size} {info.data.get('by', 'units')} is longer than {max_chunk_chars} characters"
            )
        return max_chunk_chars

    @CHUNKS.method(Flavor.UNARY_STREAM)
    def whole(self, text: str) -> Iterator[Chunk]:
        """Yield the chunks of a text."""
        return parts_of_whole(text, self._cutter())

    @CHUNKS.method(Flavor.STREAM_STREAM)
    def stream(self, pieces: Stream[str]) -> AsyncIterator[Chunk]:
        """Yield the chunks of a text in pieces."""
        return parts_of_pieces(pieces, self.each, self._cutter)

    def _cutter(self) -> ChunkCutter:
        return ChunkCutter(self.by, self.size, self.overlap, self.max_chunk_chars)
