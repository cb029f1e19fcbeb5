"""Plans: the executable form of a graph, without state, and complete enough to run without looking anything up.

Nothing here is ever changed. Still, the parts for each step and edge are not frozen: making them would take three times
as long, and a plan may have 50,000 of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal

from headwater.config.policies.failure_specs import StepTimeoutSpec
from headwater.config.policies.shared_specs import SharedPolicies
from headwater.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from headwater.config.policies.failure_specs import RetrySpec
    from headwater.errors import Problem
    from headwater.kinds.definition import BoundStep, Method, Placement, Port
    from headwater.kinds.task import Flavor
    from headwater.streams.frames import StreamType
    from headwater.streams.grammar import Checker

__all__ = [
    "Adapter",
    "InputGroup",
    "OnError",
    "Plan",
    "PlannedEdge",
    "PlannedInput",
    "PlannedMerge",
    "PlannedOutput",
    "PlannedStep",
    "StepPolicies",
]


OnError = Literal["fail", "skip_item", "dead_letter", "fallback", "value"]
"""What happens after the last attempt of a step."""


class Adapter(Enum):
    """How the output of a writer becomes the input of a reader; each is lossless."""

    NONE = "none"
    ONE = "one"
    MAP = "map"
    COLLECT = "collect"
    JOIN = "join"
    SPLIT = "split"
    TO_DELTA = "to_delta"
    TO_SNAPSHOT = "to_snapshot"


@dataclass(slots=True, eq=False)
class PlannedEdge:
    """What joins two ports.

    Args:
        index: Place in `Plan.edges`.
        source: Id of the writing step; None for the pipeline's input.
        source_port: Its output port.
        target: Id of the reading step; None for the pipeline's output.
        target_port: Its input port.
        type: Types of what flows.
        streaming: Whether a stream flows, rather than one value.
        adapter: How it is adapted to the reader.
        rule: The declared rule of a join, split or change of mode.
        capacity: Most items that wait in its channel; 0 when it has no channel.
        capacity_bytes: Most bytes that wait in its channel; None when only items are counted.
        on_full: What happens when nothing more fits: `wait`, `drop_oldest` or `latest`.
        condition: What an item must meet to pass, or None.
        select: The same for several items: returns those that meet it.
        condition_text: The condition as the document has it, or None.
        fused: Whether both ends run in one segment, without a channel.
    """

    index: int
    source: str | None
    source_port: str
    target: str | None
    target_port: str
    type: StreamType
    streaming: bool
    adapter: Adapter
    rule: Callable[..., Any] | None = None
    capacity: int = 256
    condition: Callable[[Any], bool] | None = None
    select: Callable[[Sequence[Any]], list[Any]] | None = None
    condition_text: Any = None
    fused: bool = False
    capacity_bytes: int | None = None
    on_full: str = "wait"

    @property
    def name(self) -> str:
        """The edge as a document has it, with both ports."""
        source = "input" if self.source is None else f"{self.source}.{self.source_port}"
        return f"{source} -> {'output' if self.target is None else f'{self.target}.{self.target_port}'}"


@dataclass(slots=True, eq=False)
class PlannedMerge:
    """How several edges meet in one port, and the indexes of the edges whose header and footer may pass."""

    policy: str
    unequal: str | None = None
    pad: Any = None
    headers: tuple[int, ...] = ()
    footers: tuple[int, ...] = ()


@dataclass(slots=True, eq=False)
class PlannedInput:
    """An input port of a step, with the edges that lead there.

    Args:
        port: The port of the chosen method.
        edges: Indexes of its edges in `Plan.edges`, in the order of the document.
        merge: How several edges meet; None for a single edge.
        check: Check of the items or the value read; None when the types are proven equal.
        header_check: Check of the header read; None when it is proven or not declared.
        footer_check: Check of the footer read; None when it is proven or not declared.
        skippable: Whether it may bring nothing, since its branch is not taken.
    """

    port: Port
    edges: tuple[int, ...]
    merge: PlannedMerge | None = None
    check: Checker | None = None
    header_check: Checker | None = None
    footer_check: Checker | None = None
    skippable: bool = False


@dataclass(slots=True, eq=False)
class PlannedOutput:
    """An output port of a step, with the edges that start there.

    Args:
        name: Name of the port.
        type: Types of what flows, with every type variable bound.
        streaming: Whether a stream flows, rather than one value.
        edges: Indexes of its edges in `Plan.edges`.
        items: Check of every item (or of the value) on the writer's side.
        header: Check of the header; None when there is none, or when it flows around the step.
        footer: Check of the footer; None when there is none, or when it flows around the step.
        required: False for a `SidePort`.
    """

    name: str
    type: StreamType
    streaming: bool
    edges: tuple[int, ...]
    items: Checker
    header: Checker | None = None
    footer: Checker | None = None
    required: bool = True

    @property
    def unconnected(self) -> bool:
        """Whether it is a side port without an edge, where writing is an error."""
        return not (self.required or self.edges)


@dataclass(frozen=True, slots=True)
class StepPolicies:
    """What may happen when a step fails.

    Args:
        of_units: Whether each call takes one item, or one value at each input, and returns one; then an attempt is a
            try of such a call.
        on_error: What happens after the last attempt.
        retry: How often a failed attempt is repeated.
        timeout: The limits of an attempt; that of the whole step is `PlannedStep.timeout_s`.
        value: What stands in for an output, for `on_error="value"`.
        fallback: The step that takes over, for `on_error="fallback"`.
        compensate: The step that undoes what this one did, when the execution fails after it.
        replays: Whether the step gives the same items for the same input, so that a new attempt can go on after them.
        shared: What is kept from one call to the next, also for other executions.
    """

    of_units: bool
    on_error: OnError = "fail"
    retry: RetrySpec | None = None
    timeout: StepTimeoutSpec = field(default_factory=StepTimeoutSpec)
    value: Any = None
    fallback: PlannedStep | None = None
    compensate: PlannedStep | None = None
    replays: bool = False
    shared: SharedPolicies = field(default_factory=SharedPolicies)

    @property
    def substeps(self) -> Iterator[PlannedStep]:
        """The steps in these policies."""
        yield from (step for step in (self.fallback, self.compensate) if step is not None)

    @property
    def repeats_whole(self) -> bool:
        """Whether a step that reads or writes streams may be run again, or its fallback in its place."""
        return not self.of_units and (self.retry is not None or self.fallback is not None)

    @property
    def counts_deliveries(self) -> bool:
        """Whether it matters what the step has written, and when."""
        limits = (self.timeout.first_item_s, self.timeout.idle_s)
        return not self.of_units or self.compensate is not None or any(limit is not None for limit in limits)


@dataclass(slots=True, eq=False)
class PlannedStep:
    """A step, with the method that runs and how it is fed.

    Args:
        id: Id in the document.
        bound: The step and its params.
        method: The method that runs.
        flavor: Unary or stream in and out in this plan, mapping included.
        mapped: Index of the input that the step is mapped over, or None.
        inputs: Its connected inputs, in the order of the method's ports.
        outputs: Its outputs.
        placement: Where its code runs.
        concurrency: How many items are worked on at a time; or batches, for a method that takes batches.
        ordered: Whether the results come in the order of the items.
        timeout_s: Most seconds that it may run in an execution, or None.
        inline: Whether an `async def` is fused into the segment upstream.
        skippable: Whether a condition upstream may leave it without input.
        policies: What may happen when it fails; None for a single plain call.
        call: The function that takes the inputs and nothing else; None when it is made for each execution, because it
            needs a context or a resource that `lifespan` acquires.
    """

    id: str
    bound: BoundStep
    method: Method
    flavor: Flavor
    mapped: int | None
    inputs: tuple[PlannedInput, ...]
    outputs: tuple[PlannedOutput, ...]
    placement: Placement
    concurrency: int = 1
    ordered: bool = True
    timeout_s: float | None = None
    inline: bool = False
    skippable: bool = False
    policies: StepPolicies | None = None
    call: Callable[..., Any] | None = field(default=None, repr=False)  # of a step, which holds values of variables

    @property
    def kind(self) -> str:
        """The kind of the step."""
        return self.bound.definition.kind

    @property
    def nested(self) -> Plan | None:
        """The plan of the nested pipeline that the step runs, or None."""
        form = self.method.nested
        return None if form is None else form.plan

    @property
    def main_port(self) -> str:
        """The output of items without a port: the only one besides side ports, or empty."""
        names = [output.name for output in self.outputs if output.required]
        return names[0] if len(names) == 1 else ""


@frozen("a plan", "change the pipeline, and plan that")
@dataclass(frozen=True, slots=True)
class InputGroup:
    """A free input of the pipeline: its data goes to all its edges.

    Args:
        name: The step, or `step.port`, that reads it; `input` when the document names the edges itself.
        edges: Indexes of its edges in `Plan.edges`.
    """

    name: str
    edges: tuple[int, ...]


@frozen("a plan", "change the pipeline, and plan that")
@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Plan:
    """The executable form of a pipeline: steps in topological order, edges, and segments of fused steps.

    Args:
        name: Name of the pipeline.
        steps: Every step, in topological order.
        edges: Every edge.
        segments: Ids of the steps that run as one, in order; each step is in exactly one segment.
        inputs: The pipeline's free inputs.
        outputs: Indexes of the edges that lead to the pipeline's output.
        output_names: The name of each of them: the step that writes it, or `step.port` where a step has several ports.
        unary: Whether every edge is unary, so that no channels are needed.
        worst_case_items: Most items that can be buffered or in hand at one moment, with those of nested pipelines; None
            when an input gathers a whole stream, as `gathered` shows, or one of a nested pipeline does. What a step
            keeps for itself, such as a batch that it yields, does not count.
        warnings: What is allowed but may be a mistake.
        remembering: The steps whose policies remember something: path, name of the document, and the step.

    Example:
        >>> from headwater import Pipeline, step
        >>> @step("example.trim")
        ... def trim(text: str) -> str:
        ...     return text.strip()
        >>> plan = Pipeline("trimmed", steps={"trim": trim}).plan()
        >>> plan.unary, plan.step("trim").flavor.name
        (True, 'UNARY_UNARY')
    """

    name: str
    steps: tuple[PlannedStep, ...]
    edges: tuple[PlannedEdge, ...]
    segments: tuple[tuple[str, ...], ...]
    inputs: tuple[InputGroup, ...]
    outputs: tuple[int, ...]
    output_names: tuple[str, ...]
    unary: bool
    worst_case_items: int | None
    warnings: tuple[Problem, ...] = ()
    remembering: tuple[tuple[str, str, PlannedStep], ...] = ()
    _by_id: dict[str, PlannedStep] = field(default_factory=dict[str, "PlannedStep"], repr=False, compare=False)

    @property
    def gathered(self) -> tuple[PlannedEdge, ...]:
        """The edges whose reader gets their whole stream as one value, and so holds all of it."""
        return tuple(edge for edge in self.edges if edge.streaming and edge.adapter in {Adapter.COLLECT, Adapter.JOIN})

    def step(self, step_id: str) -> PlannedStep:
        """Return a step by its id.

        Args:
            step_id: Id in the document.

        Returns:
            The step, with the method that runs.

        Raises:
            KeyError: There is no such step.
        """
        if not self._by_id:
            self._by_id.update((step.id, step) for step in self.steps)
        return self._by_id[step_id]
