"""The event log: one append-only, numbered list per execution, which every reader sees at its own pace."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Mapping
from time import time
from typing import Any, Final, NoReturn, Protocol

import anyio
from anyio.lowlevel import checkpoint

from headwater.errors import FIRST_ATTEMPT
from headwater.events.chunk import Batch, Chunk, Fields
from headwater.events.data import EventData
from headwater.events.event import EventType, gap_event

__all__ = ["Emit", "EventLog", "EventReader"]

UNLIMITED: Final = sys.maxsize
_CHUNK: Final = 1024  # events of a chunk at most
_SHARED_BATCHES: Final = 2
_SHARED_EVENTS: Final = 4096  # a longer batch, such as all of a log, is not kept for others
_LAG_STRIDE: Final = 64  # looking again at every event would triple the cost of each until the caller waits

_ENDS: Final = frozenset(event_type for event_type in EventType if event_type.terminal)


class Emit(Protocol):
    """How an event is told."""

    def __call__(
        self,
        event_type: EventType,
        step_id: str | None = None,
        data: EventData | None = None,
        attempt: int = FIRST_ATTEMPT,
        *,
        metadata: Mapping[str, Any] | None = None,
    ) -> bool:
        """Tell an event; it never waits, and it belongs to the thread of the event loop.

        Args:
            event_type: What it tells.
            step_id: The step it is about; None when it is about the execution.
            data: The details: the model that `DATA_MODELS` names for the type.
            attempt: Which try of the step it is about, from 1.
            metadata: Whatever else there is to say.

        Returns:
            True when a reader that must not miss anything lags behind, so that the caller should wait for room.

        Raises:
            RuntimeError: The terminal event was told before.
        """
        ...


def _unlimited() -> int:
    return UNLIMITED


class EventLog:
    """The events of one execution, numbered from 1 without gaps, with the terminal event last.

    Readers have a cursor, not a copy: those that are in step are handed one and the same batch.

    Args:
        execution_id: The execution they belong to.
        history: How many events are kept; a reader that is further behind gets a `stream_gap` event.
        room: Tells how many more events the readers that must not miss any have room for.

    Attributes:
        last_seq: Number of the last event; 0 when there is none.
        closed: Whether the terminal event is there.

    Raises:
        ValueError: `history` is less than 1.

    Example:
        >>> log = EventLog("e1")
        >>> log.append(EventType.STEP_SKIPPED, "count")
        False
        >>> [event.seq for event in log.read(after=0)]
        [1]
    """

    __slots__ = (
        "_alarm",
        "_alarm_seq",
        "_base",
        "_batches",
        "_chunks",
        "_extend",
        "_free_slots",
        "_lags",
        "_news",
        "_size",
        "closed",
        "execution_id",
        "history",
        "last_seq",
    )

    def __init__(
        self, execution_id: str, *, history: int = 100_000, free_slots: Callable[[], int] = _unlimited
    ) -> None:
        if history < 1:
            raise ValueError(f"history is {history}, but at least the last event must be kept")
        self.execution_id: str = execution_id
        self.history: int = history
        self.last_seq: int = 0
        self.closed: bool = False
        self._free_slots = free_slots
        self._size = min(_CHUNK, history // 8 + 1)
        self._chunks = deque([Chunk(execution_id, 1)])  # all of one size, except the last
        self._extend: Callable[[Fields], None] = self._chunks[0].fields.extend
        self._lags = False  # as of the last look
        self._base = 1  # seq of the first event in the first chunk
        self._alarm_seq = 0  # from which number on there is more to do than to append
        self._batches: dict[tuple[int, int], Batch] = {}  # by the numbers of the events before it and at its end
        self._news: anyio.Event | None = None
        self._alarm: anyio.Event | None = None

    @property
    def first_seq(self) -> int:
        """Number of the first event that is still kept."""
        return max(self._base, self.last_seq - self.history + 1)

    def append(
        self,
        event_type: EventType,
        step_id: str | None = None,
        data: EventData | None = None,
        attempt: int = FIRST_ATTEMPT,
        metadata: Mapping[str, Any] | None = None,
    ) -> bool:
        """Add an event, as `Emit` describes.

        Args:
            event_type: What it tells; after a terminal one the log is closed.
            step_id: The step it is about; None when it is about the execution.
            data: The details.
            attempt: Which try of the step it is about, from 1.
            metadata: Whatever else there is to say.

        Returns:
            Whether a reader that must not miss anything lags.

        Raises:
            RuntimeError: The log is closed.
        """
        # Keyword-only parameters, as `Emit` has them, would cost an eighth more: CPython specializes no call of those.
        self._extend((event_type, step_id, attempt, time(), data, metadata))
        self.last_seq = seq = self.last_seq + 1
        if seq >= self._alarm_seq or event_type in _ENDS:
            return self._attend(event_type)
        return self._lags

    def read(self, *, after: int, limit: int = UNLIMITED) -> Batch:
        """Return the events after a number; they are shared by readers in step and must not be changed.

        Args:
            after: Number of the last event that the reader has seen.
            limit: How many events to return at most, a gap not counted.

        Returns:
            Events in order, as far as there are any. When some of them are no longer kept, a `stream_gap` stands first.
        """
        portion = after, min(self.last_seq, after + limit)
        batch = self._batches.get(portion)
        if batch is None:
            batch = self._batch(after, limit)
            if 0 < len(batch) <= _SHARED_EVENTS:
                self._share(portion, batch)
        return batch

    async def wait_beyond(self, seq: int) -> None:
        """Wait until there are events after a number, or until the log is closed; a cancellation point in any case.

        Args:
            seq: Number of the last event that the reader has seen.
        """
        if self.last_seq > seq or self.closed:
            await checkpoint()
        while self.last_seq <= seq and not self.closed:
            if self._news is None:
                self._news = anyio.Event()
            self.recheck()
            await self._news.wait()

    async def rest(self, duration_s: float) -> None:
        """Wait for some time, or until a reader lags that must not miss anything, or `hurry`, or the end of the log.

        Args:
            duration_s: The time, in seconds.
        """
        with anyio.move_on_after(duration_s):
            while not (self._lags or self.closed):
                if self._alarm is None:
                    self._alarm = anyio.Event()
                self.recheck()
                await self._alarm.wait()

    def hurry(self) -> None:
        """End every `rest`, as somebody who has more to tell waits for a reader."""
        self._lags = True
        if self._alarm is not None:
            self._alarm.set()
            self._alarm = None

    def recheck(self) -> None:
        """See at the next event who lags, as some who did may have caught up."""
        self._alarm_seq = 0

    def _attend(self, event_type: EventType) -> bool:
        """Do what is not due with every event: close, wake the readers, let old events go, see who lags."""
        if event_type.terminal:
            self.closed = True
            self._extend = self._refuse
        elif self.last_seq - self._base + 1 == len(self._chunks) * self._size:
            self._grow()
        if self._news is not None:
            self._news.set()
            self._news = None
        free_slots = self._free_slots()
        self._lags = free_slots <= 0
        if self._alarm is not None and (self._lags or self.closed):
            self._alarm.set()
            self._alarm = None
        full_seq = self._base + len(self._chunks) * self._size - 1
        self._alarm_seq = min(full_seq, self.last_seq + (free_slots if free_slots > 0 else _LAG_STRIDE))
        return self._lags

    def _grow(self) -> None:
        """Begin a chunk, and let the oldest go when the others are enough."""
        chunk = Chunk(self.execution_id, self.last_seq + 1)
        self._chunks.append(chunk)
        self._extend = chunk.fields.extend
        if self.last_seq - self._base + 1 - self._size >= self.history:
            self._chunks.popleft()
            self._base += self._size

    def _batch(self, after: int, limit: int) -> Batch:
        missed = max(min(self.first_seq - 1, self.last_seq) - after, 0)
        first_seq = after + missed + 1
        last_seq = max(min(self.last_seq, after + missed + limit), after)
        if last_seq < first_seq:
            return Batch((), first_seq, last_seq)
        gap = gap_event(self.execution_id, missed, after + 1, after + missed) if missed else None
        places = range((first_seq - self._base) // self._size, (last_seq - self._base) // self._size + 1)
        return Batch([self._chunks[place] for place in places], first_seq, last_seq, gap)

    def _share(self, portion: tuple[int, int], batch: Batch) -> None:
        """Have readers in step given the same batch; few are kept, so that the events of others die young."""
        self._batches[portion] = batch
        if len(self._batches) > _SHARED_BATCHES:
            del self._batches[next(iter(self._batches))]

    def _refuse(self, fields: Fields) -> NoReturn:
        raise RuntimeError(
            f"execution {self.execution_id!r} has told its terminal event, so no {fields[0].value!r} can follow"
        )


class EventReader:
    """A cursor on a log: an asynchronous iterator of batches that ends after the terminal event.

    Args:
        log: The log to read.
        from_seq: Number of the first event to read; older ones than are kept are replaced by a `stream_gap`.
        limit: How many events a batch has at most.

    Raises:
        ValueError: `from_seq` is less than 1.
    """

    __slots__ = ("_limit", "_log", "cursor")

    def __init__(self, log: EventLog, *, from_seq: int = 1, limit: int = 1000) -> None:
        if from_seq < 1:
            raise ValueError(f"from_seq is {from_seq}, but the first event has the number 1")
        self._log = log
        self._limit = limit
        self.cursor: int = from_seq - 1

    def __aiter__(self) -> EventReader:
        return self

    async def __anext__(self) -> Batch:
        await self._log.wait_beyond(self.cursor)
        batch = self._log.read(after=self.cursor, limit=self._limit)
        if not batch:
            raise StopAsyncIteration
        self.cursor = batch.last_seq
        return batch
