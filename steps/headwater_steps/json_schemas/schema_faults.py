"""Faults of a JSON Schema, found before any item is checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import islice
from typing import Any, NamedTuple

from headwater import PatternError
from headwater.toolkit import (
    Fault,
    JsonPath,
    WorkBudget,
    compile_pattern,
    find_cycles,
    is_list,
    is_object,
    quote,
    shorten,
    topological_order,
)
from headwater_steps.json_schemas.checked_schema import (
    DIALECT,
    DRAFT202012,
    SPECIFICATIONS,
    CheckedSchema,
    KeywordValidator,
    Unresolvable,
    resolver_of,
)

__all__ = ["checked_schema", "faults_of"]

APPLICATIONS_LIMIT = 1_000
"""Most schemas that are applied to one value, each counted as often as it is applied."""

_FAULTS_LIMIT = 300
_FAULT_STEPS = 50

_SPECIFICATION = "https://json-schema.org/draft/2020-12/"
_VOCABULARIES = ("core", "applicator", "unevaluated", "validation", "meta-data", "format-annotation", "content")
_ANNOTATIONS = {"definitions", "example", "externalDocs", "discriminator", "xml", "markdownDescription"}
_REFERENCES = ("$ref", "$dynamicRef")

_Places = tuple[frozenset[str], frozenset[str], frozenset[str]]

# Where a schema has schemas: alone, in a list, by names. Those in place are applied to the same value.
_IN_PLACE: _Places = (
    frozenset({"not", "if", "then", "else"}),
    frozenset({"allOf", "anyOf", "oneOf"}),
    frozenset({"dependentSchemas"}),
)
_INSIDE: _Places = (
    frozenset(
        [
            "additionalProperties",
            "contains",
            "contentSchema",
            "items",
            "propertyNames",
            "unevaluatedItems",
            "unevaluatedProperties",
        ]
    ),
    frozenset({"prefixItems"}),
    frozenset({"$defs", "definitions", "patternProperties", "properties"}),
)
_ALONE, _LISTED, _NAMED = (place | inside for place, inside in zip(_IN_PLACE, _INSIDE, strict=True))
_ANYWHERE = _ALONE | _LISTED | _NAMED

_HINT = "see https://json-schema.org/understanding-json-schema/reference"
_LONGEST_MESSAGE = 300
_SCHEMA_TYPES = "'object', 'boolean'"


class _Part(NamedTuple):
    """A schema within a schema, and the resolver of its references."""

    path: JsonPath
    schema: dict[str, Any]
    resolver: Any


def faults_of(schema: dict[str, Any]) -> list[Fault]:
    """Return what is wrong with a schema: all of it, unless that is very much.

    Example:
        >>> faults_of({"properties": {"age": {"type": "intger"}}})[0].path
        ('properties', 'age', 'type')
        >>> faults_of({"items": {"$ref": "https://example.com/other.json"}})[0].message
        "'https://example.com/other.json' is not in this schema, and nothing is fetched"
    """
    checked = checked_schema(schema, WorkBudget())
    return checked if isinstance(checked, list) else []


def checked_schema(schema: dict[str, Any], budget: WorkBudget) -> CheckedSchema | list[Fault]:
    """Return what checks items by a schema, or what is wrong with it."""
    if schema.get("$schema", DIALECT) not in (DIALECT, f"{DIALECT}#"):
        return [_fault(("$schema",), f"expected {quote(DIALECT)}, the only dialect that is supported")]
    resolver: Any = None
    faults = list(islice(_faults_of_values((), schema, budget), _FAULTS_LIMIT))
    if not faults:
        try:
            resolver = resolver_of(schema, budget)
            parts = list(_parts((), schema, resolver))
        except ValueError as error:  # as of brackets in the wrong place
            return [_fault((), f"an $id in it is not an address: {error}")]
        faults = list(islice(_faults_of_use(parts), _FAULTS_LIMIT))
    budget.charge(_FAULT_STEPS * len(faults))
    return faults or CheckedSchema(schema, resolver)


def _faults_of_use(parts: Sequence[_Part]) -> Iterator[Fault]:
    """Yield what is wrong with a schema whose keywords all have values of the right type."""
    yield from _faults_of_keywords(parts)
    yield from _faults_of_patterns(parts)
    yield from _faults_of_references(parts)


def _fault(path: JsonPath, message: str) -> Fault:
    return Fault("bad-schema", shorten(message, _LONGEST_MESSAGE), path, _HINT)


def _faults_of_values(path: JsonPath, schema: dict[str, Any], budget: WorkBudget) -> Iterator[Fault]:
    """Yield the values of keywords that the specification does not allow, in a schema and in all those within it.

    Each schema is held against the specification by itself: a check of the whole by the schema of schemas takes some
    200 microseconds for each.
    """
    budget.charge(2 + 2 * len(schema))
    for keyword, value in schema.items():
        place = (*path, keyword)
        if keyword in _ALONE:
            yield from _faults_of_schema(place, value, budget)
        elif keyword in _LISTED:
            if not is_list(value) or not value:
                yield _fault(place, f"{_shown(value)} {'should be non-empty' if is_list(value) else _not('array')}")
                continue
            for index, inner in enumerate(value):
                yield from _faults_of_schema((*place, index), inner, budget)
        elif keyword in _NAMED:
            if not is_object(value):
                yield _fault(place, f"{_shown(value)} {_not('object')}")
                continue
            for name, inner in value.items():
                yield from _faults_of_schema((*place, name), inner, budget)
        elif not _is_good(keyword, value):
            for error in _keyword_faults()[keyword](value):
                yield _fault((*place, *error.absolute_path), (error.context or [error])[0].message)


def _faults_of_schema(path: JsonPath, schema: object, budget: WorkBudget) -> Iterator[Fault]:
    if is_object(schema):
        yield from _faults_of_values(path, schema, budget)
    elif not isinstance(schema, bool):
        yield _fault(path, f"{_shown(schema)} is not of type {_SCHEMA_TYPES}")


def _shown(value: object) -> str:
    return shorten(repr(value), _LONGEST_MESSAGE // 2)


def _not(type_: str) -> str:
    return f"is not of type {type_!r}"


def _is_good(keyword: str, value: object) -> bool:
    """Return whether a keyword may have a value; what is short and occurs often is looked up."""
    if keyword not in _keyword_faults():
        return True
    if isinstance(value, (str, int, float)) and len(str(value)) < 100:
        return _is_good_scalar(keyword, value)
    return _has_no_fault(keyword, value)


@lru_cache(maxsize=1_024, typed=True)
def _is_good_scalar(keyword: str, value: float | str) -> bool:
    return _has_no_fault(keyword, value)


def _has_no_fault(keyword: str, value: object) -> bool:
    return next(iter(_keyword_faults()[keyword](value)), None) is None


@cache
def _keyword_faults() -> Mapping[str, Callable[[Any], Iterator[Any]]]:
    """Return the checks of the values of each keyword, as the specification declares them."""
    schemas = [SPECIFICATIONS.contents(f"{_SPECIFICATION}meta/{name}") for name in _VOCABULARIES]
    return {
        keyword: KeywordValidator(_inlined(declared, schema.get("$defs", {}))).iter_errors
        for schema in schemas
        for keyword, declared in schema["properties"].items()
    }


def _inlined(declared: Any, definitions: Mapping[str, Any]) -> Any:
    """Return a declaration with what it refers to in its place."""
    if is_list(declared):
        return [_inlined(inner, definitions) for inner in declared]
    if not is_object(declared):
        return declared
    name = declared.get("$ref", "").rpartition("/")[2]
    rest = {key: _inlined(inner, definitions) for key, inner in declared.items() if key != "$ref"}
    return {**_inlined(definitions[name], definitions), **rest} if name else rest


def _parts(path: JsonPath, schema: dict[str, Any], resolver: Any) -> Iterator[_Part]:
    """Yield a schema and all those within it, each with the base of its references."""
    if path and "$id" in schema:
        resolver = resolver.in_subresource(DRAFT202012.create_resource(schema))
    yield _Part(path, schema, resolver)
    if schema.keys().isdisjoint(_ANYWHERE):
        return
    for tables in (_IN_PLACE, _INSIDE):
        for place, inner in _within(schema, tables):
            yield from _parts((*path, *place), inner, resolver)


def _within(schema: Mapping[str, Any], tables: _Places) -> Iterator[tuple[JsonPath, dict[str, Any]]]:
    alone, listed, named = tables
    for key in schema.keys() & alone:
        if is_object(schema[key]):
            yield (key,), schema[key]
    for key in schema.keys() & listed:
        yield from (((key, index), part) for index, part in enumerate(schema[key]) if is_object(part))
    for key in schema.keys() & named:
        yield from (((key, name), part) for name, part in schema[key].items() if is_object(part))


@cache
def _keywords() -> frozenset[str]:
    schemas = (SPECIFICATIONS.contents(f"{_SPECIFICATION}meta/{name}") for name in _VOCABULARIES)
    return frozenset(_ANNOTATIONS.union(*(schema["properties"] for schema in schemas)))


def _faults_of_keywords(parts: Sequence[_Part]) -> Iterator[Fault]:
    """Find misspelled keywords, which would allow everything, and a pair that is not safe together."""
    has_patterns = any("patternProperties" in part.schema for part in parts)
    for path, schema, _ in parts:
        for keyword in schema.keys() - _keywords():
            if not keyword.startswith("x-"):
                message = f"unknown keyword {quote(keyword)}; your own begin with x-"
                yield Fault(
                    "bad-schema", message, (*path, keyword), at_key=True, unknown=keyword, known=tuple(_keywords())
                )
        if has_patterns and "unevaluatedProperties" in schema:
            yield _fault((*path, "unevaluatedProperties"), "cannot be used together with 'patternProperties' here")


def _faults_of_patterns(parts: Sequence[_Part]) -> Iterator[Fault]:
    for path, schema, _ in parts:
        patterns: list[tuple[JsonPath, str]] = [(("pattern",), schema["pattern"])] if "pattern" in schema else []
        patterns += [(("patternProperties", pattern), pattern) for pattern in schema.get("patternProperties", ())]
        for place, pattern in patterns:
            try:
                compile_pattern(pattern)
            except PatternError as error:
                yield _fault((*path, *place), str(error))


def _faults_of_references(parts: Sequence[_Part]) -> Iterator[Fault]:
    numbers = {id(part.schema): str(number) for number, part in enumerate(parts)}
    pairs: list[tuple[str, str]] = []
    targets: dict[tuple[int, str], object] = {}
    for path, schema, resolver in parts:
        number = numbers[id(schema)]
        if not schema.keys().isdisjoint(_ANYWHERE):
            pairs += [(number, numbers[id(inner)]) for _, inner in _within(schema, _IN_PLACE)]
        for keyword in [keyword for keyword in _REFERENCES if keyword in schema]:
            reference = schema[keyword]
            key = (id(resolver), reference)
            if key not in targets:
                targets[key] = _target(resolver, reference)
            target = targets[key]
            if id(target) in numbers:
                pairs.append((number, numbers[id(target)]))
            elif not isinstance(target, bool) and not reference.startswith(_SPECIFICATION):
                message = f"{quote(reference)} is not in this schema, and nothing is fetched"
                yield _fault((*path, keyword), message)
    yield from _faults_of_size(parts, pairs)


def _target(resolver: Any, reference: str) -> object:
    """Return the target of a reference, or None."""
    try:
        return resolver.lookup(reference).contents
    except (Unresolvable, ValueError, LookupError, TypeError):  # odd pointers and addresses raise the others
        return None


def _faults_of_size(parts: Sequence[_Part], pairs: Sequence[tuple[str, str]]) -> Iterator[Fault]:
    """Find schemas that are applied to one value endlessly, or too often."""
    numbers = [str(number) for number in range(len(parts))]
    for cycle in find_cycles(numbers, pairs):
        yield _fault(parts[int(cycle[0])].path, "is applied to the same value endlessly")
    applications = dict.fromkeys(numbers, 1)
    applied: dict[str, list[str]] = {number: [] for number in numbers}
    for outer, inner in pairs:
        applied[outer].append(inner)
    for number in reversed(topological_order(numbers, pairs)):
        applications[number] += sum(applications[inner] for inner in applied[number])
        if applications[number] > APPLICATIONS_LIMIT:
            message = f"applies more than {APPLICATIONS_LIMIT} schemas to one value"
            yield _fault(parts[int(number)].path, message)
            return
