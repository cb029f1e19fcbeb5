# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""How runs of nested pipelines end: cancelled at every point, left early by either side, and what they share."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from anyio.lowlevel import checkpoint
from pydantic import SecretStr

from headwater import Pipeline, Runner, Step, StepContext, StepError, step
from headwater.testing import EventRecorder
from tests.steps.nesting import chain, nesting

pytestmark = pytest.mark.anyio

POINTS = 40
held: list[str] = []
open_now: set[int] = set()


class Holder(Step, kind="nesting.holder"):
    """Acquire something, and multiply by it."""

    factor: int = 2

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None]:
        held.append("acquired")
        yield
        held.append("released")

    async def run(self, number: int) -> int:
        await checkpoint()
        return number * self.factor


@step("nesting.opened")
async def opened(number: int) -> AsyncIterator[int]:
    """Hold something while items are written."""
    open_now.add(number)
    try:
        for _ in range(3):
            await checkpoint()
            yield number
    finally:
        open_now.discard(number)


@step("nesting.shows")
async def shows(text: str, *, token: SecretStr) -> str:
    """Fail with a secret."""
    raise PermissionError(f"{text}: {token.get_secret_value()} is not accepted")


@step("nesting.thread_key", blocking=True)
def thread_key(_number: int, ctx: StepContext) -> str:
    return f"{ctx.idempotency_key.partition(':')[2]} in {ctx.step_id}"


@step("nesting.process_key", cpu=True)
def process_key(_number: int, ctx: StepContext) -> str:
    return f"{ctx.idempotency_key.partition(':')[2]} in {ctx.step_id}"


@step("nesting.key")
async def key(_number: int, ctx: StepContext) -> str:
    return f"{ctx.idempotency_key.partition(':')[2]} in {ctx.step_id}"


PIPELINE = nesting(chain("nesting.opened", "nesting.holder", "nesting.total"))
MAP = nesting(
    chain("nesting.opened", "nesting.holder", "nesting.total"), kind="control.map", options={"concurrency": 3}
)
FLAT = nesting(chain("nesting.opened", "nesting.holder"), kind="control.map")
LOOP = nesting(chain("nesting.opened", "nesting.holder", "nesting.total"), kind="control.loop", until={"ge": 10**6})
NESTED = nesting(nesting(FLAT, kind="control.map"))
ALL = {"pipeline": PIPELINE, "map": MAP, "flat": FLAT, "loop": LOOP, "nested": NESTED}


@pytest.mark.parametrize(
    "document", [PIPELINE, MAP, FLAT, LOOP, NESTED], ids=["pipeline", "map", "flat", "loop", "nested"]
)
@pytest.mark.parametrize("data", [1, [1, 2, 3, 4]], ids=["value", "stream"])
async def test_leaves_nothing_when_it_is_cancelled_at_any_point(document: Any, data: Any) -> None:
    """Whenever it is cancelled, what was opened is closed, and there is one end, which says so or that it was done."""
    pipeline = Pipeline.load(document)
    for points in range(POINTS):
        held.clear()
        async with Runner().start(pipeline, data if data == 1 else iter(data)) as execution:
            for _ in range(points):
                await checkpoint()
            execution.cancel()
        events = [event async for event in execution.events()]
        assert execution.status in {"cancelled", "completed"}
        assert not open_now
        assert held.count("acquired") == held.count("released") <= 1
        assert [event.event_type for event in events if event.event_type.terminal] == [events[-1].event_type]


@pytest.mark.parametrize("document", ALL.values(), ids=ALL)
async def test_leaves_nothing_when_its_reader_has_enough(document: Any) -> None:
    """A reader that leaves after any number of items stops what runs inside."""
    for most in range(6):
        few = {"id": "few", "kind": "stream.take", "params": {"n": most}}
        pipeline = Pipeline.load({**document, "steps": [*document["steps"], few]})
        result = await pipeline.run(iter([1, 2, 3]))
        assert len(result.output) <= most
        assert not open_now


@pytest.mark.parametrize("document", ALL.values(), ids=ALL)
async def test_leaves_nothing_when_its_program_leaves(document: Any) -> None:
    """A program that leaves the block in the middle of the output stops what runs inside."""
    async with Runner().start(Pipeline.load(document), iter(range(1, 1000))) as execution:
        async for _ in execution.output:
            break
    assert not open_now


async def test_shares_what_is_acquired_with_the_runner() -> None:
    """A lifespan inside is entered once for all items, executions and levels of a runner."""
    held.clear()
    beside = {"id": "beside", "kind": "nesting.holder"}
    pipeline = Pipeline.load(nesting(nesting(chain("nesting.holder"), beside), kind="control.map"))
    async with Runner() as runner:
        for _ in range(3):
            assert (await runner.run(pipeline, iter([1, 2]))).output == [4, 8]
        assert held == ["acquired"]
    assert held == ["acquired", "released"]


async def test_fails_with_the_path_of_what_cannot_be_acquired() -> None:
    """A lifespan inside that fails is the failure of the step there."""

    class Broken(Step, kind="nesting.broken_holder"):
        @asynccontextmanager
        async def lifespan(self) -> AsyncGenerator[None]:
            raise OSError("no such model")
            yield

        async def run(self, number: int) -> int:
            return number

    with pytest.raises(StepError, match="step 'nested/s0' failed: lifespan: OSError: no such model"):
        await Pipeline.load(nesting(chain("nesting.broken_holder"))).run(1)


async def test_keeps_secrets_out_of_events_and_errors() -> None:
    """A secret of a step inside is masked everywhere, also in events of the steps around it."""
    shown = chain({"kind": "nesting.shows", "params": {"token": "${secret.TOKEN}"}})
    recorder = EventRecorder()
    pipeline = Pipeline.load(nesting(shown, {"id": "after", "kind": "nesting.same"}), secrets={"TOKEN": "s3cret-token"})
    with pytest.raises(StepError) as caught:
        await pipeline.run("x", subscribers=[recorder])
    everything = f"{caught.value} {caught.value.to_json()} {recorder.events} {pipeline.to_json()} {pipeline.plan()}"
    assert "s3cret-token" not in everything
    assert "***" in everything


@pytest.mark.parametrize("kind", ["nesting.thread_key", "nesting.process_key"])
async def test_runs_steps_in_threads_and_processes(kind: str) -> None:
    """A step inside may block or compute elsewhere, and knows there which item it is for."""
    pipeline = Pipeline.load(nesting(chain("nesting.holder", kind), kind="control.map"))
    assert (await pipeline.run(iter([1, 2]))).output == [
        "nested[0]/s1 in nested/s1",
        "nested[1]/s1 in nested/s1",
    ]


async def test_idempotency_keys_distinguish_the_runs() -> None:
    """The key of a step inside has the item that its run is for, at each level."""
    inner = nesting(chain("nesting.key"), kind="control.map")["steps"]
    repeat = {"id": "repeat", "kind": "nesting.repeat"}
    document = nesting({"name": "m", "steps": [repeat, *inner]}, kind="control.map")
    output = (await Pipeline.load(document).run(iter([1, 2]))).output
    assert output == [
        "nested[0]/nested[0]/s0 in nested/nested/s0",
        "nested[1]/nested[0]/s0 in nested/nested/s0",
        "nested[1]/nested[1]/s0 in nested/nested/s0",
    ]
