"""Caches of results: by time and number, with one call at a time for each key."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from anyio import Event, current_time

from headwater.running.shared.kept import Memory

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

__all__ = ["ResultCache"]


class _Flight:
    """A call that callers with the same key wait for."""

    def __init__(self) -> None:
        self.landed = Event()
        self.value: Any = None
        self.error: Exception | None = None
        self.is_left = False  # cancelled: one of those who wait calls again


class ResultCache(Memory):
    """Keeps results by key for `ttl_s` after they were made, the `max_items` that were used last.

    Callers that ask for a key while it is made wait for the one call. Its error is raised in all of them, and not kept:
    the next caller calls again. When the caller that makes it is cancelled, the next one that waits makes it.
    A value is shared, not copied: what one reader changes in it, all others see.
    """

    def __init__(self, ttl_s: float | None, max_items: int) -> None:
        self._ttl_s = ttl_s
        self._max_items = max_items
        self._kept: OrderedDict[Hashable, tuple[Any, float | None]] = OrderedDict()
        self._flights: dict[Hashable, _Flight] = {}

    @property
    def is_idle(self) -> bool:
        """Return whether nothing is made now; what is kept may be forgotten."""
        return not self._flights

    async def get(self, key: Hashable, make: Callable[[], Awaitable[Any]]) -> tuple[Any, bool]:
        """Return the result for a key, and whether this caller was spared the call."""
        while True:
            if (kept := self._fresh(key)) is not None:
                return kept[0], True
            flight = self._flights.get(key)
            if flight is None:
                return await self._made(key, make), False
            await flight.landed.wait()
            if flight.error is not None:
                raise flight.error
            if not flight.is_left:
                return flight.value, True

    async def _made(self, key: Hashable, make: Callable[[], Awaitable[Any]]) -> Any:
        flight = self._flights[key] = _Flight()
        try:
            flight.value = await make()
        except Exception as error:
            flight.error = error
            raise
        except BaseException:
            flight.is_left = True
            raise
        else:
            self._keep(key, flight.value)
        finally:
            del self._flights[key]
            flight.landed.set()
        return flight.value

    def _fresh(self, key: Hashable) -> tuple[Any, float | None] | None:
        """Return what is kept for a key, as the last that was used."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if kept[1] is not None and kept[1] <= current_time():
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return kept

    def _keep(self, key: Hashable, value: Any) -> None:
        self._kept[key] = value, None if self._ttl_s is None else current_time() + self._ttl_s
        self._kept.move_to_end(key)
        while len(self._kept) > self._max_items:
            self._kept.popitem(last=False)
