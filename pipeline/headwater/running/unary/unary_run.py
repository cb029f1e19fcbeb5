"""Pipelines whose edges are all unary: no channels, and a task only for steps that are ready together."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from anyio.lowlevel import checkpoint

from headwater.events.data import StepComplete
from headwater.events.event import EventType
from headwater.kinds.binding import default_of
from headwater.running.attempt import Attempt, Failure
from headwater.running.failures import STEP_ERRORS, broken_by, interruption_in, is_stopped
from headwater.running.feed import data_by_group
from headwater.running.groups import open_group
from headwater.running.record import HOLD_S
from headwater.running.unary.program import UnaryStep, program_of
from headwater.streams.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from anyio.abc import TaskGroup

    from headwater.running.scope import ExecutionScope
    from headwater.streams.ends import EdgeSource

__all__ = ["UnaryWork"]

_MISSING: Any = object()
_START, _COMPLETE = EventType.STEP_START, EventType.STEP_COMPLETE
_STEPS_PER_TURN = 64
_TURNS_PER_PAUSE = 16


class UnaryRun:
    """One execution of a plan whose edges are all unary."""

    def __init__(self, scope: ExecutionScope) -> None:
        self._scope = scope
        self._emit = scope.context.emit
        self._emits_items = scope.emits_items
        self._program = program_of(scope.plan, direct=not scope.hooks)
        self._values: list[Any] = [_MISSING] * len(scope.plan.edges)
        self._waiting = [len(step.arguments) for step in self._program]
        self._skipped: set[int] = set()
        self._ended = bytearray(len(self._program))

    def values(self) -> dict[int, Any]:
        """Return the values at the pipeline's output, by the index of the edge, without those not taken."""
        values = {index: self._values[index] for index in self._scope.plan.outputs}
        return {index: value for index, value in values.items() if value is not _MISSING}

    def unfinished(self) -> tuple[str, ...]:
        """Return the ids of the steps that have not ended."""
        return tuple(step.id for step in self._program if not self._ended[step.place])

    async def run(self, inputs: Mapping[int, Any]) -> None:
        """Run every step; raises the `Failure` of a step, already reported, or a group when several failed."""
        ready = [step for step in self._program if not step.arguments]
        for index, value in inputs.items():
            edge = self._scope.plan.edges[index]
            target = None if edge.target is None else self._program.step(edge.target)
            ready += self._deliver(index, edge.condition, target, value)
        async with open_group() as group:
            stack: list[UnaryStep] = []
            self._push(ready, stack, group)
            await self._follow(stack, group)

    async def _follow(self, stack: list[UnaryStep], group: TaskGroup) -> None:
        """Run steps, and the steps that they make ready, until none is."""
        turns = 0
        while stack:
            turns += 1
            if turns % _TURNS_PER_PAUSE == 0:
                await checkpoint()
                await self._scope.context.drain()
            step = stack.pop()
            if self._skipped and step.place in self._skipped:
                ready: Sequence[UnaryStep] = self._skip(step)
            elif step.plain:
                ready = self._run_plain(step)
            else:
                ready = await (self._run_direct(step) if step.direct else self._run_other(step))
            if ready:
                self._push(ready, stack, group)

    def _push(self, ready: Sequence[UnaryStep], stack: list[UnaryStep], group: TaskGroup) -> None:
        """Put plain steps on top; of those that suspend one goes to the bottom, the others get tasks of their own."""
        for step in ready:
            if not step.suspends:
                stack.append(step)
            elif stack and stack[0].suspends:
                group.start_soon(self._follow, [step], group, name=step.id)
            else:
                stack.insert(0, step)

    def _run_plain(self, step: UnaryStep) -> Sequence[UnaryStep]:
        """Run plain steps one after the other; no record is made unless something has to be emitted or reported."""
        emit, values, waiting, ended, emits_items = (
            self._emit,
            self._values,
            self._waiting,
            self._ended,
            self._emits_items,
        )
        started = perf_counter()
        for _ in range(_STEPS_PER_TURN):  # a direct step has no policies, so this is its first and only attempt
            emit(_START, step.id, step.start)
            try:
                value = step.call(values[step.argument])
                if not isinstance(value, step.expected):
                    value = step.check(value)
            except STEP_ERRORS as error:
                raise self._failure(step, error) from error
            now = perf_counter()
            duration_s = now - started
            started = now
            if emits_items or duration_s > HOLD_S:
                self._emit_output(step, value, duration_s)
            emit(_COMPLETE, step.id, StepComplete(1, 1, duration_s, None, duration_s))
            ended[step.place] = True
            following = step.only
            if following is None or waiting[following.place] != 1:
                return self._pass_on(step, {step.port: value})
            values[following.argument] = value
            waiting[following.place] = 0
            step = following
        return [step]

    async def _run_direct(self, step: UnaryStep) -> Sequence[UnaryStep]:
        """Run a direct step that suspends."""
        emit = self._emit
        emit(_START, step.id, step.start)
        started = perf_counter()
        try:
            value = await step.call(self._values[step.argument])
            if not isinstance(value, step.expected):
                value = step.check(value)
        except STEP_ERRORS as error:
            if is_stopped(error):
                raise
            raise self._failure(step, error) from error
        duration_s = perf_counter() - started
        if self._emits_items:
            self._emit_output(step, value, 0.0)
        emit(_COMPLETE, step.id, StepComplete(1, 1, duration_s, None, duration_s))
        self._ended[step.place] = True
        if step.output is None:
            return self._pass_on(step, {step.port: value})
        self._values[step.output] = value
        return ()

    async def _run_other(self, step: UnaryStep) -> Sequence[UnaryStep]:
        """Run a step that is not direct."""
        attempt = Attempt(step.planned, self._scope)
        record = attempt.record
        record.start()
        try:
            outputs = await attempt.outputs([self._values[index] for index in step.arguments])
        except STEP_ERRORS as error:
            if is_stopped(error):
                raise
            raise self._failure(step, error) from error
        record.first_output_at = perf_counter()
        record.items_in, record.items_out = len(step.arguments), len(outputs)
        for port, part in outputs.items():
            if record.emits_next_item:
                record.emit_output(part, port)
        record.complete()
        self._ended[step.place] = True
        return self._pass_on(step, outputs)

    def _emit_output(self, step: UnaryStep, value: Any, duration_s: float) -> None:
        record = self._scope.record(step.planned)
        record.note_hold(duration_s, 1)
        if record.emits_next_item:
            record.emit_output(value)

    def _failure(self, step: UnaryStep, raised: BaseException) -> Failure:
        attempt = Attempt(step.planned, self._scope)
        error = attempt.fail(raised)
        self._ended[step.place] = True
        if (interruption := interruption_in(error)) is not None:
            raise interruption
        return Failure(attempt, error)

    def _pass_on(self, step: UnaryStep, outputs: Mapping[str, Any]) -> list[UnaryStep]:
        """Put values on the edges; return the steps whose inputs are complete now."""
        ready: list[UnaryStep] = []
        for port, condition, index, target in step.edges:
            ready += self._deliver(index, condition, target, outputs.get(port, _MISSING))
        return ready

    def _deliver(
        self, index: int, condition: Callable[[Any], bool] | None, target: UnaryStep | None, value: Any
    ) -> Sequence[UnaryStep]:
        """Put a value on an edge, if it is taken; return the step whose inputs are complete now."""
        taken = value is not _MISSING and (condition is None or condition(value))
        if taken:
            self._values[index] = value
        if target is None:
            return ()
        if not taken:
            self._leave_out(index, target)
        self._waiting[target.place] -= 1
        return () if self._waiting[target.place] else (target,)

    def _leave_out(self, index: int, target: UnaryStep) -> None:
        """Give a step the default of an optional input to which nothing comes; skip it for any other."""
        port = target.planned.inputs[target.arguments.index(index)].port
        if port.required:
            self._skipped.add(target.place)
        else:
            self._values[index] = default_of(target.planned.method, port.name)

    def _skip(self, step: UnaryStep) -> list[UnaryStep]:
        self._scope.record(step.planned).skip("its branch was not taken")
        self._ended[step.place] = True
        return self._pass_on(step, {})


