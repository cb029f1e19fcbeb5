"""Binds the parameters of a pipeline: given values or defaults, checked against their declarations."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from headwater.config.notation.reading import plain
from headwater.config.notation.schema_words import expected, in_words
from headwater.config.notation.value_texts import VALUE_PARSERS
from headwater.config.problems import JsonPath, Problems, quote
from headwater.config.spec import MISSING, ParameterSpec
from headwater.errors import ConfigError, Problem
from headwater.shapes import is_object

__all__ = ["bind_parameters", "parameter_values", "parameters_schema", "parse_parameter"]

_NUMERIC = {"integer", "number"}


def bind_parameters(
    declared: object, given: Mapping[str, Any], problems: Problems
) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the values of the parameters by name, and the names of those without a usable value."""
    declarations = declared if is_object(declared) else {}
    values: dict[str, Any] = {}
    misspelled: set[str] = set()
    for name in given:
        if name not in declarations:
            meant = problems.meant(name, declarations)
            misspelled.add(meant)
            hint = f"did you mean {quote(meant)}?" if meant else "declare it under 'parameters'"
            message = f"the parameter {quote(name)} was given, but the document does not declare it"
            problems.add("unknown-parameter", message, ("parameters",), hint)
    for name, declaration in declarations.items():
        spec = _spec(declaration)
        if name in misspelled and name not in given and spec is not None and spec.default is MISSING:
            continue  # its value was given by another name, which is reported
        if spec is not None and _bind(name, spec, given, problems, values) is MISSING:
            values.pop(name, None)
    return values, frozenset(declarations.keys() - values.keys())


def parse_parameter(text: str, spec: ParameterSpec, name: str = "value") -> Any:
    """Return a string, such as one of the command line, as a value of a parameter's declared type.

    Whether the value is allowed is checked when the document is loaded. A `ConfigError` says that it is not of the
    type.
    """
    try:
        return VALUE_PARSERS[spec.type](text)
    except ValueError:
        message = f"parameter {quote(name)}: expected {expected([_schema(spec)])}, found the string {quote(text)}"
        hint = "write it as JSON" if spec.type in {"array", "object"} else ""
        raise ConfigError(Problem("wrong-parameter", message, f"$.parameters.{name}", hint=hint)) from None


def parameter_values(document: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Convert strings, as from a command line or the query of a URL, to the types that a document declares.

    Args:
        document: The document, which need not be good otherwise.
        given: The values by the names of parameters.

    Returns:
        The values. A string that is not a value of its type stays a string, as does one of an unknown parameter;
        loading the document reports it, with all other problems.

    Example:
        >>> document = {"parameters": {"limit": {"type": "integer"}, "title": {"type": "string"}}}
        >>> parameter_values(document, {"limit": "4", "title": "4"})
        {'limit': 4, 'title': '4'}
    """
    declared = document.get("parameters")
    declarations = declared if is_object(declared) else {}
    return {name: _value(name, text, _spec(declarations.get(name))) for name, text in given.items()}


def parameters_schema(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of an object with the parameters of a document.

    Args:
        document: The document, which may lack values of parameters, or have other problems.

    Returns:
        The schema. A parameter whose declaration is not valid may be anything; one whose default is a template, such
        as `${env.PORT:integer}`, has no default there.

    Example:
        >>> parameters_schema({"parameters": {"limit": {"type": "integer", "minimum": 1}}})["properties"]
        {'limit': {'type': 'integer', 'minimum': 1}}
    """
    declared = document.get("parameters")
    specs = {name: _spec(declaration) for name, declaration in (declared if is_object(declared) else {}).items()}
    return {
        "type": "object",
        "properties": {name: {} if spec is None else _described(spec) for name, spec in specs.items()},
        "required": [name for name, spec in specs.items() if spec is not None and spec.default is MISSING],
        "additionalProperties": False,
    }


def _described(spec: ParameterSpec) -> dict[str, Any]:
    schema = _schema(spec)
    for limit in ("minimum", "maximum"):
        if limit in schema and schema[limit].is_integer():
            schema[limit] = int(schema[limit])
    if spec.default is None:
        schema["type"] = [spec.type, "null"]
        if spec.enum is not None and None not in spec.enum:
            schema["enum"] = [*spec.enum, None]
    if spec.description:
        schema["description"] = spec.description
    if spec.default is not MISSING and not _has_template(spec):
        schema["default"] = spec.default
    return schema


def _has_template(spec: ParameterSpec) -> bool:
    """Return whether the default is filled in when the document is loaded."""
    return isinstance(spec.default, str) and "${" in spec.default.replace("$${", "")


def _value(name: str, text: str, spec: ParameterSpec | None) -> Any:
    try:
        return text if spec is None else parse_parameter(text, spec, name)
    except ConfigError:
        return text


@cache
def _adapter() -> TypeAdapter[ParameterSpec]:
    return TypeAdapter(ParameterSpec)


def _spec(declaration: object) -> ParameterSpec | None:
    try:
        return _adapter().validate_python(declaration)
    except ValidationError:
        return None


def _bind(
    name: str, spec: ParameterSpec, given: Mapping[str, Any], problems: Problems, values: dict[str, Any]
) -> object:
    """Put the value of one parameter into `values`; return MISSING when it has no usable one."""
    path: JsonPath = ("parameters", name)
    value = given.get(name, spec.default)
    if _has_template(spec):
        if name not in given:  # the template is reported where all templates are
            return MISSING
    elif spec.default is not MISSING and spec.default is not None:
        good = _check(spec, spec.default, problems, (*path, "default"), f"the default of parameter {quote(name)}")
        if not good and name not in given:
            return MISSING
    if value is MISSING:
        hint = f"give it a value (--set {name}=...) or a default"
        problems.add("missing-parameter", f"the parameter {quote(name)} has no value", path, hint)
        return MISSING
    if name in given:
        value = plain(value, problems, path)
        if not _check(spec, value, problems, path, f"parameter {quote(name)}"):
            return MISSING
    values[name] = value
    return value


def _check(spec: ParameterSpec, value: object, problems: Problems, path: JsonPath, what: str) -> bool:
    if _fits(spec, value):
        return True
    problems.add("wrong-parameter", f"{what}: expected {expected([_schema(spec)])}, found {in_words(value)}", path)
    return False


def _fits(spec: ParameterSpec, value: Any) -> bool:
    if value is None:
        return spec.default is None
    if isinstance(value, bool) is not (spec.type == "boolean") or not isinstance(value, _TYPES[spec.type]):
        return False
    if spec.enum is not None and value not in spec.enum:
        return False
    if spec.type not in _NUMERIC:
        return True
    number: Any = value
    return (spec.minimum is None or number >= spec.minimum) and (spec.maximum is None or number <= spec.maximum)


def _schema(spec: ParameterSpec) -> dict[str, Any]:
    """Return the JSON Schema of a parameter's values."""
    keys = {"type": spec.type, "enum": spec.enum, "minimum": spec.minimum, "maximum": spec.maximum}
    return {key: value for key, value in keys.items() if value is not None}


_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}
