# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""Steps that take batches: in which batches their items come, and what each execution gets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest
from pydantic import PrivateAttr

from headwater import (
    BatchError,
    ConfigError,
    ExecutionError,
    Failed,
    Pipeline,
    Runner,
    Step,
    StepContext,
    StepDefinitionError,
    StepError,
    step,
)
from headwater.testing import EventRecorder

batches: list[list[int]] = []


@pytest.fixture(autouse=True)
def _forget() -> None:
    batches.clear()


def doubled(numbers: list[int]) -> list[int | Failed]:
    """Double numbers; those below 0 are bad."""
    return [Failed(ValueError(f"{number} is bad")) if number < 0 else 2 * number for number in numbers]


@step("batched.later", batched=True)
async def later(numbers: list[int]) -> list[int | Failed]:
    batches.append(numbers)
    await anyio.lowlevel.checkpoint()
    return doubled(numbers)


@step("batched.plain", batched=True)
def plain(numbers: list[int]) -> list[int | Failed]:
    batches.append(numbers)
    return doubled(numbers)


@step("batched.threaded", batched=True, blocking=True)
def threaded(numbers: list[int]) -> list[int | Failed]:
    batches.append(numbers)
    return doubled(numbers)


@step("batched.processed", batched=True, cpu=True)
def processed(numbers: list[int]) -> list[int | Failed]:
    return doubled(numbers)


@step("batched.flaky_there", batched=True, cpu=True)
def flaky_there(numbers: list[int], *, marker: str) -> list[int | Failed]:
    """Fail once for numbers below 0."""
    tried = Path(marker).exists()
    Path(marker).touch()
    return [Failed(ConnectionError("busy")) if number < 0 and not tried else number for number in numbers]


@step("batched.slow", batched=True)
async def slow(numbers: list[int]) -> list[int]:
    batches.append(numbers)
    await anyio.sleep(10)  # in virtual time
    return numbers


@step("batched.short", batched=True)
def short(numbers: list[int]) -> list[int]:
    return numbers[1:]


@step("batched.wrong", batched=True)
def wrong(numbers: list[int]) -> list[int]:
    return [f"number {number}" if number == 3 else number for number in numbers]  # type: ignore[misc]


@step("batched.told", batched=True)
async def with_context(numbers: list[int], ctx: StepContext) -> list[str]:
    await anyio.lowlevel.checkpoint()
    return [f"{ctx.step_id} {number}" for number in numbers]


class Model(Step, kind="batched.model", batched=True):
    """Multiplies, once it is loaded."""

    factor: int = 2
    _loaded: bool = PrivateAttr(default=False)

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        self._loaded = True
        yield
        self._loaded = False

    async def run(self, numbers: list[int]) -> list[int]:
        assert self._loaded
        batches.append(numbers)
        await anyio.lowlevel.checkpoint()
        return [self.factor * number for number in numbers]


def of(target: Any, **policies: Any) -> Pipeline:
    """Return a pipeline of one step with policies."""
    return Pipeline("one", steps={"step": target}, options={"step": policies})


PLACES = pytest.mark.parametrize("target", [later, plain, threaded], ids=lambda target: target.kind)


@PLACES
@pytest.mark.parametrize("policies", [{}, {"batch": {"size": 7}}, {"ordered": False}, {"concurrency": 3}], ids=str)
async def test_takes_items_in_batches(target: Any, policies: Any) -> None:
    """Every item comes once, in batches no larger than the size, and the results in order."""
    output = (await of(target, **policies).run(range(100))).output
    assert sorted(output) == [2 * number for number in range(100)]
    if policies != {"ordered": False}:
        assert output == sorted(output)
    assert sorted(number for batch in batches for number in batch) == list(range(100))
    size = policies.get("batch", {}).get("size", 32)
    assert max(map(len, batches)) <= size
    assert len(batches) < 100 / (size / 4)


@PLACES
async def test_takes_one_value_as_a_batch_of_one(target: Any) -> None:
    """A step that takes batches also works on single values."""
    assert (await of(target).run(4)).output == 8
    assert batches == [[4]]


@PLACES
async def test_fails_one_item_when_its_place_has_failed(target: Any) -> None:
    """The others of its batch have results; the document says what happens to it."""
    result = await of(target, on_error="skip_item").run([1, -2, 3])
    assert result.output == [2, 6]
    with pytest.raises(StepError, match="ValueError: -2 is bad"):
        await of(target).run([1, -2, 3])


