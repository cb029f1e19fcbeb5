"""The parameters of the old documents, which declare them in a list or by name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from headwater.shapes import is_list, is_object

if TYPE_CHECKING:
    from headwater.config.problems import JsonPath, Problems

__all__ = ["parameters_of", "refuse_others", "string_of"]

_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "list": "array", "dict": "object"}
_READ = ("type", "default", "enum", "minimum", "maximum", "description")
_INERT = ("title", "label", "examples", "metadata", "ui", "$schema")


def refuse_others(
    problems: Problems, owner: str, part: Mapping[str, Any], known: Collection[str], path: JsonPath = ()
) -> None:
    """Report the keys of an object that are not read, and not known to be without a meaning."""
    for key in part:
        if key not in known:
            message = f"the key {key!r} of {owner} has no counterpart; remove it"
            hint = problems.did_you_mean(key, [one for one in known if one])
            problems.add("cannot-import", message, (*path, key), hint=hint, at_key=True)


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
    seen: set[str] = set()
    for name, declared, path in listed:
        if not name:
            problems.add("cannot-import", "a parameter has no name", path)
            continue
        if name in seen:
            problems.add("cannot-import", f"two parameters have the name {name!r}", path)
        seen.add(name)
        if is_object(declared):
            yield name, _parameter(declared, path, problems)
        elif isinstance(declared, str) and is_list(given):  # a name alone says nothing
            yield name, {"type": "string"}
        elif declared is None:
            problems.add("cannot-import", "expected an object with 'type', or the default value", path)
        elif isinstance(declared, str) and (kind := _TYPES.get(declared, declared)) in _TYPES.values():
            yield name, {"type": kind}
        else:
            yield name, {"type": _type_of(declared), "default": declared}


def _parameter(declared: Mapping[str, Any], path: JsonPath, problems: Problems) -> dict[str, Any]:
    """Return a parameter as Headwater declares it."""
    schema = declared.get("schema", {})
    if not is_object(schema):
        problems.add("cannot-import", "expected an object with 'type'", (*path, "schema"))
        schema = {}
    refuse_others(problems, "a parameter", declared, ("name", "schema", "required", *_READ, *_INERT), path)
    refuse_others(problems, "a schema", schema, (*_READ, *_INERT), (*path, "schema"))
    result: dict[str, Any] = {"type": "string"}
    for key in _READ:
        place = (*path, key) if key in declared else (*path, "schema", key)
        value = declared.get(key, schema.get(key))
        if key in declared and key in schema and declared[key] != schema[key] and key != "description":
            problems.add("cannot-import", f"{key!r} differs from the one in 'schema'; keep one of them", place)
        if key == "type" and value is not None:
            value = _TYPES.get(value, value) if isinstance(value, str) else value
            if value not in _TYPES.values():
                hint = problems.did_you_mean(str(value), _TYPES.values())
                problems.add("cannot-import", f"{value!r:.60} is not a type of parameters", place, hint=hint)
                continue
        if value is not None:
            result[key] = string_of(value) if key == "description" else value
    required = declared.get("required", True)
    if not isinstance(required, bool):
        problems.add("cannot-import", "expected true or false", (*path, "required"))
    elif not required and "default" not in result:
        message = "a parameter that is not required needs a 'default': the old engine left its value open"
        problems.add("cannot-import", message, (*path, "required"), hint="add a 'default', or require it")
    return result


def _type_of(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    names: list[tuple[type, str]] = [(int, "integer"), (float, "number"), (list, "array"), (dict, "object")]
    return next((name for kind, name in names if isinstance(value, kind)), "string")


def string_of(value: object) -> str:
    """Return a value as a string, nothing for null."""
    return value if isinstance(value, str) else "" if value is None else str(value)
