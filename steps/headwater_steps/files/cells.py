"""The types of the columns of a CSV file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Literal

from headwater.toolkit import decimal_number, shorten, whole_number

__all__ = ["CellType", "converter"]

CellType = Literal["text", "integer", "number", "boolean", "date", "datetime"]
"""Type of the cells of a column; dates and times are in ISO 8601."""

_SHOWN_CHARS = 40
_BOOLEANS = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}
_EXAMPLES: dict[CellType, str] = {
    "integer": "an integer such as -12",
    "number": "a number such as -1.5e3",
    "boolean": "true, false, yes, no, 1 or 0",
    "date": "a date such as 2026-11-21",
    "datetime": "a date and time such as 2026-11-21T09:31:00Z",
}


def converter(type_: CellType, decimal: str = ".") -> Callable[[str], Any]:
    """Return a function that converts the content of a cell; empty cells are None, unless the type is `text`.

    `decimal` is what stands before the fraction of a number.

    Example:
        >>> converter("integer")("12"), converter("number")("1.50"), converter("date")("2026-11-21")
        (12, 1.5, datetime.date(2026, 11, 21))
        >>> converter("integer")("1.5")
        Traceback (most recent call last):
            ...
        ValueError: expected an integer such as -12, found '1.5'
    """
    if type_ == "text":
        return str
    convert, example = _CONVERTERS[type_], _EXAMPLES[type_]
    if type_ == "number" and decimal == ",":
        convert, example = _number_with_comma, example.replace(".", ",")

    def value_of(text: str) -> Any:
        try:
            return convert(text)
        except (ValueError, KeyError):
            bare = text.strip()
        if not bare:
            return None
        try:
            return convert(bare)
        except (ValueError, KeyError):
            shown = shorten(bare, _SHOWN_CHARS)
            raise ValueError(f"expected {example}, found {shown!r}") from None

    return value_of


def _number_with_comma(text: str) -> float:
    if "." in text:  # which separates thousands where a comma is decimal
        raise ValueError(text)
    return decimal_number(text.replace(",", "."))


_CONVERTERS: dict[CellType, Callable[[str], Any]] = {
    "integer": whole_number,
    "number": decimal_number,
    "boolean": lambda text: _BOOLEANS[text.lower()],
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
}