async def test_writes_items_that_failed_to_a_port_with_their_numbers() -> None:
    """The number of an item is that in the stream, whatever batch it was in."""
    options = {"step": {"on_error": "dead_letter", "batch": {"size": 4}}}
    pipeline = Pipeline("one", steps={"step": later}, options=options, output=["step", "step.errors"])
    output = (await pipeline.run([0, -1, 2, 3, 4, -5, -6, 7])).output
    assert output["step"] == [0, 4, 6, 8, 14]
    assert [(letter["index"], letter["item"]) for letter in output["step.errors"]] == [(1, -1), (5, -5), (6, -6)]


async def test_runs_in_a_process_that_is_kept() -> None:
    """Results and errors cross for each item; the next batch has the same process."""
    result = await of(processed, on_error="skip_item", batch={"size": 4}).run(range(-5, 20))
    assert result.output == [2 * number for number in range(20)]
    assert (await of(processed).run(5)).output == 10


async def test_retries_an_item_that_failed_in_a_process(tmp_path: Path) -> None:
    """What the error said there about another attempt counts here."""
    target = flaky_there.with_params(marker=str(tmp_path / "tried"))
    recorder = EventRecorder()
    result = await of(target, retry={"attempts": 2, "backoff_s": 0}).run([1, -1, 3], subscribers=[recorder])
    assert result.output == [1, -1, 3]
    assert len([event for event in recorder.events if event.event_type == "step_retry"]) == 1


async def test_retries_the_items_that_failed(virtual_clock: Any) -> None:
    """A further attempt is another batch, of the items that are tried again."""
    tried: list[list[int]] = []

    @step("batched.flaky", batched=True)
    async def flaky(numbers: list[int]) -> list[int | Failed]:
        tried.append(numbers)
        await anyio.lowlevel.checkpoint()
        first = len(tried) == 1
        return [Failed(ConnectionError("busy")) if first and number % 2 else number for number in numbers]

    result = await of(flaky, retry={"attempts": 2, "jitter": 0}, batch={"size": 8}).run(range(8))
    assert result.output == list(range(8))
    assert sorted(tried[1]) == [1, 3, 5, 7]


async def test_fails_when_results_are_missing() -> None:
    """No item gets the result of another."""
    with pytest.raises(StepError) as caught:
        await of(short).run([1, 2, 3])
    assert isinstance(caught.value.__cause__, BatchError)


async def test_checks_the_type_of_each_result() -> None:
    """A result of another type than declared fails its item."""
    assert (await of(wrong, on_error="skip_item").run(range(6))).output == [0, 1, 2, 4, 5]


async def test_gives_its_context_to_the_function() -> None:
    """A step whose batches belong to one execution may take a context."""
    assert (await of(with_context).run([1, 2])).output == ["step 1", "step 2"]


async def test_spares_equal_items_in_a_batch() -> None:
    """With a cache, equal items are one in the batch."""
    recorder = EventRecorder()
    assert (await of(later, cache={}).run([1, 2, 1, 1, 2], subscribers=[recorder])).output == [2, 4, 2, 2, 4]
    assert sorted(number for batch in batches for number in batch) == [1, 2]


# batches of several executions


@PLACES
async def test_shares_batches_between_executions(target: Any) -> None:
    """100 executions at once make fewer calls than items / 8; each gets its own results, and bad items fail alone."""
    pipeline = of(target, batch={"across": "runner"}, on_error="skip_item")
    found: dict[int, list[int]] = {}

    async with Runner() as runner, anyio.create_task_group() as group:

        async def one(number: int) -> None:
            found[number] = (await runner.run(pipeline, [number, -1, 1000 + number])).output

        for number in range(100):
            group.start_soon(one, number)
    assert found == {number: [2 * number, 2000 + 2 * number] for number in range(100)}
    assert len(batches) < 300 / 8


async def test_shares_batches_in_a_process() -> None:
    """The process belongs to the runner, and ends with it."""
    pipeline = of(processed, batch={"across": "runner"})
    async with Runner() as runner, anyio.create_task_group() as group:

        async def one(number: int) -> None:
            assert (await runner.run(pipeline, [number, number + 1])).output == [2 * number, 2 * number + 2]

        for number in range(20):
            group.start_soon(one, number)


async def test_shares_no_batches_between_other_params() -> None:
    """Steps with other params are called for themselves, with what they have acquired."""
    async with Runner() as runner, anyio.create_task_group() as group:

        async def one(factor: int, number: int) -> None:
            pipeline = of(Model(factor=factor), batch={"across": "runner"})
            assert (await runner.run(pipeline, number)).output == factor * number

        for number in range(40):
            group.start_soon(one, 2 + number % 2, number)
    assert all(len({number % 2 for number in batch}) == 1 for batch in batches)


