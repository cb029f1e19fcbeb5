"""Makes the edges and hosts of one execution from its plan."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from headwater.kinds.definition import Call, Placement
from headwater.kinds.port_types import wrapped_frames
from headwater.running.hosts.host import StepHost
from headwater.running.hosts.inbox import Inbox
from headwater.running.hosts.outbox import Outbox, PortOutbox
from headwater.running.hosts.pulse import Queue
from headwater.running.hosts.routed import RoutedOutbox
from headwater.running.output_edges import adapted
from headwater.running.policies.deliveries import Deliveries
from headwater.streams.bounded.dropping_channel import DroppingChannel
from headwater.streams.grammar import Grammar
from headwater.streams.merging.latest import Latest
from headwater.streams.merging.merged import Concatenated, Interleaved
from headwater.streams.merging.race import Race
from headwater.streams.merging.zipped import Zipped
from headwater.streams.tee import Tee
from headwater.streams.waiter import Waiter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headwater.graph.plan import Plan, PlannedEdge, PlannedInput, PlannedMerge, PlannedOutput, PlannedStep
    from headwater.running.record import StepRecord
    from headwater.running.request import EdgeFactory
    from headwater.running.scope import ExecutionScope
    from headwater.streams.ends import EdgeSource, Ends, Sink, Source

__all__ = ["Wiring"]

_MERGED: Mapping[str, type[Interleaved | Concatenated | Latest]] = {
    "interleave": Interleaved,
    "concat": Concatenated,
    "latest": Latest,
}


class Wiring:
    """The edges of one execution, and the hosts between them."""

    def __init__(self, scope: ExecutionScope, open_edge: EdgeFactory) -> None:
        self._scope = scope
        self._open_edge = open_edge
        self._plan: Plan = scope.plan
        self._sources: dict[tuple[str | None, str], Source] = {}
        self._edges: dict[int, Ends] = {}
        self._deliveries: dict[str, list[Deliveries]] = {}
        self.races: list[tuple[Race, Sequence[int]]] = []
        for step in self._plan.steps:
            for planned in step.inputs:
                self._open_input(step.id, planned)
        for index in self._plan.outputs:
            edge = self._plan.edges[index]
            self._edges[index] = adapted(self._opened(edge, Waiter()), edge)

    def hosts(self) -> list[StepHost]:
        """Return a host for every segment of the plan."""
        return [self._host([self._plan.step(step_id) for step_id in segment]) for segment in self._plan.segments]

    def edge(self, index: int) -> Ends:
        """Return the ends of an edge that is not fused."""
        return self._edges[index]

    def queues(self) -> Sequence[Queue]:
        """Return the edges where more than one item may wait, with the records of the steps at their ends."""
        edges = self._plan.edges
        return [
            Queue(edges[index].name, ends.source, self._record(edges[index].source), self._record(edges[index].target))
            for index, ends in self._edges.items()
            if edges[index].streaming
        ]

    def _record(self, step_id: str | None) -> StepRecord | None:
        return None if step_id is None else self._scope.record(self._plan.step(step_id))

    def input_sink(self, indexes: Sequence[int]) -> Sink:
        """Return where the pipeline's input is written for the given edges."""
        return self._sink(indexes, None, "")

    def _open_input(self, step_id: str, planned: PlannedInput) -> None:
        if self._plan.edges[planned.edges[0]].fused:
            return
        reader = Waiter()
        for index in planned.edges:
            self._edges[index] = self._opened(self._plan.edges[index], reader)
        sources = [self._edges[index].source for index in planned.edges]
        self._sources[step_id, planned.port.name] = (
            sources[0] if planned.merge is None else self._merged(planned, planned.merge, sources, reader)
        )

    def _opened(self, edge: PlannedEdge, reader: Waiter) -> Ends:
        """Open an edge; what it drops counts for the step that writes it, or that reads the pipeline's input."""
        ends = self._open_edge(edge, reader)
        if isinstance(ends.sink, DroppingChannel) and (step_id := edge.source or edge.target) is not None:
            ends.sink.on_lost = partial(_note_lost, self._scope.record(self._plan.step(step_id)))
        return ends

    def _merged(
        self, planned: PlannedInput, merge: PlannedMerge, sources: Sequence[EdgeSource], reader: Waiter
    ) -> Source:
        """Return the source of a port with several edges, which passes the header and footer that the plan says."""
        by_index = dict(zip(planned.edges, sources, strict=True))
        merged: Zipped | Race | Concatenated | Interleaved | Latest
        if merge.policy == "zip":
            names = [self._plan.edges[index].name for index in planned.edges]
            merged = Zipped(sources, reader, names, merge.unequal or "fail", merge.pad)
        elif merge.policy == "first":
            merged = Race(sources, reader)
            self.races.append((merged, planned.edges))
        else:
            merged = _MERGED[merge.policy](sources, reader)
        merged.with_header = [by_index[index] for index in merge.headers]
        merged.with_footer = [by_index[index] for index in merge.footers]
        return merged

    def _host(self, steps: list[PlannedStep]) -> StepHost:
        head = steps[0]
        inbox = Inbox(head, self._plan.edges, [self._sources[head.id, planned.port.name] for planned in head.inputs])
        outbox = self._outbox(steps)
        return StepHost(steps, inbox, outbox, self._scope, self._deliveries.get(head.id, ()))

    def _outbox(self, steps: list[PlannedStep]) -> Outbox:
        head, last = steps[0], steps[-1]
        output = last.outputs[0]
        label = f"step {head.id!r}"
        if len(last.outputs) > 1 or last.method.outputs_type is not None:
            return self._routed_outbox(label, last)
        record = None if len(steps) > 1 or _is_stage(head) else self._scope.record(head)
        return self._port_outbox(label, head, head.outputs[0], output, record)

    def _routed_outbox(self, label: str, step: PlannedStep) -> RoutedOutbox:
        main, record = step.main_port, self._scope.record(step)
        ports = {
            each.name: self._port_outbox(
                f"{label} port {each.name!r}", step, each, each, record if each.name == main else None
            )
            for each in step.outputs
        }
        return RoutedOutbox(label, ports, step, record)

    def _port_outbox(
        self, label: str, step: PlannedStep, written: PlannedOutput, output: PlannedOutput, record: StepRecord | None
    ) -> PortOutbox:
        """Return the writing side: the first step of a segment writes `written`, and its last is read at `output`."""
        sink = self._sink(output.edges, record, output.name)
        deliveries = None
        if step.policies is not None and step.policies.counts_deliveries:
            sink = deliveries = Deliveries(sink, label)
            self._deliveries.setdefault(step.id, []).append(deliveries)
            if step.policies.compensate is not None and written.required:
                deliveries.on_item = partial(self._scope.note_made, step)
        grammar = Grammar(
            label,
            written.items,
            written.header,
            written.footer,
            on_header=sink.set_header,
            wrapped=wrapped_frames(written.type),
        )
        if deliveries is not None:
            deliveries.grammar = grammar
        return PortOutbox(sink, grammar, self._scope.context)

    def _sink(self, indexes: Sequence[int], record: StepRecord | None, port: str) -> Sink:
        branches = [(self._edges[index].sink, self._plan.edges[index].select) for index in indexes]
        on_item = partial(record.emit_output, port=port) if record is not None and record.emits_next_item else None
        if len(branches) == 1 and branches[0][1] is None and not (record and record.emits_every_item):
            sink = branches[0][0]
            sink.on_first = on_item
            return sink
        return Tee(branches, on_item, every=record is not None and record.emits_every_item)


def _is_stage(step: PlannedStep) -> bool:
    """Return whether even the first step of a segment runs as a fused stage, which emits its items itself."""
    plain = step.method.call in {Call.PLAIN, Call.GENERATOR}
    return step.mapped is not None and plain and step.placement is Placement.INLINE


def _note_lost(record: StepRecord, items: int) -> None:
    """Count items that were dropped because an edge was full."""
    record.items_aside["lost"] = record.items_aside.get("lost", 0) + items
