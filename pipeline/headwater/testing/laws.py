"""Checks that a step keeps its declaration, and that a task gives the same for streamed and for whole inputs."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from headwater.api.pipeline import Pipeline
from headwater.api.runner import Runner
from headwater.errors import HeadwaterError
from headwater.graph.types.value_checkers import checker
from headwater.kinds.binding import bind
from headwater.shapes import is_list
from headwater.testing.running import run_step

if TYPE_CHECKING:
    from headwater.kinds.definition import StepDefinition
    from headwater.kinds.step import Step, StepFunction
    from headwater.kinds.task import Task

__all__ = ["verify_step", "verify_task"]

_ALL_CHUNKINGS_UP_TO = 6
_RANDOM_CHUNKINGS = 50


async def verify_step(target: StepFunction[..., Any] | Step | type[Step], samples: Iterable[Any]) -> None:
    """Check for some inputs that a step returns the declared types, and the same result each time.

    Args:
        target: The step, with its params.
        samples: Inputs for its first port: values, or lists of items for a stream.

    Raises:
        AssertionError: The step breaks its declaration; the message has the input.

    Example:
        >>> import anyio
        >>> from headwater_steps.text import upper
        >>> anyio.run(verify_step, upper, ["salt", ""])
    """
    definition = bind(target).definition
    for sample in samples:
        try:
            first, second = await run_step(target, sample), await run_step(target, sample)
        except HeadwaterError as error:
            msg = f"{definition.kind} fails for {sample!r}: {error}"
            raise AssertionError(msg) from error
        if first != second:
            msg = f"{definition.kind} gives {first!r} and then {second!r} for the same input {sample!r}"
            raise AssertionError(msg)


async def verify_task(
    target: Step | type[Step], samples: Iterable[Any], *, task: Task | None = None, seed: int = 0
) -> None:
    """Check that a task gives the same for its whole input and for every stream of its parts.

    A short string is cut in every possible way, a long one in random ways; any other input is divided by the task's
    `input_split`, and a list without one is streamed item by item.

    Args:
        target: The step, with its params.
        samples: Whole inputs, of the task's unary type.
        task: The task to check; needed for a step with several.
        seed: Seed of the random cuts.

    Raises:
        AssertionError: The results differ; the message has the input and how it was cut.
        ValueError: The step implements no task, or its task cannot be cut or compared.

    Example:
        >>> import anyio
        >>> from collections.abc import AsyncIterator
        >>> from headwater import Flavor, Step, Stream, Task
        >>> shout = Task(
        ...     "shout",
        ...     unary_input=str,
        ...     stream_input=str,
        ...     unary_output=str,
        ...     stream_output=str,
        ...     input_join="".join,
        ...     output_join="".join,
        ... )
        >>> class Shout(Step, kind="example.shouting"):
        ...     @shout.method(Flavor.UNARY_UNARY)
        ...     def whole(self, text: str) -> str:
        ...         return text.upper()
        ...
        ...     @shout.method(Flavor.STREAM_STREAM)
        ...     async def stream(self, parts: Stream[str]) -> AsyncIterator[str]:
        ...         async for text in parts:
        ...             yield text.upper()
        >>> anyio.run(verify_task, Shout(), ["hello", ""])
    """
    definition = bind(target).definition
    chosen = task or _only_task(definition)
    generator = random.Random(seed)  # noqa: S311 - for cuts of test data
    for sample in samples:
        whole = _as_unary(chosen, await _run_task(target, chosen, sample))
        for pieces in _chunkings(chosen, sample, generator):
            streamed = _as_unary(chosen, await _run_task(target, chosen, iter(pieces)))
            if streamed != whole:
                msg = (
                    f"task {chosen.name!r} of {definition.kind}: the input {sample!r} gives {whole!r} at once, "
                    f"but {streamed!r} when it is streamed as {pieces!r}"
                )
                raise AssertionError(msg)


def _only_task(definition: StepDefinition) -> Task:
    tasks: set[Task] = {method.task for method in definition.methods if method.task is not None}
    if len(tasks) != 1:
        msg = f"{definition.kind} implements {len(tasks)} tasks; name the one to verify"
        raise ValueError(msg)
    return tasks.pop()


async def _run_task(target: Step | type[Step], task: Task, data: Any) -> Any:
    pipeline = Pipeline("verify", steps={"step": target}, options={"step": {"task": task.name}})
    return (await Runner().run(pipeline, data)).output


def _as_unary(task: Task, output: Any) -> Any:
    """Return an output as one value: the items of a stream joined by the task's rule, or as a list."""
    if task.output_join is None or not is_list(output) or _is_unary_output(task, output):
        return output
    return task.output_join(output)


def _is_unary_output(task: Task, output: Any) -> bool:
    check = checker(task.unary_output.item)
    try:
        check.check(output, "output")
    except HeadwaterError:
        return False
    return True


def _chunkings(task: Task, sample: Any, generator: random.Random) -> Iterator[list[Any]]:
    if isinstance(sample, str | bytes) and task.stream_input.item in {str, bytes}:
        yield from _cuts(sample, generator)
    elif task.input_split is not None:
        yield list(task.input_split(sample))
    elif is_list(sample):
        yield list(sample)
    else:
        msg = f"task {task.name!r} declares no input_split, so {sample!r} cannot be streamed"
        raise ValueError(msg)


def _cuts(text: str | bytes, generator: random.Random) -> Iterator[list[Any]]:
    """Yield ways to cut a string: all when it is short, else single characters, the whole, and random ones."""
    places = range(1, len(text))
    if len(places) <= _ALL_CHUNKINGS_UP_TO:
        for chosen in range(2 ** len(places)):
            yield _pieces(text, [place for place in places if chosen >> (place - 1) & 1])
        return
    yield [text[index : index + 1] for index in range(len(text))]
    yield [text]
    for _ in range(_RANDOM_CHUNKINGS):
        count = generator.randint(1, len(places))
        yield _pieces(text, sorted(generator.sample(places, count)))


def _pieces(text: str | bytes, places: Sequence[int]) -> list[Any]:
    ends = [*places, len(text)]
    starts = [0, *places]
    return [text[start:end] for start, end in zip(starts, ends, strict=True)]
