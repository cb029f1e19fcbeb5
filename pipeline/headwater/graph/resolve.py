"""Chooses the method of every step and the adapters of its inputs, and checks the types of every edge."""

from __future__ import annotations

from dataclasses import fields, replace
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeVar

from headwater.annotations import substitute
from headwater.config.policies.failure_specs import DEAD_LETTER
from headwater.config.policies.merge_specs import MergeSpec
from headwater.config.policies.substeps import COMPENSATE, FALLBACK, substep_id
from headwater.graph.adaptation import (
    STREAM_POLICIES,
    TUPLE_POLICIES,
    Fitting,
    Flow,
    fit_port,
    item_of_list,
    item_of_tuple,
    meet,
)
from headwater.graph.checks.mismatches import (
    faults_of_choice,
    faults_of_edges,
    faults_of_outputs,
    faults_of_several_tasks,
    faults_of_task,
)
from headwater.graph.checks.policies import faults_of_policies, stands_in
from headwater.graph.choices import Arrival, Choice, ResolvedInput, edges_by_port
from headwater.graph.edges import PIPELINE_INPUT
from headwater.graph.plan import Adapter
from headwater.graph.readers import Rank, Readers, methods_of_task, ports_of
from headwater.kinds.definition import Placement
from headwater.kinds.outputs import ERRORS_PORT
from headwater.streams.frames import StreamType

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence

    from headwater.config.problems import Fault, Problems
    from headwater.graph.adaptation import Fitting
    from headwater.graph.edges import Edge
    from headwater.graph.graph import Graph
    from headwater.kinds.definition import BoundStep, Method, Port, StepDefinition
    from headwater.kinds.task import Task
    from headwater.streams.frames import Mode

__all__ = ["resolve"]

_TYPES = {"item", "header", "footer"}

_UNDECIDED = MergeSpec("interleave")
"""For edges that need a policy and have none, which is reported elsewhere."""


def resolve(
    graph: Graph,
    problems: Problems,
    *,
    streamed: Collection[int] = (),
    input_mode: Mode | None = None,
    frames: StreamType | None = None,
) -> dict[str, Choice]:
    """Return the choices for the steps that could be resolved, in topological order.

    `streamed` has the indexes of the edges from `input` that bring a stream also where a port takes one value, and
    `input_mode` says how the items of the input relate.
    """
    resolver = _Resolver(graph, problems, streamed, input_mode, frames)
    for step_id, bound in graph.steps.items():
        resolver.resolve(step_id, bound)
    for fault in faults_of_outputs(graph, resolver.choices):
        problems.report(fault)
    return resolver.choices


