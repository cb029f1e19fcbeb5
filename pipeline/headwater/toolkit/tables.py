"""Tables in memory: records by their keys, up to a number of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Literal, TypeAlias, cast

from headwater.config.problems import quote
from headwater.toolkit.fields import MISSING, Record, field_finder

__all__ = ["LARGEST_SPREAD", "OnDuplicate", "collision_free", "key_finder", "rows_by_key"]

LARGEST_SPREAD: Final = sys.hash_info.modulus - 1
"""Largest integer that has a hash of its own; larger ones, and their negatives, may be chosen to share one."""

OnDuplicate: TypeAlias = Literal["fail", "first", "last"]
"""Which of several rows with the same key is kept; `fail` when there must not be any."""


class _Wide(int):
    """A large integer that is hashed as a string: integers that differ by a multiple of the modulus share a hash."""

    __slots__ = ()

    def __hash__(self) -> int:
        return hash(hex(self))


_NAN = (float, "NaN")


def collision_free(number: float) -> float:
    """Return a number whose hash only it has, to be a key of items that a stranger may have chosen.

    Python hashes integers without a secret, so items that all have one hash are easily made, and each of them would be
    compared with all before.

    Args:
        number: Any number.

    Returns:
        An equal number; large numbers as integers with a hash of their own.

    Example:
        >>> hash(2 * (2**61 - 1)) == hash(0), collision_free(2 * (2**61 - 1)) == 2 * (2**61 - 1), collision_free(7)
        (True, True, 7)
    """
    if -LARGEST_SPREAD <= number <= LARGEST_SPREAD or not (isinstance(number, int) or number.is_integer()):
        return number
    return _Wide(number)


def rows_by_key(
    table: Sequence[Record], paths: Sequence[str], *, on_duplicate: OnDuplicate = "fail", max_rows: int = 1_000_000
) -> dict[Any, Record]:
    """Return the rows of a table by their keys.

    Args:
        table: The rows.
        paths: Paths of the fields that are the key.
        on_duplicate: Which of several rows with the same key is kept, or that it is an error.
        max_rows: Most rows of the table.

    Returns:
        The rows by what `key_finder` finds, in the order in which their keys appear.

    Raises:
        ValueError: The table is too large, a row has no key, or two have the same and `on_duplicate` is `fail`.
        TypeError: A key is a list or an object.

    Example:
        >>> rows_by_key([{"n": 1, "x": "a"}, {"n": 1, "x": "b"}], ["n"], on_duplicate="last")
        {1: {'n': 1, 'x': 'b'}}
    """
    if len(table) > max_rows:
        raise ValueError(f"the table has {len(table)} rows, more than {max_rows}; raise max_rows")
    rows: dict[Any, Record] = {}
    find = key_finder(paths)
    for number, row in enumerate(table, 1):
        key = find(row)
        if key is None:
            raise ValueError(
                f"row {number} of the table has no value for its key {_names(paths)}; filter such rows out"
            )
        if key not in rows or on_duplicate == "last":
            rows[key] = row
        elif on_duplicate == "fail":
            raise ValueError(f"row {number} of the table has the same {_names(paths)} as one before; set on_duplicate")
    return rows


def key_finder(paths: Sequence[str]) -> Callable[[Record], Any]:
    """Return a function that finds the key of a record.

    Args:
        paths: Paths of the fields that are the key.

    Returns:
        A function that returns what is equal for equal keys, and None for a record that lacks one of the fields or has
        null there; it raises `TypeError` for a list or an object.

    Example:
        >>> find = key_finder(["a", "b"])
        >>> find({"a": 1, "b": "x"}), find({"a": 1.0, "b": "x"}), find({"a": True, "b": "x"}), find({"a": 1})
        ((1, 'x'), (1.0, 'x'), ((<class 'bool'>, True), 'x'), None)
    """
    finders = [_part_finder(path) for path in paths]
    if len(finders) == 1:
        return finders[0]

    def find(item: Record) -> Any:
        key = tuple(part(item) for part in finders)
        return None if None in key else key

    return find


def _part_finder(path: str) -> Callable[[Record], Any]:
    find_value = field_finder(path)

    def find(item: Record) -> Any:
        value: object = find_value(item)
        kind = type(value)
        if kind is str:
            return value
        if kind is int or kind is float:
            number = cast("float", value)
            return _NAN if number != number else collision_free(number)  # noqa: PLR0124 - NaN is one key
        if value is MISSING or value is None:
            return None
        try:
            hash(value)
        except TypeError:
            raise TypeError(f"the key {quote(path)} is a {kind.__name__}, expected a string or a number") from None
        return (bool, value) if kind is bool else value  # otherwise true would equal 1

    return find


def _names(paths: Iterable[str]) -> str:
    return " and ".join(map(quote, paths))
