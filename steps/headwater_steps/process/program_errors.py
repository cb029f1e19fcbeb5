"""Errors of programs."""

from __future__ import annotations

from signal import Signals

from headwater import HeadwaterError

__all__ = ["ProgramError", "ProgramTimeoutError"]

_LAST_LINES = 5
_LONGEST_EXCERPT = 1_000


class ProgramError(HeadwaterError):
    """A program could not be run, or failed.

    Example:
        >>> print(ProgramError.of_exit("sort", 2, "sort: cannot read: nothing"))
        the program sort ended with code 2: sort: cannot read: nothing
        >>> print(ProgramError.of_exit("sort", -9, ""))
        the program sort was ended by the signal SIGKILL
    """

    def __init__(self, program: str, reason: str, code: int | None = None) -> None:
        super().__init__(program, reason, code)
        self.program = program
        self.reason = reason
        self.exit_code = code

    def __str__(self) -> str:
        return f"the program {self.program} {self.reason}"

    @classmethod
    def of_exit(cls, program: str, code: int, stderr: str) -> ProgramError:
        """Return the error for how a program ended."""
        how = f"ended with code {code}" if code >= 0 else f"was ended by the signal {_signal_name(-code)}"
        excerpt = "\n".join(stderr.strip().splitlines()[-_LAST_LINES:])[-_LONGEST_EXCERPT:]
        return cls(program, f"{how}: {excerpt}" if excerpt else how, code)


class ProgramTimeoutError(ProgramError, TimeoutError):
    """A program took too long, and was ended."""


def _signal_name(number: int) -> str:
    try:
        return Signals(number).name
    except ValueError:
        return str(number)
