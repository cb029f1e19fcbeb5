"""Paths of fields: which part of an item a path names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

from pydantic import BaseModel

from headwater.shapes import is_mapping, is_sequence

__all__ = ["FIELD_LENGTH_LIMIT", "FIELD_PATTERN", "Lookup", "declared_fields", "is_field_path"]

FIELD_LENGTH_LIMIT = 256
_QUOTED = r"""'[^']*'|"[^"]*\""""
FIELD_PATTERN = rf"^({_QUOTED}|[^.]+)(\.({_QUOTED}|[^.]+))*$"
"""What a path matches; also in a JSON Schema."""

_PATH = re.compile(FIELD_PATTERN)
_PARTS = re.compile(rf"(?:{_QUOTED})(?=\.|$)|[^.]+")
_DICT: type[Any] = dict  # checked first: most items are plain dictionaries


def is_field_path(value: object) -> bool:
    """Return whether a value of a document is the path of a field."""
    return isinstance(value, str) and len(value) <= FIELD_LENGTH_LIMIT and _PATH.match(value) is not None


@dataclass(frozen=True, slots=True)
class Lookup:
    """Finds a field in an item: in mappings by key, in sequences by index, in models and dataclasses by name.

    Where no part of a path is quoted, a name with dots is a name: the longest name that leads to a value counts.
    """

    MISSING: ClassVar[object] = object()

    parts: tuple[str, ...]
    is_exact: bool = True
    _whole: str = field(default="", compare=False)

    @classmethod
    def of(cls, path: str) -> Lookup:
        """Return the lookup of a path."""
        found: list[str] = _PARTS.findall(path)
        parts = tuple(part[1:-1] if re.fullmatch(_QUOTED, part) else part for part in found)
        return cls(parts, len(parts) == 1 or parts != tuple(found), path)

    @property
    def name(self) -> str | None:
        """The name of a field of the item itself; None where the path may lead further."""
        return self.parts[0] if len(self.parts) == 1 else None

    def find(self, item: Any) -> Any:
        """Return the field of an item, or `Lookup.MISSING`."""
        if not self.is_exact:
            if len(self.parts) > 2:
                return _search(item, self.parts, [])
            if is_mapping(item) and (value := item.get(self._whole, Lookup.MISSING)) is not Lookup.MISSING:
                return value
        for part in self.parts:
            item = item.get(part, Lookup.MISSING) if type(item) is _DICT else _part(item, part)
            if item is Lookup.MISSING:
                break
        return item

    def located(self, item: Any) -> tuple[str, ...]:
        """Return the names that lead to the field in an item, or would lead there if it were set."""
        if self.is_exact:
            return self.parts
        for end in range(len(self.parts), 0, -1):
            names: list[str] = []
            if _search(item, self.parts[:end], names) is not Lookup.MISSING:
                return (*reversed(names), *self.parts[end:])
        return self.parts


def _search(item: Any, parts: tuple[str, ...], names: list[str]) -> Any:
    """Return what some parts lead to, the longest names first; add the names from the last."""
    if not parts:
        return item
    for end in range(len(parts) if is_mapping(item) else 1, 0, -1):
        name = ".".join(parts[:end])
        inner = _part(item, name)
        if inner is not Lookup.MISSING and (found := _search(inner, parts[end:], names)) is not Lookup.MISSING:
            names.append(name)
            return found
    return Lookup.MISSING


def _part(item: Any, part: str) -> Any:
    if is_mapping(item):
        return item.get(part, Lookup.MISSING)
    if is_sequence(item) and part.isdecimal() and len(part) < 10:
        return item[int(part)] if int(part) < len(item) else Lookup.MISSING
    if part.startswith("_") or part not in declared_fields(item):
        return Lookup.MISSING
    return getattr(item, part, Lookup.MISSING)


def declared_fields(item: object) -> Mapping[str, Any] | tuple[str, ...]:
    """Return the declared fields of an item's class, so that no property, method or private attribute is reached."""
    cls = type(item)
    if issubclass(cls, BaseModel):
        return cls.model_fields
    declared: Any = getattr(cls, "__dataclass_fields__", None) or getattr(cls, "_fields", ())
    return cast("Mapping[str, Any] | tuple[str, ...]", declared)
