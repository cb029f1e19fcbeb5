"""Fields of items by their paths: of one item, and of a batch of them at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Annotated, Any, Final

from pydantic import Field

from headwater.config.operators import Lookup

__all__ = ["MISSING", "Column", "FieldPath", "column", "named"]

FieldPath = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^.]+(\.[^.]+)*$")]
"""The path of a field in an item, as in conditions: `author.names.0`."""

Column = Callable[[list[Any]], Sequence[Any]]
"""Returns a value for each item of a batch."""

MISSING: Final = Lookup.MISSING
"""Stands for the value of a field that an item does not have."""


def column(path: str | None) -> Column:
    """Return a function that finds a field in every item of a batch.

    Args:
        path: The path of the field; None for the items themselves.

    Returns:
        A function of a list of items that returns as many values, `MISSING` among them.

    Example:
        >>> column("n")([{"n": 1}, {"n": 2}])
        [1, 2]
    """
    if path is None:
        return lambda items: items
    parts = tuple(path.split("."))
    find = Lookup(parts).find
    if len(parts) > 1:
        return lambda items: list(map(find, items))
    get = itemgetter(path)

    def values(items: list[Any]) -> Sequence[Any]:
        if set(map(type, items)) == {dict}:
            try:
                return list(map(get, items))
            except KeyError:
                pass
        return list(map(find, items))

    return values


def named(path: str | None, number: int | None = None) -> str:
    """Return what to call a value in a message.

    Args:
        path: The path of the field; None for the item itself.
        number: The number of the item in the stream, from 1; None when it is not known.

    Returns:
        Such as `the field 'size' of item 3`.

    Example:
        >>> named(None, 3), named("size")
        ('item 3', "the field 'size' of an item")
    """
    item = "an item" if number is None else f"item {number}"
    return item if path is None else f"the field {path!r} of {item}"
