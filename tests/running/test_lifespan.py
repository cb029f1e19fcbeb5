# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""What a step acquires is shared by the executions of its pipeline, and released after the last of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import pytest
from pydantic import PrivateAttr, SecretStr

from headwater import Pipeline, Runner, Step, StepError, StreamEvent, run_sync, step
from tests.running import kinds

log: list[str] = []


@pytest.fixture(autouse=True)
def _forget() -> None:
    log.clear()


class Holds(Step, kind="lifespan.holds"):
    """Holds a resource; says so."""

    name: str = "resource"

    _resource: list[str] | None = PrivateAttr(default=None)

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        await anyio.lowlevel.checkpoint()
        log.append(f"acquire {self.name}")
        self._resource = [self.name]
        try:
            yield
        finally:
            await anyio.lowlevel.checkpoint()
            log.append(f"release {self.name}")

    async def run(self, number: int) -> int:
        assert self._resource is not None
        await anyio.lowlevel.checkpoint()
        return number


class FailsFirst(Step, kind="lifespan.fails_first"):
    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        raise OSError("no connection")
        yield

    def run(self, number: int) -> int:
        return number


class FailsLast(Step, kind="lifespan.fails_last"):
    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            raise OSError("cannot let go")

    name: str = ""

    def run(self, number: int) -> int:
        return number


def chain(*steps: Any) -> Pipeline:
    return Pipeline("chain", steps=dict(zip("abcdefgh", steps, strict=False)))


@pytest.mark.parametrize("data", [1, [1, 2]], ids=["unary", "stream"])
async def test_acquires_before_and_releases_after(data: Any) -> None:
    """A resource is there while steps run, and gone when the execution is."""
    await chain(kinds.def_double, Holds()).run(data)
    assert log == ["acquire resource", "release resource"]


async def test_releases_in_reverse_order() -> None:
    """Resources are let go in the reverse of the order in which they were acquired."""
    await chain(Holds(name="one"), Holds(name="two")).run(1)
    assert log == ["acquire one", "acquire two", "release two", "release one"]


async def test_acquires_once_for_executions_at_the_same_time() -> None:
    """Executions of one runner that overlap share one resource."""
    pipeline = chain(Holds())
    async with Runner() as runner, anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(runner.run, pipeline, number)
    assert log == ["acquire resource", "release resource"]


async def test_acquires_once_for_executions_one_after_the_other() -> None:
    """A runner keeps what it has loaded, however many executions follow; leaving its block releases it."""
    pipeline = chain(Holds())
    async with Runner() as runner:
        for number in range(5):
            assert (await runner.run(pipeline, number)).output == number
        assert log == ["acquire resource"]
    assert log == ["acquire resource", "release resource"]


async def test_acquires_again_for_a_later_execution_without_a_runner() -> None:
    """Without a runner, each execution acquires its own."""
    pipeline = chain(Holds())
    await pipeline.run(1)
    await pipeline.run(2)
    assert log == ["acquire resource", "release resource"] * 2


async def test_never_keeps_a_resource_on_the_definition() -> None:
    """The step that the program holds stays as it is."""
    held = Holds()
    await chain(held).run(1)
    assert held._resource is None


async def test_is_not_shared_without_a_runner() -> None:
    """Two executions without a runner have a resource each."""
    held = Holds()
    async with Runner().start(chain(held), 1) as one, Runner().start(chain(held), 1) as other:
        await one.result()
        await other.result()
    assert sorted(log) == ["acquire resource"] * 2 + ["release resource"] * 2


async def test_is_not_shared_between_event_loops() -> None:
    """A resource belongs to the loop that acquired it."""
    pipeline = chain(Holds())
    async with Runner() as runner:
        await runner.run(pipeline, 1)
        await anyio.to_thread.run_sync(run_sync, pipeline, 2)
        assert log == ["acquire resource", "acquire resource", "release resource"]
    assert log.count("release resource") == 2


@pytest.mark.parametrize("steps", [(FailsFirst(),), (Holds(), FailsFirst())], ids=["alone", "second"])
async def test_fails_with_the_step_when_it_cannot_acquire(steps: tuple[Step, ...]) -> None:
    """A lifespan that raises is the failure of its step: one terminal event, and what was acquired is released."""
    events: list[StreamEvent] = []
    with pytest.raises(StepError, match="no connection") as caught:
        await chain(*steps).run(1, subscribers=[events.append])
    assert caught.value.step_id == "ab"[len(steps) - 1]
    assert isinstance(caught.value.__cause__, OSError)
    assert [str(event.event_type) for event in events] == ["pipeline_start", "pipeline_error"]
    assert log.count("acquire resource") == log.count("release resource") == len(steps) - 1


