"""The pipeline's own outputs: streams for the program that runs it."""

from __future__ import annotations

from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any

from anyio import CancelScope, Event, Lock, get_current_task

from headwater.errors import StreamBrokenError, StreamConsumedError
from headwater.streams.ends import NOTHING
from headwater.streams.filled import Arrived
from headwater.streams.stream import Reading, Stream
from headwater.streams.wrapped import Wrapped

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from typing import Self

    from headwater.graph.plan import PlannedEdge
    from headwater.streams.ends import EdgeSource
    from headwater.toolkit.loop_calls import LoopCalls

__all__ = ["Outlet"]

_UNKNOWN: Any = object()


class Outlet(Wrapped):
    """One output of an execution: what the program reads, or what is collected while it does not.

    Several tasks may meet here: one that reads the items, one that waits for the header, and the one that collects. An
    edge has one reader, so they take turns. While the reader waits for something that cannot come before this output is
    read, its items are collected for it.
    """

    def __init__(
        self,
        name: str,
        edge: PlannedEdge,
        source: EdgeSource,
        explain: Callable[[], Exception | None],
        calls: LoopCalls,
        *,
        is_awaited: Callable[[], bool],
    ) -> None:
        super().__init__(source)
        self.name = name
        self.edge = edge
        self._collected = Event()
        self._collection = CancelScope()
        self._edge_source = source
        self._explain = explain
        self._opening = Lock(fast_acquire=True)
        self._items: list[Any] = []
        self._header: Any = _UNKNOWN
        self._footer: Any = NOTHING
        self.reader: int | None = None  # the task that reads the items
        self._reader_left = False
        self._reader_waits = False
        self._is_suspended = False
        self._is_awaited = is_awaited  # whether the program waits for what only comes when this output is read or left
        self._was_awaited = False
        self._collecting = False
        self.stream: _OutputStream = _OutputStream(self, f"output {name!r}", partial(calls.run, self._leave))

    @property
    def value(self) -> Any:
        """What `result` returns: the collected items, or the one value; None when the program has read it."""
        if self.reader is not None or self._edge_source.skipped:
            return None
        if self.edge.streaming:
            return self._items
        return self._items[0] if self._items else None

    @property
    def frames(self) -> tuple[Any, Any]:
        """The collected header and footer, or None for each."""
        if self.reader is not None:
            return None, None
        return _known(self._header), _known(self._footer)

    @property
    def skipped(self) -> bool:
        """Whether the branch to this output was not taken."""
        return self._edge_source.skipped

    @property
    def waiting_reader(self) -> int | None:
        """The task that waits for an item of this output."""
        return self.reader if self._reader_waits else None

    def await_end(self) -> bool:
        """Note that the program waits while this output may fill up; return whether it has to be collected."""
        is_first, self._was_awaited = not self._was_awaited, True
        if self._reader_left:
            self._stop()
        return is_first and self.reader is None

    def suspend(self) -> bool:
        """Let the output be collected until its reader asks again; return whether it has to be, now."""
        if self._reader_left:
            self._stop()
        if self._reader_left or self._collecting:
            return False
        if self.reader is not None:
            self._is_suspended = True
            self._collected, self._collection = Event(), CancelScope()
        return True

    def let_go(self, task_id: int) -> None:
        """Note that a task reads no further, if it is the one that has read the output so far."""
        if self.reader == task_id:
            self._reader_left = True

    async def collect(self) -> None:
        """Read everything, unless and until the program reads it; several tasks may call this."""
        if self._is_read():
            return
        if self._collecting:
            await self._collected.wait()
            return
        self._collecting = True
        try:
            await self._open()
            with self._collection:  # left when the program begins to read, which may be while nothing arrives
                while batch := await self._source.take(ahead=True):
                    self._items += batch
                    if self._is_read():
                        return
            if self._collection.cancel_called:
                return
            self._source.acknowledge()
            self._footer = self._source.footer
            self.stream.end()
        except Exception:  # noqa: BLE001 - the execution's own error is raised by `result`; what came before it is kept
            return
        finally:
            self._collected.set()

    async def take(self, *, ahead: bool = False) -> list[Any]:
        """Return the next items; those that were collected come first."""
        if self.reader is None:
            self.reader = get_current_task().id
        self._reader_waits = True
        try:
            if self._header is _UNKNOWN:
                await self._open()
            if (self._collecting or self._is_suspended) and (collected := await self._take_collected()):
                return collected
            batch = await self._source.take(ahead=ahead)
        except StreamBrokenError as error:
            failure = self._explain() or error
            raise failure from failure.__cause__  # the step's own error, not the break that followed from it
        finally:
            self._reader_waits = False
        if not batch and (unseen := self._explain()) is not None:
            raise unseen  # a step after the one that failed may have ended as if nothing had happened
        return batch

    async def header(self) -> Any:
        """Return the header, or `NOTHING`."""
        try:
            await self._open()
        except StreamBrokenError as error:
            failure = self._explain() or error
            raise failure from failure.__cause__  # as in `take`
        return self._header

    def _is_read(self) -> bool:
        return self.reader is not None and not self._is_suspended

    def _stop(self) -> None:
        """Stop the writer, as the reader has left."""
        if self._is_suspended:
            self._collection.cancel()
        self.close()

    async def _open(self) -> None:
        """Wait for the header or the first item, whichever task asks for it first."""
        async with self._opening:
            if self._header is _UNKNOWN:
                self._header = await self._source.header()

    async def _take_collected(self) -> list[Any]:
        """Return what was collected while the program did not read."""
        self._collection.cancel()
        await self._collected.wait()
        self._collecting = self._is_suspended = False
        items, self._items = self._items, []
        return items

    def _leave(self) -> None:
        """Note that the reader has gone, and stop the writer when the program waits for the end."""
        self._reader_left = True
        if self._is_awaited():
            self._stop()


