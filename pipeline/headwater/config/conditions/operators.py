"""The operators of conditions."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sized
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from numbers import Number
from typing import Annotated, Any, TypeAlias

from pydantic import Field

from headwater.config.conditions.moments import MOMENTS, Moment
from headwater.limits.patterns import PATTERN_LENGTH_LIMIT, compile_pattern
from headwater.shapes import is_list, is_mapping, is_sequence

__all__ = [
    "HASHED",
    "NUMBERS",
    "OPERATORS",
    "STRINGS",
    "OperandError",
    "Operator",
    "Predicate",
    "member_types",
    "plain_members",
    "plain_types",
]

Predicate: TypeAlias = Callable[[Any], bool]
Odd: TypeAlias = Callable[[Any], None]
"""Takes a value that cannot be compared with the operand."""
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

    build: Callable[[Any, Odd], Predicate]
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
    return float if isinstance(value, Number) else value.__class__  # such as `Decimal`


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


def _eq(operand: Any, odd: Odd) -> Predicate:
    moment = Moment(operand)

    def equals(value: Any) -> bool:
        if not isinstance(value, MOMENTS):
            equal: bool | None = _equal(value, operand)
            if not equal and _family(value) is not _family(operand):
                odd(value)
        elif (equal := moment.equals(value)) is None:
            odd(value)
        return bool(equal)

    general = _safely(equals)
    plain = plain_types(operand)
    return lambda value: value == operand if type(value) in plain else general(value)


def plain_types(operand: Any) -> frozenset[type]:
    """Return the types whose values an operand can be compared with directly; none for other operands."""
    if type(operand) in NUMBERS:
        return NUMBERS
    return STRINGS if type(operand) is str else frozenset[type]()


def _ne(operand: Any, odd: Odd) -> Predicate:
    equal = _eq(operand, odd)
    return lambda value: not equal(value)


def _ordering(compare: _Comparison) -> Callable[[Any, Odd], Predicate]:
    def build(operand: Any, odd: Odd) -> Predicate:
        family = _family(operand)
        if family is not float and family is not str and not isinstance(operand, MOMENTS):
            raise OperandError("expected a number or a string")
        moment = Moment(operand)

        def orders(value: Any) -> bool:
            if isinstance(value, MOMENTS):
                pair = moment.pair(value)
            else:
                pair = (value, operand) if _family(value) is family else None
            if pair is None:
                odd(value)
                return False
            return compare(*pair)

        general = _safely(orders)
        plain = plain_types(operand)
        return lambda value: compare(value, operand) if type(value) in plain else general(value)

    return build


def member_types(members: list[Any]) -> frozenset[type]:
    """Return the types whose values can be looked up among some members: of one type, if all members are of it."""
    kinds = {plain_types(member) for member in members}
    return kinds.pop() or HASHED if len(kinds) == 1 else HASHED


def plain_members(members: list[Any]) -> frozenset[Any]:
    """Return the members of a list that can be looked up by their hash."""
    return frozenset(member for member in members if type(member) in HASHED and member == member)  # noqa: PLR0124 - no NaN


def _in(operand: Any, odd: Odd) -> Predicate:
    if not is_list(operand):
        raise OperandError("expected a list")
    members = operand
    if len(members) > MEMBERS_LIMIT:
        raise OperandError(f"found a list of {len(members)} values; at most {MEMBERS_LIMIT} are allowed")
    plain = plain_members(members)
    moments = [Moment(member) for member in members if isinstance(member, (str, *MOMENTS))]

    def contains(value: Any) -> bool:
        if not isinstance(value, MOMENTS):
            return any(_equal(value, member) for member in members)
        equal = [moment.equals(value) for moment in moments]
        if equal and set(equal) == {None}:
            odd(value)
        return True in equal

    general = _safely(contains)
    types = member_types(members)
    if types != HASHED:  # a value of another type is mostly a mistake
        return lambda value: value in plain if type(value) in types else _reported(value, general, odd)
    return lambda value: value in plain if type(value) in HASHED else general(value)


def _not_in(operand: Any, odd: Odd) -> Predicate:
    contained = _in(operand, odd)
    return lambda value: not contained(value)


def _reported(value: Any, test: Predicate, odd: Odd) -> bool:
    if not isinstance(value, MOMENTS):  # the test itself reports those that are comparable with no member
        odd(value)
    return test(value)


def _contains(operand: Any, _odd: Odd) -> Predicate:
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


def _starts_with(operand: Any, _odd: Odd) -> Predicate:
    prefix = _text(operand)
    return lambda value: isinstance(value, str) and value.startswith(prefix)


def _ends_with(operand: Any, _odd: Odd) -> Predicate:
    suffix = _text(operand)
    return lambda value: isinstance(value, str) and value.endswith(suffix)


def _matches(operand: Any, _odd: Odd) -> Predicate:
    return compile_pattern(_text(operand))


def _exists(operand: Any, _odd: Odd) -> Predicate:
    if not isinstance(operand, bool):
        raise OperandError("expected true or false")
    return lambda _value: operand


def _length(compare: _Comparison) -> Callable[[Any, Odd], Predicate]:
    def build(operand: Any, _odd: Odd) -> Predicate:
        if isinstance(operand, bool) or not isinstance(operand, int) or operand < 0:
            raise OperandError("expected a whole number from 0")
        return _safely(lambda value: isinstance(value, Sized) and compare(len(value), operand))

    return build


_Comparable = int | float | str
_AFTER = "It is {} this number, or {} string; a date or time is compared with one in ISO 8601."
_Length = Annotated[int, Field(ge=0)]

OPERATORS: Mapping[str, Operator] = {
    "eq": Operator(
        _eq,
        Any,
        "It is equal to this: a number to a number, a string to a string, a date or time to one in ISO 8601, lists and "
        "objects part by part.",
    ),
    "ne": Operator(_ne, Any, "It is not equal to this."),
    "gt": Operator(_ordering(operator.gt), _Comparable, _AFTER.format("greater than", "after this")),
    "ge": Operator(_ordering(operator.ge), _Comparable, _AFTER.format("at least", "not before this")),
    "lt": Operator(_ordering(operator.lt), _Comparable, _AFTER.format("less than", "before this")),
    "le": Operator(_ordering(operator.le), _Comparable, _AFTER.format("at most", "not after this")),
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
