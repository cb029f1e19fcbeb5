"""The kind `source.stdin`: text from standard input."""

from __future__ import annotations

import os
from codecs import getincrementaldecoder
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import aclosing, contextmanager
from threading import Lock
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, ValidationInfo

from headwater import Footer, Header, Outputs, SidePort, StepContext, Stream, StreamType, To, step
from headwater.toolkit import ByParam, Content, NeededWhen, chunks_of, refuse_outside
from headwater_steps.files.bad_rows import OnBadLine
from headwater_steps.files.encodings import (
    LONGEST_LINE,
    Encoding,
    Limit,
    check_encoding,
    undecodable,
    with_line_end,
    without_mark,
)
from headwater_steps.files.file_reader import BLOCK_BYTES
from headwater_steps.files.models import BadLineError, BadRow, FileFooter, FileHeader
from headwater_steps.files.rows import Rows, TextRows

__all__ = ["InputLines", "stdin"]

_NAME: Final = "standard input"
_DESCRIPTOR: Final = 0
_reading = Lock()  # held by the only step that may read: what one step reads, another never gets


def _fits_split(on_bad: OnBadLine | None, info: ValidationInfo) -> OnBadLine | None:
    """Refuse a policy that is for lines only."""
    if info.data.get("split") == "chunks":
        _check_chunks(on_bad)
    return on_bad


def _check_chunks(on_bad: OnBadLine | None) -> None:
    if on_bad in {"skip", "reject"}:
        hint = "set it to fail or replace, or split to lines"
        raise ValueError(f"on_bad is {on_bad}, but chunks have no lines to leave out; {hint}")


class InputLines(Outputs):
    """The outputs of `source.stdin`."""

    out: Annotated[
        Stream[str, FileHeader, FileFooter],
        StreamType(str, FileHeader, FileFooter, mode="line", to_delta=with_line_end),
        ByParam("split", {"chunks": StreamType(str, FileHeader, FileFooter)}),
    ]
    rejected: Annotated[SidePort[BadRow], NeededWhen("on_bad", "reject")]


@step("source.stdin")
async def stdin(
    ctx: StepContext,
    *,
    split: Literal["lines", "chunks"] = "lines",
    encoding: Encoding = "utf-8",
    on_bad: Annotated[OnBadLine | None, AfterValidator(_fits_split)] = None,
    max_line_chars: Limit = LONGEST_LINE,
) -> AsyncIterator[InputLines]:
    r"""Read text from standard input, as it arrives.

    Lines end with `\n` or `\r\n`, which are not part of the items; the last one may end with the input. A byte order
    mark is dropped, and compressed data is decompressed. One step at a time reads standard input, because each line
    comes once.

    Args:
        ctx: Knows whether the port `rejected` is connected.
        split: What the items are: `lines`, or `chunks` of text as they arrive, with line ends.
        encoding: How the text is encoded; UTF-16 and UTF-32 without a byte order mark are little-endian.
        on_bad: What happens to a line with invalid bytes: `fail` is an error with its number, `replace` puts U+FFFD in
            their place, `skip` leaves the line out, `reject` sends it to the port `rejected`. By default `reject` if
            that port is connected, otherwise `fail`. The footer counts them. Chunks have no lines to leave out: for
            them there are `fail`, the default, and `replace`.
        max_line_chars: Longest line that is read, in characters with its end; a longer one is always an error.

    Yields:
        The header, every line or chunk, the footer; bad lines on the port `rejected`.

    Raises:
        OSError: Standard input is closed, or cannot be read.
        BadLineError: A line is too long, or has invalid bytes.
        DamagedFileError: Compressed data is cut off or damaged.
        ValueError: Another step reads standard input, or `on_bad` is not for chunks.

    Example:
        A pipeline that counts lines::

            {"name": "count", "steps": [{"id": "lines", "kind": "source.stdin"}, {"id": "n", "kind": "stream.count"}]}
    """
    lines = split == "lines"
    rows: Rows = (
        TextRows(_NAME, encoding, max_line_chars, on_bad, ctx, is_file=True)
        if lines
        else _Chunks(encoding, on_bad, ctx)
    )
    content = Content(_NAME)
    refuse_outside("/dev/stdin")  # that of the program: where files are confined, it is not for steps
    with _alone():
        yield To("out", Header(FileHeader(path=_NAME, size_bytes=None)))
        async with aclosing(chunks_of(os.dup(_DESCRIPTOR), BLOCK_BYTES)) as blocks:
            async for block in blocks:
                for piece in content.feed(block):
                    for frame in rows.feed(piece):
                        yield frame
        for piece in content.finish():
            for frame in rows.feed(piece):
                yield frame
        for frame in rows.flush():
            yield frame
        yield To("out", Footer(rows.footer()))


class _Chunks:
    """Text that is cut wherever its bytes arrived in pieces."""

    def __init__(self, encoding: str, on_bad: OnBadLine | None, ctx: StepContext) -> None:
        _check_chunks(on_bad)
        self._encoding = encoding
        self._replaces = on_bad == "replace"
        self._start: bytes | None = b""
        self._ctx = ctx
        self._lines = 0
        self._chunks = 0

    def feed(self, block: bytes, *, final: bool = False) -> Iterator[Any]:
        """Take the bytes that follow, and yield the text that is complete with them."""
        if self._start is not None:
            known = without_mark(self._encoding, self._start + block, final=final)
            if known is None:
                self._start += block
                return
            check_encoding(self._encoding, self._start + block, _NAME)
            encoding, block = known
            self._begin(encoding)
        state = self._decoder.getstate()
        try:
            text = self._decoder.decode(block, final)
        except UnicodeDecodeError as error:
            text = self._repaired(error, state, block, final=final)
        if text:
            self._chunks += 1
            self._lines += text.count("\n")
            yield text

    def _begin(self, encoding: str) -> None:
        """Take the encoding that the first bytes have shown."""
        self._start = None
        decoder = getincrementaldecoder(encoding)
        self._decoder = decoder()
        self._replacer = decoder("replace") if self._replaces else None

    def flush(self) -> Iterator[Any]:
        """Take the end of the input, and yield what is left."""
        return self.feed(b"", final=True)

    def footer(self) -> FileFooter:
        """Return what is known after the end."""
        return FileFooter(lines=self._lines, items=self._chunks)

    def _repaired(self, error: UnicodeDecodeError, state: tuple[bytes, int], block: bytes, *, final: bool) -> str:
        """Return text with U+FFFD in the place of invalid bytes, or raise if that is the policy."""
        line = self._lines + error.object[: error.start].count(b"\n") + 1
        reason = undecodable(error)
        if self._replacer is None:
            reason = f"{reason}; set another encoding, or on_bad to replace"
            raise BadLineError(_NAME, line, reason) from error
        self._ctx.progress(message=f"replaced invalid bytes on line {line}: {reason}", compensations=1)
        self._replacer.setstate(state)
        text = self._replacer.decode(block, final)
        self._decoder.setstate(self._replacer.getstate())
        return text


@contextmanager
def _alone() -> Generator[None]:
    if not _reading.acquire(blocking=False):
        raise ValueError("another step reads standard input already; read it in one step, and connect several to it")
    try:
        yield
    finally:
        _reading.release()
