# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""A stream that was cut is never taken for one that ended: its readers get what came before, then the error."""

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import pytest

from headwater import Pipeline, Runner, StepError, Stream, StreamBrokenError, step
from tests.running import kinds


@step("truncation.def")
def fail_def(number: int) -> int:
    return checked(number)


@step("truncation.generator")
def fail_generator(number: int) -> Iterator[int]:
    for value in range(number):
        yield checked(value)


@step("truncation.flat")
def fail_flat(number: int) -> Iterator[int]:
    yield checked(number)


@step("truncation.async")
async def fail_async(number: int) -> int:
    return checked(number)


@step("truncation.async_generator")
async def fail_async_generator(numbers: Stream[int]) -> AsyncIterator[int]:
    async for number in numbers:
        yield checked(number)


@step("truncation.async_flat")
async def fail_async_flat(number: int) -> AsyncIterator[int]:
    yield checked(number)


@step("truncation.thread", blocking=True)
def fail_thread(number: int) -> int:
    return checked(number)


@step("truncation.thread_generator", blocking=True)
def fail_thread_generator(numbers: Iterable[int]) -> Iterator[int]:
    for number in numbers:
        yield checked(number)


@step("truncation.thread_flat", blocking=True)
def fail_thread_flat(number: int) -> Iterator[int]:
    yield checked(number)


@step("truncation.process", cpu=True)
def fail_process(number: int) -> int:
    return checked(number)


def checked(number: int) -> int:
    """Return the first three of ten numbers."""
    if number >= 3:
        raise ValueError("the fourth is too much")
    return number


MAPPED = [fail_def, fail_flat, fail_async, fail_async_flat, fail_thread, fail_thread_flat, fail_process]
STREAMED = [fail_async_generator, fail_thread_generator]

got: list[int] = []
"""What the readers below have seen, as each of them fails with its input."""


@step("truncation.read_items")
async def read_items(numbers: Stream[int]) -> AsyncIterator[int]:
    async for number in numbers:
        got.append(number)
        yield number


@step("truncation.read_batches")
async def read_batches(numbers: Stream[int]) -> AsyncIterator[int]:
    async for batch in numbers.batches():
        got.extend(batch)
        for number in batch:
            yield number


@step("truncation.read_thread", blocking=True)
def read_thread(numbers: Iterable[int]) -> Iterator[int]:
    for number in numbers:
        got.append(number)
        yield number


@step("truncation.read_mapped")
async def read_mapped(number: int) -> int:
    got.append(number)
    return number


@step("truncation.read_fused")
def read_fused(number: int) -> int:
    got.append(number)
    return number


@step("truncation.read_flat")
def read_flat(number: int) -> Iterator[int]:
    got.append(number)
    yield number


@step("truncation.read_mapped_thread", blocking=True)
def read_mapped_thread(number: int) -> int:
    got.append(number)
    return number


READERS = [read_items, read_batches, read_thread, read_mapped, read_fused, read_flat, read_mapped_thread]

PAIRS = [(failing, reader) for failing in [*MAPPED, *STREAMED, fail_generator] for reader in READERS]
PAIRS = [pair for pair in PAIRS if pair[0] is not fail_process or pair[1] in READERS[:2]]  # processes start slowly


@pytest.fixture(autouse=True)
def _forget() -> None:
    got.clear()


def pipeline(failing: Any, *readers: Any, **options: Any) -> Pipeline:
    """Return ten numbers, the step that fails at the fourth, and readers."""
    numbers = kinds.async_count if failing is not fail_generator else kinds.def_double
    steps = {"numbers": numbers, "failing": failing}
    steps |= {f"reader{index}": reader for index, reader in enumerate(readers)}
    return Pipeline("truncation", steps=steps, **options)


@pytest.mark.parametrize(("failing", "reader"), PAIRS, ids=lambda target: target.kind)
async def test_gives_a_reader_three_items_and_then_the_error(failing: Any, reader: Any) -> None:
    """Whatever fails and whatever reads: three items, then the error that names the step."""
    async with Runner().start(pipeline(failing, reader), 10) as execution:
        items = []
        with pytest.raises(StepError) as caught:
            async for item in execution.output:
                items.append(item)  # noqa: PERF401 - a comprehension would lose them with the error
        result = await execution.result(check=False)
    assert got == items == [0, 1, 2]
    assert caught.value.step_id == "failing"
    assert "the fourth is too much" in str(caught.value)
    assert result.status == "failed"


