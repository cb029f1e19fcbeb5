"""The pipeline's own outputs: streams for the program that runs it."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from anyio import get_current_task

from headwater.errors import StreamBrokenError
from headwater.streams.stream import Stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from typing import Self

    from headwater.graph.plan import PlannedEdge
    from headwater.streams.channel import Channel
    from headwater.streams.source import ChannelStatistics

__all__ = ["Outlet"]


class Outlet:
    """One output of an execution: what the program reads, and what `result` collects.

    Args:
        name: What it is called: the step that writes it, or `step.port`.
        edge: The edge that leads to the pipeline's output.
        channel: Its channel.
        explain: Returns the error that a program is to see in the place of a broken stream.
    """

    def __init__(self, name: str, edge: PlannedEdge, channel: Channel, explain: Callable[[], Exception | None]) -> None:
        self.name = name
        self.edge = edge
        self._channel = channel
        self._explain = explain
        self._items: list[Any] = []
        self._header: Any = None
        self._footer: Any = None
        self._reader: int | None = None
        self._collecting = False
        self.stream: Stream[Any, Any, Any] = _OutputStream(self, f"output {name!r}")

    @property
    def value(self) -> Any:
        """What `result` gives: the collected items, or the one value; None when it was read elsewhere."""
        if not self._collecting or self._channel.skipped:
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
        """Whether the branch that leads here was not taken."""
        return self._channel.skipped

    def let_go(self, task_id: int) -> None:
        """Let go what is unread, if it is this task that has read the output so far: it is not reading any more."""
        if self._reader == task_id:
            self._channel.close()

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

    def collect_value(self) -> None:
        """Take the value of a unary output that has ended, unless the program has read it."""
        if self._reader is None:
            self._collecting = True
            self._items = self._channel.take_nowait()

    # ---- as the source of its stream

    async def take(self) -> list[Any]:
        """Return the next items."""
        if self._reader is None and not self._collecting:
            self._reader = get_current_task().id
        try:
            batch = await self._channel.take()
        except StreamBrokenError as error:
            failure = self._explain() or error
            raise failure from failure.__cause__  # the step's own error, not the break that it led to
        if not batch and (unseen := self._explain()) is not None:
            raise unseen  # a step after the one that failed may have ended as if nothing had happened
        return batch

    async def header(self) -> Any:
        """Return the header, or `NOTHING`."""
        try:
            return await self._channel.header()
        except StreamBrokenError as error:
            failure = self._explain() or error
            raise failure from failure.__cause__  # the step's own error, not the break that it led to

    async def taken(self) -> bool:
        """Wait for the first frame or the end; False when the branch was not taken."""
        return await self._channel.taken()

    @property
    def footer(self) -> Any:
        """The footer, or `NOTHING`."""
        return self._channel.footer

    def close(self) -> None:
        """Read no further."""
        self._channel.close()

    def statistics(self) -> ChannelStatistics:
        """Return what the channel holds and has seen."""
        return self._channel.statistics()


class _OutputStream(Stream[Any, Any, Any]):
    """A stream whose reader may be left at any item: it has no generator that somebody would have to close."""

    __slots__ = ()

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._begin(_Items(self._more))

    def batches(self, size: int | None = None, *, linger_s: float = inf) -> AsyncIterator[list[Any]]:
        """Iterate over the items in lists; see `Stream.batches`."""
        return self._begin(_Batches(self._more)) if size is None else super().batches(size, linger_s=linger_s)


class _Batches:
    """The batches of a source."""

    __slots__ = ("_more",)

    def __init__(self, more: Callable[[], Awaitable[list[Any]]]) -> None:
        self._more = more

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Any]:
        if batch := await self._more():
            return batch
        raise StopAsyncIteration


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
