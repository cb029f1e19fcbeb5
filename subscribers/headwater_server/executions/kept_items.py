"""The items of an output that a server keeps for readers, who ask for them by number."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from math import inf
from typing import Any, Final

import anyio

from headwater.toolkit import item_size
from headwater_server.refusals import Refusal

__all__ = ["KeptItems", "Reader"]

_GRACE_S: Final = 60.0  # how long the execution waits for a reader that was cut off
_AHEAD: Final = 0.1  # which part of the room is for what no reader has taken; the rest is for those that were cut off
_MOST_TAKEN: Final = 256
_MOST_TAKEN_BYTES: Final = 256 * 1024


@dataclass(slots=True, eq=False)  # two readers at the same item are two
class Reader:
    """A reader of an output, which has taken the items before its cursor."""

    cursor: int


class KeptItems:
    """An output of an execution that goes on by itself: its last items, its header, and how it ended.

    The execution waits for readers that are connected, and a while for one that was cut off, once they lag by a tenth
    of the room. The rest of the room keeps what they have taken, as a connection that is cut loses what was on its way.
    Without readers the oldest items are dropped, and a reader that asks for them later is refused. With `awaited`, the
    execution also waits for the first reader.
    """

    def __init__(self, name: str, *, most: int, most_bytes: int, streaming: bool, awaited: bool = False) -> None:
        self.name: str = name
        self.streaming: bool = streaming
        self.first: int = 0
        self.header: Any = None
        self.footer: Any = None
        self.has_header: bool = False
        self.ended: bool = False
        self.error: Exception | None = None
        self._most = most
        self._most_bytes = most_bytes
        self._waits = True
        self._items: list[Any] = []
        self._ends: list[int] = [0]  # bytes of all items up to each of those that are held, and before the first
        self._held = 0  # number of the first item that is held; dropped ones are removed many at a time
        self._readers: list[Reader] = []
        self._awaited_until = inf if awaited else -inf
        self._changed = anyio.Event()
        self._room = anyio.Event()

    @property
    def count(self) -> int:
        """How many items there were."""
        return self._held + len(self._items)

    @property
    def items(self) -> Sequence[Any]:
        """The items that are kept, from the number `first` on."""
        return self._items[self.first - self._held :]

    @property
    def size_bytes(self) -> int:
        """Bytes of the items that are kept, as estimated."""
        return self._bytes_from(self.first)

    def set_header(self, header: Any) -> None:
        """Note the header, or that there is none."""
        self.header, self.has_header = header, True
        self._announce()

    async def add(self, batch: Sequence[Any]) -> None:
        """Add items, and wait while readers have not taken what would have to be dropped."""
        self._items.extend(batch)
        self._ends.extend(accumulate(map(item_size, batch), initial=self._ends.pop()))
        self._announce()
        while True:
            taken = self._taken()
            while self._is_full(self.first, 1.0) and self.first < min(taken, self.count - 1):
                self.first += 1
            self._remove_dropped()
            if not self._waits or not (self._is_full(self.first, 1.0) or self._is_full(taken, _AHEAD)):
                return
            if taken >= self.count:
                return
            self._room = anyio.Event()
            with anyio.CancelScope(deadline=inf if self._readers else self._awaited_until):
                await self._room.wait()

    def stop_waiting(self) -> None:
        """Keep the little that still comes, as the execution has failed or is cancelled."""
        self._waits = False
        self._room.set()

    def end(self, footer: Any, error: Exception | None) -> None:
        """Note that nothing more comes: after the last item, or since the execution did not complete."""
        self.footer, self.error, self.ended = footer, error, True
        self._announce()

    @contextmanager
    def reading(self, after: int) -> Generator[Reader]:
        """Note a reader of the items after a number, or refuse it when they are not kept any more."""
        if after < self.first:
            message = f"item {after} is not kept any more; the first that is has the number {self.first}"
            raise Refusal(410, "items-not-kept", message, more={"first_item": self.first})
        if after > self.count:  # else the end would give a number that is wrong
            raise Refusal(400, "bad-query", f"after is {after}, but there are only {self.count} items so far")
        reader = Reader(after)
        self._readers.append(reader)
        try:
            yield reader
        finally:
            self._readers.remove(reader)
            self._awaited_until = -inf if self.ended else anyio.current_time() + _GRACE_S
            self._room.set()

    async def wait_beyond(self, reader: Reader) -> None:
        """Wait until there are items for a reader, or the output has ended."""
        while self.count <= reader.cursor and not self.ended:
            await self._changed.wait()

    async def wait_header(self) -> None:
        """Wait until it is known whether there is a header, or the output has ended."""
        while not self.has_header and not self.ended:
            await self._changed.wait()

    def take(self, reader: Reader) -> list[Any]:
        """Return the next items of a reader, which has thereby taken those before."""
        start = stop = reader.cursor - self._held
        most_bytes = self._ends[start] + _MOST_TAKEN_BYTES if start < len(self._items) else 0
        while (
            stop < len(self._items) and stop - start < _MOST_TAKEN and (stop == start or self._ends[stop] < most_bytes)
        ):
            stop += 1
        reader.cursor += stop - start
        self._room.set()
        return self._items[start:stop]

    def _taken(self) -> int:
        """Return the number of the first item that no reader has taken; beyond all where none is waited for."""
        if self._readers:
            return min(reader.cursor for reader in self._readers)
        return self.first if anyio.current_time() < self._awaited_until else self.count

    def _is_full(self, start: int, part: float) -> bool:
        """Return whether the items from a number on fill a part of the room."""
        if self.count - start <= 1:
            return False
        return self.count - start > self._most * part or self._bytes_from(start) > self._most_bytes * part

    def _bytes_from(self, number: int) -> int:
        return self._ends[-1] - self._ends[min(number - self._held, len(self._items))]

    def _remove_dropped(self) -> None:
        dropped = self.first - self._held
        if dropped > len(self._items) // 2:
            del self._items[:dropped], self._ends[:dropped]
            self._held = self.first

    def _announce(self) -> None:
        changed, self._changed = self._changed, anyio.Event()
        changed.set()
