"""Errors of control steps."""

from __future__ import annotations

from headwater import HeadwaterError

__all__ = ["LoopLimitError", "NoCaseError"]


class LoopLimitError(HeadwaterError):
    """A loop has reached a limit before its condition held.

    Args:
        max_iterations: How often its pipeline may run.
        max_time_s: How long all the runs may take together, in seconds; None without such a limit.

    Example:
        >>> print(LoopLimitError(100, 2.5))
        the condition 'until' did not hold within 100 iterations or 2.5 s
    """

    def __init__(self, max_iterations: int, max_time_s: float | None = None) -> None:
        super().__init__(max_iterations, max_time_s)
        self.max_iterations = max_iterations
        self.max_time_s = max_time_s

    def __str__(self) -> str:
        time = "" if self.max_time_s is None else f" or {self.max_time_s:g} s"
        return f"the condition 'until' did not hold within {self.max_iterations} iterations{time}"


class NoCaseError(HeadwaterError):
    """An item meets no case of a `control.switch` without a default.

    Args:
        found: What the item is, in words.

    Example:
        >>> print(NoCaseError("the number 3"))
        the number 3 meets no case, and there is no default
    """

    def __init__(self, found: str) -> None:
        super().__init__(found)
        self.found = found

    def __str__(self) -> str:
        return f"{self.found} meets no case, and there is no default"
