"""The sample streams: endless, slow and breaking."""

from __future__ import annotations

import anyio
import pytest

from headwater import Pipeline, Runner
from headwater.testing import SampleBrokenError, breaking_stream, collect, endless_stream, slow_stream
from headwater_steps.streams import count, take


async def test_endless_stream_is_closed_when_its_reader_has_enough() -> None:
    """The stream gives what is asked for, and is told that nobody reads on."""
    numbers = endless_stream(int)
    result = await Pipeline("first", steps={"first": take.with_params(n=3)}).run(numbers)
    assert result.output == [0, 1, 2]
    assert numbers.closed
    assert numbers.given >= 3


async def test_endless_stream_ends_when_the_execution_is_cancelled() -> None:
    """Its every item is a place where it can be cancelled."""
    numbers = endless_stream(str)
    async with Runner().start(Pipeline("count", steps={"count": count}), numbers) as execution:
        while not numbers.given:
            await anyio.lowlevel.checkpoint()
        execution.cancel()
    assert numbers.closed


async def test_breaking_stream_raises_after_its_items() -> None:
    """The items come first, then the error, which is the asked one if there is one."""
    numbers = breaking_stream([1, 2])
    with pytest.raises(SampleBrokenError, match="after 2 items"):
        await collect(numbers)
    assert (numbers.given, numbers.closed) == (2, True)
    with pytest.raises(OSError, match="unplugged"):
        await collect(breaking_stream([1], OSError("unplugged")))


async def test_breaking_stream_is_a_break_for_the_pipeline() -> None:
    """A pipeline never takes a broken input for a finished one."""
    with pytest.raises(Exception, match="after 1 items") as caught:
        await Pipeline("count", steps={"count": count}).run(breaking_stream(["a"]))
    assert isinstance(caught.value.__cause__, SampleBrokenError)


async def test_slow_stream_waits_before_each_item(virtual_clock: object) -> None:
    """An hour between two items passes at once on a virtual clock."""
    before_s = anyio.current_time()
    assert await collect(slow_stream("ab", interval_s=3600)) == ["a", "b"]
    assert anyio.current_time() - before_s == 7200
