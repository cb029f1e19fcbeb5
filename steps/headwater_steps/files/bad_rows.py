"""What becomes of rows that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

from headwater import StepContext, To
from headwater_steps.files.models import BadLineError, BadRow, FileFooter

__all__ = ["OnBadLine", "OnBadRow", "OnBadText", "OnBadUnportedLine", "Rejects"]

OnBadRow = Literal["fail", "skip", "reject"]
"""What happens to a row that cannot be read: the step fails, the row is left out, or it goes to the port `rejected`."""

OnBadLine = Literal["fail", "replace", "skip", "reject"]
"""The same of a line with bytes that are no text, which can also be kept with U+FFFD in their place."""

OnBadUnportedLine = Literal["fail", "replace", "skip"]
"""The same where there is no port that bad lines could go to."""

OnBadText = Literal["fail", "replace"]
"""The same of a text as a whole."""

_LINES_KEPT = 10
_DONE: Final = {"skip": "skipped", "reject": "rejected", "replace": "replaced parts of"}


class Rejects:
    """The rows that one run of a source could not read.

    Args:
        path: What is read, for messages.
        policy: What happens to them; None to reject them where the port `rejected` leads somewhere, and to fail
            elsewhere. `replace` says that they are mended.
        ctx: Knows where the port leads, and takes how many rows there are.

    Raises:
        ValueError: They are to go to a port that leads nowhere.

    Example:
        >>> rejects = Rejects("data.csv", "skip", StepContext("execution", "rows"))
        >>> list(rejects.take(7, "2 cells, not 3", "a,b"))
        []
        >>> rejects.footer(lines=8, items=7).first_bad_lines
        (7,)
    """

    def __init__(self, path: Path | str, policy: OnBadRow | OnBadLine | None, ctx: StepContext) -> None:
        is_connected = "rejected" in ctx.connected
        if policy == "reject" and not is_connected:
            hint = "add an edge from it, or set on_bad"
            raise ValueError(f"on_bad is reject, but the port 'rejected' leads nowhere; {hint}")
        self._policy: str = policy or ("reject" if is_connected else "fail")
        self._path = path
        self._ctx = ctx
        self._count = 0
        self._told = 0
        self._first_lines: list[int] = []

    @property
    def mends(self) -> bool:
        """Whether rows are kept, with what cannot be read replaced."""
        return self._policy == "replace"

    def take(self, line: int, reason: str, text: str, *, column: int | None = None, hint: str = "") -> Iterator[Any]:
        """Take a row that cannot be read.

        Args:
            line: Number of its first line, from 1.
            reason: What is wrong with it.
            text: The row.
            column: Where the fault is, from 1; None when that is not known.
            hint: What to do about it.

        Yields:
            What the step is to yield.

        Raises:
            BadLineError: The policy is to fail.
        """
        if self._policy == "fail":
            raise BadLineError(self._path, line, f"{reason}; {hint}" if hint else reason, column)
        self._count += 1
        if len(self._first_lines) < _LINES_KEPT:
            self._first_lines.append(line)
        if self._count >= 2 * self._told:  # telling costs more than reading a row
            self._tell(f"line {line}: {reason}")
        if self._policy == "reject":
            yield To("rejected", BadRow(line=line, reason=reason, text=text, column=column))

    def footer(self, *, lines: int, items: int, blank_lines: int = 0) -> FileFooter:
        """Return what is known after the end.

        Args:
            lines: How many lines there are.
            items: How many items were read.
            blank_lines: How many lines have nothing on them.
        """
        if self._count > self._told:
            self._tell(f"{self._count - self._told} more rows")
        return FileFooter(
            lines=lines,
            items=items,
            blank_lines=blank_lines,
            bad_rows=self._count,
            first_bad_lines=tuple(self._first_lines),
        )

    def _tell(self, rows: str) -> None:
        self._ctx.progress(message=f"{_DONE[self._policy]} {rows}", compensations=self._count - self._told)
        self._told = self._count
