"""The ports of a step as an edge sees them, before it is known which of its methods will run."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from headwater.kinds.definition import Port, StepDefinition

__all__ = ["Ports", "Side"]


class Side(NamedTuple):
    """The ports on one side of a step.

    Args:
        word: What to call them.
        names: All of them, in the order of the methods.
        default: The one that an end without a port means; empty when there is not just one.
        needed: Those that must lead somewhere, or be fed, whichever method will run.
    """

    word: str
    names: tuple[str, ...]
    default: str
    needed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of a step, whichever of its methods will run.

    Args:
        inputs: Where edges may lead.
        outputs: Where edges may start.
        required: For each method, the inputs that it cannot do without.
        alternatives: For each method, all its inputs.
    """

    inputs: Side
    outputs: Side
    required: tuple[tuple[str, ...], ...]
    alternatives: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, definition: StepDefinition, task: str | None = None) -> Ports:
        """Return the ports of a kind of step.

        Args:
            definition: The kind of step.
            task: The task it does, for a kind with several.

        Returns:
            The ports of the methods of the task, or of all methods.
        """
        every = definition.methods
        methods = [method for method in every if method.task is not None and method.task.name == task] or every
        return cls(
            _side("input", [method.inputs for method in methods]),
            _side("output", [method.outputs for method in methods]),
            tuple(tuple(port.name for port in method.inputs if port.required) for method in methods),
            tuple(tuple(port.name for port in method.inputs) for method in methods),
        )

    def missing(self, fed: Container[str]) -> Sequence[str]:
        """Return the inputs that are still needed.

        Args:
            fed: The inputs that an edge leads to.

        Returns:
            What the method that lacks the fewest of its inputs lacks.
        """
        needs = [[name for name in names if name not in fed] for names in self.required]
        return min(needs, key=len, default=())


def _side(word: str, by_method: Sequence[tuple[Port, ...]]) -> Side:
    every = [port for ports in by_method for port in ports]
    names = tuple(dict.fromkeys(port.name for port in every))
    optional = {port.name for port in every if not port.required}
    defaults = [_default(ports) for ports in by_method]
    default = defaults[0] if all(defaults) else ""
    return Side(word, names, default, tuple(name for name in names if name not in optional))


def _default(ports: tuple[Port, ...]) -> str:
    """Return the only port, or the only one that is required."""
    candidates = ports if len(ports) == 1 else [port for port in ports if port.required]
    return candidates[0].name if len(candidates) == 1 else ""