class _Resolver:
    """Goes through the steps in topological order, so that what feeds a step is known before it."""

    def __init__(
        self,
        graph: Graph,
        problems: Problems,
        streamed: Collection[int],
        input_mode: Mode | None,
        frames: StreamType | None,
    ) -> None:
        self.choices: dict[str, Choice] = {}
        self._graph = graph
        self._problems = problems
        self._streamed = streamed
        self._input_mode: Mode | None = input_mode
        self._frames = frames
        self._known: dict[Hashable, Choice] = {}
        self._flows: dict[Hashable, Flow] = {}
        self._readers = Readers(graph)
        self._methods: Sequence[Method] = ()

    def resolve(self, step_id: str, bound: BoundStep) -> None:
        """Choose for one step; a choice with problems is not shared, as each step reports its own."""
        definition = bound.definition
        signature = self._signature(step_id, definition)
        choice = None if signature is None else self._known.get(signature)
        if choice is None:
            choice, sound = self._choose(step_id, definition)
            if choice is None:
                return
            if self._graph.specs[step_id].has_policies:
                choice = self._with_policies(step_id, choice)
            if sound and signature is not None:
                self._known[signature] = choice
        self.choices[step_id] = choice

    def _signature(self, step_id: str, definition: StepDefinition) -> Hashable | None:
        """Return everything that a choice depends on, or None when a writer of the step is not resolved."""
        readers = self._readers.signature(step_id) if len(definition.methods) > 1 else None
        spec = self._graph.specs[step_id]
        if spec.has_policies:  # which are checked for each step
            return None
        parts: list[object] = [id(definition), spec.task, readers, None if spec.merge is None else str(spec.merge)]
        for edge in self._graph.into.get(step_id, ()):
            source, adapt, passes = edge.source, edge.spec.adapt, edge.spec.when is None
            writer = self.choices.get(source.step)
            if writer is not None:
                parts += edge.target.port, writer.outputs[source.port], writer.skippable, adapt, passes
                parts.append(writer.writes_several)
            elif source is PIPELINE_INPUT:
                parts += edge.target.port, edge.index in self._streamed, False, adapt, passes
            else:
                return None
        return tuple(parts)

    def _choose(self, step_id: str, definition: StepDefinition) -> tuple[Choice | None, bool]:
        """Return the best choice for a step, and whether nothing is wrong with it."""
        sound = self._report(faults_of_task(self._graph, step_id))
        edges = self._graph.edges_into(step_id)
        methods = self._methods = methods_of_task(definition.methods, self._graph.specs[step_id].task)
        ways = [way for method in methods if (way := self._way(definition, method, edges)) is not None]
        if not ways:
            arrivals = self._arrivals(methods[0], edges_by_port(edges, methods[0]))
            self._report(faults_of_edges(step_id, methods[0], arrivals))
            return None, False
        choice = ways[0]
        if len(ways) > 1:
            ranked = sorted([(self._rank(step_id, way, edges), way) for way in ways], key=itemgetter(0))
            choice = ranked[0][1]
            fitting = [way for rank, way in ranked if not rank.is_refused]
            sound = self._report(faults_of_several_tasks(self._graph, step_id, fitting)) and sound
        given = edges_by_port(edges, choice.method)
        return choice, self._report(faults_of_choice(self._graph, step_id, choice, given)) and sound

    def _with_policies(self, step_id: str, choice: Choice) -> Choice:
        """Return a choice with the port and the steps that its policies need; report those that do not fit."""
        spec, outputs = self._graph.specs[step_id], choice.outputs
        if spec.on_error == DEAD_LETTER:
            letters = Flow(StreamType(dict[str, Any]), streaming=choice.mapped is not None)
            outputs = {**outputs, ERRORS_PORT: self._same(letters)}
        skips = spec.on_error in (DEAD_LETTER, "skip_item")
        fallback = self._fallback(step_id, choice)
        compensate = self._compensation(step_id, choice)
        choice = replace(choice, outputs=outputs, skips_items=skips, fallback=fallback, compensate=compensate)
        self._report(faults_of_policies(self._graph, step_id, choice))
        return choice

    def _fallback(self, step_id: str, choice: Choice) -> Choice | None:
        """Return how the fallback of a step runs: fed like it, and with the same outputs."""
        bound = self._graph.substeps.get(substep_id(step_id, FALLBACK))
        if bound is None:
            return None
        edges = self._graph.edges_into(step_id)
        ways = [self._way(bound.definition, method, edges) for method in bound.definition.methods]
        return next((way for way in ways if way is not None and stands_in(way, choice)), None)

    def _compensation(self, step_id: str, choice: Choice) -> Choice | None:
        """Return how the step that undoes another one runs: on the value that this one wrote."""
        bound = self._graph.substeps.get(substep_id(step_id, COMPENSATE))
        flow = choice.main_output
        if bound is None or flow is None or flow.streaming:
            return None
        for method in bound.definition.methods:
            port = method.inputs[0] if len(method.inputs) == 1 else None
            if port is None or port.streaming or method.call.yields:
                continue
            fitting = fit_port(flow, port, method.task, None, {})
            if fitting is not None:
                given = ResolvedInput(port, (flow,), flow, (fitting,), from_outside=False, skippable=False)
                outputs = {out.name: Flow(out.type, streaming=False) for out in method.outputs}
                placement = _placement(bound.definition, method)
                return Choice(method, (given,), outputs, None, placement, fitting.bindings, skippable=False)
        return None

    def _rank(self, step_id: str, way: Choice, edges: Sequence[Edge]) -> Rank:
        """Return how well a method suits; one that a check would refuse comes last."""
        rank = self._readers.rank(step_id, way)
        given = edges_by_port(edges, way.method)
        return rank if next(faults_of_choice(self._graph, step_id, way, given), None) is None else rank.refused()

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
        inputs: list[ResolvedInput] = []
        for arrival in self._arrivals(method, edges_by_port(edges, method)):
            if arrival.is_partly_known:
                return None
            fittings: list[Fitting] = []
            for edge, flow in zip(arrival.edges, arrival.fed, strict=True):
                if fittings and arrival.in_tuples and edge.spec.adapt == arrival.edges[0].spec.adapt:
                    fittings.append(fittings[0])  # the port gets the same tuples
                    continue
                fitting = fit_port(flow, arrival.port, method.task, edge.spec.adapt, bindings)
                if fitting is None:
                    return None
                bindings = fitting.bindings
                fittings.append(fitting)
            inputs.append(self._input(arrival, fittings))
            bindings |= _bound_frames(inputs[-1])
        mapped = next((index for index, part in enumerate(inputs) if part.adapter is Adapter.MAP), None)
        around = None if mapped is None else inputs[mapped].met.type
        generic = [part for part in inputs if isinstance(part.port.type.item, TypeVar)]
        modes: dict[Any, Mode | None] = {part.port.type.item: part.met.type.mode for part in generic}
        outputs = {port.name: self._same(_out(method, port, around, bindings, modes)) for port in method.outputs}
        skippable = any(part.skippable and part.port.required for part in inputs)
        return Choice(method, tuple(inputs), outputs, mapped, _placement(definition, method), bindings, skippable)

    def _arrivals(self, method: Method, edges: Mapping[str, Sequence[Edge]]) -> Iterator[Arrival]:
        """Yield what each port of a method gets that has an edge."""
        for port in method.inputs:
            if (leading := edges.get(port.name)) is None:
                continue
            merge = self._graph.merge(leading[0].target) or _UNDECIDED if len(leading) > 1 else None
            size = len(leading) if merge is not None and merge.policy in TUPLE_POLICIES else None
            flows = [self._flow(edge, port, method.task, place, size) for place, edge in enumerate(leading)]
            known = [(edge, flow) for edge, flow in zip(leading, flows, strict=True) if flow is not None]
            differ = len({flow.streaming for _, flow in known}) > 1  # whichever is first may be a stream
            if merge is not None and (merge.policy in STREAM_POLICIES or (merge.policy == "first" and differ)):
                # A task has rules for one stream of its own.
                known = [(edge, replace(flow, streaming=True, task=None)) for edge, flow in known]
            yield Arrival(port, [edge for edge, _ in known], [flow for _, flow in known], merge, len(leading))

    def _flow(self, edge: Edge, port: Port, task: Task | None, place: int, size: int | None) -> Flow | None:
        if edge.source is PIPELINE_INPUT:
            streaming = edge.index in self._streamed or all(reads.streaming for reads in ports_of(self._methods, edge))
            flow = _given(port, edge.spec.adapt, task, self._input_mode, streaming=streaming)
            flow = replace(flow, type=_with_frames(flow, port, self._frames))
            if size is None:
                return flow
            return replace(flow, type=StreamType(item_of_tuple(flow.type.item, place, size), mode=flow.type.mode))
        writer = self.choices.get(edge.source.step)
        return None if writer is None else writer.outputs[edge.source.port]

    def _same(self, flow: Flow) -> Flow:
        """Return the one flow for all equal ones, so that flows can be compared by identity."""
        types = flow.type
        parts = (id(getattr(types, part.name)) for part in fields(types))
        return self._flows.setdefault((*parts, flow.streaming, id(flow.task)), flow)

    def _input(self, arrival: Arrival, fittings: Sequence[Fitting]) -> ResolvedInput:
        outside = any(edge.source is PIPELINE_INPUT for edge in arrival.edges)
        skippable = any(map(self._may_skip, arrival.edges, arrival.flows))
        met = meet(arrival.flows, arrival.merge)
        policy = None if arrival.merge is None else arrival.merge.policy
        return ResolvedInput(arrival.port, tuple(arrival.flows), met, tuple(fittings), outside, skippable, policy)

    def _may_skip(self, edge: Edge, flow: Flow) -> bool:
        """Return whether an edge may bring nothing, as its branch is not taken or its port is not written."""
        writer = self.choices.get(edge.source.step)
        unwritten = writer is not None and (writer.skippable or (not flow.streaming and writer.writes_several))
        return unwritten or (edge.spec.when is not None and not flow.streaming)


