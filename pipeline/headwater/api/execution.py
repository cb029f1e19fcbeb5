"""One run of a pipeline: its task group, its outputs, its events, and exactly one end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.api.lifecycle import Lifecycle
from headwater.api.result import Result, Status
from headwater.errors import ExecutionError
from headwater.toolkit.observable import Observable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from types import TracebackType
    from typing import Self

    from headwater.graph.plan import Plan
    from headwater.running.request import ExecutionRequest
    from headwater.streams.stream import Stream

__all__ = ["Execution", "run_to_end"]


class Execution(Observable):
    """A running pipeline; made by `Runner.start` and used as an asynchronous context manager.

    Inside the block its outputs and events can be read while they are made. When the block is left, no task, thread,
    file or subscriber of the execution is alive; an execution that has not ended by then is cancelled. When it has
    failed, leaving the block raises the error, unless the program was given it before, by `result` or an output.

    Args:
        request: What is run, and how.

    Attributes:
        execution_id: Id of the execution, in each of its events.

    Example:
        >>> import anyio
        >>> from headwater import Pipeline, Runner, step
        >>> @step("example.double")
        ... def double(number: int) -> int:
        ...     return 2 * number
        >>> async def main() -> int:
        ...     async with Runner().start(Pipeline("twice", steps={"double": double}), 21) as execution:
        ...         return (await execution.result()).output
        >>> anyio.run(main)
        42
    """

    def __init__(self, request: ExecutionRequest) -> None:
        self._life = Lifecycle(request)
        self._plan = request.plan
        super().__init__(self._life.context, self._awaiting_events)
        self._outlets = self._life.outlets
        self._result: Result | None = None
        self.execution_id: str = self._life.execution_id

    @property
    def status(self) -> Status:
        """`running`, `completed`, `failed` or `cancelled`."""
        return self._life.outcome.status

    @property
    def plan(self) -> Plan:
        """What runs."""
        return self._plan

    @property
    def outputs(self) -> Mapping[str, Stream[Any, Any, Any]]:
        """The streams of the pipeline's outputs, by the id of the step that writes them.

        They may be read in any order, or together. Where an output that the program cannot read at the moment is full
        and holds up the one that it waits for, the full one is collected.

        Raises:
            RuntimeError: The execution was not started.
        """
        self._life.check_started("outputs")
        return {outlet.name: outlet.stream for outlet in self._outlets.open()}

    @property
    def output(self) -> Stream[Any, Any, Any]:
        """The stream of the pipeline's only output; a unary output is a stream of one item.

        Raises:
            LookupError: The pipeline has several outputs; see `outputs`.
            RuntimeError: The execution was not started.
        """
        self._life.check_started("output")
        outlets = self._outlets.open()
        if len(outlets) != 1:
            msg = f"the pipeline has {len(outlets)} outputs ({', '.join(self.outputs)}); use execution.outputs"
            raise LookupError(msg)
        return outlets[0].stream

    async def result(self, *, check: bool = True) -> Result:
        """Wait for the end and return the outcome; outputs that the program does not read are collected.

        Any number of tasks may wait for it. A task that has read a part of an output, and then calls this, stops
        reading.

        Args:
            check: Whether to raise when the execution failed or was cancelled.

        Returns:
            The result.

        Raises:
            StepError: A step failed; its `result` holds what came before.
            ExecutionTimeoutError: The pipeline's `timeout.total_s` has passed.
            ExecutionCancelled: The execution was cancelled; its `result` holds what came before.
            RuntimeError: The execution was not started.
        """
        self._life.check_started("result()")
        outcome = self._life.outcome
        if self._result is None:
            await self._outlets.collect(outcome.done)
        if self._result is None:
            header, footer = self._outlets.frames
            self._result = Result(
                status=outcome.status,
                output=self._outlets.value,
                execution_id=self.execution_id,
                duration_s=outcome.duration_s,
                header=header,
                footer=footer,
                error=outcome.error,
                events=self._context.log,
                lost_subscribers=tuple(self._context.lost),
            )
        error = outcome.give_error()
        if check and error is not None:
            if isinstance(error, ExecutionError):
                error.result = self._result
            raise error
        return self._result

    def cancel(self, reason: str = "cancel() was called") -> None:
        """Stop the execution; what was emitted stays readable. Cancelling twice, or after the end, does no harm.

        This may be called in any thread, and in a signal handler.

        Args:
            reason: What the `pipeline_cancelled` event gives as the reason.
        """
        self._life.cancel(reason)

    def _awaiting_events(self) -> AbstractContextManager[None]:
        """Let what the program does not read not stop what it waits for."""
        self._life.check_started("events()")
        return self._outlets.awaiting()

    async def __aenter__(self) -> Self:
        await self._life.start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Cancel what still runs, and wait until nothing of it is left; raise the failure that the program missed."""
        if await self._life.stop(exc_type, exc, traceback) is not None:
            await self.result()


async def run_to_end(request: ExecutionRequest) -> Result:
    """Run an execution, and return its outcome; raise `ExecutionError` when it does not complete."""
    async with Execution(request) as execution:
        return await execution.result()
