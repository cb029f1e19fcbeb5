"""The items of a stream one by one, or in lists: those that are there, or lists of a size.

All are iterators rather than generators, so they need not be closed, and a reader may give up waiting and
ask again later without losing an item.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from math import inf
from typing import Generic, Self, TypeVar

from anyio import CancelScope, current_time

__all__ = ["Arrived", "Filled", "OneByOne"]

Item = TypeVar("Item")


class Arrived(Generic[Item]):
    """An iterator of lists of whatever is there, so that no item waits for another."""

    __slots__ = ("_take",)

    def __init__(self, take: Callable[[], Awaitable[list[Item]]]) -> None:
        self._take = take

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Item]:
        batch = await self._take()
        if not batch:
            raise StopAsyncIteration
        return batch


class OneByOne(Generic[Item]):
    """An iterator of the items in lists; a wait that is cancelled leaves it as it was."""

    __slots__ = ("_batch", "_batches")

    def __init__(self, batches: Arrived[Item]) -> None:
        self._batches = batches
        self._batch: Iterator[Item] = iter(())

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        for item in self._batch:
            return item
        self._batch = iter(await anext(self._batches))
        return next(self._batch)


class Filled(Generic[Item]):
    """An iterator of lists of a size, with a bound on how long an item waits for the others."""

    __slots__ = (
        "_acknowledge",
        "_deadline",
        "_ended",
        "_failure",
        "_given_items",
        "_linger_s",
        "_ready",
        "_size",
        "_take",
        "_waiting",
    )

    def __init__(
        self,
        take: Callable[[], Awaitable[list[Item]]],
        acknowledge: Callable[[int], object],
        size: int,
        linger_s: float,
    ) -> None:
        self._take = take
        self._acknowledge = acknowledge
        self._size = size
        self._linger_s = linger_s
        self._waiting: list[Item] = []
        self._ready: Iterator[list[Item]] = iter(())
        self._deadline = inf
        self._ended = False
        self._failure: Exception | None = None
        self._given_items = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Item]:
        self._acknowledge(self._given_items)
        self._given_items = 0
        while (full := next(self._ready, None)) is None:
            if self._failure is not None:
                raise self._failure
            if self._ended:
                raise StopAsyncIteration
            await self._fill()
        self._given_items = len(full)
        return full

    async def _fill(self) -> None:
        """Wait for items, or for the time at which those that wait are sent."""
        try:
            arrived = await self._arrived()
        except Exception as error:  # noqa: BLE001 - raised after the items that came before it
            self._failure, arrived = error, []
        self._ended = arrived == []
        due = current_time() + self._linger_s
        if arrived and not self._waiting:
            self._deadline = due
        waiting, size = [*self._waiting, *(arrived or ())], self._size
        ready = len(waiting) // size * size if arrived else len(waiting)
        self._ready = iter([waiting[start : start + size] for start in range(0, ready, size)])
        self._waiting = waiting[ready:]
        if ready:
            self._deadline = due if self._waiting else inf

    async def _arrived(self) -> list[Item] | None:
        """Return the next items, nothing at the end; None when there are none until the deadline."""
        with CancelScope(deadline=self._deadline):
            return await self._take()
        return None
