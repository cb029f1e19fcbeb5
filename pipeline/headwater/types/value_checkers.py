"""Checks of values while they flow: one `isinstance` where that proves the type, pydantic where it does not."""

from __future__ import annotations

import re
import reprlib
import sys
import typing
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Collection,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    Reversible,
    Sequence,
)
from datetime import date, datetime
from types import GenericAlias
from typing import Any, Literal, NewType, NotRequired, TypeVar, cast, get_args, get_origin

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import CoreSchema, PydanticCustomError, SchemaError, SchemaValidator, core_schema
from typing_extensions import TypedDict, is_protocol, is_typeddict

from headwater.annotations import (
    alternatives,
    cached,
    constraints,
    describe,
    is_union,
    members,
    plain,
    shape,
    typed_dict_fields,
    union,
)
from headwater.display import shorten
from headwater.errors import FrameTypeError
from headwater.streams.grammar import Checker

__all__ = ["checker", "class_checker", "input_checker", "needs_validation", "runtime_class"]

_TOWER: Mapping[Any, tuple[type, ...]] = {float: (float, int), complex: (complex, float, int)}
_STRINGS = (str, bytes, bytearray, memoryview)
_STRICT_KINDS = frozenset({"int", "float", "bool", "str", "bytes", "list", "dict"})
_MOMENT_KINDS = frozenset({"date", "datetime", "time"})
_NUMBER = re.compile(r"[-+]?[0-9]*\.?[0-9]*")
_RECORD_KINDS = frozenset({"dataclass", "typed-dict"})
_OPAQUE_KEYS = frozenset({"default", "metadata", "serialization", "config", "cls", "expected"})
_STRING_SPLITTERS: frozenset[Any] = frozenset({Iterable, Collection, Reversible, Sequence})
_RECORDS: frozenset[Any] = frozenset({dict, Mapping, MutableMapping})
_LAZY: frozenset[Any] = frozenset({Iterable, Iterator, Generator, AsyncIterable, AsyncIterator, AsyncGenerator})
_MOST_FAULTS = 3
_LONGEST_VALUE = 200
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80


@cached
def checker(annotation: Any) -> Checker:
    """Return the checker of a type, shared by all edges; its validator is built for the first value that needs it.

    Numbers and strings are not converted: "3" is not an integer. A mapping becomes a pydantic model, a dataclass or a
    `TypedDict` where one is expected, and a string in ISO 8601 a date or a time. The same holds for the fields of a
    model, unless the model or the field says `strict` itself.
    """
    classes = runtime_class(annotation)
    expected = () if needs_validation(annotation) else classes
    marks = tuple(shape(one)[0] for one in (classes if isinstance(classes, tuple) else (classes,)) if one is not None)
    return Checker(object if expected is None else expected, _Coercion(annotation), marks)


@cached
def input_checker(annotation: Any) -> Checker:
    """Return the checker of values that no step has made: `true` is not an integer, and a datetime not a date."""
    usual = checker(annotation)
    classes = usual.expected if isinstance(usual.expected, tuple) else (usual.expected,)
    if bool not in classes:
        classes = tuple(_NARROW.get(one, one) for one in classes)
    if datetime in classes:
        classes = tuple(date if one is _Day else one for one in classes)
    return Checker(classes[0] if len(classes) == 1 else classes, usual.coerce)


class _Narrow(type):
    """The class of classes that have the instances of one class, without those of a certain class below it."""

    whole: type
    part: type

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, cls.whole) and not isinstance(value, cls.part)

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, cls.whole) and not issubclass(other, cls.part)


class _Integer(metaclass=_Narrow):
    whole, part = int, bool


class _Day(metaclass=_Narrow):
    whole, part = date, datetime


_NARROW: Mapping[Any, type] = {int: _Integer, date: _Day}


@cached
def class_checker(annotation: Any) -> Checker:
    """Return a checker that looks at the class of a value alone, not at its content.

    It is enough for what a generic step makes of its items: it cannot know their type, so the content of a list of them
    is what the edge brought.
    """
    expected = runtime_class(annotation)
    return Checker(object if expected is None else expected, _Coercion(annotation))


@cached
def runtime_class(annotation: Any) -> type | tuple[type, ...] | None:
    """Return the classes that values of a type are instances of; None for `Any`, type variables, some protocols."""
    classes = _classes(annotation)
    if classes is None:
        return None
    return classes[0] if len(classes) == 1 else classes


def _classes(annotation: Any) -> tuple[type, ...] | None:
    found = [_member_classes(one) for one in alternatives(annotation)]
    if any(classes is None for classes in found):
        return None
    return tuple(dict.fromkeys(one for classes in found for one in classes or ()))


def _member_classes(annotation: Any) -> tuple[type, ...] | None:
    if get_origin(annotation) is Literal:
        values: tuple[object, ...] = get_args(annotation)
        return (type(values[0]),)
    if isinstance(annotation, NewType):
        return _classes(annotation.__supertype__)
    if is_typeddict(annotation):
        return (dict,)
    asked = get_origin(annotation) or annotation
    if asked in {Any, object} or not isinstance(asked, type) or _is_unaskable(asked):
        return None
    classes: tuple[type, ...] = _TOWER.get(asked, (asked,))
    return classes


def _is_unaskable(origin: type) -> bool:
    return is_protocol(origin) and not getattr(origin, "_is_runtime_protocol", False)


