r"""The kind `text.sentences`: sentences of a text, also while it arrives piece by piece.

A sentence begins with a character that is neither a space nor one of the marks `.`, `!` and `?`. It ends after the
first mark before a space or the end of the text, with a quote that may come between; or before the end of the line in
which it begins, if no mark comes before that. These are the matches of

    [^.!?\s][^.!?\n]*(?:[.!?](?!['"]?\s|$)[^.!?]*)*[.!?]?['"]?(?=\s|$)

which never has to go back: the two characters after a mark decide whether a sentence ends there.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from headwater import Flavor, Step, Stream, Task
from headwater_steps.text.pieces import Piece, parts_of_pieces, parts_of_whole

__all__ = ["SENTENCES", "Sentence", "SentenceSplitter", "Sentences"]

_BEGIN = re.compile(r"[^.!?\s]")
_MARK = re.compile(r"[.!?]")
_MARK_OR_LINE_END = re.compile(r"[.!?\n]")
_QUOTES = ("'", '"')


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
        self._undecided = ""  # a mark, and perhaps a quote, at the end of what has arrived
        self.start: int | None = None
        self._parts: list[str] = []  # of it
        self._marked = False  # whether it has a mark that ended nothing, after which it continues over line ends

    def feed(self, piece: str) -> Iterator[Sentence]:
        """Take the next piece, and return the sentences that surely end within it."""
        return self._split(self._undecided + piece, ended=False)

    def finish(self) -> Iterator[Sentence]:
        """Take the end of the text, and yield the last sentence."""
        yield from self._split(self._undecided, ended=True)
        if self.start is not None:
            yield self._complete(self._read_chars)

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
            self._parts.append(text[place:end])
            place = end
            if is_complete:
                yield self._complete(offset + end)
            else:
                break
        self._read_chars = offset + place
        self._undecided = text[place:]

    def _end(self, text: str, place: int, most: int, *, ended: bool) -> tuple[int, bool]:
        """Return where the sentence ends and True, or how far it surely continues and False."""
        while mark := (_MARK if self._marked else _MARK_OR_LINE_END).search(text, place, most + 1):
            place = mark.start()
            if text[place] == "\n":
                return place, True
            end = _end_at_mark(text, place, ended=ended)
            if end is None:
                return place, False
            if end:
                return end, True
            self._marked = True
            place += 1
        return min(len(text), most + 1), False

    def _cut(self, end: int) -> int:
        if self._cuts:
            return end
        raise ValueError(
            f"the sentence that starts at character {self.start} has more than {self._max_sentence_chars} characters; "
            "raise max_sentence_chars, or set on_too_long to cut"
        )

    def _complete(self, end: int) -> Sentence:
        sentence = Sentence(text="".join(self._parts), start=self.start or 0, end=end)
        self.start, self._marked = None, False
        self._parts.clear()
        return sentence


def _end_at_mark(text: str, place: int, *, ended: bool) -> int | None:
    """Return where a sentence ends at a mark; 0 when it continues, None when that depends on what follows."""
    after = text[place + 1 : place + 3]
    quote = after.startswith(_QUOTES)
    following = after[quote:]
    if not following[:1]:
        return place + 1 + quote if ended else None
    return place + 1 + quote if following[0].isspace() else 0


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

    A sentence ends after a `.`, `!` or `?` before a space or the end of the text, with a quote that may come between; a
    line without any of them is a sentence too. Abbreviations are not recognized: `Mr. Hyde` is cut. A sentence leaves
    as soon as one or two characters after it have arrived. However the text is cut into pieces, the sentences are the
    same, with the same places.

    Args:
        each: What each item of a stream is: by default a `chunk`, any part of one text; a `line` of one text, without
            its end, as `source.lines` writes it; or a `text` of its own, with places from 0.
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

    each: Piece = "chunk"
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
