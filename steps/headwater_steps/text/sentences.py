"""The kind `text.sentences`: sentences of a text, also while it arrives piece by piece.

A sentence begins with a character that is not a space. It ends at a mark, as `sentence_ends` decides, before a bullet,
or with its line. Only spaces stand between two sentences.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from headwater import Flavor, Step, Stream, Task
from headwater_steps.text.pieces import Piece, parts_of_pieces, parts_of_whole
from headwater_steps.text.sentence_ends import BULLETS, LINE_ENDS, LOOK_BACK, MARKS, end_at_mark

__all__ = ["SENTENCES", "Sentence", "SentenceSplitter", "Sentences"]

_BEGIN = re.compile(r"\S")
_MARK = re.compile(f"[{re.escape(MARKS + BULLETS + LINE_ENDS)}]")


class Sentence(BaseModel, frozen=True):
    """A sentence and its place.

    Args:
        text: The sentence as it is written.
        start: Place of its first character in the text, in characters from 0.
        end: Place after its last character.
    """

    text: str
    start: int
    end: int


class SentenceSplitter:
    """Splits text that arrives in pieces; it reads each character about once, and keeps at most one sentence.

    Example:
        >>> splitter = SentenceSplitter()
        >>> [sentence.text for sentence in splitter.feed("It rains. It po")]
        ['It rains.']
        >>> [sentence.text for sentence in [*splitter.feed("urs!"), *splitter.finish()]]
        ['It pours!']
    """

    def __init__(self, max_sentence_chars: int = 100_000, *, cuts: bool = False) -> None:
        self._max_sentence_chars = max_sentence_chars
        self._cuts = cuts
        self._read_chars: int = 0  # of the text, without what is undecided
        self._undecided = ""  # from a mark at the end of what has arrived
        self.start: int | None = None
        self._parts: list[str] = []  # of it
        self._tail = ""  # of the parts

    def feed(self, piece: str) -> Iterator[Sentence]:
        """Take the next piece, and return the sentences that surely end within it."""
        return self._split(self._undecided + piece, ended=False)

    def finish(self) -> Iterator[Sentence]:
        """Take the end of the text, and yield the last sentence."""
        yield from self._split(self._undecided, ended=True)
        if self.start is not None:
            yield self._complete("", self._read_chars)

    def _split(self, text: str, *, ended: bool) -> Iterator[Sentence]:
        offset = self._read_chars
        place = 0
        while place < len(text):
            if self.start is None:
                begin = _BEGIN.search(text, place)
                if begin is None:
                    place = len(text)
                    break
                place = begin.start()
                self.start = offset + place
            most = self.start + self._max_sentence_chars - offset
            end, is_complete = self._end(text, place, most, ended=ended)
            if end > most:
                end, is_complete = self._cut(most), True
            part = text[place:end]
            place = end
            if not is_complete:
                self._keep(part)
                break
            yield self._complete(part, offset + end)
        self._read_chars = offset + place
        self._undecided = text[place:]

    def _end(self, text: str, begin: int, most: int, *, ended: bool) -> tuple[int, bool]:
        """Return where the sentence ends and True, or how far it surely continues and False."""
        place = begin
        while mark := _MARK.search(text, place, most + 1):
            place = mark.start()
            character = text[place]
            if character in LINE_ENDS:
                return place, True
            before = self._before(text, begin, place)
            if character in BULLETS:
                if before and before[-1].isspace():
                    return place, True
            else:
                end = end_at_mark(text, place, before, ended=ended)
                if end is None:
                    return place, False
                if end:
                    return end, True
            place += 1
        return min(len(text), most + 1), False

    def _before(self, text: str, begin: int, place: int) -> str:
        """Return what the sentence has before a place, up to the last characters."""
        if place - begin >= LOOK_BACK:
            return text[place - LOOK_BACK : place]
        return (self._tail + text[begin:place])[-LOOK_BACK:]

    def _keep(self, part: str) -> None:
        self._parts.append(part)
        self._tail = (self._tail + part[-LOOK_BACK:])[-LOOK_BACK:]

    def _cut(self, end: int) -> int:
        if self._cuts:
            return end
        raise ValueError(
            f"the sentence that starts at character {self.start} has more than {self._max_sentence_chars} characters; "
            "raise max_sentence_chars, or set on_too_long to cut"
        )

    def _complete(self, part: str, end: int) -> Sentence:
        if self._parts:
            part = "".join([*self._parts, part])
            self._parts.clear()
            self._tail = ""
        text = part.rstrip()
        sentence = Sentence(text=text, start=self.start or 0, end=end - len(part) + len(text))
        self.start = None
        return sentence


SENTENCES = Task(
    "sentences",
    unary_input=str,
    stream_input=str,
    unary_output=list[Sentence],
    stream_output=Sentence,
    input_join="".join,
    output_join=list,
)
"""From text, as one string or in pieces, to its sentences."""


class Sentences(Step, kind="text.sentences"):
    """Split text into sentences, also while it arrives.

    A sentence ends after a mark such as `.`, `!` or `?` before a space or the end of the text, with quotes and brackets
    that may come between; after `。`, `！` or `？` also without a space; and at the end of its line. It does not end
    after English abbreviations and titles (`e.g.`, `Dr.`), initials (`J. Smith`), the number of a list item (`2.`), or
    a quote that it goes on after (`"Stop!" he said`). These rules look at a few characters around a mark and are
    sometimes wrong: `6 p.m. Mr. Smith` is one sentence. Nothing is lost: only spaces stand between two sentences. A
    sentence leaves as soon as the characters after it decide. However the text is cut into pieces, the sentences are
    the same, with the same places.

    Args:
        each: What each item of a stream is: a `chunk`, any part of one text; a `line` of one text, without its end; or
            a `text` of its own, with places from 0. By default a `line` where the writer declares lines, as
            `source.lines` and the command line do, and a `chunk` elsewhere; of snapshots, the last is the text.
        max_sentence_chars: Longest sentence, in characters. No more of the text is kept in memory.
        on_too_long: What happens to a longer one: `fail` is an error, `cut` ends it there and begins another.

    Yields:
        The sentences, each with `text`, `start` and `end`; the places count characters of the text from 0.

    Raises:
        ValueError: A sentence is too long, and `on_too_long` is `fail`.

    Example:
        >>> [(sentence.text, sentence.start) for sentence in Sentences().whole("It rains. It pours!")]
        [('It rains.', 0), ('It pours!', 10)]
    """

    each: Piece | None = None
    max_sentence_chars: Annotated[int, Field(ge=1, le=100_000_000)] = 100_000
    on_too_long: Literal["fail", "cut"] = "fail"

    @SENTENCES.method(Flavor.UNARY_STREAM)
    def whole(self, text: str) -> Iterator[Sentence]:
        """Yield the sentences of a text."""
        return parts_of_whole(text, self._splitter())

    @SENTENCES.method(Flavor.STREAM_STREAM)
    def stream(self, pieces: Stream[str]) -> AsyncIterator[Sentence]:
        """Yield the sentences of a text in pieces."""
        return parts_of_pieces(pieces, self.each, self._splitter)

    def _splitter(self) -> SentenceSplitter:
        return SentenceSplitter(self.max_sentence_chars, cuts=self.on_too_long == "cut")
