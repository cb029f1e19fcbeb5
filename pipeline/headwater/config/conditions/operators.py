"""The operators of conditions."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sized
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

from pydantic import Field

from headwater.patterns import PATTERN_LENGTH_LIMIT, compile_pattern
from headwater.shapes import is_list, is_mapping, is_sequence

__all__ = [
    "HASHED",
    "NUMBERS",
    "OPERATORS",
    "STRINGS",
    "OperandError",
    "Operator",
    "Predicate",
    "plain_members",
    "plain_types",
]

Predicate: TypeAlias = Callable[[Any], bool]
_Comparison: TypeAlias = Callable[[Any, Any], bool]

MEMBERS_LIMIT = 10_000
NUMBERS: frozenset[type] = frozenset({int, float})
STRINGS: frozenset[type] = frozenset({str})
HASHED = NUMBERS | STRINGS


class OperandError(ValueError):
    """Internal: an operand that its operator does not take; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator of conditions."""

    build: Callable[[Any], Predicate]
    operand: Any
    meaning: str


def _family(value: object) -> type[Any]:
    """Return the class that two values must share to be comparable; a boolean is not a number."""
    if isinstance(value, bool):
        return bool
    if isinstance(value, (int, float)):
        return float
    if isinstance(value, str):
        return str
    return value.__class__


def _equal(left: Any, right: Any) -> bool:
    """Compare by value and type at every depth: `1` equals `1.0`, but not `true`."""
    if is_mapping(left) and is_mapping(right):
        return left.keys() == right.keys() and all(_equal(value, right[key]) for key, value in left.items())
    if is_sequence(left) and is_sequence(right):
        return len(left) == len(right) and all(map(_equal, left, right))
    return _family(left) is _family(right) and bool(left == right)


def _safely(test: Predicate) -> Predicate:
    """Return a predicate that is False where values refuse to be compared."""

    def check(value: Any) -> bool:
        try:
            return test(value)
        except Exception:  # noqa: BLE001 - the comparison methods of other people's classes may raise anything
            return False

    return check


# Most values are plain numbers and strings, which are checked first; `type` instead of `isinstance` leaves booleans and
# classes with comparisons of their own to the general test.


def _eq(operand: Any) -> Predicate:
    general = _safely(lambda value: _equal(value, operand))
    plain = plain_types(operand)
    return lambda value: value == operand if type(value) in plain else general(value)


def plain_types(operand: Any) -> frozenset[type]:
    """Return the types whose values an operand can be compared with directly; none for other operands."""
    if type(operand) in NUMBERS:
        return NUMBERS
    return STRINGS if type(operand) is str else frozenset[type]()


def _ne(operand: Any) -> Predicate:
    equal = _eq(operand)
    return lambda value: not equal(value)


def _ordering(compare: _Comparison) -> Callable[[Any], Predicate]:
    def build(operand: Any) -> Predicate:
        family = _family(operand)
        if family is not float and family is not str:
            raise OperandError("expected a number or a string")
        general = _safely(lambda value: _family(value) is family and compare(value, operand))
        plain = plain_types(operand)
        return lambda value: compare(value, operand) if type(value) in plain else general(value)

    return build


def plain_members(members: list[Any]) -> frozenset[Any]:
    """Return the members of a list that can be looked up by their hash."""
    return frozenset(member for member in members if type(member) in HASHED and member == member)  # noqa: PLR0124 - no NaN


def _in(operand: Any) -> Predicate:
    if not is_list(operand):
        raise OperandError("expected a list")
    members = operand
    if len(members) > MEMBERS_LIMIT:
        raise OperandError(f"found a list of {len(members)} values; at most {MEMBERS_LIMIT} are allowed")
    plain = plain_members(members)
    general = _safely(lambda value: any(_equal(value, member) for member in members))
    return lambda value: value in plain if type(value) in HASHED else general(value)


def _not_in(operand: Any) -> Predicate:
    contained = _in(operand)
    return lambda value: not contained(value)


def _contains(operand: Any) -> Predicate:
    def test(value: Any) -> bool:
        if isinstance(value, str):
            return isinstance(operand, str) and operand in value
        if isinstance(value, (Mapping, AbstractSet)):
            return operand in value
        return is_sequence(value) and any(_equal(member, operand) for member in value)

    return _safely(test)


def _text(operand: Any) -> str:
    if not isinstance(operand, str):
        raise OperandError("expected a string")
    return operand


def _starts_with(operand: Any) -> Predicate:
    prefix = _text(operand)
    return lambda value: isinstance(value, str) and value.startswith(prefix)


def _ends_with(operand: Any) -> Predicate:
    suffix = _text(operand)
    return lambda value: isinstance(value, str) and value.endswith(suffix)


def _matches(operand: Any) -> Predicate:
    return compile_pattern(_text(operand))


def _exists(operand: Any) -> Predicate:
    if not isinstance(operand, bool):
        raise OperandError("expected true or false")
    return lambda _value: operand


def _length(compare: _Comparison) -> Callable[[Any], Predicate]:
    def build(operand: Any) -> Predicate:
        if isinstance(operand, bool) or not isinstance(operand, int) or operand < 0:
            raise OperandError("expected a whole number from 0")
        return _safely(lambda value: isinstance(value, Sized) and compare(len(value), operand))

    return build


_Comparable = int | float | str
_Length = Annotated[int, Field(ge=0)]

OPERATORS: Mapping[str, Operator] = {
    "eq": Operator(
        _eq, Any, "It is equal to this: a number to a number, a string to a string, lists and objects part by part."
    ),
    "ne": Operator(_ne, Any, "It is not equal to this."),
    "gt": Operator(_ordering(operator.gt), _Comparable, "It is greater than this number, or after this string."),
    "ge": Operator(_ordering(operator.ge), _Comparable, "It is at least this number, or this string or after it."),
    "lt": Operator(_ordering(operator.lt), _Comparable, "It is less than this number, or before this string."),
    "le": Operator(_ordering(operator.le), _Comparable, "It is at most this number, or this string or before it."),
    "in": Operator(_in, list[Any], "It is equal to one of these."),
    "not_in": Operator(_not_in, list[Any], "It is equal to none of these."),
    "contains": Operator(
        _contains, Any, "It is a string with this in it, a list with this element, or an object with this key."
    ),
    "starts_with": Operator(_starts_with, str, "It is a string that starts with this."),
    "ends_with": Operator(_ends_with, str, "It is a string that ends with this."),
    "matches": Operator(
        _matches,
        Annotated[str, Field(max_length=PATTERN_LENGTH_LIMIT)],
        "It is a string in which this regular expression is found; without look-around and back-references.",
    ),
    "exists": Operator(_exists, bool, "Whether the field exists."),
    "length_at_least": Operator(
        _length(operator.ge),
        _Length,
        "It is a string, list or object with at least this many characters, elements or keys.",
    ),
    "length_at_most": Operator(
        _length(operator.le),
        _Length,
        "It is a string, list or object with at most this many characters, elements or keys.",
    ),
}
"""The operators by name: the one declaration that checks, hints and the JSON Schema derive from."""
