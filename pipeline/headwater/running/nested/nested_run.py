"""One run of a nested pipeline, within the execution of the step that holds it."""

from __future__ import annotations

from contextlib import aclosing, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from anyio import BrokenResourceError, CancelScope, Event, create_memory_object_stream, current_time

from headwater.errors import ExecutionCancelled, ExecutionTimeoutError, StreamBrokenError
from headwater.ids import PATH_SEPARATOR
from headwater.kinds.outputs import To
from headwater.kinds.step_context import ITEM_INDEX
from headwater.running.failures import STEP_ERRORS, error_in, is_stopped
from headwater.running.feed import Arguments
from headwater.running.groups import open_group
from headwater.running.nested.failure import NestedStepError, step_error
from headwater.running.nested.path_events import PathEvents
from headwater.running.scope import ExecutionScope
from headwater.running.unary.unary_run import UnaryWork
from headwater.running.work import work_of
from headwater.streams.frames import Batch, Footer, Header
from headwater.streams.stream import Stream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence

    from anyio.streams.memory import MemoryObjectSendStream

    from headwater.graph.plan import Plan, PlannedStep

__all__ = ["allow_nesting"]


def allow_nesting(scope: ExecutionScope) -> ExecutionScope:
    """Let the steps of an execution run nested pipelines."""
    scope.nest = partial(_NestedRun, scope)
    return scope


class _ProgramElsewhere:
    """What a nested pipeline knows of the program: nothing, as the step around it reads its outputs."""

    def awaits_events(self) -> bool:
        return False

    def leaves(self, index: int) -> bool:  # noqa: ARG002 - as the protocol names it
        return False

    def collect_full(self, index: int) -> None:
        pass


