"""The parts of a type annotation: what it stands for, its alternatives, arguments, variables, fields and name.

Annotations have no common type (classes, unions, aliases, `None`, type variables), so they are `Any` here.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, wraps
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    ClassVar,
    Final,
    Literal,
    NewType,
    NotRequired,
    ParamSpec,
    Required,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

import typing_extensions
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typing_extensions import ReadOnly, is_typeddict

from headwater.display import shorten

__all__ = [
    "alternatives",
    "cached",
    "constraints",
    "describe",
    "fields_of",
    "is_type",
    "is_union",
    "members",
    "parameters",
    "plain",
    "shape",
    "substitute",
    "typed_dict_fields",
    "union",
    "upper",
    "walk",
]

_P = ParamSpec("_P")
_R = TypeVar("_R")

_ALIASES = (
    typing_extensions.TypeAliasType,
    getattr(typing, "TypeAliasType", typing_extensions.TypeAliasType),
)
_QUALIFIERS: frozenset[Any] = frozenset({Required, NotRequired, ReadOnly, ClassVar, Final})
_TYPE_MAKERS = frozenset({"types", "typing", "typing_extensions", "collections.abc"})
_LONGEST_ALIAS_CHAIN = 64
_LONGEST_NAME = 200


def cached(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Cache the results of a pure function of annotations, except for annotations that cannot be hashed."""
    remembered = cast("Callable[_P, _R]", lru_cache(maxsize=4096)(function))

    @wraps(function)
    def answer(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            hash(args)
        except TypeError:  # metadata such as a list
            return function(*args, **kwargs)
        return remembered(*args, **kwargs)

    return answer


def is_type(annotation: Any) -> bool:
    """Return whether an annotation is a type at all: `any`, `[int]` and `3` are not."""
    return isinstance(annotation, type) or type(annotation).__module__ in _TYPE_MAKERS


def is_union(annotation: Any) -> bool:
    """Return whether an annotation is written as a union."""
    return get_origin(annotation) in {Union, UnionType}


def plain(annotation: Any) -> Any:
    """Return an annotation without `Annotated`, type aliases, `Required` and the like; None becomes `NoneType`."""
    for _ in range(_LONGEST_ALIAS_CHAIN):  # an alias may name itself
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation = annotation.__origin__
        elif origin in _QUALIFIERS:
            annotation = get_args(annotation)[0]
        elif isinstance(annotation, _ALIASES):
            annotation = annotation.__value__
        elif isinstance(origin, _ALIASES):
            given = dict(zip(origin.__type_params__, get_args(annotation), strict=False))
            annotation = substitute(origin.__value__, given)
        else:
            return NoneType if annotation is None else annotation
    return Any


def constraints(annotation: Any) -> tuple[Any, ...]:
    """Return the metadata of an `Annotated` that may refuse a value; a string refuses none."""
    if get_origin(annotation) is not Annotated:
        return ()
    return tuple(data for data in annotation.__metadata__ if _constrains(data))


def _constrains(data: Any) -> bool:
    if isinstance(data, FieldInfo):
        return bool(data.metadata)
    return not isinstance(data, str)


def members(annotation: Any) -> tuple[Any, ...]:
    """Return the members of a plain annotation: those of a union, one for each value of a `Literal`, or itself."""
    if get_origin(annotation) is Literal:
        return tuple(Literal[value] for value in get_args(annotation))
    return get_args(annotation) if is_union(annotation) else (annotation,)


def alternatives(annotation: Any) -> Iterator[Any]:
    """Yield the plain alternatives of an annotation, also where aliases or `Annotated` hide unions in unions."""
    beneath = plain(annotation)
    found = members(beneath)
    if len(found) == 1:
        yield beneath
        return
    for member in found:
        yield from alternatives(member)


def walk(annotation: Any, *, fields: bool = True) -> Iterator[Any]:
    """Yield every type that an annotation is made of, once; by default also the types of the fields of records."""
    seen: list[Any] = []  # metadata may make them unhashable, and types may contain themselves
    waiting = [annotation]
    while waiting:
        for one in alternatives(waiting.pop()):
            if one in seen:
                continue
            seen.append(one)
            yield one
            if get_origin(one) is not Literal:
                waiting += get_args(one)
            if fields:
                waiting += fields_of(one).values()


def union(*annotations: Any) -> Any:
    """Return the union of annotations; that of one is itself, that of none is `Any`."""
    return Union[annotations] if annotations else Any  # noqa: UP007 - `|` joins two, and no forward references


def shape(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return the class and the arguments of a generic; there are no arguments for a class that is given bare."""
    origin = get_origin(annotation)
    if origin is not None:
        return origin, get_args(annotation)
    generic = _pydantic_generic(annotation)
    if not generic:
        return annotation, ()
    return generic["origin"] or annotation, generic["args"] or generic["parameters"]


def _pydantic_generic(annotation: Any) -> Mapping[str, Any]:
    """Return how a generic pydantic model, which is a class of its own for each set of arguments, was made."""
    return getattr(annotation, "__pydantic_generic_metadata__", None) or {}


def parameters(annotation: Any) -> tuple[Any, ...]:
    """Return the type variables that an annotation leaves open, in the order in which it takes arguments.

    A generic class without arguments leaves none open, as it means any arguments; but a pydantic model does, as it is
    the same class as the model with its own variables for arguments.
    """
    if isinstance(annotation, TypeVar):
        return (annotation,)
    if isinstance(annotation, type):
        return tuple(_pydantic_generic(annotation).get("parameters", ()))
    return () if isinstance(annotation, _ALIASES) else getattr(annotation, "__parameters__", ())


def substitute(annotation: Any, bindings: Mapping[Any, Any]) -> Any:
    """Return an annotation with those of its type variables replaced that `bindings` knows."""
    if isinstance(annotation, TypeVar):
        return bindings.get(annotation, annotation)
    variables = parameters(annotation)
    if not any(variable in bindings for variable in variables):
        return annotation
    return annotation[tuple(bindings.get(variable, variable) for variable in variables)]


@cached
def fields_of(annotation: Any) -> Mapping[str, Any]:
    """Return the types of the fields of a model, a dataclass or a `TypedDict`, by the names that documents use."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields
        names = {name: field.annotation for name, field in fields.items()}
        return names | {field.alias: field.annotation for field in fields.values() if field.alias}
    record: Any = cast("object", annotation)
    try:
        return get_type_hints(record) if dataclasses.is_dataclass(record) or is_typeddict(record) else {}
    except (NameError, TypeError):
        return {}


def typed_dict_fields(typed_dict: Any) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the fields of a `TypedDict` without `Required` and the like, and the names of the required ones.

    It reads the annotations, as `__required_keys__` alone ignores what postponed ones say.
    """
    hints = get_type_hints(typed_dict, include_extras=True)
    marks = {name: get_origin(hint) for name, hint in hints.items()}
    by_class = typed_dict.__required_keys__
    required = {
        name for name, mark in marks.items() if mark is Required or (mark is not NotRequired and name in by_class)
    }
    fields = {name: get_args(hint)[0] if marks[name] in _QUALIFIERS else hint for name, hint in hints.items()}
    return fields, frozenset(required)


def upper(variable: TypeVar) -> Any:
    """Return the narrowest type that holds every value a type variable may stand for."""
    return variable.__bound__ or union(*variable.__constraints__)


def describe(annotation: Any) -> str:
    """Return an annotation as one would write it, without modules, in at most 200 characters."""
    return shorten(_name(annotation), _LONGEST_NAME)


def _name(annotation: Any) -> str:
    if annotation is None or annotation is NoneType:
        return "None"
    if annotation is Ellipsis:
        return "..."
    if isinstance(annotation, str):
        return annotation
    if annotation.__class__ is list:  # the arguments of a `Callable`
        return f"[{', '.join(map(_name, annotation))}]"
    if get_origin(annotation) is not None:
        return _generic_name(annotation)
    if isinstance(annotation, (type, TypeVar, NewType, *_ALIASES)):
        return str(getattr(annotation, "__qualname__", annotation.__name__)).rpartition("<locals>.")[2]
    return repr(annotation).removeprefix("typing.").removeprefix("typing_extensions.")


def _generic_name(annotation: Any) -> str:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _name(args[0])
    if is_union(annotation):
        return " | ".join(map(_name, args))
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, args))}]"
    return f"{_name(origin)}[{', '.join(map(_name, args)) or '()'}]"
