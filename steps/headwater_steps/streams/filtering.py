"""The kinds `stream.filter`, `take` and `skip`: items by a condition, or by their place in the stream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Annotated, TypeVar

from pydantic import Field

from headwater import Batch, Condition, Stream, step
from headwater.toolkit import Reads

__all__ = ["filter_items", "skip", "take"]

Item = TypeVar("Item")


@step("stream.filter")
def filter_items(item: Annotated[Item, Reads(at="where")], *, where: Condition) -> Iterable[Item]:
    """Pass on the items that meet a condition.

    Header and footer of the stream stay.

    Args:
        item: Anything.
        where: The condition.

    Returns:
        The item, if it meets the condition.

    Example:
        >>> long_words = filter_items.with_params(where={"length_at_least": 4})
        >>> list(long_words("word")), list(long_words("a"))
        (['word'], [])
    """
    return (item,) if where.test(item) else ()


@step("stream.take")
async def take(items: Stream[Item], *, n: Annotated[int, Field(ge=0)]) -> AsyncIterator[Batch[Item]]:
    """Pass on the first items, then stop the steps that write the others.

    Header and footer are not passed on: they describe the whole stream.

    Args:
        items: Anything.
        n: Most items to pass on.

    Yields:
        The first `n` items, or all if there are fewer.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> run_sync(Pipeline("first", steps={"first": take.with_params(n=2)}), iter("abc")).output
        ['a', 'b']
    """
    left = n
    if not left:
        return
    async for batch in items.batches():
        yield Batch(batch[:left])
        left -= len(batch)
        if left <= 0:
            return


@step("stream.skip")
async def skip(items: Stream[Item], *, n: Annotated[int, Field(ge=0)]) -> AsyncIterator[Batch[Item]]:
    """Leave out the first items, and pass on the others.

    Header and footer are not passed on: they describe the whole stream.

    Args:
        items: Anything.
        n: How many items to leave out.

    Yields:
        The items after the first `n`.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> run_sync(Pipeline("rest", steps={"rest": skip.with_params(n=2)}), iter("abcd")).output
        ['c', 'd']
    """
    left = n
    async for batch in items.batches():
        yield Batch(batch[left:])
        left = max(left - len(batch), 0)
