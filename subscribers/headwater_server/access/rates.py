"""Requests per minute, and what may be open at once."""

from __future__ import annotations

import time
from math import ceil
from threading import Timer
from types import TracebackType
from typing import Final, Self
from zlib import crc32

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from headwater_server.refusals import Refusal

__all__ = ["Quota", "Rates", "Slot"]

_MOST_COUNTERS: Final = 10_000
_SHARED_COUNTERS: Final = 512
_SWEPT_EVERY_S: Final = 60.0


class Rates:
    """Requests per minute of each caller, and of each address whose callers are not known, in a sliding window.

    Beyond 10,000 callers and addresses at once, further ones share 512 counters, so that memory is bounded.

    Args:
        per_minute: Requests of one caller in a minute.
    """

    def __init__(self, per_minute: int) -> None:
        self._limit = RateLimitItemPerMinute(per_minute)
        self._storage = _Counters()
        self._swept_s = 0.0
        self._limiter = SlidingWindowCounterRateLimiter(self._storage)

    def count(self, kind: str, name: str) -> None:
        """Count a request.

        Args:
            kind: What the name is that of: `caller` or `address`.
            name: Who sent it.

        Raises:
            Refusal: There were too many in the last minute.
        """
        self._sweep()
        key = f"{kind}/{name}"
        if len(self._storage.storage) >= _MOST_COUNTERS and not self._is_counted(key):
            key = f"shared/{crc32(key.encode()) % _SHARED_COUNTERS}"
        if not self._limiter.hit(self._limit, key):
            wait_s = self._wait_s(key)
            message = f"more than {self._limit.amount:,} requests in a minute; try again in {wait_s} s"
            raise Refusal(429, "too-many-requests", message, headers={"Retry-After": str(wait_s)})

    def _wait_s(self, key: str) -> int:
        """Return when the next request is accepted; the statistics of the library say when the window begins."""
        most, window_s = self._limit.amount, self._limit.get_expiry()
        previous, previous_s, current, current_s = self._storage.get_sliding_window(self._limit.key_for(key), window_s)
        if current < most:  # the previous window counts less with each second
            return max(1, ceil(previous_s - (most - current) * window_s / previous))
        return max(1, ceil(current_s - window_s))

    def _sweep(self) -> None:
        """Forget the minutes that are over, once a minute."""
        now_s = time.time()
        if now_s - self._swept_s >= _SWEPT_EVERY_S:
            self._swept_s = now_s
            self._storage.sweep(now_s)

    def _is_counted(self, key: str) -> bool:
        return self._limiter.get_window_stats(self._limit, key).remaining < self._limit.amount


class _Counters(MemoryStorage):
    """Counters in memory, swept on use: the library starts a thread after each request, which costs more than it."""

    def __init__(self) -> None:
        super().__init__()
        self.timer.cancel()
        self.timer = _NeverDue(0, self.reset)

    def sweep(self, now_s: float) -> None:
        """Remove what is over."""
        for key in [key for key, until_s in self.expirations.items() if until_s <= now_s]:
            self.clear(key)


class _NeverDue(Timer):
    """A timer that seems to run already, so that the library starts no other one."""

    def is_alive(self) -> bool:
        """Return True."""
        return True


class Quota:
    """How many executions or streams may be open at once, per caller and in total.

    Args:
        what: What is counted, in the plural, for messages.
        per_caller: Most of one caller.
        total: Most of all callers.

    Example:
        >>> quota = Quota("streams", per_caller=1, total=10)
        >>> with quota.take("ci"):
        ...     len(quota)
        1
    """

    def __init__(self, what: str, *, per_caller: int, total: int) -> None:
        self._what = what
        self._per_caller = per_caller
        self._total = total
        self._open = 0
        self._callers: dict[str, int] = {}

    def __len__(self) -> int:
        """Return how many are open."""
        return self._open

    def take(self, name: str) -> Slot:
        """Count one more of a caller, until its slot is released.

        Args:
            name: The caller.

        Returns:
            The slot: a context manager, or to be released.

        Raises:
            Refusal: The caller has too many (429), or all callers together have (503).
        """
        if self._callers.get(name, 0) >= self._per_caller:
            message = f"{self._per_caller:,} {self._what} of this caller are open, which is the limit"
            raise Refusal(429, f"too-many-{self._what}", f"{message}; wait for one to end", headers=_SOON)
        if self._open >= self._total:
            message = f"{self._total:,} {self._what} are open on this server, which is the limit"
            raise Refusal(503, f"too-many-{self._what}", f"{message}; try again later", headers=_SOON)
        self._open += 1
        self._callers[name] = self._callers.get(name, 0) + 1
        return Slot(self, name)

    def give_back(self, name: str) -> None:
        """Count one less of a caller; slots call this."""
        self._open -= 1
        self._callers[name] -= 1
        if not self._callers[name]:
            del self._callers[name]


_SOON: Final = {"Retry-After": "5"}


class Slot:
    """A place in a quota, which is given back once."""

    __slots__ = ("_name", "_quota")

    def __init__(self, quota: Quota, name: str) -> None:
        self._quota: Quota | None = quota
        self._name = name

    def release(self) -> None:
        """Give the place back; a second time does nothing."""
        quota, self._quota = self._quota, None
        if quota is not None:
            quota.give_back(self._name)

    def __enter__(self) -> Self:
        """Hold the place."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the place back."""
        self.release()
