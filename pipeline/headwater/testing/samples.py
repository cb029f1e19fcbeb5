"""Sample streams for tests: endless, slow, and breaking ones."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from itertools import count
from typing import Generic, Self, TypeVar

import anyio

from headwater.errors import HeadwaterError

__all__ = ["SampleBrokenError", "SampleStream", "breaking_stream", "endless_stream", "slow_stream"]

Item = TypeVar("Item")


class SampleBrokenError(HeadwaterError):
    """A sample stream broke, as the test asked; see `breaking_stream`."""


class SampleStream(Generic[Item]):
    """An async iterator that counts the items taken from it, and notes whether its reader has closed it.

    Args:
        items: The items.

    Attributes:
        given: How many items were taken.
        closed: Whether the stream has ended, has broken, or was closed by its reader.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> from headwater_steps.streams import take
        >>> numbers = endless_stream(int)
        >>> _ = run_sync(Pipeline("first", steps={"first": take.with_params(n=3)}), numbers)
        >>> numbers.given >= 3, numbers.closed
        (True, True)
    """

    def __init__(self, items: AsyncGenerator[Item]) -> None:
        self._items = items
        self.given: int = 0
        self.closed: bool = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        try:
            item = await anext(self._items)
        except BaseException as error:
            self.closed = not isinstance(error, anyio.get_cancelled_exc_class())
            raise
        self.given += 1
        return item

    async def aclose(self) -> None:
        """Give no more items."""
        self.closed = True
        await self._items.aclose()

    def __repr__(self) -> str:
        return f"<SampleStream: {self.given} items given{', closed' if self.closed else ''}>"


def endless_stream(make: Callable[[int], Item]) -> SampleStream[Item]:
    """Return a stream that never ends.

    Args:
        make: Called with 0, 1, 2 and so on for the items; `int` for the numbers themselves, `str` for strings.

    Returns:
        The stream; it lets other tasks run after each item.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> from headwater_steps.streams import take
        >>> numbers = endless_stream(int)
        >>> run_sync(Pipeline("first", steps={"first": take.with_params(n=3)}), numbers).output, numbers.closed
        ([0, 1, 2], True)
    """

    async def items() -> AsyncGenerator[Item]:
        for number in count():
            yield make(number)
            await anyio.lowlevel.checkpoint()

    return SampleStream(items())


def slow_stream(items: Iterable[Item], *, interval_s: float) -> SampleStream[Item]:
    """Return a stream that waits before each item.

    Args:
        items: The items.
        interval_s: Seconds before each item; with a `virtual_clock` an hour takes no time.

    Returns:
        The stream.

    Example:
        >>> import anyio
        >>> from headwater.testing import collect
        >>> async def main() -> list[str]:
        ...     return await collect(slow_stream(["a", "b"], interval_s=0.001))
        >>> anyio.run(main)
        ['a', 'b']
    """

    async def waiting() -> AsyncGenerator[Item]:
        for item in items:
            await anyio.sleep(interval_s)
            yield item

    return SampleStream(waiting())


def breaking_stream(items: Iterable[Item], error: Exception | None = None) -> SampleStream[Item]:
    """Return a stream that breaks after its last item, instead of ending.

    Args:
        items: The items before the break.
        error: The error that it raises then; a `SampleBrokenError` when None.

    Returns:
        The stream.

    Example:
        >>> from headwater import HeadwaterError, Pipeline, run_sync
        >>> from headwater_steps.streams import count
        >>> try:
        ...     run_sync(Pipeline("count", steps={"count": count}), breaking_stream("ab"))
        ... except HeadwaterError as failure:
        ...     print(failure)
        step 'input' failed: SampleBrokenError: the sample stream broke after 2 items, as the test asked
    """

    async def breaking() -> AsyncGenerator[Item]:
        for item in items:
            yield item
        raise error or SampleBrokenError(f"the sample stream broke after {stream.given} items, as the test asked")

    stream = SampleStream(breaking())
    return stream
