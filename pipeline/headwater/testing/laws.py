"""Checks that a step keeps its declaration, and that a task gives the same for streamed and for whole inputs."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from headwater.api.authoring import load_authored
from headwater.api.compiled import CompiledPipeline
from headwater.api.pipeline import Pipeline
from headwater.api.runner import Runner
from headwater.config.load import LoadOptions
from headwater.errors import HeadwaterError
from headwater.kinds.binding import bind
from headwater.shapes import is_list
from headwater.testing.running import run_step
from headwater.types.value_checkers import checker

if TYPE_CHECKING:
    from headwater.kinds.definition import BoundStep, Method, StepDefinition
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
    """Check that every method of a task gives the same, for its whole input and for every stream of its parts.

    Each method of the step runs alone. Those that read a stream get a short string cut in every possible way, and a
    long one cut in random ways; any other input is divided by the task's `input_split`, and a list without one is
    streamed item by item. Streams that methods write are compared as the values that `output_join` makes of them.

    Args:
        target: The step, with its params.
        samples: Whole inputs, of the task's unary type; for a task with several inputs, mappings of their names to
            values, and to lists for streams.
        task: The task to check; needed for a step with several.
        seed: Seed of the random cuts.

    Raises:
        AssertionError: The results differ; the message has the input, the methods and how it was cut.
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
    bound = bind(target)
    chosen = task or _only_task(bound.definition)
    methods = [method for method in bound.definition.methods if method.task is chosen]
    pipelines = {method.name: _alone(bound, method) for method in methods}
    generator = random.Random(seed)  # noqa: S311 - for cuts of test data
    for sample in samples:
        first: tuple[Any, str] | None = None
        for method, data, how in _runs(chosen, methods, sample, generator):
            output = (await Runner().run(pipelines[method.name], data)).output
            value = _comparable(chosen, methods, output)
            first = first or (value, how)
            if value != first[0]:
                msg = (
                    f"task {chosen.name!r} of {bound.definition.kind}: the input {sample!r} gives {first[0]!r} "
                    f"{first[1]}, but {value!r} {how}"
                )
                raise AssertionError(msg)


def _only_task(definition: StepDefinition) -> Task:
    tasks: set[Task] = {method.task for method in definition.methods if method.task is not None}
    if len(tasks) != 1:
        msg = f"{definition.kind} implements {len(tasks)} tasks; name the one to verify"
        raise ValueError(msg)
    return tasks.pop()


def _alone(bound: BoundStep, method: Method) -> Pipeline:
    """Return a pipeline of a step that has no other method than this one."""
    alone = {"step": replace(bound, definition=replace(bound.definition, methods=(method,)))}
    pipeline = Pipeline.__new__(Pipeline)
    pipeline.compiled = CompiledPipeline(load_authored({"name": "verify"}, alone, {}, {}), alone, LoadOptions())
    return pipeline


def _runs(
    task: Task, methods: Sequence[Method], sample: Any, generator: random.Random
) -> Iterator[tuple[Method, Any, str]]:
    """Yield each method with the data for it, and how it gets the sample; the whole sample comes first.

    Where no method reads a value, or none a stream, those that there are do it by the rules of the task.
    """
    if task.inputs:
        for method in methods:
            data = {
                f"step.{port.name}": iter(sample[port.name]) if port.streaming else sample[port.name]
                for port in task.inputs
            }
            yield method, data if len(data) > 1 else next(iter(data.values())), _by(method)
        return
    streaming = [method for method in methods if method.flavor.streams_in]
    unary = [method for method in methods if not method.flavor.streams_in]
    if task.unary_input is not None:
        for method in unary or streaming:
            yield method, sample, f"at once {_by(method)}"
    if task.stream_input is not None:
        for pieces in _chunkings(task, sample, generator):
            for method in streaming or unary:
                yield method, iter(pieces), f"{_by(method)} when it is streamed as {pieces!r}"


def _by(method: Method) -> str:
    return f"by {method.name!r}"


def _comparable(task: Task, methods: Sequence[Method], output: Any) -> Any:
    """Return an output as those of all methods can be compared: as one value, or as items where that is the rule."""
    if len({method.flavor.streams_out for method in methods}) == 1 and task.output_join is None:
        return output
    is_value = not is_list(output) or _is_unary_output(task, output)
    if task.output_join is not None:
        return output if is_value else task.output_join(output)
    if task.output_split is not None:
        return list(task.output_split(output)) if is_value else output
    return output


def _is_unary_output(task: Task, output: Any) -> bool:
    if task.unary_output is None:
        return False
    try:
        checker(task.unary_output.item).check(output, "output")
    except HeadwaterError:
        return False
    return True


def _chunkings(task: Task, sample: Any, generator: random.Random) -> Iterator[list[Any]]:
    if isinstance(sample, str | bytes) and task.stream_input is not None and task.stream_input.item in {str, bytes}:
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
