"""The steps of a unary plan in the form in which they are called: everything looked up once per plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from anyio import move_on_after

from headwater.errors import StreamOrderError
from headwater.events.data import StepStart
from headwater.kinds.definition import Call, Placement
from headwater.kinds.outputs import parts_of
from headwater.running.hosts.routed import not_connected
from headwater.running.workers.processes import ProcessWorker
from headwater.running.workers.worker import ThreadWorker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from headwater.graph.plan import Plan, PlannedOutput, PlannedStep
    from headwater.running.scope import ExecutionScope
    from headwater.streams.grammar import Classes

__all__ = ["Program", "UnaryStep", "call_step", "program_of"]


class UnaryStep:
    """A step of a unary plan.

    Args:
        place: Its place in the plan.
        planned: The step.

    Attributes:
        argument: Index of the edge of its first input; -1 when it has none.
        direct: Whether its function has one input and output, and is called as it is.
        only: The plain step that alone reads its output, if that is so.
        output: Index of the edge to the pipeline's output, if that alone reads its output.
        plain: Whether it is direct and does not suspend.
    """

    __slots__ = (
        "argument",
        "arguments",
        "call",
        "direct",
        "edges",
        "expected",
        "id",
        "only",
        "output",
        "place",
        "plain",
        "planned",
        "port",
        "several",
        "start",
        "suspends",
    )

    def __init__(self, place: int, planned: PlannedStep) -> None:
        self.place: int = place
        self.planned: PlannedStep = planned
        self.id: str = planned.id
        self.start: StepStart = StepStart(planned.kind, planned.flavor.name.lower())
        self.arguments: tuple[int, ...] = tuple(given.edges[0] for given in planned.inputs)
        self.argument: int = self.arguments[0] if self.arguments else -1
        self.several: bool = planned.method.outputs_type is not None
        self.port: str = planned.outputs[0].name
        self.expected: Classes = planned.outputs[0].items.expected
        self.suspends: bool = planned.method.call.suspends or planned.placement is not Placement.INLINE
        self.call: Callable[..., Any] = planned.call or planned.method.function
        self.direct: bool = self._is_direct()
        self.plain: bool = self.direct and not self.suspends
        self.edges: list[tuple[str, Callable[[Any], bool] | None, int, UnaryStep | None]] = []
        self.only: UnaryStep | None = None
        self.output: int | None = None

    def _is_direct(self) -> bool:
        """Whether its function has one input and output and is called as it is, in the loop's own thread."""
        planned = self.planned
        checks = any(given.check is not None for given in planned.inputs)
        special = self.several or checks or planned.timeout_s is not None or len(self.arguments) != 1
        return planned.call is not None and planned.placement is Placement.INLINE and not special

    def check(self, value: Any) -> Any:
        """Return the value as the declared type of the only output."""
        return _checked(self.planned, self.planned.outputs[0], value)


class Program(list[UnaryStep]):
    """The steps of a unary plan, in topological order, each with the steps that it feeds.

    Args:
        plan: The plan.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__(UnaryStep(place, step) for place, step in enumerate(plan.steps))
        self._places = {step.id: step.place for step in self}
        for step in self:
            for output in step.planned.outputs:
                for edge in (plan.edges[index] for index in output.edges):
                    target = None if edge.target is None else self[self._places[edge.target]]
                    step.edges.append((output.name, edge.condition, edge.index, target))
            self._link(step)

    def _link(self, step: UnaryStep) -> None:
        """Note how a step goes on, where that is simple: to one plain step, or to the pipeline's output alone."""
        if len(step.edges) == 1:
            _, condition, index, target = step.edges[0]
            if condition is None and target is None:
                step.output = index
            elif condition is None and target is not None and target.plain:
                step.only = target

    def step(self, step_id: str) -> UnaryStep:
        """Return a step by its id."""
        return self[self._places[step_id]]


_programs: WeakKeyDictionary[Plan, Program] = WeakKeyDictionary()


def program_of(plan: Plan) -> Program:
    """Return the program of a plan, made once.

    Args:
        plan: A plan whose edges are all unary.
    """
    program = _programs.get(plan)
    if program is None:
        program = _programs[plan] = Program(plan)
    return program


async def call_step(step: UnaryStep, scope: ExecutionScope, inputs: list[Any]) -> Any:
    """Call a step wherever it runs, within its timeout, with inputs and outputs checked.

    Args:
        step: The step.
        scope: The execution.
        inputs: A value for each input.

    Returns:
        The value of the only output, or a dict by port where there are several.
    """
    planned = step.planned
    for index, given in enumerate(planned.inputs):
        if given.check is not None:
            inputs[index] = given.check.check(inputs[index], f"step {planned.id!r} port {given.port.name!r}")
    value = await _call_in_time(planned, scope, inputs)
    if not step.several:
        return step.check(value)
    outputs = {output.name: output for output in planned.outputs}
    return {
        port: _checked(planned, _output(planned, outputs, port), part)
        for port, part in parts_of(value, planned.main_port)
    }


def _output(planned: PlannedStep, outputs: Mapping[str, PlannedOutput], port: str) -> PlannedOutput:
    if port not in outputs:
        msg = f"step {planned.id!r}: there is no output port {port!r}; its ports are {', '.join(outputs)}"
        raise StreamOrderError(msg)
    if outputs[port].unconnected:
        raise StreamOrderError(f"step {planned.id!r}: {not_connected(port)}")
    return outputs[port]


async def _call_in_time(planned: PlannedStep, scope: ExecutionScope, inputs: list[Any]) -> Any:
    if planned.timeout_s is None:
        return await _call_placed(planned, scope, inputs)
    with move_on_after(planned.timeout_s):
        return await _call_placed(planned, scope, inputs)
    msg = f"the step did not end within its timeout of {planned.timeout_s:g} s (timeout.total_s)"
    raise TimeoutError(msg)


async def _call_placed(planned: PlannedStep, scope: ExecutionScope, inputs: list[Any]) -> Any:
    call = scope.callable_of(planned)
    if planned.placement is Placement.INLINE:
        result = call(*inputs)
        return await result if planned.method.call is Call.COROUTINE else result
    worker = (
        ProcessWorker(planned, [], scope)
        if planned.placement is Placement.PROCESS
        else ThreadWorker(lambda given: call(*given), f"headwater {planned.id}")
    )
    async with worker:
        results, error = await worker.work([inputs])
    if error is not None:
        raise error
    return results[0]


def _checked(planned: PlannedStep, output: PlannedOutput, value: Any) -> Any:
    return output.items.check(value, f"step {planned.id!r} port {output.name!r}")
