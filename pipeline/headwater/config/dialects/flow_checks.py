"""What has to hold in the old document, checked before it is translated, so that problems have their place there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

import networkx as nx

from headwater.config.dialects.references import Reference, UnknownReferenceError, parameters_in, references_in
from headwater.ids import NAME_PATTERN, NAME_WORDS
from headwater.shapes import is_list, is_object

if TYPE_CHECKING:
    from headwater.config.dialects.flow_document import Flow, FlowPath, FlowStep
    from headwater.config.problems import JsonPath, Problems

__all__ = ["check_condition", "check_flow"]


def check_flow(flow: Flow, problems: Problems) -> None:
    """Report names that have no counterpart, parameters that are not declared, and inputs from later steps."""
    for name in flow.parameters:
        if not NAME_PATTERN.fullmatch(name):
            problems.add("cannot-import", f"the parameter {name!r} needs {NAME_WORDS}", ("parameters",))
    for step in flow.steps.values():
        if not NAME_PATTERN.fullmatch(step.id) or step.id in {"input", "output"}:
            problems.add("cannot-import", f"the id {step.id!r} of a step must be {NAME_WORDS}", step.path)
    for value, place in _values(flow):
        for name in parameters_in(value):
            if name not in flow.parameters:
                message = f"there is no parameter {name!r}"
                problems.add("cannot-import", message, place, hint="declare it under 'parameters'")
    _check_order(flow, problems)


def check_condition(condition: Any, path: FlowPath, flow: Flow, problems: Problems) -> None:
    """Report fields of a translated condition that the step at the start of the path does not have."""
    if is_list(condition):
        for part in condition:
            check_condition(part, path, flow, problems)
    elif is_object(condition):
        if isinstance(field := condition.get("field"), str):
            _check_output(Reference("step", path.source, field), flow, path.condition_path, problems)
        for key in ("all", "any", "not"):
            check_condition(condition.get(key), path, flow, problems)


def _check_order(flow: Flow, problems: Problems) -> None:
    graph = cast("Any", nx.DiGraph())
    ancestors = cast("Any", nx).ancestors
    graph.add_nodes_from(flow.steps)
    graph.add_edges_from((path.source, path.target) for path in flow.paths)
    for step in flow.steps.values():
        before: set[str] = ancestors(graph, step.id)
        before |= {step.id} if graph.has_edge(step.id, step.id) else set()
        for reference, place in _sources(step, flow):
            name = reference.name
            _check_output(reference, flow, place, problems)
            if name not in before:
                message = f"it comes from step {name!r}, but no path leads from there to step {step.id!r}"
                problems.add("cannot-import", message, place)
    if flow.outputs is not None:
        for reference, place in _sources(flow.outputs, flow):
            _check_output(reference, flow, place, problems)


def _check_output(reference: Reference, flow: Flow, place: JsonPath, problems: Problems) -> None:
    """Report an output that the step does not have, if it lists its outputs."""
    declared = flow.steps[reference.name].outputs
    output = reference.path.partition(".")[0].partition("[")[0]
    if declared and output and output not in declared:
        hint = problems.did_you_mean(output, declared) or f"it lists {', '.join(declared)}"
        problems.add("cannot-import", f"step {reference.name!r} has no output {output!r}", place, hint=hint)


def _sources(step: FlowStep, flow: Flow) -> Iterator[tuple[Reference, JsonPath]]:
    """Yield the outputs of steps that the inputs of a step refer to."""
    given = [(value, place, True) for value, place in (step.inputs or {}).values()]
    given += [(value, (*step.path, step.config_key, name), False) for name, value in step.config.items()]
    for value, place, bare in given:
        with suppress(UnknownReferenceError):  # reported where it is translated
            found = references_in(value, flow.steps, bare=bare) if isinstance(value, str) else None
            yield from ((one, place) for one in found or () if one.to == "step")


def _values(flow: Flow) -> Iterator[tuple[str, JsonPath]]:
    """Yield every string that may have references, with its place."""
    yield from _strings(flow.limits, flow.limits_path)
    for step in (*flow.steps.values(), *([] if flow.outputs is None else [flow.outputs])):
        for value, place in (step.inputs or {}).values():
            yield from _strings(value, place)
        yield from _strings(step.config, (*step.path, step.config_key))
    for path in flow.paths:
        yield from _strings(path.condition, path.condition_path)


def _strings(value: Any, place: JsonPath) -> Iterator[tuple[str, JsonPath]]:
    if isinstance(value, str):
        yield value, place
    elif is_object(value):
        for key, inner in value.items():
            yield from _strings(inner, (*place, key))
    elif is_list(value):
        for index, inner in enumerate(value):
            yield from _strings(inner, (*place, index))
