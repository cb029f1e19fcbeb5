"""Bad rows of a file: rows that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from headwater import StepContext, To
from headwater.toolkit import ItemFaults, plural
from headwater_steps.files.models import BadLineError, BadRow, FileFooter

__all__ = ["BadRows", "OnBadLine", "OnBadText", "OnBadUnportedLine"]

OnBadLine = Literal["fail", "replace", "skip", "reject"]
"""What happens to a line with invalid bytes: a line can also be kept, with U+FFFD in their place."""

OnBadUnportedLine = Literal["fail", "replace", "skip"]
"""The same where there is no side port for bad lines."""

OnBadText = Literal["fail", "replace"]
"""The same for text as a whole."""


class BadRows(ItemFaults):
    """The bad rows of one run of a source.

    Example:
        >>> rows = BadRows("data.csv", "skip", StepContext("execution", "rows"))
        >>> list(rows.take(7, "2 cells, not 3", "a,b"))
        []
        >>> rows.footer(lines=8, items=7).first_bad_lines
        (7,)
    """

    def __init__(self, path: Path | str, policy: str | None, ctx: StepContext) -> None:
        super().__init__(policy, ctx, noun="rows")
        self._path = path

    def take(self, line: int, reason: str, text: str, *, column: int | None = None, hint: str = "") -> Iterator[Any]:
        """Yield what the step yields for a bad row, given by its first line; raise a `BadLineError` to fail."""
        if self.fails:
            raise BadLineError(self._path, line, f"{reason}; {hint}" if hint else reason, column)
        self.note(line, f"line {line}: {reason}")
        if self.rejects:
            yield To("rejected", BadRow(line=line, reason=reason, text=text, column=column))

    def report_ragged(self, rows: int) -> None:
        """Report rows that were not bad, but filled or cut."""
        if rows:
            self._ctx.progress(message=f"fitted {plural(rows, 'row')} to the number of columns", compensations=rows)

    def footer(self, *, lines: int, items: int, blank_lines: int = 0) -> FileFooter:
        """Return what is known after the end, once all bad rows are reported."""
        self.finish()
        return FileFooter(
            lines=lines, items=items, blank_lines=blank_lines, bad_rows=self.count, first_bad_lines=self.first
        )
