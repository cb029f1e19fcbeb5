"""A JSON Schema as the type of a param, checked when the document is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic_core import to_json

from headwater import ConfigError
from headwater.toolkit import (
    DataParam,
    Fault,
    WorkBudget,
    WorkLimitError,
    charged,
    is_object,
    read_source,
    work_budget,
)

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
            checked = _checked(read.document)
        if isinstance(checked, list):
            for fault in checked:
                read.problems.report(fault)
            raise ConfigError(read.problems.listed())
        self.source: Any = read.document
        self.checked = checked

    @classmethod
    def from_data(cls, data: Any) -> JsonSchema:
        """Return the schema in a document."""
        if not is_object(data):
            raise cls.refusal([Fault("wrong-type", "expected a JSON Schema: an object")])
        checked = _checked(data)
        if isinstance(checked, list):
            raise cls.refusal(checked)
        schema = cls.__new__(cls)
        schema.source, schema.checked = data, checked
        return schema


class _Content:
    """A schema as the argument of a check: equal to one with the same text."""

    __slots__ = ("schema", "text")

    def __init__(self, schema: dict[str, Any]) -> None:
        self.schema = schema
        self.text = to_json(schema, fallback=repr)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Content) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


def _checked(schema: dict[str, Any]) -> CheckedSchema | list[Fault]:
    """Return what checks items by a schema, or what is wrong with it."""
    try:
        return _check(_Content(schema))
    except WorkLimitError:
        return [Fault("bad-schema", "the JSON Schemas of this document are too large together")]


@charged(kept=0)
def _check(budget: WorkBudget, content: _Content) -> CheckedSchema | list[Fault]:
    from headwater_steps.json_schemas.schema_faults import checked_schema

    return checked_schema(content.schema, budget)
