"""Builds the graph of a document, and checks its structure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from headwater.config.policies.substeps import is_substep
from headwater.config.problems import Problems
from headwater.config.spec import PipelineSpec
from headwater.graph.checks.structure import check_merges, check_order
from headwater.graph.edge_reader import EdgeReader
from headwater.graph.edges import PIPELINE_INPUT, PIPELINE_OUTPUT, Edge, group_edges
from headwater.graph.graph import Graph
from headwater.graph.ports import EndLookup
from headwater.kinds.definition import BoundStep

__all__ = ["build_graph"]


def build_graph(spec: PipelineSpec, steps: Mapping[str, BoundStep], problems: Problems) -> Graph:
    """Join the steps of a document by its edges, and report what is wrong with the structure.

    Where there are problems, the graph lacks the parts that they are about, and its order is meaningless on a cycle.
    """
    ends = EndLookup(spec, steps, problems)
    reader = EdgeReader(spec, ends, problems)
    reader.read()
    order, loops = check_order(ends.specs, reader.edges, problems)
    edges, into, out_of = reader.edges, reader.into, reader.out_of
    if not steps.keys() >= ends.specs.keys():
        edges = _between(edges, steps)
        into, out_of = dict[str, list[Edge]](), dict[str, list[Edge]]()
        group_edges(edges, into, out_of)
    graph = Graph(
        spec.name,
        {step: steps[step] for step in order if step in steps},
        ends.specs,
        tuple(edges),
        into,
        out_of,
        ends.place,
        {step: bound for step, bound in steps.items() if is_substep(step)},
    )
    check_merges(graph, ends, loops, problems)
    return graph


def _between(edges: Iterable[Edge], steps: Mapping[str, BoundStep]) -> list[Edge]:
    """Return the edges between steps that could be bound."""
    known = steps.keys() | {PIPELINE_INPUT.step, PIPELINE_OUTPUT.step}
    kept = (edge for edge in edges if edge.source.step in known and edge.target.step in known)
    return [replace(edge, index=index) for index, edge in enumerate(kept)]
