"""The life of an execution: what is acquired, runs and is released inside its block."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from math import inf
from typing import TYPE_CHECKING

from anyio import CancelScope, get_cancelled_exc_class
from anyio.lowlevel import current_token

from headwater.api.outcome import Outcome
from headwater.api.outlets import Outlets
from headwater.errors import ExecutionCancelled, StepError
from headwater.events.notices import notice
from headwater.events.streaming_context import StreamingContext
from headwater.ids import checked_execution_id, new_execution_id
from headwater.running.failures import error_in, interruption_in
from headwater.running.groups import open_group
from headwater.running.nested.nested_run import allow_nesting
from headwater.running.policies.compensation import compensate
from headwater.running.scope import ExecutionScope
from headwater.running.shared.execution_memory import NOTHING, ExecutionMemory
from headwater.running.shared.lifespans import Lifespans, with_lifespan
from headwater.running.work import Work, work_of
from headwater.running.workers.threads import code_ends_at
from headwater.toolkit.loop_calls import LoopCalls

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from anyio import Event
    from anyio.abc import TaskGroup

    from headwater.kinds.step import Step
    from headwater.running.request import ExecutionRequest

__all__ = ["Lifecycle"]


class Lifecycle:
    """Starts the work of an execution, stops it, and decides how it ends."""

    def __init__(self, request: ExecutionRequest) -> None:
        self.context: StreamingContext = _context_of(request)
        self.execution_id: str = self.context.execution_id
        self.outcome: Outcome = Outcome(request, self.context, self._unfinished)
        self.outlets: Outlets = Outlets(request.plan, self.outcome)
        self._request = request
        self._calls: LoopCalls | None = None
        self._work_scope: ExecutionScope | None = None
        self._work: Work | None = None
        self._group: TaskGroup | None = None
        self._stack = AsyncExitStack()
        self._own: Lifespans | None = None
        self._memory = ExecutionMemory.of(request)
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
        try:
            async with AsyncExitStack() as stack:
                await self._start(stack, self._calls)
                self._stack = stack.pop_all()
        except BaseException as error:
            self.context.leave(type(error), error, None)
            raise

    async def _start(self, stack: AsyncExitStack, calls: LoopCalls) -> None:
        delivery, runner = self.context.delivery, self._request.options.runner
        if self._request.options.subscribers or delivery.subscriptions or delivery.entered:
            await self._enter_context(stack)
        if runner is not None:
            stack.enter_context(runner.running(self))
        self.outcome.begin()
        work = await self._prepare(stack)
        if not delivery.entered:  # no task has to be there for it, until something is subscribed
            stack.push(self.context.leave)
            delivery.start = self._let_join
        self._group = group = await stack.enter_async_context(open_group())
        self.outlets.attach(work, group, calls)
        group.start_soon(self._run, work)
        if delivery.subscriptions and not delivery.entered:
            self._let_join()

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

    async def _enter_context(self, stack: AsyncExitStack) -> None:
        """Have the events delivered, unless the program has entered the context itself."""
        context, subscribers = self.context, self._request.options.subscribers
        if context.delivery.entered:
            if context.delivery.loop != current_token():
                raise RuntimeError("the context was entered in another event loop; enter it in that of the execution")
            stack.push_async_callback(context.delivery.deliver_all)
        else:
            await stack.enter_async_context(context)
        for subscriber in subscribers:
            context.subscribe(subscriber)

    def _let_join(self) -> None:
        if self._group is not None:
            self._group.start_soon(self._deliver)

    async def _deliver(self) -> None:
        """Deliver the events to what is subscribed when the execution runs."""
        delivery = self.context.delivery
        async with delivery:
            delivery.start = self._let_join  # when it has been left
            with CancelScope(shield=True):
                await self.done.wait()

    async def _prepare(self, stack: AsyncExitStack) -> Work:
        """Acquire what the steps share, and make channels and hosts."""
        request = self._request
        try:
            instances = await self._acquire(stack)
            memories = NOTHING if self._memory is None else await self._memory.open(stack)
        except get_cancelled_exc_class():
            self.cancel("cancelled before the steps were started")
            self.outcome.end()
            raise
        except BaseException as error:
            self.outcome.fail(error_in(error))
            self.outcome.end()
            raise
        fail = self.outcome.fail_step
        scope = ExecutionScope(
            self.execution_id, request, self.context, instances=instances, memories=memories, on_failure=fail
        )
        self._work_scope = allow_nesting(scope)
        self.outcome.hung = scope.hung
        self._work = work = work_of(scope, request.options.open_edge, self.outlets)
        return work

    async def _acquire(self, stack: AsyncExitStack) -> Mapping[str, Step]:
        """Acquire what steps share: as long as the runner, if it was entered, or as long as this execution."""
        steps = with_lifespan(self._request.plan)
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

    def _break(self, error: Exception) -> None:
        """Stop the execution since something that its steps share has failed."""
        self.outcome.fail(error)
        self.outcome.scope.cancel()

    async def _run(self, work: Work) -> None:
        try:
            try:
                with self.outcome.work_scope() as scope:
                    if scope.deadline != inf:
                        code_ends_at(scope.deadline)
                    if not self.outcome.cancelled:
                        await work.run(self._request.data)
                        work.check_finished()
                if scope.cancelled_caught:
                    self.outcome.expire()
            except Exception as error:  # noqa: BLE001 - it is what the execution failed with
                self.outcome.fail(error_in(error))
            await self._undo()
        except get_cancelled_exc_class():
            self.cancel("cancelled from outside")
            raise
        except BaseException as error:
            self.outcome.fail(error_in(error))
            if interruption_in(error) is not None:
                raise
        finally:
            if self._memory is not None:
                await self._memory.aclose()
            if self._own is not None:
                self._release_error = await _released(self._own, self.outcome)
            work.close(self.outcome.error or ExecutionCancelled())
            if self._memory is not None and self._work_scope is not None:
                self.outcome.judge(self._memory.levels, self._work_scope.records)
            self.outcome.end()

    async def _undo(self) -> None:
        """Undo what steps have done, if the execution has failed."""
        if self._work_scope is not None and self._work_scope.made and (error := self.outcome.failure) is not None:
            for failure in await compensate(self._work_scope.made):
                error.add_note(failure)

    def _unfinished(self) -> tuple[str, ...]:
        if self._work is None:
            return tuple(step.id for step in self._request.plan.steps)
        return self._work.unfinished()


def _context_of(request: ExecutionRequest) -> StreamingContext:
    """Return the context of an execution: what the program gave, or its own."""
    given, execution_id, streaming = request.context, request.execution_id, request.streaming
    if given is not None:
        return _claimed(given, execution_id)
    if execution_id is not None:
        checked_execution_id(execution_id)
    own = StreamingContext(
        execution_id or new_execution_id(),
        enabled=streaming.enabled,
        buffer_size=streaming.buffer_size,
        history=streaming.history,
    )
    own.claim()
    return own


def _claimed(context: object, execution_id: str | None) -> StreamingContext:
    """Return a context that a program gives, if it can be the one of this execution."""
    if not isinstance(context, StreamingContext):
        raise TypeError(f"context is a {type(context).__name__}, but a StreamingContext is expected")
    if execution_id is not None:
        raise ValueError("execution_id and context were given, but the id of the context is the execution's; give one")
    checked_execution_id(context.execution_id)
    context.claim()
    return context


async def _released(lifespans: Lifespans, outcome: Outcome) -> StepError | None:
    """Release what an execution has acquired; an error of that is its failure, or is returned when it has another."""
    try:
        await lifespans.aclose()
    except StepError as failure:
        if outcome.error is not None:
            return failure
        outcome.fail(failure)
    return None


def _add_error(first: BaseException, error: StepError) -> None:
    """Let an error be seen that came after the one that is raised."""
    first.add_note(f"then another error was raised: {error}")
    if not isinstance(first, Exception):  # a cancellation, which is not shown to anyone
        notice("release_failed", step_id=error.step_id, error=error.message)