class _NestedRun:
    """Runs the plan of a nested pipeline in tasks of the step that holds it."""

    def __init__(
        self, outer: ExecutionScope, step: PlannedStep, inputs: Sequence[Any], metadata: Mapping[str, Any]
    ) -> None:
        self._plan: Plan = step.method.nested.plan
        self._outer = outer
        self._step_id = step.id
        self._outputs = step.method.outputs
        self._outputs_type = step.method.outputs_type
        self._inputs = Arguments(tuple(inputs))
        self._error: Exception | None = None
        self._limit = CancelScope()
        self._scope = scope = _inner_scope(outer, step, metadata, self._fail)
        self._work = work_of(scope, scope.request.options.open_edge, _ProgramElsewhere())

    async def value(self) -> Any:
        """Run it to its end, and return the value that it makes, or an `Outputs` with several."""
        token = ITEM_INDEX.set(None)  # the items inside are others
        try:
            await self._run()
        finally:
            ITEM_INDEX.reset(token)
        if self._error is not None:
            raise self._error
        values = await self._values()
        if self._outputs_type is not None:
            return self._outputs_type(**values)
        return next(iter(values.values()))

    async def _values(self) -> dict[str, Any]:
        """Return the values at the outputs by port, without those of branches that were not taken."""
        ports = dict(zip(self._plan.outputs, self._outputs, strict=True))
        if isinstance(self._work, UnaryWork):
            return {ports[index].name: value for index, value in self._work.values().items()}
        batches = {port.name: await self._work.output(index).take() for index, port in ports.items()}
        return {name: batch[0] for name, batch in batches.items() if batch}

    async def frames(self) -> AsyncGenerator[Any, None]:
        """Run it in a task of its own, and yield what it writes while it is written."""
        group = self._outer.group
        assert group is not None  # noqa: S101 - a plan with a stream has a group for its hosts
        ended, scope = Event(), CancelScope()
        sources = [self._work.output(index) for index in self._plan.outputs]
        frames, pumps = (self._frames_at(0), ()) if self._outputs_type is None else self._merged()
        # In another task, as a generator may not yield inside of a task group.
        group.start_soon(self._run_aside, scope, ended, pumps)
        try:
            async with aclosing(frames):
                async for frame in frames:
                    yield frame
            await ended.wait()
        except StreamBrokenError:
            await ended.wait()
            if self._error is None:
                raise
        finally:
            for source in sources:
                source.close()
            scope.cancel()
            with CancelScope(shield=True):
                await ended.wait()
        if self._error is not None:
            raise self._error

    async def _frames_at(self, place: int) -> AsyncGenerator[Any, None]:
        """Yield the header, batches of items and the footer of an output."""
        index, port = self._plan.outputs[place], self._outputs[place]
        stream = Stream[Any, Any, Any](self._work.output(index), f"output {port.name!r}")
        if port.type.header is not None and (header := await stream.header()) is not None:
            yield Header(header)
        async for items in stream.batches():
            yield Batch(items)
        if port.type.footer is not None and (footer := await stream.footer()) is not None:
            yield Footer(footer)

    def _merged(self) -> tuple[AsyncGenerator[Any, None], Sequence[Callable[[], Coroutine[Any, Any, None]]]]:
        """Return the frames of all outputs as they come, each with its port, and what has to run meanwhile."""
        send, receive = create_memory_object_stream[Any](0)

        async def pump(place: int, sender: MemoryObjectSendStream[Any]) -> None:
            port = self._outputs[place].name
            async with sender:
                try:
                    async for frame in self._frames_at(place):
                        parts: Any = getattr(frame, "items", None)
                        await sender.send(To(port, frame) if parts is None else Batch([To(port, i) for i in parts]))
                except StreamBrokenError as error:
                    await sender.send(error)

        async def merged() -> AsyncGenerator[Any, None]:
            async with receive:
                async for frame in receive:
                    if isinstance(frame, StreamBrokenError):
                        raise frame
                    yield frame

        pumps = [partial(pump, place, send.clone()) for place in range(len(self._outputs))]
        send.close()
        return merged(), pumps

    async def _run_aside(
        self, scope: CancelScope, ended: Event, pumps: Sequence[Callable[[], Coroutine[Any, Any, None]]]
    ) -> None:
        ITEM_INDEX.set(None)  # the items inside are others
        try:
            with scope, suppress(BrokenResourceError):  # by a pump, when nothing reads on
                async with open_group() as group:
                    for pump in pumps:
                        group.start_soon(pump)
                    await self._run()
        finally:
            ended.set()

    async def _run(self) -> None:
        """Run the work to its end; an error is kept for the task that reads."""
        if (timeout_s := self._scope.request.timeout_s) is not None:
            self._limit.deadline = current_time() + timeout_s
        try:
            with self._limit:
                await self._work.run(self._inputs)
                self._work.check_finished()
            self._expire()
        except STEP_ERRORS as error:
            if is_stopped(error):
                raise
            self._expire()
            self._error = self._error or error_in(error)
        finally:
            self._work.close(self._error or ExecutionCancelled())
            self._outer.hung_inside += [f"{self._step_id}{PATH_SEPARATOR}{one}" for one in self._hung()]

    def _hung(self) -> list[str]:
        """Return the steps inside whose threads were abandoned, as they did not return."""
        own = [step_id for step_id, record in self._scope.records.items() if record.abandoned]
        return own + self._scope.hung_inside

    def _expire(self) -> None:
        """Note that the time of the nested pipeline is over, unless something else made it fail before."""
        if self._error is None and self._limit.cancel_called:
            self._error = ExecutionTimeoutError(self._scope.request.timeout_s or 0.0)

    def _fail(self, step_id: str, error: Exception, attempt: int) -> None:
        """Note what made the nested pipeline fail; a break of its input is that of the step around it."""
        self._expire()  # a step that fails then fails because it was stopped
        if self._error is None:
            failed = step_id != "input"
            self._error = step_error(step_id, error, attempt, self._scope.mask, NestedStepError) if failed else error


def _inner_scope(
    outer: ExecutionScope, step: PlannedStep, metadata: Mapping[str, Any], on_failure: Any
) -> ExecutionScope:
    """Return the scope of a nested pipeline: that of the execution, with the path of the step that holds it."""
    form = step.method.nested
    request = replace(outer.request, plan=form.plan, timeout_s=form.timeout_s, stall_s=form.stall_s)
    context = PathEvents(outer.context, step.id, metadata)
    scope = ExecutionScope(
        outer.execution_id,
        request,
        context,
        instances=outer.instances,
        memories=outer.memories,
        on_failure=on_failure,
    )
    run = ",".join(str(value) for value in metadata.values())
    scope.path = f"{outer.path}{step.id}/"
    scope.key = f"{outer.key}{step.id}{run and f'[{run}]'}/"
    scope.is_cancelled = outer.is_cancelled
    scope.made = outer.made
    return allow_nesting(scope)
