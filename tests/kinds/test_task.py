"""What a task declares, and which methods may implement it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from headwater import (
    ConfigError,
    Emits,
    Flavor,
    Pipeline,
    Step,
    StepDefinitionError,
    Stream,
    StreamType,
    Task,
    run_sync,
    step,
)


class Found(BaseModel):
    text: str


class Scored(Found):
    score: float = 1.0


class Opening(BaseModel):
    language: str = "en"


find = Task("find", unary_input=str, stream_input=str, unary_output=Found, stream_output=Found)
read = Task("read", stream_input=str, unary_output=int)


def codes(define: Callable[[], object]) -> list[str]:
    """Return the codes of the problems of a definition."""
    with pytest.raises(StepDefinitionError) as caught:
        define()
    return [problem.code for problem in caught.value.problems]


class TestVariance:
    def test_takes_more_and_gives_a_subclass(self) -> None:
        """A method varies as a function may, and its ports have its own types."""

        class Wide(Step, kind="task.wide"):
            @find.method(Flavor.UNARY_UNARY)
            def one(self, text: str | bytes) -> Scored:
                return Scored(text=str(text))

            @find.method(Flavor.UNARY_STREAM)
            def several(self, text: object) -> Iterator[Scored]:
                yield Scored(text=str(text))

        one, several = Wide.definition.methods
        assert one.inputs[0].type.item == str | bytes
        assert several.outputs[0].type.item is Scored

        @step("task.score")
        def score(found: Scored) -> float:
            return found.score

        assert run_sync(Pipeline("wide", steps={"find": Wide(), "score": score}), "salt").output == 1.0

    def test_is_mapped_where_only_the_items_surely_fit(self) -> None:
        """A reader of the subclass that the items have does not ask for the task's joined value."""
        last = Task(
            "last", stream_input=str, unary_output=Found, stream_output=Found, output_join=lambda all_: all_[-1]
        )

        class Each(Step, kind="task.each"):
            @last.method(Flavor.STREAM_STREAM)
            async def every(self, texts: Stream[str]) -> AsyncIterator[Scored]:
                async for text in texts:
                    yield Scored(text=text)

        @step("task.each_score")
        def each_score(found: Scored) -> float:
            return found.score

        @step("task.last_text")
        def last_text(found: Found) -> str:
            return found.text

        assert run_sync(Pipeline("scores", steps={"find": Each(), "it": each_score}), iter("ab")).output == [1.0, 1.0]
        assert run_sync(Pipeline("last", steps={"find": Each(), "it": last_text}), iter("ab")).output == "b"

    def test_reads_a_stream_without_the_header_of_the_task(self) -> None:
        """A method may leave out what it does not read, but must write what the task declares."""
        framed = Task("framed", stream_input=StreamType(int, Opening), unary_output=int)

        class Reads(Step, kind="task.reads"):
            @framed.method(Flavor.STREAM_UNARY)
            async def total(self, numbers: Stream[float]) -> bool:
                return bool(await numbers.collect())

        assert Reads.definition.methods[0].inputs[0].type == StreamType(float)

    def test_refuses_a_narrower_input_and_a_wider_output(self) -> None:
        """What the task promises must hold for each method."""

        def narrow() -> None:
            class Narrow(Step, kind="task.narrow"):
                @find.method(Flavor.UNARY_UNARY)
                def one(self, text: bytes) -> Found:
                    return Found(text=str(text))

                @find.method(Flavor.UNARY_STREAM)
                def several(self, text: str) -> Iterator[BaseModel]:
                    yield Found(text=text)

                @find.method(Flavor.STREAM_STREAM)
                async def stream(self, texts: Stream[str, Opening]) -> Emits[Found, Opening]:
                    yield Opening()
                    async for text in texts:
                        yield Found(text=text)

        assert codes(narrow) == ["task-type"] * 4

    def test_refuses_any_for_a_declared_output(self) -> None:
        """A type that may fit is not one that fits."""

        def unsure() -> None:
            class Unsure(Step, kind="task.unsure"):
                @find.method(Flavor.UNARY_UNARY)
                def one(self, text: Any) -> Any:
                    return text

        assert codes(unsure) == ["task-type"]


