"""The writing side of a step: the order and types of what it yields, and where that goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from headwater.errors import StreamOrderError
from headwater.kinds.outputs import Outputs, Routed, parts_of
from headwater.streams.grammar import NOT_AN_ITEM, Classes, Grammar
from headwater.streams.source import ReaderLeft

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence

    from headwater.running.record import StepRecord
    from headwater.streams.meter import Meter
    from headwater.streams.sinks import Sink

__all__ = ["Outbox", "PortOutbox", "RoutedOutbox", "led_nowhere"]


class Outbox(Protocol):
    """What a driver writes to."""

    @property
    def sink(self) -> Any:
        """What the hot loops append to: a channel, a tee, or the outbox itself where each item is looked at."""
        ...

    @property
    def room(self) -> Callable[[], Awaitable[None]]:
        """Waits for room; always lets others run."""
        ...

    @property
    def expected(self) -> Classes:
        """Classes whose instances pass without `admit`."""
        ...

    @property
    def capacity(self) -> int:
        """Most items worth handing over at once."""
        ...

    def admit(self, value: Any) -> Any:
        """Return the item, or `NOT_AN_ITEM` for a header or footer; raises on a wrong one."""
        ...

    def admit_all(self, values: list[Any]) -> list[Any]:
        """Return the items among the values."""
        ...

    async def write(self, items: Sequence[Any]) -> None:
        """Write items, waiting for room."""
        ...

    def set_header(self, header: Any) -> None:
        """Pass on a header that flows around the step."""
        ...

    def finish(self, footer: Any) -> None:
        """End the stream, with a footer that flows around the step or `NOTHING`."""
        ...

    def skip(self) -> None:
        """End the stream because the branch was not taken."""
        ...

    def fail(self, error: Exception) -> None:
        """Break the stream."""
        ...


class PortOutbox:
    """The writing side of a step with one output port.

    Args:
        sink: Where the items go.
        grammar: The order and types of what the step yields.
        room: Waits for room; lets others run.
    """

    __slots__ = ("_room", "grammar", "sink")

    def __init__(self, sink: Sink, grammar: Grammar, room: Callable[[], Awaitable[None]]) -> None:
        self.sink: Sink = sink
        self.grammar: Grammar = grammar
        self._room = room

    @property
    def room(self) -> Callable[[], Awaitable[None]]:
        """Waits for room; always lets others run."""
        return self._room

    @property
    def expected(self) -> Classes:
        """Classes whose instances pass without `admit`."""
        return self.grammar.expected

    @property
    def capacity(self) -> int:
        """Most items worth handing over at once."""
        return self.sink.capacity

    def admit(self, value: Any) -> Any:
        """Return the item, or `NOT_AN_ITEM` for a header or footer."""
        return self.grammar.admit(value)

    def admit_all(self, values: list[Any]) -> list[Any]:
        """Return the items among the values."""
        items: list[Any] = []
        grammar = self.grammar
        for value in values:
            if isinstance(value, grammar.expected):
                items.append(value)
            elif (item := grammar.admit(value)) is not NOT_AN_ITEM:
                items.append(item)
        return items

    async def write(self, items: Sequence[Any]) -> None:
        """Write items, waiting for room."""
        await self.sink.write(items)

    def set_header(self, header: Any) -> None:
        """Pass on a header that flows around the step."""
        self.sink.set_header(header)

    def finish(self, footer: Any) -> None:
        """End the stream, with a footer that flows around the step or the step's own."""
        self.grammar.end()
        self.sink.finish(self.grammar.footer if self.grammar.declares_footer else footer)

    def skip(self) -> None:
        """End the stream because the branch was not taken."""
        self.sink.skip()

    def fail(self, error: Exception) -> None:
        """Break the stream."""
        self.sink.fail(error)


