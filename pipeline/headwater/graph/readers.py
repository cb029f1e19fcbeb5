"""What the readers of a step take: streams or values, which decides between the methods of the step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from types import GenericAlias
from typing import TYPE_CHECKING, Any, NamedTuple

from headwater.annotations import plain, shape
from headwater.graph.adaptation import STREAM_POLICIES, TUPLE_POLICIES, Flow, fit_output, fit_port, takes_anything
from headwater.graph.edges import PIPELINE_OUTPUT
from headwater.streams.frames import StreamType
from headwater.types.fit import Fit, check

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping

    from headwater.graph.choices import Choice
    from headwater.graph.edges import Edge, End
    from headwater.graph.graph import Graph
    from headwater.kinds.definition import Method, Port
    from headwater.kinds.task import Task

__all__ = ["Rank", "Readers", "methods_of_task", "ports_of"]


class Rank(NamedTuple):
    """How well a method suits a step, least first."""

    is_refused: bool
    """Whether it cannot run here, or a reader cannot take its output in any way."""
    way: int
    """0 when it needs no adapter on either side, 1 when it needs none for its input, 2 when it is derived."""
    cost: int
    """The adapters that it needs."""
    is_unlike: bool
    """Whether its output is not of the kind to prefer for readers that take anything."""

    def refused(self) -> Rank:
        """Return the rank of a method that cannot run here."""
        return self._replace(is_refused=True)


class Readers:
    """The readers of the steps of a graph."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._ends: Counter[End] | None = None

    def signature(self, step_id: str) -> Hashable:
        """Return everything about the readers of a step that a choice of its method depends on."""
        return frozenset(self._distinct(step_id))

    def _distinct(self, step_id: str) -> Mapping[Hashable, Edge]:
        """Return one of the edges to each kind of reader: there may be thousands that are alike."""
        return {self._signature(edge): edge for edge in self._graph.edges_out_of(step_id)}

    def _signature(self, edge: Edge) -> Hashable:
        reader = self._graph.steps.get(edge.target.step)
        if reader is None:
            return edge.source.port, edge.spec.adapt
        task = self._graph.specs[edge.target.step].task
        return edge.source.port, edge.spec.adapt, id(reader.definition), task, edge.target.port, self._merge(edge)

    def rank(self, step_id: str, choice: Choice) -> Rank:
        """Return how well the method of a choice suits what comes in, and what the readers of the step take."""
        costs: list[int | None] = []
        lets_choose = False
        for edge in self._distinct(step_id).values():
            flow = choice.outputs.get(edge.source.port)
            if flow is not None:
                anything = self._takes_anything(edge)
                costs.append(0 if anything and edge.spec.adapt is None else self._cost(edge, flow))
                lets_choose = lets_choose or (anything and edge.target is not PIPELINE_OUTPUT)
        given = [fitting for part in choice.inputs for fitting in part.fittings]
        cost = sum(fitting.cost for fitting in given) + sum(filter(None, costs))
        way = 2 if not all(fitting.is_direct for fitting in given) else 1 if any(costs) else 0
        prefers_stream = choice.streams_in or (lets_choose and _is_list_of_items(choice.method.task))
        is_unlike = any(flow.streaming != prefers_stream for flow in choice.outputs.values())
        return Rank(None in costs, way, cost, is_unlike)

    def _takes_anything(self, edge: Edge) -> bool:
        """Return whether a reader takes one value of any type, and so items of any type as well."""
        if edge.target is PIPELINE_OUTPUT:
            return True
        return any(
            not port.streaming and takes_anything(port.type.item) for port in ports_of(self._methods(edge), edge)
        )

    def _cost(self, edge: Edge, flow: Flow) -> int | None:
        """Return the least cost of an adapter for what flows along an edge, or None when there is no adapter."""
        if edge.target is PIPELINE_OUTPUT:
            output = fit_output(flow, edge.spec.adapt)
            return None if output is None else output.cost
        if (merge := self._merge(edge)) in STREAM_POLICIES:
            flow = replace(flow, streaming=True, task=None)
        elif merge in TUPLE_POLICIES:  # the other items of the tuples are not known yet
            flow = Flow(StreamType(Any), flow.streaming)
        fittings = [
            fit_port(flow, port, method.task, edge.spec.adapt, {})
            for method in self._methods(edge)
            for port in ports_of([method], edge)
        ]
        return min((fitting.cost for fitting in fittings if fitting is not None), default=None)

    def _methods(self, edge: Edge) -> Sequence[Method]:
        reader = self._graph.steps.get(edge.target.step)
        return (
            ()
            if reader is None
            else methods_of_task(reader.definition.methods, self._graph.specs[edge.target.step].task)
        )

    def _merge(self, edge: Edge) -> str | None:
        """Return the policy of a port to which several edges lead; counted on first use, as most graphs never ask."""
        if self._ends is None:
            self._ends = Counter(other.target for other in self._graph.edges)
        if self._ends[edge.target] < 2 or edge.target is PIPELINE_OUTPUT:
            return None
        spec = self._graph.merge(edge.target)
        return "interleave" if spec is None else spec.policy


def methods_of_task(methods: Sequence[Method], task: str | None) -> Sequence[Method]:
    """Return the methods of the task with a name; all methods where none has it."""
    return [method for method in methods if method.task is not None and method.task.name == task] or methods


def ports_of(methods: Iterable[Method], edge: Edge) -> Iterator[Port]:
    """Yield the ports that an edge leads to, one of each method that has it; the only port of a method is always it."""
    for method in methods:
        for port in method.inputs:
            if port.name == edge.target.port or len(method.inputs) == 1:
                yield port


def _is_list_of_items(task: Task | None) -> bool:
    """Return whether the value that a task gives is the list of the items that it gives as a stream."""
    if task is None or task.unary_output is None or task.stream_output is None:
        return False
    whole = plain(task.unary_output.item)
    items = GenericAlias(list, task.stream_output.item)
    return shape(whole)[0] in {list, Sequence} and check(items, whole) is not Fit.NO
