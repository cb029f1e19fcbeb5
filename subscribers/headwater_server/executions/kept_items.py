"""The items of an output that a server keeps for readers, who ask for them by number."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from typing import Any

import anyio

from headwater.toolkit import item_size
from headwater_server.problems import Refusal

__all__ = ["KeptItems", "Reader"]

_GRACE_S = 60.0  # how long the execution waits for a reader that was cut off


@dataclass(slots=True)
class Reader:
    """A reader of an output, which has taken the items before its cursor."""

    cursor: int


class KeptItems:
    """An output of an execution that nobody reads directly: its last items, its header, and how it ended.

    The execution goes on while readers lag only as far as they miss nothing: it waits for those that are connected, and
    a while for one that was cut off. Without readers the oldest items are dropped, and a reader that asks for them
    later is refused. With `awaited`, the execution also waits for the first reader.
    """

    def __init__(self, name: str, *, most: int, most_bytes: int, streaming: bool, awaited: bool = False) -> None:
        self.name: str = name
        self.streaming: bool = streaming
        self.count: int = 0
        self.header: Any = None
        self.footer: Any = None
        self.has_header: bool = False
        self.ended: bool = False
        self.error: Exception | None = None
        self._most = most
        self._most_bytes = most_bytes
        self._sizes: deque[int] = deque()
        self._bytes = 0
        self._waits = True
        self._items: deque[Any] = deque()
        self._readers: list[Reader] = []
        self._awaited_until = inf if awaited else -inf
        self._changed = anyio.Event()
        self._room = anyio.Event()

    @property
    def first(self) -> int:
        """Number of the first item that is kept, from 0."""
        return self.count - len(self._items)

    @property
    def items(self) -> Sequence[Any]:
        """The items that are kept."""
        return self._items

    def set_header(self, header: Any) -> None:
        """Note the header, or that there is none."""
        self.header, self.has_header = header, True
        self._tell()

    async def add(self, batch: Sequence[Any]) -> None:
        """Add items, and wait while readers have not taken what would have to be dropped."""
        sizes = list(map(item_size, batch))
        self._items.extend(batch)
        self._sizes.extend(sizes)
        self._bytes += sum(sizes)
        self.count += len(batch)
        self._tell()
        while self._waits and self._is_full():
            if self._needed() > self.first:
                self._items.popleft()
                self._bytes -= self._sizes.popleft()
                continue
            self._room = anyio.Event()
            with anyio.move_on_at(self._awaited_until if not self._readers else inf):
                await self._room.wait()

    def stop_waiting(self) -> None:
        """Keep the little that still comes, as the execution has failed or is cancelled."""
        self._waits = False
        self._room.set()

    def end(self, footer: Any, error: Exception | None) -> None:
        """Note that nothing more comes: after the last item, or since the execution did not complete."""
        self.footer, self.error, self.ended = footer, error, True
        self._tell()

    @contextmanager
    def reading(self, after: int) -> Generator[Reader]:
        """Note that somebody reads the items after a number, or refuse it when they are not kept any more."""
        if after < self.first:
            message = f"item {after} is not kept any more; the first that is has the number {self.first}"
            raise Refusal(410, "items-not-kept", message, more={"first_item": self.first})
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

    def take(self, reader: Reader, most: int = 256) -> list[Any]:
        """Return the next items of a reader, which has thereby taken those before."""
        start = reader.cursor - self.first
        items = [self._items[place] for place in range(start, min(start + most, len(self._items)))]
        reader.cursor += len(items)
        self._room.set()
        return items

    def _is_full(self) -> bool:
        return len(self._items) > self._most or (self._bytes > self._most_bytes and len(self._items) > 1)

    def _needed(self) -> int:
        """Return the number of the first item that must be kept for a reader."""
        if self._readers:
            return min(reader.cursor for reader in self._readers)
        return 0 if anyio.current_time() < self._awaited_until else self.count

    def _tell(self) -> None:
        changed, self._changed = self._changed, anyio.Event()
        changed.set()
