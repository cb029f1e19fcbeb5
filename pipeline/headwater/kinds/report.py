"""The problems of one definition, collected so that they can be raised together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headwater.errors import Problem, StepDefinitionError

if TYPE_CHECKING:
    from types import CodeType

__all__ = ["Report"]


class Report:
    """Collects what is wrong with one definition: `subject` is what is defined, such as `step 'text.words'`."""

    __slots__ = ("_before", "file", "line", "problems", "subject")

    def __init__(self, subject: str, file: str, line: int) -> None:
        self.subject: str = subject
        self.file: str = file
        self.line: int = line
        self.problems: list[Problem] = []
        self._before = 0

    def at(self, code: CodeType, name: str = "") -> Report:
        """Return a report that adds to the same problems, placed at a function, or at a method with that name."""
        subject = f"{self.subject}, method {name!r}" if name else self.subject
        report = Report(subject, code.co_filename, code.co_firstlineno)
        report.problems = self.problems
        report._before = len(self.problems)
        return report

    @property
    def clean(self) -> bool:
        """Return whether no problem of this definition was added since this report was made."""
        return len(self.problems) == self._before

    def add(self, code: str, message: str, hint: str = "") -> None:
        """Add a problem, with what to write instead as the hint."""
        message = f"{self.subject}: {message}"
        self.problems.append(Problem(code, message, file=self.file, line=self.line, hint=hint))

    def raise_any(self) -> None:
        """Raise all problems as one error, if there are any."""
        if self.problems:
            raise StepDefinitionError(self.problems)
