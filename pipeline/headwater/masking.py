"""Masks secrets in text."""

from __future__ import annotations

from collections.abc import Callable, Iterable

__all__ = ["masker"]

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
