"""JSON Schemas of what flows: the form that items, headers and footers have outside of the program."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import ConfigDict, PydanticUserError, TypeAdapter

from headwater.annotations import cached, describe

if TYPE_CHECKING:
    from pydantic.json_schema import GenerateJsonSchema

__all__ = ["Direction", "json_schema"]

Direction = Literal["validation", "serialization"]
"""Whether the data is read, or written: a model may read more than it writes."""


def json_schema(annotation: Any, direction: Direction) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a type; anything, with a description, where it has no form as JSON."""
    if isinstance(annotation, TypeVar) and annotation.__bound__ is None and not annotation.__constraints__:
        return {}
    return dict(_json_schema(annotation, direction))


@cached
def _json_schema(annotation: Any, direction: Direction) -> dict[str, Any]:
    try:
        return _adapter(annotation).json_schema(mode=direction, schema_generator=_generator())
    except Exception:  # noqa: BLE001 - the classes of a program take part, and a schema is never worth an error
        return _formless(describe(annotation))


def _adapter(annotation: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(annotation, config=ConfigDict(arbitrary_types_allowed=True))
    except PydanticUserError:  # a class that has a configuration of its own
        return TypeAdapter(annotation)


def _formless(name: str) -> dict[str, Any]:
    return {"description": f"{name}, which has no form as JSON"}


def _brief(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema whose description, from a docstring, says only what the class is."""
    if isinstance(text := schema.get("description"), str):
        schema["description"] = text.partition("\n\n")[0]
    return schema


@cache
def _generator() -> type[GenerateJsonSchema]:
    """Return the class that writes the schemas; made on first use, as its import takes a while."""
    from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

    class FormSchema(GenerateJsonSchema):
        """Describes bytes as base64 strings, and what has no form as JSON as anything."""

        ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 - as pydantic declares it

        def bytes_schema(self, schema: Any) -> JsonSchemaValue:  # noqa: ARG002 - pydantic's
            return {"type": "string", "contentEncoding": "base64"}

        def model_schema(self, schema: Any) -> JsonSchemaValue:
            return _brief(super().model_schema(schema))

        def dataclass_schema(self, schema: Any) -> JsonSchemaValue:
            return _brief(super().dataclass_schema(schema))

        def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:  # noqa: ARG002 - pydantic's
            return _formless(describe(schema.get("cls", schema["type"])))

    return FormSchema
