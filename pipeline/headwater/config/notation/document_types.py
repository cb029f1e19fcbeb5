"""The types of values that several parts of a document share."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field, StrictStr

from headwater.config.reserved import reserving
from headwater.ids import KIND_PATTERN, NAME_PATTERN, NAME_WORDS

__all__ = ["END_PATTERN", "MISSING", "End", "Json", "Kind", "Name", "PositiveSeconds", "part_config"]

_NAME = NAME_PATTERN.pattern

END_PATTERN = rf"{_NAME}(\.{_NAME})?"

Name = Annotated[StrictStr, Field(pattern=f"^{_NAME}$", json_schema_extra={"x-words": NAME_WORDS})]
Kind = Annotated[
    StrictStr,
    Field(
        pattern=f"^{KIND_PATTERN.pattern}$",
        max_length=256,
        json_schema_extra={"x-words": "the name of a kind, such as text.words"},
    ),
]
End = Annotated[StrictStr, Field(pattern=f"^{END_PATTERN}$", json_schema_extra={"x-words": "a step or step.port"})]
PositiveSeconds = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
Json = Any


MISSING: Final = object()
"""The default of what may be left out where null is a value."""


def part_config(title: str, **schema: Any) -> ConfigDict:
    """Return the configuration of a part of the document, with further keywords for its JSON Schema."""
    return ConfigDict(extra="forbid", title=title, json_schema_extra={**reserving(title), **schema})