async def test_fails_with_the_step_when_it_cannot_release() -> None:
    """Also an error while letting go comes out as the step's; the others are still released."""
    events: list[StreamEvent] = []
    with pytest.raises(StepError, match="cannot let go") as caught:
        await chain(Holds(), FailsLast()).run(1, subscribers=[events.append])
    assert caught.value.step_id == "b"
    assert log == ["acquire resource", "release resource"]
    assert sum(event.event_type in {"pipeline_complete", "pipeline_error"} for event in events) == 1


class FailsTwice(FailsLast, kind="lifespan.fails_twice"):
    def run(self, number: int) -> int:
        raise ValueError("the step itself")


async def test_raises_the_error_of_the_step_when_releasing_fails_too() -> None:
    """What fails last does not hide what failed first: the second error is a note of the first."""
    with pytest.raises(StepError, match="the step itself") as caught:
        await chain(FailsTwice()).run(1)
    assert isinstance(caught.value.__cause__, ValueError)
    assert caught.value.__notes__ == [
        "then another error was raised: step 'a' failed: lifespan: OSError: cannot let go",
    ]


async def test_raises_the_error_of_the_program_when_releasing_fails_too() -> None:
    """An error with which the program leaves the block stays the one that is raised; the execution is not complete."""
    events: list[StreamEvent] = []
    with pytest.raises(KeyError):
        async with Runner([events.append]).start(chain(FailsLast()), 1) as execution:
            result = await execution.result(check=False)
            assert (result.status, result.output) == ("failed", 1)
            assert "cannot let go" in str(result.error)
            raise KeyError("of the program")
    assert events[-1].event_type == "pipeline_error"


async def test_raises_the_error_of_releasing_when_the_program_has_the_other() -> None:
    """An error that the program has handled is over; one while letting go is another."""
    with pytest.raises(StepError, match="cannot let go"):
        async with Runner().start(chain(FailsTwice()), 1) as execution:
            assert (await execution.result(check=False)).status == "failed"


async def test_names_every_step_that_cannot_release() -> None:
    """Two steps that cannot let go are one error with a note."""
    with pytest.raises(StepError, match="step 'b' failed: lifespan: OSError: cannot let go") as caught:
        await chain(FailsLast(name="one"), FailsLast(name="two")).run(1)
    assert "step 'a' failed: lifespan" in caught.value.__notes__[0]


async def test_names_the_step_that_cannot_acquire_when_another_cannot_release() -> None:
    """The step that stopped the execution is named first."""
    with pytest.raises(StepError, match="no connection") as caught:
        await chain(FailsLast(), FailsFirst()).run(1)
    assert caught.value.step_id == "b"
    assert "cannot let go" in caught.value.__notes__[0]


async def test_releases_when_the_execution_fails_or_is_cancelled() -> None:
    """However an execution ends, its resources are released."""

    class Fails(Holds, kind="lifespan.fails"):
        async def run(self, number: int) -> int:
            raise ValueError(number)

    with pytest.raises(StepError):
        await chain(Fails()).run(1)
    async with Runner().start(chain(kinds.async_count, Holds()), 1000) as execution:
        execution.cancel()
    assert log == ["acquire resource", "release resource"] * 2


async def test_lets_the_next_try_when_the_first_was_cancelled_in_the_middle() -> None:
    """A cancel while a resource is being acquired leaves the pipeline as good as new."""
    started = anyio.Event()
    block = True

    class Slow(Holds, kind="lifespan.slow"):
        @asynccontextmanager
        async def lifespan(self) -> AsyncIterator[None]:
            if block:
                started.set()
                await anyio.sleep_forever()
            async with super().lifespan():
                yield

    pipeline = chain(Slow())
    async with anyio.create_task_group() as group:
        group.start_soon(pipeline.run, 1)
        await started.wait()
        group.cancel_scope.cancel()
    block = False
    assert (await pipeline.run(2)).output == 2
    assert log == ["acquire resource", "release resource"]


async def test_is_shared_by_kind_and_params() -> None:
    """Two steps of any pipelines share a resource if they would acquire the same."""
    async with Runner() as runner:
        await runner.run(chain(Holds(name="one"), Holds(name="one")), 1)
        await runner.run(Pipeline("other", steps={"other": Holds(name="one"), "more": Holds(name="two")}), 1)
        assert log == ["acquire one", "acquire two"]
    assert log == ["acquire one", "acquire two", "release two", "release one"]