def _out(
    method: Method, port: Port, around: StreamType | None, bindings: Mapping[Any, Any], modes: Mapping[Any, Mode | None]
) -> Flow:
    """Return what comes out of a port.

    `around` is the type of the stream that the step is mapped over; `modes` are those of the items that a type variable
    stands for, which are passed on as they are.
    """
    types = port.type
    kept = modes.get(types.item) if isinstance(types.item, TypeVar) else None
    if kept is not None and port.streaming:
        types = replace(types, mode=kept)
    if bindings:
        parts = {part.name: getattr(types, part.name) for part in fields(types) if part.name in _TYPES}
        types = replace(types, **{name: substitute(part, bindings) for name, part in parts.items()})
    if around is None:
        return Flow(types, port.streaming, method.task)
    mode = types.mode if types.mode == "line" else kept  # several streams of deltas or snapshots are not one of them
    if not port.streaming and (around.mode == "snapshot" or (around.mode == "line" and types.item is str)):
        mode = around.mode  # one item for each
    return Flow(StreamType(types.item, around.header, around.footer, mode), streaming=True)


def _with_frames(flow: Flow, port: Port, frames: StreamType | None) -> StreamType:
    """Return the type of the pipeline's input with the header and the footer that the stream has, if that is known."""
    types = flow.type
    if flow.streaming and not port.streaming:  # they flow around the step
        return types if frames is None else replace(types, header=frames.header, footer=frames.footer)
    open_parts = [name for name in ("header", "footer") if isinstance(getattr(types, name), TypeVar)]
    return replace(types, **{name: getattr(frames, name, None) for name in open_parts}) if open_parts else types


