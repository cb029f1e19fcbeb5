"""The structure of a pipeline: its steps in order and the edges between their ports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from headwater.config.policies.merge_specs import MergeSpec
from headwater.config.problems import JsonPath
from headwater.config.spec import StepSpec
from headwater.graph.edges import PIPELINE_INPUT, PIPELINE_OUTPUT, Edge, End
from headwater.kinds.definition import BoundStep

__all__ = ["PIPELINE_INPUT", "PIPELINE_OUTPUT", "Edge", "End", "Graph"]


@dataclass(frozen=True, slots=True)
class Graph:
    """The steps of a pipeline in topological order, what joins them, and the steps in their policies."""

    name: str
    steps: Mapping[str, BoundStep]
    specs: Mapping[str, StepSpec]
    edges: tuple[Edge, ...]
    into: Mapping[str, Sequence[Edge]]
    out_of: Mapping[str, Sequence[Edge]]
    place: Callable[[str], JsonPath]
    substeps: Mapping[str, BoundStep] = field(default_factory=dict[str, BoundStep])

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

    def merge(self, target: End) -> MergeSpec | None:
        """Return the policy that the document has for several edges into a port, or None."""
        merge = self.specs[target.step].merge
        policy = merge.get(target.port) if isinstance(merge, dict) else merge
        return MergeSpec(policy) if isinstance(policy, str) else policy
