"""The event log: one append-only, numbered list per execution, which every reader sees at its own pace."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from time import time
from typing import Any, Final, NoReturn, Protocol

import anyio
from anyio.lowlevel import checkpoint

from headwater.events.data import EventData
from headwater.events.event import EventType, StreamEvent, gap_event

__all__ = ["Emit", "EventLog", "EventReader"]

_new_event: Final = StreamEvent.__new__

UNLIMITED: Final = sys.maxsize


class Emit(Protocol):
    """How an event is told."""

    def __call__(
        self,
        event_type: EventType,
        step_id: str | None = None,
        data: EventData | None = None,
        *,
        attempt: int = 1,
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
        "_alarm_seq",
        "_append",
        "_base",
        "_batch",
        "_batch_after",
        "_events",
        "_news",
        "_room",
        "closed",
        "execution_id",
        "history",
        "last_seq",
    )

    def __init__(self, execution_id: str, *, history: int = 100_000, room: Callable[[], int] = _unlimited) -> None:
        if history < 1:
            raise ValueError(f"history is {history}, but at least the last event must be kept")
        self.execution_id = execution_id
        self.history = history
        self.last_seq = 0
        self.closed = False
        self._room = room
        self._events: list[StreamEvent] = []
        self._append: Callable[[StreamEvent], None] = self._events.append
        self._base = 1  # seq of the first event in the list
        self._alarm_seq = 0  # from which number on there is more to do than to append
        self._batch: Sequence[StreamEvent] = ()  # what was read last: readers that are in step share it
        self._batch_after = 0
        self._news: anyio.Event | None = None

    @property
    def first_seq(self) -> int:
        """Number of the first event that is still kept."""
        return max(self._base, self.last_seq - self.history + 1)

    def append(
        self,
        event_type: EventType,
        step_id: str | None = None,
        data: EventData | None = None,
        *,
        attempt: int = 1,
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
        # Field by field, as the call of a class with an `__init__` costs a quarter of the whole more.
        event = _new_event(StreamEvent)
        event.seq = seq = self.last_seq + 1
        event.event_type = event_type
        event.execution_id = self.execution_id
        event.step_id = step_id
        event.attempt = attempt
        event.time_s = time()
        event.data = data
        event.metadata = metadata
        event.encoded = None
        self._append(event)
        self.last_seq = seq
        return (seq >= self._alarm_seq or event_type.terminal) and self._attend(event_type)

    def read(self, *, after: int, limit: int = UNLIMITED) -> Sequence[StreamEvent]:
        """Return the events after a number; they are shared by all readers and must not be changed.

        Args:
            after: Number of the last event that the reader has seen.
            limit: How many events to return at most, a gap not counted.

        Returns:
            Events in order, as far as there are any. When some of them are no longer kept, a `stream_gap` stands first.
        """
        count = min(self.last_seq - after, limit)
        if count <= 0:
            return ()
        if after == self._batch_after and count == len(self._batch):
            return self._batch
        missed = self.first_seq - 1 - after
        if missed > 0:
            gap = gap_event(self.execution_id, missed, after + 1, after + missed)
            return [gap, *self.read(after=after + missed, limit=limit)]
        start = after + 1 - self._base
        self._batch, self._batch_after = self._events[start : start + count], after
        return self._batch

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
            self._alarm_seq = 0
            await self._news.wait()

    def _attend(self, event_type: EventType) -> bool:
        """Do what is not due with every event: close, wake the readers, let old events go, see who lags."""
        if event_type.terminal:
            self.closed = True
            self._append = self._refuse
        if self._news is not None:
            self._news.set()
            self._news = None
        room = self._room()
        self._alarm_seq = self.last_seq + max(1, min(room, self._evict()))
        return room <= 0

    def _evict(self) -> int:
        """Let old events go, many at a time; return after how many more it is worth another look."""
        slack = self.history // 8 + 1
        excess = len(self._events) - self.history
        if excess < slack:
            return slack - max(excess, 0)
        del self._events[:excess]
        self._base += excess
        return slack

    def _refuse(self, event: StreamEvent) -> NoReturn:
        raise RuntimeError(
            f"execution {self.execution_id!r} has told its terminal event, so no {event.event_type.value!r} can follow"
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
        self.cursor = from_seq - 1

    def __aiter__(self) -> EventReader:
        return self

    async def __anext__(self) -> Sequence[StreamEvent]:
        await self._log.wait_beyond(self.cursor)
        batch = self._log.read(after=self.cursor, limit=self._limit)
        if not batch:
            raise StopAsyncIteration
        self.cursor = batch[-1].seq
        return batch
