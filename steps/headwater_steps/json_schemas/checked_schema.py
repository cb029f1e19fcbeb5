"""JSON Schemas (draft 2020-12, https://json-schema.org/draft/2020-12) that are safe to check any item with.

A schema is refused when it is wrong, refers to anything outside of it, has patterns that could take long, or is applied
to one value endlessly. Nothing is ever fetched. `jsonschema` checks the items; patterns are those of conditions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from fractions import Fraction
from functools import lru_cache
from importlib import import_module
from itertools import islice
from threading import local
from typing import Any

from pydantic_core import to_json, to_jsonable_python

from headwater import MissingExtraError
from headwater.toolkit import WorkBudget, compile_pattern, is_list, is_object, path_text, quote, shorten

try:
    from jsonschema.exceptions import ValidationError
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    # all have no types
    VALIDATORS: Any = import_module("jsonschema.validators")
    evolve: Any = import_module("attrs").evolve
    SPECIFICATIONS: Any = import_module("jsonschema_specifications").REGISTRY
except ImportError as _error:
    raise MissingExtraError("a check of items by a JSON Schema", "schema") from _error

__all__ = [
    "DIALECT",
    "DRAFT202012",
    "SPECIFICATIONS",
    "CheckedSchema",
    "KeywordValidator",
    "TooMuchWorkError",
    "Unresolvable",
    "is_large",
    "resolver_of",
]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_LONGEST_MESSAGE = 300
_LOOKS_EVERY = 1_024
_MEMBERS_OF_KEYWORD = 4
_MEMBERS_OF_ITEM = 32
"""How many members of a value are charged like one use of a schema."""
_QUICK_BYTES = 8 * 1_024
_REFERENCE_BY_NAME = re.compile(rb'"\$(?:dynamicR|r)ef":"(?!#[/"])')
_Errors = Iterator[ValidationError]
_Keyword = Callable[[Any, Any, Any, Any], _Errors]


class TooMuchWorkError(Exception):
    """Internal: the check of an item took more work than it may."""


class _Allowance(local):
    """How often the check that runs in a thread may still apply a schema, and what ends it early."""

    left: int = 0
    stops: Callable[[], bool] = staticmethod(lambda: False)


_allowance = _Allowance()


class CheckedSchema:
    """A schema without faults, ready to check items.

    Example:
        >>> CheckedSchema({"properties": {"age": {"minimum": 0}}}).violations({"age": -3}, most=5)
        [('$.age', '-3 is less than the minimum of 0')]
    """

    __slots__ = ("_errors",)

    def __init__(self, schema: Mapping[str, Any], resolver: Any = None) -> None:
        validator = _Validator(schema, registry=SPECIFICATIONS, _resolver=resolver or resolver_of(schema, WorkBudget()))
        self._errors: Callable[[Any], _Errors] = validator.iter_errors

    def violations(
        self, item: Any, most: int, *, work: int = 200_000, stops: Callable[[], bool] = lambda: False
    ) -> list[tuple[str, str]]:
        """Return the JSON path and a message for what is wrong with an item, up to a number; models are objects.

        `TooMuchWorkError` says that schemas were applied `work` times to it or its parts, or that `stops` returned
        True: recursive alternatives may take time that doubles with each level.
        """
        _allowance.left, _allowance.stops = work, stops
        try:
            return [_said(error) for error in islice(self._errors(to_jsonable_python(item)), most)]
        except TooMuchWorkError:
            raise
        except ValueError as error:  # as pydantic's errors are, and that of a number with too many digits to be shown
            return [("$", f"cannot be written as JSON: {shorten(str(error), _LONGEST_MESSAGE)}")]
        except (ArithmeticError, RecursionError) as error:
            return [("$", f"cannot be checked: {type(error).__name__}")]


def is_large(item: Any) -> bool:
    """Return whether checking an item may take long for its size alone."""
    if isinstance(item, str | int | float | None):
        return False
    try:
        return len(to_json(item)) > _QUICK_BYTES
    except ValueError:  # it cannot be written, which the check reports
        return False


def resolver_of(schema: Mapping[str, Any], budget: WorkBudget) -> Any:
    """Return what resolves the references of a schema, which is searched once for what they name.

    Without that, each reference by a name, and each to nothing, would have the whole schema searched.
    """
    resource = DRAFT202012.create_resource(schema)
    base = resource.id() or ""
    registry = SPECIFICATIONS.with_resource(base, resource)
    if _REFERENCE_BY_NAME.search(to_json(schema, fallback=repr)):
        budget.charge(budget.steps - budget.left)  # as much as the check so far, which has visited the same parts
        registry = registry.crawl()
    return registry.resolver(base)


def _said(error: ValidationError) -> tuple[str, str]:
    return path_text(tuple(error.absolute_path)), shorten(error.message, _LONGEST_MESSAGE)


_test = lru_cache(maxsize=1_024)(compile_pattern)


def _pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> _Errors:
    if isinstance(instance, str) and not _test(pattern)(instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Mapping[str, Any], instance: Any, _schema: Any) -> _Errors:
    if not is_object(instance):
        return
    for pattern, inner in patterns.items():
        for name in filter(_test(pattern), instance):
            yield from validator.descend(instance[name], inner, path=name, schema_path=pattern)


def _additional_properties(validator: Any, allowed: Any, instance: Any, schema: Mapping[str, Any]) -> _Errors:
    if not is_object(instance):
        return
    tests = [_test(pattern) for pattern in schema.get("patternProperties", ())]
    named = schema.get("properties", ())
    extra = [name for name in instance if name not in named and not any(test(name) for test in tests)]
    if is_object(allowed):
        for name in extra:
            yield from validator.descend(instance[name], allowed, path=name)
    elif extra and not allowed:
        verb = "is" if len(extra) == 1 else "are"
        yield ValidationError(f"{', '.join(map(quote, extra))} {verb} not allowed")


def _multiple_of(_validator: Any, factor: Any, instance: Any, _schema: Any) -> _Errors:
    """Compare as decimal numbers: 0.3 is a multiple of 0.1."""
    if isinstance(instance, int | float) and not isinstance(instance, bool) and _exact(instance) % _exact(factor):
        yield ValidationError(f"{instance!r} is not a multiple of {factor}")


def _exact(number: float) -> Fraction:
    return Fraction(number) if isinstance(number, int) else Fraction(repr(number))


def _unique_items(_validator: Any, unique: bool, instance: Any, _schema: Any) -> _Errors:  # noqa: FBT001 - a keyword
    if unique and is_list(instance) and len(set(map(_identity, instance))) < len(instance):
        yield ValidationError(f"{shorten(repr(instance), _LONGEST_MESSAGE // 2)} has non-unique elements")


def _identity(value: Any) -> Hashable:
    """Return the same for equal JSON values only; of strings, whose hashes cannot be made to collide."""
    if is_object(value):
        return frozenset((key, _identity(part)) for key, part in value.items())
    if is_list(value):
        return tuple(map(_identity, value))
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"{value!r}" if isinstance(value, str | bool | float) or value is None else f"{value:x}"


def _charged(keyword: _Keyword) -> _Keyword:
    """Charge each use of a keyword that applies schemas or compares values, which alone can be many."""

    def use(validator: Any, value: Any, instance: Any, schema: Any) -> _Errors:
        before = _allowance.left
        left = _allowance.left = (
            before - 1 - _members(value) // _MEMBERS_OF_KEYWORD - _members(instance) // _MEMBERS_OF_ITEM
        )
        if left <= 0 or (before // _LOOKS_EVERY != left // _LOOKS_EVERY and _allowance.stops()):
            raise TooMuchWorkError
        return keyword(validator, value, instance, schema)

    return use


def _members(value: Any) -> int:
    return len(value) if is_object(value) or is_list(value) else 0


_OWN: dict[str, _Keyword] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "multipleOf": _multiple_of,
    "uniqueItems": _unique_items,
}
_CHARGED = (
    "$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "not", "if", "dependentSchemas", "properties", "prefixItems",
    "items", "contains", "patternProperties", "additionalProperties", "propertyNames", "unevaluatedItems",
    "unevaluatedProperties", "enum", "const", "uniqueItems", "required", "dependentRequired",
)  # fmt: skip
_KEYWORDS: dict[str, _Keyword] = {**VALIDATORS.Draft202012Validator.VALIDATORS, **_OWN}
KeywordValidator: Any = VALIDATORS.extend(VALIDATORS.Draft202012Validator, _OWN)
"""Draft 2020-12 with the patterns of conditions, because those of Python may take forever."""
_Validator: Any = VALIDATORS.extend(KeywordValidator, {name: _charged(_KEYWORDS[name]) for name in _CHARGED})
# Otherwise a schema within a schema that has a `$schema` would be applied by the validator of the library.
_Validator.evolve = evolve
