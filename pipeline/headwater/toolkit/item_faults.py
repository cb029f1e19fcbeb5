"""Bad items: one policy for them, how many there were, and where the first ones were."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from headwater.kinds.step_context import StepContext

__all__ = ["ItemFaults", "OnBad"]

OnBad: TypeAlias = Literal["fail", "skip", "reject"]
"""What happens to a bad item: the step fails, the item is left out, or it goes to a side port."""

_KEPT: Final = 10
_DONE: Final = {"skip": "skipped", "reject": "rejected", "replace": "replaced parts of"}


class ItemFaults:
    """The bad items of one run of a step, which all meet with one policy.

    The step asks for the policy, as only the step knows its error and what it writes to the side port; the rest is done
    by `note`: it counts, and reports compensations as progress, rarely enough to cost nothing when most items are bad.

    Args:
        policy: `fail`, `skip`, `reject` or `replace`; None to reject when the side port is connected, and to fail when
            it is not.
        ctx: Knows whether the side port is connected, and takes the progress.
        port: The side port.
        param: The param with the policy, for the message when the port is not connected.
        noun: What bad items are called in progress.

    Attributes:
        policy: The policy, never None.
        count: How many bad items there were.

    Raises:
        ValueError: The policy is `reject`, but the side port is not connected.

    Example:
        >>> faults = ItemFaults("skip", StepContext("execution", "rows"), noun="rows")
        >>> faults.note(7, "line 7: 2 cells, not 3")
        >>> faults.count, faults.first, faults.fails
        (1, (7,), False)
    """

    def __init__(
        self, policy: str | None, ctx: StepContext, *, port: str = "rejected", param: str = "on_bad", noun: str
    ) -> None:
        is_connected = port in ctx.connected
        if policy == "reject" and not is_connected:
            raise ValueError(
                f"{param} is reject, but the port {port!r} is not connected; add an edge from it, or set {param}"
            )
        self.policy: str = policy or ("reject" if is_connected else "fail")
        self.count: int = 0
        self._ctx = ctx
        self._noun = noun
        self._reported = 0
        self._first: list[int] = []

    @property
    def fails(self) -> bool:
        """Whether a bad item is an error."""
        return self.policy == "fail"

    @property
    def rejects(self) -> bool:
        """Whether bad items go to the side port."""
        return self.policy == "reject"

    @property
    def replaces(self) -> bool:
        """Whether bad items are kept, with what is bad about them replaced."""
        return self.policy == "replace"

    @property
    def first(self) -> tuple[int, ...]:
        """Numbers of the first ten bad items."""
        return tuple(self._first)

    def note(self, number: int, reason: str) -> None:
        """Count a bad item that does not fail the step.

        Args:
            number: Its number, or that of its line, from 1.
            reason: Which item it is and what is wrong with it, for progress.
        """
        self.count += 1
        if len(self._first) < _KEPT:
            self._first.append(number)
        if self.count >= 2 * self._reported:  # reporting each would cost more than reading it
            self._report(reason)

    def finish(self) -> None:
        """Report the bad items that no progress has mentioned yet."""
        if self.count > self._reported:
            self._report(f"{self.count - self._reported} more {self._noun}")

    def _report(self, what: str) -> None:
        more = self.count - self._reported
        skipped = {"skipped": more} if self.policy == "skip" else {}
        self._ctx.progress(message=f"{_DONE[self.policy]} {what}", compensations=more, **skipped)
        self._reported = self.count
