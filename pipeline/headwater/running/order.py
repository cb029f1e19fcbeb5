"""What is to run: a plan with its data and settings, complete enough for an execution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headwater.events.data import EdgeInfo, PipelineStart, StepInfo
from headwater.running.resources import Resources, shared_resources

if TYPE_CHECKING:
    from collections.abc import Callable

    from headwater.config.spec import StreamingSpec
    from headwater.graph.plan import Plan

__all__ = ["Order", "start_data"]


@dataclass(frozen=True, slots=True)
class Order:
    """What an execution needs to know.

    Args:
        owner: The pipeline, which shares its resources with its other executions.
        plan: What runs.
        data: The pipeline's input, or None.
        streaming: What is told while it runs.
        start_data: Data of its first event.
        timeout_s: Most seconds that it may take, or None.
        redact: Replaces what must not be told, such as secrets, in a text.
        allowed: What the operator allows.
    """

    owner: object
    plan: Plan
    data: Any
    streaming: StreamingSpec
    start_data: PipelineStart
    timeout_s: float | None
    redact: Callable[[str], str]
    allowed: frozenset[str] = frozenset()

    def resources(self) -> Resources:
        """Return what the steps share in the running event loop."""
        return shared_resources(self.owner, self.plan.steps, self.redact)


def start_data(plan: Plan) -> PipelineStart:
    """Return the data of the first event: the steps and edges of a plan.

    Args:
        plan: What runs.
    """
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
