"""The choice for a step: the method that runs, and how each of its ports is fed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from headwater.graph.adaptation import TUPLE_POLICIES, meet
from headwater.graph.plan import Adapter
from headwater.kinds.definition import Call
from headwater.kinds.outputs import ERRORS_PORT
from headwater.types.fit import Fit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headwater.config.policies.merge_specs import MergeSpec
    from headwater.graph.adaptation import Fitting, Flow
    from headwater.graph.edges import Edge
    from headwater.kinds.definition import Method, Placement, Port

_RULES = frozenset({Adapter.JOIN, Adapter.SPLIT})

__all__ = ["Arrival", "Choice", "ResolvedInput", "edges_by_port"]


class Arrival(NamedTuple):
    """A port, the edges that lead there and bring something known, what each of them brings, and how they meet."""

    port: Port
    edges: Sequence[Edge]
    flows: Sequence[Flow]
    merge: MergeSpec | None
    size: int

    @property
    def is_partly_known(self) -> bool:
        """Whether it is not known what all the edges bring."""
        return len(self.edges) < self.size

    @property
    def fed(self) -> Sequence[Flow]:
        """What the port gets of each edge: tuples of all of them, or what it brings."""
        return [meet(self.flows, self.merge)] * len(self.flows) if self.in_tuples else self.flows

    @property
    def in_tuples(self) -> bool:
        """Whether the port gets tuples of an item of each edge."""
        return self.merge is not None and self.merge.policy in TUPLE_POLICIES


@dataclass(frozen=True, slots=True)
class ResolvedInput:
    """A connected input port: what each of its edges brings, what that is merged to, and how it is adapted.

    `from_outside` says whether one of them brings the pipeline's input, `skippable` whether a value may not come.
    """

    port: Port
    flows: tuple[Flow, ...]
    met: Flow
    fittings: tuple[Fitting, ...]
    from_outside: bool
    skippable: bool
    policy: str | None = None

    @property
    def in_tuples(self) -> bool:
        """Whether the port gets tuples of an item of each edge."""
        return self.policy in TUPLE_POLICIES

    @property
    def fed(self) -> Sequence[Flow]:
        """What the port gets of each edge: tuples of all of them, or what it brings."""
        return [self.met] * len(self.flows) if self.in_tuples else self.flows

    @property
    def adapter(self) -> Adapter:
        """The adapter of the port; the same for all its edges."""
        return self.fittings[0].adapter

    @property
    def proven(self) -> bool:
        """Whether no value at the port needs a check; what a rule makes needs one, as it is code of its own."""
        return self.adapter not in _RULES and all(fitting.fit is Fit.PROVEN for fitting in self.fittings)


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """How a step runs; all steps that are alike and are fed alike share one."""

    method: Method
    inputs: tuple[ResolvedInput, ...]
    outputs: Mapping[str, Flow]
    mapped: int | None
    placement: Placement
    bindings: Mapping[Any, Any]
    skippable: bool
    skips_items: bool = False
    fallback: Choice | None = None
    compensate: Choice | None = None

    @property
    def writes_several(self) -> bool:
        """Whether a call may leave an output out: it has several, or skips what failed."""
        return self.method.outputs_type is not None or self.skips_items

    def writes_only(self, port: str) -> bool:
        """Return whether a step has no other port, besides that for items that failed."""
        return self.outputs.keys() - {ERRORS_PORT} == {port}

    @property
    def is_of_units(self) -> bool:
        """Whether each call takes one item, or one value at each input, and returns one."""
        returns_one = self.method.call in {Call.PLAIN, Call.COROUTINE}
        return returns_one and not any(given.port.streaming for given in self.inputs)

    @property
    def main_output(self) -> Flow | None:
        """What comes out of the only port besides side ports, or None."""
        names = [port.name for port in self.method.outputs if port.required]
        return self.outputs[names[0]] if len(names) == 1 else None

    @property
    def streams_in(self) -> bool:
        """Whether a stream comes in."""
        return any(given.met.streaming for given in self.inputs)


def edges_by_port(edges: Sequence[Edge], method: Method) -> dict[str, Sequence[Edge]]:
    """Group the edges into a step by the port of a method that they lead to.

    The only port takes those of a port that another method calls differently.
    """
    groups: dict[str, list[Edge]] = {}
    for edge in edges:
        groups.setdefault(edge.target.port, []).append(edge)
    if len(method.inputs) == 1 and groups:
        only = method.inputs[0].name
        return {only: groups.get(only) or next(iter(groups.values()))}
    return {port.name: groups[port.name] for port in method.inputs if port.name in groups}
