"""The input of an execution on a server: items that are sent by number, in sealed batches."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

import anyio
from anyio.lowlevel import checkpoint
from pydantic import BaseModel

from headwater import HeadwaterError, Stream, StreamReader, StreamWriter
from headwater_client.client_errors import RequestRefusedError

if TYPE_CHECKING:
    from headwater_client.connection import Connection

__all__ = ["SentInput", "is_streamed"]

_WIRE: Final = {"content-type": "application/vnd.headwater.stream"}
_MOST_ITEMS: Final = 512
_MOST_BYTES: Final = 256 * 1024
_LINGER_S: Final = 0.005
_LEAST_ITEMS: Final = 16  # that are sent without waiting for more
_LONGEST_LIST: Final = 10_000  # that is sent as one value


def is_streamed(data: Any) -> bool:
    """Return whether data is sent as a stream: iterators, streams, and what is too long for one value.

    Example:
        >>> is_streamed(iter([1, 2])), is_streamed([1, 2]), is_streamed({"a": 1})
        (True, False, False)
    """
    if isinstance(data, StreamReader | Stream):
        return True
    if not isinstance(data, Iterable | AsyncIterable) or isinstance(
        data, str | bytes | bytearray | Mapping | BaseModel
    ):
        return False
    if isinstance(data, list | tuple | set | frozenset):
        return len(data) > _LONGEST_LIST  # pyright: ignore[reportUnknownArgumentType]  # of anything
    return True


class SentInput:
    """Reads data on this side and sends it, each at its own pace: what is read while a batch is sent is the next batch.

    Args:
        connection: The server.
        path: Where the input goes.
        data: An iterable, async iterable or stream.
    """

    def __init__(self, connection: Connection, path: str, data: Any) -> None:
        self.error: Exception | None = None  # what the data raised
        self._connection = connection
        self._path = path
        self._data = data
        self._writer: StreamWriter[Any, Any, Any] = StreamWriter()
        self._opening = b""  # a header, which goes before the first item
        self._closing = b""  # a footer and the end, or a break
        self._items: list[bytes] = []
        self._size = 0
        self._sent = 0
        self._ended = False
        self._unwanted = False  # as the execution reads no more
        self._news = anyio.Event()
        self._room = anyio.Event()

    async def send(self) -> None:
        """Send everything, or until the execution reads no more."""
        failure: HeadwaterError | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(self._read)
            try:
                while not self._unwanted and await self._filled():
                    await self._send_batch()
            except HeadwaterError as error:
                failure = error
            group.cancel_scope.cancel()
        if failure is not None:
            raise failure

    async def _filled(self) -> bool:
        """Wait for items or the end, and a little longer for more items; return whether there is something to send."""
        while not self._items and not self._opening and not self._ended:
            await self._news.wait()
        with anyio.move_on_after(_LINGER_S):
            while self._may_grow():
                await self._news.wait()
        return bool(self._items or self._opening or self._closing)

    def _may_grow(self) -> bool:
        return not self._ended and len(self._items) < _LEAST_ITEMS

    def _ring(self) -> None:
        news, self._news = self._news, anyio.Event()
        news.set()

    async def _send_batch(self) -> None:
        items, self._items, self._size = self._items, [], 0
        closing = self._closing if self._ended else b""
        self._room.set()
        content = b"".join([self._opening, *items, closing])
        try:
            await self._connection.request(
                "POST", self._path, content=content, params={"from": str(self._sent)}, headers=_WIRE, is_patient=True
            )
        except RequestRefusedError as error:
            if error.reason != "input-ended":
                raise
            self._unwanted = True
        self._sent += len(items)
        self._opening = b""
        if closing:
            self._closing = b""

    async def _read(self) -> None:
        """Read the data to its end; what it raises breaks the stream."""
        try:
            self._closing = await self._read_all()
        except Exception as error:  # noqa: BLE001 - whatever the data of the program raises
            self.error = error
            self._closing = self._writer.write_break(error)
        self._ended = True
        self._ring()

    async def _read_all(self) -> bytes:
        """Read the data, and return the bytes of its end."""
        data, footer = self._data, None
        if isinstance(data, StreamReader):
            async with data:  # pyright: ignore[reportUnknownVariableType]  # of items of any type
                self._open(await data.read_header())  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
                async with aclosing(data.read_batches()) as batches:  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType, reportUnknownVariableType]
                    await self._add_batches(batches)  # pyright: ignore[reportUnknownArgumentType]
                footer = await data.read_footer()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        elif isinstance(data, Stream):
            try:
                self._open(await data.header())  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
                await self._add_batches(data.batches())  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
                footer = await data.footer()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            finally:
                await data.aclose()
        elif isinstance(data, AsyncIterable):
            await self._add_async(aiter(data))  # pyright: ignore[reportUnknownArgumentType]
        else:
            for item in data:
                await self._add(item)
        last = b"" if footer is None else self._writer.write_footer(footer)
        return last + self._writer.write_end()

    def _open(self, header: Any) -> None:
        if header is not None:
            self._opening = self._writer.write_header(header)
            self._ring()

    async def _add_batches(self, batches: AsyncIterator[list[Any]]) -> None:
        async for items in batches:
            for item in items:
                await self._add(item)

    async def _add_async(self, items: AsyncIterator[Any]) -> None:
        try:
            async for item in items:
                await self._add(item)
        finally:
            if (close := getattr(items, "aclose", None)) is not None:
                with anyio.CancelScope(shield=True):
                    await close()

    async def _add(self, item: Any) -> None:
        encoded = self._writer.write_item(item)
        self._items.append(encoded)
        self._size += len(encoded)
        self._ring()
        if len(self._items) < _MOST_ITEMS and self._size < _MOST_BYTES:
            await checkpoint()
        while len(self._items) >= _MOST_ITEMS or self._size >= _MOST_BYTES:
            self._room = anyio.Event()
            await self._room.wait()
