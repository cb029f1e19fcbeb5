# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""Code in a worker thread that does not return is left behind: the execution ends, and says so."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
import structlog

from headwater import (
    ExecutionCancelled,
    ExecutionTimeoutError,
    Pipeline,
    Runner,
    StepContext,
    StepError,
    StreamEvent,
    step,
)
from headwater.running.workers import threads

HUNG, ENTERED, RETURNED = threading.Event(), threading.Event(), threading.Event()
ABANDONED = "its thread was abandoned"


@pytest.fixture(autouse=True)
def graces(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Wait next to nothing for code that hangs, and let it return after the test."""
    monkeypatch.setattr(threads, "CANCELLED_GRACE_S", 0.02)
    monkeypatch.setattr(threads, "EXPIRED_GRACE_S", 0.01)
    HUNG.clear()
    ENTERED.clear()
    RETURNED.clear()
    yield
    HUNG.set()


async def entered() -> None:
    """Wait until the code of the step runs in its thread."""
    with anyio.fail_after(10):
        while not ENTERED.is_set():
            await anyio.lowlevel.checkpoint()


@step("hung.value", blocking=True)
def value(number: int, ctx: StepContext) -> int:
    ENTERED.set()
    HUNG.wait()
    ctx.progress(1.0, "back")
    RETURNED.set()
    return number


@step("hung.items", blocking=True)
def items(numbers: Iterable[int], ctx: StepContext) -> Iterator[int]:
    try:
        for number in numbers:
            ENTERED.set()
            HUNG.wait()
            ctx.progress(1.0, "back")
            yield number
    finally:
        RETURNED.set()


@step("hung.first", blocking=True)
def first(number: int) -> Iterator[int]:
    try:
        yield number
        ENTERED.set()
        HUNG.wait()
        yield number
    finally:
        RETURNED.set()


@step("hung.calm", blocking=True)
def calm(numbers: Iterable[int]) -> Iterator[int]:
    try:
        for number in numbers:
            ENTERED.set()
            yield number
    finally:
        RETURNED.set()


@step("hung.batch", blocking=True, batched=True)
def batch(numbers: list[int]) -> list[int]:
    ENTERED.set()
    HUNG.wait()
    RETURNED.set()
    return numbers


async def endless() -> AsyncIterator[int]:
    yield 1
    await anyio.sleep_forever()


@step("hung.fails")
async def fails(number: int) -> int:
    await entered()
    raise ValueError(number)


FLAVORS = pytest.mark.parametrize(
    ("code", "data", "options"),
    [
        pytest.param(value, 1, {}, id="unary"),
        pytest.param(value, [1, 2, 3], {}, id="mapped"),
        pytest.param(value, [1, 2, 3], {"concurrency": 3}, id="concurrent"),
        pytest.param(items, [1, 2], {}, id="stream"),
        pytest.param(first, 1, {}, id="after its first item"),
        pytest.param(batch, [1, 2, 3], {}, id="batched"),
    ],
)


def pipeline(code: Any, options: dict[str, Any], **keys: Any) -> Pipeline:
    return Pipeline("hung", steps={"hung": code}, options={"hung": options}, **keys)


def of_hung_step(events: list[StreamEvent]) -> list[str]:
    """Return what was reported of the step while it ran."""
    progress = [event for event in events if event.event_type == "step_progress" and event.step_id == "hung"]
    return [event.data.message for event in progress if event.data.message]


@FLAVORS
async def test_step_that_hangs_fails_at_its_timeout(code: Any, data: Any, options: dict[str, Any]) -> None:
    """Its error, an event and the operator's log say that its thread was left behind."""
    events: list[StreamEvent] = []
    hung = pipeline(code, {**options, "timeout": {"total_s": 0.05}})
    with structlog.testing.capture_logs() as notices, pytest.raises(StepError) as caught:
        await hung.run(data, subscribers=[events.append])
    assert "did not end within its timeout of 0.05 s (timeout.total_s); its code did not return" in str(caught.value)
    assert ABANDONED in str(caught.value)
    assert of_hung_step(events) == [f"its code did not return within 0.01 s after it was stopped, so {ABANDONED}"]
    assert [notice["step_id"] for notice in notices] == ["hung"]
    assert ABANDONED in notices[0]["event"]


@FLAVORS
async def test_execution_whose_step_hangs_fails_at_its_timeout(code: Any, data: Any, options: dict[str, Any]) -> None:
    """The limit of the document holds for a thread, too."""
    with pytest.raises(ExecutionTimeoutError, match=rf"timeout.total_s\); the code of step 'hung' did .*{ABANDONED}"):
        await pipeline(code, options, timeout_s=0.05).run(data)


@FLAVORS
async def test_execution_whose_step_hangs_can_be_cancelled(code: Any, data: Any, options: dict[str, Any]) -> None:
    """The error and the last event name the step."""
    async with Runner().start(pipeline(code, options), data) as execution:
        await entered()
        execution.cancel("enough")
        with pytest.raises(ExecutionCancelled, match=f"the code of step 'hung' did not return, so {ABANDONED}"):
            await execution.result()
    events = [event async for event in execution.events()]
    assert events[-1].data.reason == f"enough; the code of step 'hung' did not return, so {ABANDONED}"
    assert len(of_hung_step(events)) == 1


@FLAVORS
async def test_code_that_returns_after_all_changes_nothing(code: Any, data: Any, options: dict[str, Any]) -> None:
    """Its result, its progress and its error come too late, also while the program goes on."""
    async with Runner().start(pipeline(code, options), data) as execution:
        await entered()
        execution.cancel()
        result = await execution.result(check=False)
    before = [event async for event in execution.events()], result.output
    HUNG.set()
    assert await anyio.to_thread.run_sync(RETURNED.wait, 10)
    assert ([event async for event in execution.events()], result.output) == before
    names = {thread.name for thread in threading.enumerate()}
    with anyio.fail_after(10):
        while any(name.startswith("headwater hung") for name in names):  # they end by themselves
            await anyio.lowlevel.checkpoint()
            names = {thread.name for thread in threading.enumerate()}


async def test_other_executions_go_on_beside_one_that_hangs() -> None:
    """Nothing of it is shared."""
    async with Runner() as runner, runner.start(pipeline(value, {}), 1) as hung:
        await entered()
        hung.cancel()
        assert (await runner.run(pipeline(calm, {}), range(100))).output == [*range(100)]


async def test_step_that_hangs_does_not_hold_up_the_failure_of_another() -> None:
    """The failure is reported; the hung step is named in an event."""
    steps = {"hung": value, "fails": fails}
    both = Pipeline("both", steps=steps, edges=["input -> hung", "input -> fails"])
    async with Runner().start(both, 7) as execution:
        with pytest.raises(StepError, match="step 'fails' failed: ValueError: 7"):
            await execution.result()
    assert len(of_hung_step([event async for event in execution.events()])) == 1


async def test_code_that_returns_in_time_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It finishes its cleanup, whatever the clock of the loop says."""
    monkeypatch.setattr(threads, "CANCELLED_GRACE_S", 60)
    async with Runner().start(pipeline(calm, {}), endless()) as execution:
        await entered()
        execution.cancel()
        await execution.result(check=False)
        assert RETURNED.is_set()
    assert of_hung_step([event async for event in execution.events()]) == []


async def test_code_that_cleans_up_for_a_while_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that is busy when it is stopped has its grace, which is not the time of a virtual clock."""
    monkeypatch.setattr(threads, "CANCELLED_GRACE_S", 60)
    async with Runner().start(pipeline(first, {}), 1) as execution, anyio.create_task_group() as tasks:
        await entered()
        execution.cancel()
        tasks.start_soon(anyio.to_thread.run_sync, HUNG.set)
        await execution.result(check=False)
        assert RETURNED.is_set()
    assert of_hung_step([event async for event in execution.events()]) == []


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_program_ends_when_code_hangs(backend: str, tmp_path: Path) -> None:
    """An abandoned thread does not keep the interpreter."""
    program = tmp_path / "program.py"
    program.write_text(
        "import threading\n"
        "from headwater import Pipeline, StepError, run_sync, step\n"
        "from headwater.running.workers import threads\n"
        "threads.EXPIRED_GRACE_S = 0.01\n"
        "@step('program.hung', blocking=True)\n"
        "def hung(number: int) -> int:\n"
        "    threading.Event().wait()\n"
        "    return number\n"
        "pipeline = Pipeline('p', steps={'a': hung}, options={'a': {'timeout': {'total_s': 0.05}}})\n"
        "try:\n"
        f"    run_sync(pipeline, 1, backend={backend!r})\n"
        "except StepError as error:\n"
        "    print(error)\n",
        encoding="utf-8",
    )
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert ABANDONED in done.stdout
    assert "Traceback" not in done.stderr


@step("hung.once", blocking=True)
def once(number: int, ctx: StepContext) -> int:
    if ctx.attempt == 1 and number == 2:
        HUNG.wait()
        RETURNED.set()
        return -number
    return number


@pytest.mark.parametrize("data", [2, [1, 2, 3]])
async def test_attempt_that_hangs_is_made_again_in_another_thread(data: Any) -> None:
    """What the abandoned one returns in the end is not a result."""
    options = {"timeout": {"attempt_s": 0.05}, "retry": {"attempts": 2, "backoff_s": 0.001}}
    async with Runner().start(pipeline(once, options), data) as execution:
        result = await execution.result()
        HUNG.set()
        assert await anyio.to_thread.run_sync(RETURNED.wait, 10)
    assert result.output == data
    assert len(of_hung_step([event async for event in execution.events()])) == 1


async def test_thread_without_a_step_reports_itself() -> None:
    """As one that works on a batch of several executions."""

    def hang(_ask: Any) -> None:
        ENTERED.set()
        HUNG.wait()

    with structlog.testing.capture_logs() as notices:
        async with threads.WorkerThread[None](hang, "a batch"):
            await entered()
    assert [(notice["thread"], notice["waited_s"]) for notice in notices] == [("a batch", 0.02)]


async def test_last_attempt_that_hangs_is_named_in_the_error() -> None:
    """The limit of an attempt is a timeout as every other."""
    with pytest.raises(StepError, match=rf"\(timeout.attempt_s\); its code did not return, so {ABANDONED}"):
        await pipeline(value, {"timeout": {"attempt_s": 0.05}}).run(1)


@pytest.mark.parametrize("data", [1, [1, 2]])
@pytest.mark.parametrize("kind", ["control.pipeline", "control.map"])
async def test_code_that_hangs_in_a_nested_pipeline_is_abandoned(kind: str, data: Any) -> None:
    """The execution ends, and says by its path which step inside did not return."""
    inside = {"name": "inside", "steps": [{"id": "hung", "kind": "hung.value"}]}
    document = {"name": "outer", "steps": [{"id": "nested", "kind": kind, "params": {"pipeline": inside}}]}
    async with Runner().start(Pipeline.load(document), data if data == 1 else iter(data)) as execution:
        await entered()
        execution.cancel()
        await execution.result(check=False)
    last = [event async for event in execution.events()][-1]
    assert "'nested/hung'" in str(last.data)
    assert ABANDONED in str(last.data)
