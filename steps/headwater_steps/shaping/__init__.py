"""Steps that shape streams of anything: choose, count, add up, sort, batch, sample, pace.

One rule says what becomes of header and footer. A step that is mapped over the items, such as `stream.filter`, leaves
them around the items. A step that reads the stream as a whole starts a stream of its own, without them: they tell of a
file or a count that the new stream is no longer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.lazy import on_first_use

if TYPE_CHECKING:
    from collections.abc import Callable

    from headwater_steps.shaping.augmentation import augment
    from headwater_steps.shaping.batches import batch, flatten, window
    from headwater_steps.shaping.chance import Parts, Sample, shuffle, split
    from headwater_steps.shaping.choice import filter_items, skip, take
    from headwater_steps.shaping.counts import Group, count, group_count
    from headwater_steps.shaping.duplicates import distinct
    from headwater_steps.shaping.fields import FieldPath
    from headwater_steps.shaping.figures import largest, mean, smallest, total
    from headwater_steps.shaping.order import sort
    from headwater_steps.shaping.pace import peek, rate
    from headwater_steps.shaping.transform import Transform

__all__ = [
    "FieldPath",
    "Group",
    "Parts",
    "Sample",
    "Transform",
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
    "window",
]

__getattr__: Callable[[str], Any] = on_first_use(
    __name__,
    {
        "augmentation": "augment",
        "batches": "batch flatten window",
        "chance": "Parts Sample shuffle split",
        "choice": "filter_items skip take",
        "counts": "Group count group_count",
        "duplicates": "distinct",
        "fields": "FieldPath",
        "figures": "largest mean smallest total",
        "order": "sort",
        "pace": "peek rate",
        "transform": "Transform",
    },
)