@pytest.mark.parametrize("failing", [*MAPPED, *STREAMED, fail_generator], ids=lambda target: target.kind)
async def test_gives_the_program_three_items_and_then_the_error(failing: Any) -> None:
    """The output of an execution is a reader like any other."""
    async with Runner().start(pipeline(failing), 10) as execution:
        with pytest.raises(StepError, match="failing") as caught:
            async for batch in execution.output.batches():
                got.extend(batch)
    assert got == [0, 1, 2]
    assert caught.value.step_id == "failing"


@pytest.mark.parametrize("failing", [fail_def, fail_async, fail_async_generator, fail_thread_generator])
async def test_keeps_what_came_before_in_the_result(failing: Any) -> None:
    """The error that `run` raises carries the items before it."""
    with pytest.raises(StepError) as caught:
        await pipeline(failing).run(10)
    assert caught.value.result.output == [0, 1, 2]
    assert caught.value.result.status == "failed"


@pytest.mark.parametrize("failing", [fail_async, fail_thread, fail_process], ids=lambda target: target.kind)
@pytest.mark.parametrize("concurrency", [3])
async def test_gives_the_items_before_when_several_are_worked_on(failing: Any, concurrency: int) -> None:
    """With concurrency, too, exactly the items before the failing one arrive."""
    options = {"failing": {"concurrency": concurrency}}
    with pytest.raises(StepError, match="failing") as caught:
        await pipeline(failing, options=options).run(10)
    assert caught.value.result.output == [0, 1, 2]


@pytest.mark.parametrize("total", [kinds.async_sum, kinds.thread_sum, kinds.list_sum], ids=lambda target: target.kind)
async def test_never_makes_one_value_of_half_a_stream(total: Any) -> None:
    """A step that sums up a stream does not sum up a part of it."""
    async with Runner().start(pipeline(fail_async, total), 10) as execution:
        result = await execution.result(check=False)
    assert (result.status, result.output) == ("failed", None)
    assert isinstance(result.error, StepError)
    assert result.error.step_id == "failing"


async def test_reports_which_step_failed_and_which_suffers() -> None:
    """Every step after the one that failed has an error event that names the cause."""
    async with Runner().start(pipeline(fail_async, read_items, read_mapped), 10) as execution:
        await execution.result(check=False)
        errors = {event.step_id: event.data async for event in execution.events(types={"step_error"})}
    assert {step_id: data.cause_step_id for step_id, data in errors.items()} == {
        "failing": None,
        "reader0": "failing",
        "reader1": "failing",
    }
    assert errors["failing"].error_type == "ValueError"


@step("truncation.hides")
async def hides(numbers: Stream[int]) -> AsyncIterator[int]:
    try:
        async for number in numbers:
            yield number
    except StreamBrokenError:
        got.append(-1)


async def test_fails_when_a_step_hides_the_break() -> None:
    """A reader that goes on as if nothing had happened does not make the output look complete."""
    async with Runner().start(pipeline(fail_async, hides), 10) as execution:
        items = []
        with pytest.raises(StepError, match="failing"):
            async for item in execution.output:
                items.append(item)  # noqa: PERF401 - a comprehension would lose them with the error
        result = await execution.result(check=False)
    assert (items, got, result.status) == ([0, 1, 2], [-1], "failed")


@pytest.mark.parametrize("merge", ["interleave", "concat"])
async def test_breaks_a_merge_of_streams(merge: str) -> None:
    """Where streams meet, the failure of one breaks the whole."""
    target = Pipeline(
        "merged",
        steps={"good": kinds.async_count, "bad": fail_generator, "all": kinds.async_pass},
        edges=["input -> good", "input -> bad", "good -> all", "bad -> all"],
        options={"all": {"merge": merge}},
    )
    async with Runner().start(target, 10) as execution:
        result = await execution.result(check=False)
    assert result.status == "failed"
    assert result.error is not None
    assert "bad" in str(result.error)


async def test_breaks_every_branch_of_a_tee() -> None:
    """Each reader of the failed step gets the items before, then the error."""
    target = Pipeline(
        "branches",
        steps={"numbers": kinds.async_count, "failing": fail_async, "one": read_items, "other": kinds.async_pass},
        edges=["numbers -> failing", "failing -> one", "failing -> other"],
    )
    async with Runner().start(target, 10) as execution:
        result = await execution.result(check=False)
        errors = {event.step_id async for event in execution.events(types={"step_error"})}
    assert result.output == {"one": [0, 1, 2], "other": [0, 1, 2]}
    assert errors == {"failing", "one", "other"}
