"""From a resolved graph to a plan: segments, channels, checks and the bound of what can be in flight."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from headwater.errors import Problem
from headwater.graph.checkers import checker as make_checker
from headwater.graph.plan import Adapter, InputGroup, Plan, PlannedEdge, PlannedInput, PlannedOutput, PlannedStep
from headwater.graph.resolve import ResolvedInput, ResolvedStep, resolve
from headwater.graph.annotations import substitute
from headwater.graph.types import Fit
from headwater.step.binding import callable_of
from headwater.step.definition import Call, Flavor, Placement
from headwater.streams.grammar import Checker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headwater.config.problems import Problems
    from headwater.graph.fitting import Flow
    from headwater.graph.graph import Edge, Graph

__all__ = ["CAPACITY_ITEMS", "checker_of", "compile_plan"]

CAPACITY_ITEMS = 256
"""Items that fit into a channel when the document does not say."""

_UNIT_ITEMS = 64


def compile_plan(graph: Graph, problems: Problems, *, stream_input: bool = False) -> Plan:
    """Make the plan of a graph.

    Args:
        graph: The structure, checked.
        problems: Where problems are added; the plan is of use only when there are none.
        stream_input: Whether the pipeline's input is a stream also where a port takes one value.

    Returns:
        The plan.
    """
    return _Compiler(graph, resolve(graph, problems, stream_input=stream_input)).plan()


@lru_cache(maxsize=4096)
def _checker_of(annotation: Any) -> Checker:
    made = make_checker(annotation)
    return Checker(object if made.expected is None else made.expected, made.coerce)


def checker_of(annotation: Any) -> Checker:
    """Return the run-time check of a type, the same object for the same type where that is possible."""
    try:
        return _checker_of(annotation)
    except TypeError:  # an annotation that cannot be hashed
        return _checker_of.__wrapped__(annotation)


class _Compiler:
    def __init__(self, graph: Graph, resolved: Mapping[str, ResolvedStep]) -> None:
        self._graph = graph
        self._resolved = resolved
        self._segments: list[list[str]] = []
        self._segment_of: dict[str, list[str]] = {}
        self._fused: set[int] = set()

    def plan(self) -> Plan:
        given = {edge.index: part for step in self._resolved.values() for part in step.inputs for edge in part.edges}
        edges = [edge for edge in self._graph.edges if self._known(edge)]
        flows = {edge.index: self._flow(edge, given) for edge in edges}
        streams_in = any(part.port.streaming for part in given.values())  # also when it is made of one value
        streaming = streams_in or any(flow.streaming for flow in flows.values())
        for step in self._resolved.values():
            self._place(step, fuse=streaming)
        planned = [self._edge(edge, flows[edge.index], given.get(edge.index), place) for place, edge in enumerate(edges)]
        places = {edge.index: place for place, edge in enumerate(edges)}
        steps = [self._step(step, places) for step in self._resolved.values()]
        return Plan(
            name=self._graph.name,
            steps=tuple(steps),
            edges=tuple(planned),
            segments=tuple(map(tuple, self._segments)),
            inputs=self._input_groups(places),
            outputs=tuple(edge.index for edge in planned if edge.target is None),
            output_names=_output_names([edge for edge in planned if edge.target is None]),
            unary=not streaming,
            worst_case_items=self._worst_case(planned, steps),
            warnings=tuple(self._warnings()),
        )

    def _known(self, edge: Edge) -> bool:
        """Whether both ends were resolved; only a plan with problems has others."""
        return all(end.step in self._resolved or end.step in {"input", "output"} for end in (edge.source, edge.target))

    def _flow(self, edge: Edge, given: Mapping[int, ResolvedInput]) -> Flow:
        if edge.source.step in self._resolved:
            return self._resolved[edge.source.step].outputs[edge.source.port]
        part = given[edge.index]
        return part.flows[part.edges.index(edge)]

    # ---- segments

    def _place(self, step: ResolvedStep, *, fuse: bool) -> None:
        segment = self._upstream_segment(step) if fuse else None
        if segment is None:
            segment = []
            self._segments.append(segment)
        else:
            self._fused.add(step.inputs[0].edges[0].index)
        segment.append(step.id)
        self._segment_of[step.id] = segment

    def _upstream_segment(self, step: ResolvedStep) -> list[str] | None:
        """Return the segment that the step is fused into, or None when it needs a channel before it."""
        if not self._is_stage(step) or len(step.inputs) != 1 or len(step.inputs[0].edges) != 1:
            return None
        edge = step.inputs[0].edges[0]
        writer = self._resolved.get(edge.source.step)
        if writer is None or edge.spec.when is not None or len(self._graph.edges_out_of(writer.id)) != 1:
            return None
        segment = self._segment_of[writer.id]
        head = self._resolved[segment[0]]
        expands = step.method.call is Call.GENERATOR
        if self._is_alone(writer) or (expands and _is_per_item(head, self._graph.specs[head.id].concurrency)):
            return None
        return segment

    def _is_stage(self, step: ResolvedStep) -> bool:
        """Whether a step is plain code of one item, so that it can run inside the segment upstream."""
        plain = step.method.call in {Call.PLAIN, Call.GENERATOR} and step.placement is Placement.INLINE
        return plain and step.mapped is not None and not self._is_alone(step)

    def _is_alone(self, step: ResolvedStep) -> bool:
        return len(step.outputs) > 1 or self._graph.specs[step.id].timeout is not None

    # ---- parts of the plan

    def _edge(self, edge: Edge, flow: Flow, given: ResolvedInput | None, place: int) -> PlannedEdge:
        fused = edge.index in self._fused
        capacity = edge.spec.buffer or CAPACITY_ITEMS
        fitting = given.fittings[given.edges.index(edge)] if given is not None else None
        condition = edge.spec.when
        own = {"input": None, "output": None}
        return PlannedEdge(
            index=place,
            source=own.get(edge.source.step, edge.source.step),
            source_port=edge.source.port,
            target=own.get(edge.target.step, edge.target.step),
            target_port=edge.target.port,
            type=flow.type,
            streaming=flow.streaming,
            adapter=Adapter.NONE if fitting is None else fitting.adapter,
            rule=None if fitting is None else fitting.rule,
            capacity=0 if fused else capacity if flow.streaming else 1,
            condition=None if condition is None else condition.test,
            condition_text=None if condition is None else condition.source,
            fused=fused,
        )

    def _step(self, step: ResolvedStep, places: Mapping[int, int]) -> PlannedStep:
        spec = self._graph.specs[step.id]
        streams_in = any(flow.streaming for part in step.inputs for flow in part.flows)
        streams_out = any(flow.streaming for flow in step.outputs.values())
        bound = self._graph.steps[step.id]
        needs_scope = step.method.context is not None or bound.definition.has_lifespan
        return PlannedStep(
            id=step.id,
            bound=bound,
            method=step.method,
            flavor=Flavor((streams_in, streams_out)),
            mapped=step.mapped,
            inputs=tuple(self._input(step, part, places) for part in step.inputs),
            outputs=tuple(self._output(step, name, flow, places) for name, flow in step.outputs.items()),
            placement=step.placement,
            concurrency=spec.concurrency,
            timeout_s=None if spec.timeout is None else spec.timeout.total_s,
            inline=spec.inline,
            skippable=step.skippable,
            call=None if needs_scope else callable_of(bound, step.method, ports=[part.port.name for part in step.inputs]),
        )

    def _input(self, step: ResolvedStep, part: ResolvedInput, places: Mapping[int, int]) -> PlannedInput:
        types, checks = part.port.type, part.port.streaming
        from_outside = any(edge.source.step == "input" for edge in part.edges)
        return PlannedInput(
            port=part.port,
            edges=tuple(places[edge.index] for edge in part.edges),
            merge=self._graph.merge_policy(part.edges[0].target) if len(part.edges) > 1 else None,
            check=checker_of(self._bound(step, types.item)) if from_outside or not part.proven else None,
            header_check=checker_of(types.header) if checks and types.header is not None else None,
            footer_check=checker_of(types.footer) if checks and types.footer is not None else None,
        )

    def _bound(self, step: ResolvedStep, annotation: Any) -> Any:
        return substitute(annotation, step.bindings) if step.bindings else annotation

    def _output(self, step: ResolvedStep, name: str, flow: Flow, places: Mapping[int, int]) -> PlannedOutput:
        edges = [edge for edge in self._graph.edges_out_of(step.id) if edge.source.port == name and edge.index in places]
        own = step.mapped is None and flow.streaming
        return PlannedOutput(
            name=name,
            type=flow.type,
            streaming=flow.streaming,
            edges=tuple(places[edge.index] for edge in edges),
            items=checker_of(flow.type.item),
            header=checker_of(flow.type.header) if own and flow.type.header is not None else None,
            footer=checker_of(flow.type.footer) if own and flow.type.footer is not None else None,
        )

    def _input_groups(self, places: Mapping[int, int]) -> tuple[InputGroup, ...]:
        """Group the input edges: those that the document writes share one input, each implied one is its own."""
        groups: dict[str, list[int]] = {}
        implied = [edge for edge in self._graph.inputs if edge.path[:1] != ("edges",)]
        readers = [edge.target.step for edge in implied]
        for edge in self._graph.inputs:
            if edge.index in places:
                name = str(edge.target) if readers.count(edge.target.step) > 1 else edge.target.step
                groups.setdefault(name if edge in implied else "input", []).append(places[edge.index])
        return tuple(InputGroup(name, tuple(indexes)) for name, indexes in groups.items())

    # ---- figures

    def _worst_case(self, edges: list[PlannedEdge], steps: list[PlannedStep]) -> int:
        """Count what channels hold, what their readers have in hand, and what writers are about to hand over."""
        buffered = sum(2 * edge.capacity for edge in edges if edge.capacity)
        slices = 0
        by_id = {step.id: step for step in steps}
        for segment in self._segments:
            capacities = [edges[index].capacity for output in by_id[segment[-1]].outputs for index in output.edges]
            slices += max(capacities, default=1)
        pools = sum(2 * _UNIT_ITEMS * step.concurrency for step in steps if step.concurrency > 1)
        return buffered + slices + pools

    def _warnings(self) -> list[Problem]:
        found: list[Problem] = []
        for step in self._resolved.values():
            for part in step.inputs:
                for edge, flow, fitting in zip(part.edges, part.flows, part.fittings, strict=True):
                    if fitting.fit is Fit.UNSURE and edge.source.step != "input" and flow.type.item is Any:
                        message = f"the type of {edge.source} is Any, so each item is checked when it comes to {edge.target}"
                        found.append(Problem("untyped-edge", message, hint="annotate the step's output"))
        return found


def _output_names(edges: list[PlannedEdge]) -> tuple[str, ...]:
    counts = Counter(edge.source for edge in edges)
    names = [f"{edge.source}.{edge.source_port}" if counts[edge.source] > 1 else edge.source for edge in edges]
    return tuple(name or "input" for name in names)


def _is_per_item(head: ResolvedStep, concurrency: int) -> bool:
    """Whether a segment that starts with this step hands over item by item, not in batches."""
    call = head.method.call
    return head.placement is Placement.INLINE and (
        call is Call.ASYNC_GENERATOR or (call is Call.COROUTINE and head.mapped is not None and concurrency == 1)
    )
