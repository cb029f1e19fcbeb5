"""The kinds `source.http`, `http.lines` and `http.chunks`: bodies as they arrive, in constant memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from headwater import Batch, Footer, Header, StepContext, StreamType
from headwater_steps.files.encodings import LONGEST_LINE, Encoding, with_line_end
from headwater_steps.files.rows import MaxLineChars, OnBadLineParam, TextRows
from headwater_steps.http.body import encoding_of
from headwater_steps.http.http_step import HttpStep, OnStatus
from headwater_steps.http.messages import BodyFooter, LinesFooter, ResponseHeader

if TYPE_CHECKING:
    from headwater_steps.http.answer import Answer

__all__ = ["Chunks", "Lines", "Source"]

LineFrames = Annotated[
    AsyncGenerator[str | Batch[str] | Header[ResponseHeader] | Footer[LinesFooter]],
    StreamType(str, ResponseHeader, LinesFooter, mode="line", to_delta=with_line_end),
]
ChunkFrames = AsyncGenerator[bytes | Header[ResponseHeader] | Footer[BodyFooter]]


class _Body(HttpStep):
    """The base of the steps that stream a body, with limits for a large one."""

    max_body_bytes: Annotated[
        int, Field(ge=1, description="Largest body that is accepted, also decompressed; a larger one is an error.")
    ] = 16 * 1024**3
    total_s: Annotated[
        float,
        Field(
            gt=0,
            le=604_800,
            description="Longest total wait for the server, in seconds; the reader's own time does not count.",
        ),
    ] = 3_600
    on_status: Annotated[
        OnStatus,
        Field(
            description="What happens to a response with a status of 400 or more: `fail` is an error with the "
            "beginning of its body, `pass` passes it on."
        ),
    ] = "fail"

    async def _chunks(self, answer: Answer, ctx: StepContext) -> AsyncGenerator[bytes]:
        """Yield the body as it arrives, and report progress."""
        whole_bytes = answer.declared_bytes
        async with aclosing(answer.chunks()) as chunks:
            async for chunk in chunks:
                yield chunk
                if whole_bytes:
                    ctx.progress(answer.received_bytes / whole_bytes, "receiving")


class _Text(_Body):
    """The base of the steps that stream the lines of a body."""

    encoding: Annotated[
        Encoding | None, Field(description="How the text is encoded; by default as the server declares it, or UTF-8.")
    ] = None
    on_bad: OnBadLineParam = "fail"
    max_line_chars: MaxLineChars = LONGEST_LINE

    async def _lines(self, url: str, ctx: StepContext) -> LineFrames:
        async with self.exchange(ctx, url, on_status=self.on_status) as answer:
            encoding = encoding_of(answer, self.encoding)
            rows = TextRows(answer.place, encoding, self.max_line_chars, self.on_bad, ctx)
            yield Header(_header(answer))
            async with aclosing(self._chunks(answer, ctx)) as chunks:
                async for chunk in chunks:
                    for lines in rows.feed(chunk):
                        yield lines
            for lines in rows.flush():
                yield lines
            counts = rows.footer().model_dump(include={"lines", "items", "bad_rows", "first_bad_lines"})
            yield Footer(LinesFooter(**dict(_footer(answer)), **counts))


class Lines(_Text, kind="http.lines"):
    r"""Get the text at a URL line by line, while it arrives (HTTP, RFC 9110).

    Lines end with `\n` or `\r\n`, which are not part of the items. A slow reader makes the server wait; one that
    leaves closes the connection. A body that is cut off is an error after the lines that arrived, never a shorter text.
    `http.get` says what may be requested. If the URL is known beforehand, `source.http` needs no input.

    Yields:
        The header with status and headers, the lines, the footer with counts and sizes.

    Raises:
        HttpError: The request fails or is not allowed, or the body is not complete.
        BadLineError: A line is too long, or has invalid bytes.

    Example:
        >>> Lines(hosts=["*.example.com"], on_bad="skip").max_line_chars
        16777216
    """

    async def run(self, url: str, ctx: StepContext) -> LineFrames:
        """Get the lines at one URL."""
        async with aclosing(self._lines(url, ctx)) as frames:
            async for frame in frames:
                yield frame


class Source(_Text, kind="source.http"):
    r"""Get the text at one URL line by line, while it arrives (HTTP, RFC 9110).

    Lines end with `\n` or `\r\n`, which are not part of the items. A slow reader makes the server wait; one that
    leaves closes the connection. A body that is cut off is an error after the lines that arrived, never a shorter text.
    `http.get` says what may be requested.

    Args:
        url: The URL; its host must be among `hosts` as well.

    Yields:
        The header with status and headers, the lines, the footer with counts and sizes.

    Raises:
        HttpError: The request fails or is not allowed, or the body is not complete.
        BadLineError: A line is too long, or has invalid bytes.

    Example:
        >>> Source(url="https://www.example.com/words.txt", hosts=["www.example.com"]).max_redirects
        5
    """

    url: str

    async def run(self, ctx: StepContext) -> LineFrames:
        """Get the lines."""
        async with aclosing(self._lines(self.url, ctx)) as frames:
            async for frame in frames:
                yield frame


class Chunks(_Body, kind="http.chunks"):
    """Get the bytes at a URL as they arrive, decompressed (HTTP, RFC 9110).

    How they are cut into chunks has no meaning: joined they are the body. A slow reader makes the server wait; one that
    leaves closes the connection. A body that is cut off is an error after the chunks that arrived. `http.get` says what
    may be requested.

    Yields:
        The header with status and headers, the chunks, the footer with sizes.

    Raises:
        HttpError: The request fails or is not allowed, or the body is not complete.

    Example:
        >>> Chunks(hosts=["*"], max_body_bytes=1_000_000).on_status
        'fail'
    """

    async def run(self, url: str, ctx: StepContext) -> ChunkFrames:
        """Get the bytes at one URL."""
        async with self.exchange(ctx, url, on_status=self.on_status) as answer:
            yield Header(_header(answer))
            async with aclosing(self._chunks(answer, ctx)) as chunks:
                async for chunk in chunks:
                    yield chunk
            yield Footer(_footer(answer))


def _header(answer: Answer) -> ResponseHeader:
    return ResponseHeader(
        url=answer.url,
        status=answer.status,
        headers=answer.headers,
        content_type=answer.content_type,
        size_bytes=answer.declared_bytes,
    )


def _footer(answer: Answer) -> BodyFooter:
    return BodyFooter(
        size_bytes=answer.size_bytes,
        received_bytes=answer.received_bytes,
        first_byte_s=answer.first_byte_s,
        duration_s=answer.patience.elapsed_s,
    )
