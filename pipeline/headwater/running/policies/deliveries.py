"""What a step that writes streams has delivered, over all its attempts: no item is delivered twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anyio import current_time

from headwater.errors import StreamOrderError
from headwater.streams.ends import NOTHING
from headwater.streams.wrapped import WrappedSink

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headwater.streams.ends import Sink
    from headwater.streams.grammar import Grammar
    from headwater.streams.meter import Meter

__all__ = ["Deliveries"]


class Deliveries(WrappedSink["Sink"]):
    """The writing end of a port whose writer may begin anew: what it wrote before is skipped, by number."""

    __slots__ = (
        "_again",
        "_header",
        "_label",
        "_start",
        "buffer",
        "delivered",
        "grammar",
        "last_s",
        "on_item",
        "waits",
    )

    limit = 1  # every item goes on at once

    def __init__(self, sink: Sink, label: str) -> None:
        self.buffer: list[Any] = []
        self.delivered: int = 0  # items that went on
        self.last_s: float = 0.0  # when the last one did
        self.waits: bool = False  # whether the step waits for room
        self.grammar: Grammar | None = None  # the order of what the step writes
        self.on_item: Callable[[Any], None] | None = None
        super().__init__(sink)
        self._label = label
        self._again = 0  # items of this attempt that were delivered before
        self._start = 0  # items delivered before the unit of work that may be repeated
        self._header: Any = NOTHING

    def mark(self) -> None:
        """Note that what was delivered so far is done with, whatever happens to the next item."""
        self._start = self.delivered

    @property
    def since_mark(self) -> int:
        """How many items were delivered since the mark."""
        return self.delivered - self._start

    def begin_again(self) -> None:
        """Expect the stream from its header on; skip as many items of it as were delivered since the mark."""
        self.buffer.clear()
        if self.grammar is not None:
            self.grammar.begin_again()
        self._again = self.since_mark

    def check_complete(self) -> None:
        """Raise when an attempt gave fewer items than the ones before had delivered."""
        if self._again:
            given = self.since_mark - self._again
            msg = (
                f"{self._label}: this attempt gave {given} items, but {self.since_mark} were delivered before; "
                "declare resume='replay' only for a step that gives the same items for the same input"
            )
            raise StreamOrderError(msg)

    @property
    def meter(self) -> Meter | None:
        """What measures the pace of the writer."""
        return self._sink.meter

    @meter.setter
    def meter(self, meter: Meter | None) -> None:
        self._sink.meter = meter

    @property
    def capacity(self) -> int:
        """Most items worth handing over at once."""
        return self._sink.capacity

    def flush(self) -> bool:
        """Pass on what is in the buffer."""
        items = self.buffer[:]
        self.buffer.clear()
        waits = False
        for item in items:
            waits = self._pass(item) or waits
        return waits

    def put(self, item: Any) -> bool:
        """Pass on one item."""
        return self._pass(item)

    async def wait_writable(self) -> None:
        """Wait until an item can be written."""
        self.waits = True
        try:
            await self._sink.wait_writable()
        finally:
            self._resumed()

    async def write(self, items: Sequence[Any]) -> bool:
        """Write items, and return whether other tasks have run since the last one."""
        paused = False
        for item in items:  # one by one, so that what is counted is what went on when this is cancelled
            paused = self._pass(item)
            if paused:
                await self.wait_writable()
        return paused

    def set_header(self, header: Any) -> None:
        """Write the header once; that of a later attempt must be equal."""
        if self._header is NOTHING:
            self._header = header
            self._sink.set_header(header)
        elif header != self._header:
            msg = f"{self._label}: the header of this attempt differs from the one that was written before"
            raise StreamOrderError(msg)

    def _pass(self, item: Any) -> bool:
        """Pass on an item unless it was delivered before; True when the writer should await `wait_writable`."""
        if self._again:
            self._again -= 1
            return False
        self.delivered += 1
        self.last_s = current_time()
        if self.on_item is not None:
            self.on_item(item)
        return self._sink.put(item)

    def _resumed(self) -> None:
        self.waits = False
        if self.delivered:
            self.last_s = current_time()