class _OutputStream(Stream[Any, Any, Any]):
    """A stream whose reader may stop at any item, as it is not a generator that has to be closed."""

    __slots__ = ("_claimed", "_on_leave")

    def __init__(self, source: Outlet, label: str, on_leave: Callable[[], None]) -> None:
        super().__init__(source, label)
        self._on_leave = on_leave
        self._claimed = False

    def __aiter__(self) -> AsyncIterator[Any]:
        return _Items(self._begin(Arrived(self._more)), self._left)

    def batches(self, size: int | None = None, *, linger_s: float = inf) -> AsyncIterator[list[Any]]:
        return _Batches(super().batches(size, linger_s=linger_s), self._left)

    def claim(self) -> None:
        """Let nothing begin to read the items from now on."""
        self._claimed = True

    def end(self) -> None:
        """Note that all items were read."""
        self._ended = True

    def _begin(self, reading: Reading) -> Reading:
        if self._claimed:
            msg = f"{self._label}: result() has its items; use the output of the result, or read this before"
            raise StreamConsumedError(msg)
        return super()._begin(reading)

    def _left(self) -> None:
        if not self._ended:
            self._on_leave()


class _Batches:
    """The batches of a reader, which has left when nothing holds this any more."""

    __slots__ = ("_batches", "_on_leave")

    def __init__(self, batches: AsyncIterator[list[Any]], on_leave: Callable[[], None]) -> None:
        self._batches = batches
        self._on_leave = on_leave

    def __del__(self) -> None:
        self._on_leave()

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Awaitable[Any]:
        return self._batches.__anext__()


class _Items(_Batches):
    """The items of a reader."""

    __slots__ = ("_batch",)

    def __init__(self, batches: AsyncIterator[list[Any]], on_leave: Callable[[], None]) -> None:
        super().__init__(batches, on_leave)
        self._batch: Iterator[Any] = iter(())

    async def __anext__(self) -> Any:
        for item in self._batch:
            return item
        self._batch = iter(await anext(self._batches))
        for item in self._batch:
            return item
        raise StopAsyncIteration


def _known(frame: Any) -> Any:
    return None if frame is NOTHING or frame is _UNKNOWN else frame
