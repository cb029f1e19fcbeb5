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

_Record = tuple[EventType, str | None, int, float, EventData | None, Mapping[str, Any] | None]

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

    An append only stores a record in the open batch. The first reader that comes seals it: its records become events,
    which all readers share. A reader has a cursor, not a copy.

    Args:
        execution_id: The execution they belong to.
        history: How many events are kept; a reader that is further behind gets a `stream_gap` event.
        room: Tells how many more events the readers that must not miss any have room for.

    Example:
        >>> log = EventLog("e1")
        >>> log.append(EventType.STEP_SKIPPED, "count")
        False
        >>> [event.seq for event in log.read(after=0)]
        [1]
    """

    __slots__ = (
        "_append",
        "_base",
        "_batch",
        "_batch_after",
        "_limit",
        "_news",
        "_open",
        "_room",
        "_sealed",
        "closed",
        "execution_id",
        "history",
    )

    def __init__(self, execution_id: str, *, history: int = 100_000, room: Callable[[], int] = _unlimited) -> None:
        if history < 1:
            raise ValueError(f"history is {history}, but at least the last event must be kept")
        self.execution_id = execution_id
        self.history = history
        self.closed = False
        self._room = room
        self._open: list[_Record] = []
        self._append: Callable[[_Record], None] = self._open.append
        self._limit = 0  # length of the open batch from which on an append is not all that is to be done
        self._sealed: list[StreamEvent] = []
        self._base = 1  # seq of the first sealed event
        self._batch: Sequence[StreamEvent] = ()  # the slice read last: readers that are in step share it
        self._batch_after = 0
        self._news: anyio.Event | None = None

    @property
    def last_seq(self) -> int:
        """Number of the last event; 0 when there is none."""
        return self._base - 1 + len(self._sealed) + len(self._open)

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
        self._append((event_type, step_id, attempt, time(), data, metadata))
        return (len(self._open) >= self._limit or event_type.terminal) and self._attend(event_type)

    def read(self, *, after: int, limit: int = UNLIMITED) -> Sequence[StreamEvent]:
        """Return the events after a number; they are shared by all readers and must not be changed.

        Args:
            after: Number of the last event that the reader has seen.
            limit: How many events to return at most, a gap not counted.

        Returns:
            Events in order, as far as there are any. When some of them are no longer kept, a `stream_gap` stands first.
        """
        self._seal()
        first_seq = self.first_seq
        if after < first_seq - 1:
            gap = gap_event(self.execution_id, first_seq - 1 - after, after + 1, first_seq - 1)
            return [gap, *self._slice(first_seq - 1, limit)]
        return self._slice(after, limit)

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
            self._limit = 0
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
        slack = self._evict()
        self._limit = len(self._open) + max(1, min(room, slack))
        return room <= 0

    def _evict(self) -> int:
        """Let old events go, many at a time; return how many may come until it is worth another look."""
        slack = self.history // 8 + 1
        excess = len(self._sealed) + len(self._open) - self.history
        if excess < slack:
            return slack - max(excess, 0)
        from_open = max(excess - len(self._sealed), 0)
        del self._sealed[:excess]
        del self._open[:from_open]
        self._base += excess
        return slack

    def _seal(self) -> None:
        """Turn the records of the open batch into events."""
        if not self._open:
            return
        after, execution_id = self._base - 1 + len(self._sealed), self.execution_id
        batch = [
            StreamEvent(seq, event_type, execution_id, step_id, attempt, time_s, data, metadata)
            for seq, (event_type, step_id, attempt, time_s, data, metadata) in enumerate(self._open, after + 1)
        ]
        self._sealed += batch
        self._limit = max(self._limit - len(self._open), 0)
        self._open.clear()
        self._batch, self._batch_after = batch, after

    def _slice(self, after: int, limit: int) -> Sequence[StreamEvent]:
        count = min(self.last_seq - after, limit)
        if count <= 0:
            return ()
        if after != self._batch_after or count != len(self._batch):
            start = after + 1 - self._base
            self._batch, self._batch_after = self._sealed[start : start + count], after
        return self._batch

    def _refuse(self, record: _Record) -> NoReturn:
        raise RuntimeError(
            f"execution {self.execution_id!r} has told its terminal event, so no {record[0].value!r} can follow"
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
