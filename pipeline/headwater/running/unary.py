"""Pipelines whose edges are all unary: no channels, and a task only for steps that are ready together."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from anyio import move_on_after
from anyio.lowlevel import checkpoint

from headwater.events.data import StepComplete, StepStart
from headwater.events.event import EventType
from headwater.running.groups import open_group
from headwater.running.processes import ProcessWorker
from headwater.running.record import HOLD_S
from headwater.running.stages import Failure
from headwater.running.workers import ThreadWorker
from headwater.step.definition import Call, Placement
from headwater.step.outputs import parts_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anyio.abc import TaskGroup

    from headwater.graph.plan import PlannedEdge, PlannedStep
    from headwater.running.record import StepRecord
    from headwater.running.scope import ExecutionScope

__all__ = ["UnaryRun"]

_MISSING: Any = object()
_STEPS_PER_TURN = 64


class UnaryRun:
    """One execution of a plan whose edges are all unary.

    Args:
        scope: The execution.
    """

    def __init__(self, scope: ExecutionScope) -> None:
        self._scope = scope
        self._plan = scope.plan
        self._emit = scope.context.emit
        self._tells = scope.tells
        self._values: list[Any] = [_MISSING] * len(self._plan.edges)
        self._waiting = {step.id: len(step.inputs) for step in self._plan.steps}
        self._skipped: set[str] = set()

    def values(self) -> dict[int, Any]:
        """Return the values at the pipeline's output, by the index of the edge; those not taken are left out."""
        return {index: self._values[index] for index in self._plan.outputs if self._values[index] is not _MISSING}

    async def run(self, inputs: Mapping[int, Any]) -> None:
        """Run every step.

        Args:
            inputs: The pipeline's input, by the index of the edge.

        Raises:
            Failure: A step failed.
        """
        ready = [step for step in self._plan.steps if not step.inputs]
        for index, value in inputs.items():
            ready += self._deliver(self._plan.edges[index], value)
        async with open_group() as group:
            await self._start(ready, group)

    async def _start(self, ready: list[PlannedStep], group: TaskGroup) -> None:
        """Run steps that are ready together: those that can suspend get tasks of their own, all but the last."""
        *others, last = [step for step in ready if _suspends(step)] or [None]
        for step in others:
            if step is not None:
                group.start_soon(self._follow, [step], group)
        plain = [step for step in ready if not _suspends(step)]
        await self._follow(plain if last is None else [last, *plain], group)

    async def _follow(self, stack: list[PlannedStep], group: TaskGroup) -> None:
        """Run steps, and then whatever they make ready, until nothing is."""
        turns = 0
        suspending = sum(map(_suspends, stack))
        while stack:
            turns += 1
            if turns % _STEPS_PER_TURN == 0:
                await checkpoint()
                await self._scope.context.room()
            step = stack.pop()
            suspending -= _suspends(step)
            for following in await self._run_step(step):
                if suspending and _suspends(following):
                    group.start_soon(self._follow, [following], group)
                else:
                    stack.append(following)
                    suspending += _suspends(following)

    async def _run_step(self, step: PlannedStep) -> list[PlannedStep]:
        """Run one step and return the steps that its output makes ready."""
        if step.id in self._skipped:
            return self._skip(step)
        arguments = [self._values[planned.edges[0]] for planned in step.inputs]
        self._emit(EventType.STEP_START, step.id, StepStart(step.kind, step.flavor.name))
        started = perf_counter()
        try:
            value = await self._call(step, self._checked(step, arguments))
            outputs = self._outputs(step, value)
        except Exception as error:
            record = self._scope.record(step)
            record.fail(error)
            raise Failure(record, error) from error
        self._complete(step, len(arguments), outputs, perf_counter() - started)
        return self._pass_on(step, outputs)

    def _complete(self, step: PlannedStep, items_in: int, outputs: dict[str, Any], duration_s: float) -> None:
        if self._tells or duration_s > HOLD_S:
            self._tell(self._scope.record(step), step, outputs, duration_s)
        first_item_s = duration_s if outputs else None
        self._emit(
            EventType.STEP_COMPLETE,
            step.id,
            StepComplete(items_in, len(outputs), duration_s, None, first_item_s),
        )

    def _tell(self, record: StepRecord, step: PlannedStep, outputs: dict[str, Any], duration_s: float) -> None:
        for port, value in outputs.items():
            if record.telling:
                record.tell(value, port)
        if step.placement is Placement.INLINE and not step.method.call.suspends:
            record.note_hold(duration_s, 1)

    # ---- calling

    def _checked(self, step: PlannedStep, arguments: list[Any]) -> list[Any]:
        for index, planned in enumerate(step.inputs):
            if planned.check is not None:
                arguments[index] = planned.check.check(arguments[index], f"step {step.id!r} port {planned.port.name!r}")
        return arguments

    async def _call(self, step: PlannedStep, arguments: list[Any]) -> Any:
        if step.timeout_s is None:
            return await self._call_placed(step, arguments)
        with move_on_after(step.timeout_s):
            return await self._call_placed(step, arguments)
        msg = f"the step did not end within its timeout of {step.timeout_s:g} s (timeout.total_s)"
        raise TimeoutError(msg)

    async def _call_placed(self, step: PlannedStep, arguments: list[Any]) -> Any:
        call = self._scope.callable_of(step)
        if step.placement is Placement.INLINE:
            result = call(*arguments)
            return await result if step.method.call is Call.COROUTINE else result
        worker = (
            ProcessWorker(step, [])
            if step.placement is Placement.PROCESS
            else ThreadWorker(lambda inputs: call(*inputs), f"headwater {step.id}")
        )
        async with worker:
            results, error = await worker.work([arguments])
        if error is not None:
            raise error
        return results[0]

    def _outputs(self, step: PlannedStep, value: Any) -> dict[str, Any]:
        """Return the checked value of each output port that was given one."""
        if step.method.outputs_type is None:
            output = step.outputs[0]
            if not isinstance(value, output.items.expected):
                value = output.items.check(value, f"step {step.id!r} port {output.name!r}")
            return {output.name: value}
        checks = {output.name: output.items for output in step.outputs}
        return {
            port: checks[port].check(part, f"step {step.id!r} port {port!r}") for port, part in parts_of(value)
        }

    # ---- passing on

    def _pass_on(self, step: PlannedStep, outputs: dict[str, Any]) -> list[PlannedStep]:
        ready: list[PlannedStep] = []
        for output in step.outputs:
            value = outputs.get(output.name, _MISSING)
            for index in output.edges:
                ready += self._deliver(self._plan.edges[index], value)
        return ready

    def _deliver(self, edge: PlannedEdge, value: Any) -> list[PlannedStep]:
        """Put a value on an edge; return the step that it completes the inputs of, if it does."""
        taken = value is not _MISSING and (edge.condition is None or edge.condition(value))
        if taken:
            self._values[edge.index] = value
        if edge.target is None:
            return []
        if not taken:
            self._skipped.add(edge.target)
        self._waiting[edge.target] -= 1
        return [] if self._waiting[edge.target] else [self._plan.step(edge.target)]

    def _skip(self, step: PlannedStep) -> list[PlannedStep]:
        self._scope.record(step).skip("its branch was not taken")
        return self._pass_on(step, {})


def _suspends(step: PlannedStep) -> bool:
    return step.method.call.suspends or step.placement is not Placement.INLINE
