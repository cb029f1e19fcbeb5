"""The writing side of a step with several outputs: each value goes to the port that it names."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from headwater.errors import StreamOrderError
from headwater.kinds.outputs import Outputs, Routed, parts_of
from headwater.streams.ends import NOTHING, ReaderLeft, totals
from headwater.streams.frames import is_batch
from headwater.streams.grammar import NOT_AN_ITEM, Classes, all_instances

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headwater.graph.plan import PlannedStep
    from headwater.running.hosts.outbox import PortOutbox
    from headwater.running.record import StepRecord
    from headwater.streams.ends import ChannelStatistics
    from headwater.streams.meter import Meter

__all__ = ["RoutedOutbox", "not_connected"]

_ADDRESSED = (Routed, Outputs)


class RoutedOutbox:
    """The writing side of a step with several output ports.

    Values without an address belong to the main port: they are handed over as by a step that has no other port, in the
    main port's own buffer. The step goes on as long as one of its ports is read.
    """

    __slots__ = (
        "_label",
        "_main",
        "_unconnected",
        "_unread",
        "_written",
        "buffer",
        "needs_drain",
        "ports",
        "record",
        "sink",
    )

    def __init__(self, label: str, ports: Mapping[str, PortOutbox], step: PlannedStep, record: StepRecord) -> None:
        main = step.main_port
        self.ports: dict[str, PortOutbox] = dict(ports)
        self.record: StepRecord = record
        self.sink: RoutedOutbox = self
        self.buffer: list[Any] = self.ports[main].sink.buffer if main else []
        self.needs_drain: bool = False
        self._label = label
        self._main = main
        self._unread = {output.name for output in step.outputs if not output.edges}
        self._written: set[str] = set()
        self._unconnected = {output.name for output in step.outputs if output.unconnected}

    @property
    def expected(self) -> Classes:
        """Classes whose instances are items of the main port."""
        expected: Classes = self.ports[self._main].expected if self._main else ()
        return () if issubclass(Routed, expected) else expected

    @property
    def limit(self) -> int:
        """How many items in the buffer ask for `flush`."""
        return self.ports[self._main].sink.limit if self._main else 1

    @property
    def capacity(self) -> int:
        """Most items worth handing over at once."""
        return min(port.capacity for port in self.ports.values())

    @property
    def meter(self) -> Meter | None:
        """Who measures the pace of all the ports together."""
        return next(iter(self.ports.values())).sink.meter

    @meter.setter
    def meter(self, meter: Meter | None) -> None:
        for port in self.ports.values():
            port.sink.meter = meter

    def statistics(self) -> ChannelStatistics:
        """Return the sums over the ports, but the items of the main port alone."""
        main = self.ports[self._main].sink.statistics().written_items if self._main else 0
        return totals([port.sink.statistics() for port in self.ports.values()])._replace(written_items=main)

    def note_aside(self, counts: dict[str, int]) -> None:
        """Put down how many items went to each side port."""
        side_ports = ((name, port.sink.statistics()) for name, port in self.ports.items() if name != self._main)
        counts.update({name: found.written_items for name, found in side_ports if found.written_items})

    async def wait_writable(self) -> None:
        """Wait until every port that was written to has room; always let others run."""
        self.needs_drain = False
        waiting, self._written = self._written or {next(iter(self.ports))}, set()
        for name in waiting:
            try:
                await self.ports[name].wait_writable()
            except ReaderLeft:
                self._forget(name)

    def flush(self) -> bool:
        """Pass on what is in the buffer of the main port."""
        if not self._main:
            return False
        self._written.add(self._main)
        try:
            return self.ports[self._main].sink.flush()
        except ReaderLeft:
            self._forget(self._main)
            return True

    def put(self, item: Any) -> bool:
        """Append one item of the main port."""
        self.buffer.append(item)
        return len(self.buffer) >= self.limit and self.flush()

    def admit(self, value: Any) -> Any:
        """Return an item of the main port, or `NOT_AN_ITEM` for a value that was written to another port."""
        if not isinstance(value, _ADDRESSED):
            return self._main_port(value).admit(value)
        admitted = NOT_AN_ITEM
        for name, part in parts_of(value):
            port = _port(self.ports, self._label, name)
            item = port.admit(part)
            if name == self._main:
                admitted = item
            elif item is not NOT_AN_ITEM:
                self._put(name, port, item)
        return admitted

    def admit_all(self, values: list[Any]) -> list[Any]:
        """Return the values, those of a batch one by one, as each may go elsewhere; their ports check them."""
        if not any(map(is_batch, values)):
            return values
        return list(chain.from_iterable(value.items if is_batch(value) else [value] for value in values))

    async def write(self, items: Sequence[Any]) -> bool:
        """Write items to their ports, those of each port together; always let others run."""
        if self._main and items and all_instances(items, self.expected):
            await self._write(self._main, items)
            return True
        written = {name: parts for name, parts in self._by_port(items).items() if parts}
        if not written:
            await self.wait_writable()
        for name, parts in written.items():
            port = _port(self.ports, self._label, name)
            admitted = port.admit_all(parts)
            if name != self._main:
                self._show(name, admitted)
            await self._write(name, admitted)
        return True

    async def _write(self, name: str, items: Sequence[Any]) -> None:
        self._written.add(name)
        try:
            await self.ports[name].write(items)
        except ReaderLeft:
            self._forget(name)

    def set_header(self, header: Any) -> None:
        """Pass on a header that flows around the step to every port."""
        for port in self.ports.values():
            port.set_header(header)

    def finish(self, footer: Any = NOTHING) -> None:
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

    def _by_port(self, values: Sequence[Any]) -> dict[str, list[Any]]:
        expected = self.expected
        main: list[Any] = []
        parts: dict[str, list[Any]] = {self._main: main} if self._main else {}
        for value in values:
            if isinstance(value, expected):
                main.append(value)
            elif isinstance(value, _ADDRESSED):
                for name, part in parts_of(value):
                    parts.setdefault(name, []).append(part)
            else:
                self._main_port(value)
                main.append(value)
        return parts

    def _main_port(self, value: object) -> PortOutbox:
        """Return the port of a value without an address."""
        if self._main:
            return self.ports[self._main]
        msg = f"{self._label}: a step with several outputs writes To(port, item), but it wrote {type(value).__name__}"
        raise StreamOrderError(msg)

    def _put(self, name: str, port: PortOutbox, item: Any) -> None:
        self._show(name, [item])
        self._written.add(name)
        try:
            self.needs_drain = port.sink.put(item) or self.needs_drain
        except ReaderLeft:
            self._forget(name)

    def _show(self, name: str, items: Sequence[Any]) -> None:
        """Emit items of a side port, or raise when they would be lost there."""
        if items and name in self._unconnected:
            raise StreamOrderError(f"{self._label}: {not_connected(name)}")
        if self.record.emits_next_item:
            self.record.emit_outputs(items, name)

    def _forget(self, name: str) -> None:
        self._unread.add(name)
        if len(self._unread) == len(self.ports):
            raise ReaderLeft


def _port(ports: Mapping[str, PortOutbox], label: str, name: str) -> PortOutbox:
    if name in ports:
        return ports[name]
    raise StreamOrderError(f"{label}: there is no output port {name!r}; its ports are {', '.join(ports)}")


def not_connected(port: str) -> str:
    """Return the message for an item that was written to a side port without an edge."""
    return f"it wrote to its port {port!r}, which is not connected, so the item would be lost; add an edge from it"