class Background(Holds, kind="lifespan.background"):
    """Keeps a task group open, whose task fails when it is asked to."""

    _crash: anyio.Event | None = PrivateAttr(default=None)

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        self._crash = anyio.Event()
        async with super().lifespan(), anyio.create_task_group() as group:
            group.start_soon(self._work, self._crash)
            with anyio.CancelScope():
                yield
            group.cancel_scope.cancel()

    async def _work(self, crash: anyio.Event) -> None:
        await crash.wait()
        raise OSError("the connection was lost")

    async def run(self, number: int) -> int:
        assert self._crash is not None
        if number < 0:
            self._crash.set()
            await anyio.sleep_forever()
        return number


@pytest.mark.parametrize("data", [1, [1, 2]], ids=["unary", "stream"])
async def test_lifespan_may_keep_a_task_group_open(data: Any) -> None:
    """Each lifespan is entered and left in a task of its own."""
    pipeline = chain(Background())
    async with Runner() as runner, anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(runner.run, pipeline, data)
    assert log == ["acquire resource", "release resource"]


@pytest.mark.parametrize("data", [-1, [1, -1]], ids=["unary", "stream"])
async def test_lifespan_that_fails_fails_the_executions_that_use_it(data: Any) -> None:
    """They end with the step that acquired it, and the next execution acquires anew."""
    pipeline = chain(Background())
    async with Runner() as runner:
        with pytest.raises(StepError, match="step 'a' failed: lifespan: OSError: the connection was lost"):
            await runner.run(pipeline, data)
        assert (await runner.run(pipeline, 7)).output == 7
    assert log == ["acquire resource", "release resource"] * 2


async def test_error_while_releasing_leaves_the_block_of_the_runner() -> None:
    """The executions were complete, so the error belongs to the runner."""
    with pytest.raises(StepError, match="step 'a' failed: lifespan: OSError: cannot let go"):
        async with Runner() as runner:
            assert (await runner.run(chain(FailsLast()), 1)).status == "completed"
            assert (await runner.run(chain(FailsLast()), 1)).status == "completed"


async def test_failure_to_acquire_is_tried_again_by_the_next_execution() -> None:
    """A runner does not remember that something could not be acquired."""
    async with Runner() as runner:
        for _ in range(2):
            with pytest.raises(StepError, match="no connection"):
                await runner.run(chain(FailsFirst()), 1)


async def test_executions_that_still_run_are_cancelled_when_the_runner_is_closed() -> None:
    """Nothing uses what was released."""
    seen: list[str] = []

    class Hangs(Holds, kind="lifespan.hangs"):
        async def run(self, number: int) -> int:
            try:
                await anyio.sleep_forever()
            finally:
                seen.extend(log)
            return number

    started = anyio.Event()

    async def execute(runner: Runner) -> None:
        async with runner.start(chain(Hangs()), 1) as execution:
            started.set()
            assert (await execution.result(check=False)).status == "cancelled"

    async with anyio.create_task_group() as group, Runner() as runner:
        group.start_soon(execute, runner)
        await started.wait()
        await anyio.wait_all_tasks_blocked()
    assert seen == ["acquire resource"]
    assert log == ["acquire resource", "release resource"]


async def test_releases_when_the_block_of_the_runner_is_cancelled() -> None:
    """A cancellation from outside releases what the runner keeps, after the steps have ended."""
    async with anyio.create_task_group() as group, Runner() as runner:
        await runner.run(chain(Holds()), 1)
        group.cancel_scope.cancel()
        await anyio.sleep_forever()
    assert log == ["acquire resource", "release resource"]


async def test_waiting_execution_gets_what_another_began_to_acquire() -> None:
    """An execution that is cancelled while a resource is acquired takes nothing from those that wait for it."""
    started, go_on = anyio.Event(), anyio.Event()

    class Slow(Holds, kind="lifespan.slow_shared"):
        @asynccontextmanager
        async def lifespan(self) -> AsyncIterator[None]:
            started.set()
            await go_on.wait()
            async with super().lifespan():
                yield

    pipeline = chain(Slow())
    results: list[Any] = []

    async def execute(scope: anyio.CancelScope) -> None:
        with scope:
            results.append((await runner.run(pipeline, 1)).output)

    first = anyio.CancelScope()
    async with Runner() as runner, anyio.create_task_group() as group:
        group.start_soon(execute, first)
        await started.wait()
        group.start_soon(execute, anyio.CancelScope())
        await anyio.wait_all_tasks_blocked()
        first.cancel()
        await anyio.wait_all_tasks_blocked()
        go_on.set()
    assert results == [1]
    assert log == ["acquire resource", "release resource"]


