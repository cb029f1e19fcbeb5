"""When a client connects again after a cut."""

from __future__ import annotations

from dataclasses import dataclass
from random import uniform

import anyio

from headwater_client.client_errors import Cut, ServerUnreachableError

__all__ = ["Attempts", "Backoff"]


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long a client waits before it connects again: twice as long each time, less a random part.

    Args:
        first_s: The first wait, in seconds.
        most_s: The longest wait, in seconds.
        give_up_s: For how long it tries while nothing succeeds, in seconds.

    Example:
        >>> Backoff(give_up_s=5).most_s
        5.0
    """

    first_s: float = 0.1
    most_s: float = 5.0
    give_up_s: float = 60.0


class Attempts:
    """The attempts to do one thing; what succeeds in between begins a new count."""

    def __init__(self, backoff: Backoff, url: str) -> None:
        self._backoff = backoff
        self._url = url
        self._failed = 0
        self._since_s = 0.0

    def succeeded(self) -> None:
        """Note that something arrived."""
        self._failed = 0

    async def wait(self, cut: Cut) -> None:
        """Wait before the next attempt, or raise when the time is over."""
        now_s, backoff = anyio.current_time(), self._backoff
        if not self._failed:
            self._since_s = now_s
        elif now_s - self._since_s >= backoff.give_up_s:
            raise ServerUnreachableError(self._url, now_s - self._since_s, str(cut)) from cut
        longest_s = min(backoff.first_s * 2**self._failed, backoff.most_s)
        self._failed = min(self._failed + 1, 60)
        await anyio.sleep(max(uniform(longest_s / 2, longest_s), cut.wait_s))  # noqa: S311 - jitter
