"""Masks secrets in whatever leaves the engine: events, logs, errors and plans.

The engine masks text before it cuts, quotes, encodes, wraps or splits it. Code that it does not control may have done
so before, so secrets are also found in their usual encodings, line by line, and where only a part of one is left.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from html import escape
from typing import Any
from urllib.parse import quote, quote_plus

from headwater.shapes import is_object, is_sequence

__all__ = ["mask_data", "masker"]

_MASK = "**********"  # as pydantic shows a `SecretStr`
_LINE_CHARS = 6  # shorter lines of a secret are brackets and blanks, which occur everywhere
_PART_CHARS = 8  # shorter beginnings and ends are masked only next to an ellipsis, and then from the next limit on
_ELLIPSIS_CHARS = 4
_BASE64_BYTES = 6
_ELLIPSES = ("…", "...")
_PERCENT_ESCAPE = re.compile("%[0-9A-F]{2}")


def masker(secrets: Iterable[str]) -> Callable[[str], str]:
    """Return a function that masks secrets in a string; `str` when there are none."""
    known = {secret for secret in secrets if secret}
    if not known:
        return str
    forms = sorted({form for secret in known for form in _forms(secret)}, key=len, reverse=True)
    long = [form for form in forms if len(form) >= 2 * _PART_CHARS]

    def mask(text: str) -> str:
        for form in forms:
            if form in text:
                text = text.replace(form, _MASK)
        for form in long:
            if form[:_PART_CHARS] in text:
                text = _without_starts(text, form)
            if form[-_PART_CHARS:] in text:
                text = _without_starts(text[::-1], form[::-1])[::-1]
        return _without_ends_at_ellipses(text, long)

    return mask


def mask_data(value: Any, mask: Callable[[str], str]) -> Any:
    """Return data, such as JSON or what structlog writes, with a masker applied to every string and number in it.

    Any other object is replaced by its masked `repr`, if that contains a secret.
    """
    if mask is str or value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, bytes):
        text = value.decode(errors="replace")
        masked = mask(text)
        return value if masked == text else masked.encode()
    if is_object(value):
        return {mask_data(key, mask): mask_data(member, mask) for key, member in value.items()}
    if is_sequence(value):
        parts = [mask_data(member, mask) for member in value]
        return parts if isinstance(value, list) else tuple(parts)
    return _masked_object(value, mask)


def _masked_object(value: object, mask: Callable[[str], str]) -> object:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - what has no repr shows nothing
        return value
    masked = mask(text)
    return value if masked == text else masked


def _forms(secret: str) -> Iterator[str]:
    """Yield a secret as it may be written: raw, its long lines, and the usual encodings of each."""
    whole = [secret, *_base64(secret.encode(errors="surrogatepass"))]
    lines = [line.strip() for line in secret.splitlines()]
    for text in (*whole, *(line for line in lines if len(line) >= _LINE_CHARS)):
        yield text
        for once in _escaped(text):
            yield once
            yield from _escaped(once)
        for encoded in (
            quote(text, errors="replace"),
            quote(text, "", errors="replace"),
            quote_plus(text, errors="replace"),
        ):
            yield encoded
            yield _PERCENT_ESCAPE.sub(lambda match: match[0].lower(), encoded)
        yield escape(text)
        yield escape(text, quote=False)


def _escaped(text: str) -> Iterator[str]:
    """Yield text as JSON and `repr` write it, with and without escapes for the quotes of a longer string."""
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    parts = [repr(part)[1:-1] for part in text.split("'")]
    yield "'".join(parts)
    yield r"\'".join(parts)
    yield repr(text.encode(errors="surrogatepass"))[2:-1]


def _base64(data: bytes) -> Iterator[str]:
    """Yield what data looks like within Base64 (RFC 4648), which depends on its place among the bytes."""
    if len(data) < _BASE64_BYTES:
        return
    for encode in (b64encode, urlsafe_b64encode):
        yield encode(data).decode()
        for before in range(3):
            own = slice((before * 8 + 5) // 6, (before + len(data)) * 8 // 6)  # the others depend on other bytes, too
            yield encode(bytes(before) + data).decode()[own]


def _without_starts(text: str, form: str) -> str:
    """Mask the beginnings of a form that end where text was cut: before anything but a letter or a digit."""
    pieces: list[str] = []
    done = 0
    while (start := text.find(form[:_PART_CHARS], done)) >= 0:
        end = start + _PART_CHARS
        while end < len(text) and end - start < len(form) and text[end] == form[end - start]:
            end += 1
        is_cut = end == len(text) or not text[end].isalnum()
        pieces.append(text[done:start] + (_MASK if is_cut else text[start:end]))
        done = end
    return "".join(pieces) + text[done:]


def _without_ends_at_ellipses(text: str, forms: Iterable[str]) -> str:
    """Mask short beginnings of secrets in front of an ellipsis, and short ends behind one."""
    for dots in _ELLIPSES:
        if dots in text:
            for form in forms:
                for size in range(_PART_CHARS - 1, _ELLIPSIS_CHARS - 1, -1):
                    text = text.replace(form[:size] + dots, _MASK + dots).replace(dots + form[-size:], dots + _MASK)
    return text
