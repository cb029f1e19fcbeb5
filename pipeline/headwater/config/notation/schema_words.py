"""What a JSON Schema accepts at a place, and what a value is, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, cast

from pydantic import SecretStr

from headwater.config.conditions.field_paths import FIELD_PATTERN
from headwater.config.problems import JsonPath, quote
from headwater.shapes import is_mapping

__all__ = ["Schema", "alternatives_at", "expected", "in_words"]

Schema: TypeAlias = Mapping[str, Any]


def expected(schemas: Iterable[Schema]) -> str:
    """Return what a place accepts in words, such as `a whole number from 1 to 65536`; the schemas are alternatives."""
    phrases = dict.fromkeys(_phrase(schema) for schema in schemas)
    if len(phrases) > 1:
        phrases.pop("null", None)
    return " or ".join(phrases) or "nothing"


def in_words(value: object) -> str:
    """Return what a value is in words, without ever showing a secret.

    Args:
        value: A value of a document.

    Returns:
        Such as `the string 'x'`.

    Example:
        >>> in_words(True), in_words("x"), in_words([1, 2])
        ('true', "the string 'x'", 'a list of 2')
    """
    match value:
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case int() | float():
            text = _digits(value)
            return f"the number {text}"
        case str():
            return f"the string {quote(value)}"
        case list():
            return _list_words(cast("Sequence[Any]", value))
        case Mapping():
            return "an object" if value else "an empty object"
        case SecretStr():
            return "a secret"
        case _:
            return f"a Python {type(value).__name__}"


def _list_words(value: Sequence[Any]) -> str:
    return f"a list of {len(value)}" if value else "an empty list"


def _digits(value: float) -> str:
    """Return a number in words; of one with many digits only their number."""
    bits = value.bit_length() if isinstance(value, int) else 0
    return repr(value) if bits < 200 else f"of about {bits * 0.30103:.0f} digits"


def alternatives_at(schema: Schema, path: JsonPath) -> Iterator[Schema]:
    """Yield the alternatives that a JSON Schema has at a path, without references."""
    definitions = cast("Mapping[str, Schema]", schema.get("$defs", {}))
    alternatives = list(_alternatives(schema, definitions))
    for part in path:
        inner = [below for one in alternatives if (below := _below(one, part)) is not None]
        alternatives = [one for below in inner for one in _alternatives(below, definitions)]
    yield from alternatives


def _alternatives(schema: Schema, definitions: Mapping[str, Schema]) -> Iterator[Schema]:
    if "$ref" in schema:
        yield from _alternatives(definitions[str(schema["$ref"]).rpartition("/")[2]], definitions)
        return
    members = [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]
    members += [schema[key] for key in ("then", "else") if key in schema]
    if not members:
        yield schema
    for member in cast("list[Schema]", members):
        yield from _alternatives(member, definitions)


def _below(schema: Schema, part: str | int) -> Schema | None:
    if isinstance(part, int):
        prefix = cast("Sequence[Schema]", schema.get("prefixItems", ()))
        inner: Any = prefix[part] if part < len(prefix) else schema.get("items")
    elif part == schema.get("x-never"):
        inner = None
    else:
        inner = schema.get("properties", {}).get(part) or schema.get("additionalProperties")
        for patterned in schema.get("patternProperties", {}).values():
            inner = inner or patterned
    return inner if is_mapping(inner) else None


def _phrase(schema: Schema) -> str:
    if "x-words" in schema:
        return str(schema["x-words"])
    if "enum" in schema or "const" in schema:
        return " or ".join(_literal(value) for value in schema.get("enum", [schema.get("const")]))
    match schema.get("type"):
        case "integer":
            return "a whole number" + _range(schema)
        case "number":
            return "a number" + _range(schema)
        case "boolean":
            return "true or false"
        case "null":
            return "null"
        case "string":
            return str(_string_phrase(schema))
        case "array":
            return "a list" + _count(schema.get("minItems"), schema.get("maxItems"), "of")
        case "object":
            return "an object" + _count(schema.get("minProperties"), schema.get("maxProperties"), "of", " fields")
        case _:
            return "a value"


def _string_phrase(schema: Schema) -> str:
    if "format" in schema and schema["format"] != "password":
        return f"a string: {schema['format']}"
    if schema.get("pattern") == FIELD_PATTERN:
        return "the path of a field, such as author.name"
    matching = f" that matches {schema['pattern']}" if "pattern" in schema else ""
    counted = _count(schema.get("minLength"), schema.get("maxLength"), "of", " characters")
    return f"a string{counted}{matching}"


def _literal(value: object) -> str:
    return quote(value) if isinstance(value, str) else in_words(value).removeprefix("the number ")


def _range(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    over, under = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    bounds = [
        f"from {low} to {high}" if low is not None and high is not None else "",
        f"from {low}" if low is not None and high is None else "",
        f"up to {high}" if high is not None and low is None else "",
        f"greater than {over}" if over is not None else "",
        f"less than {under}" if under is not None else "",
    ]
    return "".join(f" {bound}" for bound in bounds if bound)


def _count(low: int | None, high: int | None, preposition: str, unit: str = "") -> str:
    if high is None:
        return f" {preposition} at least {low}{unit}" if low else ""
    return f" {preposition} {low} to {high}{unit}" if low else f" {preposition} at most {high}{unit}"
