"""Options that nothing would come of are refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from headwater import ConfigError, Pipeline, Stream, step


@step("options.one")
async def one(number: int) -> int:
    """Return the number."""
    return number


@step("options.many")
async def many(number: int) -> AsyncIterator[int]:
    """Yield the number."""
    yield number


@step("options.whole")
async def whole(numbers: Stream[int]) -> int:
    """Return the sum."""
    return sum(await numbers.collect())


@pytest.mark.parametrize("target", [many, whole])
def test_concurrency_is_refused_when_a_step_cannot_work_on_several_items(target: Any) -> None:
    """The problem names the step and the place of the option."""
    with pytest.raises(ConfigError) as caught:
        Pipeline("options", steps={"it": target}, options={"it": {"concurrency": 2}})
    assert [(problem.code, problem.path) for problem in caught.value.problems] == [
        ("no-concurrency", "$.steps[0].concurrency")
    ]


async def test_concurrency_is_taken_when_a_function_of_one_value_returns_one() -> None:
    """It counts as soon as a stream is given, although a single value would not need it."""
    pipeline = Pipeline("options", steps={"it": one}, options={"it": {"concurrency": 2}})
    assert (await pipeline.run([1, 2, 3])).output == [1, 2, 3]
    assert (await pipeline.run(1)).output == 1
