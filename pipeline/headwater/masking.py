"""Masks secrets in whatever leaves the engine: events, logs, errors and plans."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from headwater.shapes import is_object, is_sequence

__all__ = ["mask_data", "masker"]

_MASK = "**********"  # as pydantic shows a `SecretStr`


def masker(secrets: Iterable[str]) -> Callable[[str], str]:
    """Return a function that masks secrets in a string; `str` when there are none."""
    longest_first = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
    if not longest_first:
        return str

    def mask(text: str) -> str:
        for secret in longest_first:
            text = text.replace(secret, _MASK)
        return text

    return mask


def mask_data(value: Any, mask: Callable[[str], str]) -> Any:
    """Return plain data, such as JSON or what structlog writes, with a masker applied to every string in it."""
    if mask is str:
        return value
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, bytes):
        return mask(value.decode(errors="replace")).encode()
    if is_object(value):
        return {mask_data(key, mask): mask_data(member, mask) for key, member in value.items()}
    if is_sequence(value):
        parts = [mask_data(member, mask) for member in value]
        return parts if isinstance(value, list) else tuple(parts)
    return value
