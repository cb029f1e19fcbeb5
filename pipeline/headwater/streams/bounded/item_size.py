"""The size of an item in bytes: exact where it says so itself, otherwise an estimate of its memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import is_dataclass
from sys import getsizeof
from typing import Any, cast

from pydantic import BaseModel

__all__ = ["item_size"]

_MOST_PARTS = 1_000


def item_size(item: Any) -> int:
    """Return the bytes of bytes, the characters of a string, what has `nbytes`, or an estimate of the memory of others.

    The estimate adds up an object and all that is in its fields and containers. After 1,000 parts, the others count as
    much as these on average.

    Args:
        item: The item.

    Returns:
        Bytes.

    Example:
        >>> item_size("water"), item_size(b"salt")
        (5, 4)
    """
    if isinstance(item, (str, bytes, bytearray)):
        return len(item)
    if isinstance(size := getattr(item, "nbytes", None), int):
        return size
    return _estimate(item)


def _estimate(item: Any) -> int:
    total, seen = 0, 0
    waiting = [*_parts(item)]
    while waiting and seen < _MOST_PARTS:
        part = waiting.pop()
        seen += 1
        if isinstance(size := getattr(part, "nbytes", None), int):
            total += size
            continue
        total += getsizeof(part, 0)
        waiting += _parts(part)
    return getsizeof(item, 0) + total + total * len(waiting) // max(seen, 1)


def _parts(value: Any) -> Iterable[Any]:
    """Return what is in a value."""
    if isinstance(value, (str, bytes, bytearray, int, float, bool, type(None))):
        return ()
    if isinstance(value, Mapping):
        pairs = cast("Iterable[tuple[Any, Any]]", value.items())
        return [part for pair in pairs for part in pair]
    if isinstance(value, (list, tuple, AbstractSet)):
        return cast("Iterable[Any]", value)
    if isinstance(value, BaseModel) or is_dataclass(value):
        names = cast("Iterable[str]", getattr(value, "__dict__", None) or getattr(value, "__slots__", ()))
        return [getattr(value, name, None) for name in names]
    return ()
