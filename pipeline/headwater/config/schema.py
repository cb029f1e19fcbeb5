"""The JSON Schema of documents, with the params of every kind: for editors, and for programs that write documents.

It derives from the declarations that documents are checked with, and agrees with those checks wherever a schema can.
Where a template is allowed, so is a string with a template. The dialect is draft 2020-12
(https://json-schema.org/draft/2020-12); `enumDescriptions`, `markdownDescription`, `errorMessage` and the like
are for editors (https://code.visualstudio.com/docs/languages/json).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from pydantic import TypeAdapter

from headwater.config.bound_steps import Kinds
from headwater.config.notation.schema_words import expected
from headwater.config.spec import PipelineSpec
from headwater.errors import StepDefinitionError
from headwater.kinds.definition import StepDefinition
from headwater.kinds.docstring import argument_descriptions
from headwater.kinds.registry import registry as process_registry
from headwater.shapes import is_object

__all__ = ["config_schema"]

Schema: TypeAlias = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_FORMS = "${parameters.NAME}, ${env.NAME} or ${secret.NAME}"
_TEMPLATES: dict[str, Schema] = {
    "template": {
        "type": "string",
        "pattern": r"^\$\{(parameters|env|secret)\.[^{}]+\}$",
        "patternErrorMessage": f"expected a template: {_FORMS}",
        "description": _FORMS,
    },
    "string with a template": {"type": "string", "pattern": r"\$\{", "description": f"A string with {_FORMS} in it."},
    "secret": {
        "type": "string",
        "pattern": r"^\$\{secret\.[^{}]+\}$",
        "patternErrorMessage": "a secret must come from outside: write ${secret.NAME}",
        "description": "${secret.NAME}",
    },
    "without templates": {
        "not": {"type": "string", "pattern": r"(^|[^$])\$\{"},
        "errorMessage": "no template is allowed here",
        "items": {"$ref": "#/$defs/without%20templates"},
        "additionalProperties": {"$ref": "#/$defs/without%20templates"},
    },
}
_FIXED = {
    "the document": {"$schema", "name", "parameters", "steps", "edges"},
    "a step": {"id", "kind", "params", "compensate"},
    "on_error": {"fallback"},
    "a step in a policy": {"kind", "params"},
    "an edge": {"from", "to"},
}
"""Keys without templates in their values, as these define what the pipeline is, by the title of their part."""

_AROUND = ("description", "default", "examples")
_NAMED = ("properties", "patternProperties", "dependentSchemas", "$defs")
_LISTED = ("anyOf", "oneOf", "allOf", "prefixItems")
_ALONE = ("items", "additionalProperties", "propertyNames", "not", "if", "then", "else")


def config_schema(registry: Kinds | None = None) -> Schema:
    """Return the JSON Schema of documents that may name the kinds of a registry, by default that of the process.

    For a step, the kind chooses what its params may be. The params of a kind that cannot be imported are not described.
    """
    kinds = process_registry if registry is None else registry
    schema: Schema = copy.deepcopy(TypeAdapter(PipelineSpec).json_schema())
    definitions: dict[str, Schema] = schema["$defs"]
    for part in (schema, *definitions.values()):
        _describe(part)
        _allow_templates(part, _FIXED.get(part.get("title", ""), ()))
    for part in (schema["properties"]["$schema"], schema["properties"]["name"], definitions["ParameterSpec"]):
        part["allOf"] = [{"$ref": _reference("without templates")}]
    known = {name: _definition(kinds, name) for name in sorted(kinds.kinds())}
    step, substep = definitions["StepSpec"], definitions["SubstepSpec"]
    for part in (step, substep):
        part["properties"]["kind"] = _kind(part["properties"]["kind"], known)
    choices = [_choice(name, found, definitions) for name, found in known.items() if found is not None]
    definitions["params by kind"] = {"allOf": choices}
    step["allOf"] = substep["allOf"] = [{"$ref": _reference("params by kind")}]
    definitions |= copy.deepcopy(_TEMPLATES)
    for part in list(_schemas(schema)):
        if part.pop("x-document", False):
            part |= {"$ref": "#"}
        _unite(part)
        _tidy(part)
    used = {part["$ref"] for part in _schemas(schema) if "$ref" in part}
    schema["$defs"] = {name: part for name, part in definitions.items() if _reference(name) in used}
    return {"$schema": DIALECT, "title": "Headwater pipeline", **schema}


def _definition(kinds: Kinds, name: str) -> StepDefinition | None:
    try:
        target = kinds.find(name)
    except StepDefinitionError:
        return None
    return None if target is None else target.definition


def _kind(declared: Schema, known: Mapping[str, StepDefinition | None]) -> Schema:
    """Return the schema of the names of kinds, each with a one-line description."""
    lines = ["Cannot be imported." if found is None else _summary(found.doc) for found in known.values()]
    return {"description": declared["description"], "type": "string", "enum": list(known), "enumDescriptions": lines}


def _choice(name: str, definition: StepDefinition, definitions: dict[str, Schema]) -> Schema:
    """Return the schema of the params of a kind, and add their definitions to those of the document."""
    params = copy.deepcopy(definition.params_schema())
    _adopt(params, name, definitions)
    _allow_templates(params)
    described = {"description": _summary(definition.doc), "markdownDescription": _prose(definition.doc)}
    definitions[f"params of {name}"] = {**params, **described}
    chosen: Schema = {"properties": {"params": {"$ref": _reference(f"params of {name}")}}}
    if params.get("required"):
        chosen["required"] = ["params"]
    return {"if": {"properties": {"kind": {"const": name}}, "required": ["kind"]}, "then": chosen}


def _adopt(params: Schema, kind: str, definitions: dict[str, Schema]) -> None:
    """Move the definitions of a kind's params to those of the document, renamed where names clash."""
    own: dict[str, Schema] = params.pop("$defs", {})
    for definition in own.values():
        _describe(definition)
        _allow_templates(definition)
    names = {name: name if definitions.get(name, same) == same else f"{kind}.{name}" for name, same in own.items()}
    for part in _schemas({"allOf": [params, *own.values()]}):
        if "$ref" in part and not part["$ref"].startswith(tuple(map(_reference, _TEMPLATES))):
            part["$ref"] = _reference(names[part["$ref"].rpartition("/")[2]])
    definitions |= {names[name]: definition for name, definition in own.items()}


