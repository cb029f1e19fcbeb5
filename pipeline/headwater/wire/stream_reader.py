"""Reads typed streams from bytes; needs pydantic and the standard library alone, so a copy of this file reads them too.

A frame is a kind (1 byte), a length (4 bytes, big-endian) and a payload. The first frame, OPEN, has the version of the
format, and the last, END, the number of items, so that a stream that was cut off is never taken for a complete one.
"""

# Items of any type pass here, so most expressions are Any.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import re
import sys
import zlib
from contextlib import AsyncExitStack, aclosing
from enum import IntEnum
from importlib import import_module
from struct import Struct
from typing import TYPE_CHECKING, Annotated, Any, Final, Generic

from pydantic import FailFast, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import from_json
from typing_extensions import TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator
    from typing import Self

    from anyio.lowlevel import checkpoint

    from headwater.errors import FrameTypeError, StreamBrokenError, StreamConsumedError, StreamOrderError
else:
    try:
        from anyio.lowlevel import checkpoint

        from headwater.errors import FrameTypeError, StreamBrokenError, StreamConsumedError, StreamOrderError
    except ImportError:  # this file is a copy, in a program without Headwater

        async def checkpoint() -> None: ...

        class StreamBrokenError(Exception):
            def __init__(self, message: str, **about: Any) -> None:
                super().__init__(message)
                vars(self).update(about)

        FrameTypeError = type("FrameTypeError", (Exception,), {})
        StreamConsumedError = type("StreamConsumedError", (Exception,), {})
        StreamOrderError = type("StreamOrderError", (Exception,), {})

__all__ = [
    "FORMAT_VERSION",
    "ITEMS_RANK",
    "MAX_FRAME_BYTES",
    "Coding",
    "FrameDecoder",
    "FrameKind",
    "FrameOrder",
    "StreamReader",
    "fault_in",
]

Item = TypeVar("Item", default=Any)
HeaderT = TypeVar("HeaderT", default=Any)
FooterT = TypeVar("FooterT", default=Any)

FORMAT_VERSION: Final = 1
MAX_FRAME_BYTES: Final = 16 * 1024 * 1024
"""Most bytes of a payload."""

_LENGTH_BYTES = 4
_PREFIX_BYTES = 1 + _LENGTH_BYTES
_PREFIX = Struct(">BI").unpack_from
_MOST_TOGETHER = 256
_PIECE_BYTES = 256 * 1024
_GZIP_BITS = 16 + zlib.MAX_WBITS
_PLAIN_ARRAYS = frozenset("biufcmMSU")  # kinds of numpy types whose bytes are their values
_ARRAY_TYPE = re.compile(r"[<>|]?[biufcmMSUOV]\d{0,9}(\[\d{0,9}[a-zA-Z]{1,7}\])?")  # numpy evaluates other names
MOST_CHARS = 10_000
MOST_NOTES = 100


class FrameKind(IntEnum):
    """The first byte of a frame."""

    OPEN = 1
    HEADER = 2
    ITEM = 3
    FOOTER = 4
    END = 5
    BREAK = 6
    ITEMS = 7
    BYTES = 8
    ARRAY = 9


_NOTHING, _HEADER, ITEMS_RANK, _FOOTER, _END = range(5)
_NAMES = ("the beginning", "the header", "an item", "the footer", "the end")
_RANKS: dict[int, int] = {
    FrameKind.HEADER: _HEADER,
    FrameKind.FOOTER: _FOOTER,
    FrameKind.END: _END,
    FrameKind.BREAK: _END,
    **dict.fromkeys((FrameKind.ITEM, FrameKind.ITEMS, FrameKind.BYTES, FrameKind.ARRAY), ITEMS_RANK),
}
_LENIENT_KINDS = frozenset({FrameKind.HEADER, FrameKind.ITEM, FrameKind.FOOTER})
_ITEM = int(FrameKind.ITEM)  # comparing enumerations costs time for each item