@cached
def needs_validation(annotation: Any) -> bool:
    """Return whether more than one `isinstance` is needed to know that a value has a type.

    A mapping from strings to anything is a record: its arguments say no more than its class, as records have string
    keys.
    """
    beneath = plain(annotation)
    several = members(beneath)
    if constraints(annotation) or is_typeddict(beneath) or get_origin(beneath) is Literal:
        return True
    if isinstance(beneath, NewType):
        return needs_validation(beneath.__supertype__)
    if len(several) > 1:
        return any(map(needs_validation, several))
    origin, args = shape(beneath)
    if args == (str, Any) and origin in _RECORDS:
        return False
    return origin in _STRING_SPLITTERS or (origin not in _LAZY and any(map(_says_something, args)))


def _says_something(argument: Any) -> bool:
    return not (argument in (Any, object, Ellipsis) or isinstance(argument, TypeVar))


class _Coercion:
    """Validates values of one type; the validator is built for the first of them."""

    __slots__ = ("_annotation", "_validate")

    def __init__(self, annotation: Any) -> None:
        self._annotation = annotation
        self._validate: Callable[[Any], Any] | None = None

    def __repr__(self) -> str:
        return f"<coercion to {describe(self._annotation)}>"

    def __call__(self, value: Any) -> Any:
        if self._validate is None:
            self._validate = _validator(self._annotation).validate_python
        try:
            return self._validate(value)
        except ValidationError as error:
            message = _explain(self._annotation, value, error)
        raise FrameTypeError(message)  # outside `except`, as the original error holds the whole value


def _validator(annotation: Any) -> SchemaValidator:
    if shape(plain(annotation))[0] not in _LAZY:  # pydantic would wrap an iterator, and validate its items too late
        for config in (
            ConfigDict(arbitrary_types_allowed=True),
            None,
        ):  # records refuse a config from outside
            try:
                schema = _strict(TypeAdapter[Any](_modern(annotation), config=config).core_schema)
                build: Any = SchemaValidator  # otherwise it would take models as they were built for themselves
                return cast("SchemaValidator", build(schema, _use_prebuilt=False))
            except (PydanticUserError, SchemaError, TypeError, NameError, RecursionError):
                continue
    expected = runtime_class(annotation)
    return SchemaValidator(core_schema.any_schema() if expected is None else _instance_of(expected))


_GENERIC: frozenset[Any] = frozenset({list, dict, tuple})


def _modern(annotation: Any) -> Any:
    """Redeclare each `TypedDict` of `typing` with typing_extensions, as pydantic demands before Python 3.12."""
    if sys.version_info >= (3, 12):
        return annotation
    beneath = plain(annotation)
    origin, args = get_origin(beneath), get_args(beneath)
    if typing.is_typeddict(beneath):
        return _redeclared(beneath)
    if origin in _GENERIC:
        return GenericAlias(origin, tuple(map(_modern, args)))
    return union(*map(_modern, args)) if is_union(beneath) else annotation


def _redeclared(typed_dict: Any) -> Any:
    declare: Any = TypedDict
    fields, required = typed_dict_fields(typed_dict)
    modern = {name: _modern(hint) for name, hint in fields.items()}
    optional = {name: NotRequired[hint] for name, hint in modern.items() if name not in required}
    return declare(typed_dict.__name__, modern | optional)


def _instance_of(expected: type | tuple[type, ...]) -> CoreSchema:
    def refuse_string(value: Any) -> Any:
        if isinstance(value, _STRINGS):
            raise PydanticCustomError("text", "a string is not read as the sequence of its characters")
        return value

    schema = core_schema.is_instance_schema(expected)
    splits = expected in _STRING_SPLITTERS
    return core_schema.no_info_after_validator_function(refuse_string, schema) if splits else schema


def _strict(schema: Any) -> Any:
    """Copy a core schema so that numbers and strings are not converted, while records are still made of mappings.

    The `strict` of pydantic itself applies to both or to neither.
    """
    if isinstance(schema, (list, tuple)):
        parts = map(_strict, cast("Iterable[Any]", schema))
        return tuple(parts) if isinstance(schema, tuple) else list(parts)
    if not isinstance(schema, dict):
        return schema
    node = cast("dict[str, Any]", schema)
    kind = node.get("type")
    if not isinstance(kind, str):  # the fields of a record by their names
        return {name: _strict(part) for name, part in node.items()}
    if kind == "model" and "strict" in node["cls"].model_config:
        return node
    copy = {key: part if key in _OPAQUE_KEYS else _strict(part) for key, part in node.items()}
    if kind in _STRICT_KINDS or kind in _RECORD_KINDS:
        copy.setdefault("strict", kind in _STRICT_KINDS)
    if kind in _MOMENT_KINDS:
        return core_schema.no_info_before_validator_function(_refuse_number, cast("CoreSchema", copy))
    return copy


def _refuse_number(value: Any) -> Any:
    """Refuse what pydantic would read as the seconds since 1970."""
    if isinstance(value, (int, float)) or (isinstance(value, str) and _NUMBER.fullmatch(value.strip())):
        raise PydanticCustomError("text", "a number is not a date or a time; write it in ISO 8601")
    return value


def _explain(annotation: Any, value: Any, error: ValidationError) -> str:
    faults = error.errors(include_url=False, include_context=False)
    parts = [_fault(fault["loc"], fault["msg"], fault["input"]) for fault in faults[:_MOST_FAULTS]]
    more = [f"and {len(faults) - _MOST_FAULTS} more"] if len(faults) > _MOST_FAULTS else []
    found = f"expected {describe(annotation)}, found {_brief(value)} of type {type(value).__name__}"
    return f"{found}: {'; '.join(parts + more)}"


def _fault(location: tuple[int | str, ...], message: str, found: Any) -> str:
    text = message[:1].lower() + message[1:]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    return f"at {path} {text}, found {_brief(found)}" if path else text


def _brief(value: Any) -> str:
    """Return a value on one short line, built only in part when it is large; secrets mask themselves."""
    return shorten(_SHORT.repr(value), _LONGEST_VALUE)
