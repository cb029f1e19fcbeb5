"""Rate limits: token buckets by key, at which callers wait for their turn."""

from __future__ import annotations

from collections import OrderedDict
from heapq import heappop, heappush
from math import inf
from typing import TYPE_CHECKING

from anyio import Event, current_time, sleep_until

from headwater.running.shared.kept import Memory

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

__all__ = ["RateLimit"]

_ROUNDING_S = 1e-6  # loops may wake a sleeper early by as much; it never adds up, as buckets count exactly


class _Line:
    """Callers that wait one after the other, in the order in which they came."""

    def __init__(self) -> None:
        self._turns: OrderedDict[Event, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._turns)

    async def wait(self, time_of: Callable[[], float]) -> None:
        """Wait until every caller before has left, and then until the time that a function gives."""
        turn = Event()
        self._turns[turn] = None
        try:
            if next(iter(self._turns)) is not turn:
                await turn.wait()
            while (time := time_of()) > current_time() + _ROUNDING_S:  # noqa: ASYNC110 - nothing else makes it free
                await sleep_until(time)
        finally:
            del self._turns[turn]
            if self._turns:
                next(iter(self._turns)).set()


class _Bucket:
    """The tokens of one key, held as the time at which all of them are there."""

    def __init__(self) -> None:
        self.full_at = -inf
        self.line = _Line()


class RateLimit(Memory):
    """Lets `per_s` calls a second pass for each key, and `burst` at once after a pause; others wait, first come first.

    A bucket that is full is the same as none, so it is dropped when there are `max_keys` others. While none is full, a
    caller with another key waits until one is, as dropping any other would let too many calls pass.
    """

    def __init__(self, per_s: float, burst: int, max_keys: int = 10_000) -> None:
        self._interval_s = 1 / per_s
        self._saved_s = (burst - 1) / per_s
        self._max_keys = max_keys
        self._buckets: dict[Hashable, _Bucket] = {}
        self._full_next: list[tuple[float, int, Hashable]] = []  # a heap with one entry for each bucket
        self._number = 0
        self._newcomers = _Line()

    @property
    def is_idle(self) -> bool:
        """Return whether it remembers nothing that matters, so that a new one would do the same."""
        self._drop_full()
        return not self._buckets and not self._newcomers

    async def acquire(self, key: Hashable = None) -> float:
        """Wait for a call with a key; return how long it took, in seconds."""
        started = now = current_time()
        bucket = self._buckets.get(key)
        if bucket is None:
            if self._newcomers or self._room_at() > now:
                await self._newcomers.wait(lambda: self._room_at() if key not in self._buckets else -inf)
                now = current_time()
            bucket = self._bucket(key)
        if bucket.line or self._free_at(bucket) > now + _ROUNDING_S:
            await bucket.line.wait(lambda: self._free_at(bucket))
            now = current_time()
        bucket.full_at = max(bucket.full_at, now) + self._interval_s
        return now - started

    def _bucket(self, key: Hashable) -> _Bucket:
        if key not in self._buckets:
            self._buckets[key] = _Bucket()
            self._expect_full(key, current_time() + self._interval_s)
        return self._buckets[key]

    def _free_at(self, bucket: _Bucket) -> float:
        """Return when a bucket has a token."""
        return bucket.full_at - self._saved_s

    def _room_at(self) -> float:
        """Return when another key may have a place."""
        if len(self._buckets) >= self._max_keys:
            self._drop_full()
        return -inf if len(self._buckets) < self._max_keys else self._full_next[0][0]

    def _drop_full(self) -> None:
        now = current_time() + _ROUNDING_S
        while self._full_next and self._full_next[0][0] <= now:
            _, _, key = heappop(self._full_next)
            bucket = self._buckets[key]
            if bucket.line or bucket.full_at > now:
                self._expect_full(key, max(bucket.full_at, now + self._interval_s))
            else:
                del self._buckets[key]

    def _expect_full(self, key: Hashable, time: float) -> None:
        self._number += 1  # two keys are never compared
        heappush(self._full_next, (time, self._number, key))
