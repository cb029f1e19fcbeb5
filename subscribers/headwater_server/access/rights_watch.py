"""Ends what callers have open when they lose their rights."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

import anyio

from headwater_server.access.principal import Principal

__all__ = ["Watch"]


class Watch:
    """Streams and WebSockets whose callers may lose their rights; one task watches all of them.

    Args:
        every_s: How often it looks, in seconds.
        clock: Returns the time in seconds since 1970.
    """

    def __init__(self, *, every_s: float = 2.0, clock: Callable[[], float] = time.time) -> None:
        self._every_s = every_s
        self._clock = clock
        self._open: dict[object, tuple[Principal, Callable[[], None]]] = {}

    def __len__(self) -> int:
        """Return how many are watched."""
        return len(self._open)

    @contextmanager
    def following(self, principal: Principal, end: Callable[[], None]) -> Generator[None]:
        """Watch the rights of a caller within the block.

        Args:
            principal: The caller.
            end: Called once when the token of the caller has expired or its key was revoked. It must not wait: it
                cancels a scope, or sets an event.

        Yields:
            Nothing.
        """
        key = object()
        self._open[key] = (principal, end)
        try:
            yield
        finally:
            self._open.pop(key, None)

    async def run(self) -> None:
        """Look until it is cancelled."""
        while True:
            await anyio.sleep(self._every_s)
            self.look()

    def look(self) -> None:
        """End what is over."""
        now_s = self._clock()
        over = [key for key, (principal, _) in self._open.items() if not principal.is_valid(now_s)]
        for key in over:
            self._open.pop(key)[1]()
