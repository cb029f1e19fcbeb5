"""The kinds `stream.count` and `stream.group_count`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Hashable, Sequence
from heapq import nsmallest
from typing import Annotated, Any

from anyio.to_thread import run_sync as run_in_thread
from pydantic import BaseModel, Field

from headwater import Stream, step
from headwater.toolkit import LARGEST_SPREAD, MISSING, FieldPath, Reads, collision_free, field_column, field_label

__all__ = ["Group", "count", "group_count"]


@step("stream.count")
async def count(items: Stream[Any]) -> int:
    """Count the items of a stream.

    Args:
        items: Anything.

    Returns:
        How many items there are, without header and footer.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> run_sync(Pipeline("how-many", steps={"n": count}), ["a", "b"]).output
        2
    """
    total = 0
    async for batch in items.batches():
        total += len(batch)
    return total


class Group(BaseModel, frozen=True):
    """Items that are equal, or equal in one field.

    Args:
        key: What they have in common.
        count: How many there are.
    """

    key: Any
    count: int


_Counts = dict[type, Counter[Hashable]]
"""Counts of keys by their type, because a `Counter` takes 1, 1.0 and true for one key."""

_NAN = float("nan")
_WITH_NAN: frozenset[type] = frozenset({float})


@step("stream.group_count")
async def group_count(
    items: Annotated[Stream[Any], Reads(Hashable, at="by")],
    *,
    by: FieldPath | None = None,
    top: Annotated[int, Field(ge=0)] | None = None,
    max_groups: Annotated[int, Field(ge=1)] = 1_000_000,
) -> AsyncIterator[Group]:
    """Count equal items, the largest groups first.

    The groups come after all items were read. Values of different types are different keys: 1, 1.0, true and "1".

    Args:
        items: Anything that can be compared; with `by`, objects with or without the field.
        by: The field to group by; the whole item by default. Items without the field have the key null.
        top: How many groups to pass on, the largest; all by default.
        max_groups: Most groups to keep in memory; more are an error.

    Yields:
        The groups from the largest, those of the same size by key: numbers, then strings, then the rest.

    Raises:
        ValueError: There are more groups than `max_groups`.
        TypeError: A key is a list or an object, which cannot be counted.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> most = group_count.with_params(top=1)
        >>> run_sync(Pipeline("most", steps={"most": most}), ["a", "b", "a"]).output
        [Group(key='a', count=2)]
    """
    counts: _Counts = defaultdict(Counter)
    keys = field_column(by)
    async for batch in items.batches():
        _add(counts, keys(batch), by)
        if sum(map(len, counts.values())) > max_groups:
            raise ValueError(f"more than {max_groups} groups; raise max_groups, or group by a field with fewer values")
    for key, number in await run_in_thread(_ranked, counts, top):
        yield Group(
            key=int(key) if isinstance(key, int) and not -LARGEST_SPREAD <= key <= LARGEST_SPREAD else key, count=number
        )


def _add(counts: _Counts, keys: Sequence[Any], by: str | None) -> None:
    kinds = set(map(type, keys))
    if type(MISSING) in kinds:
        keys = [None if key is MISSING else key for key in keys]
        kinds = set(map(type, keys))
    if kinds & _WITH_NAN:
        keys = [key if key == key else _NAN for key in keys]  # noqa: PLR0124 - NaN is not, and is one key
    try:
        for kind in kinds:
            same = keys if len(kinds) == 1 else [key for key in keys if type(key) is kind]
            is_large = kind is int and not -LARGEST_SPREAD <= min(same) <= max(same) <= LARGEST_SPREAD
            counts[kind].update(map(collision_free, same) if is_large else same)
    except TypeError as error:
        found = next(type(key).__name__ for key in keys if not _is_hashable(key))
        hint = "set by to a field that is a string or a number"
        raise TypeError(f"{field_label(by)} is a {found}, which cannot be a key; {hint}") from error


def _is_hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:  # also of a tuple that holds a list
        return False
    return True


def _ranked(counts: _Counts, top: int | None) -> list[tuple[Any, int]]:
    groups = [group for counter in counts.values() for group in counter.items()]
    return sorted(groups, key=_rank) if top is None else nsmallest(top, groups, key=_rank)


def _rank(group: tuple[Any, int]) -> tuple[int, int, float, str]:
    key, number = group
    kind: type[Any] = key.__class__
    if kind in {bool, int, float}:
        return -number, 0, key, kind.__name__
    return (-number, 1, 0, key) if kind is str else (-number, 2, 0, repr(key))
