"""What comes on standard input."""

from __future__ import annotations

import os
from codecs import getincrementaldecoder
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import aclosing, contextmanager
from threading import Lock
from typing import Any, Final, Literal

from headwater import Footer, Header, Outputs, SidePort, StepContext, Stream, To, step
from headwater.toolkit import chunks_of
from headwater_steps.files.bad_rows import OnBadLine
from headwater_steps.files.encodings import LONGEST_LINE, Encoding, Limit, undecodable, without_mark
from headwater_steps.files.file_reader import BLOCK_BYTES
from headwater_steps.files.models import BadLineError, BadRow, FileFooter, FileHeader
from headwater_steps.files.rows import Rows, TextRows

__all__ = ["InputLines", "stdin"]

_NAME: Final = "standard input"
_DESCRIPTOR: Final = 0
_reading = Lock()  # held by the only step that may read: what one has read is lost for another


class InputLines(Outputs):
    """What comes on standard input."""

    out: Stream[str, FileHeader, FileFooter]
    rejected: SidePort[BadRow]


@step("source.stdin")
async def stdin(
    ctx: StepContext,
    *,
    split: Literal["lines", "chunks"] = "lines",
    encoding: Encoding = "utf-8",
    on_bad: OnBadLine | None = None,
    max_line_chars: Limit = LONGEST_LINE,
) -> AsyncIterator[InputLines]:
    r"""Read text from standard input, as it comes.

    Lines end with `\n` or `\r\n`, which are no part of the items; the last one may end with the input. A byte order
    mark is dropped. One step at a time reads standard input, as each line comes once.

    Args:
        ctx: Knows whether the port `rejected` leads somewhere.
        split: What the items are: `lines`, or `chunks` of text as they arrive, ends of lines included.
        encoding: How the text is encoded; UTF-16 and UTF-32 without a byte order mark are little-endian.
        on_bad: What happens to a line with bytes that are no text: `fail` ends with its number, `replace` puts U+FFFD
            in their place, `skip` leaves the line out, `reject` gives it to the port `rejected`. By default
            `reject` where that port leads somewhere, and `fail` elsewhere. The footer tells how many there were. Chunks
            have no lines to leave out: they know `fail`, which is their default, and `replace`.
        max_line_chars: Longest line that is read, in characters, its end counted; a longer one is an error in any case.

    Yields:
        The header, every line or chunk, the footer; bad lines on the port `rejected`.

    Raises:
        OSError: Standard input is closed, or cannot be read.
        BadLineError: A line is too long, or has bytes that are no text.
        ValueError: Another step reads standard input, or chunks are to be left out.

    Example:
        A pipeline that counts the lines it is given::

            {"name": "count", "steps": [{"id": "lines", "kind": "source.stdin"}, {"id": "n", "kind": "stream.count"}]}
    """
    lines = split == "lines"
    rows: Rows = TextRows(_NAME, encoding, max_line_chars, on_bad, ctx) if lines else _Chunks(encoding, on_bad, ctx)
    with _alone():
        yield To("out", Header(FileHeader(path=_NAME, size_bytes=None)))
        async with aclosing(chunks_of(os.dup(_DESCRIPTOR), BLOCK_BYTES)) as blocks:
            async for block in blocks:
                for frame in rows.feed(block):
                    yield frame
        for frame in rows.flush():
            yield frame
        yield To("out", Footer(rows.footer()))


class _Chunks:
    """Text that is cut where it happened to be cut on its way.

    Args:
        encoding: How it is encoded.
        on_bad: What happens to bytes that are no text.
        ctx: Takes which chunks had some.
    """

    def __init__(self, encoding: str, on_bad: OnBadLine | None, ctx: StepContext) -> None:
        if on_bad not in {None, "fail", "replace"}:
            hint = "set it to fail or replace, or split to lines"
            raise ValueError(f"on_bad is {on_bad}, but chunks have no lines that could be left out; {hint}")
        self._encoding = encoding
        self._mends = on_bad == "replace"
        self._start: bytes | None = b""
        self._ctx = ctx
        self._lines = 0
        self._chunks = 0

    def feed(self, block: bytes, *, final: bool = False) -> Iterator[Any]:
        """Take the bytes that follow, and yield the text that is whole with them."""
        if self._start is not None:
            known = without_mark(self._encoding, self._start + block, final=final)
            if known is None:
                self._start += block
                return
            encoding, block = known
            self._begin(encoding)
        state = self._decoder.getstate()
        try:
            text = self._decoder.decode(block, final)
        except UnicodeDecodeError as error:
            text = self._mended(error, state, block, final=final)
        if text:
            self._chunks += 1
            self._lines += text.count("\n")
            yield text

    def _begin(self, encoding: str) -> None:
        """Note what the text is encoded in, which its first bytes have told."""
        self._start = None
        decoder = getincrementaldecoder(encoding)
        self._decoder = decoder()
        self._mender = decoder("replace") if self._mends else None

    def flush(self) -> Iterator[Any]:
        """Take the end of the text, and yield what is left."""
        return self.feed(b"", final=True)

    def footer(self) -> FileFooter:
        """Return what is known after the end."""
        return FileFooter(lines=self._lines, items=self._chunks)

    def _mended(self, error: UnicodeDecodeError, state: tuple[bytes, int], block: bytes, *, final: bool) -> str:
        """Return the text of bytes that are none, with U+FFFD in their place, if it is to be so."""
        line = self._lines + error.object[: error.start].count(b"\n") + 1
        reason = undecodable(error)
        if self._mender is None:
            reason = f"{reason}; set another encoding, or on_bad to replace"
            raise BadLineError(_NAME, line, reason) from error
        self._ctx.progress(message=f"replaced what is no text, on line {line}: {reason}", compensations=1)
        self._mender.setstate(state)
        text = self._mender.decode(block, final)
        self._decoder.setstate(self._mender.getstate())
        return text


@contextmanager
def _alone() -> Generator[None]:
    if not _reading.acquire(blocking=False):
        raise ValueError("another step reads standard input already; read it once, and give it to several steps")
    try:
        yield
    finally:
        _reading.release()