class UnaryWork:
    """The work of a plan whose edges are all unary; an output becomes a channel only when it is asked for."""

    def __init__(self, scope: ExecutionScope) -> None:
        self._scope = scope
        self._run = UnaryRun(scope)
        self._channels: dict[int, Channel] = {}
        self._error: Exception | None = None
        self._ended = False

    async def run(self, data: Any) -> None:
        """Run every step."""
        groups = data_by_group(self._scope.plan, data)
        try:
            await self._run.run({index: given for group, given in groups.items() for index in group.edges})
        except* Failure:
            pass  # the scope has reported it
        else:
            self._ended = True
            for index, channel in self._channels.items():
                self._fill(index, channel)

    def unfinished(self) -> tuple[str, ...]:
        """Return the ids of the steps that have not ended."""
        return self._run.unfinished()

    def values(self) -> dict[int, Any]:
        """Return the values at the pipeline's output, by the index of the edge, without those not taken."""
        return self._run.values()

    def output(self, index: int) -> EdgeSource:
        """Return the reading end of an edge to the pipeline's output; its channel is made on first use."""
        if index not in self._channels:
            channel = self._channels[index] = Channel(2, unary=True)
            if self._ended:
                self._fill(index, channel)
            elif self._error is not None:
                channel.fail(broken_by(self._error))
        return self._channels[index]

    def close(self, error: Exception) -> None:
        """Break the outputs that have not ended."""
        self._error = error
        for channel in self._channels.values():
            channel.fail(broken_by(error))

    def check_finished(self) -> None:
        """Do nothing: a step that is called either returns or raises."""

    def _fill(self, index: int, channel: Channel) -> None:
        values = self._run.values()
        if index in values:
            channel.put(values[index])
        channel.finish()
