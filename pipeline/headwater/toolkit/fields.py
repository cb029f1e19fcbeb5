"""Fields of items by their paths: found in one item or in many, put and removed without changing what others read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import is_dataclass, replace
from itertools import pairwise
from operator import itemgetter
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, Field

from headwater.config.conditions.field_paths import FIELD_LENGTH_LIMIT, FIELD_PATTERN, Lookup, declared_fields
from headwater.config.notation.schema_words import in_words
from headwater.config.problems import quote
from headwater.errors import HeadwaterError
from headwater.shapes import is_mapping, is_object, is_sequence

__all__ = [
    "MISSING",
    "FieldPath",
    "MissingFieldError",
    "Record",
    "field_column",
    "field_finder",
    "field_label",
    "field_locator",
    "fields_of",
    "overlapping_paths",
    "path_parts",
    "put_field",
    "remove_field",
    "replace_field",
]

FieldPath = Annotated[str, Field(min_length=1, max_length=FIELD_LENGTH_LIMIT, pattern=FIELD_PATTERN)]
"""The type of a param that is the path of a field, as in conditions: `author.names.0`.

A name with dots is found as it is, such as `id.orig_h`. In quotes a name is exact: `'id.orig_h'`, `author.'No.'`.
"""

Record: TypeAlias = dict[str, Any] | BaseModel
"""An item with fields: a JSON object, or a pydantic model."""

MISSING = Lookup.MISSING
"""What stands for the value of a field that an item lacks."""

_MOST_NAMES = 12


class MissingFieldError(HeadwaterError, LookupError, ValueError):
    """An item lacks a field.

    Args:
        path: The path of the field, such as `author.name`.
        item: The item.
        hint: What to do.
        number: The number of the item in the stream, from 1; None when it is not known.

    Example:
        >>> print(MissingFieldError("nmae", {"name": "Ida", "age": 7}, "set on_missing to ignore"))
        there is no field 'nmae' in an item with the fields 'name', 'age'; set on_missing to ignore
    """

    def __init__(self, path: str, item: object, hint: str, number: int | None = None) -> None:
        super().__init__(path, item, hint, number)
        self.path = path
        self.names: list[str] = _names(item)
        self.hint = hint
        self.number = number

    def __str__(self) -> str:
        where = "an item" if self.number is None else f"item {self.number}"
        names = ", ".join(map(quote, self.names[:_MOST_NAMES])) or "(none)"
        more = f" and {len(self.names) - _MOST_NAMES} more" if len(self.names) > _MOST_NAMES else ""
        return f"there is no field {quote(self.path)} in {where} with the fields {names}{more}; {self.hint}"


def _names(item: Any) -> list[str]:
    """Return the names of the fields of an item."""
    if is_mapping(item):
        return list(map(str, item))
    return list(map(str, declared_fields(item)))


def path_parts(path: str) -> tuple[str, ...]:
    """Return the parts of a path.

    Args:
        path: The path of a field.

    Returns:
        Names of fields and numbers of elements.

    Example:
        >>> path_parts("author.names.0"), path_parts("author.'first.name'")
        (('author', 'names', '0'), ('author', 'first.name'))
    """
    return Lookup.of(path).parts


def overlapping_paths(paths: Iterable[str]) -> tuple[str, str] | None:
    """Find two paths where one leads into what the other leads to.

    Args:
        paths: Any paths.

    Returns:
        The outer and the inner one, which may be equal; None when all lead to places of their own.

    Example:
        >>> overlapping_paths(["a", "b.c", "a.d"]), overlapping_paths(["a", "ab"])
        (('a', 'a.d'), None)
    """
    seen = sorted(map(path_parts, paths))
    for outer, inner in pairwise(seen):  # sorted, a path stands right before those within it
        if inner[: len(outer)] == outer:
            return ".".join(outer), ".".join(inner)
    return None


def fields_of(item: Record) -> dict[str, Any]:
    """Return the fields of a record.

    Args:
        item: A dictionary or a pydantic model.

    Returns:
        Values by name. Those of a dictionary are the dictionary itself, which must not be changed.
    """
    return item if isinstance(item, dict) else dict(item)


def field_finder(path: str | None) -> Callable[[Any], Any]:
    """Return a function that finds a field in an item: through objects, lists, dataclasses and models.

    Args:
        path: The path of the field; None for the item itself.

    Returns:
        A function of an item that returns the value, or `MISSING`.

    Example:
        >>> find = field_finder("author.names.0")
        >>> find({"author": {"names": ["Ida"]}}), find({"author": None}) is MISSING
        ('Ida', True)
    """
    return (Lookup(()) if path is None else Lookup.of(path)).find


def field_locator(path: str) -> Callable[[Any], tuple[str, ...]]:
    """Return a function that finds where a field is in an item; a name with dots counts before the parts of a path.

    Args:
        path: The path of the field.

    Returns:
        A function of an item that returns names of fields and numbers of elements; where the field is missing, those
        that would lead to it.

    Example:
        >>> locate = field_locator("id.port")
        >>> locate({"id.port": 80}), locate({"id": {"port": 80}})
        (('id.port',), ('id', 'port'))
    """
    return Lookup.of(path).located


def field_column(path: str | None) -> Callable[[list[Any]], Sequence[Any]]:
    """Return a function that finds a field in all items of a batch, which is faster than one by one.

    Args:
        path: The path of the field; None for the items themselves.

    Returns:
        A function of a list of items that returns as many values, with `MISSING` for items that lack the field.

    Example:
        >>> field_column("n")([{"n": 1}, {"n": 2}])
        [1, 2]
    """
    if path is None:
        return lambda items: items
    lookup = Lookup.of(path)
    find = lookup.find
    if lookup.name is None:
        return lambda items: list(map(find, items))
    get = itemgetter(lookup.name)

    def values(items: list[Any]) -> Sequence[Any]:
        if set(map(type, items)) == {dict}:
            try:
                return list(map(get, items))
            except KeyError:
                pass
        return list(map(find, items))

    return values


def field_label(path: str | None, number: int | None = None) -> str:
    """Return what a message calls a field of an item.

    Args:
        path: The path of the field; None for the item itself.
        number: The number of the item in the stream, from 1; None when it is not known.

    Returns:
        Such as `the field 'size' of item 3`.

    Example:
        >>> field_label(None, 3), field_label("size")
        ('item 3', "the field 'size' of an item")
    """
    item = "an item" if number is None else f"item {number}"
    return item if path is None else f"the field {path!r} of {item}"


def put_field(fields: dict[str, Any], parts: Sequence[str], value: Any) -> None:
    """Put a value at a path; objects on the way are copied, or made where there are none.

    Args:
        fields: A dictionary that belongs to the caller; what is in it may be shared.
        parts: The parts of the path.
        value: The value.

    Raises:
        TypeError: Something on the way is not an object.

    Example:
        >>> item = {"author": {"name": "Ida"}}
        >>> fields = dict(item)
        >>> put_field(fields, ("author", "born"), 1990)
        >>> fields, item
        ({'author': {'name': 'Ida', 'born': 1990}}, {'author': {'name': 'Ida'}})
    """
    for part in parts[:-1]:
        fields = _opened(fields, part)
    fields[parts[-1]] = value


def remove_field(fields: dict[str, Any], parts: Sequence[str]) -> Any:
    """Remove what is at a path; objects on the way are copied.

    Args:
        fields: A dictionary that belongs to the caller; what is in it may be shared.
        parts: The parts of the path.

    Returns:
        What was there, or `MISSING`.

    Raises:
        TypeError: Something on the way is not an object.

    Example:
        >>> item = {"author": {"name": "Ida", "born": 1990}}
        >>> fields = dict(item)
        >>> remove_field(fields, ("author", "born")), fields
        (1990, {'author': {'name': 'Ida'}})
    """
    for part in parts[:-1]:
        if part not in fields:
            return MISSING
        fields = _opened(fields, part)
    return fields.pop(parts[-1], MISSING)


def replace_field(item: Any, parts: Sequence[str], value: Any) -> Any:
    """Return a copy of an item with another value in a field that it has.

    Args:
        item: An object, a list or tuple, a pydantic model or a dataclass; it stays as it is.
        parts: The parts of the path.
        value: The value.

    Returns:
        The copy; what the path does not go through is shared with the item.

    Raises:
        TypeError: Something on the path is none of these.

    Example:
        >>> item = {"id": 7, "names": ["Ida", "Eva"]}
        >>> replace_field(item, ["names", "1"], "EVA"), item["names"]
        ({'id': 7, 'names': ['Ida', 'EVA']}, ['Ida', 'Eva'])
    """
    if not parts:
        return value
    part, *inner = parts
    if inner:
        value = replace_field(Lookup((part,)).find(item), inner, value)
    if is_object(item) or is_mapping(item):  # most items are plain dictionaries, which are recognized faster
        return {**item, part: value}
    if is_sequence(item):
        index = int(part)
        return item.__class__([*item[:index], value, *item[index + 1 :]])
    if isinstance(item, BaseModel):
        return item.model_copy(update={part: value})
    if is_dataclass(item) and not isinstance(item, type):
        return replace(item, **{part: value})
    raise TypeError(f"{in_words(item)} has no field {part!r} that can be replaced; expected an object")


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
