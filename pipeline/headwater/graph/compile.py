"""Compiles a resolved graph to a plan: segments, channels, checks and the bound of items in flight."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from headwater.annotations import parameters, substitute
from headwater.config.conditions.condition import Condition
from headwater.config.policies.substeps import COMPENSATE, FALLBACK, substep_id
from headwater.errors import Problem
from headwater.graph.adaptation import fit_output, planned_merge
from headwater.graph.choices import edges_by_port
from headwater.graph.edges import PIPELINE_INPUT, PIPELINE_OUTPUT
from headwater.graph.plan import (
    Adapter,
    InputGroup,
    Plan,
    PlannedEdge,
    PlannedInput,
    PlannedOutput,
    PlannedStep,
)
from headwater.graph.segments import Segments, most_items_in_flight
from headwater.graph.step_policies import policies_of, remembering
from headwater.kinds.binding import callable_of
from headwater.kinds.task import Flavor
from headwater.shapes import is_object
from headwater.types.fit import Fit
from headwater.types.value_checkers import checker, class_checker, input_checker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from headwater.graph.adaptation import Fitting, Flow
    from headwater.graph.choices import Choice, ResolvedInput
    from headwater.graph.edges import Edge
    from headwater.graph.graph import Graph
    from headwater.graph.plan import StepPolicies
    from headwater.kinds.definition import BoundStep
    from headwater.streams.frames import StreamType

__all__ = ["CAPACITY_ITEMS", "compile_plan"]

CAPACITY_ITEMS = 256
"""Items that fit into a channel by default."""


def compile_plan(graph: Graph, choices: Mapping[str, Choice]) -> Plan:
    """Return the plan of a graph without problems, for which each step has a choice."""
    return _Compiler(graph, choices).plan()


@dataclass(frozen=True, slots=True)
class _StepTemplate:
    """The common parts of the plans of all steps of one choice; inputs and outputs still lack their edges."""

    flavor: Flavor
    needs_channels: bool
    inputs: tuple[PlannedInput, ...]
    outputs: tuple[PlannedOutput, ...]
    ports: tuple[str, ...]
    is_untyped: bool

    @classmethod
    def of(cls, choice: Choice) -> _StepTemplate:
        """Return the parts that depend on the choice alone."""
        return cls(
            flavor=Flavor((choice.streams_in, any(flow.streaming for flow in choice.outputs.values()))),
            # Also a stream made of a single value, or edges that meet.
            needs_channels=any(part.port.streaming or len(part.flows) > 1 for part in choice.inputs),
            inputs=tuple(_input(part, choice.bindings) for part in choice.inputs),
            outputs=tuple(_output(name, flow, choice) for name, flow in choice.outputs.items()),
            ports=tuple(part.port.name for part in choice.inputs),
            is_untyped=any(
                _is_untyped(*pair) for part in choice.inputs for pair in zip(part.flows, part.fittings, strict=True)
            ),
        )


class _Compiler:
    def __init__(self, graph: Graph, choices: Mapping[str, Choice]) -> None:
        self._graph = graph
        self._choices = choices
        self._templates: dict[int, _StepTemplate] = {}
        self._arrivals: dict[int, tuple[Flow, Fitting]] = {}
        self._segments = Segments(graph, {}, fuse=False)

    def plan(self) -> Plan:
        self._read_choices()
        flows = [self._flow(edge) for edge in self._graph.edges]
        streaming = (
            any(template.needs_channels for template in self._templates.values())
            or any(flow.streaming for flow in flows)
            or any(edge.spec.adapt is not None for edge in self._graph.outputs)  # a stream of one value
        )
        self._segments = Segments(self._graph, self._choices, fuse=streaming)
        edges = list(map(self._edge, self._graph.edges, flows))
        steps = [self._step(step_id, choice) for step_id, choice in self._choices.items()]
        return Plan(
            name=self._graph.name,
            steps=tuple(steps),
            edges=tuple(edges),
            segments=tuple(map(tuple, self._segments.steps)),
            inputs=self._input_groups(),
            outputs=tuple(edge.index for edge in edges if edge.target is None),
            output_names=tuple(map(self._output_name, self._graph.outputs)),
            unary=not streaming,
            worst_case_items=most_items_in_flight(self._segments.steps, edges, steps),
            warnings=(*self._warnings(), *self._segments.warnings()),
            remembering=remembering(self._graph.name, steps),
        )

    def _output_name(self, edge: Edge) -> str:
        """Return the name of an output, which depends on its own edge and step alone."""
        if edge.source is PIPELINE_INPUT or self._choices[edge.source.step].writes_only(edge.source.port):
            return edge.source.step
        return str(edge.source)

    def _read_choices(self) -> None:
        """Make the template of each choice, and note what each edge brings and how it is adapted."""
        for step_id, choice in self._choices.items():
            if id(choice) not in self._templates:
                self._templates[id(choice)] = _StepTemplate.of(choice)
            leading = edges_by_port(self._graph.edges_into(step_id), choice.method)
            for part in choice.inputs:
                for edge, flow, fitting in zip(leading[part.port.name], part.flows, part.fittings, strict=True):
                    self._arrivals[edge.index] = flow, fitting

    def _flow(self, edge: Edge) -> Flow:
        if edge.source is PIPELINE_INPUT:
            return self._arrivals[edge.index][0]
        return self._choices[edge.source.step].outputs[edge.source.port]

    def _edge(self, edge: Edge, flow: Flow) -> PlannedEdge:
        fused = edge.index in self._segments.fused
        capacity = 1 if edge.spec.on_full == "latest" else edge.spec.buffer or CAPACITY_ITEMS
        types, streaming = flow.type, flow.streaming
        if edge.target is PIPELINE_OUTPUT and edge.spec.adapt is not None:
            fitting = fit_output(flow, edge.spec.adapt)
            types, streaming = _adapted_output(flow, fitting)
        else:
            _, fitting = self._arrivals.get(edge.index, (flow, None))
        condition = edge.spec.when
        if condition is not None:
            condition.mismatches.locate(f"edge {edge.source.step} -> {edge.target.step}", condition.source)
        return PlannedEdge(
            index=edge.index,
            source=None if edge.source is PIPELINE_INPUT else edge.source.step,
            source_port=edge.source.port,
            target=None if edge.target is PIPELINE_OUTPUT else edge.target.step,
            target_port=edge.target.port,
            type=types,
            streaming=streaming,
            adapter=Adapter.NONE if fitting is None else fitting.adapter,
            rule=None if fitting is None else fitting.rule,
            capacity=0 if fused else capacity if streaming else 1,
            condition=None if condition is None else condition.test,
            select=None if condition is None else condition.select,
            condition_text=None if condition is None else condition.source,
            fused=fused,
            capacity_bytes=edge.spec.buffer_bytes if streaming else None,
            on_full=(edge.spec.on_full or "wait") if streaming else "wait",
        )

    def _step(self, step_id: str, choice: Choice) -> PlannedStep:
        spec, bound, template = self._graph.specs[step_id], self._graph.steps[step_id], self._templates[id(choice)]
        for param in (*bound.arguments.values(), *getattr(bound.instance, "__dict__", {}).values()):
            for condition in param.values() if is_object(param) else (param,):
                if isinstance(condition, Condition):
                    condition.mismatches.locate(f"step {step_id!r}", bound.params)
        return PlannedStep(
            id=step_id,
            bound=bound,
            method=choice.method,
            flavor=template.flavor,
            mapped=choice.mapped,
            inputs=self._inputs(step_id, choice, template),
            outputs=self._outputs(step_id, template),
            placement=choice.placement,
            concurrency=spec.concurrency,
            ordered=spec.ordered,
            timeout_s=None if spec.timeout is None else spec.timeout.total_s,
            inline=spec.inline,
            skippable=choice.skippable,
            policies=self._policies(step_id, choice) if choice.method.batched or spec.has_policies else None,
            call=_call(bound, choice),
        )

    def _policies(self, step_id: str, choice: Choice) -> StepPolicies | None:
        spec, bound = self._graph.specs[step_id], self._graph.steps[step_id]
        fallback = compensate = None
        if choice.fallback is not None:
            inputs = self._inputs(step_id, choice.fallback, _StepTemplate.of(choice.fallback))
            fallback = self._substep(substep_id(step_id, FALLBACK), choice.fallback)
            fallback = replace(fallback, inputs=inputs, outputs=self._outputs(step_id, self._templates[id(choice)]))
        if choice.compensate is not None:
            compensate = self._substep(substep_id(step_id, COMPENSATE), choice.compensate)
        return policies_of(
            spec,
            of_units=choice.is_of_units,
            is_batched=choice.method.batched,
            replays=bound.definition.resume == "replay",
            fallback=fallback,
            compensate=compensate,
        )

    def _substep(self, step_id: str, choice: Choice) -> PlannedStep:
        """Return a step in the policies of another one."""
        bound, template = self._graph.substeps[step_id], _StepTemplate.of(choice)
        return PlannedStep(
            id=step_id,
            bound=bound,
            method=choice.method,
            flavor=template.flavor,
            mapped=choice.mapped,
            inputs=template.inputs,
            outputs=template.outputs,
            placement=choice.placement,
            call=_call(bound, choice),
        )

    def _inputs(self, step_id: str, choice: Choice, template: _StepTemplate) -> tuple[PlannedInput, ...]:
        leading = edges_by_port(self._graph.edges_into(step_id), choice.method)
        return tuple([self._input(part, leading[part.port.name]) for part in template.inputs])

    def _input(self, part: PlannedInput, edges: Sequence[Edge]) -> PlannedInput:
        indexes = tuple([edge.index for edge in edges])
        merge = None
        if len(edges) > 1:
            flows = [self._arrivals[index][0] for index in indexes]
            merge = planned_merge(self._graph.merge(edges[0].target), indexes, flows)
        return replace(part, edges=indexes, merge=merge)

    def _outputs(self, step_id: str, template: _StepTemplate) -> tuple[PlannedOutput, ...]:
        edges = self._graph.edges_out_of(step_id)
        return tuple([_joined(part, edges) for part in template.outputs])

    def _input_groups(self) -> tuple[InputGroup, ...]:
        """Group the input edges: written ones share one input, each implied one has its own."""
        groups: dict[str, list[int]] = {}
        readers = Counter(edge.target.step for edge in self._graph.inputs if not _is_written(edge))
        for edge in self._graph.inputs:
            step = edge.target.step
            name = "input" if _is_written(edge) else str(edge.target) if readers[step] > 1 else step
            groups.setdefault(name, []).append(edge.index)
        return tuple(InputGroup(name, tuple(indexes)) for name, indexes in groups.items())

    def _warnings(self) -> Iterator[Problem]:
        for step_id, choice in self._choices.items():
            if self._templates[id(choice)].is_untyped:
                leading = edges_by_port(self._graph.edges_into(step_id), choice.method)
                for edge in [edge for part in choice.inputs for edge in leading[part.port.name]]:
                    if edge.source is not PIPELINE_INPUT and _is_untyped(*self._arrivals[edge.index]):
                        message = (
                            f"the type of {edge.source} is Any, so each item is checked when it reaches {edge.target}"
                        )
                        yield Problem("untyped-edge", message, hint="annotate the step's output")


def _call(bound: BoundStep, choice: Choice) -> Callable[..., Any] | None:
    """Return the function of a step that needs nothing of an execution."""
    if choice.method.context is not None or bound.definition.has_lifespan:
        return None
    return callable_of(bound, choice.method, ports=[given.port.name for given in choice.inputs])


def _input(part: ResolvedInput, bindings: Mapping[Any, Any]) -> PlannedInput:
    """Return an input without its edges."""
    types, checks = part.port.type, part.port.streaming
    item = substitute(types.item, bindings) if bindings else types.item
    return PlannedInput(
        port=part.port,
        edges=(),
        check=input_checker(item) if part.from_outside or not part.proven else None,
        header_check=checker(types.header) if checks and types.header is not None else None,
        footer_check=checker(types.footer) if checks and types.footer is not None else None,
        skippable=part.skippable,
    )


def _output(name: str, flow: Flow, choice: Choice) -> PlannedOutput:
    """Return an output without its edges."""
    own = choice.mapped is None and flow.streaming
    port = next((port for port in choice.method.outputs if port.name == name), None)  # none for `errors`
    checker_of = class_checker if port is not None and parameters(port.type.item) else checker
    return PlannedOutput(
        name=name,
        type=flow.type,
        streaming=flow.streaming,
        edges=(),
        items=checker_of(flow.type.item),
        header=checker(flow.type.header) if own and flow.type.header is not None else None,
        footer=checker(flow.type.footer) if own and flow.type.footer is not None else None,
        required=port is not None and port.required,
    )


def _adapted_output(flow: Flow, fitting: Fitting | None) -> tuple[StreamType, bool]:
    """Return what an output of the pipeline is behind its adapter, and whether that is a stream."""
    if fitting is None or fitting.adapter is Adapter.NONE:
        return flow.type, flow.streaming
    return fitting.type or flow.type, not flow.streaming


def _joined(part: PlannedOutput, edges: Sequence[Edge]) -> PlannedOutput:
    """Return an output with its edges."""
    name = part.name
    indexes = tuple([edge.index for edge in edges if edge.source.port == name])
    return PlannedOutput(name, part.type, part.streaming, indexes, part.items, part.header, part.footer, part.required)


def _is_untyped(flow: Flow, fitting: Fitting) -> bool:
    return fitting.fit is Fit.UNSURE and flow.type.item is Any


def _is_written(edge: Edge) -> bool:
    """Return whether an edge is written in the document, not implied."""
    return edge.path[:1] == ("edges",)
