"""Analyses of a plan with networkx, which is imported on first use."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from headwater.annotations import describe
from headwater.display import json_line
from headwater.graph.edges import PIPELINE_INPUT, PIPELINE_OUTPUT
from headwater.graph.plan import Adapter

if TYPE_CHECKING:
    from collections.abc import Mapping

    import networkx as nx

    from headwater.events.data import StepComplete
    from headwater.graph.plan import Plan, PlannedEdge

__all__ = ["Analysis"]


class Analysis:
    """What the structure of a pipeline says about its speed and its failures; made by `Pipeline.analyze`.

    Args:
        plan: What runs.
        metrics: What each step measured in an execution, as `Result.metrics` has it; None when it has not run.

    Example:
        >>> from headwater import Pipeline, step
        >>> @step("example.fetch")
        ... async def fetch(url: str) -> str:
        ...     return "<h1>Salt</h1>"
        >>> @step("example.title")
        ... async def title(page: str) -> str:
        ...     return page[4:-5]
        >>> @step("example.length")
        ... async def length(page: str) -> int:
        ...     return len(page)
        >>> steps = {"fetch": fetch, "title": title, "length": length}
        >>> analysis = Pipeline("page", steps=steps, edges=["fetch -> title", "fetch -> length"]).analyze()
        >>> analysis.concurrent_steps, analysis.downstream("fetch")
        (('title', 'length'), ('title', 'length'))
    """

    def __init__(self, plan: Plan, metrics: Mapping[str, StepComplete] | None = None) -> None:
        self._plan = plan
        self._metrics = metrics or {}
        self._segment_of = {step: segment[0] for segment in plan.segments for step in segment}
        self._pairs = [(edge.source, edge.target) for edge in plan.edges if edge.source and edge.target]

    def to_networkx(self) -> nx.MultiDiGraph[str]:
        """Return the pipeline as a graph of networkx.

        Returns:
            A new graph. Each step is a node with `kind`, `flavor`, `placement`, `concurrency`, `segment` (the first
            of the steps that run as one with it) and, where metrics are known, `busy_s`; the ends of the pipeline are
            the nodes `input` and `output`. Each edge has `source_port`, `target_port`, `type`, `streaming`, `adapter`,
            `capacity` and, where there is one, its `condition`; its key is its place in the plan. All are plain
            values, so that the graph can be written in any format that networkx knows.
        """
        import networkx as nx

        graph: nx.MultiDiGraph[str] = nx.MultiDiGraph(name=self._plan.name)
        for step in self._plan.steps:
            graph.add_node(
                step.id,
                kind=step.kind,
                flavor=step.flavor.name.lower(),
                placement=step.placement.value,
                concurrency=step.concurrency,
                segment=self._segment_of[step.id],
                **({"busy_s": self.busy_s(step.id)} if step.id in self._metrics else {}),
            )
        for edge in self._plan.edges:
            source, target = edge.source or PIPELINE_INPUT.step, edge.target or PIPELINE_OUTPUT.step
            graph.add_edge(source, target, key=edge.index, **_attributes(edge))
        return graph

    @cached_property
    def concurrent_steps(self) -> tuple[str, ...]:
        """A largest set of steps that can work at the same time, each standing for the segment that it begins.

        A step must wait for another when a path between them has an edge whose reader needs the whole output of its
        writer. The set is a maximum antichain of that order, found by a minimum cut (after R. P. Dilworth, "A
        decomposition theorem for partially ordered sets", 1950).
        """
        import networkx as nx

        # Each segment is cut off from the source if others wait for it, or from the sink if it waits for others; what
        # need not be cut can run at once. The second half of a node says whether the path so far has made it wait.
        source, sink = ("", False), ("", True)
        graph: nx.DiGraph[tuple[str, bool]] = nx.DiGraph()
        for first, *_ in self._plan.segments:
            graph.add_edge(source, (first, False), capacity=1)
            graph.add_edge((first, True), sink, capacity=1)
        for edge in self._plan.edges:
            if edge.source is not None and edge.target is not None and not edge.fused:
                writer, reader = self._segment_of[edge.source], self._segment_of[edge.target]
                graph.add_edge((writer, False), (reader, _waits(edge)))
                graph.add_edge((writer, True), (reader, True))
        _, (left, _) = nx.minimum_cut(graph, source, sink)  # pyright: ignore[reportUnknownMemberType]  # untyped **kwargs
        return tuple(first for first, *_ in self._plan.segments if (first, False) in left and (first, True) not in left)

    @cached_property
    def critical_path(self) -> tuple[str, ...]:
        """The path whose steps were busy longest in total, in order; empty when no metrics are known.

        Where every edge carries one value, an execution cannot be faster than the steps of this path; where streams
        flow, its steps overlap, and the busiest of them sets the pace.
        """
        import networkx as nx

        graph: nx.DiGraph[str] = nx.DiGraph()
        for writer, reader in [*(("", step.id) for step in self._plan.steps), *self._pairs]:
            graph.add_edge(writer, reader, seconds=self.busy_s(reader))
        return tuple(nx.dag_longest_path(graph, weight="seconds"))[1:]

    def busy_s(self, step_id: str) -> float:
        """Return how long a step worked: its duration without its waits for input and for buffer space.

        Args:
            step_id: The step.

        Returns:
            Seconds; 0 where nothing is known.
        """
        metrics = self._metrics.get(step_id)
        if metrics is None:
            return 0.0
        return max(0.0, metrics.duration_s - metrics.input_wait_s - metrics.output_wait_s)

    def downstream(self, step_id: str) -> tuple[str, ...]:
        """Return the steps that get no complete input when a step fails.

        Args:
            step_id: The step that fails.

        Returns:
            Every step that reads from it, directly or through others, in the order of the plan.

        Raises:
            KeyError: There is no such step.
        """
        import networkx as nx

        graph: nx.DiGraph[str] = nx.DiGraph([("", self._plan.step(step_id).id), *self._pairs])
        affected = nx.descendants(graph, step_id)  # pyright: ignore[reportUnknownMemberType]  # as above
        return tuple(step.id for step in self._plan.steps if step.id in affected)

    @cached_property
    def downstream_counts(self) -> dict[str, int]:
        """How many steps are downstream of each step, by its id."""
        readers: dict[str, int] = {step.id: 0 for step in self._plan.steps}  # as bits, so that many steps are cheap
        place = {step.id: 1 << index for index, step in enumerate(self._plan.steps)}
        writers = sorted(self._pairs, key=lambda pair: -place[pair[0]])
        for writer, reader in writers:
            readers[writer] |= readers[reader] | place[reader]
        return {step: found.bit_count() for step, found in readers.items()}


def _waits(edge: PlannedEdge) -> bool:
    """Return whether the reader of an edge cannot begin before its writer has ended."""
    return not edge.streaming or edge.adapter in {Adapter.COLLECT, Adapter.JOIN}


def _attributes(edge: PlannedEdge) -> dict[str, Any]:
    condition = {} if edge.condition is None else {"condition": json_line(edge.condition_text)}
    return {
        "source_port": edge.source_port,
        "target_port": edge.target_port,
        "type": describe(edge.type.item),
        "streaming": edge.streaming,
        "adapter": edge.adapter.value,
        "capacity": edge.capacity,
        **condition,
    }