class FrameDecoder:
    r"""Splits bytes into frames, wherever the bytes were cut.

    Example:
        >>> decoder = FrameDecoder()
        >>> [*decoder.feed(b"\x03\x00\x00")], [*decoder.feed(b"\x00\x0242")]
        ([], [(3, b'42')])
    """

    def __init__(self, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self._max_frame_bytes = max_frame_bytes
        self._begun = bytearray()

    def feed(self, data: bytes, most: int = sys.maxsize) -> Iterable[tuple[int, bytes]]:
        """Take the bytes that follow, and return the kind and payload of each frame that is complete now."""
        if type(data) is not bytes:  # slices of another type would be items of that type, or change under them
            data = bytes(memoryview(data))
        if self._begun:
            self._begun += data
            if len(self._begun) < self._needed(self._begun):
                return ()
            data = self.rest()
        kinds: list[int] = []  # two lists, as many small tuples would keep the garbage collector busy
        payloads: list[bytes] = []
        start, size, limit = 0, len(data), self._max_frame_bytes
        may_exceed = size > limit
        while size - start >= _PREFIX_BYTES and len(kinds) < most:
            kind, length = _PREFIX(data, start)
            first = start + _PREFIX_BYTES
            if first + length > size or (may_exceed and length > limit):
                if not kinds:  # what is wrong is said after the frames before it
                    self._needed(data[start:first])
                break
            start = first + length
            kinds.append(kind)
            payloads.append(data[first:start])
        self._begun += data[start:]
        return zip(kinds, payloads, strict=True)

    def _needed(self, begun: bytes | bytearray) -> int:
        """Return how many bytes complete the frame that has begun."""
        if len(begun) < _PREFIX_BYTES:
            return _PREFIX_BYTES
        length = int.from_bytes(begun[1:_PREFIX_BYTES], "big")
        if length > self._max_frame_bytes:
            raise StreamBrokenError(
                f"a frame of {length:,} bytes is larger than the limit of {self._max_frame_bytes:,}"
            )
        return _PREFIX_BYTES + length

    def rest(self) -> bytes:
        """Return the bytes that belong to no complete frame, and forget them."""
        rest = bytes(self._begun)
        self._begun.clear()
        return rest


class Coding:
    """How the values of one declared type are read from payloads, and written to them by `StreamWriter`."""

    def __init__(self, declared: Any, what: str) -> None:
        self.what = what
        self.allowed: bool = declared is not None
        self.required: bool = declared not in (None, Any)
        self.kind: Any = declared if isinstance(declared, type) else None
        self.one: TypeAdapter[Any] | None = None
        self.many: TypeAdapter[Any] | None = None
        if self.required and getattr(declared, "__module__", "") != "numpy":
            self.one, self.many = _adapter(declared), _adapter(Annotated[list[declared], FailFast()])
        self.is_array: bool = self.required and self.one is None and "ndarray" in repr(declared)
        self.serializer: Any = None if self.one is None else self.one.serializer
        self.many_serializer: Any = None if self.many is None else self.many.serializer

    def load(self, payload: bytes, *, several: bool = False) -> Any:
        """Return the value, or the several values, of a payload of JSON."""
        adapter = self.many if several else self.one
        try:
            if adapter is None and self.is_array:
                raise self.wrong_type("it should be an array")
            value = from_json(payload) if adapter is None else adapter.validator.validate_json(payload, strict=True)
        except ValidationError as error:
            if error.errors(include_url=False)[0]["type"] != "json_invalid":
                raise self.wrong_type(fault_in(error)) from error
            raise _damaged(f"a frame is not JSON: {fault_in(error)}") from error
        except ValueError as error:
            raise _damaged(f"a frame is not JSON: {error}") from error
        if several and not isinstance(value, list):
            raise _damaged("a frame of items is not an array")
        return value

    def check(self, value: Any) -> Any:
        """Return a value that did not come as JSON, if it has the declared type."""
        if self.is_array and isinstance(value, (bytes, bytearray, memoryview)):
            raise self.wrong_type("it should be an array")
        try:
            return value if self.one is None else self.one.validate_python(value, strict=True)
        except ValidationError as error:
            raise self.wrong_type(fault_in(error)) from error

    def wrong_type(self, fault: str) -> FrameTypeError:
        """Return the error of a value that has another type."""
        return FrameTypeError(f"{self.what} has another type than declared: {fault}")


def _adapter(declared: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(declared, config={"ser_json_inf_nan": "constants"})
    except PydanticUserError:  # a model has a configuration of its own
        return TypeAdapter(declared)


def fault_in(error: ValidationError) -> str:
    """Return the first fault that a validation found."""
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    return (f"{place}: {first['msg']}" if place else first["msg"])[:MOST_CHARS]


class FrameOrder:
    """The order `header? item* footer?` of one stream, and where in it the stream is."""

    def __init__(self, header: Coding, footer: Coding, *, lenient: bool = False) -> None:
        self._header = header
        self._footer = footer
        self._lenient = lenient
        self.rank: int = _NOTHING

    @property
    def ended(self) -> bool:
        """Whether nothing follows."""
        return self.rank == _END

    def advance(self, kind: int) -> None:
        """Note the kind of the next frame, if it may come now."""
        rank = _RANKS.get(kind, _NOTHING)
        if rank == _NOTHING or (self._lenient and kind not in _LENIENT_KINDS):
            raise _damaged(f"no frame has the kind {kind}")
        if rank == self.rank == ITEMS_RANK:
            return
        if rank <= self.rank:
            raise StreamOrderError(f"{_NAMES[rank]} came after {_NAMES[self.rank]}")
        if (rank == _HEADER and not self._header.allowed) or (rank == _FOOTER and not self._footer.allowed):
            raise StreamOrderError(f"the stream declares no {_NAMES[rank].removeprefix('the ')}, but one came")
        if kind == FrameKind.BREAK:
            self.rank = rank
            return
        if self.rank < _HEADER < rank and self._header.required:
            raise StreamOrderError(f"the stream starts with its header, but {_NAMES[rank]} came first")
        if self.rank < _FOOTER < rank and self._footer.required:
            raise StreamOrderError("the stream ends with its footer, but the footer is missing")
        self.rank = rank

    def cut(self) -> bool:
        """Note that the bytes have ended, and return whether the stream is incomplete."""
        if self._lenient and (self.rank == _FOOTER or not self._footer.required):
            self.rank = _END
        return not self.ended


class _Unpacker:
    """Decompresses bytes piece by piece, if they are compressed."""

    def __init__(self, compression: object = None) -> None:
        self._errors: tuple[type[Exception], ...] = (zlib.error,)
        self._inner: Any = None
        if compression == "gzip":
            self._inner = zlib.decompressobj(_GZIP_BITS)
        elif compression == "zstd":
            module = import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
            self._inner, self._errors = module.ZstdDecompressor(), (module.ZstdError, EOFError)
        elif compression is not None:
            raise StreamBrokenError(f"the stream is compressed by {compression!r:.100}, which cannot be read")

    @property
    def complete(self) -> bool:
        """Whether the checksum at the end of the compressed bytes was read."""
        return self._inner is None or self._inner.eof

    def unpack(self, data: bytes) -> Iterator[bytes]:
        """Yield the decompressed form of the bytes that follow, in pieces of a bounded size."""
        if self._inner is None:
            yield data
            return
        piece = b""
        while data or (len(piece) == _PIECE_BYTES and not self._inner.eof):
            if self._inner.eof:
                raise StreamOrderError("bytes came after the end")
            try:
                piece = self._inner.decompress(data, _PIECE_BYTES)
            except self._errors as error:
                raise _damaged(str(error)) from error
            data = getattr(self._inner, "unconsumed_tail", b"") or self._inner.unused_data
            yield piece


class StreamReader(Generic[Item, HeaderT, FooterT]):
    """Reads a typed stream from the bytes of a file, a pipe or a connection, while they arrive, to their end.

    Args:
        chunks: The bytes, in pieces of any size.
        item: Type of the items; Any for items as they are in JSON.
        header: Type of the header; Any if there may be one, None if there is none.
        footer: Type of the footer; Any if there may be one, None if there is none.
        lenient: Whether the stream has headers, items and footers alone, and ends with its bytes. Such a stream cannot
            be distinguished from one that was cut off between two frames, unless its footer is declared.
        max_frame_bytes: Most bytes of a payload.

    Example:
        >>> async def print_numbers(response: httpx.Response) -> None:  # doctest: +SKIP
        ...     async for number in StreamReader(response.aiter_bytes(), int).read_items():
        ...         print(number)
    """

    def __init__(
        self,
        chunks: AsyncIterable[bytes],
        item: type[Item] | Any = Any,
        header: type[HeaderT] | Any = Any,
        footer: type[FooterT] | Any = Any,
        *,
        lenient: bool = False,
        max_frame_bytes: int = MAX_FRAME_BYTES,
    ) -> None:
        self._chunks = chunks
        self._codings = (Coding(item, "an item"), Coding(header, "the header"), Coding(footer, "the footer"))
        self._order = FrameOrder(*self._codings[1:], lenient=lenient)
        self._frames = FrameDecoder(max_frame_bytes)
        self._unpacker = _Unpacker() if lenient else None
        self._read_header: HeaderT | None = None
        self._read_footer: FooterT | None = None
        self._has_header = False
        self._count = 0
        self._batches = self._read()
        self._ahead: list[Item] = []
        self._consumed = False
        self._complete = False

    async def read_header(self) -> HeaderT | None:
        """Return the header, or None if there is none."""
        while not self._has_header and self._order.rank < ITEMS_RANK:
            self._refuse_others()
            if (items := await anext(self._batches, None)) is None:
                self._check_complete()
                break
            self._ahead = items
        return self._read_header

    async def read_items(self) -> AsyncGenerator[Item]:
        """Yield the items as they arrive; see `read_batches`."""
        async with aclosing(self.read_batches()) as batches:
            async for items in batches:
                for item in items:
                    yield item

    async def read_batches(self) -> AsyncGenerator[list[Item]]:
        """Yield the items that are there, in lists, which is faster than one by one.

        Raises:
            StreamBrokenError: The stream is cut off or damaged, or its writer failed.
            StreamOrderError: A frame is out of the order `header? item* footer?`.
            FrameTypeError: A header, item or footer has another type than declared.
            StreamConsumedError: The items have already been read, or another task is reading them.
        """
        if self._consumed:
            raise StreamConsumedError("the stream can be read only once, and this one has already been read")
        self._refuse_others()
        self._consumed = True
        async with aclosing(self):
            if self._ahead:
                yield self._ahead
            async for items in self._batches:
                if items:
                    yield items
            self._check_complete()

    async def read_footer(self) -> FooterT | None:
        """Return the footer, or None if there is none; the items have to be read before it."""
        if not self._complete:
            raise StreamOrderError("the footer comes after the items, so read them to their end first")
        return self._read_footer

    async def aclose(self) -> None:
        """Let go of the bytes, whether or not the stream was read to its end."""
        self._refuse_others()
        await self._batches.aclose()
        if (close := getattr(self._chunks, "aclose", None)) is not None:  # where nothing was read of them
            await close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _refuse_others(self) -> None:
        running: Any = self._batches
        if running.ag_running:
            raise StreamConsumedError("another task is reading the stream; read and close it in one task")

    def _check_complete(self) -> None:
        """Refuse to take a stream that was left before its end for a complete one."""
        if not self._complete:
            raise StreamBrokenError("the stream was closed, or reading it failed or was cancelled, before its end")

    async def _read(self) -> AsyncGenerator[list[Item]]:
        """Yield the items of each piece of bytes; there may be none in it."""
        async with aclosing(_unbroken(self._chunks)) as chunks:
            async for data in chunks:
                for items in self._feed(data):
                    yield items
                    if not items:  # a small piece may expand to many
                        await checkpoint()
        rest = self._frames.rest()
        if self._order.ended and rest:
            raise StreamOrderError("bytes came after the end")
        if rest or self._order.cut() or self._unpacker is None or not self._unpacker.complete:
            raise StreamBrokenError(f"the stream was cut off after {self._count:,} items")
        self._complete = True

    def _feed(self, data: bytes) -> Iterator[list[Any]]:
        if self._unpacker is None:
            for kind, payload in self._frames.feed(data, most=1):
                self._unpacker = _opened(kind, payload)
            data = self._frames.rest() if self._unpacker is not None else b""
        order, load = self._order, self._codings[0].load
        for piece in self._unpacker.unpack(data) if self._unpacker is not None else ():
            items: list[Any] = []
            try:
                for kind, payload in self._frames.feed(piece):
                    if kind == _ITEM and order.rank == ITEMS_RANK and len(items) < _MOST_TOGETHER:
                        items.append(load(payload))
                        continue
                    if items:
                        yield self._counted(items)
                        items = []
                    items += self._take(kind, payload)
            except Exception:
                if items or self._has_header:  # the failure comes after what is before it
                    yield self._counted(items)
                raise
            yield self._counted(items)
            if len(piece) == _PIECE_BYTES:
                yield []

    def _counted(self, items: list[Any]) -> list[Any]:
        self._count += len(items)
        return items

    def _take(self, kind: int, payload: bytes) -> list[Any]:
        """Read one frame, and return the items in it."""
        item, header, footer = self._codings
        self._order.advance(kind)
        match kind:
            case FrameKind.ITEMS:
                items: list[Any] = item.load(payload, several=True)
                return items
            case FrameKind.ITEM:
                return [item.load(payload)]
            case FrameKind.BYTES:
                return [item.check(payload)]
            case FrameKind.ARRAY:
                return [item.check(_array(payload))]
            case FrameKind.HEADER:
                self._read_header = header.load(payload)
                self._has_header = True
            case FrameKind.FOOTER:
                self._read_footer = footer.load(payload)
            case FrameKind.BREAK:
                raise _broken(_mapping(payload))
            case _:
                if repr(written := _mapping(payload).get("items")) != str(self._count):  # true is not 1
                    raise _damaged(f"{written!r:.100} items were written, but {self._count:,} were read")
        return []


async def _unbroken(chunks: AsyncIterable[bytes]) -> AsyncGenerator[bytes]:
    """Yield the bytes, and raise the one error of a stream that is cut off, whatever the connection raised."""
    try:
        async with AsyncExitStack() as stack:
            if (close := getattr(chunks, "aclose", None)) is not None:
                stack.push_async_callback(close)
            async for data in chunks:
                yield data
    except Exception as error:
        raise StreamBrokenError(f"the stream was cut off: {str(error) or type(error).__name__}") from error


def _opened(kind: int, payload: bytes) -> _Unpacker:
    if kind != FrameKind.OPEN:
        raise _damaged(f"it does not begin with a frame of kind 1, but of kind {kind}")
    about = _mapping(payload)
    if repr(version := about.get("version")) != str(FORMAT_VERSION):
        raise StreamBrokenError(
            f"the stream has version {version!r:.99} of the format; version {FORMAT_VERSION} is known"
        )
    return _Unpacker(about.get("compression"))


def _mapping(payload: bytes) -> dict[str, Any]:
    try:
        value = from_json(payload)
    except ValueError as error:
        raise _damaged(f"a frame is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise _damaged("a frame is not an object")
    return value


def _damaged(message: str) -> StreamBrokenError:
    return StreamBrokenError(f"the stream is damaged: {message}")


def _broken(about: dict[str, Any]) -> StreamBrokenError:
    notes = about.pop("notes", None)
    said = {name: value[:MOST_CHARS] for name, value in about.items() if isinstance(value, str)}
    where: dict[str, Any] = {name: said.get(name) for name in ("step_id", "execution_id")}
    where["writer_error"] = {**about, **said}
    error = StreamBrokenError(said.get("message", "its writer failed"), **where)
    for note in notes[:MOST_NOTES] if isinstance(notes, list) else ():
        error.add_note(str(note)[:MOST_CHARS])
    return error


def _array(payload: bytes) -> Any:
    """Return an array: the size of its description, the description, and the bytes of its values."""
    try:
        numpy = import_module("numpy")
    except ImportError as error:
        raise ImportError("an item that is an array needs numpy: pip install 'headwater[arrays]'") from error
    start = _LENGTH_BYTES + int.from_bytes(payload[:_LENGTH_BYTES], "big")
    about = _mapping(payload[_LENGTH_BYTES:start])
    try:
        name, shape = about["dtype"], about["shape"]
        if not isinstance(name, str) or _ARRAY_TYPE.fullmatch(name) is None:
            raise _damaged(f"no array has the type {name!r:.100}")
        if (dtype := numpy.dtype(name)).kind not in _PLAIN_ARRAYS:
            raise _damaged(f"no array has the type {dtype}")
        if not isinstance(shape, list) or any(type(size) is not int or size < 0 for size in shape):
            raise _damaged(f"no array has the shape {shape!r:.100}")
        return numpy.frombuffer(payload, dtype, offset=start).reshape(shape)
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise _damaged(f"a frame is not an array: {error}") from error