def _reference(name: str) -> str:
    """Return a reference to a definition (RFC 6901, percent-encoded as RFC 3986 asks)."""
    return f"#/$defs/{name.replace('~', '~0').replace('/', '~1').replace(' ', '%20')}"


def _describe(part: Schema) -> None:
    """Add to each property the description of the field in the docstring of its class, in the same order."""
    doc: str = part.get("description", "")
    described = argument_descriptions(doc).values()
    for inner, description in zip(part.get("properties", {}).values(), described, strict=False):
        inner.setdefault("description", description)
    if described:
        part["description"] = _summary(doc)


def _summary(doc: str) -> str:
    return doc.partition("\n")[0]


def _prose(doc: str) -> str:
    """Return a docstring up to its first section."""
    lines = doc.splitlines()
    end = next((index for index, line in enumerate(lines) if line in _SECTIONS), len(lines))
    return "\n".join(lines[:end]).strip()


_SECTIONS = {"Args:", "Returns:", "Yields:", "Raises:", "Example:", "Examples:"}


def _allow_templates(schema: Schema, fixed: Iterable[str] = ()) -> None:
    """Allow a template for each value of an object, except for `fixed` keys."""
    properties: dict[str, Schema] = schema.get("properties", {})
    properties |= {name: _or_template(inner) for name, inner in properties.items() if name not in fixed}
    _allow_in_other_values(schema)


