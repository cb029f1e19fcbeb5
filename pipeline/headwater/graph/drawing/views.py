"""The nodes and edges of a drawing of a plan, as strings for every style of drawing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from headwater.annotations import describe
from headwater.display import json_line
from headwater.graph.edges import PIPELINE_INPUT, PIPELINE_OUTPUT
from headwater.ids import PATH_SEPARATOR
from headwater.kinds.definition import Placement

if TYPE_CHECKING:
    from headwater.graph.plan import Plan, PlannedEdge, PlannedStep

__all__ = ["EdgeView", "NodeView", "Shape", "plan_views"]

Shape = Literal["step", "source", "sink", "end"]
"""What a node stands for: a step, a step that only writes or only reads, an end of the pipeline itself."""

_PLACES = {
    Placement.INLINE: "in the event loop",
    Placement.THREAD: "in a worker thread",
    Placement.PROCESS: "in a worker process",
}


@dataclass(frozen=True, slots=True)
class NodeView:
    """One node of a drawing."""

    id: str
    label: str
    shape: Shape = "step"
    note: str = ""


@dataclass(frozen=True, slots=True)
class EdgeView:
    """One edge of a drawing."""

    source: str
    target: str
    label: str = ""
    condition: str = ""
    source_port: str = ""
    target_port: str = ""
    merge: str = ""
    note: str = ""
    streaming: bool = False
    fused: bool = False
    nested: bool = False
    name: str = ""


def plan_views(plan: Plan) -> tuple[list[NodeView], list[EdgeView]]:
    """Return the nodes and edges of a drawing of a plan."""
    names = dict(zip(plan.outputs, _output_ids(plan), strict=True))
    first = [_end(PIPELINE_INPUT.step, PIPELINE_INPUT.step)] if plan.inputs else []
    last = [_end(name, PIPELINE_OUTPUT.step) for name in names.values()]
    steps = {step.id: step for step in plan.steps}
    edges = [_edge(edge, steps, names.get(edge.index, "")) for edge in plan.edges]
    inner_nodes, inner_edges = _inside(plan)
    return [*first, *map(_node, plan.steps), *inner_nodes, *last], edges + inner_edges


def _inside(plan: Plan, path: str = "") -> tuple[list[NodeView], list[EdgeView]]:
    """Return the steps of nested pipelines by their paths, each reached from the step that runs it."""
    nodes: list[NodeView] = []
    edges: list[EdgeView] = []
    for outer in plan.steps:
        if (inner := outer.nested) is not None:
            around, under = path + outer.id, f"{path}{outer.id}{PATH_SEPARATOR}"
            steps = {step.id: step for step in inner.steps}
            nodes += [_at_path(_node(step), under) for step in inner.steps]
            fed = {edge.target for edge in inner.edges if edge.source is not None}
            edges += [
                EdgeView(around, under + step, "runs", note="its nested pipeline", nested=True)
                for step in steps
                if step not in fed
            ]
            between = [edge for edge in inner.edges if edge.source is not None and edge.target is not None]
            edges += [_edge_at_path(_edge(edge, steps, ""), under) for edge in between]
            more_nodes, more_edges = _inside(inner, under)
            nodes += more_nodes
            edges += more_edges
    return nodes, edges


def _at_path(node: NodeView, path: str) -> NodeView:
    return replace(node, id=path + node.id, label=path + node.label)


def _edge_at_path(edge: EdgeView, path: str) -> EdgeView:
    return replace(edge, source=path + edge.source, target=path + edge.target)


def _output_ids(plan: Plan) -> list[str]:
    """Return the ids of the nodes of outputs; no step has such an id."""
    several = len(plan.outputs) > 1
    return [f"{PIPELINE_OUTPUT.step} {name}" if several else PIPELINE_OUTPUT.step for name in plan.output_names]


def _end(id: str, label: str) -> NodeView:
    return NodeView(id, label, "end", f"the pipeline's {id}")


def _node(step: PlannedStep) -> NodeView:
    writes = any(output.edges for output in step.outputs)
    shape: Shape = "source" if not step.inputs else "step" if writes else "sink"
    flavor = step.flavor.name.lower().replace("_", " -> ")
    return NodeView(step.id, f"{step.id}\n{step.kind}", shape, f"{flavor}, {_PLACES[step.placement]}")


def _edge(edge: PlannedEdge, steps: dict[str, PlannedStep], output: str) -> EdgeView:
    writer, reader = steps.get(edge.source or ""), steps.get(edge.target or "")
    type_name = describe(edge.type.item)
    condition = "" if edge.condition is None else json_line(edge.condition_text)
    met = [given.merge for given in reader.inputs if edge.index in given.edges] if reader is not None else []
    merge = met[0].policy if met and met[0] is not None else ""
    return EdgeView(
        source=edge.source or PIPELINE_INPUT.step,
        target=edge.target or output,
        label=type_name,
        name=edge.name,
        condition=condition,
        source_port=edge.source_port
        if writer is not None and sum(bool(one.edges) for one in writer.outputs) > 1
        else "",
        target_port=edge.target_port if reader is not None and len(reader.inputs) > 1 else "",
        merge=merge,
        note=_note(edge, type_name, condition, merge),
        streaming=edge.streaming,
        fused=edge.fused,
    )


def _note(edge: PlannedEdge, type_name: str, condition: str, merge: str) -> str:
    flows = f"stream of {type_name}" if edge.streaming else type_name
    capacity = f"at most {edge.capacity:,} waiting" if edge.capacity else "no buffer" if edge.fused else ""
    capacity += f", {edge.capacity_bytes:,} bytes" if edge.capacity_bytes is not None else ""
    capacity += ", others are dropped" if edge.on_full != "wait" else ""
    parts = (flows, condition and f"when {condition}", capacity, merge and f"merged by {merge}")
    return ", ".join(filter(None, parts))
