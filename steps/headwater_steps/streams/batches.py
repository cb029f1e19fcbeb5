"""The kinds `stream.batch`, `window` and `flatten`: items into lists, and lists into items."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from math import inf
from typing import Annotated, Literal, TypeVar

from pydantic import Field

from headwater import Batch, StepContext, Stream, step

__all__ = ["batch", "flatten", "window"]

Item = TypeVar("Item")

_Size = Annotated[int, Field(ge=1, le=1_000_000)]


@step("stream.batch")
async def batch(
    items: Stream[Item], *, size: _Size, linger_s: Annotated[float, Field(gt=0, le=86_400)] | None = None
) -> AsyncIterator[list[Item]]:
    """Group items into lists of one size.

    Header and footer are not passed on.

    Args:
        items: Anything.
        size: How many items make a list; the last one may have fewer.
        linger_s: Longest time, in seconds, that an item waits for its list to be full; then the list leaves with fewer
            items. Without it, a list leaves only when it is full, or at the end; set it for items that come rarely.

    Yields:
        Lists of `size` items, or fewer.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> run_sync(Pipeline("pairs", steps={"pairs": batch.with_params(size=2)}), iter("abc")).output
        [['a', 'b'], ['c']]
    """
    async for full in items.batches(size, linger_s=inf if linger_s is None else linger_s):
        yield full


@step("stream.window")
async def window(
    items: Stream[Item],
    ctx: StepContext,
    *,
    size: _Size,
    every: _Size | None = None,
    on_partial: Literal["keep", "skip", "fail"] = "keep",
) -> AsyncIterator[list[Item]]:
    """Slide a window of some items along a stream.

    A window comes as soon as its last item has arrived. Header and footer are not passed on.

    Args:
        items: Anything.
        ctx: Gets how many items were left out.
        size: How many items a window shows.
        every: By how many items it moves each time: fewer than `size` for windows that overlap, more to leave items out
            between them; `size` by default, so that each item is in one window.
        on_partial: What happens at the end to items that are in no window yet because too few came after them: `keep`
            makes a last window of them, `skip` leaves them out and counts them as compensations, `fail` is an error.

    Yields:
        The windows, as lists of `size` items; with `keep`, the last may have fewer.

    Raises:
        ValueError: Items are left over, and `on_partial` is `fail`.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> pairs = window.with_params(size=2, every=1)
        >>> run_sync(Pipeline("pairs", steps={"pairs": pairs}), iter("abcd")).output
        [['a', 'b'], ['b', 'c'], ['c', 'd']]
    """
    step_size = size if every is None else every
    shown: list[Item] = []
    left_out = 0  # items to come that are between two windows
    unseen = 0
    async for item in items:
        if left_out:
            left_out -= 1
            continue
        shown.append(item)
        unseen += 1
        if len(shown) == size:
            yield shown
            shown, left_out, unseen = shown[step_size:], max(step_size - size, 0), 0
    if unseen and on_partial == "keep":
        yield shown
    elif unseen and on_partial == "fail":
        raise ValueError(
            f"the last {unseen} items are in no window of {size}; set on_partial to keep or skip if that is right"
        )
    elif unseen:
        ctx.progress(message=f"left out the last {unseen} items, which fill no window", compensations=unseen)


@step("stream.flatten")
async def flatten(lists: Stream[Sequence[Item]]) -> AsyncIterator[Batch[Item]]:
    """Pass on the items of lists one by one.

    One level is removed: the items of a list of lists are lists. A string is not a list. Header and footer are not
    passed on.

    Args:
        lists: Lists of anything.

    Yields:
        The items of each list, in order; nothing for an empty one.

    Raises:
        FrameTypeError: Something is not a list.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> run_sync(Pipeline("flat", steps={"flat": flatten}), iter([["a", "b"], [], ["c"]])).output
        ['a', 'b', 'c']
    """
    async for some in lists:
        yield Batch(list(some))
