"""Any value as plain JSON data: bounded in size, with secrets masked, and never an exception."""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from enum import Enum
from itertools import islice
from typing import Any, Final, TypeGuard, cast, get_args

from pydantic_core import to_json, to_jsonable_python

from headwater.display import shorten
from headwater.events.data import EdgeInfo, EventData, StepInfo
from headwater.masking import mask_data
from headwater.shapes import is_list, is_object, is_sequence

__all__ = ["owned", "plain", "preview", "short_repr"]

_MAX_DEPTH = 16
_MAX_NODES = 10_000
_MAX_TEXT = 10_000
_MAX_REPR = 200
_MAX_INT_BITS = 1024
_MODELS: Final[frozenset[type]] = frozenset({*get_args(EventData), StepInfo, EdgeInfo})
_DEEPEST: Final = 32  # further down than data is kept, and not without end in data that contains itself
_MAX_PLAIN_INT = 2**63
_ESCAPED = 6  # characters that one takes in JSON at most
_Mask = Callable[[str], str]
_SEQUENCES = (list, tuple, AbstractSet, deque)
_EXACT = frozenset[type]({dict, list, tuple})


def short_repr(value: object, mask: _Mask = str) -> str:
    """Return at most 200 characters of the `repr` of a value, also when its class raises.

    Example:
        >>> short_repr(range(3))
        'range(0, 3)'
    """
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - the code of a foreign class may raise anything
        text = f"<{type(value).__name__} without a repr>"
    return _valid(shorten(mask(text), _MAX_REPR))


