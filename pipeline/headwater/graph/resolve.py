"""Chooses, for every step, the method that runs and how it is fed, and checks the types of every edge."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from headwater.graph.annotations import describe, substitute
from headwater.graph.fitting import Fitting, Flow, fit_port
from headwater.graph.plan import Adapter
from headwater.graph.types import Fit, check
from headwater.step.definition import Call, Placement
from headwater.streams.frames import StreamType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headwater.config.problems import Problems
    from headwater.graph.graph import Edge, Graph
    from headwater.step.definition import Method, Port

__all__ = ["ResolvedInput", "ResolvedStep", "resolve"]


@dataclass(frozen=True, slots=True)
class ResolvedInput:
    """A connected input port.

    Args:
        port: The port.
        edges: The edges that lead there.
        flows: What each of them brings.
        fittings: How each of them is adapted.
        bindings: What the type variables of the method stand for.
    """

    port: Port
    edges: tuple[Edge, ...]
    flows: tuple[Flow, ...]
    fittings: tuple[Fitting, ...]

    @property
    def adapter(self) -> Adapter:
        """How the port is fed; the same for all its edges."""
        return self.fittings[0].adapter

    @property
    def proven(self) -> bool:
        """Whether no value that comes here needs a check."""
        return all(fitting.fit is Fit.PROVEN for fitting in self.fittings)


@dataclass(frozen=True, slots=True)
class ResolvedStep:
    """A step with its method and types chosen.

    Args:
        id: Id of the step.
        method: The method that runs.
        inputs: Its connected inputs, in the order of the method's ports.
        outputs: What comes out of each output port.
        mapped: Index of the input that it is mapped over, or None.
        placement: Where its code runs.
        bindings: What the type variables of the method stand for.
        skippable: Whether a condition upstream may leave it without input.
    """

    id: str
    method: Method
    inputs: tuple[ResolvedInput, ...]
    outputs: Mapping[str, Flow]
    mapped: int | None
    placement: Placement
    bindings: Mapping[Any, Any]
    skippable: bool


def resolve(graph: Graph, problems: Problems, *, stream_input: bool) -> dict[str, ResolvedStep]:
    """Resolve every step of a graph.

    Args:
        graph: The structure, checked.
        problems: Where problems are added.
        stream_input: Whether the pipeline's input is a stream also where a port takes one value.

    Returns:
        The steps that could be resolved, in topological order.
    """
    return _Resolver(graph, problems, stream_input=stream_input).run()


class _Resolver:
    """Goes through the steps in topological order, so that what feeds a step is known before it."""

    def __init__(self, graph: Graph, problems: Problems, *, stream_input: bool) -> None:
        self._graph = graph
        self._problems = problems
        self._stream_input = stream_input
        self._resolved: dict[str, ResolvedStep] = {}

    def run(self) -> dict[str, ResolvedStep]:
        for step_id in self._graph.steps:
            if (step := self._step(step_id)) is not None:
                self._resolved[step_id] = step
        return self._resolved

    def _step(self, step_id: str) -> ResolvedStep | None:
        edges: dict[str, list[Edge]] = {}
        for edge in self._graph.edges_into(step_id):
            edges.setdefault(edge.target.port, []).append(edge)
        methods = self._methods(step_id)
        ways = [way for method in methods if (way := self._way(step_id, method, edges)) is not None]
        if not ways:
            self._explain(step_id, methods, edges)
            return None
        step = min(ways, key=lambda way: self._cost(step_id, way))
        self._check_headers(step)
        self._check_placement(step)
        self._check_mapping(step)
        return step

    def _methods(self, step_id: str) -> Sequence[Method]:
        methods = self._graph.steps[step_id].definition.methods
        task = self._graph.specs[step_id].task
        if task is None:
            return methods
        chosen = [method for method in methods if method.task is not None and method.task.name == task]
        if not chosen:
            known = {method.task.name for method in methods if method.task is not None}
            message = f"step {step_id!r} has no task {task!r}; it has {', '.join(sorted(known)) or 'none'}"
            self._problems.add("unknown-task", message, self._path(step_id, "task"))
            return methods
        return chosen

    def _way(self, step_id: str, method: Method, edges: Mapping[str, Sequence[Edge]]) -> ResolvedStep | None:
        """Return the step with one method, or None when some input does not fit it."""
        bindings: dict[Any, Any] = {}
        inputs: list[ResolvedInput] = []
        skippable = False
        for port in method.inputs:
            leading = edges.get(port.name) or (next(iter(edges.values()), ()) if len(method.inputs) == 1 else ())
            if not leading:
                continue
            flows = [self._flow(edge, port, merged=len(leading) > 1) for edge in leading]
            if any(flow is None for flow in flows):
                return None
            known = [flow for flow in flows if flow is not None]
            fittings: list[Fitting] = []
            for edge, flow in zip(leading, known, strict=True):
                fitting = fit_port(flow, port, method.task, edge.spec.adapt, bindings)
                if fitting is None:
                    return None
                bindings = fitting.bindings
                fittings.append(fitting)
                skippable = skippable or self._may_skip(edge, flow)
            inputs.append(ResolvedInput(port, tuple(leading), tuple(known), tuple(fittings)))
        mapped = next((index for index, given in enumerate(inputs) if given.adapter is Adapter.MAP), None)
        outputs = {port.name: self._out(method, port, inputs, mapped, bindings) for port in method.outputs}
        placement = self._placement(step_id, method)
        return ResolvedStep(step_id, method, tuple(inputs), outputs, mapped, placement, bindings, skippable)

    def _flow(self, edge: Edge, port: Port, *, merged: bool) -> Flow | None:
        if edge.source.step == "input":
            flow = Flow(_unbound(port.type), port.streaming or self._stream_input)
        elif (writer := self._resolved.get(edge.source.step)) is not None:
            flow = writer.outputs[edge.source.port]
        else:
            return None
        return replace(flow, streaming=True) if merged else flow

    def _may_skip(self, edge: Edge, flow: Flow) -> bool:
        writer = self._resolved.get(edge.source.step)
        return (edge.spec.when is not None and not flow.streaming) or (writer is not None and writer.skippable)

    def _out(
        self, method: Method, port: Port, inputs: Sequence[ResolvedInput], mapped: int | None, bindings: dict[Any, Any]
    ) -> Flow:
        types = port.type
        if bindings:
            types = replace(types, item=substitute(types.item, bindings), header=substitute(types.header, bindings))
        if mapped is None:
            return Flow(types, port.streaming, method.task)
        around = inputs[mapped].flows[0].type
        return Flow(StreamType(types.item, around.header, around.footer), streaming=True)

    def _placement(self, step_id: str, method: Method) -> Placement:
        placement = self._graph.steps[step_id].definition.placement
        blocks = any(port.style == "iterable" for port in method.inputs)
        return Placement.THREAD if placement is Placement.INLINE and blocks else placement

    def _cost(self, step_id: str, step: ResolvedStep) -> tuple[int, bool]:
        """Prefer few adapters, then an output of the shape of the input, or a stream where readers only take streams."""
        cost = sum(fitting.cost for given in step.inputs for fitting in given.fittings)
        streams_in = any(flow.streaming for given in step.inputs for flow in given.flows)
        wanted = streams_in or self._readers_want_streams(step_id)
        return cost, any(flow.streaming != wanted for flow in step.outputs.values())

    def _readers_want_streams(self, step_id: str) -> bool:
        for edge in self._graph.edges_out_of(step_id):
            reader = self._graph.steps.get(edge.target.step)
            ports = [port for method in (reader.definition.methods if reader else ()) for port in method.inputs]
            if ports and all(port.streaming for port in ports):
                return True
        return False

    # ---- problems

    def _explain(self, step_id: str, methods: Sequence[Method], edges: Mapping[str, Sequence[Edge]]) -> None:
        """Add a problem for every edge that does not fit, as the first method sees it."""
        method = methods[0]
        for port in method.inputs:
            leading = edges.get(port.name) or (next(iter(edges.values()), ()) if len(method.inputs) == 1 else ())
            for edge in leading:
                flow = self._flow(edge, port, merged=len(leading) > 1)
                if flow is not None and fit_port(flow, port, method.task, edge.spec.adapt, {}) is None:
                    self._explain_edge(edge, flow, port, step_id)

    def _explain_edge(self, edge: Edge, flow: Flow, port: Port, step_id: str) -> None:
        writes, reads = _described(flow.type, flow.streaming), _described(port.type, port.streaming)
        message = f"{edge.source} writes {writes}, but port {port.name!r} of step {step_id!r} reads {reads}"
        code, hint = "type-mismatch", "put a step between the two that turns one into the other"
        if flow.type.mode != port.type.mode and flow.type.mode is not None and port.type.mode is not None:
            code = "mode-mismatch"
            message += f": {flow.type.mode}s are no {port.type.mode}s"
            hint = "declare a rule to_delta or to_snapshot on the stream type"
        elif edge.spec.adapt is not None:
            code = "no-adapter"
            message += f", which the adapter {edge.spec.adapt!r} cannot mend"
            hint = "leave out 'adapt', or declare the join or split on the step's task"
        self._problems.add(code, message, edge.path, hint)

    def _check_headers(self, step: ResolvedStep) -> None:
        for given in step.inputs:
            if not given.port.streaming:
                continue
            for part in ("header", "footer"):
                wanted = getattr(given.port.type, part)
                if wanted is not None:
                    self._check_frame(step, given, part, wanted)

    def _check_frame(self, step: ResolvedStep, given: ResolvedInput, part: str, wanted: Any) -> None:
        having = [
            (edge, getattr(flow.type, part))
            for edge, flow in zip(given.edges, given.flows, strict=True)
            if getattr(flow.type, part) is not None
        ]
        place = f"port {given.port.name!r} of step {step.id!r}"
        if not having:
            message = f"{place} reads a {part} {describe(wanted)}, but {given.edges[0].source} writes none"
            self._problems.add(f"{part}-mismatch", message, given.edges[0].path, f"read a stream that has a {part}")
        elif len(having) > 1:
            message = f"{place} reads one {part}, but {len(having)} of the streams that meet there have one"
            self._problems.add(f"merged-{part}s", message, having[1][0].path, f"drop the {part} of all but one of them")
        elif check(having[0][1], wanted) is Fit.NO:
            message = (
                f"{place} reads a {part} {describe(wanted)}, but {having[0][0].source} writes {describe(having[0][1])}"
            )
            self._problems.add(f"{part}-mismatch", message, having[0][0].path)

    def _check_placement(self, step: ResolvedStep) -> None:
        plain = step.method.call is Call.PLAIN and all(given.port.style == "value" for given in step.inputs)
        if step.placement is Placement.PROCESS and not plain:
            message = f"step {step.id!r} is marked cpu=True, but only a function of values that returns one can run in a process"
            hint = "return a list, or mark it blocking=True"
            self._problems.add("cpu-streams", message, self._path(step.id), hint)

    def _check_mapping(self, step: ResolvedStep) -> None:
        mapped = [given for given in step.inputs if given.adapter is Adapter.MAP]
        if len(mapped) > 1:
            names = " and ".join(repr(given.port.name) for given in mapped)
            message = f"step {step.id!r} would be mapped over two streams at once, on its ports {names}"
            hint = "give it one stream and values, or let it read both as Stream"
            self._problems.add("several-mapped", message, self._path(step.id), hint)
        own = [port for port in step.method.outputs if port.type.header is not None or port.type.footer is not None]
        if mapped and own:
            message = f"step {step.id!r} is mapped over a stream, so its own streams must have no header or footer"
            hint = "let it read the whole stream as Stream"
            self._problems.add("mapped-header", message, self._path(step.id), hint)

    def _path(self, step_id: str, *parts: str) -> tuple[str | int, ...]:
        index = list(self._graph.specs).index(step_id)
        return ("steps", index, *parts)


def _unbound(types: StreamType) -> StreamType:
    """Return the type of data from outside, which is checked as it comes."""
    return replace(types, mode=None, to_delta=None, to_snapshot=None)


def _described(types: StreamType, streaming: bool) -> str:  # noqa: FBT001 - a private helper with one caller's two values
    return f"a stream of {describe(types.item)}" if streaming else f"one {describe(types.item)}"
