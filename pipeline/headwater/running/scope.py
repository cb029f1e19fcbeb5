"""One execution as its hosts and unary runs see it: records, functions with their contexts, and failures."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from anyio import current_time
from anyio.from_thread import run_sync as run_in_loop
from anyio.lowlevel import current_token

from headwater.events.notices import notice
from headwater.events.plain import owned
from headwater.events.subscriber import StreamSubscriber
from headwater.kinds.binding import callable_of
from headwater.kinds.step_context import StepContext
from headwater.running.record import EmitItems, StepRecord, with_tokens
from headwater.running.workers.inside import Enter, called_inside
from headwater.running.workers.threads import is_abandoned, is_released

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from anyio.abc import TaskGroup

    from headwater.graph.plan import Plan, PlannedStep
    from headwater.kinds.step import Step
    from headwater.kinds.step_context import NestedRun
    from headwater.running.nested.path_events import EventSink
    from headwater.running.request import ExecutionRequest
    from headwater.running.shared.step_memory import StepMemory

__all__ = ["ExecutionScope", "FailureSink", "Made"]


class FailureSink(Protocol):
    """Takes the failures of steps."""

    def __call__(self, step_id: str, error: Exception, attempt: int) -> None:
        """Take the failure of a step that failed on its own; called once for each."""
        ...


class Made(NamedTuple):
    """The value that a step has made, in its pipeline or in one that is nested there."""

    scope: ExecutionScope
    step: PlannedStep
    value: Any


class ExecutionScope:
    """One execution as its hosts and unary runs see it; conforms to `HostScope`."""

    def __init__(
        self,
        execution_id: str,
        request: ExecutionRequest,
        context: EventSink,
        *,
        instances: Mapping[str, Step],
        memories: Mapping[str, StepMemory],
        on_failure: FailureSink,
    ) -> None:
        streaming = request.streaming
        self.request: ExecutionRequest = request
        self.path: str = ""  # of the steps around a nested pipeline, each with a separator
        self.key: str = ""  # the same, with what distinguishes the runs of each step
        self.group: TaskGroup | None = None
        self.hung_inside: list[str] = []  # paths of steps of nested pipelines whose threads were abandoned
        self.nest: Callable[[PlannedStep, Sequence[Any], Mapping[str, Any]], NestedRun] | None = None
        self.execution_id: str = execution_id
        self.plan: Plan = request.plan
        self.allowed: frozenset[str] = request.allowed
        self.context: EventSink = context
        self.cancelled = False
        self.is_cancelled: Callable[[], bool] = lambda: self.cancelled
        self.is_measured: bool = request.slo is not None
        self.failed: set[str] = set()
        self.records: dict[str, StepRecord] = {}
        self.made: list[Made] = []
        self.mask: Callable[[str], str] = request.mask
        self.emits_progress: bool = streaming.emit_progress
        self._emit_items: EmitItems = streaming.emit_items if context.enabled else "none"
        self.emits_items: bool = self._emit_items != "none"
        if self.emits_items:
            context.log.allow_short_forms()
        self._progress_interval_s = streaming.flush_interval_ms / 1000
        self.instances: Mapping[str, Step] = instances
        self.memories: Mapping[str, StepMemory] = memories  # by path
        self._start_data = request.start_data
        self.hooks: tuple[StreamSubscriber, ...] = tuple(
            one
            for one in (subscription.source for subscription in context.delivery.subscriptions)
            if isinstance(one, StreamSubscriber) and type(one).inside_step is not StreamSubscriber.inside_step
        )
        self.on_failure: FailureSink = on_failure
        self._counting = threading.Lock()  # threads of one step may report at the same time
        self._thread = threading.get_ident()
        self._token = current_token()

    def note_made(self, step: PlannedStep, value: Any) -> None:
        """Keep the value of a step for the one that undoes it, should the execution fail."""
        self.made.append(Made(self, step, value))

    def record(self, step: PlannedStep) -> StepRecord:
        """Return the numbers of a step, made on first use."""
        record = self.records.get(step.id)
        if record is None:
            record = StepRecord(step, self.context, self._emit_items, self.mask, self._progress_interval_s)
            self.records[step.id] = record
        return record

    def memory(self, step: PlannedStep) -> StepMemory | None:
        """Return what the policies of a step remember; None when there is nothing."""
        return self.memories.get(f"{self.path}{step.id}")

    def fail(self, step_id: str, error: Exception, attempt: int) -> None:
        """Note that a step failed on its own, or that the pipeline's input did."""
        self.failed.add(step_id)
        self.on_failure(step_id, error, attempt)

    def unfinished(self) -> tuple[str, ...]:
        """Return the ids of the steps that have not ended."""
        ended = {step_id for step_id, record in self.records.items() if record.ended}
        return tuple(step.id for step in self.plan.steps if step.id not in ended)

    def hung(self) -> str:
        """Return which steps did not stop, as a part of a sentence, or nothing."""
        ids = [repr(step_id) for step_id, record in self.records.items() if record.abandoned]
        ids += map(repr, self.hung_inside)
        if not ids:
            return ""
        return f"the code of step{'s' * (len(ids) > 1)} {', '.join(ids)} did not return, so its thread was abandoned"

    def callable_of(self, step: PlannedStep, attempt: int) -> Callable[..., Any]:
        """Return the function of a step that takes its inputs alone, with params and context bound."""
        call = step.call or self._bound_call(step, attempt)
        enters = self.inside(step) if self.hooks else ()
        return called_inside(enters, call, step.method.call) if enters else call

    def inside(self, step: PlannedStep) -> list[Enter]:
        """Return the contexts that subscribers give to the code of a step."""
        enters: list[Enter] = []
        for hook in self.hooks:
            try:
                enter = hook.inside_step(self.execution_id, owned(self._start_data), self.path + step.id)
            except Exception as error:  # noqa: BLE001 - a subscriber does not disturb the execution
                notice("subscriber gave no context to a step", step_id=step.id, error=repr(error))
            else:
                enters += () if enter is None else (enter,)
        return enters

    def _bound_call(self, step: PlannedStep, attempt: int) -> Callable[..., Any]:
        bound = step.bound
        if (live := self.instances.get(self.path + step.id)) is not None:
            bound = replace(bound, instance=live)
        context = self._context_of(step, attempt) if step.method.context is not None else None
        return callable_of(bound, step.method, context=context, ports=[planned.port.name for planned in step.inputs])

    def _context_of(self, step: PlannedStep, attempt: int) -> StepContext:
        context = StepContext(
            self.execution_id,
            self.path + step.id,
            attempt=attempt,
            deadline=None if step.timeout_s is None else current_time() + step.timeout_s,
            report=partial(self.progress, step),
            mask=self.mask,
            is_cancelled=lambda: self.is_cancelled() or is_released(),
            connected=[output.name for output in step.outputs if output.edges],
            allowed=self.allowed,
        )
        if self.path or step.method.nested is not None:
            context.place(self.key + step.id, None if self.nest is None else partial(self.nest, step))
        return context

    def progress(self, step: PlannedStep, fraction: float | None, message: str, data: Mapping[str, Any]) -> None:
        """Emit the progress of a step, from any thread; what is counted is counted even when no progress is emitted."""
        if is_abandoned():
            return
        record = self.record(step)
        with self._counting:
            if isinstance(compensations := data.get("compensations"), int):
                record.compensations += compensations
            if isinstance(skipped := data.get("skipped"), int):
                record.items_aside["skipped"] = record.items_aside.get("skipped", 0) + skipped
            data = with_tokens(data, record.tokens)
        if not self.emits_progress or not record.note_progress(fraction, message, data):
            return
        if threading.get_ident() == self._thread:
            record.emit_progress()
        else:
            run_in_loop(record.emit_progress, token=self._token)