def _valid(text: str) -> str:
    """Replace lone surrogates (as in undecodable file names), which UTF-8 cannot hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _is_mapping(value: object) -> TypeGuard[Mapping[Any, Any]]:
    return type(value) is dict or isinstance(value, Mapping)


def _is_raw(value: object) -> TypeGuard[bytes | bytearray | memoryview[Any]]:
    return isinstance(value, (bytes, bytearray, memoryview))


def _is_plain_scalar(value: object) -> bool:
    """Return whether a value is a string or number of the most frequent kinds, which stays as it is."""
    if type(value) is str:
        return len(value) <= _MAX_TEXT and value.isascii()
    if type(value) is int:
        return -_MAX_PLAIN_INT < value < _MAX_PLAIN_INT
    return type(value) is float and math.isfinite(value)


class _Walk:
    """One bounded walk over a value; `cut` is whether something was left out."""

    __slots__ = ("cut", "left", "mask")

    def __init__(self, mask: _Mask = str) -> None:
        self.left = _MAX_NODES
        self.cut = False
        self.mask = mask

    def plain(self, value: Any, depth: int = _MAX_DEPTH) -> Any:
        self.left -= 1
        if value is None or isinstance(value, bool) or (self.mask is str and _is_plain_scalar(value)):
            return value
        if type(value) in _EXACT:
            return self._whole(value, depth)
        if isinstance(value, Enum):
            return self.plain(value.value, depth)
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, int):
            number = int(value) if value.bit_length() <= _MAX_INT_BITS else f"<int of {value.bit_length()} bits>"
            return mask_data(number, self.mask)
        if isinstance(value, float):
            return mask_data(float(value) if math.isfinite(value) else repr(float(value)), self.mask)
        return self._whole(value, depth)

    def _whole(self, value: Any, depth: int) -> Any:
        if depth == 0 or self.left <= 0:
            self.cut = True
            return short_repr(value, self.mask)
        try:
            return self._parts(value, depth - 1)
        except Exception:  # noqa: BLE001 - the code of a foreign class may raise anything
            return short_repr(value, self.mask)

    def _parts(self, value: Any, depth: int) -> Any:
        exact = type(value) in _EXACT and len(value) <= self.left
        if _is_mapping(value):
            within = value.items() if exact else self._within(value.items())
            return {self._key(key): self.plain(part, depth) for key, part in within}
        if isinstance(value, _SEQUENCES):
            parts = cast("Iterable[Any]", value)
            return [self.plain(part, depth) for part in (parts if exact else self._within(parts))]
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            shown = (field.name for field in dataclasses.fields(value) if field.repr)
            return {name: self.plain(getattr(value, name), depth) for name in shown}
        if _is_raw(value) or isinstance(value, Iterator):
            return short_repr(cast("object", value), self.mask)
        # What is left is a model, a date, a path ... which pydantic knows, or an object that it gives to the fallback.
        return self.plain(to_jsonable_python(value, fallback=self._short_repr), depth)

    def _short_repr(self, value: object) -> str:
        return short_repr(value, self.mask)

    def _within(self, parts: Iterable[Any]) -> Iterator[Any]:
        iterator = iter(parts)
        yield from islice(iterator, max(self.left, 0))
        self.cut = self.cut or next(iterator, self) is not self

    def _key(self, key: Any) -> str:
        if type(key) is str and self.mask is str and _is_plain_scalar(key):
            self.left -= 1
            return key
        key = self.plain(key, 1)
        return key if isinstance(key, str) else str(to_json(key), "utf-8")

    def _text(self, text: str) -> str:
        if self.mask is not str:
            text = self.mask(text)
        if len(text) > _MAX_TEXT:
            self.cut = True
            text = text[:_MAX_TEXT]
        return _valid(text)


def plain(value: Any, mask: _Mask = str) -> Any:
    """Return a value as data that JSON can hold.

    Models, dataclasses, dates, paths and the like become what pydantic makes of them, secrets are masked, and iterators
    are not touched. What JSON cannot hold becomes a short `repr`, and what is too large or too deep is cut.

    Args:
        value: Anything.
        mask: Masks the secrets of an execution, before anything is cut.

    Returns:
        New data of None, bool, int, float, str, list and dict only, which shares nothing that could change.

    Example:
        >>> plain({"path": {1, 2}, "worst": float("nan"), "raw": b"x"})
        {'path': [1, 2], 'worst': 'nan', 'raw': "b'x'"}
    """
    return _Walk(mask).plain(value)


def preview(value: Any, *, max_bytes: int = 1000, mask: _Mask = str) -> tuple[Any, int | None, bool]:
    """Return what an event shows of an item.

    Args:
        value: The item.
        max_bytes: From which size of its JSON an item is cut.
        mask: Masks the secrets of an execution, before anything is cut.

    Returns:
        The item as plain data, or the beginning of its JSON when it is too large; its own size in bytes
        for a string or bytes, else that of its JSON, and None when it is too large to be measured; whether it was cut.

    Example:
        >>> preview({"word": "water"})
        ({'word': 'water'}, 16, False)
        >>> preview("abcdef" * 10, max_bytes=8)
        ('abcdefab', 60, True)
    """
    if mask is str and (size_bytes := _size_of_scalar(value, max_bytes)) is not None:
        return value, size_bytes, False
    walk = _Walk(mask)
    data = walk.plain(value)
    encoded = to_json(data)
    size_bytes = _own_size(value, encoded, cut=walk.cut)
    if not walk.cut and len(encoded) <= max_bytes:
        return data, size_bytes, False
    text = data.encode("utf-8") if isinstance(data, str) else encoded
    return text[:max_bytes].decode("utf-8", "ignore"), size_bytes, True


def _size_of_scalar(value: object, max_bytes: int) -> int | None:
    """Return the size of a value that is plain and small as it is, as most items are; None for any other."""
    if type(value) is str:
        length = len(value)
        return length if value.isascii() and _ESCAPED * length + 2 <= max_bytes else None
    if (type(value) is int or type(value) is float) and _is_plain_scalar(value):
        size_bytes = len(to_json(value))
        return size_bytes if size_bytes <= max_bytes else None
    return None


def _own_size(value: Any, encoded: bytes, *, cut: bool) -> int | None:
    if isinstance(value, str):
        return len(value.encode("utf-8", "replace"))
    if _is_raw(value):
        return memoryview(value).nbytes
    return None if cut else len(encoded)


def owned(value: Any, depth: int = _DEEPEST) -> Any:
    """Return a copy of data that shares no model, list or dict with it, so that changes do not reach others.

    Objects of other classes, which the engine never emits, stay the same.
    """
    if depth == 0:
        return value
    if is_object(value):
        return {key: owned(part, depth - 1) for key, part in value.items()}
    if is_sequence(value):
        parts = [owned(part, depth - 1) for part in value]
        return parts if is_list(value) else tuple(parts)
    return _owned_model(value, depth - 1) if type(value) in _MODELS else value


def _owned_model(model: Any, depth: int) -> Any:
    kind = model.__class__
    copy = object.__new__(kind)
    for name in kind.__slots__:
        setattr(copy, name, owned(getattr(model, name), depth))
    return copy
