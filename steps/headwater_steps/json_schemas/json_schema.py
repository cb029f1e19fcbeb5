"""A JSON Schema as the type of a param, checked when the document is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from headwater.toolkit import DataParam, Fault, is_object, read_source, work_budget

if TYPE_CHECKING:
    from headwater_steps.json_schemas.checked_schema import CheckedSchema

__all__ = ["JsonSchema"]


class JsonSchema(DataParam):
    """A JSON Schema, given as data; usable as the type of a param.

    Example:
        >>> JsonSchema({"type": "object"}).source
        {'type': 'object'}
    """

    __slots__ = ("checked",)

    data_type: ClassVar[Any] = dict[str, Any]

    checked: CheckedSchema
    """What checks items."""

    def __init__(self, source: Mapping[str, Any] | Path) -> None:
        read = read_source(source)
        with work_budget():
            for fault in _faults_of(read.document):
                read.problems.report(fault)
        read.problems.raise_if_any()
        self.source: Any = read.document
        self.checked = _checked(read.document)

    @classmethod
    def from_data(cls, data: Any) -> JsonSchema:
        """Return the schema in a document."""
        if not is_object(data):
            raise cls.refusal([Fault("wrong-type", "expected a JSON Schema: an object")])
        faults = _faults_of(data)
        if faults:
            raise cls.refusal(faults)
        schema = cls.__new__(cls)
        schema.source, schema.checked = data, _checked(data)
        return schema


def _faults_of(schema: dict[str, Any]) -> list[Fault]:
    from headwater_steps.json_schemas.schema_faults import faults_of

    return faults_of(schema)


def _checked(schema: Mapping[str, Any]) -> CheckedSchema:
    from headwater_steps.json_schemas.checked_schema import CheckedSchema

    return CheckedSchema(schema)