async def test_shares_no_batches_when_they_belong_to_one_execution() -> None:
    """That is the default: a batch never waits for another execution."""
    pipeline = of(later)
    async with Runner() as runner, anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(runner.run, pipeline, [number, number])
    assert sorted(batches) == [[number, number] for number in range(10)]


async def test_disturbs_no_other_execution_when_one_is_cancelled(virtual_clock: Any) -> None:
    """A cancelled execution takes its items back, or leaves during the call."""
    pipeline = of(slow, batch={"across": "runner", "linger_s": 1, "size": 8})
    outputs: list[Any] = []

    async def one(runner: Runner, number: int, after_s: float | None) -> None:
        async with runner.start(pipeline, [number]) as execution:
            if after_s is None:
                outputs.append((await execution.result()).output)
            else:
                await anyio.sleep(after_s)  # in virtual time
                execution.cancel()

    async with Runner() as runner, anyio.create_task_group() as group:
        for number, after_s in enumerate([None, 0.5, 5, None, 0.5]):
            group.start_soon(one, runner, number, after_s)
    assert [sorted(batch) for batch in batches] == [[0, 2, 3]]
    assert sorted(outputs) == [[0], [3]]


async def test_cancels_the_call_when_all_executions_are_cancelled(virtual_clock: Any) -> None:
    """Nothing works on for results that none wants."""
    pipeline = of(slow, batch={"across": "runner"})
    started = anyio.current_time()
    async with Runner() as runner:
        with anyio.move_on_after(1):
            async with anyio.create_task_group() as group:
                for number in range(5):
                    group.start_soon(runner.run, pipeline, number)
        assert anyio.current_time() == pytest.approx(started + 1)
        assert len(batches) == 1


@pytest.mark.parametrize("seed", range(5))
async def test_keeps_results_with_their_executions_when_others_are_cancelled(seed: int) -> None:
    """Whatever is cancelled when, each execution that ends has its own results, and nothing is left waiting."""
    random = Random(seed)
    pipeline = of(later, batch={"across": "runner", "size": 16})
    found: dict[int, Any] = {}

    async def one(runner: Runner, number: int, scope: anyio.CancelScope) -> None:
        with scope:
            found[number] = (await runner.run(pipeline, [number, number + 1])).output

    async with Runner() as runner:
        scopes = [anyio.CancelScope() for _ in range(40)]
        async with anyio.create_task_group() as group:
            for number, scope in enumerate(scopes):
                group.start_soon(one, runner, number, scope)
            for number in random.sample(range(40), 15):
                await anyio.lowlevel.checkpoint()
                scopes[number].cancel()
    assert all(output == [2 * number, 2 * number + 2] for number, output in found.items())
    assert len(found) >= 25


# what is refused


@pytest.mark.parametrize(
    ("target", "policies", "code"),
    [
        (plain, {"batch": {"size": 0}}, "wrong-value"),
        (with_context, {"batch": {"across": "runner"}}, "unfit-policy"),
    ],
    ids=["size", "context"],
)
def test_refuses_what_cannot_run(target: Any, policies: Any, code: str) -> None:
    """The document is refused when it is loaded."""
    with pytest.raises(ConfigError) as caught:
        of(target, **policies).plan()
    assert code in {problem.code for problem in caught.value.problems}


def test_refuses_a_batch_where_the_function_takes_one_item() -> None:
    """The hint says how to declare a step that takes batches."""

    @step("batched.single")
    def single(number: int) -> int:
        return number

    with pytest.raises(ConfigError, match="batched=True"):
        of(single, batch={}).plan()


def test_refuses_a_function_that_does_not_take_and_return_lists() -> None:
    """A step is refused when it is declared."""
    with pytest.raises(StepDefinitionError) as caught:

        @step("batched.bad", batched=True)
        def bad(number: int) -> list[int]:
            return [number]

    assert [problem.code for problem in caught.value.problems] == ["not-batched"]


def test_is_a_plain_function_for_the_program() -> None:
    """The program calls it with a list."""
    assert plain([1, 2]) == [2, 4]


async def test_fails_with_the_error_of_the_call() -> None:
    """An exception of the function fails all items of its batch."""

    @step("batched.broken", batched=True)
    async def broken(numbers: list[int]) -> list[int]:
        await anyio.lowlevel.checkpoint()
        raise OSError("no memory")

    with pytest.raises(ExecutionError, match="no memory"):
        await of(broken).run([1, 2])
