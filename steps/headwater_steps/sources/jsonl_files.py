"""Files of JSON lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from headwater import Batch, Outputs, SidePort, StepContext, Stream, step
from headwater.toolkit import OnBad
from headwater_steps.files.bad_rows import BadRows
from headwater_steps.files.compression import Compression
from headwater_steps.files.encodings import LONGEST_LINE, Limit, LineCutter
from headwater_steps.files.models import BadLineError, BadRow, FileFooter, FileHeader
from headwater_steps.files.rows import read_rows

__all__ = ["JsonRows", "Values", "jsonl"]

_BLANKS = b" \t\r\n"


class Values(Outputs):
    """What comes of a file of JSON lines."""

    out: Stream[Any, FileHeader, FileFooter]
    rejected: SidePort[BadRow]


class JsonRows:
    """Rows that are a JSON value each.

    Args:
        path: What is read, for messages.
        longest: Most bytes of a line, its end counted.
        on_bad: What happens to lines that are no JSON.
        ctx: The step that reads it.
    """

    def __init__(self, path: Path | str, longest: int, on_bad: OnBad | None, ctx: StepContext) -> None:
        self._path = path
        self._cutter = LineCutter("utf-8")
        self._longest = longest
        self._bad_rows = BadRows(path, on_bad, ctx)
        self._lines = 0
        self._items = 0
        self._blank_lines = 0

    def feed(self, block: bytes) -> Iterator[Any]:
        """Take the bytes that follow, and yield the values of the lines that are whole with them."""
        if piece := self._cutter.feed(block):
            yield from self._frames(piece)
        if self._cutter.waiting_bytes > self._longest:
            raise self._too_long(self._lines + 1)

    def flush(self) -> Iterator[Any]:
        """Take the end of the text, and yield the value of the last line if it has no end."""
        if piece := self._cutter.flush():
            yield from self._frames(piece)

    def footer(self) -> FileFooter:
        """Return what is known after the end."""
        return self._bad_rows.footer(lines=self._lines, items=self._items, blank_lines=self._blank_lines)

    def _frames(self, piece: bytes) -> Iterator[Any]:
        lines = piece.split(b"\n")
        if len(piece) > self._longest:
            self._check_lengths(lines)
        if not lines[-1]:
            del lines[-1]
        values: list[Any] = []
        before = self._lines
        self._lines += len(lines)
        for number, line in enumerate(lines, before + 1):
            try:
                values.append(from_json(line, allow_inf_nan=False))
            except ValueError:
                text = line.rstrip(_BLANKS)
                if text:
                    yield self._batch(values)
                    values = []
                    yield from self._bad(number, text)
                else:
                    self._blank_lines += 1
        yield self._batch(values)

    def _batch(self, values: list[Any]) -> Batch[Any]:
        self._items += len(values)
        return Batch(values)

    def _bad(self, number: int, line: bytes) -> Iterator[Any]:
        """Tell what the parser finds, with its column and without its line, which is always the first."""
        try:
            from_json(line, allow_inf_nan=False)
        except ValueError as error:
            reason, _, column = str(error).rpartition(" at line 1 column ")
        else:
            raise AssertionError(line)
        shown = line.decode("utf-8", "replace")
        hint = "mend it, or set on_bad to skip or reject"
        yield from self._bad_rows.take(number, f"no JSON: {reason}", shown, column=int(column), hint=hint)

    def _check_lengths(self, lines: list[bytes]) -> None:
        """Refuse the first of some lines that is too long; what follows the last end is a line without one."""
        for index, line in enumerate(lines):
            if len(line) + (index < len(lines) - 1) > self._longest:
                raise self._too_long(self._lines + index + 1)

    def _too_long(self, line: int) -> BadLineError:
        reason = (
            f"the line is longer than {self._longest} bytes; raise max_line_bytes if the file does consist of lines"
        )
        return BadLineError(self._path, line, reason)


@step("source.jsonl", blocking=True)
def jsonl(
    ctx: StepContext,
    *,
    path: Path,
    compression: Compression = "auto",
    on_bad: OnBad | None = None,
    max_line_bytes: Limit = LONGEST_LINE,
) -> Iterator[Values]:
    r"""Read a file of JSON lines: one value on each (https://jsonlines.org).

    The values are strict JSON (RFC 8259, no NaN) in UTF-8. Blank lines are left out, and counted. A pipe is read as it
    is written.

    Args:
        ctx: Takes the progress through the file.
        path: The file; a relative path starts at the working directory.
        compression: How the file is compressed; `auto` tells it by the name's end (`.gz`, `.bz2`, `.xz`, `.zst`).
        on_bad: What happens to a line that is no JSON: `fail` ends with its number and the reason, `skip` leaves it
            out, `reject` gives it to the port `rejected`. By default `reject` where that port leads somewhere, and
            `fail` elsewhere. The footer tells how many there were.
        max_line_bytes: Longest line that is read, its end counted; a longer one is an error in any case.

    Yields:
        The header, the value of every line, the footer; bad lines on the port `rejected`.

    Raises:
        OSError: The file cannot be read.
        BadLineError: A line is too long, or no JSON.
        DamagedFileError: A compressed file is cut off or damaged.

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
    yield from read_rows(path, compression, ctx, JsonRows(path, max_line_bytes, on_bad, ctx))
