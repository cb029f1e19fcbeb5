"""Sources of rows: blocks of bytes go in, frames come out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized
from pathlib import Path
from typing import Annotated, Any, ClassVar, Protocol

from pydantic import Field

from headwater import Batch, Footer, Header, StepContext
from headwater_steps.files.bad_rows import BadRows, OnBadUnportedLine
from headwater_steps.files.compression import Compression
from headwater_steps.files.encodings import NO_LINE_FEED, Limit, LineCutter, split_lines, undecodable
from headwater_steps.files.file_reader import opened
from headwater_steps.files.models import BadLineError, FileFooter

__all__ = ["LineRows", "MaxLineChars", "OnBadLineParam", "Rows", "TextRows", "read_rows"]

OnBadLineParam = Annotated[
    OnBadUnportedLine,
    Field(
        description="What happens to a line with invalid bytes: `fail` is an error with its number, `replace` puts "
        "U+FFFD in their place, `skip` leaves the line out. The footer counts them."
    ),
]
"""The param `on_bad` of steps whose lines do not come from a file."""

MaxLineChars = Annotated[
    Limit, Field(description="Longest line that is read, in characters, its end counted; a longer one is an error.")
]
"""The param for the length of their lines."""

_HINT = "set another encoding, or on_bad"


class Rows(Protocol):
    """The rows of one input, given its bytes."""

    def feed(self, block: bytes) -> Iterator[Any]:
        """Take the bytes that follow, and yield the frames of the rows that are complete with them."""
        ...

    def flush(self) -> Iterator[Any]:
        """Take the end of the input, and yield what is left."""
        ...

    def footer(self) -> FileFooter:
        """Return what is known after the end."""
        ...


def read_rows(path: Path, compression: Compression, ctx: StepContext, rows: Rows) -> Iterator[Any]:
    """Yield the header of a file, its rows and its footer."""
    with opened(path, compression, ctx) as file:
        yield Header(file.header)
        for block in file.blocks():
            yield from rows.feed(block)
        yield from rows.flush()
    yield Footer(rows.footer())


class LineRows:
    """Rows that are lines: they are cut, counted, and refused when they are too long; a subclass makes the frames."""

    _unit: ClassVar[str] = "characters"
    _unit_bytes: ClassVar[int] = 4  # at most
    _param: ClassVar[str] = "max_line_chars"
    _encoding_hint: ClassVar[str] = "set encoding to {}"

    def __init__(self, path: Path | str, encoding: str, longest: int, on_bad: str | None, ctx: StepContext) -> None:
        self._path = path
        self._cutter = LineCutter(encoding, path, self._encoding_hint)
        self._longest = longest
        self._bad_rows = BadRows(path, on_bad, ctx)
        self._lines = 0
        self._items = 0
        self._blank_lines = 0

    def feed(self, block: bytes) -> Iterator[Any]:
        """Take the bytes that follow, and yield the frames of the lines that are complete with them."""
        if piece := self._cutter.feed(block):
            yield from self._frames(piece)
        if self._cutter.waiting_bytes > self._longest * self._unit_bytes:
            raise self._too_long(self._lines + 1)

    def flush(self) -> Iterator[Any]:
        """Take the end of the input, and yield the frames of the last line if it has no end."""
        if piece := self._cutter.flush():
            yield from self._frames(piece)

    def footer(self) -> FileFooter:
        """Return what is known after the end."""
        return self._bad_rows.footer(lines=self._lines, items=self._items, blank_lines=self._blank_lines)

    def _frames(self, piece: bytes) -> Iterator[Any]:
        """Yield the frames of some complete lines."""
        raise NotImplementedError

    def _check_lengths(self, lines: Sequence[Sized]) -> None:
        """Refuse the first line that is too long; what follows the last end is a line without one."""
        for index, line in enumerate(lines):
            if len(line) + (index < len(lines) - 1) > self._longest:
                raise self._too_long(self._lines + index + 1)

    def _too_long(self, line: int) -> BadLineError:
        hint = f"raise {self._param} if this is a file of lines"
        return BadLineError(self._path, line, f"the line is longer than {self._longest} {self._unit}; {hint}")


class TextRows(LineRows):
    r"""Rows that are lines of text.

    Example:
        >>> rows = TextRows("poem.txt", "utf-8", 100, "fail", StepContext("execution", "lines"))
        >>> list(rows.feed(b"a rose is a rose\nis a")), list(rows.flush())
        ([Batch(items=['a rose is a rose'])], [Batch(items=['is a'])])
    """

    def __init__(
        self,
        path: Path | str,
        encoding: str,
        longest: int,
        on_bad: str | None,
        ctx: StepContext,
        *,
        is_file: bool = False,
    ) -> None:
        super().__init__(path, encoding, longest, on_bad, ctx)
        self._is_file = is_file  # a program may draw a progress bar with carriage returns alone

    def flush(self) -> Iterator[Any]:
        """Take the end of the input; a file without any line feed may have lines that end in another way."""
        piece = self._cutter.flush()
        if piece and self._is_file and not self._lines:
            text = piece.decode(self._cutter.encoding, "replace")
            if "\r" in text[:-1]:
                yield from self._bad_rows.take(1, NO_LINE_FEED, text)
                if not self._bad_rows.replaces:
                    self._lines += 1
                    return
        if piece:
            yield from self._frames(piece)

    def _frames(self, piece: bytes) -> Iterator[Any]:
        try:
            text = piece.decode(self._cutter.encoding)
        except UnicodeDecodeError:
            yield from self._repaired(piece)
            return
        if len(text) > self._longest:
            self._check_lengths(text.split("\n"))
        if "\r" in text:
            text = text.replace("\r\n", "\n")
        lines = text.split("\n")
        if not lines[-1]:
            del lines[-1]
        self._lines += len(lines)
        self._items += len(lines)
        yield Batch(lines)

    def _repaired(self, piece: bytes) -> Iterator[Any]:
        """Yield the lines of a piece with invalid bytes."""
        cutter = self._cutter
        good: list[str] = []
        whole = piece.endswith(cutter.newline)
        lines = split_lines(piece, cutter.newline)
        for index, line in enumerate(lines):
            self._lines += 1
            ended = whole or index < len(lines) - 1
            try:
                text = line.decode(cutter.encoding)
            except UnicodeDecodeError as error:
                text = line.decode(cutter.encoding, "replace")
                if not self._bad_rows.replaces:
                    yield Batch(good)
                    good = []
                yield from self._bad_rows.take(self._lines, undecodable(error), _without_cr(text, ended), hint=_HINT)
                if not self._bad_rows.replaces:
                    continue
            if len(text) + ended > self._longest:
                raise self._too_long(self._lines)
            good.append(_without_cr(text, ended))
            self._items += 1
        yield Batch(good)


def _without_cr(line: str, ended: bool) -> str:  # noqa: FBT001 - both arguments are what a line is
    return line[:-1] if ended and line.endswith("\r") else line
