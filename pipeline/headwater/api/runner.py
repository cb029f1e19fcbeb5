"""The runner: starts executions of pipelines with the same subscribers."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from anyio.lowlevel import current_token

from headwater.api.execution import Execution, run_to_end
from headwater.api.run_beside import RunBeside
from headwater.running.request import RunOptions
from headwater.shapes import is_mapping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headwater.api.compiled import CompiledPipeline
    from headwater.api.pipeline import Pipeline
    from headwater.api.result import Result
    from headwater.events.subscriber import EventFunction, StreamSubscriber

__all__ = ["Runner", "run_sync"]


class Runner:
    """Runs pipelines with the same subscribers.

    Args:
        subscribers: Receivers of the events of every execution.

    Example:
        >>> import anyio
        >>> from headwater import Pipeline, Runner, step
        >>> @step("example.length")
        ... def length(text: str) -> int:
        ...     return len(text)
        >>> anyio.run(Runner().run, Pipeline("length", steps={"length": length}), "four").output
        4
    """

    def __init__(self, subscribers: Sequence[StreamSubscriber | EventFunction] = ()) -> None:
        self._options = RunOptions(tuple(subscribers))

    def start(self, pipeline: Pipeline, data: Any = None) -> Execution:
        """Return an execution, which runs inside its `async with` block.

        Args:
            pipeline: The pipeline.
            data: One value, or any iterable or async iterable of items, for the pipeline's free input.

        Returns:
            The execution.

        Raises:
            ConfigError: The data does not fit the pipeline's input.
        """
        return Execution(_compiled(pipeline).request(data, self._options))

    async def run(self, pipeline: Pipeline, data: Any = None) -> Result:
        """Run a pipeline to its end.

        Args:
            pipeline: The pipeline.
            data: As for `start`.

        Returns:
            The outcome.

        Raises:
            ConfigError: The data does not fit the pipeline's input.
            ExecutionError: The execution did not complete; see `Pipeline.run`.
        """
        return await run_to_end(_compiled(pipeline).request(data, self._options))


def run_sync(
    pipeline: Pipeline,
    data: Any = None,
    *,
    subscribers: Sequence[StreamSubscriber | EventFunction] = (),
    backend: str = "asyncio",
) -> Result:
    """Run a pipeline to its end from code that is not asynchronous, also inside a running event loop as in notebooks.

    An interrupt (`KeyboardInterrupt`) cancels the execution and is raised when it has ended; a second one is raised at
    once.

    Args:
        pipeline: The pipeline.
        data: As for `Runner.start`.
        subscribers: Receivers of the events.
        backend: `asyncio` or `trio`.

    Returns:
        The outcome.

    Raises:
        ConfigError: The data does not fit the pipeline's input.
        ExecutionError: The execution did not complete; see `Pipeline.run`.

    Example:
        >>> from headwater import Pipeline, run_sync, step
        >>> @step("example.half")
        ... def half(number: int) -> float:
        ...     return number / 2
        >>> run_sync(Pipeline("half", steps={"half": half}), [2, 4]).output
        [1.0, 2.0]
    """
    runner = Runner(subscribers)
    if _in_event_loop():
        return RunBeside(partial(runner.start, pipeline, data)).result(backend)
    return anyio.run(runner.run, pipeline, data, backend=backend)


def _compiled(pipeline: Any) -> CompiledPipeline:
    """Return what a pipeline was compiled to; raise for anything that is not a pipeline."""
    compiled: CompiledPipeline | None = getattr(pipeline, "compiled", None)
    if compiled is not None:
        return compiled
    if isinstance(pipeline, (str, Path)):
        msg = f"expected a Pipeline, found {str(pipeline)[:80]!r}; load a document first: Pipeline.load(...)"
    elif is_mapping(pipeline):
        msg = "expected a Pipeline, found a mapping; load a document first: Pipeline.load(...)"
    else:
        what = "a class" if isinstance(pipeline, type) else f"a {type(pipeline).__name__}"
        msg = f"expected a Pipeline, found {what}; make one of steps first: Pipeline(name, steps=...)"
    raise TypeError(msg)


def _in_event_loop() -> bool:
    try:
        current_token()
    except anyio.NoEventLoopError:
        return False
    return True
