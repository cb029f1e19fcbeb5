"""Params that are paths of what a step reads or writes, so that a check can find the steps that share a file."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from headwater.annotations import is_union, plain
from headwater.config.problems import JsonPath
from headwater.shapes import is_mapping, is_sequence

if TYPE_CHECKING:
    from headwater.kinds.definition import BoundStep

__all__ = ["InputPath", "OutputPath", "PathUse", "UsedPath", "has_paths", "used_paths"]


@dataclass(frozen=True, slots=True)
class PathUse:
    """Marks a param as the path of a file that a step reads or writes, or of a folder with such files.

    A pipeline is refused when it is loaded if one step writes what another one reads or writes.

    Args:
        writes: Whether the step writes there; otherwise it reads.
        names: For a folder: returns the pattern of the files in it that the step uses, from the params by name. In a
            pattern, `*` stands for any characters, `?` for one, `[ab]` for one of those, and `**` for any folders.

    Example:
        >>> from typing import Annotated
        >>> Reports = Annotated[Path, PathUse(writes=True, names=lambda params: f"*.{params['format']}")]
    """

    writes: bool
    names: Callable[[Mapping[str, Any]], str] | None = None


InputPath = Annotated[Path, PathUse(writes=False)]
"""The type of a param that is the path of a file that the step reads."""

OutputPath = Annotated[Path, PathUse(writes=True)]
"""The type of a param that is the path of a file that the step writes."""


@dataclass(frozen=True, slots=True)
class UsedPath:
    """A path that a step reads or writes: where its param is, its place with links followed, and a pattern of names."""

    param: JsonPath
    path: str
    place: str
    writes: bool
    names: str = ""


def used_paths(step: BoundStep) -> Iterator[UsedPath]:
    """Yield the paths that the params of a step declare."""
    model = step.definition.params_model
    given: Any = step.arguments if step.instance is None else step.instance.__dict__
    params = {name: given.get(name, field.default) for name, field in model.model_fields.items()}
    for param, value, use in _marked_values(model, params, ()):
        path = str(value)
        names = "" if use.names is None else use.names(MappingProxyType(params))
        yield UsedPath(param, path, _place_of(path), use.writes, names)


def _place_of(path: str) -> str:
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):  # a path that no system takes, which the step reports
        return os.path.abspath(path)  # noqa: PTH100 - `Path.resolve` follows links again


@cache
def has_paths(annotation: Any) -> bool:
    """Return whether the params of a kind have a path that is marked, at any depth."""
    return _marks_anything(annotation, {})


def _marks_anything(annotation: Any, seen: dict[int, Any]) -> bool:
    if id(annotation) in seen:  # a type may contain itself
        return False
    seen[id(annotation)] = annotation
    if _uses_of(annotation):
        return True
    inner = plain(annotation)
    return any(_marks_anything(one, seen) for one in (*get_args(inner), *_fields(inner).values()))


def _marked_values(annotation: Any, value: Any, path: JsonPath) -> Iterator[tuple[JsonPath, Any, PathUse]]:
    """Yield the values within a value whose types are marked."""
    for use in _uses_of(annotation) if _is_path(value) else ():
        yield path, value, use
    inner = plain(annotation)
    if is_union(inner):
        for member in get_args(inner):
            yield from _marked_values(member, value, path)
        return
    arguments = get_args(inner)
    if fields := _fields(inner):
        for name, field in fields.items():
            part = value.get(name) if is_mapping(value) else getattr(value, name, None)
            yield from _marked_values(field, part, (*path, name))
    elif is_mapping(value) and len(arguments) == 2:
        for key, part in value.items():
            yield from _marked_values(arguments[1], part, (*path, str(key)))
    elif is_sequence(value) and arguments:
        fixed = get_origin(inner) is tuple and arguments[-1] is not ...
        for index, part in enumerate(value):
            yield from _marked_values(arguments[index if fixed else 0], part, (*path, index))


def _is_path(value: object) -> bool:
    return isinstance(value, str | os.PathLike)


def _uses_of(annotation: Any) -> list[PathUse]:
    marks = annotation.__metadata__ if get_origin(annotation) is Annotated else ()
    return [mark for mark in marks if isinstance(mark, PathUse)]


def _fields(annotation: Any) -> Mapping[str, Any]:
    """Return the types of the fields of a model or a dataclass, with what `Annotated` says of them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields
        return {name: Annotated[(field.annotation, None, *field.metadata)] for name, field in fields.items()}
    try:
        record: Any = cast("object", annotation)
        return get_type_hints(record, include_extras=True) if dataclasses.is_dataclass(record) else {}
    except (NameError, TypeError):
        return {}
