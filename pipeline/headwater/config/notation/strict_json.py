"""Reads JSON data strictly: numbers that a float holds, one value for each key, and no words such as NaN.

The parser takes `1e400` for infinity and the last of two equal keys. Both are rare, so what it has read is only checked
for signs of them, for many lines at once, and read again where there are some.
"""

from __future__ import annotations

import json
import re
from codecs import utf_8_decode
from collections.abc import Iterator, Sequence
from itertools import chain
from math import isinf
from typing import Any

from pydantic_core import from_json

from headwater.config.notation.json_scanner import find_faults
from headwater.shapes import is_list, is_object

__all__ = ["read_json", "read_json_lines"]

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ROUGH = bytes(ord("0") if code in b"0123456789+" else ord("e") if code in b"eE" else 32 for code in range(256))
_LARGE = (b"0e000", b"0" * 200)
"""What a number above 1.8e308 has in it: three digits or signs in its exponent, or very many digits."""
_KEY_ENDS = re.compile(rb'"[ \t\n\r]*:')


def read_json(data: bytes | str) -> Any:
    """Return the value of JSON text, which may begin with a byte order mark.

    Args:
        data: The text; bytes are UTF-8.

    Returns:
        The value.

    Raises:
        ValueError: The text is not JSON, has a number that is too large, or a key twice in one object; the message ends
            with `at line 1 column 5`; a column counts characters.

    Example:
        >>> read_json('{"level_m": 2.5}')
        {'level_m': 2.5}
        >>> read_json("[1e400]")
        Traceback (most recent call last):
        ValueError: the number '1e400' is too large at line 1 column 2
    """
    text = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    text = text.removeprefix(_BYTE_ORDER_MARK)
    try:
        value = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise ValueError(_with_column_of_characters(str(error), text)) from None
    if _is_odd(text, [value]):
        _check(text, value)
    return value


def read_json_lines(lines: Sequence[bytes], text: bytes) -> list[Any] | None:
    """Return the values of lines of JSON; None where one of them is not good.

    Args:
        lines: The lines.
        text: The same lines in one.

    Returns:
        The values; None when the lines have to be read one by one, to find the one that is wrong.
    """
    try:
        values = [from_json(line, allow_inf_nan=False) for line in lines]
        if _is_odd(text, values):
            for line, value in zip(lines, values, strict=True):
                _check(line, value)
    except ValueError:
        return None
    return values


def _with_column_of_characters(message: str, text: bytes) -> str:
    """Return the parser's message with a column that counts characters; its own counts bytes, and not always well."""
    reason, _, place = message.rpartition(" at line ")
    number, _, column = place.partition(" column ")
    line = text.split(b"\n")[int(number) - 1]
    start = int(column) - 1
    if reason == "invalid unicode code point":  # some versions name the end of the string
        try:
            line.decode()
        except UnicodeDecodeError as fault:
            start = fault.start
    before, _ = utf_8_decode(line[:start], "replace", False)
    return f"{reason} at line {number} column {len(before) + 1}"


def _is_odd(text: bytes, values: list[Any]) -> bool:
    """Return whether there may be a number that is too large, or a key twice in an object."""
    objects: list[dict[str, Any]] = [value for value in values if type(value) is dict]
    has_more = len(objects) != text.count(b"{")
    keys = _keys_in(values) if has_more else sum(map(len, objects))
    return keys != text.count(b'":') or _may_overflow(text)


def _may_overflow(text: bytes) -> bool:
    rough = text.translate(_ROUGH)
    return _LARGE[0] in rough or _LARGE[1] in rough


def _keys_in(values: list[Any]) -> int:
    return sum(len(value) for level in _levels(values) for value in level if is_object(value))


def _levels(values: list[Any]) -> Iterator[list[Any]]:
    """Yield the values, then all values within them, and so on; level by level, so that no nesting exhausts a stack."""
    while values:
        yield values
        objects = filter(is_object, values)
        arrays = filter(is_list, values)
        values = [inner for value in objects for inner in value.values()]
        values += chain.from_iterable(arrays)


def _check(text: bytes, value: Any) -> None:
    """Raise if a number is infinite or a key is there twice."""
    ends = len(_KEY_ENDS.findall(text))
    if not (_may_overflow(text) and _has_infinity(value)) and (_keys_in([value]) == ends or not _has_twice(text)):
        return
    faults, _ = find_faults(text.decode("utf-8", "replace"))
    if not faults:
        raise ValueError("a number is too large, or a key occurs twice in one object")
    line, column = faults[0].position or (1, 1)
    raise ValueError(f"{faults[0].message} at line {line} column {column}")


def _has_infinity(value: Any) -> bool:
    return any(type(part) is float and isinf(part) for level in _levels([value]) for part in level)


def _has_twice(text: bytes) -> bool:
    try:
        json.loads(text, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError):
        return True
    return False


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError
    return made
