"""The kind `text.template`: strings made of the fields of a record."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator
from pydantic_core import to_json

from headwater import Step
from headwater.toolkit import MISSING, MissingFieldError, Reads, field_finder

__all__ = ["Template"]

_NAME = r"""(?:'[^'{}$]*'|"[^"{}$]*"|[^.{}$]+)"""
_PLACE = re.compile(rf"\$(?:(?P<dollar>\$)|\{{(?P<path>{_NAME}(?:\.{_NAME})*)\}})?")


def _fields(template: str) -> list[str]:
    """Return the paths of the fields in a template."""
    return [place["path"] for place in _PLACE.finditer(template) if place["path"] is not None]


class Template(Step, kind="text.template"):
    """Fill the fields of a record into a template.

    In a document, where `${...}` already stands for parameters, write `$${name}` for a field: the step gets `${name}`.

    Args:
        template: The template, with `${name}` or `${author.name}` for a field, and `$$` for a dollar sign. A path goes
            through objects by key and through lists by number, as in conditions; nothing else is allowed.
        on_missing: What happens when a record lacks a field: `fail` is an error that names it, `empty` leaves it empty.

    Returns:
        The filled template. Strings are inserted as they are, everything else as JSON.

    Raises:
        MissingFieldError: A field is missing, and `on_missing` is `fail`.

    Example:
        >>> Template(template="${name} is ${age}; $$${price}").run({"name": "Ada", "age": 36, "price": 1.5})
        'Ada is 36; $1.5'
    """

    template: Annotated[str, Field(max_length=100_000)]
    on_missing: Literal["fail", "empty"] = "fail"

    @field_validator("template")
    @classmethod
    def _is_whole(cls, template: str) -> str:
        for place in _PLACE.finditer(template):
            if place.lastgroup is None:
                at = place.start()
                shown = template[at : at + 20]
                raise ValueError(f"{shown!r} at character {at} is not a field; write ${{name}}, or $$ for $")
        return template

    @cached_property
    def parts(self) -> tuple[str, tuple[tuple[str, Callable[[Any], Any]], ...]]:
        """The template with `%s` for each field, and each field with its path and the function that finds it."""
        fields: list[tuple[str, Callable[[Any], Any]]] = []
        text, end = "", 0
        for place in _PLACE.finditer(self.template):
            text += self.template[end : place.start()].replace("%", "%%")
            end = place.end()
            if place["path"] is None:
                text += "$"
            else:
                text += "%s"
                fields.append((place["path"], field_finder(place["path"])))
        return text + self.template[end:].replace("%", "%%"), tuple(fields)

    def run(self, record: Annotated[Any, Reads(at="template", paths=_fields)]) -> str:
        """Return the filled template for a record."""
        text, fields = self.parts
        return text % tuple(
            [found if type(found := find(record)) is str else self._text(found, path, record) for path, find in fields]
        )

    def _text(self, value: Any, path: str, record: Any) -> str:
        if value is not MISSING:
            return to_json(value).decode()
        if self.on_missing == "empty":
            return ""
        raise MissingFieldError(path, record, "set on_missing to empty, or set the field in a step before")
