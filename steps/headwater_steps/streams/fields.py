"""Fields of items by their paths: of one item, and of a batch of them at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import is_dataclass, replace
from operator import itemgetter
from typing import Annotated, Any

from pydantic import BaseModel, Field

from headwater.config.conditions.operators import Lookup
from headwater.config.validation_errors import found
from headwater.shapes import is_mapping, is_object, is_sequence
from headwater_steps.streams.paths import MISSING, finder

__all__ = ["MISSING", "Column", "FieldPath", "column", "named", "replaced"]

FieldPath = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^.]+(\.[^.]+)*$")]
"""The path of a field in an item, as in conditions: `author.names.0`."""

Column = Callable[[list[Any]], Sequence[Any]]
"""Returns a value for each item of a batch."""


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
    find = finder(path)
    if "." in path:
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


def replaced(item: Any, parts: Sequence[str], value: Any) -> Any:
    """Return a copy of an item with another value in a field that it has.

    Args:
        item: An object, a list or tuple, a pydantic model or a dataclass; it stays as it is.
        parts: The path of the field.
        value: The value.

    Returns:
        The copy; what the path does not go through is shared with the item.

    Raises:
        TypeError: Something on the path is nothing of these.

    Example:
        >>> item = {"id": 7, "names": ["Ida", "Eva"]}
        >>> replaced(item, ["names", "1"], "EVA"), item["names"]
        ({'id': 7, 'names': ['Ida', 'EVA']}, ['Ida', 'Eva'])
    """
    if not parts:
        return value
    part, *inner = parts
    if inner:
        value = replaced(Lookup((part,)).find(item), inner, value)
    if is_object(item) or is_mapping(item):  # the first is what items mostly are, and told apart faster
        return {**item, part: value}
    if is_sequence(item):
        index = int(part)
        return item.__class__([*item[:index], value, *item[index + 1 :]])
    if isinstance(item, BaseModel):
        return item.model_copy(update={part: value})
    if is_dataclass(item) and not isinstance(item, type):
        return replace(item, **{part: value})
    raise TypeError(f"{found(item)} is no object whose field {part!r} can be replaced")


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
