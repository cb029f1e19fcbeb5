"""The event log: one append-only, numbered list per execution, which every reader sees at its own pace."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Mapping
from functools import partial
from time import time
from typing import Any, Final, NoReturn, Protocol, overload

from anyio.lowlevel import checkpoint

from headwater.errors import FIRST_ATTEMPT
from headwater.events.chunk import WIDTH, Chunk, EventBatch, Rows
from headwater.events.data import EventData
from headwater.events.event import EventType, StreamEvent, gap_event, row_of
from headwater.streams.nap import Bell

__all__ = ["UNLIMITED", "Emit", "EmitRows", "Emitted", "EventLog", "EventReader"]

UNLIMITED: Final = sys.maxsize
_CHUNK: Final = 1024  # events of a chunk at most
_MOST_OWED: Final = 100_000  # events that are kept for a reader beyond the history: an emitter may never wait for it
_TURNS: Final = 2  # for an item that goes through several steps at once
_SHARED_BATCHES: Final = 2
_SHARED_EVENTS: Final = 4096  # a longer batch, such as all of a log, is not kept for others


class Emit(Protocol):
    """A function that emits an event."""

    @overload
    def __call__(self, event: StreamEvent, /) -> Emitted: ...

    @overload
    def __call__(
        self,
        event_type: EventType,
        step_id: str | None = None,
        data: EventData | None = None,
        attempt: int = FIRST_ATTEMPT,
        *,
        metadata: Mapping[str, Any] | None = None,
    ) -> bool: ...

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Emit an event; this never waits, and must be called in the thread of the event loop."""
        ...


Drain = Callable[[], Awaitable[None]]
"""Waits until no subscriber lags."""

EmitRows = Callable[[Rows, int], bool]
"""A function that emits several events, given by their fields one after the other, and their number."""


def _unlimited() -> int:
    return UNLIMITED


class Emitted:
    """An event that was emitted: true when a subscriber lags; awaiting it waits for that subscriber."""

    __slots__ = ("_drain", "_lags")

    def __init__(self, drain: Drain, *, lags: bool) -> None:
        self._drain = drain
        self._lags = lags

    def __bool__(self) -> bool:
        return self._lags

    def __await__(self) -> Generator[Any, Any, None]:
        return self._drain().__await__()


