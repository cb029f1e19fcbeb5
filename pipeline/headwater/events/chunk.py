"""Chunks of the event log: events as bare fields, and the batches that make objects of them when they are read."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import compress, repeat
from operator import is_
from typing import Any, Final, overload

from headwater.events.data import EventData, StepComplete, StepOutput
from headwater.events.event import EventType, StreamEvent
from headwater.events.plain import owned, preview
from headwater.ids import is_below

__all__ = ["WIDTH", "Chunk", "EventBatch", "Fields", "Rows", "short_output"]

Fields = tuple[EventType, str | None, int, float, EventData | None, Mapping[str, Any] | None]
"""Type, step id, attempt, time, data and metadata: what one event adds to the list of its chunk."""

Rows = tuple[Any, ...]
"""The `Fields` of several events, one after the other."""

Types = frozenset[EventType]
Steps = frozenset[str]

WIDTH: Final = 6
"""Number of the fields of an event."""

_BLOCK: Final = 256
_OTHERS: Final = frozenset(EventType) - {EventType.STEP_PROGRESS}
_COMPLETE: Final = EventType.STEP_COMPLETE
_OUTPUT: Final = EventType.STEP_OUTPUT
_MOST_CHARS: Final = 1000  # of a longer item the event shows the beginning alone, so the log must not keep the rest
_MOST: Final = 2**63
_new_event: Final = StreamEvent.__new__


def short_output(item: object, mask: Callable[[str], str], port: str = "out", index: int = 0) -> Any:
    """Return the data of the event for an item of a step: the item itself if it is small and cannot change.

    The event of an item that is not the first of its step has the `index` as its metadata.
    """
    if mask is str and port == "out":
        if type(item) is str:
            if len(item) <= _MOST_CHARS:
                return item
        elif type(item) is int:
            if -_MOST < item < _MOST:
                return item
        elif type(item) is float or type(item) is bool:
            return item
    return StepOutput(port, index, *preview(item, mask=mask))


class Chunk:
    """Consecutive events of a log.

    The garbage collector visits long-lived objects again and again: thousands of events would cost more time there than
    everything else that is done with them. A flat list of their fields is a single object for it.

    Example:
        >>> chunk = Chunk("e1", 7)
        >>> chunk.fields.extend((EventType.STEP_SKIPPED, "count", 1, 0.5, None, None))
        >>> [(event.seq, event.step_id) for event in chunk.make(7, 7)]
        [(7, 'count')]
    """

    __slots__ = ("_encodings", "_execution_id", "fields", "first_seq", "has_short_forms")

    def __init__(self, execution_id: str, first_seq: int, *, has_short_forms: bool = False) -> None:
        self.fields: list[Any] = []
        self.has_short_forms: bool = has_short_forms
        self._execution_id = execution_id
        self.first_seq: int = first_seq
        self._encodings: dict[tuple[Any, ...], bytes] = {}  # outlives the events, so that each is encoded once

    def make(self, first_seq: int, last_seq: int) -> list[StreamEvent]:
        """Make the events between two numbers that are in this chunk; equal events share their JSON."""
        start = max(first_seq - self.first_seq, 0)
        stop = min(last_seq + 1 - self.first_seq, len(self.fields) // WIDTH)
        execution_id, encodings = self._execution_id, self._encodings
        # All at once and field by field, as the call of a class with an `__init__` would cost half as much again.
        events = list(map(_new_event, repeat(StreamEvent, stop - start)))
        fields = iter(self.fields[start * WIDTH : stop * WIDTH])
        rows = zip(events, *repeat(fields, WIDTH), strict=True)
        seq = self.first_seq + start
        for event, event_type, step_id, attempt, time_s, data, metadata in rows:
            event.seq = seq
            event.event_type = event_type
            event.execution_id = execution_id
            event.step_id = step_id
            event.attempt = attempt
            event.time_s = time_s
            event.shared_data = data
            event.shared_metadata = metadata
            event.encodings = encodings
            seq += 1
        if self.has_short_forms:
            _expand(events)
        return events

    def columns(self, first_seq: int, last_seq: int) -> tuple[list[EventType], list[str | None]]:
        """Return the types and step ids of the events between two numbers, without making them."""
        start = max(first_seq - self.first_seq, 0) * WIDTH
        stop = (last_seq + 1 - self.first_seq) * WIDTH
        return self.fields[start:stop:WIDTH], self.fields[start + 1 : stop : WIDTH]


def _expand(events: Sequence[StreamEvent]) -> None:
    """Replace short forms of data: that of a completed step is its duration, that of an output is the item."""
    # Not in the chunk, where the data of every event that was read would be an object for the garbage collector.
    for event in events:
        short: Any = event.shared_data
        if event.event_type is _OUTPUT:
            if short is not None and type(short) is not StepOutput:
                index: Any = event.shared_metadata
                event.shared_data = StepOutput("out", index or 0, *preview(short))
                event.shared_metadata = None
        elif event.event_type is _COMPLETE and type(short) is float:
            event.shared_data = StepComplete(1, 1, short, None, short)


class EventBatch(Sequence[StreamEvent]):
    """Consecutive events of a log. Readers share a batch, and each look at it makes events of its own."""

    __slots__ = ("_chunks", "_first_seq", "_gap", "last_seq")

    def __init__(self, chunks: Sequence[Chunk], first_seq: int, last_seq: int, gap: StreamEvent | None = None) -> None:
        self.last_seq: int = last_seq
        self._chunks = chunks
        self._first_seq = first_seq
        self._gap = gap

    def select(self, types: Types | None, steps: Steps | None, *, latest: bool = False) -> list[StreamEvent]:
        """Return the events that are wanted, and the gap before them if there is one.

        With `latest`, of the progress of each step only the latest is wanted. Events that are not wanted are not made.
        """
        kinds, step_ids = self._columns()
        places = (_latest_places if latest else _places)(kinds, step_ids, types, steps)
        gap = self._own_gap()
        if len(places) * 3 > len(kinds):  # making all is cheaper than many one by one
            made = self._made()
            return gap + [made[place + len(gap)] for place in places]
        return gap + [self._alone(self._first_seq + place) for place in places]

    def wanted(self, types: Types | None, steps: Steps | None) -> int:
        """Return how many events are wanted, without the gap before them, and without making them."""
        return len(_places(*self._columns(), types, steps))

    def _alone(self, seq: int) -> StreamEvent:
        """Make one event."""
        chunk = self._chunks[bisect_right(self._chunks, seq, key=lambda chunk: chunk.first_seq) - 1]
        return chunk.make(seq, seq)[0]

    def _columns(self) -> tuple[list[EventType], list[str | None]]:
        kinds: list[EventType] = []
        step_ids: list[str | None] = []
        for chunk in self._chunks:
            more_kinds, more_step_ids = chunk.columns(self._first_seq, self.last_seq)
            kinds += more_kinds
            step_ids += more_step_ids
        return kinds, step_ids

    def __len__(self) -> int:
        return self.last_seq - self._first_seq + 1 + (self._gap is not None)

    def __iter__(self) -> Iterator[StreamEvent]:
        return iter(self._made())

    @overload
    def __getitem__(self, index: int) -> StreamEvent: ...

    @overload
    def __getitem__(self, index: slice) -> list[StreamEvent]: ...

    def __getitem__(self, index: int | slice) -> StreamEvent | list[StreamEvent]:
        if isinstance(index, slice):
            return self._made()[index]
        gap = self._own_gap()
        place = range(len(self))[index] - len(gap)
        return gap[0] if place < 0 else self._alone(self._first_seq + place)

    def __repr__(self) -> str:
        return repr(self._made())

    def _made(self) -> list[StreamEvent]:
        events = self._own_gap()
        for chunk in self._chunks:
            events += chunk.make(self._first_seq, self.last_seq)
        return events

    def _own_gap(self) -> list[StreamEvent]:
        return [] if self._gap is None else [replace(self._gap, data=owned(self._gap.data))]


def _places(
    kinds: Sequence[EventType], step_ids: Sequence[str | None], types: Types | None, steps: Steps | None
) -> list[int]:
    """Return the places of the events that are wanted."""
    places: list[int] = []
    if types is None:
        places += range(len(kinds))
    else:
        for start in range(0, len(kinds), _BLOCK):
            block = kinds[start : start + _BLOCK]
            if not types.isdisjoint(block):  # a quarter of the cost when every item is emitted but not wanted
                places += [place for place, kind in enumerate(block, start) if kind in types]
    if steps is None:
        return places
    wanted = _with_inside(steps, step_ids)
    return [place for place in places if step_ids[place] in wanted]


def _with_inside(steps: Steps, step_ids: Sequence[str | None]) -> Steps:
    """Return ids of steps with those of steps in their nested pipelines, if there are events of them."""
    inside = {step_id for step_id in set(step_ids) if step_id is not None and is_below(step_id, steps)}
    return steps | inside if inside else steps


def _latest_places(
    kinds: Sequence[EventType], step_ids: Sequence[str | None], types: Types | None, steps: Steps | None
) -> list[int]:
    """Return the places of the events that are wanted; of progress, only the latest of each step."""
    others = _places(kinds, step_ids, _OTHERS if types is None else types - {EventType.STEP_PROGRESS}, steps)
    if types is not None and EventType.STEP_PROGRESS not in types:
        return others
    is_progress = list(map(is_, kinds, repeat(EventType.STEP_PROGRESS)))
    missing = set(compress(step_ids, is_progress))
    if steps is not None:
        missing &= _with_inside(steps, step_ids)
    for place in range(len(kinds) - 1, -1, -1):
        if not missing:  # mostly after a few of thousands of events
            break
        if is_progress[place] and step_ids[place] in missing:
            missing.remove(step_ids[place])
            others.append(place)
    return sorted(others)
