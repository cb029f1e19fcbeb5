"""Steps: how they are written, their definitions, and the registry of kinds."""

from headwater.kinds.binding import bind, callable_of
from headwater.kinds.definition import (
    BoundStep,
    Call,
    Method,
    Origin,
    Placement,
    Port,
    StepDefinition,
)
from headwater.kinds.outputs import Emits, Outputs, SidePort, To
from headwater.kinds.registry import Registry, load_steps, registry
from headwater.kinds.step import Step, StepFunction, step
from headwater.kinds.step_context import StepContext
from headwater.kinds.task import Flavor, Task

__all__ = [
    "BoundStep",
    "Call",
    "Emits",
    "Flavor",
    "Method",
    "Origin",
    "Outputs",
    "Placement",
    "Port",
    "Registry",
    "SidePort",
    "Step",
    "StepContext",
    "StepDefinition",
    "StepFunction",
    "Task",
    "To",
    "bind",
    "callable_of",
    "load_steps",
    "registry",
    "step",
]
