"""What the sources that read rows have in common: blocks of bytes go in, frames come out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import Field

from headwater import Batch, Footer, Header, StepContext
from headwater_steps.files.bad_rows import BadRows, OnBadLine, OnBadUnportedLine
from headwater_steps.files.compression import Compression
from headwater_steps.files.encodings import Limit, LineCutter, split_lines, undecodable
from headwater_steps.files.file_reader import opened
from headwater_steps.files.models import BadLineError, FileFooter

__all__ = ["MaxLineChars", "OnBadLineParam", "Rows", "TextRows", "read_rows"]

OnBadLineParam = Annotated[
    OnBadUnportedLine,
    Field(
        description="What happens to a line with bytes that are no text: `fail` ends with its number, `replace` puts "
        "U+FFFD in their place, `skip` leaves the line out. The footer tells how many there were."
    ),
]
"""The param of steps whose lines come from elsewhere than a file."""

MaxLineChars = Annotated[
    Limit, Field(description="Longest line that is read, in characters, its end counted; a longer one is an error.")
]
"""The same of their lengths."""

_WIDEST_CHAR_BYTES = 4
_MEND = "set another encoding, or on_bad to what shall become of them"


class Rows(Protocol):
    """The rows of one text, without the reading: whoever reads it gives the bytes."""

    def feed(self, block: bytes) -> Iterator[Any]:
        """Take the bytes that follow, and yield the frames of the rows that are whole with them."""
        ...

    def flush(self) -> Iterator[Any]:
        """Take the end of the text, and yield what is left."""
        ...

    def footer(self) -> FileFooter:
        """Return what is known after the end."""
        ...


def read_rows(path: Path, compression: Compression, ctx: StepContext, rows: Rows) -> Iterator[Any]:
    """Read a file of rows.

    Args:
        path: The file.
        compression: How it is compressed.
        ctx: The step that reads it.
        rows: Makes rows of its bytes.

    Yields:
        The header, the rows, the footer.
    """
    with opened(path, compression, ctx) as file:
        yield Header(file.header)
        for block in file.blocks():
            yield from rows.feed(block)
        yield from rows.flush()
    yield Footer(rows.footer())


class TextRows:
    r"""Rows that are the lines of a text.

    Args:
        path: What is read, for messages.
        encoding: How the text is encoded.
        longest: Most characters of a line, its end counted.
        on_bad: What happens to lines with bytes that are no text.
        ctx: The step that reads it.

    Example:
        >>> rows = TextRows("poem.txt", "utf-8", 100, "fail", StepContext("execution", "lines"))
        >>> list(rows.feed(b"a rose is a rose\nis a")), list(rows.flush())
        ([Batch(items=['a rose is a rose'])], [Batch(items=['is a'])])
    """

    def __init__(
        self, path: Path | str, encoding: str, longest: int, on_bad: OnBadLine | None, ctx: StepContext
    ) -> None:
        self._path = path
        self._cutter = LineCutter(encoding)
        self._longest = longest
        self._bad_rows = BadRows(path, on_bad, ctx)
        self._lines = 0
        self._items = 0

    def feed(self, block: bytes) -> Iterator[Any]:
        """Take the bytes that follow, and yield the lines that are whole with them."""
        if piece := self._cutter.feed(block):
            yield from self._frames(piece)
        if self._cutter.waiting_bytes > self._longest * _WIDEST_CHAR_BYTES:
            raise self._too_long(self._lines + 1)

    def flush(self) -> Iterator[Any]:
        """Take the end of the text, and yield the last line if it has no end."""
        if piece := self._cutter.flush():
            yield from self._frames(piece)

    def footer(self) -> FileFooter:
        """Return what is known after the end."""
        return self._bad_rows.footer(lines=self._lines, items=self._items)

    def _frames(self, piece: bytes) -> Iterator[Any]:
        try:
            text = piece.decode(self._cutter.encoding)
        except UnicodeDecodeError:
            yield from self._mended(piece)
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

    def _check_lengths(self, lines: list[str]) -> None:
        """Refuse the first of some lines that is too long; what follows the last end is a line without one."""
        for index, line in enumerate(lines):
            if len(line) + (index < len(lines) - 1) > self._longest:
                raise self._too_long(self._lines + index + 1)

    def _mended(self, piece: bytes) -> Iterator[Any]:
        """Yield the lines of a piece with bytes that are no text."""
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
                yield from self._bad_rows.take(self._lines, undecodable(error), _without_cr(text, ended), hint=_MEND)
                if not self._bad_rows.replaces:
                    continue
            if len(text) + ended > self._longest:
                raise self._too_long(self._lines)
            good.append(_without_cr(text, ended))
            self._items += 1
        yield Batch(good)

    def _too_long(self, line: int) -> BadLineError:
        hint = "raise max_line_chars if the file does consist of lines"
        reason = f"the line is longer than {self._longest} characters; {hint}"
        return BadLineError(self._path, line, reason)


def _without_cr(line: str, ended: bool) -> str:  # noqa: FBT001 - both arguments are what a line is
    return line[:-1] if ended and line.endswith("\r") else line
