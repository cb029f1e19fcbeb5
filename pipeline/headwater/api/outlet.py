"""The pipeline's own outputs: streams for the program that runs it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from anyio import get_current_task

from headwater.errors import StreamBrokenError
from headwater.streams.stream import Stream
from headwater.streams.wrapped import Wrapped

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from typing import Self

    from headwater.graph.plan import PlannedEdge
    from headwater.streams.ends import EdgeSource

__all__ = ["Outlet"]


class Outlet(Wrapped):
    """One output of an execution: what the program reads, and what `result` collects."""

    def __init__(
        self, name: str, edge: PlannedEdge, source: EdgeSource, explain: Callable[[], Exception | None]
    ) -> None:
        super().__init__(source)
        self.name = name
        self.edge = edge
        self._edge_source = source
        self._explain = explain
        self._items: list[Any] = []
        self._header: Any = None
        self._footer: Any = None
        self._reader: int | None = None
        self._collecting = False
        self.stream: Stream[Any, Any, Any] = _OutputStream(self, f"output {name!r}")

    @property
    def value(self) -> Any:
        """What `result` returns: the collected items, or the one value; None when the program has read it."""
        if not self._collecting or self._edge_source.skipped:
            return None
        if self.edge.streaming:
            return self._items
        return self._items[0] if self._items else None

    @property
    def frames(self) -> tuple[Any, Any]:
        """The collected header and footer, or None for each."""
        return self._header, self._footer

    @property
    def skipped(self) -> bool:
        """Whether the branch to this output was not taken."""
        return self._edge_source.skipped

    def let_go(self, task_id: int) -> None:
        """Stop reading if this is the task that has read the output so far: it does not read any more."""
        if self._reader == task_id:
            self.close()

    async def collect(self) -> None:
        """Read everything, unless the program reads it."""
        if self._reader is not None:
            return
        self._collecting = True
        try:
            self._header = await self.stream.header()
            async for batch in self.stream.batches():
                self._items += batch
            self._footer = await self.stream.footer()
        except Exception:  # noqa: BLE001 - the execution's own error is raised by `result`; what came before it is kept
            return

    async def collect_value(self) -> None:
        """Take the value of a unary output that has ended, unless the program has read it."""
        if self._reader is None:
            self._collecting = True
            with suppress(StreamBrokenError):
                self._items = await self._source.take()

    async def take(self, *, ahead: bool = False) -> list[Any]:
        """Return the next items."""
        if self._reader is None and not self._collecting:
            self._reader = get_current_task().id
        try:
            batch = await self._source.take(ahead=ahead)
        except StreamBrokenError as error:
            failure = self._explain() or error
            raise failure from failure.__cause__  # the step's own error, not the break that followed from it
        if not batch and (unseen := self._explain()) is not None:
            raise unseen  # a step after the one that failed may have ended as if nothing had happened
        return batch

    async def header(self) -> Any:
        """Return the header, or `NOTHING`."""
        try:
            return await self._source.header()
        except StreamBrokenError as error:
            failure = self._explain() or error
            raise failure from failure.__cause__  # as in `take`


class _OutputStream(Stream[Any, Any, Any]):
    """A stream whose reader may stop at any item: there is no generator to be closed."""

    __slots__ = ()

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._begin(_Items(self._more))


class _Items:
    """The items of a source."""

    __slots__ = ("_batch", "_more")

    def __init__(self, more: Callable[[], Awaitable[list[Any]]]) -> None:
        self._more = more
        self._batch: Iterator[Any] = iter(())

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        for item in self._batch:
            return item
        self._batch = iter(await self._more())
        for item in self._batch:
            return item
        raise StopAsyncIteration
