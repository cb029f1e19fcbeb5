"""The steps of a unary plan in the form in which they are called: everything looked up once per plan."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from headwater.events.data import StepStart
from headwater.kinds.definition import Placement

if TYPE_CHECKING:
    from collections.abc import Callable

    from headwater.graph.plan import Plan, PlannedStep
    from headwater.streams.grammar import Classes

__all__ = ["Program", "UnaryStep", "program_of"]


class UnaryStep:
    """A step of a unary plan."""

    __slots__ = (
        "argument",
        "arguments",
        "call",
        "check_argument",
        "direct",
        "edges",
        "expected",
        "id",
        "only",
        "output",
        "place",
        "planned",
        "start",
        "suspends",
    )

    def __init__(self, place: int, planned: PlannedStep, *, direct: bool = True) -> None:
        self.place: int = place
        self.planned: PlannedStep = planned
        self.id: str = planned.id
        self.start: StepStart = StepStart(planned.kind, planned.flavor.name.lower())
        self.arguments: tuple[int, ...] = tuple(given.edges[0] for given in planned.inputs)
        self.argument: int = self.arguments[0] if self.arguments else -1
        self.expected: Classes = planned.outputs[0].items.expected
        self.suspends: bool = planned.method.call.suspends or planned.placement is not Placement.INLINE
        self.call: Callable[..., Any] = planned.call or planned.method.function
        self.direct: bool = direct and self._is_direct()
        self.check_argument: Callable[[Any], Any] | None = self._check_argument() if self.direct else None
        self.edges: list[tuple[str, Callable[[Any], bool] | None, int, UnaryStep | None]] = []
        self.only: UnaryStep | None = None
        self.output: int | None = None

    def _is_direct(self) -> bool:
        """Return whether an `Attempt` would do nothing but check and call in the loop's own thread."""
        planned = self.planned
        return (
            planned.call is not None
            and planned.placement is Placement.INLINE
            and planned.timeout_s is None
            and planned.policies is None
            and planned.method.outputs_type is None
            and len(planned.inputs) == 1
            and not (planned.inputs[0].check is not None and planned.inputs[0].skippable)
        )

    def _check_argument(self) -> Callable[[Any], Any] | None:
        given = self.planned.inputs[0]
        if given.check is None:
            return None
        return partial(given.check.check, place=f"step {self.id!r} port {given.port.name!r}")

    def check(self, value: Any) -> Any:
        """Return the value as the declared type of the only output."""
        output = self.planned.outputs[0]
        return output.items.check(value, f"step {self.id!r} port {output.name!r}")


class Program(list[UnaryStep]):
    """The steps of a unary plan, in topological order, each with the steps that it feeds."""

    def __init__(self, plan: Plan, *, direct: bool = True) -> None:
        super().__init__(UnaryStep(place, step, direct=direct) for place, step in enumerate(plan.steps))
        self._places = {step.id: step.place for step in self}
        for step in self:
            for output in step.planned.outputs:
                for edge in (plan.edges[index] for index in output.edges):
                    target = None if edge.target is None else self[self._places[edge.target]]
                    step.edges.append((output.name, edge.condition, edge.index, target))
            self._link(step)
        # Where this holds and one step is ready at first, there is never more than one.
        self.is_chain: bool = all(sum(target is not None for *_, target in step.edges) <= 1 for step in self)

    def _link(self, step: UnaryStep) -> None:
        """Note how a step goes on, where that is simple: to one direct step, or to the pipeline's output alone."""
        if len(step.edges) == 1:
            _, condition, index, target = step.edges[0]
            if condition is None and target is None:
                step.output = index
            elif condition is None and target is not None and target.direct:
                step.only = target

    def step(self, step_id: str) -> UnaryStep:
        """Return a step by its id."""
        return self[self._places[step_id]]


_programs: WeakKeyDictionary[Plan, Program] = WeakKeyDictionary()


def program_of(plan: Plan, *, direct: bool = True) -> Program:
    """Return the program of a plan whose edges are all unary, made once; not `direct` where calls have a context."""
    if not direct:
        return Program(plan, direct=False)
    program = _programs.get(plan)
    if program is None:
        program = _programs[plan] = Program(plan)
    return program
