"""A checked pipeline with what is compiled from it when it is first needed: plans, and the parts of executions."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from headwater.config.garbage_collection import collection_paused
from headwater.config.permissions import check_permissions
from headwater.config.secret_params import secrets_of
from headwater.graph.build import build_graph
from headwater.graph.checks.deadlocks import check_deadlocks
from headwater.graph.checks.item_types import check_item_types
from headwater.graph.checks.options import check_edges, check_needed_ports, check_options
from headwater.graph.checks.shared_files import check_shared_files
from headwater.graph.compile import compile_plan
from headwater.graph.resolve import resolve
from headwater.masking import masker
from headwater.running.feed import data_by_group, is_stream
from headwater.running.request import ExecutionRequest, RunOptions, start_data
from headwater.toolkit.line_input import TextLines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from headwater.config.load import Loaded, LoadOptions
    from headwater.events.data import PipelineStart
    from headwater.events.streaming_context import StreamingContext
    from headwater.graph.choices import Choice
    from headwater.graph.graph import Graph
    from headwater.graph.plan import Plan
    from headwater.kinds.definition import BoundStep
    from headwater.streams.frames import Mode, StreamType

__all__ = ["CompiledPipeline"]

_PlanKey: TypeAlias = "tuple[frozenset[int], Mode | None, tuple[Any, Any] | None]"
"""Which edges from the input bring a stream, its mode, and what flows around the steps that are mapped over it."""
_ONE_VALUE: Final[frozenset[int]] = frozenset()


class CompiledPipeline:
    """The graph of a document that passes every check."""

    def __init__(self, loaded: Loaded, steps: Mapping[str, BoundStep], options: LoadOptions) -> None:
        self.loaded = loaded
        problems = loaded.problems
        check_permissions(loaded.spec, steps, options.allowed, problems)
        if problems.is_blocked(("edges",)):  # whatever the graph lacks is a consequence
            problems.raise_if_any()
        self.graph: Graph = build_graph(loaded.spec, steps, problems)
        choices = resolve(self.graph, problems)
        check_options(self.graph, choices, problems)
        check_edges(self.graph, choices, self._for_streams, problems)
        check_needed_ports(self.graph, choices, problems)
        check_item_types(self.graph, choices, problems)
        check_deadlocks(self.graph, choices, problems, stream_input=False)
        check_shared_files(self.graph, choices, problems)
        problems.raise_if_any()
        self._choices: dict[_PlanKey, dict[str, Choice]] = {(_ONE_VALUE, None, None): choices}
        self._plans: dict[_PlanKey, Plan] = {}
        self._starts: dict[Plan, PipelineStart] = {}
        self.options = options

    def _for_streams(self) -> Mapping[str, Choice]:
        """Return the choices for an input of many items, whatever is wrong with them."""
        streamed = frozenset(edge.index for edge in self.graph.inputs)
        return resolve(self.graph, self.loaded.problems.renewed(), streamed=streamed)

    def plan(self, *, stream_input: bool, frames: StreamType | None = None) -> Plan:
        """Return the plan for an input of one value, or of a stream; raise when the pipeline does not fit that.

        `frames` has the header and the footer of the stream, which flow around the steps that are mapped over it.
        """
        streamed = frozenset(edge.index for edge in self.graph.inputs) if stream_input else _ONE_VALUE
        return self._plan(streamed, frames=frames)

    def _plan(self, streamed: frozenset[int], input_mode: Mode | None = None, frames: StreamType | None = None) -> Plan:
        """Return the plan for an input that is a stream on some of its edges."""
        key = (streamed, input_mode, None if frames is None else (frames.header, frames.footer))
        if key not in self._choices:
            problems = self.loaded.problems.renewed()
            choices = resolve(self.graph, problems, streamed=streamed, input_mode=input_mode, frames=frames)
            check_deadlocks(self.graph, choices, problems, stream_input=bool(streamed))
            problems.raise_if_any()
            self._choices[key] = choices
        if key not in self._plans:
            with collection_paused():
                self._plans[key] = compile_plan(self.graph, self._choices[key])
        return self._plans[key]

    def request(
        self,
        data: Any,
        options: RunOptions,
        execution_id: str | None = None,
        context: StreamingContext | None = None,
    ) -> ExecutionRequest:
        """Return what an execution with some data needs to know; raise when the data does not fit the input."""
        plan = self._plan(_ONE_VALUE)
        given = data_by_group(plan, data)
        if streams := [group for group, value in given.items() if is_stream(plan, group, value)]:
            edges = frozenset(index for group in streams for index in group.edges)
            plan = self._plan(edges, "line" if isinstance(data, TextLines) else None)
        if plan not in self._starts:
            self._starts[plan] = start_data(plan)
        spec = self.loaded.spec
        return ExecutionRequest(
            plan=plan,
            data=data,
            options=options,
            streaming=spec.streaming,
            start_data=self._starts[plan],
            timeout_s=None if spec.timeout is None else spec.timeout.total_s,
            stall_s=None if spec.timeout is None else spec.timeout.stall_s,
            slo=spec.slo,
            mask=self._mask,
            allowed=self.options.allowed,
            execution_id=execution_id,
            context=context,
        )

    @cached_property
    def _mask(self) -> Callable[[str], str]:
        return masker(secrets_of([*self.graph.steps.values(), *self.graph.substeps.values()]))
