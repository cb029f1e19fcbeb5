"""Steps that read files as streams, in constant memory whatever their size."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Annotated, Any, AnyStr, Literal

from pydantic import Field
from pydantic_core import from_json

from headwater import Footer, Header, StepContext, step
from headwater_steps.files import BadLineError, FileFooter, FileHeader, size_of

__all__ = ["Encoding", "JsonlFooter", "jsonl", "lines"]

Encoding = Literal[
    "utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "ascii", "latin-1", "iso-8859-2", "iso-8859-15", "cp1250",
    "cp1251", "cp1252", "koi8-r", "big5", "gb18030", "euc-jp", "shift_jis", "euc-kr",
]  # fmt: skip
"""Encodings of text files: a closed list, because Python imports a module for whatever name it is asked for."""

_LONGEST_LINE = 16 * 1024 * 1024
_BAD_LINES_KEPT = 10
_PROGRESS_LINES = 4096
_BLANKS = b" \t\r\n"

Limit = Annotated[int, Field(ge=1, le=2**31)]


class JsonlFooter(FileFooter, frozen=True):
    """What is known of a file of JSON lines after its last line.

    Args:
        items: Lines that were read as items.
        blank_lines: Lines with nothing on them.
        bad_lines: Lines that were skipped because they are no JSON.
        first_bad_lines: Numbers of the first ten of them, from 1.
    """

    items: int
    blank_lines: int
    bad_lines: int
    first_bad_lines: tuple[int, ...]


@step("source.lines", blocking=True)
def lines(
    ctx: StepContext,
    *,
    path: Path,
    encoding: Encoding = "utf-8",
    on_bad: Literal["fail", "replace", "skip"] = "fail",
    max_line_chars: Limit = _LONGEST_LINE,
) -> Iterator[str | Header[FileHeader] | Footer[FileFooter]]:
    r"""Read a text file line by line.

    Lines end with `\n` or `\r\n`, which are no part of the items; the last one may end with the file. A byte order mark
    is dropped.

    Args:
        ctx: Takes the progress through the file.
        path: The file; a relative path starts at the working directory.
        encoding: How the file encodes its text.
        on_bad: What happens to bytes that are no text: `fail` ends with the number of their line, `replace` puts U+FFFD
            in their place, `skip` leaves them out.
        max_line_chars: Longest line that is read, in characters, its end counted; a longer one is an error.

    Yields:
        The header, every line, the footer.

    Raises:
        OSError: The file cannot be read.
        BadLineError: A line is too long, or has bytes that are no text.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from headwater import Pipeline, run_sync
        >>> with TemporaryDirectory() as folder:
        ...     poem = Path(folder, "poem.txt")
        ...     _ = poem.write_text("a rose\nis a rose\n")
        ...     result = run_sync(Pipeline("read", steps={"poem": lines.with_params(path=poem)}))
        >>> result.output, result.footer
        (['a rose', 'is a rose'], FileFooter(lines=2))
    """
    errors = {"fail": "strict", "replace": "replace", "skip": "ignore"}[on_bad]
    number = 0
    with path.open("rb") as raw, TextIOWrapper(raw, encoding, errors, newline="\n") as file:
        yield Header(FileHeader(path=str(path), size_bytes=size_of(raw)))
        try:
            for number, line in _numbered(file.readline, path, _meter(raw, ctx), max_line_chars, "chars"):
                text = line[:-2] if line.endswith("\r\n") else line.removesuffix("\n")
                yield text if number > 1 else text.removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            raise _undecodable(path, number, error) from error
    yield Footer(FileFooter(lines=number))


def _undecodable(path: Path, lines_before: int, error: UnicodeDecodeError) -> BadLineError:
    """Tell where the bytes are that are no text, after so many lines were read."""
    good = error.object[: error.start].decode(error.encoding, "replace")
    found = error.object[error.start : error.end].hex(" ")
    reason = f"the bytes {found} are no {error.encoding} text; set another encoding, or on_bad to replace or skip"
    return BadLineError(path, lines_before + good.count("\n") + 1, reason)


@step("source.jsonl", blocking=True)
def jsonl(
    ctx: StepContext, *, path: Path, on_bad: Literal["fail", "skip"] = "fail", max_line_bytes: Limit = _LONGEST_LINE
) -> Iterator[Any | Header[FileHeader] | Footer[JsonlFooter]]:
    r"""Read a file of JSON lines: one value on each (https://jsonlines.org).

    The values are strict JSON (RFC 8259, no NaN) in UTF-8. Blank lines are left out, and counted.

    Args:
        ctx: Takes the progress through the file.
        path: The file; a relative path starts at the working directory.
        on_bad: What happens to a line that is no JSON: `fail` ends with its number and the reason, `skip` leaves it
            out, and tells of it in the footer.
        max_line_bytes: Longest line that is read, its end counted; a longer one is an error in any case.

    Yields:
        The header, the value of every line, the footer.

    Raises:
        OSError: The file cannot be read.
        BadLineError: A line is too long, or no JSON.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from headwater import Pipeline, run_sync
        >>> with TemporaryDirectory() as folder:
        ...     scores = Path(folder, "scores.jsonl")
        ...     _ = scores.write_text('{"score": 3}\n{"score": }\n')
        ...     result = run_sync(Pipeline("read", steps={"scores": jsonl.with_params(path=scores, on_bad="skip")}))
        >>> result.output, result.footer.first_bad_lines
        ([{'score': 3}], (2,))
    """
    number = blank_lines = bad_lines = 0
    first_bad_lines: list[int] = []
    with path.open("rb") as file:
        yield Header(FileHeader(path=str(path), size_bytes=size_of(file)))
        for number, line in _numbered(file.readline, path, _meter(file, ctx), max_line_bytes, "bytes"):
            text = (line if number > 1 else line.removeprefix(BOM_UTF8)).rstrip(_BLANKS)
            if not text:
                blank_lines += 1
                continue
            try:
                value = from_json(text, allow_inf_nan=False)
            except ValueError as error:
                if on_bad == "fail":
                    raise _no_json(path, number, error) from error
                bad_lines += 1
                if bad_lines <= _BAD_LINES_KEPT:
                    first_bad_lines.append(number)
            else:
                yield value
    yield Footer(
        JsonlFooter(
            lines=number,
            items=number - blank_lines - bad_lines,
            blank_lines=blank_lines,
            bad_lines=bad_lines,
            first_bad_lines=tuple(first_bad_lines),
        )
    )


def _no_json(path: Path, line: int, error: ValueError) -> BadLineError:
    """Tell what the parser found, with its column and without its line, which is always the first."""
    reason, _, column = str(error).rpartition(" at line 1 column ")
    return BadLineError(path, line, f"no JSON: {reason}; mend it, or set on_bad to skip", int(column))


def _numbered(
    readline: Callable[[int], AnyStr], path: Path, tick: Callable[[], None], longest: int, unit: str
) -> Iterator[tuple[int, AnyStr]]:
    """Yield the numbers and lines of a file, ends included; one too long is refused before it fills the memory."""
    number = 0
    while line := readline(longest + 1):
        number += 1
        if len(line) > longest:
            reason = (
                f"the line is longer than {longest} {unit}; raise max_line_{unit} if the file does consist of lines"
            )
            raise BadLineError(path, number, reason)
        yield number, line
        if not number % _PROGRESS_LINES:
            tick()


def _meter(file: IO[bytes], ctx: StepContext) -> Callable[[], None]:
    """Return a function that tells how far a file is read; nothing for what has no size, such as a pipe."""
    size_bytes = size_of(file)
    if not size_bytes:
        return lambda: None
    return lambda: ctx.progress(file.tell() / size_bytes, "reading")
