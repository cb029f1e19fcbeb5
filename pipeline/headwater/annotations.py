"""What the annotation of a port says: its parts, its variables, its name.

Annotations are of no common type (classes, unions, aliases, `None`, type variables), so they are `Any` here.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
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
from pydantic.fields import FieldInfo
from typing_extensions import ReadOnly

from headwater.display import shorten

__all__ = [
    "cached",
    "constraints",
    "describe",
    "members",
    "parameters",
    "plain",
    "shape",
    "substitute",
    "typed_dict_fields",
    "union",
    "upper",
]

_P = ParamSpec("_P")
_R = TypeVar("_R")

_ALIASES = (
    typing_extensions.TypeAliasType,
    getattr(typing, "TypeAliasType", typing_extensions.TypeAliasType),
)
_QUALIFIERS: frozenset[Any] = frozenset({Required, NotRequired, ReadOnly, ClassVar, Final})
_LONGEST_ALIAS_CHAIN = 64
_LONGEST_NAME = 200


def cached(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Remember the answers of a function of annotations.

    Annotations with metadata that has no hash are answered each time anew.

    Args:
        function: A pure function whose arguments are annotations.

    Returns:
        A function that answers the same, from a bounded memory.
    """
    remembered = cast("Callable[_P, _R]", lru_cache(maxsize=4096)(function))

    @wraps(function)
    def answer(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            hash(args)
        except TypeError:
            return function(*args, **kwargs)
        return remembered(*args, **kwargs)

    return answer


def plain(annotation: Any) -> Any:
    """Take off what does not change the class of a value: `Annotated`, type aliases, `Required` and its like.

    Args:
        annotation: Any annotation.

    Returns:
        The annotation beneath, with None as `NoneType`; its arguments are left as they are.

    Example:
        >>> plain(Annotated[int, "bytes"])
        <class 'int'>
    """
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
    """List the metadata of an `Annotated` that may refuse a value; a plain text refuses none."""
    if get_origin(annotation) is not Annotated:
        return ()
    return tuple(data for data in annotation.__metadata__ if _constrains(data))


def _constrains(data: Any) -> bool:
    if isinstance(data, FieldInfo):
        return bool(data.metadata)
    return not isinstance(data, str)


def members(annotation: Any) -> tuple[Any, ...]:
    """List the alternatives of a plain annotation: of a union its members, of a `Literal` one for each value.

    Example:
        >>> members(int | None)
        (<class 'int'>, <class 'NoneType'>)
    """
    origin = get_origin(annotation)
    if origin is Literal:
        return tuple(Literal[value] for value in get_args(annotation))
    if origin is Union or origin is UnionType:
        return get_args(annotation)
    return (annotation,)


def union(*annotations: Any) -> Any:
    """Join annotations to a union; one is itself, none is `Any`."""
    return Union[annotations] if annotations else Any  # noqa: UP007 - `|` joins two, and no forward references


def shape(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """Split a generic into its class and its arguments.

    Returns:
        The class and the arguments, which are empty for a class that is given bare.

    Example:
        >>> shape(dict[str, int])
        (<class 'dict'>, (<class 'str'>, <class 'int'>))
    """
    origin = get_origin(annotation)
    if origin is not None:
        return origin, get_args(annotation)
    generic = _pydantic_generic(annotation)
    if not generic:
        return annotation, ()
    return generic["origin"] or annotation, generic["args"] or generic["parameters"]


def _pydantic_generic(annotation: Any) -> Mapping[str, Any]:
    """Tell how a generic pydantic model, which is a class of its own for each set of arguments, was made."""
    return getattr(annotation, "__pydantic_generic_metadata__", None) or {}


def parameters(annotation: Any) -> tuple[Any, ...]:
    """List the type variables that an annotation leaves open, in the order in which it takes arguments.

    A generic class without arguments leaves none open, as it means any arguments; but a pydantic model does, as it is
    the same class as the model with its own variables for arguments.
    """
    if isinstance(annotation, TypeVar):
        return (annotation,)
    if isinstance(annotation, type):
        return tuple(_pydantic_generic(annotation).get("parameters", ()))
    return () if isinstance(annotation, _ALIASES) else getattr(annotation, "__parameters__", ())


def substitute(annotation: Any, bindings: Mapping[Any, Any]) -> Any:
    """Put types in the place of type variables.

    Args:
        annotation: Any annotation.
        bindings: The type of each variable that is known; the others stay.

    Returns:
        The annotation with its known variables replaced, once.

    Example:
        >>> substitute(list[_R], {_R: int})
        list[int]
    """
    if isinstance(annotation, TypeVar):
        return bindings.get(annotation, annotation)
    variables = parameters(annotation)
    if not any(variable in bindings for variable in variables):
        return annotation
    return annotation[tuple(bindings.get(variable, variable) for variable in variables)]


def typed_dict_fields(typed_dict: Any) -> tuple[dict[str, Any], frozenset[str]]:
    """Read the fields of a `TypedDict`, whichever of the two it is and however its annotations are written.

    Args:
        typed_dict: The class.

    Returns:
        The annotation of each field without `Required` and its like, and the names of the required ones;
        `__required_keys__` alone knows nothing of what postponed annotations say.
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
    """Name an annotation as one would write it, without modules.

    Args:
        annotation: Any annotation.

    Returns:
        One line of at most 200 characters.

    Example:
        >>> describe(dict[str, list[int]] | None)
        'dict[str, list[int]] | None'
    """
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
    if origin is Union or origin is UnionType:
        return " | ".join(map(_name, args))
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, args))}]"
    return f"{_name(origin)}[{', '.join(map(_name, args)) or '()'}]"
