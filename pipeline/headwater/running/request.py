"""What an execution is asked to run: a plan, its data, and how it is run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from headwater.events.data import EdgeInfo, PipelineStart, StepInfo
from headwater.streams.bounded.dropping_channel import DroppingChannel
from headwater.streams.bounded.sized_channel import SizedChannel
from headwater.streams.channel import Channel
from headwater.streams.ends import Ends

if TYPE_CHECKING:
    from collections.abc import Callable

    from headwater.config.policies.service_objectives import SloSpec
    from headwater.config.spec import StreamingSpec
    from headwater.events.streaming_context import StreamingContext
    from headwater.events.subscriber import EventFunction, StreamSubscriber
    from headwater.graph.plan import Plan, PlannedEdge
    from headwater.running.shared.runner_scope import RunnerScope
    from headwater.streams.waiter import Waiter

__all__ = ["EdgeFactory", "ExecutionRequest", "RunOptions", "open_channel", "start_data"]


class EdgeFactory(Protocol):
    """Opens the edges of an execution, so that a logged or a remote edge is another factory."""

    def __call__(self, edge: PlannedEdge, reader: Waiter) -> Ends:
        """Return the ends of an edge; its reader sleeps at `reader`, which it may share with other edges."""
        ...


def open_channel(edge: PlannedEdge, reader: Waiter) -> Ends:
    """Return the ends of an edge inside this process."""
    channel = _channel(edge, reader)
    return Ends(channel, channel)


def _channel(edge: PlannedEdge, reader: Waiter) -> Channel:
    if not edge.streaming:  # one value gets capacity for two, so that its writer never waits for the reader
        return Channel(2, reader, unary=True)
    if edge.on_full != "wait":
        return DroppingChannel(edge.capacity, reader, edge.capacity_bytes)
    if edge.capacity_bytes is not None:
        return SizedChannel(edge.capacity, edge.capacity_bytes, reader)
    return Channel(edge.capacity, reader)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a program runs pipelines, the same for every execution of a runner."""

    subscribers: tuple[StreamSubscriber | EventFunction, ...] = ()
    open_edge: EdgeFactory = open_channel
    runner: RunnerScope | None = None


@dataclass(frozen=True, slots=True)
class ExecutionRequest:
    """What an execution needs to know."""

    plan: Plan
    data: Any
    options: RunOptions
    streaming: StreamingSpec
    start_data: PipelineStart
    timeout_s: float | None
    slo: SloSpec | None
    mask: Callable[[str], str]
    allowed: frozenset[str]
    execution_id: str | None = None
    context: StreamingContext | None = None
    stall_s: float | None = None


def start_data(plan: Plan) -> PipelineStart:
    """Return the data of the first event: the steps and edges of a plan."""
    return PipelineStart(
        name=plan.name,
        steps=tuple(StepInfo(step.id, step.kind, step.flavor.name.lower()) for step in plan.steps),
        edges=tuple(
            EdgeInfo(
                "input" if edge.source is None else f"{edge.source}.{edge.source_port}",
                "output" if edge.target is None else f"{edge.target}.{edge.target_port}",
            )
            for edge in plan.edges
        ),
    )
