"""Selects the items of a batch that meet a condition together, mostly in a third of the time of one by one."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import compress, repeat
from operator import itemgetter
from typing import Any

from headwater.config.conditions.field_paths import Lookup
from headwater.config.conditions.operators import NUMBERS, STRINGS, Predicate, member_types, plain_members, plain_types

__all__ = ["Select", "selection"]

Select = Callable[[Sequence[Any]], list[Any]]
"""Returns those of some items that meet a condition."""

_Flags = Callable[[Sequence[Any]], Iterable[bool]]
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    name: getattr(operator, name) for name in ("eq", "gt", "ge", "lt", "le")
}
_RECORDS: frozenset[type[Any]] = frozenset({dict})


def selection(source: Mapping[str, Any], test: Predicate) -> Select:
    """Return a function that selects the items of a batch that meet a condition; `test` is the same as a predicate.

    Where the items are plain records and a field of them is compared with plain values, it tests that field of all of
    them at once.
    """
    name = Lookup.of(source["field"]).name if "field" in source else None
    tests = [(key, operand) for key, operand in source.items() if key != "field"]
    types, flags = _flags(*tests[0]) if len(tests) == 1 else (NUMBERS, None)
    if flags is None or name is None:
        return lambda items: list(filter(test, items))
    get = itemgetter(name)

    def select(items: Sequence[Any]) -> list[Any]:
        if _RECORDS.issuperset(map(type, items)):
            try:
                values = list(map(get, items))
            except KeyError:  # a missing field: rare enough to look at the others again
                values = [None]
            if types.issuperset(map(type, values)):
                return list(compress(items, flags(values)))
        return list(filter(test, items))

    return select


def _flags(name: str, operand: Any) -> tuple[frozenset[type], _Flags | None]:
    """Return the types of plain values, and a function that tests several of them."""
    if name == "in":
        contains = plain_members(operand).__contains__
        return member_types(operand), lambda values: map(contains, values)
    types, compare = plain_types(operand), _COMPARISONS.get(name)
    if compare is None or types not in (NUMBERS, STRINGS):
        return types, None
    return types, lambda values: map(compare, values, repeat(operand))
