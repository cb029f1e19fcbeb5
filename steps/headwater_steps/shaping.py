"""Steps that shape streams of anything: choose, count, group, end early."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Hashable, Iterator, Mapping, Sequence
from heapq import nsmallest
from typing import Annotated, Any, TypeVar

from anyio.to_thread import run_sync as run_in_thread
from pydantic import BaseModel, Field

from headwater import Condition, Stream, step
from headwater.config.operators import Lookup

__all__ = ["FieldPath", "Group", "count", "filter_items", "group_count", "take"]

Item = TypeVar("Item")

FieldPath = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^.]+(\.[^.]+)*$")]
"""The path of a field in an item, as in conditions: `author.names.0`."""


@step("stream.filter")
def filter_items(item: Item, *, where: Condition) -> Iterator[Item]:
    """Pass on the items that meet a condition.

    Args:
        item: Anything.
        where: The condition.

    Yields:
        The item, if it meets the condition.

    Example:
        >>> long_words = filter_items.with_params(where={"length_at_least": 4})
        >>> list(long_words("word")), list(long_words("a"))
        (['word'], [])
    """
    if where.test(item):
        yield item


@step("stream.count")
async def count(items: Stream[Any]) -> int:
    """Count the items of a stream.

    Args:
        items: Anything.

    Returns:
        How many items there are; header and footer are none.

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


_Counts = Counter[tuple[type, Hashable]]


@step("stream.group_count")
async def group_count(
    items: Stream[Any],
    *,
    by: FieldPath | None = None,
    top: Annotated[int, Field(ge=0)] | None = None,
    max_groups: Annotated[int, Field(ge=1)] = 1_000_000,
) -> AsyncIterator[Group]:
    """Count equal items, and give the largest groups first.

    The groups come when all items were read. Values of different types are different keys: 1, 1.0, true and "1".

    Args:
        items: Anything that can be compared; with `by`, objects that have the field or not.
        by: The field to group by; the whole item by default. Items without the field count for the key null.
        top: Most groups to give; all by default.
        max_groups: Most groups to keep in memory; more are an error.

    Yields:
        The groups, by count from the largest, those of the same count by key: numbers, then texts, then the rest.

    Raises:
        ValueError: There are more groups than `max_groups`.
        TypeError: A key is a list or an object, which cannot be counted.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> most = group_count.with_params(top=1)
        >>> run_sync(Pipeline("most", steps={"most": most}), ["a", "b", "a"]).output
        [Group(key='a', count=2)]
    """
    counts: _Counts = Counter()
    find = None if by is None else Lookup(tuple(by.split("."))).find
    async for batch in items.batches():
        _add(counts, batch if find is None else [_key(find(item)) for item in batch], by)
        if len(counts) > max_groups:
            raise ValueError(f"more than {max_groups} groups; raise max_groups, or group by what has fewer values")
    for (_, key), number in await run_in_thread(_ranked, counts, top):
        yield Group(key=key, count=number)


def _key(value: Any) -> Any:
    return None if value is Lookup.MISSING else value


def _add(counts: _Counts, keys: Sequence[Any], by: str | None) -> None:
    try:
        counts.update(zip(map(type, keys), keys, strict=True))
    except TypeError as error:
        found = next(type(key).__name__ for key in keys if not _is_hashable(key))
        place = "an item" if by is None else f"the field {by!r} of an item"
        hint = "set by to a field that is a text or a number"
        raise TypeError(f"{place} is a {found}, which cannot be a key; {hint}") from error


def _is_hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:  # also of a tuple that holds a list
        return False
    return True


def _ranked(counts: Mapping[tuple[type, Any], int], top: int | None) -> list[tuple[tuple[type, Any], int]]:
    if top is None:
        return sorted(counts.items(), key=_rank)
    return nsmallest(top, counts.items(), key=_rank)


def _rank(group: tuple[tuple[type, Any], int]) -> tuple[int, int, float, str]:
    (kind, key), number = group
    if kind in {bool, int, float}:
        return -number, 0, key, kind.__name__
    return (-number, 1, 0, key) if kind is str else (-number, 2, 0, repr(key))


@step("stream.take")
async def take(items: Stream[Item], *, n: Annotated[int, Field(ge=0)]) -> AsyncIterator[Item]:
    """Pass on the first items, then stop those who write the others.

    Args:
        items: Anything.
        n: Most items to pass on.

    Yields:
        The first `n` items, or all where there are fewer.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> run_sync(Pipeline("first", steps={"first": take.with_params(n=2)}), iter("abc")).output
        ['a', 'b']
    """
    left = n
    if not left:
        return
    async for item in items:
        yield item
        left -= 1
        if not left:
            return
