"""What users test with does what it says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from headwater import ConfigError, Flavor, Step, StepError, Stream, Task, step
from headwater.testing import EventRecorder, collect, run_step, verify_step, verify_task

letters = Task(
    "letters",
    unary_input=str,
    stream_input=str,
    unary_output=str,
    stream_output=str,
    input_join="".join,
    output_join="".join,
)


class Faithful(Step, kind="testing.faithful"):
    """A task whose streaming result equals its unary result."""

    @letters.method(Flavor.UNARY_UNARY)
    def whole(self, text: str) -> str:
        return text.upper()

    @letters.method(Flavor.STREAM_STREAM)
    async def stream(self, texts: Stream[str]) -> AsyncIterator[str]:
        async for text in texts:
            yield text.upper()


class Unfaithful(Step, kind="testing.unfaithful"):
    """A task whose streaming result depends on how the input is cut."""

    @letters.method(Flavor.UNARY_UNARY)
    def whole(self, text: str) -> str:
        return text.title()

    @letters.method(Flavor.STREAM_STREAM)
    async def stream(self, texts: Stream[str]) -> AsyncIterator[str]:
        async for text in texts:
            yield text.title()


@step("testing.pairs")
async def pairs(left: Stream[int], right: int) -> AsyncIterator[int]:
    """Add the right number to each of the left ones."""
    async for number in left:
        yield number + right


@step("testing.twice")
def twice(number: int) -> Iterator[int]:
    """Give each number two times."""
    yield from (number, number)


async def test_run_step_gives_the_output_when_inputs_are_values_or_iterables() -> None:
    """A step runs alone with a value, an iterable, or several inputs in the order of its ports."""
    assert await run_step(twice, 3) == [3, 3]
    assert await run_step(twice, [1, 2]) == [1, 1, 2, 2]
    assert await run_step(pairs, [1, 2], 10) == [11, 12]


async def test_run_step_raises_when_the_step_fails_or_the_input_does_not_fit() -> None:
    """Failures come out as the errors that a pipeline raises."""
    with pytest.raises(StepError, match="expected int"):
        await run_step(twice, "three")
    with pytest.raises(ConfigError, match="needs data"):
        await run_step(twice)


async def test_collect_reads_any_iterable() -> None:
    """Plain and asynchronous iterables become lists."""

    async def numbers() -> AsyncIterator[int]:
        yield 1
        yield 2

    assert await collect(numbers()) == await collect([1, 2]) == [1, 2]


async def test_verify_task_passes_when_every_chunking_gives_the_same() -> None:
    """A faithful task is accepted for short and long texts, and for the empty one."""
    await verify_task(Faithful(), ["", "a", "hello", "a much longer text than all of its cuts can be tried for"])


async def test_verify_task_names_the_cut_when_a_chunking_gives_something_else() -> None:
    """The message shows both results and the pieces."""
    with pytest.raises(AssertionError, match=r"'Hello'.*when it is streamed as \["):
        await verify_task(Unfaithful, ["hello"])


async def test_verify_step_refuses_a_step_whose_result_changes() -> None:
    """A step that gives something else the second time is told with its input."""
    calls = iter(range(10))

    @step("testing.fickle")
    def fickle(number: int) -> int:
        return number + next(calls)

    await verify_step(twice, [1, 2])
    with pytest.raises(AssertionError, match="gives 5 and then 6 for the same input 5"):
        await verify_step(fickle, [5])


async def test_event_recorder_keeps_what_happened_in_order() -> None:
    """The recorder knows types, events of a step, and what came first."""
    from headwater import Pipeline

    recorder = EventRecorder()
    await Pipeline("twice", steps={"twice": twice}).run([1], subscribers=[recorder])
    assert recorder.types_seen[0] == "pipeline_start"
    assert recorder.types_seen[-1] == "pipeline_complete"
    assert [event.step_id for event in recorder.of("step_start", "twice")] == ["twice"]
    assert recorder.happened_before("step_start", "step_complete")
    assert not recorder.happened_before("step_complete", "step_start")


class Sound(Step, kind="testing.sound"):
    """A task in all four flavors."""

    @letters.method(Flavor.UNARY_UNARY)
    def uu(self, text: str) -> str:
        return text.upper()

    @letters.method(Flavor.UNARY_STREAM)
    def us(self, text: str) -> Iterator[str]:
        yield from text.upper()

    @letters.method(Flavor.STREAM_UNARY)
    async def su(self, texts: Stream[str]) -> str:
        return "".join(await texts.collect()).upper()

    @letters.method(Flavor.STREAM_STREAM)
    async def ss(self, texts: Stream[str]) -> AsyncIterator[str]:
        async for text in texts:
            yield text.upper()


class BrokenUnaryUnary(Sound, kind="testing.broken_uu"):
    """One flavor differs."""

    @letters.method(Flavor.UNARY_UNARY)
    def uu(self, text: str) -> str:
        return text.upper()[:1]


class BrokenUnaryStream(Sound, kind="testing.broken_us"):
    """One flavor differs."""

    @letters.method(Flavor.UNARY_STREAM)
    def us(self, text: str) -> Iterator[str]:
        yield from text.upper()[1:]


class BrokenStreamUnary(Sound, kind="testing.broken_su"):
    """One flavor differs."""

    @letters.method(Flavor.STREAM_UNARY)
    async def su(self, texts: Stream[str]) -> str:
        return " ".join(await texts.collect()).upper()


class BrokenStreamStream(Sound, kind="testing.broken_ss"):
    """One flavor differs."""

    @letters.method(Flavor.STREAM_STREAM)
    async def ss(self, texts: Stream[str]) -> AsyncIterator[str]:
        async for text in texts:
            yield text.upper()
            return


async def test_verify_task_runs_every_method() -> None:
    """A step that is right in all its flavors passes, and one that differs in any of them is found by name."""
    await verify_task(Sound(), ["salt", ""])
    for broken in (BrokenUnaryUnary, BrokenUnaryStream, BrokenStreamUnary, BrokenStreamStream):
        with pytest.raises(AssertionError, match=f"by '{broken.kind[-2:]}'"):
            await verify_task(broken, ["salt", ""])


async def test_verify_task_compares_streams_by_a_split_without_a_join() -> None:
    """Where only a split is declared, values are compared as the items that it makes."""
    digits = Task("digits", unary_input=int, unary_output=str, stream_output=str, output_split=list)

    class Digits(Step, kind="testing.digits"):
        """Right as a value, and wrong as a stream of a number with a zero."""

        @digits.method(Flavor.UNARY_UNARY)
        def whole(self, number: int) -> str:
            return str(number)

        @digits.method(Flavor.UNARY_STREAM)
        def each(self, number: int) -> Iterator[str]:
            yield from str(number).replace("0", "")

    await verify_task(Digits(), [12, 345])
    with pytest.raises(AssertionError, match="by 'each'"):
        await verify_task(Digits(), [102])


async def test_verify_task_gives_several_inputs_by_name() -> None:
    """A task with several inputs is verified with mappings."""
    scaled = Task(
        "scaled",
        inputs={"numbers": Stream[int], "factor": int},
        unary_output=int,
        stream_output=int,
        output_join=sum,
    )

    class Scaled(Step, kind="testing.scaled"):
        """Wrong as a value for a factor of zero."""

        @scaled.method(Flavor.STREAM_STREAM)
        async def each(self, numbers: Stream[int], factor: int) -> AsyncIterator[int]:
            async for number in numbers:
                yield number * factor

        @scaled.method(Flavor.STREAM_UNARY)
        async def total(self, numbers: Stream[int], factor: int) -> int:
            return sum(await numbers.collect()) * (factor or 1)

    await verify_task(Scaled(), [{"numbers": [1, 2, 3], "factor": 2}, {"numbers": [], "factor": 5}])
    with pytest.raises(AssertionError, match="by 'total'"):
        await verify_task(Scaled(), [{"numbers": [1, 2], "factor": 0}])