class RoutedOutbox:
    """The writing side of a step with several output ports; it stands in for a sink whose every item is looked at.

    The step goes on as long as one of its ports is read.

    Args:
        label: What the step is called in messages.
        ports: The writing side of each port.
        unread: Names of the ports that lead nowhere.
        astray: Names of those among them that nothing may be written to.
        record: Who is shown the items.
    """

    __slots__ = (
        "_astray",
        "_label",
        "_unread",
        "buffer",
        "capacity",
        "expected",
        "limit",
        "meter",
        "ports",
        "record",
        "sink",
        "written_items",
    )

    def __init__(
        self,
        label: str,
        ports: Mapping[str, PortOutbox],
        unread: Collection[str],
        astray: Collection[str],
        record: StepRecord,
    ) -> None:
        self.ports: dict[str, PortOutbox] = dict(ports)
        self.record: StepRecord = record
        self.sink: RoutedOutbox = self
        self.buffer: list[Any] = []
        self.limit: int = 1
        self.meter: Meter | None = None
        self.written_items: int = 0
        self.capacity: int = min(port.capacity for port in self.ports.values())
        self.expected: Classes = object
        self._label = label
        self._unread = set(unread)
        self._astray = frozenset(astray)

    async def room(self) -> None:
        """Wait until every port that is read has room; always let others run."""
        for name, port in self.ports.items():
            try:
                await port.room()
            except ReaderLeft:
                self._forget(name)

    @property
    def writer_wait_s(self) -> float:
        """How long the writer waited for room, in seconds."""
        return sum(port.sink.writer_wait_s for port in self.ports.values())

    def full(self) -> bool:
        """Pass on what is in the buffer; called after every item."""
        values = self.buffer[:]
        self.buffer.clear()
        wait = self.meter.look() if self.meter is not None else False
        for value in values:
            for name, item in self._routes(value):
                wait = self._put(name, item) or wait
        return wait

    def admit(self, value: Any) -> Any:
        """Return the value; its port checks it."""
        return value

    def admit_all(self, values: list[Any]) -> list[Any]:
        """Return the values; their ports check them."""
        return values

    async def write(self, items: Sequence[Any]) -> None:
        """Write items to their ports, waiting for room."""
        for item in items:
            self.buffer.append(item)
            if self.full():
                await self.room()

    def set_header(self, header: Any) -> None:
        """Pass on a header that flows around the step to every port."""
        for port in self.ports.values():
            port.set_header(header)

    def finish(self, footer: Any) -> None:
        """End every port's stream."""
        for port in self.ports.values():
            port.finish(footer)

    def skip(self) -> None:
        """End every port's stream because the branch was not taken."""
        for port in self.ports.values():
            port.skip()

    def fail(self, error: Exception) -> None:
        """Break every port's stream."""
        for port in self.ports.values():
            port.fail(error)

    def _routes(self, value: Any) -> Iterable[tuple[str, Any]]:
        if isinstance(value, Routed | Outputs):
            return parts_of(value)
        msg = f"{self._label}: a step with several outputs writes To(port, item), but it wrote {type(value).__name__}"
        raise StreamOrderError(msg)

    def _put(self, name: str, value: Any) -> bool:
        port = self.ports.get(name)
        if port is None:
            msg = f"{self._label}: there is no output port {name!r}; its ports are {', '.join(self.ports)}"
            raise StreamOrderError(msg)
        item = port.admit(value)
        if item is NOT_AN_ITEM:
            return False
        if name in self._astray:
            raise StreamOrderError(f"{self._label}: {led_nowhere(name)}")
        self.written_items += 1
        if self.record.telling:
            self.record.tell(item, name)
        try:
            return port.sink.put(item)
        except ReaderLeft:
            self._forget(name)
            return False

    def _forget(self, name: str) -> None:
        self._unread.add(name)
        if len(self._unread) == len(self.ports):
            raise ReaderLeft


def led_nowhere(port: str) -> str:
    """Return what is wrong when something is written to a side port that leads nowhere.

    Args:
        port: Name of the port.
    """
    return (
        f"it wrote to its port {port!r}, which leads nowhere, so that what it wrote would be lost; add an edge from it"
    )