def _bound_frames(part: ResolvedInput) -> dict[Any, Any]:
    """Return what type variables stand for that are the header or the footer of an input, as of a nested pipeline."""
    declared = ((getattr(part.port.type, name), getattr(part.met.type, name)) for name in ("header", "footer"))
    return {variable: given for variable, given in declared if isinstance(variable, TypeVar) and given is not None}


def _placement(definition: StepDefinition, method: Method) -> Placement:
    blocks = any(port.style == "iterable" for port in method.inputs)
    inline = definition.placement is Placement.INLINE
    return Placement.THREAD if inline and blocks else definition.placement


def _given(port: Port, adapt: str | None, task: Task | None, mode: Mode | None, *, streaming: bool) -> Flow:
    """Return the data from outside, which is checked when it arrives: what the port takes, behind its adapter."""
    types = replace(port.type, mode=mode, to_delta=None, to_snapshot=None)
    if adapt == "collect":
        types = replace(types, item=item_of_list(types.item))
    elif adapt == "join" and task is not None and task.stream_input is not None:
        types = replace(types, item=task.stream_input.item)
    elif adapt == "split" and task is not None and task.unary_input is not None:
        types = replace(types, item=task.unary_input.item)
    return Flow(types, streaming if adapt is None else adapt in {"map", "collect", "join"})
