"""The runner: starts executions of pipelines with the same subscribers."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from anyio.lowlevel import current_token

from headwater.api.execution import Execution, run_to_end
from headwater.api.run_beside import RunBeside
from headwater.events.subscriber import checked_subscribers
from headwater.frozen import refusal
from headwater.running.groups import open_group
from headwater.running.request import RunOptions
from headwater.running.shared.runner_scope import RunnerScope
from headwater.shapes import is_mapping

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import Self

    from headwater.api.compiled import CompiledPipeline
    from headwater.api.pipeline import Pipeline
    from headwater.api.result import Result
    from headwater.events.streaming_context import StreamingContext
    from headwater.events.subscriber import EventFunction, StreamSubscriber

__all__ = ["Runner", "run_sync"]


class Runner:
    """Runs pipelines with the same subscribers.

    Inside its `async with` block, a runner also keeps what steps acquire in `lifespan`: each is acquired once for its
    kind and params, for all executions of the runner, and released when the block is left. It also keeps the circuit
    breakers, rate limits, caches and shared batches of steps, by document and step. Without a block, each execution
    has its own.

    Args:
        subscribers: Receivers of the events of every execution.
        idle_s: How long the runner keeps what no execution uses, in seconds; None for as long as the block.

    Example:
        >>> import anyio
        >>> from headwater import Pipeline, Runner, step
        >>> @step("example.length")
        ... def length(text: str) -> int:
        ...     return len(text)
        >>> async def main() -> list[int]:
        ...     pipeline = Pipeline("length", steps={"length": length})
        ...     async with Runner() as runner:
        ...         return [(await runner.run(pipeline, text)).output for text in ("one", "three")]
        >>> anyio.run(main)
        [3, 5]
    """

    def __init__(
        self, subscribers: Sequence[StreamSubscriber | EventFunction] = (), *, idle_s: float | None = None
    ) -> None:
        self._options = RunOptions(checked_subscribers(subscribers))
        self._idle_s = idle_s
        self._stack: AsyncExitStack | None = None
        self._task = 0

    if not TYPE_CHECKING:  # type checkers would take it for a sign that there are more attributes

        def __setattr__(self, name: str, value: Any) -> None:
            if not name.startswith("_"):
                raise refusal(self, name, "a runner", "make another one: Runner(...)")
            super().__setattr__(name, value)

    async def __aenter__(self) -> Self:
        if self._stack is not None:
            raise RuntimeError("the runner is already in use by an async with block; make another one")
        async with AsyncExitStack() as stack:
            scope = RunnerScope(await stack.enter_async_context(open_group()), self._idle_s)
            stack.push_async_callback(scope.aclose)
            self._options = replace(self._options, runner=scope)
            self._stack = stack.pop_all()
        self._task = anyio.get_current_task().id
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Cancel the executions that still run, and release what the runner keeps."""
        if self._stack is not None and anyio.get_current_task().id != self._task:
            raise RuntimeError("another task entered the block of the runner; leave it in the task that entered it")
        stack, self._stack = self._stack, None
        self._options = replace(self._options, runner=None)
        if stack is not None:
            await stack.__aexit__(exc_type, exc, traceback)

    def start(
        self,
        pipeline: Pipeline,
        data: Any = None,
        *,
        execution_id: str | None = None,
        context: StreamingContext | None = None,
    ) -> Execution:
        """Return an execution, which runs inside its `async with` block.

        Args:
            pipeline: The pipeline.
            data: One value, or any iterable or async iterable of items, for the pipeline's free input.
            execution_id: Id of the execution: ASCII letters, digits, `_` and `-`, at most 128 characters; by default a
                random one.
            context: Where the events of the execution are emitted, with subscribers of its own; for one execution only.

        Returns:
            The execution.

        Raises:
            ConfigError: The data does not fit the pipeline's input.
            ValueError: The id is not one.
            RuntimeError: The context was used before.
        """
        return Execution(_compiled(pipeline).request(data, self._options, execution_id, context))

    async def run(
        self,
        pipeline: Pipeline,
        data: Any = None,
        *,
        execution_id: str | None = None,
        context: StreamingContext | None = None,
    ) -> Result:
        """Run a pipeline to its end.

        Args:
            pipeline: The pipeline.
            data: As for `start`.
            execution_id: As for `start`.
            context: As for `start`.

        Returns:
            The outcome.

        Raises:
            ConfigError: The data does not fit the pipeline's input.
            ExecutionError: The execution did not complete; see `Pipeline.run`.
            ValueError: The id is not one.
            RuntimeError: The context was used before.
        """
        return await run_to_end(_compiled(pipeline).request(data, self._options, execution_id, context))


def run_sync(
    pipeline: Pipeline,
    data: Any = None,
    *,
    subscribers: Sequence[StreamSubscriber | EventFunction] = (),
    execution_id: str | None = None,
    context: StreamingContext | None = None,
    backend: str = "asyncio",
) -> Result:
    """Run a pipeline to its end from code that is not asynchronous, also inside a running event loop as in notebooks.

    An interrupt (`KeyboardInterrupt`) cancels the execution and is raised when it has ended; a second one is raised at
    once.

    Args:
        pipeline: The pipeline.
        data: As for `Runner.start`.
        subscribers: Receivers of the events.
        execution_id: As for `Runner.start`.
        context: As for `Runner.start`; it must not have been entered.
        backend: `asyncio` or `trio`.

    Returns:
        The outcome.

    Raises:
        ConfigError: The data does not fit the pipeline's input.
        ExecutionError: The execution did not complete; see `Pipeline.run`.
        ValueError: The id is not one.
        RuntimeError: The context was used before.

    Example:
        >>> from headwater import Pipeline, run_sync, step
        >>> @step("example.half")
        ... def half(number: int) -> float:
        ...     return number / 2
        >>> run_sync(Pipeline("half", steps={"half": half}), [2, 4]).output
        [1.0, 2.0]
    """
    start = partial(Runner(subscribers).start, pipeline, data, execution_id=execution_id, context=context)
    if _in_event_loop():
        return RunBeside(start).result(backend)
    return anyio.run(_run_to_end, start, backend=backend)


async def _run_to_end(start: Callable[[], Execution]) -> Result:
    async with start() as execution:
        return await execution.result()


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
    except anyio.NoEventLoopError:  # a callback of an asyncio loop belongs to no task
        events: Any = sys.modules.get("asyncio.events")
        return events is not None and events._get_running_loop() is not None  # noqa: SLF001 - documented
    return True
