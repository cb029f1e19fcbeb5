"""Pipelines whose edges are all unary: no channels, and a task only for steps that are ready together."""

from __future__ import annotations

from collections import deque
from functools import partial
from math import inf
from time import perf_counter, time
from typing import TYPE_CHECKING, Any

from headwater.events.chunk import short_output
from headwater.events.event import EventType
from headwater.kinds.binding import default_of
from headwater.kinds.outputs import ERRORS_PORT
from headwater.running.attempt import Attempt, Failure
from headwater.running.failures import STEP_ERRORS, broken_by, interruption_in, is_stopped
from headwater.running.feed import data_by_group
from headwater.running.groups import open_group
from headwater.running.hosts.watch import Watched
from headwater.running.record import HOLD_S
from headwater.running.unary.program import UnaryStep, program_of
from headwater.running.unary.strand import strand
from headwater.streams.channel import Channel
from headwater.streams.meter import SLICE_S, Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from anyio.abc import TaskGroup

    from headwater.events.chunk import Rows
    from headwater.running.scope import ExecutionScope
    from headwater.streams.ends import EdgeSource

__all__ = ["UnaryWork"]

_MISSING: Any = object()
_TASKS = 8
_START, _OUTPUT, _COMPLETE = EventType.STEP_START, EventType.STEP_OUTPUT, EventType.STEP_COMPLETE


class _Stretch(Turn):
    """The stretch in which a task has run, with the step that it works on and when that started."""

    __slots__ = ("_scope", "started", "step")

    def __init__(self, scope: ExecutionScope) -> None:
        super().__init__()
        self.step: UnaryStep | None = None
        self.started: float = 0.0
        self._scope = scope

    def note_hold(self, elapsed_s: float) -> None:
        """Report the step if it has held the event loop for this stretch, or for the last part of it."""
        if self.step is not None:
            self._scope.record(self.step.planned).note_hold(min(elapsed_s, perf_counter() - self.started), 1)


