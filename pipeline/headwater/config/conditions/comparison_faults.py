"""Values that a condition can never meet, such as a string where it has a number: reported once, as a mistake."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time
from numbers import Number
from typing import Any

from headwater.config.conditions.field_paths import declared_fields
from headwater.config.notation.schema_words import in_words
from headwater.events.notices import notice
from headwater.numerals import decimal_number
from headwater.shapes import is_list

__all__ = ["ComparisonFaults"]


class ComparisonFaults:
    """Reports the first value whose type does not fit its operand, once the place of the condition is known."""

    __slots__ = ("_hides_operand", "_is_reported", "place")

    def __init__(self) -> None:
        self.place: str = ""
        self._hides_operand = False
        self._is_reported = False

    def locate(self, place: str, written: object) -> None:
        """Take note of the place, and of what is written there: values of variables are not shown."""
        self.place = place
        self._hides_operand = "${env." in repr(written)

    def add(self, field: str | None, name: str, operand: object, value: object) -> None:
        """Report a value that an operator cannot compare with its operand, unless one was reported before."""
        if is_list(operand) and operand:  # of one type, or nothing is reported
            operand = operand[0]
        if not self.place or self._is_reported or not _is_mistake(name, operand, value):
            return
        self._is_reported = True
        what = "an item" if field is None else f"the field {field!r} of an item"
        shown = _kind(operand) if self._hides_operand else in_words(operand)
        hint = "convert the values, or change the condition"
        message = f"{self.place}: {what} is {_kind(value)}, which {name!r} cannot compare with {shown}"
        notice(f"{message}; {hint}")


def _is_mistake(name: str, operand: object, value: object) -> bool:
    """Return whether the comparison is a mistake; values of other types may be left out on purpose."""
    if not isinstance(value, _JSON) and not declared_fields(value):  # such as a date, bytes or an enum
        return not isinstance(operand, (Mapping, list, bool, type(None)))
    if _kind(value) == _kind(operand) or not {_kind(value), _kind(operand)} <= {"a string", "a number"}:
        return False
    return name in _ORDERS or _writes_number(operand if isinstance(operand, str) else value)


_JSON: tuple[type[Any], ...] = (str, Number, Mapping, list, tuple, type(None))
_ORDERS = {"gt", "ge", "lt", "le"}


def _writes_number(text: Any) -> bool:
    try:
        decimal_number(text)
    except ValueError:
        return False
    return True


def _kind(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return "true, false or null"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, Number):
        return "a number"
    if isinstance(value, datetime | time):
        return f"a {type(value).__name__} {'with' if value.utcoffset() is not None else 'without'} a time zone"
    return f"a {type(value).__name__}"
