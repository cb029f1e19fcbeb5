"""The types of the fields of items, where the declared type of an item says them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import date, time, timedelta
from enum import Enum
from numbers import Number
from pathlib import PurePath
from types import NoneType
from typing import Any, Literal, NewType, TypeVar, cast, get_origin, get_type_hints
from uuid import UUID

from pydantic import BaseModel
from typing_extensions import is_typeddict

from headwater.annotations import alternatives, fields_of, shape, union, upper

__all__ = ["NO_FIELD", "field_names", "field_type", "has_fields"]

NO_FIELD: Any = object()
"""Stands for the type of a field that no item can have."""

_WITHOUT_FIELDS = (str, bytes, bytearray, Number, NoneType, date, time, timedelta, PurePath, UUID, Enum)


def field_type(annotation: Any, parts: Sequence[str], *, is_exact: bool = True) -> Any:
    """Return the type of what a path leads to in items of a type, `Any` where it is not known, or `NO_FIELD`.

    Unless the path is exact, a mapping may have a key with dots in it.
    """
    if not parts:
        return annotation
    found = [_within(one, parts, is_exact=is_exact) for one in alternatives(annotation)]
    known = [one for one in found if one is not NO_FIELD]
    return union(*known) if known else NO_FIELD


def has_fields(annotation: Any) -> bool:
    """Return whether items of a type are records."""
    return any(_is_mapping(one) or bool(field_names(one)) for one in alternatives(annotation))


def field_names(annotation: Any) -> list[str]:
    """Return the names of the declared fields of the items of a type."""
    return [name for one in alternatives(annotation) for name in _declared(shape(one)[0])]


def _within(annotation: Any, parts: Sequence[str], *, is_exact: bool) -> Any:
    """Return the type of a field of one alternative."""
    if isinstance(annotation, TypeVar):
        above = upper(annotation)
        return Any if above is Any else field_type(above, parts, is_exact=is_exact)
    if isinstance(annotation, NewType):
        return field_type(annotation.__supertype__, parts, is_exact=is_exact)
    if get_origin(annotation) is Literal:
        return NO_FIELD  # a string, a number or another plain value
    cls, args = shape(annotation)
    if not isinstance(cls, type):
        return Any
    if _is_mapping(annotation):
        values = args[1] if len(args) == 2 else Any
        return values if is_exact and len(parts) == 1 else _in_mapping(values, parts, is_exact=is_exact)
    if issubclass(cls, _WITHOUT_FIELDS):
        return NO_FIELD
    inner = _of_class(cls, args, parts[0])
    return inner if inner is NO_FIELD else field_type(inner, parts[1:], is_exact=is_exact)


def _in_mapping(values: Any, parts: Sequence[str], *, is_exact: bool) -> Any:
    """Return the type of a field of a mapping whose values are of one type."""
    inner = field_type(values, parts[1:], is_exact=is_exact)
    if is_exact:
        return inner
    return values if inner is NO_FIELD else union(values, inner)


def _of_class(cls: Any, args: tuple[Any, ...], name: str) -> Any:
    """Return the type of a field of a class, or of an element of a sequence."""
    declared = _declared(cls)
    if declared:
        extra = issubclass(cls, BaseModel) and cls.model_config.get("extra") == "allow"
        return declared.get(name, Any if extra else NO_FIELD)
    if issubclass(cls, Sequence):
        items = [arg for arg in args if arg is not Ellipsis]
        return (union(*items) if items else Any) if name.isdecimal() else NO_FIELD
    if cls.__module__ == "builtins" and cls is not object:
        return NO_FIELD
    return Any


def _declared(annotation: Any) -> Mapping[str, Any]:
    """Return the types of the fields that a class declares, by the names that paths use."""
    if not isinstance(annotation, type):
        return {}
    if issubclass(annotation, BaseModel):
        return {name: field.annotation for name, field in annotation.model_fields.items()}
    record = cast("Any", annotation)
    names: Sequence[str] = getattr(record, "_fields", ()) if issubclass(annotation, tuple) else ()
    if names:
        return _hints(record, names)
    return fields_of(record) if dataclasses.is_dataclass(record) or is_typeddict(record) else {}


def _hints(cls: type, names: Sequence[str]) -> Mapping[str, Any]:
    try:
        hints = get_type_hints(cls)
    except (NameError, TypeError):
        hints = {}
    return {name: hints.get(name, Any) for name in names}


def _is_mapping(annotation: Any) -> bool:
    cls: Any = shape(annotation)[0]
    return isinstance(cls, type) and issubclass(cls, Mapping) and not is_typeddict(annotation)
