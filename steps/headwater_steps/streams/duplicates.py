"""The kind `stream.distinct`: items that did not come before."""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field
from pydantic_core import to_json

from headwater import Batch, StepContext, Stream, step
from headwater.toolkit import (
    LARGEST_SPREAD,
    MISSING,
    FieldPath,
    Reads,
    field_column,
    field_label,
    is_mapping,
    is_object,
    is_sequence,
)

__all__ = ["distinct"]

Item = TypeVar("Item")

_PLAIN: frozenset[type] = frozenset({str, int, float, bool, type(None)})
_SPREAD: frozenset[type] = frozenset({str, float, bool, type(None)})


@step("stream.distinct")
async def distinct(
    items: Annotated[Stream[Item], Reads(at="by")],
    ctx: StepContext,
    *,
    by: FieldPath | None = None,
    max_keys: Annotated[int, Field(ge=1)] = 1_000_000,
    on_full: Literal["fail", "forget_oldest"] = "fail",
) -> AsyncIterator[Batch[Item]]:
    """Leave out items that are equal, or equal in one field, to one before.

    Values of different types are different: 1, 1.0, true and "1". Lists and objects are equal when all in them is
    equal; the order of the fields of an object does not matter. Header and footer are not passed on.

    Args:
        items: Anything that can be compared; with `by`, objects with or without the field.
        ctx: Gets how many keys were forgotten.
        by: The field that distinguishes items; the whole item by default. Items without the field have the key null.
        max_keys: Most different keys to keep in memory.
        on_full: What happens when there are more: `fail` is an error; `forget_oldest` forgets the key that was not seen
            for the longest time, so an item is left out only if an equal one is among the last `max_keys` different
            ones. A progress event has the number of forgotten keys.

    Yields:
        The first item of each key, in order.

    Raises:
        ValueError: There are more keys than `max_keys`, and `on_full` is `fail`.
        TypeError: A key cannot be compared.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> run_sync(Pipeline("once", steps={"once": distinct}), iter("abacb")).output
        ['a', 'b', 'c']
    """
    seen: dict[Hashable, None] = {}
    forgotten = 0
    keys = field_column(by)
    async for batch in items.batches():
        fresh: list[Item] = []
        for item, value in zip(batch, keys(batch), strict=True):
            kind: type[Any] = value.__class__
            is_spread = (kind in _SPREAD and value == value) or (  # noqa: PLR0124 - NaN is not
                kind is int and -LARGEST_SPREAD <= value <= LARGEST_SPREAD
            )
            key = (kind, value) if is_spread else _key(value, by)
            if key in seen:
                if on_full == "forget_oldest":
                    seen[key] = seen.pop(key)
                continue
            if len(seen) == max_keys:
                if on_full == "fail":
                    yield Batch(fresh)
                    raise ValueError(f"more than {max_keys} keys; raise max_keys, or set on_full to forget_oldest")
                del seen[next(iter(seen))]
                forgotten += 1
            seen[key] = None
            fresh.append(item)
        yield Batch(fresh)
    if forgotten:
        ctx.progress(
            None, f"forgot {forgotten} keys, so equal items that are far apart may remain", forgotten_keys=forgotten
        )


def _key(value: Any, by: str | None) -> Hashable:
    """Return a key for a value that is not plain."""
    try:
        return _frozen(None if value is MISSING else value)
    except (TypeError, RecursionError) as error:
        hint = "set by to a field that is a string or a number"
        raise TypeError(f"{field_label(by)} is a {type(value).__name__}, which cannot be compared; {hint}") from error


def _frozen(value: Any) -> Hashable:
    kind: type[Any] = value.__class__
    if kind is int:
        return kind, hex(value)  # a string, because others may choose numbers that have one hash
    if kind is float:
        return kind, (value + 0.0).hex()  # also NaN, which is one key
    if kind in _PLAIN:
        return kind, value
    if is_object(value) and _PLAIN.issuperset(map(type, value.values())):
        try:
            return to_json(sorted(value.items()))  # faster and smaller than what follows, and as exact
        except (TypeError, ValueError):  # names of several types, or a lone surrogate
            pass
    if is_sequence(value):
        return kind, tuple(map(_frozen, value))
    if is_mapping(value):
        return kind, frozenset([(key, _frozen(part)) for key, part in value.items()])
    hash(value)
    return kind, value
