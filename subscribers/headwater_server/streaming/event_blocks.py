"""The events of one execution as bytes, encoded once whatever the number of clients."""

from __future__ import annotations

from array import array
from bisect import bisect_right, insort
from collections.abc import Callable, Sequence
from typing import Final

from headwater import EventType, StreamEvent
from headwater.toolkit import EventLog, gap_event
from headwater_server.streaming.event_forms import Encoder

__all__ = ["Block", "EventBlocks", "Wanted"]

Pack = Callable[[bytes], bytes]
"""Compresses some bytes, so that they can be read by themselves."""

Wanted = tuple[frozenset[EventType] | None, frozenset[str] | None]
"""The types, and the ids of steps, of the events that are wanted; None for all."""

_BLOCK_EVENTS: Final = 256
_PORTION_BYTES: Final = 64 * 1024  # what one client is sent at once, unless a single event is larger
_KEPT_BLOCKS: Final = 256
_KEPT_BYTES: Final = 1024 * 1024


class Block:
    """Some consecutive events as bytes, one after the other; those that are not wanted are left out."""

    __slots__ = ("_ends", "_messages", "_packed", "_seqs", "data", "first_seq", "last_seq")

    def __init__(self, first_seq: int, last_seq: int, seqs: Sequence[int], encoded: Sequence[bytes]) -> None:
        self.first_seq: int = first_seq
        self.last_seq: int = last_seq
        self.data: bytes = encoded[0] if len(encoded) == 1 else b"".join(encoded)
        self._seqs = seqs
        self._ends = array("Q")
        self._messages: list[tuple[int, str]] | None = None
        self._packed = b""
        end = 0
        for part in encoded:
            end += len(part)
            self._ends.append(end)

    def after(self, seq: int) -> bytes:
        """Return the events after a number."""
        place = bisect_right(self._seqs, seq)
        return self.data[self._ends[place - 1] :] if place else self.data

    def packed_after(self, seq: int, pack: Pack) -> bytes:
        """Return the events after a number compressed; all of them only once, whatever the number of clients."""
        if seq >= self.first_seq:
            data = self.after(seq)
            return pack(data) if data else b""
        if not self._packed and self.data:
            self._packed = pack(self.data)
        return self._packed

    def messages_after(self, seq: int) -> Sequence[tuple[int, str]]:
        """Return the events after a number with their numbers, as one string each."""
        if self._messages is None:
            starts = [0, *self._ends]
            parts = zip(self._seqs, starts, self._ends, strict=False)
            self._messages = [(number, self.data[start:end].decode()) for number, start, end in parts]
        place = bisect_right(self._seqs, seq)
        return self._messages[place:] if place else self._messages


class EventBlocks:
    """The wanted events of a log in one form, for readers at any place; only a bounded part is held as bytes.

    Readers that follow the execution all come for the newest block. Older events are encoded again on demand.
    """

    __slots__ = ("_blocks", "_encoder", "_first_seqs", "_held_bytes", "_newest", "_present", "_wanted", "log")

    def __init__(
        self, log: EventLog, encoder: Encoder, wanted: Wanted | None = None, present: Callable[[], object] | None = None
    ) -> None:
        self.log: EventLog = log
        self._encoder = encoder
        self._wanted = wanted
        self._present = present
        self._blocks: dict[int, Block] = {}  # by the number of their first event, the one made first in front
        self._first_seqs: list[int] = []
        self._held_bytes = 0
        self._newest: Block | None = None  # the one that was made last

    def ended(self, seq: int) -> bool:
        """Return whether no wanted event can follow a number."""
        log = self.log
        return log.closed and (seq >= log.last_seq or not self.waiting(seq))

    def waiting(self, seq: int) -> bool:
        """Return whether there are wanted events after a number."""
        if self._wanted is None or seq + 1 < self.log.first_seq:
            return seq < self.log.last_seq
        return self.log.read(after=seq).wanted(*self._wanted) > 0

    def after(self, seq: int, pack: Pack | None = None) -> tuple[bytes, int]:
        """Return what to send to a reader that has all events up to a number, and the number that it has then.

        With `pack`, it is compressed in parts that stand for themselves.
        """
        last_seq = self.log.last_seq
        newest = self._newest
        if newest is not None and seq == newest.first_seq - 1 and newest.last_seq == last_seq:  # as for most readers
            return (newest.data if pack is None else newest.packed_after(seq, pack)), last_seq
        parts: list[bytes] = []
        size = 0
        while seq < last_seq and size < _PORTION_BYTES:
            block = self.block(seq + 1)
            if block is None:
                parts.append(self._gap(seq) if pack is None else pack(self._gap(seq)))
                seq = self.log.first_seq - 1
            else:
                parts.append(block.after(seq) if pack is None else block.packed_after(seq, pack))
                seq = block.last_seq
            size += len(parts[-1])
        return (parts[0] if len(parts) == 1 else b"".join(parts)), seq

    def messages_after(self, seq: int) -> tuple[Sequence[tuple[int, str]], int]:
        """Return the events of one block after a number, with their numbers, and the number of its last event."""
        if seq >= self.log.last_seq:
            return (), seq
        block = self.block(seq + 1)
        if block is None:
            last_seq = self.log.first_seq - 1
            return ((last_seq, self._gap(seq).decode()),), last_seq
        return block.messages_after(seq), block.last_seq

    def block(self, seq: int) -> Block | None:
        """Return the block with an event; None when this event is no longer kept."""
        place = bisect_right(self._first_seqs, seq)
        if place:
            block = self._blocks[self._first_seqs[place - 1]]
            if block.last_seq >= seq:
                return block
        if seq < self.log.first_seq:
            return None
        limit = _BLOCK_EVENTS
        if place < len(self._first_seqs):
            limit = min(limit, self._first_seqs[place] - seq)
        return self._keep(self._make(seq, limit))

    def _make(self, first_seq: int, limit: int) -> Block:
        """Encode events until they are enough for one portion."""
        batch = self.log.read(after=first_seq - 1, limit=limit)
        events: Sequence[StreamEvent] = batch if self._wanted is None else batch.select(*self._wanted)
        encoded: list[bytes] = []
        seqs: list[int] = []
        size = 0
        last_seq = batch.last_seq
        for event in events:
            if size >= _PORTION_BYTES:
                last_seq = seqs[-1]
                break
            encoded.append(part := self._encoder.encode(event))
            seqs.append(event.seq)
            size += len(part)
        return Block(first_seq, last_seq, range(first_seq, last_seq + 1) if self._wanted is None else seqs, encoded)

    def _keep(self, block: Block) -> Block:
        """Hold a block for other readers, and drop those that were made first."""
        self._newest = self._blocks[block.first_seq] = block
        insort(self._first_seqs, block.first_seq)
        self._held_bytes += len(block.data)
        while len(self._blocks) > 1 and (self._held_bytes > _KEPT_BYTES or len(self._blocks) > _KEPT_BLOCKS):
            oldest = self._blocks.pop(next(iter(self._blocks)))
            self._first_seqs.remove(oldest.first_seq)
            self._held_bytes -= len(oldest.data)
        return block

    def _gap(self, seq: int) -> bytes:
        """Return what replaces the events after a number that are no longer kept."""
        last_seq = self.log.first_seq - 1
        gap = gap_event(self.log.execution_id, last_seq - seq, seq + 1, last_seq)
        if self._present is None:
            return self._encoder.encode(gap)
        return self._encoder.encode_gap(gap, self._present())
