"""The kind `source.jsonl`: files of JSON lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from headwater import Batch, Outputs, SidePort, StepContext, Stream, step
from headwater.toolkit import InputPath, NeededWhen, OnBad, read_json, read_json_lines
from headwater_steps.files.compression import Compression
from headwater_steps.files.encodings import LONGEST_LINE, NO_LINE_FEED, Limit
from headwater_steps.files.models import BadRow, FileFooter, FileHeader
from headwater_steps.files.rows import LineRows, read_rows

__all__ = ["JsonRows", "Values", "jsonl"]

_BLANKS = b" \t\r\n"


class Values(Outputs):
    """The outputs of `source.jsonl`."""

    out: Stream[Any, FileHeader, FileFooter]
    rejected: Annotated[SidePort[BadRow], NeededWhen("on_bad", "reject")]


class JsonRows(LineRows):
    """Rows that are a JSON value each; `longest` is in bytes."""

    _unit = "bytes"
    _unit_bytes = 1
    _param = "max_line_bytes"
    _encoding_hint = "convert it from {} to UTF-8, such as with iconv"

    def __init__(self, path: Path | str, longest: int, on_bad: OnBad | None, ctx: StepContext) -> None:
        super().__init__(path, "utf-8", longest, on_bad, ctx)

    def _frames(self, piece: bytes) -> Iterator[Any]:
        lines = piece.split(b"\n")
        if len(piece) > self._longest:
            self._check_lengths(lines)
        if not lines[-1]:
            del lines[-1]
        values: list[Any] = []
        before = self._lines
        self._lines += len(lines)
        if (good := read_json_lines(lines, piece)) is not None:
            yield self._batch(good)
            return
        for number, line in enumerate(lines, before + 1):
            try:
                values.append(read_json(line))
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
        """Take a bad line, with the column that the parser finds; its line is always the first."""
        try:
            read_json(line)
        except ValueError as error:
            reason, _, column = str(error).rpartition(" at line 1 column ")
        else:
            raise AssertionError(line)
        shown = line.decode("utf-8", "replace")
        yield from self._bad_rows.take(
            number, f"invalid JSON: {reason}", shown, column=int(column), hint=_hint(line, reason)
        )


def _hint(line: bytes, reason: str) -> str:
    """Return what to do about a line that is not JSON."""
    if b"\r" in line:
        return NO_LINE_FEED
    if reason.startswith("EOF") and line.endswith((b"{", b"[", b",", b":")):
        how = "jq -c '.[]'" if line.lstrip().startswith(b"[") else "jq -c ."
        return f"the value continues on the next line, but must be on one: convert the file, such as with {how}"
    return "repair the line, or set on_bad to skip or reject"


@step("source.jsonl", blocking=True)
def jsonl(
    ctx: StepContext,
    *,
    path: InputPath,
    compression: Compression = "auto",
    on_bad: OnBad | None = None,
    max_line_bytes: Limit = LONGEST_LINE,
) -> Iterator[Values]:
    r"""Read a file of JSON lines, with one value on each line (https://jsonlines.org).

    The values are strict JSON (RFC 8259, no NaN) in UTF-8. Blank lines are left out, and counted. A pipe is read as it
    is written.

    Args:
        ctx: Takes the progress through the file.
        path: The file; a relative path starts at the working directory.
        compression: How the file is compressed; `auto` goes by its first bytes, and by the end of its name (`.gz`,
            `.bz2`, `.xz`, `.zst`).
        on_bad: What happens to a line that is not valid JSON: `fail` is an error with its number and the reason, `skip`
            leaves it out, `reject` sends it to the port `rejected`. By default `reject` if that port is connected,
            otherwise `fail`. The footer counts them.
        max_line_bytes: Longest line that is read, its end counted; a longer one is an error in any case.

    Yields:
        The header, the value of every line, the footer; bad lines on the port `rejected`.

    Raises:
        OSError: The file cannot be read.
        BadLineError: A line is too long, or not valid JSON.
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
