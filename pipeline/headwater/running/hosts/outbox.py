"""The writing side of a step: the order and types of what it yields, and where that goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from headwater.streams.frames import is_batch
from headwater.streams.grammar import NOT_AN_ITEM, Classes, Grammar, all_instances

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headwater.running.nested.path_events import EventSink
    from headwater.streams.ends import Sink

__all__ = ["Outbox", "PortOutbox"]


class Outbox(Protocol):
    """What a driver writes to."""

    @property
    def sink(self) -> Sink:
        """What hot loops write to: an edge, a tee, or the outbox itself where values say which port they are for."""
        ...

    def note_aside(self, counts: dict[str, int]) -> None:
        """Put down how many items went to each side port."""
        ...

    async def wait_writable(self) -> None:
        """Wait for room; always let others run."""
        ...

    @property
    def expected(self) -> Classes:
        """Classes whose instances pass without `admit`."""
        ...

    @property
    def capacity(self) -> int:
        """Most items worth handing over at once."""
        ...

    @property
    def needs_drain(self) -> bool:
        """Whether what `admit` has passed on elsewhere asks for `wait_writable`."""
        ...

    def admit(self, value: Any) -> Any:
        """Return the item, or `NOT_AN_ITEM` for what is none or goes elsewhere; raises on a wrong one."""
        ...

    def admit_all(self, values: list[Any]) -> list[Any]:
        """Return the items among the values."""
        ...

    async def write(self, items: Sequence[Any]) -> bool:
        """Write items, and return True: others have always had a turn."""
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
    """The writing side of a step with one output port."""

    __slots__ = ("_context", "grammar", "sink")

    needs_drain = False

    def __init__(self, sink: Sink, grammar: Grammar, context: EventSink) -> None:
        self.sink: Sink = sink
        self.grammar: Grammar = grammar
        self._context = context

    def note_aside(self, counts: dict[str, int]) -> None:
        """Put down nothing, as there is no side port."""

    async def wait_writable(self) -> None:
        """Wait for room, and for subscribers that lag; always let others run."""
        await self.sink.wait_writable()
        if self._context.lags:
            await self._context.drain()

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
        grammar = self.grammar
        if all_instances(values, grammar.expected):
            return values
        items: list[Any] = []
        for value in values:
            if isinstance(value, grammar.expected):
                items.append(value)
            elif is_batch(value):
                items += grammar.admit_batch(value.items)
            elif (item := grammar.admit(value)) is not NOT_AN_ITEM:
                items.append(item)
        return items

    async def write(self, items: Sequence[Any]) -> bool:
        """Write items, and return True: others have always had a turn."""
        if not await self.sink.write(items):
            await self.sink.wait_writable()
        if self._context.lags:
            await self._context.drain()
        return True

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
