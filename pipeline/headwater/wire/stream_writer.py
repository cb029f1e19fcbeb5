"""Writes typed streams as bytes."""

# Items of any type pass here, so most expressions are Any.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import json
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Generic

from pydantic import PydanticUserError
from pydantic_core import to_json
from typing_extensions import TypeVar

from headwater.causes import causes_of, declared_code
from headwater.errors import HeadwaterError, StreamError
from headwater.wire.payloads import PREFIX, Compression, StreamPacker, dump, frame, kind_of, raw, runs_of
from headwater.wire.stream_reader import (
    FORMAT_VERSION,
    ITEMS_RANK,
    MAX_FRAME_BYTES,
    MOST_CHARS,
    MOST_NOTES,
    Coding,
    FrameKind,
    FrameOrder,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = ["StreamWriter"]

Item = TypeVar("Item", default=Any)
HeaderT = TypeVar("HeaderT", default=Any)
FooterT = TypeVar("FooterT", default=Any)

_FINGERPRINT_CHARS = 16
_ITEM = int(FrameKind.ITEM)
_NULL = b"null"


class StreamWriter(Generic[Item, HeaderT, FooterT]):
    r"""Turns a typed stream into bytes, which the program sends: each method returns the bytes that follow.

    Args:
        item: Type of the items; Any for values that JSON has, bytes and arrays.
        header: Type of the header; Any if there may be one, None if there is none.
        footer: Type of the footer; Any if there may be one, None if there is none.
        compression: How the frames after the first are compressed; `zstd` needs the extra `zstd` before Python 3.14.
        max_frame_bytes: Most bytes of a payload; more items become several frames.

    Example:
        >>> writer = StreamWriter(int)
        >>> sent = writer.write_items([1, 2, 3]) + writer.write_end()
        >>> sent[-28:]
        b'\x07\x00\x00\x00\x07[1,2,3]\x05\x00\x00\x00\x0b{"items":3}'
    """

    def __init__(
        self,
        item: type[Item] | Any = Any,
        header: type[HeaderT] | Any = Any,
        footer: type[FooterT] | Any = Any,
        *,
        compression: Compression | None = None,
        max_frame_bytes: int = MAX_FRAME_BYTES,
    ) -> None:
        self._codings = (Coding(item, "an item"), Coding(header, "the header"), Coding(footer, "the footer"))
        self._compression = compression
        self._max_frame_bytes = max_frame_bytes
        self._packer = None if compression is None else StreamPacker(compression)
        self._order = FrameOrder(*self._codings[1:])
        self._opened = False
        is_simple = isinstance(item, type) and kind_of(item) == _ITEM and compression is None
        self._simple = item if is_simple else None  # the class of items that are sent as they are dumped
        self._dump_simple: Callable[[Any], bytes] = getattr(self._codings[0].serializer, "to_json", to_json)
        self._count = 0

    def write_header(self, header: HeaderT) -> bytes:
        """Return the bytes of the header.

        Args:
            header: The header.

        Returns:
            The bytes to send.

        Raises:
            StreamOrderError: Another frame was written before, or the stream declares no header.
            FrameTypeError: The header has another type than declared.
        """
        written = self._frame(FrameKind.HEADER, dump(self._codings[1], header))
        self._order.advance(FrameKind.HEADER)
        return self._sent(written)

    def write_item(self, item: Item) -> bytes:
        """Return the bytes of one item.

        Args:
            item: The item.

        Returns:
            The bytes to send.

        Raises:
            StreamOrderError: The declared header is missing, or the footer or the end was written.
            FrameTypeError: The item has another type than declared.
            StreamError: The item is too large for a frame.
        """
        if (
            type(item) is self._simple and self._order.rank == ITEMS_RANK
        ):  # what most streams write, one small item after the other
            try:
                payload = self._dump_simple(item)
            except ValueError:  # said below what is wrong
                payload = _NULL
            if len(payload) <= self._max_frame_bytes and _NULL not in payload:
                self._count += 1
                return PREFIX(_ITEM, len(payload)) + payload
        coding, kind = self._codings[0], kind_of(type(item))
        written = self._frame(kind, dump(coding, item) if kind == _ITEM else raw(coding, item))
        self._order.advance(kind)
        self._count += 1
        return self._sent(written)

    def write_items(self, items: Sequence[Item]) -> bytes:
        """Return the bytes of several items, which is faster and smaller than one by one.

        Args:
            items: The items.

        Returns:
            The bytes to send.

        Raises:
            StreamOrderError: The declared header is missing, or the footer or the end was written.
            FrameTypeError: An item has another type than declared; then none of them is written.
            StreamError: An item is too large for a frame.
        """
        frames = [one for kind, group in runs_of(items) for one in self._frames(kind, group)]
        if frames:
            self._order.advance(FrameKind.ITEMS)
            self._count += len(items)
        return self._sent(b"".join(frames))

    def _frames(self, kind: int, items: list[Any]) -> Iterator[bytes]:
        if kind != _ITEM:
            for item in items:
                yield self._frame(kind, raw(self._codings[0], item))
        elif len(payload := dump(self._codings[0], items, several=True)) <= self._max_frame_bytes:
            yield frame(FrameKind.ITEMS, payload)
        elif len(items) == 1:
            yield self._frame(FrameKind.ITEM, payload[1:-1])
        else:
            middle = len(items) // 2
            yield from self._frames(kind, items[:middle])
            yield from self._frames(kind, items[middle:])

    def write_footer(self, footer: FooterT) -> bytes:
        """Return the bytes of the footer.

        Args:
            footer: The footer.

        Returns:
            The bytes to send.

        Raises:
            StreamOrderError: The footer or the end was written before, or the stream declares no footer.
            FrameTypeError: The footer has another type than declared.
        """
        written = self._frame(FrameKind.FOOTER, dump(self._codings[2], footer))
        self._order.advance(FrameKind.FOOTER)
        return self._sent(written)

    def write_end(self) -> bytes:
        """Return the bytes of the end, without which a reader takes the stream for one that was cut off.

        Returns:
            The bytes to send.

        Raises:
            StreamOrderError: The declared header or footer is missing, or the end was written before.
        """
        self._order.advance(FrameKind.END)
        return self._sent(frame(FrameKind.END, to_json({"items": self._count})), last=True)

    def write_break(self, error: BaseException) -> bytes:
        """Return the bytes that make the reader raise `StreamBrokenError`, in place of an end.

        Args:
            error: Why the stream is not complete.

        Returns:
            The bytes to send; none after the end.
        """
        if self._order.ended:
            return b""
        self._order.advance(FrameKind.BREAK)
        where = {name: getattr(error, name, None) for name in ("step_id", "execution_id")}
        notes = getattr(error, "__notes__", None)
        about = {
            **_values_of(error),
            "code": declared_code(error),
            "message": _text(error),
            **{name: None if value is None else _text(value) for name, value in where.items()},
            "notes": [*map(_text, notes[:MOST_NOTES])] if isinstance(notes, list) else [],
            "causes": [
                {"type": _text(cause.type), "message": _text(cause.message), "code": cause.code}
                for cause in getattr(error, "causes", None) or causes_of(error, _text)
            ],
        }
        return self._sent(frame(FrameKind.BREAK, to_json(about)), last=True)

    def _frame(self, kind: int, payload: bytes) -> bytes:
        if len(payload) > self._max_frame_bytes:
            size, limit = len(payload), self._max_frame_bytes
            raise StreamError(f"a frame of {size:,} bytes is larger than the limit of {limit:,}")
        return frame(kind, payload)

    def _sent(self, frames: bytes, *, last: bool = False) -> bytes:
        """Return what is sent of some frames."""
        if self._packer is not None:
            frames = self._packer.pack(frames, last=last)
        if not self._opened:
            self._opened = True
            about = {
                "version": FORMAT_VERSION,
                "types": _fingerprint(self._codings),
                "compression": self._compression,
            }
            frames = frame(FrameKind.OPEN, to_json(about)) + frames
        return frames


def _values_of(error: BaseException) -> dict[str, Any]:
    """Return the values of an error of Headwater that it is restored from."""
    values: dict[str, Any] = {}
    with suppress(Exception):  # the code of a program, as below
        values = error.to_json() if isinstance(error, HeadwaterError) else {}
    plain = {name: _text(value) if isinstance(value, str) else value for name, value in values.items()}
    try:
        to_json(plain)
    except ValueError:  # a path that has no form in UTF-8
        return {}
    return plain


def _text(value: object) -> str:
    """Return the text of any value, cut, and with what UTF-8 has no form for replaced; nothing is raised."""
    try:
        text = str(value)[:MOST_CHARS]
    except Exception:  # noqa: BLE001 - the code of a program, which must not keep the reader from the error
        text = f"a {type(value).__name__} that has no text"
    return text.encode("utf-8", "replace").decode("utf-8")


def _fingerprint(codings: Iterable[Coding]) -> str | None:
    """Return a short name of the declared types; None if none is declared."""
    schemas: list[Any] = []
    for coding in codings:
        schemas.append(None)
        if coding.one is not None:
            with suppress(PydanticUserError):  # some types have no JSON Schema
                schemas[-1] = coding.one.json_schema(mode="serialization")
    if schemas.count(None) == len(schemas):
        return None
    return sha256(json.dumps(schemas, sort_keys=True).encode()).hexdigest()[:_FINGERPRINT_CHARS]
