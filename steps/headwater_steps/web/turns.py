"""How many requests to one host go on at the same time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Hashable
from contextlib import asynccontextmanager

from anyio import Semaphore

__all__ = ["Turns"]


class Turns:
    """Lets a number of holders of each key go on, the others wait in the order in which they came.

    Nothing is kept of a key that nobody holds.

    Args:
        most: Holders of one key at the same time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._places: dict[Hashable, Semaphore] = {}
        self._users: dict[Hashable, int] = {}

    def __len__(self) -> int:
        return len(self._places)

    @asynccontextmanager
    async def turn(self, key: Hashable) -> AsyncGenerator[None]:
        """Hold a key, after waiting for a place.

        Args:
            key: The key.

        Yields:
            None, once.
        """
        places = self._places.setdefault(key, Semaphore(self._most))
        self._users[key] = self._users.get(key, 0) + 1
        try:
            async with places:
                yield
        finally:
            self._users[key] -= 1
            if not self._users[key]:
                del self._users[key], self._places[key]
