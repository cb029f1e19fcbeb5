"""The kinds `source.lines` and `source.text`: text files, line by line or as one string."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from headwater import Outputs, SidePort, StepContext, Stream, StreamType, step
from headwater.toolkit import InputPath, NeededWhen
from headwater_steps.files.bad_rows import OnBadLine, OnBadText
from headwater_steps.files.compression import Compression
from headwater_steps.files.encodings import LONGEST_LINE, Encoding, Limit, LineCutter, undecodable, with_line_end
from headwater_steps.files.file_reader import FileReader, opened
from headwater_steps.files.models import BadLineError, BadRow, FileFooter, FileHeader
from headwater_steps.files.rows import TextRows, read_rows

__all__ = ["Lines", "lines", "text", "whole_text"]


class Lines(Outputs):
    """The outputs of `source.lines`."""

    out: Annotated[
        Stream[str, FileHeader, FileFooter],
        StreamType(str, FileHeader, FileFooter, mode="line", to_delta=with_line_end),
    ]
    rejected: Annotated[SidePort[BadRow], NeededWhen("on_bad", "reject")]


@step("source.lines", blocking=True)
def lines(
    ctx: StepContext,
    *,
    path: InputPath,
    encoding: Encoding = "utf-8",
    compression: Compression = "auto",
    on_bad: OnBadLine | None = None,
    max_line_chars: Limit = LONGEST_LINE,
) -> Iterator[Lines]:
    r"""Read a text file line by line.

    Lines end with `\n` or `\r\n`, which are not part of the items; the last one may end with the file. A byte order
    mark is dropped. A pipe is read as it is written.

    Args:
        ctx: Takes the progress through the file.
        path: The file; a relative path starts at the working directory.
        encoding: How the file encodes its text; UTF-16 and UTF-32 without a byte order mark are little-endian.
        compression: How the file is compressed; `auto` goes by its first bytes, and by the end of its name (`.gz`,
            `.bz2`, `.xz`, `.zst`).
        on_bad: What happens to a line with invalid bytes: `fail` is an error with its number, `replace` puts U+FFFD in
            their place, `skip` leaves the line out, `reject` sends it to the port `rejected`. By default `reject` if
            that port is connected, otherwise `fail`. The footer counts them.
        max_line_chars: Longest line that is read, in characters with its end; a longer one is always an error.

    Yields:
        The header, every line, the footer; bad lines on the port `rejected`.

    Raises:
        OSError: The file cannot be read.
        BadLineError: A line is too long, or has invalid bytes.
        DamagedFileError: A compressed file is cut off or damaged.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from headwater import Pipeline, run_sync
        >>> with TemporaryDirectory() as folder:
        ...     poem = Path(folder, "poem.txt")
        ...     _ = poem.write_text("a rose\nis a rose\n")
        ...     result = run_sync(Pipeline("read", steps={"poem": lines.with_params(path=poem)}))
        >>> result.output, result.footer.lines
        (['a rose', 'is a rose'], 2)
    """
    yield from read_rows(path, compression, ctx, TextRows(path, encoding, max_line_chars, on_bad, ctx, is_file=True))


@step("source.text", blocking=True)
def text(
    ctx: StepContext,
    *,
    path: InputPath,
    encoding: Encoding = "utf-8",
    compression: Compression = "auto",
    on_bad: OnBadText = "fail",
    max_size_bytes: Annotated[int, Field(ge=1)] = 256 * 1024 * 1024,
) -> str:
    r"""Read a text file as one string.

    The text keeps its line ends; only a byte order mark is dropped.

    Args:
        ctx: Takes the progress through the file.
        path: The file; a relative path starts at the working directory.
        encoding: How the file encodes its text; UTF-16 and UTF-32 without a byte order mark are little-endian.
        compression: How the file is compressed; `auto` goes by its first bytes, and by the end of its name (`.gz`,
            `.bz2`, `.xz`, `.zst`).
        on_bad: What happens to invalid bytes: `fail` is an error with their line, `replace` puts U+FFFD in their place.
        max_size_bytes: Largest file that is read, decompressed; a larger one is an error.

    Returns:
        The text.

    Raises:
        OSError: The file cannot be read.
        BadLineError: The file has invalid bytes.
        DamagedFileError: A compressed file is cut off or damaged.
        ValueError: The file is too large.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from headwater import Pipeline, run_sync
        >>> with TemporaryDirectory() as folder:
        ...     poem = Path(folder, "poem.txt")
        ...     _ = poem.write_text("a rose\nis a rose\n")
        ...     run_sync(Pipeline("read", steps={"poem": text.with_params(path=poem)})).output
        'a rose\nis a rose\n'
    """
    with opened(path, compression, ctx) as file:
        return whole_text(file, ctx, encoding=encoding, on_bad=on_bad, max_size_bytes=max_size_bytes)


def whole_text(file: FileReader, ctx: StepContext, *, encoding: str, on_bad: OnBadText, max_size_bytes: int) -> str:
    """Return the whole text of a file."""
    path = file.header.path
    cutter = LineCutter(encoding, path)
    pieces: list[bytes] = []
    size_bytes = 0
    for block in file.blocks():
        size_bytes += len(block)
        if size_bytes > max_size_bytes:
            hint = "raise max_size_bytes, or read its lines"
            raise ValueError(f"{path} has more than {max_size_bytes} bytes; {hint}")
        pieces.append(cutter.feed(block))
    content = b"".join((*pieces, cutter.flush()))
    try:
        return content.decode(cutter.encoding)
    except UnicodeDecodeError as error:
        reason = undecodable(error)
        line = content[: error.start].decode(cutter.encoding, "replace").count("\n") + 1
        if on_bad == "fail":
            raise BadLineError(path, line, f"{reason}; set another encoding, or on_bad to replace") from error
        ctx.progress(message=f"replaced invalid bytes, first on line {line}: {reason}", compensations=1)
        return content.decode(cutter.encoding, "replace")