class UnaryRun:
    """One execution of a plan whose edges are all unary."""

    def __init__(self, scope: ExecutionScope) -> None:
        self._scope = scope
        self._emit_rows = scope.context.emit_rows
        scope.context.log.allow_short_forms()
        self._emits_items = scope.emits_items
        self._program = program_of(scope.plan, direct=not (scope.hooks or scope.is_measured))
        self._values: list[Any] = [_MISSING] * len(scope.plan.edges)
        self._waiting = [len(step.arguments) for step in self._program]
        self._skipped: set[int] = set()
        self._ended = bytearray(len(self._program))
        self._turn_ends = perf_counter() + SLICE_S

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
        stack = deque[UnaryStep]()
        _push(ready, stack)
        if len(ready) == 1 and self._program.is_chain:
            await self._start(stack, None)
            return
        async with open_group() as group:
            await self._start(stack, group)

    async def _start(self, stack: deque[UnaryStep], group: TaskGroup | None) -> None:
        """Follow steps in a task, and report those that hold the event loop."""
        stretch = _Stretch(self._scope)
        await Watched(self._follow(stack, group, stretch), stretch, stretch.note_hold, longer_than_s=HOLD_S)

    async def _follow(self, stack: deque[UnaryStep], group: TaskGroup | None, stretch: _Stretch) -> None:
        """Run steps, the last first, and the steps that they make ready, until none is."""
        while stack:
            if perf_counter() > self._turn_ends:
                await self._pause()
                stretch.step = None
            step = stack.pop()
            if self._skipped and step.place in self._skipped:
                ready: Sequence[UnaryStep] = self._skip(step)
            elif step.suspends and stack and group is not None:
                await strand(self._follow(deque([step]), group, stretch), partial(self._hand_over, stack, group))
                continue
            elif step.direct:
                ready = await self._run_direct(step, stretch, alone=not stack)
            else:
                ready = await self._run_other(step, stretch)
            if ready:
                _push(ready, stack)

    def _hand_over(self, stack: deque[UnaryStep], group: TaskGroup) -> None:
        """Give what is ready to a few other tasks, as this one has to wait; each does the same when it has to."""
        ready = list(stack)
        stack.clear()
        for number in range(min(_TASKS, len(ready))):
            part = deque(ready[number::_TASKS])
            group.start_soon(self._start, part, group, name=part[-1].id)

    async def _pause(self) -> None:
        """Let other tasks run, and subscribers that lag catch up."""
        self._turn_ends = inf  # one task that pauses is enough
        try:
            await self._scope.context.drain()
        finally:
            self._turn_ends = perf_counter() + SLICE_S

    async def _run_direct(self, step: UnaryStep, stretch: _Stretch, *, alone: bool) -> Sequence[UnaryStep]:
        """Run direct steps one after the other; those that suspend only when nothing else is ready in this task."""
        emit_rows, values, waiting = self._emit_rows, self._values, self._waiting
        emits_items, mask = self._emits_items, self._scope.mask
        started, started_s = perf_counter(), time()
        while True:
            emit_rows((_START, step.id, 1, started_s, step.start, None), 1)
            stretch.step, stretch.started = step, started
            try:
                value = values[step.argument]
                if step.check_argument is not None:
                    value = step.check_argument(value)
                value = await step.call(value) if step.suspends else step.call(value)
                if not isinstance(value, step.expected):
                    value = step.check(value)
            except STEP_ERRORS as error:
                if step.suspends and is_stopped(error):
                    raise
                raise self._failure(step, error) from error
            now, now_s = perf_counter(), time()
            duration_s = now - started
            if duration_s <= HOLD_S:  # a step that has held the loop is reported when this stretch ends, at once
                stretch.step = None
            if emits_items:
                shown = short_output(value, mask)
                done: Rows = _OUTPUT, step.id, 1, now_s, shown, None, _COMPLETE, step.id, 1, now_s, duration_s, None
                lags = emit_rows(done, 2)
            else:
                lags = emit_rows((_COMPLETE, step.id, 1, now_s, duration_s, None), 1)
            self._ended[step.place] = True
            following = step.only
            if following is None or waiting[following.place] != 1 or (following.suspends and not alone):
                return self._pass_on(step, value)
            values[following.argument] = value
            waiting[following.place] = 0
            step = following
            if lags or now > self._turn_ends:
                self._turn_ends = 0.0
                return [step]
            started, started_s = now, now_s

    async def _run_other(self, step: UnaryStep, stretch: _Stretch) -> Sequence[UnaryStep]:
        """Run a step that is not direct."""
        attempt = Attempt(step.planned, self._scope)
        record = attempt.record
        record.start()
        stretch.step, stretch.started = step, perf_counter()
        try:
            outputs = await attempt.outputs([self._values[index] for index in step.arguments])
        except STEP_ERRORS as error:
            if is_stopped(error):
                raise
            raise self._failure(step, error) from error
        now = record.first_output_at = perf_counter()
        if now - stretch.started <= HOLD_S:
            stretch.step = None
        record.items_in, record.items_out = len(step.arguments), len(outputs.keys() - {ERRORS_PORT})
        if ERRORS_PORT in outputs:
            record.items_aside[ERRORS_PORT] = 1
        policies, main = step.planned.policies, step.planned.main_port
        if policies is not None and policies.compensate is not None and main in outputs:
            self._scope.note_made(step.planned, outputs[main])
        for port, part in outputs.items():
            if record.emits_next_item:
                record.emit_output(part, port)
        record.complete()
        self._ended[step.place] = True
        return self._pass_on_parts(step, outputs)

    def _failure(self, step: UnaryStep, raised: BaseException) -> Failure:
        attempt = raised.attempt if isinstance(raised, Failure) else Attempt(step.planned, self._scope)
        error = attempt.fail(raised.cause if isinstance(raised, Failure) else raised)
        self._ended[step.place] = True
        if (interruption := interruption_in(error)) is not None:
            raise interruption
        return Failure(attempt, error)

    def _pass_on(self, step: UnaryStep, value: Any) -> list[UnaryStep]:
        """Put the value of the only output on its edges; return the steps whose inputs are complete now."""
        if step.output is not None:
            self._values[step.output] = value
            return []
        ready: list[UnaryStep] = []
        for _, condition, index, target in step.edges:
            ready += self._deliver(index, condition, target, value)
        return ready

    def _pass_on_parts(self, step: UnaryStep, outputs: Mapping[str, Any]) -> list[UnaryStep]:
        """Put the values of all outputs on the edges; return the steps whose inputs are complete now."""
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
        return self._pass_on_parts(step, {})


def _push(ready: Sequence[UnaryStep], stack: deque[UnaryStep]) -> None:
    """Put steps on top of those that are ready; those that suspend below all others, which need not wait for them."""
    if len(ready) == 1 and not stack:
        stack += ready
        return
    for step in ready:
        if step.suspends:
            stack.appendleft(step)
    for step in reversed(ready):
        if not step.suspends:
            stack.append(step)


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
