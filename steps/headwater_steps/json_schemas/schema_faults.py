"""Faults of a JSON Schema, found before any item is checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from headwater import PatternError
from headwater.toolkit import Fault, JsonPath, compile_pattern, find_cycles, is_object, quote, topological_order
from headwater_steps.json_schemas.checked_schema import DRAFT202012, SPECIFICATIONS, VALIDATORS, Unresolvable

__all__ = ["faults_of"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
APPLICATIONS_LIMIT = 1_000
"""Most schemas that are applied to one value, each counted as often as it is applied."""

_SPECIFICATION = "https://json-schema.org/draft/2020-12/"
_VOCABULARIES = ("core", "applicator", "unevaluated", "validation", "meta-data", "format-annotation", "content")
_ANNOTATIONS = {"definitions", "example", "externalDocs", "discriminator", "xml", "markdownDescription"}
_REFERENCES = ("$ref", "$dynamicRef")

# Where a schema has schemas: alone, in a list, by names. Those in place are applied to the same value.
_IN_PLACE = (("not", "if", "then", "else"), ("allOf", "anyOf", "oneOf"), ("dependentSchemas",))
_INSIDE = (
    ("additionalProperties", "contains", "items", "propertyNames", "unevaluatedItems", "unevaluatedProperties"),
    ("prefixItems",),
    ("$defs", "definitions", "patternProperties", "properties"),
)


_HINT = "see https://json-schema.org/understanding-json-schema/reference"


class _Part(NamedTuple):
    """A schema within a schema, and the resolver of its references."""

    path: JsonPath
    schema: dict[str, Any]
    resolver: Any


def faults_of(schema: dict[str, Any]) -> list[Fault]:
    """Return everything that is wrong with a schema.

    Example:
        >>> faults_of({"properties": {"age": {"type": "intger"}}})[0].path
        ('properties', 'age', 'type')
        >>> faults_of({"items": {"$ref": "https://example.com/other.json"}})[0].message
        "'https://example.com/other.json' is not in this schema, and nothing is fetched"
    """
    if schema.get("$schema", DIALECT) not in {DIALECT, f"{DIALECT}#"}:
        return [_fault(("$schema",), f"expected {quote(DIALECT)}, the only dialect that is supported")]
    errors = VALIDATORS.Draft202012Validator(SPECIFICATIONS.contents(DIALECT)).iter_errors(schema)
    wrong = {tuple(error.absolute_path): (error.context or [error])[0].message for error in errors}
    if wrong:
        return [_fault(path, message) for path, message in wrong.items()]
    resource = DRAFT202012.create_resource(schema)
    parts = list(_parts((), schema, SPECIFICATIONS.resolver_with_root(resource)))
    return [*_faults_of_keywords(parts), *_faults_of_patterns(parts), *_faults_of_references(parts)]


def _fault(path: JsonPath, message: str) -> Fault:
    return Fault("bad-schema", message, path, _HINT)


def _parts(path: JsonPath, schema: dict[str, Any], resolver: Any) -> Iterator[_Part]:
    """Yield a schema and all those within it, each with the base of its references."""
    if path and "$id" in schema:
        resolver = resolver.in_subresource(DRAFT202012.create_resource(schema))
    yield _Part(path, schema, resolver)
    for tables in (_IN_PLACE, _INSIDE):
        for place, inner in _within(schema, tables):
            yield from _parts((*path, *place), inner, resolver)


def _within(schema: Mapping[str, Any], tables: Sequence[Sequence[str]]) -> Iterator[tuple[JsonPath, dict[str, Any]]]:
    alone, listed, named = tables
    inner: list[tuple[JsonPath, Any]] = [((key,), schema.get(key)) for key in alone]
    inner += [((key, index), part) for key in listed for index, part in enumerate(schema.get(key, ()))]
    inner += [((key, name), part) for key in named for name, part in schema.get(key, {}).items()]
    yield from ((path, part) for path, part in inner if is_object(part))


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
    for path, schema, resolver in parts:
        number = numbers[id(schema)]
        pairs += [(number, numbers[id(inner)]) for _, inner in _within(schema, _IN_PLACE)]
        for keyword in [keyword for keyword in _REFERENCES if keyword in schema]:
            reference = schema[keyword]
            target = _target(resolver, reference)
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