class TestDeclaration:
    @pytest.mark.parametrize(
        ("types", "flavors"),
        [
            ({"unary_input": str, "unary_output": str}, [Flavor.UNARY_UNARY]),
            ({"unary_input": str, "stream_output": str}, [Flavor.UNARY_STREAM]),
            ({"stream_input": str, "unary_output": None}, [Flavor.STREAM_UNARY]),
            ({"stream_input": str, "stream_output": str}, [Flavor.STREAM_STREAM]),
            ({"inputs": {"a": Stream[int], "b": int}, "unary_output": int}, [Flavor.STREAM_UNARY]),
            ({"inputs": {"a": int, "b": int}, "unary_output": int}, [Flavor.UNARY_UNARY]),
            (
                {"unary_input": str, "stream_input": str, "unary_output": str},
                [Flavor.UNARY_UNARY, Flavor.STREAM_UNARY],
            ),
        ],
    )
    def test_has_the_flavors_of_its_types(self, types: dict[str, Any], flavors: list[Flavor]) -> None:
        """A task may have one flavor alone."""
        assert list(Task("some", **types).flavors) == flavors

    @pytest.mark.parametrize(
        "types",
        [
            {},
            {"unary_input": str},
            {"stream_output": str},
            {"inputs": {}, "unary_output": str},
            {"inputs": {"a": int}, "unary_input": int, "unary_output": str},
            {"inputs": {"a": int}, "unary_output": str, "input_join": "".join},
            {"inputs": {"a b": int}, "unary_output": str},
            {"unary_input": str, "unary_output": str, "input_join": "".join},
            {"unary_input": str, "unary_output": str, "output_split": iter},
        ],
    )
    def test_refuses_what_is_missing(self, types: dict[str, Any]) -> None:
        """A task has an input and an output, and rules only between declared types."""
        assert set(codes(lambda: Task("some", **types))) == {"task-declaration"}

    def test_refuses_a_flavor_that_the_task_does_not_have(self) -> None:
        """A method cannot add what the task does not declare."""

        def more() -> None:
            class More(Step, kind="task.more"):
                @read.method(Flavor.UNARY_UNARY)
                def one(self, text: str) -> int:
                    return len(text)

        assert codes(more) == ["task-flavor"]

    def test_refuses_two_tasks_of_one_name(self) -> None:
        """A document could not choose between them."""
        other = Task("read", stream_input=str, unary_output=int)

        def twins() -> None:
            class Twins(Step, kind="task.twins"):
                @read.method(Flavor.STREAM_UNARY)
                async def one(self, texts: Stream[str]) -> int:
                    return len(await texts.collect())

                @other.method(Flavor.STREAM_UNARY)
                async def two(self, texts: Stream[str]) -> int:
                    return len(await texts.collect())

        assert codes(twins) == ["duplicate-task"]


blend = Task("blend", inputs={"left": Stream[int], "right": Stream[int], "weight": int}, stream_output=int)


class Blend(Step, kind="task.blend"):
    @blend.method(Flavor.STREAM_STREAM)
    async def both(self, weight: int, left: Stream[int], right: Stream[float]) -> AsyncIterator[int]:
        others = aiter(right)
        async for number in left:
            yield number + weight * int(await anext(others))


class TestSeveralInputs:
    def test_reads_two_streams_and_a_value(self) -> None:
        """The ports have the names of the task's inputs, in any order."""

        @step("task.count_up")
        def count_up(number: int) -> Iterator[int]:
            yield from range(number)

        @step("task.same")
        def same(number: int) -> int:
            return number

        pipeline = Pipeline(
            "blend",
            steps={"one": count_up, "other": count_up, "weight": same, "blend": Blend()},
            edges=[
                "input -> one",
                "input -> other",
                "input -> weight",
                "one -> blend.left",
                "other -> blend.right",
                "weight -> blend.weight",
            ],
        )
        assert run_sync(pipeline, 3).output == [0, 4, 8]

    def test_refuses_other_inputs(self) -> None:
        """Every method has all the inputs of the task, each in its form."""

        def other() -> None:
            class Other(Step, kind="task.other"):
                @blend.method(Flavor.STREAM_STREAM)
                async def both(self, left: Stream[int], right: int, weight: int) -> AsyncIterator[int]:
                    yield right

        def fewer() -> None:
            class Fewer(Step, kind="task.fewer"):
                @blend.method(Flavor.STREAM_STREAM)
                async def both(self, left: Stream[int], right: Stream[int]) -> AsyncIterator[int]:
                    yield 1

        assert codes(other) == codes(fewer) == ["task-ports"]


upper = Task("upper", unary_input=str, unary_output=str)
length = Task("length", unary_input=str, unary_output=int)
halve = Task("halve", unary_input=int, unary_output=int)


class Several(Step, kind="task.several"):
    @upper.method(Flavor.UNARY_UNARY)
    def loud(self, text: str) -> str:
        return text.upper()

    @length.method(Flavor.UNARY_UNARY)
    def size(self, text: str) -> int:
        return len(text)

    @halve.method(Flavor.UNARY_UNARY)
    def half(self, number: int) -> int:
        return number // 2


@step("task.number")
def number() -> int:
    """Give a number."""
    return 4


@step("task.text")
def text() -> str:
    """Give a text."""
    return "salt"


@step("task.twice")
def twice(value: int) -> int:
    """Take a number."""
    return 2 * value


class TestSeveralTasks:
    def test_asks_for_the_task_when_several_fit(self) -> None:
        """The names are in the message, and what to write in the hint."""
        with pytest.raises(ConfigError) as caught:
            Pipeline("several", steps={"text": text, "it": Several()})
        (problem,) = caught.value.problems
        assert problem.code == "ambiguous-task"
        assert "'upper', 'length'" in problem.message
        assert '"task": "upper"' in problem.hint

    @pytest.mark.parametrize(
        ("steps", "expected"),
        [({"number": number, "it": Several()}, 2), ({"text": text, "it": Several(), "twice": twice}, 8)],
    )
    def test_takes_the_only_one_that_fits(self, steps: dict[str, Any], expected: Any) -> None:
        """What comes in and what is read may leave one task."""
        assert run_sync(Pipeline("several", steps=steps)).output == expected

    @pytest.mark.parametrize(("task", "expected"), [("upper", "SALT"), ("length", 4)])
    def test_runs_the_task_that_is_named(self, task: str, expected: Any) -> None:
        """A document chooses with the key `task`."""
        steps = {"text": text, "it": Several()}
        assert run_sync(Pipeline("several", steps=steps, options={"it": {"task": task}})).output == expected
