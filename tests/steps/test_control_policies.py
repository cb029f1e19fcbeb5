"""Policies of steps that run nested pipelines: retries, what comes instead of an error, and limits of time."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from headwater import Pipeline, Runner, StepError, step
from headwater.testing import EventRecorder
from tests.steps.nesting import chain, nesting

pytestmark = pytest.mark.anyio

calls: dict[int, int] = {}


@step("nesting.flaky")
async def flaky(number: int, *, times: int = 1) -> int:
    """Fail the first times for each number that can be divided by three."""
    calls[number] = calls.get(number, 0) + 1
    if number % 3 == 0 and calls[number] <= times:
        raise ConnectionError(f"{number} was lost")
    return number


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    calls.clear()


RETRY = {"retry": {"attempts": 3, "backoff_s": 0}}


def mapping(document: Any, **options: Any) -> Pipeline:
    """Return a pipeline that maps another one, with options of the step."""
    return Pipeline.load(nesting(document, kind="control.map", options=options))


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_repeats_an_item_that_fails(concurrency: int) -> None:
    """An error inside that may pass is one of the step around it; each try of an item has the index of the item."""
    recorder = EventRecorder()
    pipeline = mapping(chain("nesting.flaky"), concurrency=concurrency, **RETRY)
    assert (await pipeline.run(iter(range(7)), subscribers=[recorder])).output == list(range(7))
    failed = [event.metadata for event in recorder.events if event.event_type == "step_error"]
    assert sorted(failed, key=str) == [{"index": 0}, {"index": 3}, {"index": 6}]
    done = [event.metadata for event in recorder.events if event.event_type == "step_complete" and event.metadata]
    assert sorted(done, key=str) == [{"index": index} for index in range(7)]


async def test_repeats_by_the_class_of_the_error_inside() -> None:
    """`on` names the error that the step inside has raised."""
    options = {"retry": {"attempts": 2, "backoff_s": 0, "on": ["ConnectionError"]}}
    assert (await mapping(chain("nesting.flaky"), **options).run(iter([3]))).output == [3]
    with pytest.raises(StepError, match="0 was lost"):
        calls.clear()
        await mapping(chain("nesting.flaky"), retry={"attempts": 2, "on": ["KeyError"]}).run(iter([0]))


async def test_repeats_a_pipeline_that_fails() -> None:
    """A nested pipeline that fails before its first item begins anew."""
    document = nesting(chain("nesting.flaky", "nesting.total"), options=RETRY)
    assert (await Pipeline.load(document).run(3)).output == 3


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_skips_items_that_fail(concurrency: int) -> None:
    """One bad item does no harm to the others."""
    pipeline = mapping(chain("nesting.fail_at"), concurrency=concurrency, on_error="skip_item")
    assert (await pipeline.run(iter(range(6)))).output == [0, 1, 2, 4, 5]


async def test_puts_aside_items_that_fail() -> None:
    """The item and the reason are on the port `errors`."""
    document = nesting(chain("nesting.fail_at"), kind="control.map", options={"on_error": "dead_letter"})
    document["output"] = ["nested", "nested.errors"]
    output = (await Pipeline.load(document).run(iter(range(6)))).output
    assert output["nested"] == [0, 1, 2, 4, 5]
    (letter,) = output["nested.errors"]
    assert (letter["item"], letter["index"], letter["step_id"]) == (3, 3, "nested")
    assert "3 is bad" in letter["error"]


async def test_falls_back_to_another_pipeline() -> None:
    """The fallback may be a nested pipeline as well, with templates of its own."""
    other = chain(
        {"kind": "nesting.fail_at", "params": {"bad": "${parameters.bad}"}},
        "nesting.double",
        parameters={"bad": {"type": "integer", "default": 9}},
    )
    fallback = {"fallback": {"kind": "control.map", "params": {"pipeline": other}}}
    pipeline = mapping(chain("nesting.fail_at"), on_error=fallback)
    assert (await pipeline.run(iter(range(5)))).output == [0, 1, 2, 6, 4]
    assert (await pipeline.run(3)).output == 6


async def test_keeps_results_for_all_executions_of_a_runner() -> None:
    """A run for an equal item is not repeated, unless the pipeline inside is another one."""

    def pipeline(**params: Any) -> Pipeline:
        return mapping(chain({"kind": "nesting.flaky", "params": params}), cache={"max_items": 10})

    async with Runner() as runner:
        assert (await runner.run(pipeline(), iter([1, 1, 2]))).output == [1, 1, 2]
        assert (await runner.run(pipeline(), iter([1, 2]))).output == [1, 2]
        assert calls == {1: 1, 2: 1}
        await runner.run(pipeline(times=2), iter([1]))
        assert calls == {1: 2, 2: 1}


async def test_gives_up_an_item_that_takes_too_long() -> None:
    """The limit of an attempt cancels the run of the item, and what waits inside of it."""
    pipeline = mapping(chain("nesting.wait"), timeout={"attempt_s": 0.01}, on_error={"value": -1})
    assert (await pipeline.run(iter([1, 2]))).output == [-1, -1]


async def test_ends_after_the_timeout_of_the_step() -> None:
    """The limit of the step counts for a nested pipeline like for any other step."""
    document = nesting(chain("nesting.wait"), options={"timeout": {"total_s": 0.01}})
    with pytest.raises(StepError, match="total_s"):
        await Pipeline.load(document).run(1)
    with anyio.fail_after(10):
        with pytest.raises(StepError, match="total_s"):
            await Pipeline.load(document).run(iter([1]))


@step("nesting.wrapped_stop")
async def wrapped_stop(number: int) -> int:
    """Answer a cancellation with an error of its own."""
    try:
        await anyio.sleep_forever()
    except BaseException:  # noqa: BLE001 - the mistake that is tested
        raise ValueError("something went wrong") from None
    return number


async def test_names_the_time_of_a_nested_pipeline_when_its_code_answers_the_stop_with_an_error() -> None:
    """What stopped the step is the reason, as for a pipeline that is not nested."""
    inner = {"name": "inner", "timeout": {"total_s": 0.02}, "steps": [{"id": "a", "kind": "nesting.wrapped_stop"}]}
    outer = {"name": "outer", "steps": [{"id": "m", "kind": "control.map", "params": {"pipeline": inner}}]}
    with pytest.raises(StepError, match="ExecutionTimeoutError"):
        await Pipeline.load(outer).run([1])
