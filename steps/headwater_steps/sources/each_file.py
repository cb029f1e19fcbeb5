"""The kinds `file.text` and `file.lines`, which read each file that comes as an item."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field

from headwater import StepContext, StreamType, step
from headwater_steps.files.bad_rows import OnBadText, OnBadUnportedLine
from headwater_steps.files.compression import Compression
from headwater_steps.files.encodings import LONGEST_LINE, Encoding, Limit, with_line_end
from headwater_steps.files.file_reader import opened
from headwater_steps.files.rows import TextRows
from headwater_steps.sources.file_search import FoundFile
from headwater_steps.sources.text_files import whole_text

__all__ = ["found_lines", "found_text"]


@step("file.text", blocking=True)
def found_text(
    file: FoundFile,
    ctx: StepContext,
    *,
    within: Path | None = None,
    encoding: Encoding = "utf-8",
    compression: Compression = "auto",
    on_bad: OnBadText = "fail",
    max_size_bytes: Annotated[int, Field(ge=1)] = 256 * 1024 * 1024,
) -> str:
    r"""Read each file that comes as one string.

    Args:
        file: A file, as `source.files` finds them.
        ctx: Takes what was replaced.
        within: The folder that every file must be in, with links followed; set it if the paths come from elsewhere.
        encoding: How the files encode their text; UTF-16 and UTF-32 without a byte order mark are little-endian.
        compression: How the files are compressed; `auto` goes by their first bytes, and by the end of their names
            (`.gz`, `.bz2`, `.xz`, `.zst`).
        on_bad: What happens to invalid bytes: `fail` is an error with file and line, `replace` puts U+FFFD in their
            place.
        max_size_bytes: Largest file that is read, decompressed; a larger one is an error.

    Returns:
        The text with its line ends; only a byte order mark is dropped.

    Raises:
        OSError: A file cannot be read.
        PermissionError: A file is not in `within`.
        BadLineError: A file has invalid bytes.
        DamagedFileError: A compressed file is cut off or damaged.
        ValueError: A file is too large.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from headwater import Pipeline, run_sync
        >>> from headwater_steps.sources import files
        >>> with TemporaryDirectory() as folder:
        ...     for name in ("b", "a"):
        ...         _ = Path(folder, name).write_text(f"{name} rose\n")
        ...     steps = {"found": files.with_params(folder=folder), "texts": found_text}
        ...     run_sync(Pipeline("read", steps=steps)).output
        ['a rose\n', 'b rose\n']
    """
    with opened(_allowed(file, within), compression, ctx, reports=False) as reader:
        return whole_text(reader, ctx, encoding=encoding, on_bad=on_bad, max_size_bytes=max_size_bytes)


@step("file.lines", blocking=True)
def found_lines(
    file: FoundFile,
    ctx: StepContext,
    *,
    within: Path | None = None,
    encoding: Encoding = "utf-8",
    compression: Compression = "auto",
    on_bad: OnBadUnportedLine = "fail",
    max_line_chars: Limit = LONGEST_LINE,
) -> Annotated[Iterator[str], StreamType(str, mode="line", to_delta=with_line_end)]:
    r"""Read each file that comes, line by line, one file after the other.

    Lines end with `\n` or `\r\n`, which are not part of the items; the last one may end with its file.

    Args:
        file: A file, as `source.files` finds them.
        ctx: Takes what was left out or replaced.
        within: The folder that every file must be in, with links followed; set it if the paths come from elsewhere.
        encoding: How the files encode their text; UTF-16 and UTF-32 without a byte order mark are little-endian.
        compression: How the files are compressed; `auto` goes by their first bytes, and by the end of their names
            (`.gz`, `.bz2`, `.xz`, `.zst`).
        on_bad: What happens to a line with invalid bytes: `fail` is an error with file and line, `replace` puts U+FFFD
            in their place, `skip` leaves the line out; both count as compensations.
        max_line_chars: Longest line that is read, in characters with its end; a longer one is always an error.

    Yields:
        Every line.

    Raises:
        OSError: A file cannot be read.
        PermissionError: A file is not in `within`.
        BadLineError: A line is too long, or has invalid bytes.
        DamagedFileError: A compressed file is cut off or damaged.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from headwater import Pipeline, run_sync
        >>> from headwater_steps.sources import files
        >>> with TemporaryDirectory() as folder:
        ...     for name in ("b", "a"):
        ...         _ = Path(folder, name).write_text(f"{name} rose\nis {name} rose\n")
        ...     steps = {"found": files.with_params(folder=folder), "lines": found_lines}
        ...     run_sync(Pipeline("read", steps=steps)).output
        ['a rose', 'is a rose', 'b rose', 'is b rose']
    """
    path = _allowed(file, within)
    rows = TextRows(path, encoding, max_line_chars, on_bad, ctx, is_file=True)
    with opened(path, compression, ctx, reports=False) as reader:
        for block in reader.blocks():
            yield from rows.feed(block)
    yield from rows.flush()
    rows.footer()  # which reports the last bad lines


def _allowed(file: FoundFile, within: Path | None) -> Path:
    """Return the path of a file that may be read."""
    path = Path(file.path)
    if within is not None and not path.resolve().is_relative_to(within.resolve()):
        raise PermissionError(f"{path} is not within {within}, where all files must be; correct the path, or within")
    return path