class EventLog:
    """The events of one execution, numbered from 1 without gaps, with the terminal event last.

    Readers have a cursor, not a copy: those at the same place are given one and the same batch. Of a long execution
    only the last `history` events are kept, and (within bounds) those that a reader with the policy `wait` still has to
    receive; any other reader that is further behind gets a `stream_gap` event for the rest.

    Args:
        execution_id: The execution.
        history: Number of events that are kept, at least 1.

    Example:
        >>> log = EventLog("e1")
        >>> log.append(EventType.STEP_SKIPPED, "count")
        False
        >>> [event.seq for event in log.read(after=0)]
        [1]
    """

    # fmt: off
    __slots__ = (
        "__weakref__", "_attention_seq", "_base", "_batches", "_chunks", "_extend", "_has_short_forms", "_news",
        "_size", "closed", "drain", "execution_id", "history", "last_seq", "needed_seq", "needs_drain", "on_attention",
        "reserves_end",
    )
    # fmt: on

    def __init__(self, execution_id: str, *, history: int = 100_000) -> None:
        if history < 1:
            raise ValueError(f"history is {history}, but at least the last event must be kept: set it to 1 or more")
        self.execution_id: str = execution_id
        self.history: int = history
        self.last_seq: int = 0
        self.closed: bool = False
        self.needs_drain: bool = False
        self.reserves_end: bool = False  # for the execution: a program may not end it by an event
        self.drain: Drain = checkpoint
        self.on_attention: Callable[[], int] = _unlimited
        self.needed_seq: Callable[[], int] = _unlimited  # number of the first event that must be kept for a reader
        self._size = min(_CHUNK, history // 8 + 1)
        self._chunks = deque([Chunk(execution_id, 1)])  # all of one size, except the last
        self._extend: Callable[[Rows], None] = self._chunks[0].fields.extend
        self._has_short_forms = False
        self._base = 1  # seq of the first event in the first chunk
        self._attention_seq = 0  # from which number on there is more to do than to append
        self._batches: dict[tuple[int, int], EventBatch] = {}  # by the numbers of the events before it and at its end
        self._news = Bell()

    @property
    def first_seq(self) -> int:
        """Number of the first event that is still kept."""
        return max(self._base, min(self.last_seq - self.history + 1, self.needed_seq()))

    def append(
        self,
        event_type: Any,
        step_id: str | None = None,
        data: EventData | None = None,
        attempt: int = FIRST_ATTEMPT,
        metadata: Mapping[str, Any] | None = None,
    ) -> Any:
        """Add an event, as `Emit` describes; a terminal one closes the log."""
        # A keyword-only parameter, as `Emit` has one, would cost an eighth more: CPython specializes no such call.
        # All that is not due with every event waits for `_attend`: this runs once per event of every execution.
        self._extend((event_type, step_id, attempt, time(), data, metadata))
        self.last_seq = seq = self.last_seq + 1
        try:
            if seq >= self._attention_seq or event_type.terminal:
                return self._attend(event_type)
        except AttributeError:
            if isinstance(event_type, StreamEvent):
                return self._append_event(event_type)
            if not isinstance(event_type, EventType):
                self._take_back()
                raise _no_type(event_type) from None
            raise
        return self.needs_drain

    def append_end(self, event_type: EventType, data: EventData) -> None:
        """Add the terminal event of the execution, which nothing else may add when the log reserves it."""
        self.reserves_end = False
        self.append(event_type, None, data)

    def append_rows(self, rows: Rows, count: int) -> bool:
        """Add several events, none of them terminal, whose data may be short forms; as `Emit` otherwise."""
        seq = self.last_seq + count
        if seq < self._attention_seq:
            self._extend(rows)
            self.last_seq = seq
            return self.needs_drain
        for start in range(0, count * WIDTH, WIDTH):  # a chunk may end between them, or a reader waits for the first
            self._extend(rows[start : start + WIDTH])
            self.last_seq += 1
            if self.last_seq >= self._attention_seq:
                self._attend(rows[start])
        return self.needs_drain

    def skip(self, last_seq: int) -> None:
        """Leave out the events up to a number, which another log no longer keeps; the next one has to follow now."""
        self._chunks.clear()
        self._base, self.last_seq, self._attention_seq = last_seq + 1, last_seq, 0
        self._grow()

    def allow_short_forms(self) -> None:
        """Let the data of events be short forms from now on."""
        self._has_short_forms = True
        for chunk in self._chunks:
            chunk.has_short_forms = True

    def read(self, *, after: int, limit: int = UNLIMITED) -> EventBatch:
        """Return at most `limit` events after a number, in order; readers share the batch, but not its events.

        When some of them are no longer kept, a `stream_gap` event comes first, in addition.
        """
        portion = after, min(self.last_seq, after + limit)
        batch = self._batches.get(portion)
        if batch is None:
            batch = self._batch(after, limit)
            if 0 < len(batch) <= _SHARED_EVENTS:
                self._share(portion, batch)
        return batch

    async def wait_beyond(self, seq: int) -> None:
        """Wait until there are events after a number, or the log is closed; a cancellation point in any case."""
        if self.last_seq > seq or self.closed:
            await checkpoint()
        while self.last_seq <= seq and not self.closed:
            self.attend()
            await self._news.wait()
            await self._gather()

    async def _gather(self) -> None:
        """Let what is under way emit its events, too: they cost a reader as much as one when they come together."""
        seq = -1
        for _ in range(_TURNS):
            if self.closed or self.last_seq == seq:
                return
            seq = self.last_seq
            await self._news.turn()

    def attend(self) -> None:
        """Have the next event wake the readers that wait, and call `on_attention`."""
        self._attention_seq = 0

    def _attend(self, event_type: EventType) -> bool:
        """Do what is not due with every event: close, begin a chunk, wake the readers, compute the lag."""
        if event_type.terminal:
            if self.reserves_end:
                self._take_back()
                raise RuntimeError(f"{str(event_type)!r} is for the execution to emit; end it with execution.cancel()")
            self.closed = True
            self._extend = partial(_refuse, self.execution_id)
        elif self.last_seq - self._base + 1 == len(self._chunks) * self._size:
            self._grow()
        self._news.ring()
        full_seq = self._base + len(self._chunks) * self._size - 1
        self._attention_seq = min(full_seq, self.last_seq + self.on_attention())
        return self.needs_drain

    def _grow(self) -> None:
        """Begin a chunk, and drop the oldest ones when the others are enough."""
        chunk = Chunk(self.execution_id, self.last_seq + 1, has_short_forms=self._has_short_forms)
        self._chunks.append(chunk)
        self._extend = chunk.fields.extend
        while (kept := self.last_seq - self._base + 1) >= self.history + self._size:
            if kept < self.history + _MOST_OWED and self._base + self._size > self.needed_seq():
                break
            self._chunks.popleft()
            self._base += self._size

    def _batch(self, after: int, limit: int) -> EventBatch:
        outdated = self.last_seq - self.history > after or after + 1 < self._base
        missed = max(min(self.first_seq - 1, self.last_seq) - after, 0) if outdated else 0
        first_seq = after + missed + 1
        last_seq = max(min(self.last_seq, after + missed + limit), after)
        if last_seq < first_seq:
            return EventBatch((), first_seq, last_seq)
        gap = gap_event(self.execution_id, missed, after + 1, after + missed) if missed else None
        places = range((first_seq - self._base) // self._size, (last_seq - self._base) // self._size + 1)
        return EventBatch([self._chunks[place] for place in places], first_seq, last_seq, gap)

    def _share(self, portion: tuple[int, int], batch: EventBatch) -> None:
        """Keep a batch for readers at the same place; only a few, so that the events of others die young."""
        self._batches[portion] = batch
        if len(self._batches) > _SHARED_BATCHES:
            del self._batches[next(iter(self._batches))]

    def _append_event(self, event: StreamEvent) -> Emitted:
        """Replace an event in the place of its own type, which is what `append` was given, by its fields."""
        self._take_back()
        self._extend(row := row_of(event, self.execution_id))
        self.last_seq += 1
        if self.last_seq >= self._attention_seq or row[0].terminal:
            self._attend(row[0])
        return Emitted(self.drain, lags=self.needs_drain)

    def _take_back(self) -> None:
        """Remove the event that was added last."""
        self.last_seq -= 1
        del self._chunks[-1].fields[-WIDTH:]


def _refuse(execution_id: str, fields: Rows) -> NoReturn:
    event_type = str(getattr(fields[0], "event_type", fields[0]))
    raise RuntimeError(
        f"execution {execution_id!r} has already emitted its terminal event, so {event_type!r} cannot follow"
    )


def _no_type(found: object) -> TypeError:
    """Return the error for something in the place of a type, such as the name of a type; raise for other strings."""
    hint = f"choose one of EventType: {', '.join(EventType)}"
    if isinstance(found, str):
        hint = f"write EventType.{EventType(found).name}"
    return TypeError(f"expected an event type, found {found!r}; {hint}")


class EventReader:
    """A cursor on a log: an asynchronous iterator of batches of at most `limit` events, up to the terminal event.

    One that starts beyond the terminal event gets this event alone, so that each learns how the execution ended.

    Args:
        log: The events.
        from_seq: Number of the first event, from 1.
        limit: Most events of a batch.

    Raises:
        ValueError: The number is 0 or less.
    """

    __slots__ = ("_is_new", "_limit", "_log", "cursor")

    def __init__(self, log: EventLog, *, from_seq: int = 1, limit: int = 1000) -> None:
        if from_seq < 1:
            raise ValueError(f"from_seq is {from_seq}, but the first event has the number 1")
        self._log = log
        self._limit = limit
        self._is_new = True
        self.cursor: int = from_seq - 1

    def __aiter__(self) -> EventReader:
        return self

    async def __anext__(self) -> EventBatch:
        await self._log.wait_beyond(self.cursor)
        batch = self._log.read(after=self.cursor, limit=self._limit)
        if not batch:
            if not self._is_new:
                raise StopAsyncIteration
            batch = self._log.read(after=self._log.last_seq - 1)
        self._is_new = False
        self.cursor = batch.last_seq
        return batch
