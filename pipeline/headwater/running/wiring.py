"""Makes the channels and hosts of one execution from a plan."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from headwater.kinds.definition import Call, Placement
from headwater.kinds.port_types import wrapped_frames
from headwater.running.hosts.host import StepHost
from headwater.running.hosts.inbox import Inbox
from headwater.running.hosts.outbox import Outbox, PortOutbox
from headwater.running.hosts.routed import RoutedOutbox
from headwater.streams.channel import Channel, Waiter
from headwater.streams.grammar import Grammar
from headwater.streams.merged import Concatenated, Interleaved
from headwater.streams.sinks import Sink, Tee
from headwater.streams.source import Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headwater.graph.plan import Plan, PlannedInput, PlannedOutput, PlannedStep
    from headwater.running.record import StepRecord
    from headwater.running.scope import ExecutionScope

__all__ = ["Wiring"]


class Wiring:
    """The channels of one execution, and the hosts between them.

    Args:
        scope: The execution.
    """

    def __init__(self, scope: ExecutionScope) -> None:
        self._scope = scope
        self._plan: Plan = scope.plan
        self._sources: dict[tuple[str | None, str], Source] = {}
        self._channels: dict[int, Channel] = {}
        for step in self._plan.steps:
            for planned in step.inputs:
                self._open_input(step.id, planned)
        for index in self._plan.outputs:
            self._channels[index] = self._channel(index, None)

    def hosts(self) -> list[StepHost]:
        """Return a host for every segment of the plan."""
        return [self._host([self._plan.step(step_id) for step_id in segment]) for segment in self._plan.segments]

    def channel(self, index: int) -> Channel:
        """Return the channel of an edge that is not fused."""
        return self._channels[index]

    def input_sink(self, indexes: Sequence[int]) -> Sink:
        """Return where the pipeline's input is written for the given edges."""
        return self._sink(indexes, None, "")

    # ---- the reading side

    def _open_input(self, step_id: str, planned: PlannedInput) -> None:
        if self._plan.edges[planned.edges[0]].fused:
            return
        reader = Waiter()
        channels = [self._channel(index, reader) for index in planned.edges]
        self._channels.update(zip(planned.edges, channels, strict=True))
        source: Source = channels[0]
        if len(channels) > 1:
            source = (Concatenated if planned.merge == "concat" else Interleaved)(channels, reader)
        self._sources[step_id, planned.port.name] = source

    def _channel(self, index: int, reader: Waiter | None) -> Channel:
        edge = self._plan.edges[index]
        if edge.streaming:
            return Channel(edge.capacity, reader)
        return Channel(
            2, reader, unary=True
        )  # with room for one more, so that the only item never waits for its reader

    # ---- the writing side

    def _host(self, steps: list[PlannedStep]) -> StepHost:
        head = steps[0]
        inbox = Inbox(head, self._plan.edges, [self._sources[head.id, planned.port.name] for planned in head.inputs])
        return StepHost(steps, inbox, self._outbox(steps), self._scope)

    def _outbox(self, steps: list[PlannedStep]) -> Outbox:
        head, last = steps[0], steps[-1]
        output = last.outputs[0]
        label = f"step {head.id!r}"
        if len(last.outputs) > 1:
            return self._routed_outbox(label, last)
        record = None if len(steps) > 1 or _is_stage(head) else self._scope.record(head)
        return self._port_outbox(label, head.outputs[0], output, record)

    def _routed_outbox(self, label: str, step: PlannedStep) -> RoutedOutbox:
        main, record = step.main_port, self._scope.record(step)
        ports = {
            each.name: self._port_outbox(
                f"{label} port {each.name!r}", each, each, record if each.name == main else None
            )
            for each in step.outputs
        }
        return RoutedOutbox(label, ports, step, record)

    def _port_outbox(
        self, label: str, written: PlannedOutput, output: PlannedOutput, record: StepRecord | None
    ) -> PortOutbox:
        """Return the writing side of a port.

        Args:
            label: What the stream is called in messages.
            written: The output of the first step of the segment, whose frames are checked.
            output: The output of the last step of the segment, whose edges are written.
            record: Who is shown the items; None when they are shown elsewhere.
        """
        sink = self._sink(output.edges, record, output.name)
        grammar = Grammar(
            label,
            written.items,
            written.header,
            written.footer,
            on_header=sink.set_header,
            wrapped=wrapped_frames(written.type),
        )
        return PortOutbox(sink, grammar, self._scope.context)

    def _sink(self, indexes: Sequence[int], record: StepRecord | None, port: str) -> Sink:
        branches = [(self._channels[index], self._plan.edges[index].select) for index in indexes]
        on_item = partial(record.emit_output, port=port) if record is not None and record.emits_next_item else None
        if len(branches) == 1 and branches[0][1] is None and not (record and record.emits_every_item):
            channel = branches[0][0]
            channel.on_first = on_item
            return channel
        return Tee(branches, on_item, every=record is not None and record.emits_every_item)


def _is_stage(step: PlannedStep) -> bool:
    """Whether even the first step of a segment runs as a fused stage, which shows its items itself."""
    plain = step.method.call in {Call.PLAIN, Call.GENERATOR}
    return step.mapped is not None and plain and step.placement is Placement.INLINE
