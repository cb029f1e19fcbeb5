"""Chooses the method of every step and the adapters of its inputs, and checks the types of every edge."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from headwater.annotations import substitute
from headwater.graph.adaptation import Fitting, Flow, fit_port
from headwater.graph.checks.mismatches import faults_of_choice, faults_of_edges, faults_of_task
from headwater.graph.choices import Choice, ResolvedInput, edges_by_port
from headwater.graph.edges import PIPELINE_INPUT
from headwater.graph.plan import Adapter
from headwater.kinds.definition import Placement
from headwater.streams.frames import StreamType

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence

    from headwater.config.problems import Fault, Problems
    from headwater.graph.choices import Arrival
    from headwater.graph.edges import Edge
    from headwater.graph.graph import Graph
    from headwater.kinds.definition import BoundStep, Method, Port, StepDefinition
    from headwater.streams.frames import Mode

__all__ = ["resolve"]


def resolve(
    graph: Graph, problems: Problems, *, stream_input: bool, input_mode: Mode | None = None
) -> dict[str, Choice]:
    """Return the choices for the steps that could be resolved, in topological order.

    `stream_input` says whether the pipeline's input is a stream also where a port takes one value, and `input_mode`
    how its items relate.
    """
    resolver = _Resolver(graph, problems, stream_input=stream_input, input_mode=input_mode)
    for step_id, bound in graph.steps.items():
        resolver.resolve(step_id, bound)
    return resolver.choices


class _Resolver:
    """Goes through the steps in topological order, so that what feeds a step is known before it."""

    def __init__(self, graph: Graph, problems: Problems, *, stream_input: bool, input_mode: Mode | None) -> None:
        self.choices: dict[str, Choice] = {}
        self._graph = graph
        self._problems = problems
        self._stream_input = stream_input
        self._input_mode: Mode | None = input_mode
        self._known: dict[Hashable, Choice] = {}
        self._flows: dict[Hashable, Flow] = {}
        self._readers: dict[int, bool] = {}

    def resolve(self, step_id: str, bound: BoundStep) -> None:
        """Choose for one step; a choice with problems is not shared, as each step reports its own."""
        definition = bound.definition
        signature = self._signature(step_id, definition)
        choice = None if signature is None else self._known.get(signature)
        if choice is None:
            choice, sound = self._choose(step_id, definition)
            if choice is None:
                return
            if sound and signature is not None:
                self._known[signature] = choice
        self.choices[step_id] = choice

    def _signature(self, step_id: str, definition: StepDefinition) -> Hashable | None:
        """Return everything that a choice depends on, or None when a writer of the step is not resolved."""
        wanted = len(definition.methods) > 1 and self._readers_want_streams(step_id)
        parts: list[object] = [id(definition), self._graph.specs[step_id].task, wanted]
        for edge in self._graph.into.get(step_id, ()):
            source, spec = edge.source, edge.spec
            writer = self.choices.get(source.step)
            if writer is not None:
                parts += edge.target.port, writer.outputs[source.port], writer.skippable, spec.adapt, spec.when is None
            elif source is PIPELINE_INPUT:
                parts += edge.target.port, None, False, spec.adapt, spec.when is None
            else:
                return None
        return tuple(parts)

    def _choose(self, step_id: str, definition: StepDefinition) -> tuple[Choice | None, bool]:
        """Return the best choice for a step, and whether nothing is wrong with it."""
        sound = self._report(faults_of_task(self._graph, step_id))
        edges = self._graph.edges_into(step_id)
        methods = _methods(definition, self._graph.specs[step_id].task)
        ways = [way for method in methods if (way := self._way(definition, method, edges)) is not None]
        if not ways:
            arrivals = list(self._arrivals(methods[0], edges_by_port(edges, methods[0])))
            self._report(faults_of_edges(step_id, methods[0], arrivals))
            return None, False
        wanted = len(ways) > 1 and self._readers_want_streams(step_id)
        choice = min(ways, key=lambda way: way.cost(stream_wanted=wanted))
        given = edges_by_port(edges, choice.method)
        return choice, self._report(faults_of_choice(self._graph, step_id, choice, given)) and sound

    def _report(self, faults: Iterator[Fault]) -> bool:
        """Add faults to the problems, and return whether there were none."""
        sound = True
        for fault in faults:
            self._problems.report(fault)
            sound = False
        return sound

    def _way(self, definition: StepDefinition, method: Method, edges: Sequence[Edge]) -> Choice | None:
        """Return the choice of a method for a step, or None when an input does not fit it."""
        bindings: dict[Any, Any] = {}
        arrived: dict[str, list[tuple[Edge, Flow, Fitting]]] = {}
        for port, edge, flow in self._arrivals(method, edges_by_port(edges, method)):
            fitting = None if flow is None else fit_port(flow, port, method.task, edge.spec.adapt, bindings)
            if flow is None or fitting is None:
                return None
            bindings = fitting.bindings
            arrived.setdefault(port.name, []).append((edge, flow, fitting))
        inputs = tuple(_input(port, arrived[port.name]) for port in method.inputs if port.name in arrived)
        mapped = next((index for index, part in enumerate(inputs) if part.adapter is Adapter.MAP), None)
        around = None if mapped is None else inputs[mapped].flows[0].type
        kept = {part.port.type.item for part in inputs if _are_lines(part)}
        outputs = {port.name: self._same(_out(method, port, around, bindings, kept)) for port in method.outputs}
        skippable = any(self._may_skip(edge, flow) for part in arrived.values() for edge, flow, _ in part)
        return Choice(method, inputs, outputs, mapped, _placement(definition, method), bindings, skippable)

    def _arrivals(self, method: Method, edges: Mapping[str, Sequence[Edge]]) -> Iterator[Arrival]:
        for port in method.inputs:
            leading = edges.get(port.name, ())
            for edge in leading:
                flow = self._flow(edge, port)
                yield port, edge, replace(flow, streaming=True) if flow is not None and len(leading) > 1 else flow

    def _flow(self, edge: Edge, port: Port) -> Flow | None:
        if edge.source is PIPELINE_INPUT:
            return Flow(_unbound(port.type, self._input_mode), port.streaming or self._stream_input)
        writer = self.choices.get(edge.source.step)
        return None if writer is None else writer.outputs[edge.source.port]

    def _same(self, flow: Flow) -> Flow:
        """Return the one flow for all equal ones, so that flows can be compared by identity."""
        types = flow.type
        parts = (id(getattr(types, part.name)) for part in fields(types))
        return self._flows.setdefault((*parts, flow.streaming, id(flow.task)), flow)

    def _may_skip(self, edge: Edge, flow: Flow) -> bool:
        writer = self.choices.get(edge.source.step)
        return (edge.spec.when is not None and not flow.streaming) or (writer is not None and writer.skippable)

    def _readers_want_streams(self, step_id: str) -> bool:
        """Return whether a reader of a step takes only streams."""
        steps = self._graph.steps
        readers = (steps.get(edge.target.step) for edge in self._graph.edges_out_of(step_id))
        return any(reader is not None and self._wants_streams(reader.definition) for reader in readers)

    def _wants_streams(self, definition: StepDefinition) -> bool:
        wants = self._readers.get(id(definition))
        if wants is None:
            ports = [port for method in definition.methods for port in method.inputs]
            wants = self._readers[id(definition)] = bool(ports) and all(port.streaming for port in ports)
        return wants


def _input(port: Port, arrived: Sequence[tuple[Edge, Flow, Fitting]]) -> ResolvedInput:
    edges, flows, fittings = zip(*arrived, strict=True)
    return ResolvedInput(port, flows, fittings, any(edge.source is PIPELINE_INPUT for edge in edges))


def _methods(definition: StepDefinition, task: str | None) -> Sequence[Method]:
    """Return the methods of a task; all methods where none has it."""
    methods = definition.methods
    return [method for method in methods if method.task is not None and method.task.name == task] or methods


def _are_lines(part: ResolvedInput) -> bool:
    """Return whether a port passes on lines of text as they are, by the variable that is its type."""
    return isinstance(part.port.type.item, TypeVar) and all(flow.type.mode == "line" for flow in part.flows)


def _out(
    method: Method, port: Port, around: StreamType | None, bindings: Mapping[Any, Any], lines: Collection[Any]
) -> Flow:
    """Return what comes out of a port.

    `around` is the type of the stream that the step is mapped over; `lines` are the type variables of lines of text.
    """
    types = replace(port.type, mode="line") if lines and port.streaming and port.type.item in lines else port.type
    if bindings:
        types = replace(types, item=substitute(types.item, bindings), header=substitute(types.header, bindings))
    if around is None:
        return Flow(types, port.streaming, method.task)
    is_line = types.mode == "line" or (around.mode == "line" and types.item is str and not port.streaming)
    return Flow(StreamType(types.item, around.header, around.footer, "line" if is_line else None), streaming=True)


def _placement(definition: StepDefinition, method: Method) -> Placement:
    blocks = any(port.style == "iterable" for port in method.inputs)
    inline = definition.placement is Placement.INLINE
    return Placement.THREAD if inline and blocks else definition.placement


def _unbound(types: StreamType, mode: Mode | None) -> StreamType:
    """Return the type of data from outside, which is checked when it arrives."""
    return replace(types, mode=mode, to_delta=None, to_snapshot=None)
