"""Limits of the time that a step, or one of its attempts, may take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from anyio import CancelScope, current_time

from headwater.errors import HeadwaterError
from headwater.running.workers.threads import code_until
from headwater.streams.ends import ReaderLeft

if TYPE_CHECKING:
    from collections.abc import Awaitable

__all__ = ["StepTimeoutError", "within"]

Value = TypeVar("Value")

_EXPIRED: Final = {
    "total_s": "the step did not end",
    "first_item_s": "the step wrote no first item",
    "idle_s": "the step wrote no further item",
    "attempt_s": "the attempt did not end",
}


class StepTimeoutError(HeadwaterError, TimeoutError):
    """A limit of the `timeout` of a step has passed.

    Args:
        limit: The key that names it: `total_s`, `first_item_s`, `idle_s` or `attempt_s`.
        limit_s: Its value, in seconds.

    Attributes:
        retryable: Whether another attempt may help: not when the time of all attempts together is over.

    Example:
        >>> StepTimeoutError("attempt_s", 2.5).retryable
        True
    """

    def __init__(self, limit: str, limit_s: float) -> None:
        self.limit: str = limit
        self.limit_s: float = limit_s
        self.retryable: bool = limit != "total_s"
        super().__init__(f"{_EXPIRED[limit]} within its timeout of {limit_s:g} s (timeout.{limit})")

    def note_hang(self) -> None:
        """Add to the message that the code did not return even then."""
        self.args: tuple[str, ...] = (f"{self}; its code did not return, so its thread was abandoned",)


async def within(work: Awaitable[Value], limit: str, limit_s: float | None) -> Value:
    """Return the result of some work, or raise when a limit has passed before its end, however the work ended then.

    Code that catches its cancellation, and returns or raises something else, was cut off all the same.
    """
    if limit_s is None:
        return await work
    scope = CancelScope(deadline=current_time() + limit_s)
    error: Exception | None = None
    try:
        with scope, code_until(scope.deadline):
            value = await work
            if not scope.cancel_called:
                return value
    except ReaderLeft:
        raise
    except Exception as raised:
        if not scope.cancel_called:
            raise
        error = raised
    raise StepTimeoutError(limit, limit_s) from error
