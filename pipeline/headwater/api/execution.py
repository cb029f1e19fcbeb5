"""One run of a pipeline: its task group, its outputs, its events, and exactly one end."""

from __future__ import annotations

from contextlib import AsyncExitStack
from time import perf_counter
from typing import TYPE_CHECKING, Any

from anyio import CancelScope, Event, get_cancelled_exc_class, get_current_task

from headwater.api.outlet import Outlet
from headwater.api.result import Result, Status
from headwater.errors import FIRST_ATTEMPT, ExecutionCancelled, ExecutionError, ExecutionTimeoutError, StepError
from headwater.events.data import PipelineCancelled, PipelineComplete, PipelineFailure
from headwater.events.event import EventType
from headwater.events.streaming import StreamingContext
from headwater.ids import new_execution_id
from headwater.running.attempt import in_time
from headwater.running.failures import message_of, reason_of
from headwater.running.groups import open_group
from headwater.running.scope import ExecutionScope
from headwater.running.unary.unary_run import UnaryWork
from headwater.running.work import Work, work_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from headwater.events.event import StreamEvent
    from headwater.events.subscriber import EventFunction, StreamSubscriber
    from headwater.running.order import Order
    from headwater.streams.stream import Stream

__all__ = ["Execution"]


class Execution:
    """A running pipeline; made by `Runner.start` and used as an asynchronous context manager.

    Inside the block its outputs and events can be read while they are made. When the block is left, no task, thread,
    file or subscriber of the execution is alive; an execution that has not ended by then is cancelled.

    Args:
        order: What is to run, and how.
        subscribers: Who receives its events.

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

    def __init__(self, order: Order, subscribers: Sequence[StreamSubscriber | EventFunction]) -> None:
        streaming = order.streaming
        self.execution_id: str = new_execution_id()
        self._order = order
        self._subscribers = tuple(subscribers)
        self._context = StreamingContext(
            self.execution_id,
            enabled=streaming.enabled,
            buffer_size=streaming.buffer_size,
            history=streaming.history,
        )
        self._status: Status = "running"
        self._error: Exception | None = None
        self._cancel_reason: str | None = None
        self._cancelled = ExecutionCancelled()
        self._work_scope: ExecutionScope | None = None
        self._scope = CancelScope()
        self._done = Event()
        self._stack = AsyncExitStack()
        self._work: Work | None = None
        self._outlets: tuple[Outlet, ...] = ()
        self._result: Result | None = None
        self._started_at = 0.0
        self._duration_s = 0.0

    # ---- what a program uses

    @property
    def status(self) -> Status:
        """`running`, `completed`, `failed` or `cancelled`."""
        return self._status

    @property
    def outputs(self) -> Mapping[str, Stream[Any, Any, Any]]:
        """The streams of the pipeline's outputs, by the id of the step that writes them."""
        return {outlet.name: outlet.stream for outlet in self._open_outlets()}

    @property
    def output(self) -> Stream[Any, Any, Any]:
        """The stream of the pipeline's only output; a unary output is a stream of one item.

        Raises:
            LookupError: The pipeline has several outputs; see `outputs`.
        """
        outlets = self._open_outlets()
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
        """Wait for the end and return what came of it; outputs that nobody read are collected.

        Args:
            check: Whether to raise when the execution failed or was cancelled.

        Returns:
            The result.

        Raises:
            StepError: A step failed; its `result` holds what came before.
            ExecutionTimeoutError: The pipeline's `timeout.total_s` has passed.
            ExecutionCancelled: The execution was cancelled; its `result` holds what came before.
        """
        if self._result is None:
            await self._collect()
            self._result = self._make_result()
        if check and (error := self._explain()) is not None:
            if isinstance(error, ExecutionError):
                error.result = self._result
            raise error
        return self._result

    async def _collect(self) -> None:
        """Wait for the end, reading the outputs meanwhile that would otherwise fill up."""
        streaming = [outlet for outlet in self._outlets if outlet.edge.streaming]
        if streaming:
            this_task = get_current_task().id
            for outlet in streaming:
                outlet.let_go(this_task)
            async with open_group() as group:
                for outlet in streaming:
                    group.start_soon(outlet.collect)
        await self._done.wait()
        for outlet in self._outlets:
            if not outlet.edge.streaming:
                outlet.collect_value()

    def cancel(self, reason: str = "cancel() was called") -> None:
        """Stop the execution; what was emitted stays readable. Cancelling twice, or after the end, does no harm.

        Args:
            reason: Told in the `pipeline_cancelled` event.
        """
        if self._status == "running" and self._cancel_reason is None:
            self._cancel_reason = reason
            if self._work_scope is not None:
                self._work_scope.cancelled = True
            self._scope.cancel()

    # ---- the block

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._context)
            for subscriber in self._subscribers:
                self._context.subscribe(subscriber)
            self._begin()
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

    # ---- inside

    def _begin(self) -> None:
        self._started_at = perf_counter()
        self._context.emit(EventType.PIPELINE_START, None, self._order.start_data)

    async def _prepare(self, stack: AsyncExitStack) -> Work:
        """Acquire what the steps share, and make channels and hosts."""
        try:
            instances = await stack.enter_async_context(self._order.resources().use())
        except Exception as error:
            self._fail(error)
            self._end()
            raise
        except get_cancelled_exc_class():
            self.cancel("cancelled before the steps were started")
            self._end()
            raise
        scope = ExecutionScope(self.execution_id, self._order, self._context, instances, self._on_failure)
        self._work_scope = scope
        self._work = work = work_of(scope, self._order.open_edge)
        if not self._order.plan.unary:
            self._open_outlets()
        return work

    def _open_outlets(self) -> tuple[Outlet, ...]:
        """Return the outputs; those of a unary plan are made only when somebody wants to read them."""
        work, plan = self._work, self._order.plan
        if not self._outlets and work is not None:
            self._outlets = tuple(
                Outlet(name, plan.edges[index], work.output(index), self._explain)
                for name, index in zip(plan.output_names, plan.outputs, strict=True)
            )
        return self._outlets

    async def _run(self, work: Work) -> None:
        try:
            with self._scope:
                if self._cancel_reason is None:
                    await in_time(work.run(self._order.data), self._order.timeout_s, ExecutionTimeoutError)
                    work.check_finished()
        except get_cancelled_exc_class():
            self.cancel("cancelled from outside")
            raise
        except Exception as error:  # noqa: BLE001 - told as the failure of the execution
            self._fail(error)
        finally:
            work.close(self._explain() or ExecutionCancelled())
            self._end()

    def _on_failure(self, step_id: str, error: Exception, attempt: int) -> None:
        if self._error is None and self._cancel_reason is None:
            message = self._order.redact(reason_of(error))
            self._error = StepError(step_id, message, attempt=attempt)
            self._error.__cause__ = error

    def _fail(self, error: Exception) -> None:
        if self._error is None and self._cancel_reason is None:
            self._error = error

    def _end(self) -> None:
        """Decide how the execution ended, and tell it: once, as the last event."""
        self._duration_s = perf_counter() - self._started_at
        if self._error is not None:
            self._status = "failed"
            self._context.emit(EventType.PIPELINE_ERROR, None, self._failure(self._error))
        elif self._cancel_reason is not None:
            self._status = "cancelled"
            data = PipelineCancelled(self._duration_s, self._cancel_reason, self._unfinished())
            self._context.emit(EventType.PIPELINE_CANCELLED, None, data)
        else:
            self._status = "completed"
            self._context.emit(EventType.PIPELINE_COMPLETE, None, PipelineComplete(self._duration_s))
        self._done.set()

    def _failure(self, error: Exception) -> PipelineFailure:
        cause = error.__cause__ if isinstance(error, StepError) and error.__cause__ is not None else error
        return PipelineFailure(
            self._duration_s,
            type(cause).__name__,
            self._order.redact(message_of(cause)),
            step_id=error.step_id if isinstance(error, StepError) else None,
            attempt=error.attempt if isinstance(error, StepError) else FIRST_ATTEMPT,
            unfinished=self._unfinished(),
        )

    def _unfinished(self) -> tuple[str, ...]:
        if self._work is None:
            return tuple(step.id for step in self._order.plan.steps)
        return self._work.unfinished()

    def _explain(self) -> Exception | None:
        """Return the error that a program is to see, or None when all is well."""
        if self._error is None and self._cancel_reason is not None:
            return self._cancelled
        return self._error

    def _make_result(self) -> Result:
        names = self._order.plan.output_names
        values = self._values()
        alone = self._outlets[0].frames if len(names) == 1 and self._outlets else (None, None)
        return Result(
            status=self._status,
            output=values.get(names[0]) if len(names) == 1 else values,
            execution_id=self.execution_id,
            duration_s=self._duration_s,
            header=alone[0],
            footer=alone[1],
            error=self._explain(),
            events=self._context.log,
            lost_subscribers=tuple(self._context.lost),
        )

    def _values(self) -> dict[str, Any]:
        """Return what each output came to, without those whose branch was not taken."""
        if isinstance(self._work, UnaryWork) and not self._outlets:
            values, plan = self._work.values(), self._order.plan
            named = zip(plan.output_names, plan.outputs, strict=True)
            return {name: values[index] for name, index in named if index in values}
        return {outlet.name: outlet.value for outlet in self._outlets if not outlet.skipped}
