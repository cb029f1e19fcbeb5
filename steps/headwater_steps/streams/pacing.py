"""The kinds `stream.peek` and `stream.rate`: items are logged, or slowed down."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Literal, TypeVar

from anyio import current_time, sleep_until
from pydantic import Field

from headwater import Batch, StepContext, Stream, step
from headwater.toolkit import preview

__all__ = ["peek", "rate"]

Item = TypeVar("Item")


@step("stream.peek")
async def peek(
    items: Stream[Item],
    ctx: StepContext,
    *,
    every: Annotated[int, Field(ge=1)] = 1_000,
    message: Annotated[str, Field(min_length=1, max_length=200)] = "item",
    to: Literal["log", "progress"] = "log",
) -> AsyncIterator[Batch[Item]]:
    """Show some items as they pass.

    The first item and every n-th item after it are shown with their numbers; large items are cut. Header and footer are
    not passed on.

    Args:
        items: Anything.
        ctx: Gets what is shown.
        every: How many items there are from one that is shown to the next.
        message: What to call them.
        to: Where they are shown: in the `log`, on standard error unless the program configures it; or as `progress`
            events of the step, where some are left out when they come too fast.

    Yields:
        The items, all of them.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> seen = peek.with_params(every=2, to="progress")
        >>> pipeline = Pipeline("look", steps={"seen": seen}, streaming={"flush_interval_ms": 0})
        >>> def show(event):
        ...     if event.event_type == "step_progress" and event.data.data:
        ...         print(event.data.message, dict(event.data.data))
        >>> run_sync(pipeline, iter("abc"), subscribers=[show]).output
        item {'number': 1, 'item': 'a'}
        item {'number': 3, 'item': 'c'}
        ['a', 'b', 'c']
    """
    show = ctx.log.info if to == "log" else partial(ctx.progress, None)
    number = 0
    async for batch in items.batches():
        for place in range(-number % every, len(batch), every):
            show(message, number=number + place + 1, item=preview(batch[place])[0])
        number += len(batch)
        yield Batch(batch)


@step("stream.rate")
async def rate(
    items: Stream[Item],
    *,
    per_second: Annotated[float, Field(gt=0, le=1_000_000)],
    burst: Annotated[int, Field(ge=1, le=1_000_000)] = 1,
) -> AsyncIterator[Item]:
    """Pass on no more items in a second than allowed.

    The first item passes at once, and so does any that comes late enough after the one before. Items that come too fast
    wait, and so do the steps that write them when the edges are full. Nothing is dropped. Header and footer are not
    passed on. The rule is the generic cell rate algorithm (https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm).

    Args:
        items: Anything.
        per_second: Most items per second, over time.
        burst: How many items may pass at once after a pause. A pause cannot be shorter than a tick of the clock, so
            more than about a thousand items per second need a burst of some.

    Yields:
        The items, all of them.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> calm = rate.with_params(per_second=500)
        >>> run_sync(Pipeline("calm", steps={"calm": calm}), iter("abc")).output
        ['a', 'b', 'c']
    """
    interval_s = 1 / per_second
    ahead_s = (burst - 1) * interval_s
    due = current_time()
    async for item in items:
        now = current_time()
        due = max(due, now)
        if due - ahead_s > now:
            await sleep_until(due - ahead_s)
        due += interval_s
        yield item
