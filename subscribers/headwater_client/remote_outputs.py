"""The outputs of an execution on a server, as streams that are read here."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import aclosing, contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import anyio
from anyio.lowlevel import checkpoint

from headwater import HeadwaterError, Stream, StreamBrokenError, StreamReader, StreamType
from headwater.toolkit import NOTHING, ChannelStatistics, is_mapping
from headwater_client.client_errors import Cut
from headwater_client.connection import Chunks

if TYPE_CHECKING:
    from collections.abc import Awaitable

    import httpx2
    from anyio.abc import TaskGroup

    from headwater_client.attempts import Attempts
    from headwater_client.connection import Connection

__all__ = ["RemoteOutput", "RemoteOutputs"]

_CAPACITY: Final = 256
_WIRE: Final = "application/vnd.headwater.stream"

Explain = Callable[[], "Awaitable[Exception | None]"]
"""Waits for the end of the execution, and returns its error."""


class RemoteOutput:
    """One output: a `Source` of a stream, filled by a task that reads it from the server.

    As many items as a buffer holds wait for the program. Where the program waits for something that cannot come before
    this output is read, the rest is collected for it.
    """

    def __init__(self, name: str, outputs: RemoteOutputs, *, streaming: bool, types: StreamType) -> None:
        self.name: str = name
        self.streaming: bool = streaming
        self.stream: Stream[Any, Any, Any] = Stream(self, f"output {name!r}", types.mode)
        self.reader: int | None = None  # the task that reads the items
        self.ended: bool = False
        self.fault: Exception | None = None  # of this side, such as an item of another type than expected
        self._outputs = outputs
        self._types = types
        self._items: list[Any] = []
        self._count = 0
        self._taken = 0
        self._header: Any = NOTHING
        self._footer: Any = NOTHING
        self._opened = False
        self._broken: StreamBrokenError | None = None
        self._begun = False
        self._is_closed = False
        self._reader_waits = False
        self._waited_s = 0.0
        self._changed = anyio.Event()
        self._room = anyio.Event()

    @property
    def waiting_reader(self) -> int | None:
        """The task that waits for an item of this output."""
        return self.reader if self._reader_waits else None

    @property
    def value(self) -> Any:
        """What was collected: the items, or the one value; None when the program has read it."""
        if self.reader is not None:
            return None
        return self._items if self.streaming else next(iter(self._items), None)

    @property
    def frames(self) -> tuple[Any, Any]:
        """The header and the footer, or None for each."""
        if self.reader is not None:
            return None, None
        return _known(self._header), _known(self._footer)

    async def take(self, *, ahead: bool = False) -> list[Any]:
        """Return the items that are there, waiting for at least one; an empty list at the end."""
        del ahead
        self.reader = anyio.get_current_task().id
        self._reader_waits = True
        started = perf_counter()
        try:
            await self._wait(lambda: bool(self._items) or self.ended)
        finally:
            self._reader_waits = False
            self._waited_s += perf_counter() - started
        items, self._items = self._items, []
        self._taken += len(items)
        self._room.set()
        if not items:
            await self._raise_error()
        return items

    async def header(self) -> Any:
        """Return the header, or `NOTHING` once it is clear that none comes."""
        await self._wait(lambda: self._opened)
        if self._header is NOTHING and not self._count:
            await self._raise_error()
        return self._header

    async def branch_taken(self) -> bool:
        """Return whether the branch was taken."""
        await self._wait(lambda: self._opened)
        return True

    @property
    def footer(self) -> Any:
        """The footer, or `NOTHING`."""
        return self._footer

    def acknowledge(self, items: int | None = None) -> None:
        """Count nothing: what was taken is done."""

    def close(self) -> None:
        """Drop what still comes."""
        self._is_closed = True
        self._items = []
        self._room.set()

    def let_go(self, task_id: int) -> None:
        """Stop the reading of a task that waits for the end instead."""
        if self.reader == task_id and not self.ended:
            self.close()

    def statistics(self) -> ChannelStatistics:
        """Return what has arrived, and how much of it was read."""
        return ChannelStatistics(
            buffered_items=len(self._items),
            capacity_items=_CAPACITY,
            written_items=self._count,
            read_items=self._taken,
            done_items=self._taken,
            reader_wait_s=self._waited_s,
            writer_wait_s=0.0,
            ended=self.ended,
        )

    def begin(self) -> None:
        """Begin to read from the server."""
        if not self._begun:
            self._begun = True
            self._outputs.group.start_soon(self._pump)

    def attend(self) -> None:
        """Look again whether the buffer bounds what arrives."""
        self._room.set()

    async def wait_end(self) -> None:
        """Wait until everything has arrived, or nothing more comes."""
        await self._wait(lambda: self.ended)

    async def _raise_error(self) -> None:
        if self.fault is not None:
            raise self.fault
        if self._broken is not None:
            raise await self._outputs.explain() or self._broken

    async def _wait(self, is_met: Callable[[], bool]) -> None:
        await checkpoint()
        self.begin()
        self._outputs.attend()
        while not is_met():
            await self._changed.wait()

    async def _pump(self) -> None:
        """Read the output from the server, through any number of connections."""
        try:
            await self._read()
        except HeadwaterError as error:
            self.fault = error
        finally:
            self._opened = self.ended = True
            self._notify()

    async def _read(self) -> None:
        attempts = self._outputs.connection.attempts()
        is_complete = False
        while not is_complete:
            try:
                async with self._outputs.opened(self.name, self._count) as response:
                    await self._read_from(response, attempts)
                is_complete = True
            except Cut as cut:
                await attempts.wait(cut)

    async def _read_from(self, response: httpx2.Response, attempts: Attempts) -> None:
        chunks = Chunks(response)
        types = self._types
        reader = StreamReader[Any, Any, Any](chunks, types.item, types.header, types.footer)
        try:
            async with reader:
                if (header := await reader.read_header()) is not None:
                    self._header = header
                self._opened = True
                self._notify()
                async with aclosing(reader.read_batches()) as batches:
                    async for items in batches:
                        attempts.succeeded()
                        await self._add(items)
                if (footer := await reader.read_footer()) is not None:
                    self._footer = footer
        except StreamBrokenError as error:
            if chunks.cut is not None:
                raise Cut(chunks.cut) from error
            if not isinstance(error.__cause__, HeadwaterError):
                await self._outputs.check_ended(error)
            self._broken = error

    async def _add(self, items: list[Any]) -> None:
        self._count += len(items)
        if not self._is_closed:
            self._items += items
        self._notify()
        while len(self._items) >= _CAPACITY and not self._outputs.must_collect(self):
            self._room = anyio.Event()
            await self._room.wait()

    def _notify(self) -> None:
        changed, self._changed = self._changed, anyio.Event()
        changed.set()


def _known(frame: Any) -> Any:
    return None if frame is NOTHING else frame


class RemoteOutputs:
    """The outputs of an execution."""

    def __init__(self, connection: Connection, execution_id: str, group: TaskGroup, explain: Explain) -> None:
        self.connection: Connection = connection
        self.group: TaskGroup = group
        self.explain: Explain = explain
        self.by_name: dict[str, RemoteOutput] = {}
        self._execution_id = execution_id
        self._collecting = False
        self._waits: list[int] = []  # the tasks of the program that wait for something else than an output

    def add(self, forms: Mapping[str, Any], item: Any) -> None:
        """Add the outputs that the server reports."""
        for name, form in forms.items():
            declared = item.get(name, Any) if is_mapping(item) else item
            types = declared if isinstance(declared, StreamType) else StreamType(declared, Any, Any)
            self.by_name[name] = RemoteOutput(name, self, streaming=bool(form["streaming"]), types=types)

    def opened(self, name: str, after: int) -> Any:
        """Open the connection that brings an output from an item on."""
        return self.connection.stream(
            f"/executions/{self._execution_id}/output/{name}",
            params={"after": str(after)},
            headers={"accept": _WIRE},
            execution_id=self._execution_id,
            is_patient=True,
        )

    async def check_ended(self, error: StreamBrokenError) -> None:
        """Connect again to an output that ended without a reason, unless the execution did not complete."""
        form = await self.connection.request(
            "GET", f"/executions/{self._execution_id}", execution_id=self._execution_id
        )
        if form["state"] in {"running", "completed"}:
            raise Cut(error) from error

    def must_collect(self, output: RemoteOutput) -> bool:
        """Return whether the program waits for what cannot come before more of an output has arrived."""
        if self._collecting or output.reader is None:
            return self._collecting or bool(self._waits) or any(other.waiting_reader for other in self._others(output))
        return output.reader in self._waits or any(
            other.waiting_reader == output.reader for other in self._others(output)
        )

    def _others(self, output: RemoteOutput) -> Generator[RemoteOutput]:
        return (other for other in self.by_name.values() if other is not output)

    @property
    def value(self) -> Any:
        """The value of the only output, or those of several by their names."""
        values = {name: output.value for name, output in self.by_name.items()}
        return next(iter(values.values())) if len(values) == 1 else values or None

    @property
    def frames(self) -> tuple[Any, Any]:
        """The header and the footer of the only output, or None for each."""
        outputs = [*self.by_name.values()]
        return outputs[0].frames if len(outputs) == 1 else (None, None)

    def raise_fault(self) -> None:
        """Raise what went wrong on this side, such as an item of another type than expected."""
        for output in self.by_name.values():
            if output.fault is not None:
                raise output.fault

    def begin(self) -> None:
        """Begin to read all of them."""
        for output in self.by_name.values():
            output.begin()

    def attend(self) -> None:
        """Let every output look again whether it is collected."""
        for output in self.by_name.values():
            output.attend()

    @contextmanager
    def awaiting(self) -> Generator[None]:
        """Note that the program waits for something else than the items of an output."""
        task_id = anyio.get_current_task().id
        self._waits.append(task_id)
        try:
            self.attend()
            yield
        finally:
            self._waits.remove(task_id)

    async def collect(self) -> None:
        """Wait until every output has ended; collect those that the program does not read."""
        task_id = anyio.get_current_task().id
        for output in self.by_name.values():
            output.let_go(task_id)
        with self.awaiting():
            async with anyio.create_task_group() as group:
                for output in self.by_name.values():
                    group.start_soon(output.wait_end)
