"""Values as strings write them, by their type: on the command line and in the environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from headwater.config.notation.strict_json import read_json
from headwater.numerals import decimal_number, whole_number

__all__ = ["VALUE_PARSERS"]


def _number(text: str) -> int | float:
    try:
        return whole_number(text)
    except ValueError:
        return decimal_number(text)


def _boolean(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError(text)
    return text == "true"


def _json_of(kind: type) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        value = read_json(text)
        if not isinstance(value, kind):
            raise ValueError(text)  # noqa: TRY004 - the string is wrong, not its type
        return value

    return parse


VALUE_PARSERS: Mapping[str, Callable[[str], Any]] = {
    "string": str,
    "integer": whole_number,
    "number": _number,
    "boolean": _boolean,
    "array": _json_of(list),
    "object": _json_of(dict),
}
"""The functions that read a value of each type; they raise `ValueError` for what is not one."""
