"""Kinds `stream.*`: steps on streams of any items, and on records (objects with fields).

One rule for header and footer: a step that is mapped over the items, such as `stream.filter`, keeps them around the
items. A step that reads the stream as a whole starts a new stream without them, because they describe a file or a count
that the new stream no longer has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.toolkit import on_first_use

if TYPE_CHECKING:
    from collections.abc import Callable

    from headwater_steps.streams.aggregates import largest, mean, smallest, total
    from headwater_steps.streams.augmentation import augment
    from headwater_steps.streams.batches import batch, flatten, window
    from headwater_steps.streams.counts import Group, count, group_count
    from headwater_steps.streams.duplicates import distinct
    from headwater_steps.streams.filtering import filter_items, skip, take
    from headwater_steps.streams.joining import JoinLookup
    from headwater_steps.streams.pacing import peek, rate
    from headwater_steps.streams.records import Drop, Pick, Rename, Set
    from headwater_steps.streams.sampling import Parts, Sample, shuffle, split
    from headwater_steps.streams.sorting import sort
    from headwater_steps.streams.validation import InvalidItemError, validate

__all__ = [
    "Drop",
    "Group",
    "InvalidItemError",
    "JoinLookup",
    "Parts",
    "Pick",
    "Rename",
    "Sample",
    "Set",
    "augment",
    "batch",
    "count",
    "distinct",
    "filter_items",
    "flatten",
    "group_count",
    "largest",
    "mean",
    "peek",
    "rate",
    "shuffle",
    "skip",
    "smallest",
    "sort",
    "split",
    "take",
    "total",
    "validate",
    "window",
]

__getattr__: Callable[[str], Any] = on_first_use(
    __name__,
    {
        "aggregates": "largest mean smallest total",
        "augmentation": "augment",
        "batches": "batch flatten window",
        "counts": "Group count group_count",
        "duplicates": "distinct",
        "filtering": "filter_items skip take",
        "joining": "JoinLookup",
        "pacing": "peek rate",
        "records": "Drop Pick Rename Set",
        "sampling": "Parts Sample shuffle split",
        "sorting": "sort",
        "validation": "InvalidItemError validate",
    },
)
