"""Predicates on JSON data that narrow its type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

__all__ = ["has_part", "is_list", "is_mapping", "is_object", "is_sequence", "is_text"]


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Return whether a value is a JSON object."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Return whether a value is a JSON array."""
    return isinstance(value, list)


def is_mapping(value: object) -> TypeGuard[Mapping[Any, Any]]:
    """Return whether a value is a mapping of any kind."""
    return isinstance(value, Mapping)


def is_sequence(value: object) -> TypeGuard[list[Any] | tuple[Any, ...]]:
    """Return whether a value is a list or a tuple."""
    return isinstance(value, (list, tuple))


def has_part(value: object, part: str | int) -> TypeGuard[dict[str | int, Any]]:
    """Return whether a value is an object with a key, or an array with an index."""
    if is_list(value):
        return isinstance(part, int) and 0 <= part < len(value)
    return is_mapping(value) and part in value


def is_text(text: str) -> bool:
    """Return whether a string can be written as UTF-8, as it holds no half of a surrogate pair."""
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)
