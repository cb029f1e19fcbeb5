"""Running one step alone, and reading a stream to its end."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from headwater.api.pipeline import Pipeline

if TYPE_CHECKING:
    from headwater.kinds.step import Step, StepFunction

__all__ = ["collect", "run_step"]


async def run_step(target: StepFunction[..., Any] | Step | type[Step], *inputs: Any) -> Any:
    """Run one step alone and return its output.

    Args:
        target: The step, with its params.
        *inputs: The data for each input port, in order: a value, or an iterable of items for a stream.

    Returns:
        The value of a unary output, the list of items of a stream, a dict by port where there are several.

    Raises:
        ConfigError: The inputs do not fit the step.
        StepError: The step failed.

    Example:
        >>> import anyio
        >>> from headwater import step
        >>> @step("example.words")
        ... def words(text: str) -> list[str]:
        ...     return text.split()
        >>> anyio.run(run_step, words, "to be")
        ['to', 'be']
    """
    pipeline = Pipeline("test", steps={"step": target})
    return (await pipeline.run(_data(pipeline, inputs))).output


async def collect(items: Iterable[Any] | AsyncIterable[Any]) -> list[Any]:
    """Return all items of a stream, or of any other iterable.

    Args:
        items: A stream, or any iterable or async iterable.

    Returns:
        The items, in order.

    Example:
        >>> import anyio
        >>> anyio.run(collect, range(3))
        [0, 1, 2]
    """
    if isinstance(items, AsyncIterable):
        return [item async for item in items]
    return list(items)


def _data(pipeline: Pipeline, inputs: Sequence[Any]) -> Any:
    names = [group.name for group in pipeline.plan().inputs]
    if len(inputs) > len(names):
        msg = f"the step has {len(names)} inputs, but {len(inputs)} were given"
        raise ValueError(msg)
    if len(names) <= 1:
        return inputs[0] if inputs else None
    return dict(zip(names, inputs, strict=True))
