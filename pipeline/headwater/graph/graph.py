"""The structure of a pipeline: its steps in order and the edges between their ports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from headwater.config.problems import JsonPath, Problems
from headwater.config.spec import PipelineSpec, StepSpec
from headwater.graph.checks import check_merges, check_order, check_stalls
from headwater.graph.edges import PIPELINE_INPUT, PIPELINE_OUTPUT, Edge, EdgeReader, End, group_edges
from headwater.kinds.definition import BoundStep

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["PIPELINE_INPUT", "PIPELINE_OUTPUT", "Edge", "End", "Graph", "build_graph"]


@dataclass(frozen=True, slots=True)
class Graph:
    """The steps of a pipeline in topological order, and what joins them.

    Args:
        name: Name of the pipeline.
        steps: Every step by its id, each after all the steps that write to it.
        specs: What the document says of each step.
        edges: Every edge, in the order of the document, then the ones that it implies.
        into: The edges that lead to each step, in their order.
        out_of: The edges that start at each step, in their order.
        place: Returns the JSON path of a step.
    """

    name: str
    steps: Mapping[str, BoundStep]
    specs: Mapping[str, StepSpec]
    edges: tuple[Edge, ...]
    into: Mapping[str, Sequence[Edge]]
    out_of: Mapping[str, Sequence[Edge]]
    place: Callable[[str], JsonPath]

    def edges_into(self, step: str) -> Sequence[Edge]:
        """Return the edges that lead to a step, or to the pipeline's `output`."""
        return self.into.get(step, ())

    def edges_out_of(self, step: str) -> Sequence[Edge]:
        """Return the edges that start at a step, or at the pipeline's `input`."""
        return self.out_of.get(step, ())

    @property
    def inputs(self) -> Sequence[Edge]:
        """The edges that the pipeline's input feeds."""
        return self.edges_out_of(PIPELINE_INPUT.step)

    @property
    def outputs(self) -> Sequence[Edge]:
        """The edges that lead to the pipeline's output."""
        return self.edges_into(PIPELINE_OUTPUT.step)

    def merge_policy(self, target: End) -> str | None:
        """Tell how several edges into one port become one stream.

        Args:
            target: The port that reads.

        Returns:
            The policy that the document names for the port, or None.
        """
        merge = self.specs[target.step].merge
        return merge.get(target.port) if isinstance(merge, dict) else merge

    def to_networkx(self) -> nx.MultiDiGraph[str]:
        """Return the graph for analysis with networkx.

        Returns:
            A new graph: a node for each step and each of the pipeline's own ends that is used, its `BoundStep` (None
            for an end) as `step`; the `Edge` of each edge as `edge`.
        """
        import networkx as nx

        graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
        graph.add_nodes_from((step, {"step": bound}) for step, bound in self.steps.items())
        graph.add_nodes_from((end.step, {"step": None}) for end, used in self._pipeline_ends() if used)
        graph.add_edges_from((edge.source.step, edge.target.step, {"edge": edge}) for edge in self.edges)
        return graph

    def _pipeline_ends(self) -> tuple[tuple[End, bool], ...]:
        return (PIPELINE_INPUT, bool(self.inputs)), (PIPELINE_OUTPUT, bool(self.outputs))


def build_graph(spec: PipelineSpec, steps: Mapping[str, BoundStep], problems: Problems) -> Graph:
    """Join the steps of a document by its edges, and check the structure.

    Args:
        spec: What the document says.
        steps: The steps whose kind and params are right, by id; what is wrong with the others is known already.
        problems: Gets everything that is wrong with the structure.

    Returns:
        The graph. Where there are problems, it lacks what they are about, and its order means nothing on a cycle.
    """
    reader = EdgeReader(spec, steps, problems)
    reader.read()
    order, loops = check_order(reader, problems)
    edges, into, out_of = reader.edges, reader.into, reader.out_of
    if not steps.keys() >= reader.specs.keys():
        edges = _between(edges, steps)
        into, out_of = dict[str, list[Edge]](), dict[str, list[Edge]]()
        group_edges(edges, into, out_of)
    graph = Graph(
        spec.name,
        {step: steps[step] for step in order if step in steps},
        reader.specs,
        tuple(edges),
        into,
        out_of,
        reader.place,
    )
    check_merges(graph, reader, loops, problems)
    if not loops:
        check_stalls(graph, problems)
    return graph


def _between(edges: Iterable[Edge], steps: Mapping[str, BoundStep]) -> list[Edge]:
    """Leave out the edges of steps that could not be bound."""
    known = steps.keys() | {PIPELINE_INPUT.step, PIPELINE_OUTPUT.step}
    kept = (edge for edge in edges if edge.source.step in known and edge.target.step in known)
    return [replace(edge, index=index) for index, edge in enumerate(kept)]
