"""A JSON Schema as the type of a param, checked when the document is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError, core_schema

from headwater.config.notation.reading import read_source
from headwater.patterns import pattern_budget
from headwater.shapes import is_object

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler

    from headwater_steps.json_schemas.checked_schema import CheckedSchema
    from headwater_steps.json_schemas.schema_faults import SchemaFault

__all__ = ["JsonSchema"]

_HINT = "see https://json-schema.org/understanding-json-schema/reference"


class JsonSchema:
    """A JSON Schema, given as data; usable as the type of a param.

    Args:
        source: The schema, draft 2020-12 (https://json-schema.org/draft/2020-12); its patterns are those of conditions.

    Raises:
        ConfigError: It is no schema, or none that is safe to use; lists every problem.
        MissingExtraError: The library that checks items is not installed.

    Example:
        >>> JsonSchema({"type": "object"}).source
        {'type': 'object'}
    """

    __slots__ = ("checked", "source")

    source: Mapping[str, Any]
    """The schema as data."""

    checked: CheckedSchema
    """What checks items."""

    def __init__(self, source: Mapping[str, Any] | Path) -> None:
        read = read_source(source)
        with pattern_budget():
            for fault in _faults_of(read.document):
                hint = read.problems.did_you_mean(fault.unknown, fault.known) or _HINT
                read.problems.add("bad-schema", fault.message, fault.path, hint, at_key=bool(fault.unknown))
        read.problems.raise_if_any()
        self.source, self.checked = read.document, _checked(read.document)

    def __repr__(self) -> str:
        return f"JsonSchema({self.source!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JsonSchema) and self.source == other.source

    def __hash__(self) -> int:
        return hash(repr(self.source))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate,
            json_schema_input_schema=handler.generate_schema(dict[str, Any]),
            serialization=core_schema.plain_serializer_function_ser_schema(lambda schema: schema.source),
        )

    @classmethod
    def _validate(cls, value: Any) -> JsonSchema:
        if isinstance(value, JsonSchema):
            return value
        if not is_object(value):
            raise PydanticCustomError("wrong-type", "expected a JSON Schema: an object")
        faults = _faults_of(value)
        if faults:
            raise ValidationError.from_exception_data("JsonSchema", list(map(_details, faults)))
        schema = cls.__new__(cls)
        schema.source, schema.checked = value, _checked(value)
        return schema


def _details(fault: SchemaFault) -> InitErrorDetails:
    context = {"message": fault.message, "unknown": fault.unknown, "known": fault.known}
    context["hint"] = "" if fault.unknown else _HINT
    error = PydanticCustomError(cast("Any", "bad-schema"), "{message}", context)
    return InitErrorDetails(type=error, loc=fault.path, input=None)


def _faults_of(schema: dict[str, Any]) -> list[SchemaFault]:
    from headwater_steps.json_schemas.schema_faults import faults_of

    return faults_of(schema)


def _checked(schema: Mapping[str, Any]) -> CheckedSchema:
    from headwater_steps.json_schemas.checked_schema import CheckedSchema

    return CheckedSchema(schema)
