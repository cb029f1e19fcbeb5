"""Fields of records by their paths: how they are found, put and taken out without changing what others read too."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any, TypeAlias

from pydantic import BaseModel

from headwater import HeadwaterError
from headwater.config.conditions.operators import Lookup
from headwater.config.problems import quote
from headwater.shapes import is_mapping

__all__ = [
    "MISSING",
    "MissingFieldError",
    "Parts",
    "Record",
    "finder",
    "overlap",
    "parts_of",
    "put",
    "record",
    "remove",
]

Record: TypeAlias = dict[str, Any] | BaseModel
"""What has fields: an object of JSON, or a pydantic model."""

Parts: TypeAlias = tuple[str, ...]
"""The parts of a path: `("author", "names", "0")`."""

MISSING = Lookup.MISSING

_MOST_NAMES = 12


class MissingFieldError(HeadwaterError, LookupError):
    """A record lacks a field.

    Args:
        path: The path of the field, such as `author.name`.
        item: The record.
        hint: What to do.

    Example:
        >>> print(MissingFieldError("nmae", {"name": "Ida", "age": 7}, "set on_missing to ignore"))
        there is no field 'nmae' in an item with the fields 'name', 'age'; set on_missing to ignore
    """

    def __init__(self, path: str, item: Record, hint: str) -> None:
        super().__init__(path, item, hint)
        self.path = path
        self.names: list[str] = list(record(item))
        self.hint = hint

    def __str__(self) -> str:
        names = ", ".join(map(quote, map(str, self.names[:_MOST_NAMES])))
        more = f" and {len(self.names) - _MOST_NAMES} more" if len(self.names) > _MOST_NAMES else ""
        return f"there is no field {quote(self.path)} in an item with the fields {names or '(none)'}{more}; {self.hint}"


def record(item: Record) -> dict[str, Any]:
    """Return the fields of a record; those of a dictionary are the dictionary itself, never to be changed.

    Args:
        item: A dictionary or a pydantic model.

    Returns:
        Values by name.
    """
    return item if isinstance(item, dict) else dict(item)


def parts_of(path: str) -> Parts:
    """Return the parts of a path.

    Args:
        path: Such as `author.name`.

    Returns:
        Such as `("author", "name")`.
    """
    return tuple(path.split("."))


def finder(path: str) -> Callable[[Any], Any]:
    """Return a function that finds a field.

    Args:
        path: A path through objects, lists and models, such as `author.names.0`.

    Returns:
        A function of an item that returns the value, or `MISSING`.
    """
    return Lookup(parts_of(path)).find


def overlap(paths: Iterable[str]) -> tuple[str, str] | None:
    """Find two paths of which one leads to what is within the other.

    Args:
        paths: Any paths.

    Returns:
        The outer and the inner one, which may be the same; None when all lead to places of their own.

    Example:
        >>> overlap(["a", "b.c", "a.d"]), overlap(["a", "ab"])
        (('a', 'a.d'), None)
    """
    seen = sorted(map(parts_of, paths))
    for outer, inner in pairwise(seen):  # sorted, a path stands right before those within it
        if inner[: len(outer)] == outer:
            return ".".join(outer), ".".join(inner)
    return None


def put(fields: dict[str, Any], parts: Parts, value: Any) -> None:
    """Put a value at a path; objects on the way are copied, and made where there are none.

    Args:
        fields: A dictionary that nobody else reads.
        parts: The path.
        value: The value.

    Raises:
        TypeError: Something on the way is no object.

    Example:
        >>> item = {"author": {"name": "Ida"}}
        >>> fields = dict(item)
        >>> put(fields, ("author", "born"), 1990)
        >>> fields, item
        ({'author': {'name': 'Ida', 'born': 1990}}, {'author': {'name': 'Ida'}})
    """
    for part in parts[:-1]:
        fields = _opened(fields, part)
    fields[parts[-1]] = value


def remove(fields: dict[str, Any], parts: Parts) -> Any:
    """Take out what is at a path; objects on the way are copied.

    Args:
        fields: A dictionary that nobody else reads.
        parts: The path.

    Returns:
        What was there, or `MISSING`.

    Raises:
        TypeError: Something on the way is no object.

    Example:
        >>> item = {"author": {"name": "Ida", "born": 1990}}
        >>> fields = dict(item)
        >>> remove(fields, ("author", "born")), fields, item
        (1990, {'author': {'name': 'Ida'}}, {'author': {'name': 'Ida', 'born': 1990}})
    """
    for part in parts[:-1]:
        if part not in fields:
            return MISSING
        fields = _opened(fields, part)
    return fields.pop(parts[-1], MISSING)


def _opened(fields: dict[str, Any], part: str) -> dict[str, Any]:
    """Put a copy of an object in its place, so that it can be changed; an empty one where there is none."""
    inner: Any = fields.get(part, MISSING)
    if inner is MISSING:
        inner = {}
    elif not (is_mapping(inner) or isinstance(inner, BaseModel)):
        raise TypeError(
            f"the field {quote(part)} is a {type(inner).__name__}, not an object whose fields can be changed"
        )
    copy: dict[str, Any] = dict(inner)
    fields[part] = copy
    return copy