def _allow_in_other_values(schema: Schema) -> None:
    patterned: dict[str, Schema] = schema.get("patternProperties", {})
    patterned |= {pattern: _or_template(inner) for pattern, inner in patterned.items()}
    for key in ("items", "additionalProperties"):
        if is_object(schema.get(key)):
            schema[key] = _or_template(schema[key])


def _or_template(schema: Schema) -> Schema:
    """Return a schema that also allows a template, at its top and within."""
    around = {key: schema[key] for key in _AROUND if key in schema}
    inner = {key: value for key, value in schema.items() if key not in around}
    alternatives: list[Schema] = inner["anyOf"] if inner.keys() - {"title"} == {"anyOf"} else [inner]
    for alternative in alternatives:
        for part in (alternative, alternative.get("then", {}), alternative.get("else", {})):
            _allow_in_other_values(part)
    if any(_allows_every_string(alternative) for alternative in alternatives):
        return schema
    secret = {"$ref": _reference("secret")}  # secrets come from outside only
    if any(alternative.get("format") == "password" for alternative in alternatives):
        return {**around, "anyOf": [secret if one.get("format") == "password" else one for one in alternatives]}
    has_string = any(alternative.get("type") == "string" for alternative in alternatives)
    template = {"$ref": _reference("string with a template" if has_string else "template")}
    return {**around, "anyOf": [*alternatives, template]}


def _allows_every_string(schema: Schema) -> bool:
    if schema.get("type") == "string":
        return not schema.keys() & {"pattern", "format", "enum", "const", "maxLength", "minLength"}
    return not schema.keys() & {"type", "enum", "const", "anyOf", "oneOf", "allOf", "$ref", "not"}


def _schemas(schema: Schema) -> Iterator[Schema]:
    """Yield a schema and all those within it."""
    yield schema
    within = [inner for key in _NAMED for inner in schema.get(key, {}).values()]
    within += [inner for key in _LISTED for inner in schema.get(key, ())]
    within += [schema[key] for key in _ALONE if key in schema]
    for inner in within:
        if is_object(inner):
            yield from _schemas(inner)


def _unite(schema: Schema) -> None:
    """Join alternatives of different types to one schema with several types, which editors understand better."""
    template = {"$ref": _reference("template")}
    alternatives: list[Schema] = schema.get("anyOf", [])
    written = [one for one in alternatives if one != template]
    if not all("type" in one and not one.keys() & {"enum", "const"} for one in written):
        return
    if any("x-document" in one for one in written):
        return
    types = [one["type"] for one in written] + ["string"] * (len(alternatives) - len(written))
    families = ["number" if one == "integer" else one for one in types]  # types with the same keywords
    narrowed = [family for family, one in zip(families, written, strict=False) if one.keys() - {"type", "title"}]
    if not written or any(families.count(family) > 1 for family in narrowed):
        return
    del schema["anyOf"]
    for one in written:
        schema |= one
    schema["type"] = types
    if template in alternatives:
        schema["pattern"] = _TEMPLATES["template"]["pattern"]
        schema["errorMessage"] = f"expected {expected(written)}, or ${{parameters.NAME}}"


def _tidy(schema: Schema) -> None:
    """Remove keywords for our own messages, and those that confuse editors."""
    words = schema.pop("x-words", "")
    if words and "pattern" in schema:
        schema["patternErrorMessage"] = f"expected {words}"
    for key in ("x-reserved", "x-never", "title"):
        schema.pop(key, None)
    if schema.get("default", True) is None:
        del schema["default"]
    if "patternProperties" in schema:  # otherwise keys that do not match could hold anything
        ((pattern, schema["additionalProperties"]),) = schema.pop("patternProperties").items()
        schema.setdefault("propertyNames", {})["pattern"] = pattern
    if "`" in schema.get("description", ""):
        schema.setdefault("markdownDescription", schema["description"])
