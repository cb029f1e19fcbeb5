"""The units in which chunks are counted, and where they begin while text arrives."""

from __future__ import annotations

import re
from collections import deque
from typing import Literal

from headwater_steps.text.sentences import SentenceSplitter

__all__ = ["Unit", "Units", "units_of"]

_WORD_BEGIN = re.compile(r"(?<!\S)\S")

Unit = Literal["characters", "words", "sentences"]
"""What is counted."""


class Units:
    """Finds where the units of a text begin, up to what has arrived; here every character is a unit."""

    def __init__(self) -> None:
        self._read_chars = 0

    def feed(self, piece: str) -> None:
        """Take the next piece of the text."""
        self._read_chars += len(piece)

    def finish(self) -> None:
        """Take the end of the text."""

    def place(self, unit: int) -> int | None:
        """Return where a unit begins, or the text ends; None when that has not arrived, or does not exist."""
        return unit if unit <= self._read_chars else None

    def forget(self, unit: int) -> None:
        """Forget the units before one."""


class _Begins(Units):
    """Units whose beginnings have to be found; the first begins with the text."""

    def __init__(self) -> None:
        super().__init__()
        self._places: deque[int] = deque([0])
        self._first = 0

    def place(self, unit: int) -> int | None:
        """Return where a unit begins, if it is known."""
        index = unit - self._first
        return self._places[index] if index < len(self._places) else None

    def forget(self, unit: int) -> None:
        """Forget the units before one."""
        while self._first < unit:
            self._places.popleft()
            self._first += 1

    def add(self, place: int) -> None:
        """Note where the next unit begins."""
        self._places.append(place)


class _Words(_Begins):
    """A word is what is between spaces."""

    def __init__(self) -> None:
        super().__init__()
        self._last = " "
        self._is_empty = True

    def feed(self, piece: str) -> None:
        """Take the next piece of the text."""
        offset = self._read_chars - 1
        for begin in _WORD_BEGIN.finditer(self._last + piece, 1):
            if self._is_empty:
                self._is_empty = False
            else:
                self.add(offset + begin.start())
        self._last = piece[-1:] or self._last
        super().feed(piece)


class _Sentences(_Begins):
    """Sentences as in `text.sentences`."""

    def __init__(self, max_chars: int) -> None:
        super().__init__()
        self._splitter = SentenceSplitter(max_chars, cuts=True)
        self._last: int | None = None

    def feed(self, piece: str) -> None:
        """Take the next piece of the text."""
        for sentence in self._splitter.feed(piece):
            self._note(sentence.start)
        self._note(self._splitter.start)

    def finish(self) -> None:
        """Take the end of the text."""
        for sentence in self._splitter.finish():
            self._note(sentence.start)

    def _note(self, start: int | None) -> None:
        if start is not None and start != self._last:
            if self._last is not None:
                self.add(start)
            self._last = start


def units_of(unit: Unit, max_chars: int) -> Units:
    """Return what finds the units of a text, up to a length in characters."""
    match unit:
        case "characters":
            return Units()
        case "words":
            return _Words()
        case "sentences":
            return _Sentences(max_chars)
