"""Fuses steps into segments, which run without channels between their steps, and counts what can be in flight.

Plain functions are fused into the segment upstream of them: on one thread they could never overlap with it. A coroutine
function is fused only where the document says `inline`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from headwater.errors import Problem
from headwater.graph.plan import Adapter
from headwater.graph.step_policies import unit_items, workers_at_a_time
from headwater.kinds.definition import Call, Placement

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from headwater.graph.choices import Choice
    from headwater.graph.edges import Edge
    from headwater.graph.graph import Graph
    from headwater.graph.plan import PlannedEdge, PlannedStep

__all__ = ["Segments", "most_items_in_flight"]

_UNIT_ITEMS = 64  # what a worker is given at once
_DROPPED_AT_ONCE = 256  # what may wait for a moment before the oldest are dropped


class Segments:
    """The segments of a pipeline; without `fuse`, as for a pipeline without streams, each step is one."""

    def __init__(self, graph: Graph, choices: Mapping[str, Choice], *, fuse: bool) -> None:
        self.steps: list[list[str]] = []
        self.fused: set[int] = set()
        self._graph = graph
        self._choices = choices
        self._segment_of: dict[str, list[str]] = {}
        for step_id, choice in choices.items():
            self._place(step_id, choice, fuse=fuse)

    def warnings(self) -> Iterator[Problem]:
        """Yield a problem for each step that the document marks inline, but that cannot be."""
        for index, (step_id, spec) in enumerate(self._graph.specs.items()):
            if spec.inline and step_id in self._segment_of and self._segment_of[step_id][0] == step_id:
                message = f"step {step_id!r} is marked inline, but it cannot run within the step before it"
                hint = "remove it; inline is for an async def of one item, after a step without other readers"
                yield Problem("inline-unused", message, f"$.steps[{index}].inline", hint=hint)

    def _place(self, step_id: str, choice: Choice, *, fuse: bool) -> None:
        edge = self._fusible(step_id, choice) if fuse else None
        if edge is None:
            segment: list[str] = []
            self.steps.append(segment)
        else:
            segment = self._segment_of[edge.source.step]
            self.fused.add(edge.index)
        segment.append(step_id)
        self._segment_of[step_id] = segment

    def _fusible(self, step_id: str, choice: Choice) -> Edge | None:
        """Return the edge over which a step is fused into the segment upstream, or None when it needs a channel."""
        edges = self._graph.edges_into(step_id)
        if len(edges) != 1 or not self._is_stage(step_id, choice) or self._is_alone(step_id, choice):
            return None
        writer, spec = edges[0].source.step, edges[0].spec
        if writer not in self._choices or len(self._graph.edges_out_of(writer)) != 1:
            return None
        if spec.when is not None or spec.has_bounds:
            return None
        if self._is_alone(writer, self._choices[writer]) or not self._takes(self._segment_of[writer], choice):
            return None
        return edges[0]

    def _is_stage(self, step_id: str, choice: Choice) -> bool:
        """Return whether a step works on single items and may run inside a segment."""
        if choice.mapped is None or len(choice.inputs) != 1 or choice.placement is not Placement.INLINE:
            return False
        spec = self._graph.specs[step_id]
        inline = choice.method.call is Call.COROUTINE and spec.inline and spec.concurrency == 1
        return inline or choice.method.call in {Call.PLAIN, Call.GENERATOR}

    def _is_alone(self, step_id: str, choice: Choice) -> bool:
        return len(choice.outputs) > 1 or choice.method.batched or self._graph.specs[step_id].has_policies

    def _takes(self, segment: list[str], choice: Choice) -> bool:
        """Return whether a segment can take another stage; items handed over one by one must stay one by one."""
        calls = [self._choices[step_id].method.call for step_id in segment]
        suspends = Call.COROUTINE in calls[1:]
        if choice.method.call is Call.GENERATOR:
            return not suspends and not self._hands_over_items(segment[0])
        if choice.method.call is Call.COROUTINE:
            return Call.GENERATOR not in calls[1:] and self._can_wait(segment[0])
        return True

    def _hands_over_items(self, head: str) -> bool:
        """Return whether a segment that starts with this step hands over item by item, not in batches."""
        choice = self._choices[head]
        call = choice.method.call
        one_by_one = call is Call.COROUTINE and choice.mapped is not None and self._graph.specs[head].concurrency == 1
        return choice.placement is Placement.INLINE and (call is Call.ASYNC_GENERATOR or one_by_one)

    def _can_wait(self, head: str) -> bool:
        """Return whether a segment that starts with this step can wait for a coroutine after each item."""
        choice = self._choices[head]
        if choice.placement is not Placement.INLINE or self._graph.specs[head].concurrency > 1:
            return False
        writes_stream = choice.method.call in {Call.GENERATOR, Call.ASYNC_GENERATOR}
        return writes_stream == (choice.mapped is None)


def most_items_in_flight(
    segments: Sequence[Sequence[str]], edges: Sequence[PlannedEdge], steps: Sequence[PlannedStep]
) -> int | None:
    """Return the most items in channels, in the hands of their readers, and about to be handed over by writers."""
    nested = [(step.nested.worst_case_items, step.concurrency) for step in steps if step.nested is not None]
    if any(edge.streaming and edge.adapter in {Adapter.COLLECT, Adapter.JOIN} for edge in edges):
        return None
    if any(items is None for items, _ in nested):
        return None
    buffered = sum([2 * edge.capacity for edge in edges])
    buffered += sum([_DROPPED_AT_ONCE for edge in edges if edge.on_full != "wait"])
    by_id = {step.id: step for step in steps}
    slices = 0
    for segment in segments:
        capacities = [edges[index].capacity for output in by_id[segment[-1]].outputs for index in output.edges]
        parts = 1 if len(segment) == 1 else 3  # made by the first step, read by a stage, and made by it
        parts += sum(by_id[step_id].method.call is Call.GENERATOR for step_id in segment[1:])
        slices += parts * max(capacities, default=1)
    pools = [(unit_items(step) or _UNIT_ITEMS, workers_at_a_time(step)) for step in steps]
    pooled = sum(2 * items * workers for items, workers in pools if workers > 1)
    return buffered + slices + pooled + sum((items or 0) * runs for items, runs in nested)
