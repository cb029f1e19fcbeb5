"""JSON Schemas (draft 2020-12, https://json-schema.org/draft/2020-12) that are safe to check any item with.

A schema is refused when it is wrong, refers to anything outside of it, has patterns that could take long, or is applied
to one value endlessly. Nothing is ever fetched. `jsonschema` checks the items; patterns are those of conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from importlib import import_module
from itertools import islice
from typing import Any

from pydantic_core import to_jsonable_python

from headwater import MissingExtraError
from headwater.toolkit import compile_pattern, is_object, path_text, quote, shorten

try:
    from jsonschema.exceptions import ValidationError
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    # both have no types
    VALIDATORS: Any = import_module("jsonschema.validators")
    SPECIFICATIONS: Any = import_module("jsonschema_specifications").REGISTRY
except ImportError as _error:
    raise MissingExtraError("a check of items by a JSON Schema", "schema") from _error

__all__ = ["DRAFT202012", "SPECIFICATIONS", "VALIDATORS", "CheckedSchema", "Unresolvable"]

_LONGEST_MESSAGE = 300
_Errors = Iterator[ValidationError]


class CheckedSchema:
    """A schema without faults, ready to check items.

    Example:
        >>> CheckedSchema({"properties": {"age": {"minimum": 0}}}).violations({"age": -3}, most=5)
        [('$.age', '-3 is less than the minimum of 0')]
    """

    __slots__ = ("_errors",)

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._errors: Callable[[Any], _Errors] = _Validator(schema, registry=SPECIFICATIONS).iter_errors

    def violations(self, item: Any, most: int) -> list[tuple[str, str]]:
        """Return the JSON path and a message for what is wrong with an item, up to a number; models are objects."""
        try:
            value = to_jsonable_python(item)
        except ValueError as error:  # as pydantic's errors are
            return [("$", f"cannot be written as JSON: {error}")]
        return [_said(error) for error in islice(self._errors(value), most)]


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


_Validator: Any = VALIDATORS.extend(
    VALIDATORS.Draft202012Validator,
    {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
    },
)
"""Draft 2020-12 with the patterns of conditions, because those of Python may take forever."""
