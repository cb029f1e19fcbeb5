"""The JSON Schema of documents, with the params of every kind: for editors, and for programs that write documents.

It derives from the same declarations that documents are checked with. Where a template may stand, a text with
a template is allowed besides. The dialect is draft 2020-12 (https://json-schema.org/draft/2020-12).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from pydantic import TypeAdapter

from headwater.config.binding import Kinds
from headwater.config.shapes import is_list, is_object, values_of
from headwater.config.spec import PipelineSpec
from headwater.errors import StepDefinitionError
from headwater.kinds.definition import StepDefinition
from headwater.kinds.docstring import argument_descriptions
from headwater.kinds.registry import registry as process_registry

__all__ = ["config_schema"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TEMPLATE = {"type": "string", "pattern": r"\$\{"}
_TEMPLATE_REF = {"$ref": "#/$defs/template"}
_FIXED = {
    "the document": {"$schema", "name", "parameters", "steps", "edges"},
    "a step": {"id", "kind", "params"},
    "an edge": {"from", "to"},
}


def config_schema(registry: Kinds | None = None) -> dict[str, Any]:
    """Return the JSON Schema of documents.

    Args:
        registry: The kinds whose params are described; those of the process by default. A kind that cannot be imported
            is left without a description of its params.

    Returns:
        A JSON Schema. For a step, the kind chooses what its params may be.

    Example:
        >>> config_schema()["properties"]["name"]["type"]
        'string'
    """
    kinds = process_registry if registry is None else registry
    schema: dict[str, Any] = copy.deepcopy(TypeAdapter(PipelineSpec).json_schema())
    definitions: dict[str, Any] = schema["$defs"]
    _allow_templates_in_parts([schema, *definitions.values()])
    step = definitions["StepSpec"]
    known = sorted(kinds.kinds())
    step["properties"]["kind"] = {"type": "string", "examples": known, **step["properties"]["kind"]}
    step["allOf"] = list(_choices(known, kinds, definitions))
    definitions["template"] = {**_TEMPLATE, "description": "${parameters.NAME}, ${env.NAME} or ${secret.NAME}"}
    _tidy(schema)
    return {"$schema": DIALECT, "title": "Headwater pipeline", **{k: v for k, v in schema.items() if k != "title"}}


def _choices(names: Iterable[str], kinds: Kinds, definitions: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """Yield, for each kind, what its params may be; their definitions go among those of the document."""
    for name in names:
        definition = _definition(kinds, name)
        if definition is None:
            continue
        params = copy.deepcopy(definition.params_schema())
        _adopt(params, f"{name}.", definitions)
        _allow_templates(params)
        definitions[f"params of {name}"] = {"description": definition.doc, **params, "title": f"params of {name}"}
        reference = {"$ref": f"#/$defs/{_pointer(f'params of {name}')}"}
        required = ["params"] if params.get("required") else []
        chosen = {"properties": {"params": reference}, **({"required": required} if required else {})}
        yield {"if": {"properties": {"kind": {"const": name}}, "required": ["kind"]}, "then": chosen}


def _definition(kinds: Kinds, name: str) -> StepDefinition | None:
    try:
        target = kinds.find(name)
    except StepDefinitionError:
        return None
    return None if target is None else target.definition


def _adopt(params: dict[str, Any], prefix: str, definitions: dict[str, Any]) -> None:
    """Move the definitions of a kind's params among those of the document, under names of their own."""
    own: dict[str, Any] = params.pop("$defs", {})
    for part in (params, *own.values()):
        _rename(part, prefix)
    for name, definition in own.items():
        _allow_templates(definition)
        definitions[prefix + name] = definition


def _rename(schema: Any, prefix: str) -> None:
    if is_object(schema):
        reference = schema.get("$ref")
        if isinstance(reference, str):
            schema["$ref"] = f"#/$defs/{prefix}{reference.rpartition('/')[2]}"
    if is_object(schema) or is_list(schema):
        for inner in values_of(schema):
            _rename(inner, prefix)


def _pointer(name: str) -> str:
    """Return a name as a part of a reference (RFC 6901, percent-encoded as RFC 3986 asks)."""
    return name.replace("~", "~0").replace("/", "~1").replace(" ", "%20")


def _describe(part: dict[str, Any]) -> None:
    """Give each property the description that the docstring of its class has for the field, in the same order."""
    doc: str = part.get("description", "")
    described = argument_descriptions(doc).values()
    for inner, description in zip(part.get("properties", {}).values(), described, strict=False):
        inner["description"] = description
    if described:
        part["description"] = doc.partition("\n")[0]


def _allow_templates_in_parts(parts: Iterable[dict[str, Any]]) -> None:
    for part in parts:
        _describe(part)
        if part.get("title") != "a parameter":
            _allow_templates(part, _FIXED.get(part.get("title", ""), set()))


def _allow_templates(schema: dict[str, Any], fixed: Iterable[str] = ()) -> None:
    """Allow a template for each value of an object, but for those that say what the pipeline is."""
    properties: dict[str, Any] = schema.get("properties", {})
    for name, inner in properties.items():
        if name not in fixed:
            properties[name] = _or_template(inner)
    extra = schema.get("additionalProperties")
    if is_object(extra):
        schema["additionalProperties"] = _or_template(extra)


def _or_template(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that allows a template too, at its top and within."""
    for key in ("items", "additionalProperties"):
        if is_object(schema.get(key)):
            schema[key] = _or_template(schema[key])
    if not schema.keys() & {"type", "enum", "const", "anyOf", "oneOf", "allOf", "$ref"}:
        return schema  # it allows everything
    if schema.get("type") == "string" and not schema.keys() & {"pattern", "format", "enum", "const", "maxLength"}:
        return schema  # it allows every text
    if schema.get("format") == "password":
        return {**_outer(schema), **_TEMPLATE_REF}  # secrets come from outside only
    return {**_outer(schema), "anyOf": [{k: v for k, v in schema.items() if k not in _OUTER}, _TEMPLATE_REF]}


_OUTER = ("title", "description", "default", "examples")


def _outer(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: schema[key] for key in _OUTER if key in schema}


def _tidy(schema: Any) -> None:
    """Take out what only our own messages need."""
    if is_object(schema):
        for key in ("x-words", "x-planned"):
            schema.pop(key, None)
    if is_object(schema) or is_list(schema):
        for inner in values_of(schema):
            _tidy(inner)
