"""What stands in the frames of a stream, as bytes to be sent."""

# Items of any type pass here, so most expressions are Any.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import zlib
from functools import lru_cache
from itertools import groupby
from struct import Struct
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import ValidationError
from pydantic_core import to_json

from headwater.archives.formats import packer
from headwater.errors import FrameTypeError
from headwater.wire.stream_reader import FrameKind, fault_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headwater.wire.stream_reader import Coding

__all__ = ["PREFIX", "Compression", "StreamPacker", "dump", "frame", "kind_of", "raw", "runs_of"]

Compression = Literal["gzip", "zstd"]
"""How the frames after the first may be compressed."""

_LENGTH_BYTES = 4
PREFIX = Struct(">BI").pack
_BYTES = (bytes, bytearray, memoryview)


def frame(kind: int, payload: bytes) -> bytes:
    r"""Return a frame: its kind, the length of the payload, and the payload.

    Example:
        >>> frame(FrameKind.ITEM, b"42")
        b'\x03\x00\x00\x00\x0242'
    """
    return PREFIX(kind, len(payload)) + payload


def _kind_of(item_type: type) -> int:
    """Return the kind of frame for items of a class: bytes and arrays are sent as they are, anything else as JSON."""
    if issubclass(item_type, _BYTES):
        return int(FrameKind.BYTES)
    is_array = any(one.__module__ == "numpy" and one.__name__ == "ndarray" for one in item_type.__mro__)
    return int(FrameKind.ARRAY if is_array else FrameKind.ITEM)


kind_of: Callable[[type[Any]], int] = cast("Callable[[type[Any]], int]", lru_cache(maxsize=256)(_kind_of))


def runs_of(items: Sequence[Any]) -> list[tuple[int, list[Any]]]:
    """Return the items in runs that have the same kind of frame."""
    kinds = {kind_of(one) for one in {*map(type, items)}}
    if len(kinds) == 1:
        return [(kinds.pop(), [*items])]
    return [(kind, [*run]) for kind, run in groupby(items, lambda item: kind_of(type(item)))]


def raw(coding: Coding, item: Any) -> bytes:
    """Return the payload of bytes or of an array: the size of its description, the description, and its values."""
    item = coding.check(item)
    if isinstance(item, _BYTES):
        return bytes(item)
    about = to_json({"dtype": item.dtype.str, "shape": item.shape})
    if item.dtype.hasobject or item.dtype.names is not None:
        raise FrameTypeError(f"{coding.what} cannot be written: an array of the type {item.dtype} has no form as bytes")
    values: bytes = item.tobytes()
    return len(about).to_bytes(_LENGTH_BYTES, "big") + about + values


def dump(coding: Coding, value: Any, *, several: bool = False) -> bytes:
    """Return a value, or several, as JSON; a value of another type is coerced once."""
    serializer = coding.many_serializer if several else coding.serializer
    try:
        if coding.is_array:
            raise coding.wrong_type("it should be an array")
        if serializer is None:
            return to_json(value, inf_nan_mode="constants")
        if {*map(type, value)} != {coding.kind} if several else type(value) is not coding.kind:
            value = _coerced(coding, value, several=several)
        payload: bytes = serializer.to_json(value)
        if b"null" in payload:  # where a model has NaN or infinity
            payload = to_json(serializer.to_python(value), inf_nan_mode="constants")
    except ValidationError as error:
        raise coding.wrong_type(fault_in(error)) from error
    except ValueError as error:
        raise FrameTypeError(f"{coding.what} has no form as JSON: {error}") from error
    return payload


def _coerced(coding: Coding, value: Any, *, several: bool) -> Any:
    """Return a value that has the declared type; a dict may stand for a model."""
    adapter: Any = coding.many if several else coding.one
    try:
        return adapter.validate_python(value, strict=True)
    except ValidationError:
        if coding.kind is bytes:  # as JSON, it could be any string
            raise
        return adapter.validate_json(to_json(value, inf_nan_mode="constants"), strict=True)


class StreamPacker:
    """Compresses frames so that whatever was sent can be read."""

    def __init__(self, compression: Compression) -> None:
        self._inner: Any = packer(compression)
        self._until_here = getattr(self._inner, "FLUSH_BLOCK", zlib.Z_SYNC_FLUSH)

    def pack(self, frames: bytes, *, last: bool) -> bytes:
        """Return the bytes to send for some frames."""
        packed: bytes = self._inner.compress(frames)
        rest: bytes = self._inner.flush() if last else self._inner.flush(self._until_here)
        return packed + rest
