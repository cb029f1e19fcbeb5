"""The kind `stream.augment`: changed copies of the items, after them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, TypeVar

from pydantic import Field

from headwater import Batch, StepContext, Stream, step
from headwater.toolkit import (
    MISSING,
    FieldPath,
    MissingFieldError,
    Reads,
    Transform,
    field_finder,
    field_locator,
    replace_field,
)

__all__ = ["augment"]

Item = TypeVar("Item")

_SLICE_ITEMS = 16  # few, because the function may be slow


@step("stream.augment")
async def augment(
    items: Annotated[Stream[Item], Reads(at="field")],
    ctx: StepContext,
    *,
    using: Transform,
    cycles: Annotated[int, Field(ge=1, le=10_000)] = 1,
    field: FieldPath | None = None,
    produces_none: bool = False,
    max_items: Annotated[int, Field(ge=1)] = 100_000,
) -> AsyncIterator[Batch[Item]]:
    """Add changed copies of the items after them, such as variants of sentences to train with.

    First all items pass as they are, while they are kept in memory. Then a function is applied to them, in their order
    and as often as `cycles` says, and its results are added. The items themselves are never changed. Header and footer
    are not passed on.

    Args:
        items: Anything; the changed ones are of the same type.
        ctx: Gets how many results were dropped.
        using: The function: the kind of a step that takes a value and returns one at once, such as
            `{"kind": "text.upper"}`, and its `params`. In Python it may be such a step itself.
        cycles: How often the function is applied to all items.
        field: The field that the function gets and that its result replaces, such as `text` or, in a list, `0`; the
            whole item by default.
        produces_none: Whether the function returns null for what it cannot change; then nothing is added, and a
            progress event has the count. Otherwise null is a result like any other.
        max_items: Most items to keep in memory.

    Yields:
        The items, and after them the changed ones.

    Raises:
        ValueError: There are more items than `max_items`, or one lacks the field.
        FrameTypeError: The function does not take such a value, or its result is of another type than the items.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> loud = augment.with_params(using={"kind": "text.upper"}, field="text")
        >>> run_sync(Pipeline("more", steps={"loud": loud}), iter([{"text": "salt", "id": 1}])).output
        [{'text': 'salt', 'id': 1}, {'text': 'SALT', 'id': 1}]
    """
    originals: list[Item] = []
    async for batch in items.batches():
        if len(originals) + len(batch) > max_items:
            raise ValueError(f"more than {max_items} items, which are kept in memory for the cycles; raise max_items")
        originals += batch
        yield Batch(batch)
    change = _Change(using, field, drops_none=produces_none)
    dropped = 0
    for start in range(0, len(originals) * cycles, _SLICE_ITEMS):
        numbers = range(start, min(start + _SLICE_ITEMS, len(originals) * cycles))
        changed = [change(originals[number % len(originals)]) for number in numbers]
        added = [item for item in changed if item is not MISSING]
        dropped += len(changed) - len(added)
        yield Batch(added)
    if dropped:
        ctx.progress(None, f"dropped {dropped} results that are null", dropped_items=dropped)


class _Change:
    """Applies a function to an item, or to a field of it."""

    def __init__(self, function: Transform, path: str | None, *, drops_none: bool) -> None:
        self._function = function
        self._path = path
        self._drops_none = drops_none
        self._locate = None if path is None else field_locator(path)
        self._find = field_finder(path)

    def __call__(self, item: Any) -> Any:
        """Return a changed copy of an item, or `MISSING` when there is none."""
        value = self._find(item)
        if value is MISSING:
            raise MissingFieldError(self._path or "", item, "filter such items out")
        changed = self._function(value)
        if changed is None and self._drops_none:
            return MISSING
        return replace_field(item, () if self._locate is None else self._locate(item), changed)
