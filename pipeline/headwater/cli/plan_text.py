"""What `headwater plan` and `headwater graph` print: a plan in columns, as JSON, and as a drawing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from headwater.annotations import describe
from headwater.cli.analysis_text import analysis_object, analysis_text
from headwater.cli.policy_text import objective_rows, policies_object, policy_rows
from headwater.cli.terminal import encodable, styled
from headwater.display import columns, json_printable, plural, printable
from headwater.errors import HeadwaterError
from headwater.graph.drawing.draw import draw
from headwater.graph.drawing.views import plan_views
from headwater.graph.plan import Adapter
from headwater.graph.step_policies import batch_of
from headwater.ids import PATH_SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headwater.config.policies.service_objectives import SloSpec
    from headwater.graph.analysis import Analysis
    from headwater.graph.drawing.draw import DrawingStyle
    from headwater.graph.plan import Plan, PlannedEdge, PlannedMerge, PlannedStep
    from headwater.streams.frames import StreamType

__all__ = ["graph_text", "plan_json", "plan_summary", "plan_text", "type_text"]

_ADAPTERS = {
    Adapter.NONE: "",
    Adapter.ONE: "as a stream of one item",
    Adapter.MAP: "map: one item at a time",
    Adapter.COLLECT: "collect into a list, holds all items",
    Adapter.JOIN: "join, holds all items",
    Adapter.SPLIT: "split",
    Adapter.TO_DELTA: "snapshots to deltas",
    Adapter.TO_SNAPSHOT: "deltas to snapshots",
}


_ON_FULL = {"wait": "", "drop_oldest": "drops the oldest when full", "latest": "keeps the latest"}


def plan_summary(plan: Plan) -> str:
    """Return the size of a plan in one line."""
    sizes = f"{plural(len(plan.steps), 'step')}, {plural(len(plan.edges), 'edge')}"
    if plan.worst_case_items is not None:
        return f"{sizes}, at most {plural(plan.worst_case_items, 'item')} in flight"
    if not plan.gathered:
        inside = next(step for step in plan.steps if step.nested is not None and step.nested.worst_case_items is None)
        return f"{sizes}, items in flight unbounded inside of step {inside.id!r}"
    first, *others = plan.gathered
    reader = "the output" if first.target is None else f"step {first.target!r}"
    more = f", and {plural(len(others), 'edge')} more {'is' if len(others) == 1 else 'are'} gathered" if others else ""
    return f"{sizes}, items in flight unbounded: {reader} holds all of '{first.name}'{more}"


def plan_text(plan: Plan, analysis: Analysis | None = None, *, slo: SloSpec | None = None) -> str:
    """Return a plan as lines: the steps, the edges, the steps that run as one, the warnings, and an analysis."""
    analyzed = [] if analysis is None else [analysis_text(analysis)]
    levels = [] if slo is None else ["", *_table(objective_rows(slo))]
    return "\n".join([*chain.from_iterable(_sections(plan)), *levels, *analyzed])


def _sections(plan: Plan) -> Iterator[list[str]]:
    yield [f"{_bold(printable(plan.name))}: {plan_summary(plan)}"]
    rows = [["step", "kind", "flavor", "runs in", ""], *_step_rows(plan)]
    yield ["", *_table(rows)]
    if policies := [row for step in plan.steps for row in policy_rows(step)]:
        yield ["", *_table([["policies of", "", ""], *policies])]
    if plan.edges:
        rows = [["edge", "", "", "carries", "capacity", ""], *_edge_rows(plan)]
        yield ["", *_table(rows)]
    fused = [segment for segment in plan.segments if len(segment) > 1]
    if fused:
        yield ["", "  run as one, without a buffer between them:", *(f"    {' + '.join(segment)}" for segment in fused)]
    if plan.unary:
        yield ["", "  every edge carries a single value: the steps are called in order, without buffers"]
    if plan.warnings:
        yield ["", *(f"  warning: {warning}" for warning in plan.warnings)]


def _step_rows(plan: Plan, path: str = "") -> Iterator[list[str]]:
    """Yield a row for each step, those of a nested pipeline below the step that holds it, by their paths."""
    for step in plan.steps:
        step_id, *cells = _step_row(step, plan.edges)
        yield [path + step_id, *cells]
        if step.nested is not None:
            yield from _step_rows(step.nested, f"{path}{step.id}{PATH_SEPARATOR}")


def _edge_rows(plan: Plan, path: str = "") -> Iterator[list[str]]:
    """Yield a row for each edge, then those of nested pipelines, by the paths of their steps."""
    for edge in _in_order(plan):
        source, arrow, target, *cells = _edge_row(edge)
        yield [path + source, arrow, path + target, *cells]
    for step in plan.steps:
        if step.nested is not None:
            yield from _edge_rows(step.nested, f"{path}{step.id}{PATH_SEPARATOR}")


def _table(rows: list[list[str]]) -> list[str]:
    heading, *lines = columns(rows, indent="  ")
    return [styled(heading, "dim", stream=sys.stdout), *lines]


def _bold(text: str) -> str:
    return styled(text, "bold", stream=sys.stdout)


def _step_row(step: PlannedStep, edges: Sequence[PlannedEdge]) -> list[str]:
    notes = [
        _at_a_time(step),
        f"at most {step.timeout_s:g} s" if step.timeout_s is not None else "",
        "may be skipped" if step.skippable else "",
        *(f"{given.port.name}: {_merge_text(given.merge, edges)}" for given in step.inputs if given.merge is not None),
    ]
    return [step.id, step.kind, _flavor(step), step.placement.value, ", ".join(filter(None, notes))]


def _at_a_time(step: PlannedStep) -> str:
    what = "batches" if batch_of(step) is not None else "items"
    many = f"{step.concurrency} {what} at a time" if step.concurrency > 1 else ""
    return many if step.ordered else f"{many or 'results'} in any order"


def _merge_text(merge: PlannedMerge, edges: Sequence[PlannedEdge]) -> str:
    """Return how edges meet, with the edges whose header and footer pass."""
    options = [f"unequal: {merge.unequal}"] if merge.unequal is not None else []
    options += [f"pad: {_compact(merge.pad)}"] if merge.unequal == "pad" else []
    for part, indexes in (("header", merge.headers), ("footer", merge.footers)):
        sources = [_end(edges[index].source, edges[index].source_port, "input") for index in indexes]
        options += [f"{part} of {' or '.join(sources)}"] if sources else []
    return merge.policy + (f" ({', '.join(options)})" if options else "")


def _flavor(step: PlannedStep) -> str:
    reads, _, writes = step.flavor.name.lower().partition("_")
    return f"{reads if step.inputs else 'source'} -> {writes}"


def _in_order(plan: Plan) -> list[PlannedEdge]:
    """Return the edges in the order of the data, those from the input of the pipeline first."""
    places = {step.id: place for place, step in enumerate(plan.steps)}
    return sorted(plan.edges, key=lambda edge: -1 if edge.source is None else places[edge.source])


def _edge_row(edge: PlannedEdge) -> list[str]:
    flows = "stream of " if edge.streaming else ""
    capacity = str(edge.capacity) if edge.capacity else "fused" if edge.fused else "-"
    notes = [
        _ADAPTERS[edge.adapter],
        "" if edge.condition is None else f"when {_compact(edge.condition_text)}",
        "" if edge.capacity_bytes is None else f"at most {plural(edge.capacity_bytes, 'byte')}",
        _ON_FULL[edge.on_full],
    ]
    return [
        _end(edge.source, edge.source_port, "input"),
        "->",
        _end(edge.target, edge.target_port, "output"),
        flows + type_text(edge.type),
        capacity,
        ", ".join(filter(None, notes)),
    ]


def _end(step: str | None, port: str, outside: str) -> str:
    """Return the name of an end of an edge; the only port of a step need not be named."""
    if step is None:
        return outside
    return step if port in {"out", "in"} else f"{step}.{port}"


def type_text(type_: StreamType) -> str:
    """Return what flows, as it is written in Python.

    Example:
        >>> from headwater.streams.frames import StreamType
        >>> type_text(StreamType(str, header=int, mode="delta"))
        'str (header int, deltas)'
    """
    frames = ((type_.header, "header"), (type_.footer, "footer"))
    parts = [f"{name} {describe(annotation)}" for annotation, name in frames if annotation is not None]
    if type_.mode is not None:
        parts.append(f"{type_.mode}s")
    return describe(type_.item) + (f" ({', '.join(parts)})" if parts else "")


def _compact(value: Any) -> str:
    return json_printable(to_json(value).decode())


def graph_text(plan: Plan, style: DrawingStyle) -> str:
    """Return a drawing of a plan; text is styled if standard output is a terminal."""
    try:
        if style != "text":
            return draw(plan, style).rstrip("\n")
        from headwater.graph.drawing.rails import drawing

        text = drawing(*plan_views(plan), bold=_bold, dim=lambda part: styled(part, "dim", stream=sys.stdout))
        return encodable(text.rstrip("\n"), sys.stdout)
    except ValueError as error:
        raise HeadwaterError(f"the picture would be too large: {error}; --dot has no limit") from None


def plan_json(plan: Plan, analysis: Analysis | None = None, *, slo: SloSpec | None = None) -> str:
    """Return a plan as a JSON object, with an analysis; types are written as in Python."""
    analyzed = {} if analysis is None else {"analysis": analysis_object(analysis)}
    document = {**_plan_object(plan), "slo": None if slo is None else slo.targets, **analyzed}
    return json_printable(to_json(document, indent=2).decode())


def _plan_object(plan: Plan) -> dict[str, Any]:
    return {
        "name": plan.name,
        "steps": [_step_object(step) for step in plan.steps],
        "edges": [_edge_object(edge) for edge in plan.edges],
        "segments": plan.segments,
        "inputs": [{"name": group.name, "edges": group.edges} for group in plan.inputs],
        "outputs": plan.outputs,
        "unary": plan.unary,
        "worst_case_items": plan.worst_case_items,
        "warnings": plan.warnings,
    }


def _step_object(step: PlannedStep) -> dict[str, Any]:
    return {
        "id": step.id,
        "kind": step.kind,
        **({} if step.nested is None else {"nested": _plan_object(step.nested)}),
        "flavor": step.flavor.name.lower(),
        "placement": step.placement.value,
        "concurrency": step.concurrency,
        "ordered": step.ordered,
        "timeout_s": step.timeout_s,
        "policies": policies_object(step.policies),
        "inline": step.inline,
        "skippable": step.skippable,
        "inputs": [
            {
                "port": given.port.name,
                "edges": given.edges,
                "merge": None if given.merge is None else given.merge.policy,
                **({} if given.merge is None else _merge_options(given.merge)),
                "mapped": index == step.mapped,
            }
            for index, given in enumerate(step.inputs)
        ],
        "outputs": [
            {"port": output.name, "edges": output.edges, **_type_object(output.type)} for output in step.outputs
        ],
    }


def _merge_options(merge: PlannedMerge) -> dict[str, Any]:
    options = {} if merge.unequal is None else {"unequal": merge.unequal}
    padding = {"pad": merge.pad} if merge.unequal == "pad" else {}
    return {**options, **padding, "headers_of": merge.headers, "footers_of": merge.footers}


def _edge_object(edge: PlannedEdge) -> dict[str, Any]:
    source, _, target = edge.name.partition(" -> ")
    return {
        "from": source,
        "to": target,
        **_type_object(edge.type),
        "streaming": edge.streaming,
        "adapter": edge.adapter.value,
        "capacity": edge.capacity,
        "capacity_bytes": edge.capacity_bytes,
        "on_full": edge.on_full,
        "fused": edge.fused,
        "when": edge.condition_text,
    }


def _type_object(type_: StreamType) -> dict[str, Any]:
    types = {"item": type_.item, "header": type_.header, "footer": type_.footer}
    named = {key: describe(annotation) for key, annotation in types.items() if annotation is not None}
    return {**named, "mode": type_.mode} if type_.mode is not None else named
