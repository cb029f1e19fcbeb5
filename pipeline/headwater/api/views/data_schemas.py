"""JSON Schemas of the data that goes into a pipeline and comes out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.types.json_forms import json_schema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headwater.graph.plan import InputGroup, Plan, PlannedEdge
    from headwater.types.json_forms import Direction

__all__ = ["data_schemas"]

_PARTS = ("item", "header", "footer")


def data_schemas(plan: Plan) -> dict[str, Any]:
    """Return the schemas of the inputs and outputs of a plan by their names."""
    outputs = zip(plan.output_names, plan.outputs, strict=True)
    return {
        "inputs": {_name(plan, group): _input(plan, group) for group in plan.inputs},
        "outputs": {name: _schemas([plan.edges[index]], "serialization") for name, index in outputs},
    }


def _name(plan: Plan, group: InputGroup) -> str:
    """Return the name of an input: the step that reads it, unless data has to be given by another name."""
    if len(plan.inputs) == len(group.edges) == 1:
        return plan.edges[group.edges[0]].target or group.name
    return group.name


def _input(plan: Plan, group: InputGroup) -> dict[str, Any]:
    return _schemas([plan.edges[index] for index in group.edges], "validation")


def _schemas(edges: Iterable[PlannedEdge], direction: Direction) -> dict[str, Any]:
    """Return the schemas of what flows on all of some edges."""
    edges = list(edges)
    return {
        "streaming": any(edge.streaming for edge in edges),
        **{part: _common([getattr(edge.type, part) for edge in edges], part, direction) for part in _PARTS},
    }


def _common(types: list[Any], part: str, direction: Direction) -> dict[str, Any] | None:
    """Return the schema of what has several types at once; None when none of them is there."""
    declared = types if part == "item" else [one for one in types if one is not None]
    schemas: list[dict[str, Any]] = []
    for one in declared:
        if (schema := json_schema(one, direction)) not in schemas:
            schemas.append(schema)
    if len(schemas) < 2:
        return schemas[0] if schemas else None
    return {"allOf": schemas}
