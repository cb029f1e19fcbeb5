"""What becomes of rows that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

from headwater import StepContext, To
from headwater_steps.files.facts import BadLineError, BadRow

__all__ = ["OnBad", "Rejects"]

OnBad = Literal["fail", "skip", "reject"]
"""What happens to a row that cannot be read: the step fails, the row is left out, or it goes to the port `rejected`."""

_LINES_KEPT = 10
_DONE: Final = {"skip": "skipped", "reject": "rejected", "replace": "replaced parts of"}


class Rejects:
    """The rows that one run of a source could not read.

    Args:
        path: What is read, for messages.
        policy: What happens to them; `replace` only counts them.
        ctx: Knows whether the port `rejected` leads somewhere, and takes what became of each row.

    Attributes:
        count: How many there were.
        first_lines: Numbers of the lines of the first ten of them.

    Raises:
        ValueError: They are to go to a port that leads nowhere.

    Example:
        >>> rejects = Rejects("data.csv", "skip", StepContext("execution", "rows"))
        >>> list(rejects.take(7, "2 cells, not 3", "a,b"))
        []
        >>> rejects.count, rejects.first_lines
        (1, [7])
    """

    def __init__(self, path: Path | str, policy: OnBad | Literal["replace"], ctx: StepContext) -> None:
        if policy == "reject" and "rejected" not in ctx.connected:
            raise ValueError("on_bad is reject, but the port 'rejected' leads nowhere; add an edge from it")
        self.count: int = 0
        self.first_lines: list[int] = []
        self._path = path
        self._policy: OnBad | Literal["replace"] = policy
        self._ctx = ctx

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
        self.count += 1
        if len(self.first_lines) < _LINES_KEPT:
            self.first_lines.append(line)
        if self._policy == "fail":
            raise BadLineError(self._path, line, f"{reason}; {hint}" if hint else reason, column)
        self._ctx.progress(message=f"{_DONE[self._policy]} line {line}: {reason}", compensations=1)
        if self._policy == "reject":
            yield To("rejected", BadRow(line=line, reason=reason, text=text, column=column))
