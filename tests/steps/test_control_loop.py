"""The kind `control.loop`: a pipeline until a condition holds."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.lowlevel
import pytest

from headwater import ConfigError, Pipeline, Runner, StepError
from headwater.testing import EventRecorder, VirtualClock
from headwater_steps.control import LoopLimitError
from tests.steps.nesting import chain, closed, nesting

pytestmark = pytest.mark.anyio

ENOUGH = {"ge": 100}


def looping(*kinds: str | dict[str, Any], **params: Any) -> dict[str, Any]:
    """Return a document that repeats a chain of steps."""
    return nesting(chain(*kinds), kind="control.loop", **{"until": ENOUGH, **params})


async def test_repeats_until_the_condition_holds() -> None:
    """Each run gets the value of the one before, and the value that meets the condition comes out."""
    pipeline = Pipeline.load(looping("nesting.double"))
    assert (await pipeline.run(3)).output == 192
    assert (await pipeline.run(iter([3, 200, 25]))).output == [192, 400, 100]


async def test_repeats_pipelines_with_streams_inside() -> None:
    """What happens between the one value in and the one value out may be a stream."""
    assert (await Pipeline.load(looping("nesting.repeat", "nesting.total")).run(3)).output == 6561


async def test_events_have_the_iteration() -> None:
    """Each event of a step inside says in which run it happened."""
    recorder = EventRecorder(types={"step_start"})
    await Pipeline.load(looping("nesting.double")).run(30, subscribers=[recorder])
    inside = [event.metadata for event in recorder.events if event.step_id == "nested/s0"]
    assert inside == [{"iteration": 0}, {"iteration": 1}]


async def test_fails_at_the_limit_of_iterations() -> None:
    """A condition that does not hold in time is an error, which says what the limit was."""
    with pytest.raises(StepError, match="did not hold within 3 iterations") as caught:
        await Pipeline.load(looping("nesting.double", max_iterations=3)).run(1)
    assert isinstance(caught.value.__cause__, LoopLimitError)
    assert (caught.value.step_id, caught.value.path) == ("nested", ("nested",))


async def test_returns_at_the_limit_when_the_document_says_so() -> None:
    """The value of the last run comes out."""
    pipeline = Pipeline.load(looping("nesting.double", max_iterations=3, on_limit="return"))
    assert (await pipeline.run(1)).output == 8


async def test_waits_between_runs(virtual_clock: VirtualClock) -> None:
    """`delay_s` passes between two runs, not before the first or after the last."""
    assert (await Pipeline.load(looping("nesting.double", delay_s=60)).run(30)).output == 120
    assert virtual_clock.elapsed_s == 60


@pytest.mark.parametrize("on_limit", ["fail", "return"])
async def test_ends_after_the_limit_of_time(virtual_clock: VirtualClock, on_limit: str) -> None:
    """A loop whose condition does not hold in time ends in the middle of a run or a pause."""
    started_s = virtual_clock.elapsed_s
    pipeline = Pipeline.load(looping("nesting.double", delay_s=60, max_time_s=150, on_limit=on_limit))
    if on_limit == "return":
        assert (await pipeline.run(1)).output == 8
    else:
        with pytest.raises(StepError, match="did not hold within 100 iterations or 150 s"):
            await pipeline.run(1)
    assert virtual_clock.elapsed_s - started_s == 150


async def test_fails_when_not_even_one_run_has_ended(virtual_clock: VirtualClock) -> None:
    """There is no value to return."""
    pipeline = Pipeline.load(looping("nesting.wait", max_time_s=5, on_limit="return"))
    with pytest.raises(StepError, match="or 5 s"):
        await pipeline.run(1)
    assert virtual_clock.elapsed_s == 5


async def test_fails_with_a_step_inside() -> None:
    """The error has the path of the step, and its cause."""
    with pytest.raises(StepError, match="step 'nested' > 's1' failed: ValueError: 12 is bad"):
        await Pipeline.load(looping("nesting.double", {"kind": "nesting.fail_at", "params": {"bad": 12}})).run(3)


@pytest.mark.parametrize("data", [1, [1, 2]])
async def test_is_cancelled_with_the_execution(data: Any) -> None:
    """A run that waits is cancelled, and its cleanup has run when the block is left."""
    closed.clear()
    async with Runner().start(Pipeline.load(looping("nesting.wait")), data if data == 1 else iter(data)) as execution:
        await anyio.wait_all_tasks_blocked()
        execution.cancel()
    assert (execution.status, closed) == ("cancelled", ["wait"])


async def test_can_be_cancelled_between_runs() -> None:
    """A loop whose steps never wait can still be cancelled."""
    document = looping("nesting.same", max_iterations=1_000_000)
    async with Runner().start(Pipeline.load(document), 1) as execution:
        await anyio.lowlevel.checkpoint()
        execution.cancel()
    assert execution.status == "cancelled"


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        (["nesting.repeat"], "makes one value of one value"),
        ([{"kind": "nesting.numbers", "params": {"n": 1}}, "nesting.total"], "makes one value of one value"),
        (["text.words", "stream.count"], "what it made before"),
    ],
)
def test_refuses_pipelines_that_cannot_be_repeated(kinds: list[Any], message: str) -> None:
    """A pipeline without one value in and out, or of other types, is a problem of the params."""
    with pytest.raises(ConfigError, match=message) as caught:
        Pipeline.load(looping(*kinds))
    assert [(one.code, one.path) for one in caught.value.problems] == [("wrong-pipeline", "$.steps[0].params")]
