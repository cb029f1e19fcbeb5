"""The parameters of the old documents, which declare them in a list or by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from headwater.shapes import is_list, is_object

if TYPE_CHECKING:
    from headwater.config.problems import JsonPath, Problems

__all__ = ["parameters_of", "string_of"]


def parameters_of(document: Mapping[str, Any], problems: Problems) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name and the declaration of each parameter, as Headwater declares it."""
    given = document.get("parameters", [])
    listed: list[tuple[str, Any, JsonPath]]
    if is_object(given):
        listed = [(name, declared, ("parameters", name)) for name, declared in given.items()]
    elif is_list(given):
        listed = [
            (string_of(one.get("name")) if is_object(one) else string_of(one), one, ("parameters", index))
            for index, one in enumerate(given)
        ]
    else:
        problems.add("cannot-import", "expected a list of parameters, or an object by name", ("parameters",))
        return
    for name, declared, path in listed:
        if not name:
            problems.add("cannot-import", "a parameter has no name", path)
            continue
        yield name, _parameter(declared)


def _parameter(declared: object) -> dict[str, Any]:
    """Return a parameter as Headwater declares it."""
    if not is_object(declared):  # a value is the default; a name alone says nothing
        return (
            {"type": _type_of(declared), "default": declared} if not isinstance(declared, str) else {"type": "string"}
        )
    schema = declared.get("schema")
    schema = schema if is_object(schema) else declared
    written = schema.get("type", "string")
    known = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "list": "array", "dict": "object"}
    kind = known.get(written, written) if isinstance(written, str) else "string"
    result: dict[str, Any] = {"type": kind if kind in known.values() else "string"}
    for key, target in (("default", "default"), ("enum", "enum"), ("minimum", "minimum"), ("maximum", "maximum")):
        value = declared.get(key, schema.get(key))
        if value is not None:
            result[target] = value
    if declared.get("required") is False and "default" not in result:
        empty: dict[str, Any] = {"string": "", "integer": 0, "number": 0, "boolean": False, "array": [], "object": {}}
        result["default"] = empty[result["type"]]
    if about := string_of(declared.get("description")):
        result["description"] = about
    return result


def _type_of(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    names: list[tuple[type, str]] = [(int, "integer"), (float, "number"), (list, "array"), (dict, "object")]
    return next((name for kind, name in names if isinstance(value, kind)), "string")


def string_of(value: object) -> str:
    """Return a value as a string, nothing for null."""
    return value if isinstance(value, str) else "" if value is None else str(value)
