"""Back-pressure: when an execution has to wait for its subscribers, and how each side waits for the other."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final, Protocol

import anyio
from anyio.lowlevel import checkpoint

from headwater.events.log import UNLIMITED
from headwater.streams.nap import Bell

if TYPE_CHECKING:
    from headwater.events.log import EventLog

__all__ = ["Backpressure"]

_LAG_STRIDE: Final = 64  # looking again at every event would triple the cost of each until the emitter waits


class _Reader(Protocol):
    """A reader of the log that must not miss events."""

    @property
    def buffer_size(self) -> int: ...

    @property
    def needed_seq(self) -> int:
        """Number of the first event that must be kept for it."""
        ...

    def free_slots(self) -> int:
        """Return how many more events there may be before the execution has to wait; zero or less when it has to."""
        ...


class Backpressure:
    """Watches how far the readers of a log lag behind it.

    `log.needs_drain` is what `emit` returns. It is computed now and then: after as many events as the slowest reader
    has room for, so that emitting an event costs nothing while all readers keep up.
    """

    __slots__ = ("_delivery", "_log", "_readers", "_urgency", "served")

    def __init__(self, log: EventLog, readers: Collection[_Reader]) -> None:
        self._log = log
        self._readers = readers
        self._delivery = Bell()
        self._urgency = Bell()
        self.served: bool = True  # whether anything is delivered
        log.drain = self.drain
        log.on_attention = self._look
        log.needed_seq = self._needed_seq

    def lags(self) -> bool:
        """Return whether a reader lags by more than half of its buffer."""
        return any(reader.free_slots() <= reader.buffer_size // 2 for reader in self._readers)

    async def drain(self) -> None:
        """Wait until no reader lags by more than half of its buffer; a cancellation point in any case."""
        await checkpoint()
        while self.served and self.lags():  # or waiting would never end
            self._hurry()
            await self.wait_delivered()
        self._log.attend()  # readers may have caught up since `needs_drain` was computed

    async def rest(self, duration_s: float) -> None:
        """Wait for some time, but not while a reader lags or the emitter waits, and not after the last event."""
        with anyio.move_on_after(duration_s):
            while not (self._log.needs_drain or self._log.closed):
                self._log.attend()
                await self._urgency.wait()

    def delivered(self) -> None:
        """Note that a reader has received something, or is gone."""
        self._delivery.ring()

    async def wait_delivered(self) -> None:
        """Wait until a reader has received something, or is gone."""
        await self._delivery.wait()

    def _look(self) -> int:
        """Compute whether a reader lags; return after how many events to look again."""
        free_slots = min([reader.free_slots() for reader in self._readers], default=UNLIMITED)
        self._log.needs_drain = free_slots <= 0
        if self._log.needs_drain or self._log.closed:
            self._urgency.ring()
        return free_slots if free_slots > 0 else _LAG_STRIDE

    def _needed_seq(self) -> int:
        return min([reader.needed_seq for reader in self._readers], default=UNLIMITED)

    def _hurry(self) -> None:
        # A reader may rest, as its buffer is only half full; but the emitter waits for it.
        self._log.needs_drain = True
        self._urgency.ring()
