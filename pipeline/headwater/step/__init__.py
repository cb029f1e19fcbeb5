"""Steps: how they are written, what is known of them, and how they are found by name."""

from headwater.step.binding import bind, callable_of
from headwater.step.context import StepContext
from headwater.step.definition import (
    BoundStep,
    Call,
    Flavor,
    Method,
    Origin,
    Placement,
    Port,
    StepDefinition,
)
from headwater.step.outputs import Emits, Outputs, To
from headwater.step.registry import Registry, load_steps, registry
from headwater.step.step import Step, StepFunction, step
from headwater.step.task import Task

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
