"""Circuit breakers: calls that would likely fail are refused at once, until a trial shows that they succeed again."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

from anyio import current_time

from headwater.errors import HeadwaterError
from headwater.running.shared.kept import Memory

if TYPE_CHECKING:
    from collections.abc import Generator
    from contextlib import AbstractContextManager

__all__ = ["CircuitBreaker", "CircuitOpenError"]


class CircuitOpenError(HeadwaterError):
    """A circuit breaker refused a call, as too many before it have failed.

    Args:
        message: What happened, one sentence.
        retry_after_s: Seconds until the breaker lets one call through as a trial; None while that call runs.

    Attributes:
        retryable: Always true: a later call may succeed.

    Example:
        >>> CircuitOpenError("the circuit breaker is open", 12.5).to_json()["retry_after_s"]
        12.5
    """

    retryable = True

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class CircuitBreaker(Memory):
    """Counts failures of calls, and refuses calls after too many.

    Closed, calls pass; `failures` within `window_s` open it. Open, calls are refused for `reset_s`. Then it is
    half-open: one call at a time passes as a trial, whose success closes it and whose failure opens it again.
    """

    def __init__(self, failures: int, window_s: float, reset_s: float) -> None:
        self._failures = failures
        self._window_s = window_s
        self._reset_s = reset_s
        self._failed_at: deque[float] = deque()
        self._half_opens_at: float | None = None  # None: it is closed
        self._has_trial = False
        self._era = 0  # counts openings, so that calls from before one decide nothing after it

    @property
    def is_idle(self) -> bool:
        """Return whether it remembers nothing that matters: failures, or an opening, within the window."""
        self._forget_old()
        opened = self._half_opens_at is not None and current_time() < self._half_opens_at + self._window_s
        return not opened and not self._failed_at and not self._has_trial

    def enter(self) -> AbstractContextManager[None]:
        """Return the context of a call, or raise `CircuitOpenError`; a call that is cancelled counts as nothing."""
        return self._call(is_trial=self._admit())

    @contextmanager
    def _call(self, *, is_trial: bool) -> Generator[None]:
        era = self._era
        try:
            yield
        except Exception:
            if era == self._era:
                self._note_failure(is_trial=is_trial)
            raise
        else:
            if is_trial:
                self._half_opens_at = None
                self._failed_at.clear()
        finally:
            if is_trial:
                self._has_trial = False

    def _admit(self) -> bool:
        """Return whether a call is a trial; raise when it is refused."""
        if self._half_opens_at is None:
            return False
        wait_s = self._half_opens_at - current_time()
        if wait_s > 0:
            raise CircuitOpenError(f"{self._opened()}; it lets one call through in {wait_s:.3g} s", wait_s)
        if self._has_trial:
            raise CircuitOpenError(f"{self._opened()}; the call that it let through has not ended")
        self._has_trial = True
        return True

    def _opened(self) -> str:
        times = "failure" if self._failures == 1 else "failures"
        return f"the circuit breaker is open after {self._failures} {times} within {self._window_s:g} s"

    def _note_failure(self, *, is_trial: bool) -> None:
        self._forget_old()
        self._failed_at.append(current_time())
        if is_trial or len(self._failed_at) >= self._failures:
            self._failed_at.clear()
            self._half_opens_at = current_time() + self._reset_s
            self._era += 1

    def _forget_old(self) -> None:
        oldest = current_time() - self._window_s
        while self._failed_at and self._failed_at[0] <= oldest:
            self._failed_at.popleft()
