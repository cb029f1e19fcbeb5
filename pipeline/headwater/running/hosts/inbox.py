"""The reading side of a step: its sources, and what they become before the step sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.graph.plan import Adapter
from headwater.kinds.binding import default_of
from headwater.running.failures import STEP_ERRORS, is_stopped
from headwater.running.groups import open_group
from headwater.running.hosts.adapters import Converted, Given, gather
from headwater.running.hosts.blocking import BlockingItems
from headwater.running.policies.rewindable import Rewindable
from headwater.streams.checked import Checked
from headwater.streams.ends import NOTHING, ChannelStatistics, totals
from headwater.streams.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headwater.graph.plan import PlannedEdge, PlannedStep
    from headwater.streams.ends import Source
    from headwater.streams.frames import Mode

__all__ = ["Inbox", "Skipped"]

_WHOLE = {Adapter.COLLECT, Adapter.JOIN}


class Skipped(Exception):  # noqa: N818 - a signal, not an error
    """Internal: a value that the step needs does not come, as its branch was not taken."""


class Inbox:
    """The inputs of one step in one execution."""

    def __init__(self, step: PlannedStep, edges: Sequence[PlannedEdge], sources: Sequence[Source]) -> None:
        self._step = step
        self._inputs = step.inputs
        self._edges = edges
        self._first_edges = [edges[planned.edges[0]] for planned in step.inputs]
        self.sources: tuple[Source, ...] = tuple(sources)
        self._checked = [self._check(index, source) for index, source in enumerate(sources)]
        self._streams: list[Stream[Any, Any, Any]] = []
        self._absent: set[int] = set()
        self._rewindable: dict[int, Rewindable] = {}
        self._is_needed: Callable[[], bool] | None = None

    @property
    def mapped(self) -> Source:
        """The source that the step is mapped over."""
        return self._checked[self._step.mapped or 0]

    def statistics(self) -> ChannelStatistics:
        """Return the sums over the inputs."""
        return totals([source.statistics() for source in self.sources])

    def acknowledge(self) -> None:
        """Count everything that the step has taken as done; called when it ends without a failure."""
        for source in self.sources:
            source.acknowledge()

    async def arguments(self) -> list[Any]:
        """Return what the step's function gets, waiting for values; raises `Skipped` if a branch was not taken."""
        if len(self._inputs) > 1 and any(edge.adapter in _WHOLE for edge in self._first_edges):
            return await self._together()
        for index in range(len(self._inputs)):
            await self._check_taken(index)
        return [await self._argument(index) for index in range(len(self._inputs))]

    async def header(self) -> Any:
        """Return the header that flows around a mapped step, or `NOTHING`."""
        if self._step.mapped is None or self._step.outputs[0].type.header is None:
            return NOTHING
        return await self.mapped.header()

    @property
    def footer(self) -> Any:
        """The footer that flows around a mapped step, or `NOTHING`."""
        if self._step.mapped is None or self._step.outputs[0].type.footer is None:
            return NOTHING
        return self.mapped.footer

    async def aclose(self) -> None:
        """Read no further."""
        for source in self.sources:
            source.close()
        for stream in self._streams:
            await stream.aclose()

    @property
    def can_begin_again(self) -> bool:
        """Whether everything that the step has read is still there."""
        return all(source.can_rewind for source in self._rewindable.values())

    def keep(self, is_needed: Callable[[], bool]) -> None:
        """Keep what is read from streams for other attempts, while `is_needed` says so."""
        self._is_needed = is_needed

    def arguments_again(self, arguments: Sequence[Any]) -> list[Any]:
        """Return what the function gets in another attempt: the same values, and streams from their beginning."""
        again = [*arguments]
        for index, source in self._rewindable.items():
            source.rewind()
            again[index] = self._handle(index, source)
        return again

    def blocking(self, index: int) -> BlockingItems:
        """Return an input as a blocking iterable."""
        return BlockingItems(self._checked[index], self._label(index))

    def _check(self, index: int, source: Source) -> Source:
        """Return a source that checks what the plan could not prove; values are checked after their adapter."""
        planned = self._inputs[index]
        if index == self._step.mapped and self._step.policies is not None:
            return source  # each attempt checks its item
        if planned.check is None or (planned.port.style == "value" and index != self._step.mapped):
            return source
        if self._first_edges[index].adapter is Adapter.SPLIT:
            return source  # the check is for the items that its rule makes
        return Checked(source, self._label(index), planned.check, planned.header_check, planned.footer_check)

    async def _check_taken(self, index: int) -> None:
        """Note an optional input to which nothing comes; raise for any other."""
        given = self._inputs[index]
        if given.skippable and not await self.sources[index].branch_taken():
            if given.port.required or index == self._step.mapped:
                raise Skipped
            self._absent.add(index)

    async def _together(self) -> list[Any]:
        """Wait for all inputs at the same time: a stream that waited for another value could stop what makes it."""
        arguments: list[Any] = [None] * len(self._inputs)
        errors: list[BaseException] = []

        async def wait(index: int) -> None:
            try:
                await self._check_taken(index)
                arguments[index] = await self._argument(index)
            except STEP_ERRORS as error:  # raised below: what breaks one stream mostly breaks all
                if is_stopped(error):
                    raise
                errors.append(error)
                group.cancel_scope.cancel()

        async with open_group() as group:
            for index in range(len(self._inputs)):
                group.start_soon(wait, index)
        if errors:
            raise next((error for error in errors if isinstance(error, Skipped)), errors[0])
        return arguments

    async def _argument(self, index: int) -> Any:
        if index == self._step.mapped:
            return None
        if index in self._absent:
            return default_of(self._step.method, self._inputs[index].port.name)
        edge, source = self._first_edges[index], self._checked[index]
        if self._inputs[index].port.style == "value":
            return await self._value(index)
        if edge.adapter is Adapter.SPLIT and edge.rule is not None:
            source = Given(edge.rule(await self._one(source)))
            if (check := self._inputs[index].check) is not None:
                source = Checked(source, self._label(index), check)
        elif edge.adapter in {Adapter.TO_DELTA, Adapter.TO_SNAPSHOT} and edge.rule is not None:
            source = Converted(source, edge.rule, edge.adapter)
        if self._is_needed is not None:
            source = self._rewindable[index] = Rewindable(source, self._is_needed)
        return self._handle(index, source)

    def _handle(self, index: int, source: Source) -> Stream[Any, Any, Any] | BlockingItems:
        """Return what the function reads a stream by."""
        if self._inputs[index].port.style == "iterable":
            return BlockingItems(source, self._label(index))
        self._streams.append(Stream(source, self._label(index), self._mode(index)))
        return self._streams[-1]

    async def _value(self, index: int) -> Any:
        edge, source, check = self._first_edges[index], self._checked[index], self._inputs[index].check
        if edge.adapter in _WHOLE:
            items = await gather(source)
            value = items if edge.adapter is Adapter.COLLECT or edge.rule is None else edge.rule(items)
        else:
            value = await self._one(source)
        return value if check is None else check.check(value, self._label(index))

    async def _one(self, source: Source) -> Any:
        if not (batch := await source.take()):
            raise Skipped
        return batch[0]

    def _mode(self, index: int) -> Mode | None:
        """Return how the items of a stream relate, as the step reads them."""
        edges = [self._edges[edge] for edge in self._inputs[index].edges]
        if edges[0].adapter is Adapter.TO_DELTA:
            return "delta"
        if edges[0].adapter is Adapter.TO_SNAPSHOT:
            return "snapshot"
        mode = edges[0].type.mode if edges[0].adapter is Adapter.NONE else None
        return mode if all(edge.type.mode == mode for edge in edges) else None

    def _label(self, index: int) -> str:
        return f"step {self._step.id!r} port {self._inputs[index].port.name!r}"
