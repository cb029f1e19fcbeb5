"""The types of the columns of a CSV file."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Literal

__all__ = ["CellType", "converter"]

CellType = Literal["text", "integer", "number", "boolean", "date", "datetime"]
"""What the cells of a column are: dates and times as ISO 8601 writes them."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,4000}").fullmatch
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?").fullmatch
_BOOLEANS = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}
_EXAMPLES: dict[CellType, str] = {
    "integer": "an integer such as -12",
    "number": "a number such as -1.5e3",
    "boolean": "true, false, yes, no, 1 or 0",
    "date": "a date such as 2026-11-21",
    "datetime": "a date and time such as 2026-11-21T09:31:00Z",
}


def converter(type_: CellType) -> Callable[[str], Any]:
    """Return a function that makes a value of the text of a cell.

    Args:
        type_: What the cells of the column are.

    Returns:
        The function, which makes None of an empty cell of any type but `text`, and raises a `ValueError` that says what
        was expected.

    Example:
        >>> converter("integer")("12"), converter("number")("1.50"), converter("date")("2026-11-21")
        (12, 1.5, datetime.date(2026, 11, 21))
        >>> converter("integer")("1.5")
        Traceback (most recent call last):
            ...
        ValueError: '1.5' is no integer: expected an integer such as -12
    """
    if type_ == "text":
        return str
    convert = _CONVERTERS[type_]

    def value_of(text: str) -> Any:
        text = text.strip()
        if not text:
            return None
        try:
            return convert(text)
        except (ValueError, KeyError, OverflowError):
            shown = text if len(text) <= 40 else f"{text[:40]}..."
            raise ValueError(f"{shown!r} is no {type_}: expected {_EXAMPLES[type_]}") from None

    return value_of


def _integer(text: str) -> int:
    if not _INTEGER(text):
        raise ValueError(text)
    return int(text)


def _number(text: str) -> float:
    if not _NUMBER(text):
        raise ValueError(text)
    value = float(text)
    if value in {float("inf"), float("-inf")}:
        raise OverflowError(text)
    return value


_CONVERTERS: dict[CellType, Callable[[str], Any]] = {
    "integer": _integer,
    "number": _number,
    "boolean": lambda text: _BOOLEANS[text.lower()],
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
}
