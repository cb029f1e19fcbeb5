"""The problems of one definition, collected so that they can be raised together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headwater.errors import Problem, StepDefinitionError

if TYPE_CHECKING:
    from types import CodeType

__all__ = ["Report"]


class Report:
    """Collect what is wrong with one definition.

    Args:
        subject: What is defined, for messages, such as `step 'text.words'`.
        file: Source file of the definition.
        line: Line of the definition, from 1.

    Example:
        >>> report = Report("step 'text.words'", "steps.py", 3)
        >>> report.add("missing-return", "the return annotation is missing", "write -> str")
        >>> str(report.problems[0])
        "steps.py:3: step 'text.words': the return annotation is missing (write -> str) [missing-return]"
    """

    __slots__ = ("_before", "file", "line", "problems", "subject")

    def __init__(self, subject: str, file: str, line: int) -> None:
        self.subject: str = subject
        self.file: str = file
        self.line: int = line
        self.problems: list[Problem] = []
        self._before = 0

    def at(self, code: CodeType, name: str = "") -> Report:
        """Return a report that adds to the same problems, placed at a function.

        Args:
            code: Code of the function.
            name: Name of the function, when it is a method.

        Returns:
            A report that shares `problems` with this one.
        """
        subject = f"{self.subject}, method {name!r}" if name else self.subject
        report = Report(subject, code.co_filename, code.co_firstlineno)
        report.problems = self.problems
        report._before = len(self.problems)
        return report

    @property
    def clean(self) -> bool:
        """Whether nothing was added since this report was made, by it or by another of the same definition."""
        return len(self.problems) == self._before

    def add(self, code: str, message: str, hint: str = "") -> None:
        """Note one problem.

        Args:
            code: Stable name of the kind of problem.
            message: What was found and what was expected.
            hint: What to write instead.
        """
        message = f"{self.subject}: {message}"
        self.problems.append(Problem(code, message, file=self.file, line=self.line, hint=hint))

    def raise_any(self) -> None:
        """Raise everything that was noted, if anything was.

        Raises:
            StepDefinitionError: There is at least one problem.
        """
        if self.problems:
            raise StepDefinitionError(self.problems)
