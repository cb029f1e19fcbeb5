"""URLs with placeholders for fields of a record (RFC 6570, level 1), which cannot change the rest of the URL."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import quote as percent_encoded

from pydantic import AfterValidator, Field

from headwater.toolkit import MISSING, MissingFieldError, Record, field_finder, quote

__all__ = ["Filler", "UrlTemplate"]

_START = re.compile(r"[Hh][Tt][Tt][Pp][Ss]?://[^/?#{}@\s]+[/?]")
_NAME = r"""(?:'[^'{}]*'|"[^"{}]*"|[^{}.]+)"""
_PLACE = re.compile(rf"\{{({_NAME}(?:\.{_NAME})*)\}}")
_DOT_SEGMENT = re.compile(r"(?:^|/)\.{1,2}(?:/|$)")


def _checked(template: str) -> str:
    if _START.match(template) is None:
        raise ValueError(
            "expected a URL such as https://api.example.com/users/{id}: scheme and host are never made of fields"
        )
    if set(_PLACE.sub("", template)) & {"{", "}"}:
        raise ValueError("expected each { with a } after the path of a field, as in {user.id}; a literal one is %7B")
    return template


UrlTemplate = Annotated[
    str, Field(max_length=8_192, json_schema_extra={"pattern": f"^{_START.pattern}"}), AfterValidator(_checked)
]
"""The type of a param that is a URL with `{name}` for fields of a record, after the host."""


def fields_in(template: str) -> list[str]:
    """Return the paths of the fields in a template."""
    return _PLACE.split(template)[1::2]


class Filler:
    """Makes URLs of records.

    Example:
        >>> Filler("https://api.example.com/users/{user.id}?q={q}").fill({"user": {"id": 7}, "q": "salt & water"})
        'https://api.example.com/users/7?q=salt%20%26%20water'
    """

    def __init__(self, template: str) -> None:
        literals = _PLACE.split(template)
        self._start = literals[0]
        self._rest = list(zip(literals[1::2], map(field_finder, literals[1::2]), literals[2::2], strict=True))

    def fill(self, item: Record) -> str:
        """Return the URL for a record."""
        url = self._start
        for path, find, literal in self._rest:
            url += _encoded(path, find, item) + literal
        path_part = url.partition("://")[2].partition("/")[2].partition("?")[0]
        if _DOT_SEGMENT.search(path_part):
            raise ValueError("a field would make a part of the path . or .., which changes the path")
        return url


def _encoded(path: str, find: Callable[[Any], Any], item: Record) -> str:
    value = find(item)
    if value is MISSING:
        raise MissingFieldError(path, item, "leave out such items before, or set another field in url")
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        found = "null" if value is None else type(value).__name__
        raise TypeError(f"expected a string, a number or a boolean in the field {quote(path)}, found {found}")
    return percent_encoded(str(value), safe="")
