"""The life of an execution: what is acquired, runs and is released inside its block."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

from anyio import get_cancelled_exc_class

from headwater.api.outcome import Outcome
from headwater.api.outlets import Outlets
from headwater.errors import ExecutionCancelled, StepError
from headwater.events.notices import notice
from headwater.events.streaming_context import StreamingContext
from headwater.ids import new_execution_id
from headwater.running.failures import error_in, interruption_in
from headwater.running.groups import open_group
from headwater.running.loop_calls import LoopCalls
from headwater.running.scope import ExecutionScope
from headwater.running.shared.lifespans import Lifespans, with_lifespan
from headwater.running.work import Work, work_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from anyio import Event

    from headwater.kinds.step import Step
    from headwater.running.request import ExecutionRequest

__all__ = ["Lifecycle"]


class Lifecycle:
    """Starts the work of an execution, stops it, and decides how it ends."""

    def __init__(self, request: ExecutionRequest) -> None:
        streaming = request.streaming
        self.execution_id: str = new_execution_id()
        self.context: StreamingContext = StreamingContext(
            self.execution_id,
            enabled=streaming.enabled,
            buffer_size=streaming.buffer_size,
            history=streaming.history,
        )
        self.outcome: Outcome = Outcome(request, self.context, self._unfinished)
        self.outlets: Outlets = Outlets(request.plan, self.outcome)
        self._request = request
        self._calls: LoopCalls | None = None
        self._work_scope: ExecutionScope | None = None
        self._work: Work | None = None
        self._stack = AsyncExitStack()
        self._own: Lifespans | None = None
        self._release_error: StepError | None = None

    @property
    def done(self) -> Event:
        """Set when the steps have ended."""
        return self.outcome.done

    def check_started(self, what: str) -> None:
        """Raise when the execution was not started."""
        if self._calls is None:
            msg = f"{what}: the execution was not started; enter it first: async with Runner().start(...) as execution"
            raise RuntimeError(msg)

    async def start(self) -> None:
        """Acquire what the steps share, and start them."""
        if self._calls is not None:
            raise RuntimeError(f"execution {self.execution_id!r} was started before; start another with Runner.start")
        self._calls = LoopCalls()
        async with AsyncExitStack() as stack:
            if subscribers := self._request.options.subscribers:
                await stack.enter_async_context(self.context)
                for subscriber in subscribers:
                    self.context.subscribe(subscriber)
            else:  # nothing is delivered, so no task has to be there for it
                stack.push(self.context.leave)
            if (runner := self._request.options.runner) is not None:
                stack.enter_context(runner.running(self))
            self.outcome.begin()
            work = await self._prepare(stack)
            group = await stack.enter_async_context(open_group())
            self.outlets.attach(work, group, self._calls)
            group.start_soon(self._run, work)
            self._stack = stack.pop_all()

    async def stop(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> Exception | None:
        """Cancel what still runs, and wait until nothing of it is left; return the failure that the program missed."""
        cause = "before the execution ended" if exc_type is None else f"by {exc_type.__name__}"
        self.cancel(f"the block was left {cause}")
        await self._stack.__aexit__(exc_type, exc, traceback)
        missed = self.outcome.missed_failure() if exc is None else None
        if self._release_error is not None:
            first = exc or missed
            if first is None:
                raise self._release_error
            _add_error(first, self._release_error)
        return missed

    def cancel(self, reason: str) -> None:
        """Stop the execution, unless it has ended; callable in any thread."""
        if not self.outcome.cancel(reason):
            return
        if self._work_scope is not None:
            self._work_scope.cancelled = True
        if self._calls is not None:
            self._calls.run(self.outcome.scope.cancel)
            self._calls.wake()

    async def _prepare(self, stack: AsyncExitStack) -> Work:
        """Acquire what the steps share, and make channels and hosts."""
        request = self._request
        try:
            instances = await self._acquire(stack)
        except get_cancelled_exc_class():
            self.cancel("cancelled before the steps were started")
            self.outcome.end()
            raise
        except BaseException as error:
            self.outcome.fail(error_in(error))
            self.outcome.end()
            raise
        scope = ExecutionScope(self.execution_id, request, self.context, instances, self.outcome.fail_step)
        self._work_scope = scope
        self._work = work = work_of(scope, request.options.open_edge, self.outlets)
        return work

    async def _acquire(self, stack: AsyncExitStack) -> Mapping[str, Step]:
        """Acquire what steps share: as long as the runner, if it was entered, or as long as this execution."""
        steps = with_lifespan(self._request.plan.steps)
        if not steps:
            return {}
        runner = self._request.options.runner
        if runner is not None and not runner.closing:
            lifespans = runner.lifespans
        else:
            self._own = lifespans = Lifespans(await stack.enter_async_context(open_group()))
            stack.push_async_exit(partial(self._release, lifespans))
        return await stack.enter_async_context(lifespans.use(steps, self._request.mask, self._break))

    async def _release(self, lifespans: Lifespans, _type: object, error: BaseException | None, _trace: object) -> None:
        try:
            await lifespans.aclose()
        except StepError as failure:
            if error is None:
                self._release_error = failure  # reported by `stop`, as an error of the execution came before it
            else:
                _add_error(error, failure)

    async def _release_own(self, lifespans: Lifespans) -> None:
        """Release what the execution has acquired for itself, as it is not complete if that fails."""
        try:
            await lifespans.aclose()
        except StepError as failure:
            if self.outcome.error is None:
                self.outcome.fail(failure)
            else:
                self._release_error = failure

    def _break(self, error: Exception) -> None:
        """Stop the execution since something that its steps share has failed."""
        self.outcome.fail(error)
        self.outcome.scope.cancel()

    async def _run(self, work: Work) -> None:
        try:
            with self.outcome.work_scope() as scope:
                if not self.outcome.cancelled:
                    await work.run(self._request.data)
                    work.check_finished()
            if scope.cancelled_caught:
                self.outcome.expire()
        except get_cancelled_exc_class():
            self.cancel("cancelled from outside")
            raise
        except BaseException as error:
            self.outcome.fail(error_in(error))
            if interruption_in(error) is not None:
                raise
        finally:
            if self._own is not None:
                await self._release_own(self._own)
            work.close(self.outcome.error or ExecutionCancelled())
            self.outcome.end()

    def _unfinished(self) -> tuple[str, ...]:
        if self._work is None:
            return tuple(step.id for step in self._request.plan.steps)
        return self._work.unfinished()


def _add_error(first: BaseException, error: StepError) -> None:
    """Let an error be seen that came after the one that is raised."""
    first.add_note(f"then another error was raised: {error}")
    if not isinstance(first, Exception):  # a cancellation, which is not shown to anyone
        notice("release_failed", step_id=error.step_id, error=error.message)
