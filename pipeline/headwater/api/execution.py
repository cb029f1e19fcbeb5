"""One run of a pipeline: its task group, its outputs, its events, and exactly one end."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from anyio import CancelScope, get_cancelled_exc_class

from headwater.api.outcome import Outcome
from headwater.api.outlets import Outlets
from headwater.api.result import Result, Status
from headwater.errors import ExecutionCancelled, ExecutionError, ExecutionTimeoutError
from headwater.events.streaming_context import StreamingContext
from headwater.ids import new_execution_id
from headwater.running.attempt import in_time
from headwater.running.groups import open_group
from headwater.running.scope import ExecutionScope
from headwater.running.work import Work, work_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping
    from types import TracebackType
    from typing import Self

    from headwater.events.event import StreamEvent
    from headwater.running.request import ExecutionRequest
    from headwater.streams.stream import Stream

__all__ = ["Execution", "run_to_end"]


class Execution:
    """A running pipeline; made by `Runner.start` and used as an asynchronous context manager.

    Inside the block its outputs and events can be read while they are made. When the block is left, no task, thread,
    file or subscriber of the execution is alive; an execution that has not ended by then is cancelled.

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
        streaming = request.streaming
        self.execution_id: str = new_execution_id()
        self._request = request
        self._context = StreamingContext(
            self.execution_id,
            enabled=streaming.enabled,
            buffer_size=streaming.buffer_size,
            history=streaming.history,
        )
        self._outcome = Outcome(request, self._context, self._unfinished)
        self._outlets = Outlets(request.plan, lambda: self._outcome.error)
        self._scope = CancelScope()
        self._work_scope: ExecutionScope | None = None
        self._work: Work | None = None
        self._stack = AsyncExitStack()
        self._result: Result | None = None

    @property
    def status(self) -> Status:
        """`running`, `completed`, `failed` or `cancelled`."""
        return self._outcome.status

    @property
    def outputs(self) -> Mapping[str, Stream[Any, Any, Any]]:
        """The streams of the pipeline's outputs, by the id of the step that writes them."""
        return {outlet.name: outlet.stream for outlet in self._outlets.open()}

    @property
    def output(self) -> Stream[Any, Any, Any]:
        """The stream of the pipeline's only output; a unary output is a stream of one item.

        Raises:
            LookupError: The pipeline has several outputs; see `outputs`.
        """
        outlets = self._outlets.open()
        if len(outlets) != 1:
            msg = f"the pipeline has {len(outlets)} outputs ({', '.join(self.outputs)}); use execution.outputs"
            raise LookupError(msg)
        return outlets[0].stream

    def events(
        self, types: Collection[str] | None = None, steps: Collection[str] | None = None, from_seq: int = 1
    ) -> AsyncIterator[StreamEvent]:
        """Return an independent view of the events: those that happened, then those to come, to the last one.

        Args:
            types: Types of the events to yield; None for all.
            steps: Ids of the steps whose events to yield; None for all.
            from_seq: Number of the first event to yield.

        Returns:
            An iterator that ends after the terminal event; any number of them may be used at a time.
        """
        return self._context.events(types, steps, from_seq)

    async def result(self, *, check: bool = True) -> Result:
        """Wait for the end and return the outcome; outputs that the program does not read are collected.

        Args:
            check: Whether to raise when the execution failed or was cancelled.

        Returns:
            The result.

        Raises:
            StepError: A step failed; its `result` holds what came before.
            ExecutionTimeoutError: The pipeline's `timeout.total_s` has passed.
            ExecutionCancelled: The execution was cancelled; its `result` holds what came before.
        """
        outcome = self._outcome
        if self._result is None:
            await self._outlets.collect(outcome.done)
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
        if check and (error := outcome.error) is not None:
            if isinstance(error, ExecutionError):
                error.result = self._result
            raise error
        return self._result

    def cancel(self, reason: str = "cancel() was called") -> None:
        """Stop the execution; what was emitted stays readable. Cancelling twice, or after the end, does no harm.

        Args:
            reason: What the `pipeline_cancelled` event gives as the reason.
        """
        if self._outcome.cancel(reason):
            if self._work_scope is not None:
                self._work_scope.cancelled = True
            self._scope.cancel()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._context)
            for subscriber in self._request.options.subscribers:
                self._context.subscribe(subscriber)
            self._outcome.begin()
            work = await self._prepare(stack)
            group = await stack.enter_async_context(open_group())
            group.start_soon(self._run, work)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Cancel what still runs, and wait until nothing of it is left."""
        if exc_type is None:
            self.cancel("the block was left before the execution ended")
        else:
            self.cancel(f"the block was left by {exc_type.__name__}")
        await self._stack.__aexit__(exc_type, exc, traceback)

    async def _prepare(self, stack: AsyncExitStack) -> Work:
        """Acquire what the steps share, and make channels and hosts."""
        request = self._request
        try:
            instances = await stack.enter_async_context(request.resources().use())
        except Exception as error:
            self._outcome.fail(error)
            self._outcome.end()
            raise
        except get_cancelled_exc_class():
            self.cancel("cancelled before the steps were started")
            self._outcome.end()
            raise
        scope = ExecutionScope(self.execution_id, request, self._context, instances, self._outcome.fail_step)
        self._work_scope = scope
        self._work = work = work_of(scope, request.options.open_edge)
        self._outlets.attach(work)
        return work

    async def _run(self, work: Work) -> None:
        request = self._request
        try:
            with self._scope:
                if not self._outcome.cancelled:
                    await in_time(work.run(request.data), request.timeout_s, ExecutionTimeoutError)
                    work.check_finished()
        except get_cancelled_exc_class():
            self.cancel("cancelled from outside")
            raise
        except Exception as error:  # noqa: BLE001 - reported as the failure of the execution
            self._outcome.fail(error)
        finally:
            work.close(self._outcome.error or ExecutionCancelled())
            self._outcome.end()

    def _unfinished(self) -> tuple[str, ...]:
        if self._work is None:
            return tuple(step.id for step in self._request.plan.steps)
        return self._work.unfinished()


async def run_to_end(request: ExecutionRequest) -> Result:
    """Run an execution, and return its outcome; raise `ExecutionError` when it does not complete."""
    async with Execution(request) as execution:
        return await execution.result()
