"""Encodings of text files, and how the bytes of a file are cut into complete lines."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field

from headwater.toolkit import foreign_format, wide_encoding
from headwater_steps.files.models import BadLineError

__all__ = [
    "LONGEST_LINE",
    "Encoding",
    "Limit",
    "LineCutter",
    "split_lines",
    "undecodable",
    "with_line_end",
    "written_as",
]

Encoding = Literal[
    "utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "ascii", "latin-1", "iso-8859-2",
    "iso-8859-15", "cp1250", "cp1251", "cp1252", "koi8-r", "big5", "gb18030", "euc-jp", "shift_jis", "euc-kr",
]  # fmt: skip
"""Encodings of text files: a closed list, because Python imports a module for whatever name it is asked for.

In all of them, except those with units of two or four bytes, the byte of a line feed is never part of anything else.
"""

LONGEST_LINE: Final = 16 * 1024 * 1024

NO_LINE_FEED: Final = (
    "the file has no line feed: its lines end with a carriage return alone, as on old Macs; "
    "convert them, such as with tr '\\r' '\\n'"
)
"""What is wrong with a file that seems to be one long line."""

Limit = Annotated[int, Field(ge=1, le=2**31)]

_MARKS: dict[str, tuple[tuple[bytes, str], ...]] = {
    "utf-8": ((codecs.BOM_UTF8, "utf-8"),),
    "utf-16": ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")),
    "utf-16-le": ((codecs.BOM_UTF16_LE, "utf-16-le"),),
    "utf-16-be": ((codecs.BOM_UTF16_BE, "utf-16-be"),),
    "utf-32": ((codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be")),
    "utf-32-le": ((codecs.BOM_UTF32_LE, "utf-32-le"),),
    "utf-32-be": ((codecs.BOM_UTF32_BE, "utf-32-be"),),
}
"""Byte order marks by encoding, each with the encoding of the text that follows."""

_WITHOUT_MARK = {"utf-16": "utf-16-le", "utf-32": "utf-32-le"}


class LineCutter:
    r"""Cuts the bytes of text, as they arrive, into pieces of complete lines, and drops the byte order mark.

    Example:
        >>> cutter = LineCutter("utf-8")
        >>> cutter.feed(b"a\nb"), cutter.feed(b"c\nd\ne"), cutter.flush()
        (b'a\n', b'bc\nd\n', b'e')
    """

    def __init__(self, encoding: str, path: Path | str = "text", hint: str = "set encoding to {}") -> None:
        self.encoding: str = _WITHOUT_MARK.get(encoding, encoding)
        self.newline: bytes = "\n".encode(self.encoding)
        self.waiting_bytes: int = 0
        self._declared = encoding
        self._path = path
        self._hint = hint
        self._has_begun = False
        self._waiting: list[bytes] = []

    def feed(self, block: bytes) -> bytes:
        """Take the bytes that follow, and return the lines that are complete with them."""
        if not self._has_begun:
            block = self._take_waiting() + block
            known = without_mark(self._declared, block, final=False)
            if known is None:
                self._keep(block)
                return b""
            check_encoding(self._declared, block, self._path, self._hint)
            self.encoding, block = known
            self.newline = "\n".encode(self.encoding)
            self._has_begun = True
        if self.waiting_bytes % len(self.newline):  # so that every block starts with a unit
            block = self._take_waiting() + block
        end = _end_of_lines(block, self.newline)
        piece = self._take_waiting() + block[:end] if end else b""
        self._keep(block[end:])
        return piece

    def flush(self) -> bytes:
        """Return what is left at the end of the text: a line without an end, or nothing."""
        return self._take_waiting()

    def _take_waiting(self) -> bytes:
        if not self._waiting:
            return b""
        waiting = b"".join(self._waiting)
        self._waiting.clear()
        self.waiting_bytes = 0
        return waiting

    def _keep(self, block: bytes) -> None:
        if block:
            self._waiting.append(block)
            self.waiting_bytes += len(block)


def _end_of_lines(block: bytes, newline: bytes) -> int:
    """Return where the last line that has an end ends; 0 when none does."""
    width = len(newline)
    index = block.rfind(newline)
    while index > 0 and index % width:
        index = block.rfind(newline, 0, index + width - 1)
    return index + width if index >= 0 else 0


def written_as(encoding: str) -> tuple[bytes, str]:
    r"""Return the byte order mark that a file begins with, and the encoding of the pieces that follow.

    Example:
        >>> written_as("utf-16"), written_as("utf-8")
        ((b'\xff\xfe', 'utf-16-le'), (b'', 'utf-8'))
    """
    if encoding in _WITHOUT_MARK:
        return _MARKS[encoding][0]
    return b"", encoding


def without_mark(encoding: str, start: bytes, *, final: bool) -> tuple[str, bytes] | None:
    r"""Return the encoding of text, and its start without the byte order mark; None when more bytes are needed.

    Example:
        >>> without_mark("utf-16", b"\xfe\xff\0a", final=False), without_mark("utf-16", b"\xfe", final=False)
        (('utf-16-be', b'\x00a'), None)
    """
    marks = _MARKS.get(encoding, ())
    for mark, marked in marks:
        if start.startswith(mark):
            return marked, start[len(mark) :]
    if not final and any(mark.startswith(start) for mark, _ in marks):
        return None
    return _WITHOUT_MARK.get(encoding, encoding), start


def check_encoding(encoding: str, start: bytes, path: Path | str, hint: str = "set encoding to {}") -> None:
    """Refuse text whose first bytes contradict its declared encoding; the hint gets the encoding that they show."""
    if (foreign := foreign_format(start)) is not None:
        raise BadLineError(path, 1, f"expected text, found {foreign}")
    marks = _MARKS.get(encoding, ())
    if any(start.startswith(mark) for mark, _ in marks):
        return
    wide = wide_encoding(start)
    if wide is None:
        if start.startswith(codecs.BOM_UTF8):
            raise BadLineError(path, 1, f"the text begins with the byte order mark of UTF-8; {hint.format('utf-8')}")
        return
    found, is_marked = wide
    if is_marked:
        name = found.upper()
        raise BadLineError(path, 1, f"the text begins with the byte order mark of {name}; {hint.format(found)}")
    if found != _WITHOUT_MARK.get(encoding, encoding):
        name = found.upper()
        reason = f"most characters have bytes of zero, as in {name} without a byte order mark"
        raise BadLineError(path, 1, f"{reason}; {hint.format(found)}")


def split_lines(piece: bytes, newline: bytes) -> list[bytes]:
    r"""Split complete lines; return them without their ends.

    Example:
        >>> split_lines(b"a\0\n\0\0\nb\0", b"\n\0")
        [b'a\x00', b'\x00\nb\x00']
    """
    width = len(newline)
    lines: list[bytes] = []
    start = index = 0
    while (index := piece.find(newline, index)) >= 0:
        if index % width:
            index += 1
        else:
            lines.append(piece[start:index])
            start = index = index + width
    return lines if start == len(piece) else [*lines, piece[start:]]


def undecodable(error: UnicodeDecodeError) -> str:
    r"""Return which bytes of a line are invalid.

    Example:
        >>> try:
        ...     b"caf\xe9".decode()
        ... except UnicodeDecodeError as error:
        ...     print(undecodable(error))
        the bytes e9 are not valid utf-8
    """
    return f"the bytes {error.object[error.start : error.end].hex(' ')} are not valid {error.encoding}"


def with_line_end(_: str | None, line: str) -> str:
    """Return a line of text as a part of that text."""
    return line + "\n"