async def test_unused_resource_is_released_after_its_time(virtual_clock: Any) -> None:
    """A runner with `idle_s` lets go of what nothing has used for that long, and acquires it anew."""
    pipeline = chain(Holds())
    async with Runner(idle_s=10) as runner:
        await runner.run(pipeline, 1)
        await anyio.sleep(9)  # of the virtual clock
        await runner.run(pipeline, 2)
        await anyio.sleep(9)  # of the virtual clock
        assert log == ["acquire resource"]
        await anyio.sleep(2)  # of the virtual clock
        assert log == ["acquire resource", "release resource"]
        await runner.run(pipeline, 3)
    assert log == ["acquire resource", "release resource"] * 2


async def test_runner_has_one_block_at_a_time() -> None:
    """A second block of the same runner is refused, and a later one is not."""
    async with Runner() as runner:
        with pytest.raises(RuntimeError, match="already in use"):
            await runner.__aenter__()
    async with runner:
        assert (await runner.run(chain(Holds()), 1)).output == 1


def test_release_error_has_its_secrets_masked() -> None:
    """A lifespan knows secrets as a step does."""

    class Leaks(Step, kind="lifespan.leaks"):
        key: SecretStr

        @asynccontextmanager
        async def lifespan(self) -> AsyncIterator[None]:
            yield
            raise OSError(f"bye {self.key.get_secret_value()}")

        def run(self, number: int) -> int:
            return number

    with pytest.raises(StepError) as caught:
        run_sync(chain(Leaks(key=SecretStr("hunter2hunter2"))), 1)
    assert "hunter2" not in str(caught.value)


async def test_execution_that_is_entered_after_the_runner_was_closed_acquires_its_own() -> None:
    """It was started inside the block, but nothing of the block is left for it."""
    async with Runner() as runner:
        late = runner.start(chain(Holds()), 1)
    async with late as execution:
        assert (await execution.result()).output == 1
    assert log == ["acquire resource", "release resource"]


async def test_execution_that_begins_while_the_runner_is_closed_uses_nothing_that_is_released() -> None:
    """What the runner keeps is released once, and an execution that comes late has a resource of its own."""
    outputs: list[Any] = []

    class Late(Step, kind="lifespan.late"):
        @asynccontextmanager
        async def lifespan(self) -> AsyncIterator[None]:
            yield
            async with execution:
                outputs.append((await execution.result()).output)

        async def run(self, number: int) -> int:
            return number

    async with Runner() as runner:
        execution = runner.start(chain(Holds()), 5)
        await runner.run(chain(Holds()), 1)
        await runner.run(chain(Late()), 1)
    assert outputs == [5]
    assert log == ["acquire resource"] * 2 + ["release resource"] * 2


async def test_runner_is_left_by_the_task_that_entered_it() -> None:
    """A step that closes its own runner fails, where it would wait for itself."""
    runner = Runner()

    @step("lifespan.closes")
    async def closes(number: int) -> int:
        await runner.__aexit__(None, None, None)
        return number

    async with runner:
        with pytest.raises(StepError, match="another task entered the block of the runner"):
            await runner.run(Pipeline("closes", steps={"a": closes}), 1)
        assert (await runner.run(chain(Holds()), 2)).output == 2
    assert log == ["acquire resource", "release resource"]


@pytest.mark.parametrize("place", ["acquired", "released"])
@pytest.mark.parametrize("shared", [True, False])
def test_interrupt_in_a_lifespan_is_for_the_program(place: str, shared: bool) -> None:
    """Ctrl-C reaches the program also while a resource is acquired or released, and the others are released."""

    class Interrupted(Step, kind="lifespan.interrupted"):
        @asynccontextmanager
        async def lifespan(self) -> AsyncIterator[None]:
            if place == "acquired":
                raise KeyboardInterrupt
            yield
            raise KeyboardInterrupt

        async def run(self, number: int) -> int:
            return number

    async def execute() -> None:
        async with Runner() as runner:
            for one in (Holds(), Interrupted()):
                with suppress(StepError):
                    await (runner.run(chain(one), 1) if shared else chain(one).run(1))

    with pytest.raises(KeyboardInterrupt):
        anyio.run(execute, backend="trio")
    assert log == ["acquire resource", "release resource"]
