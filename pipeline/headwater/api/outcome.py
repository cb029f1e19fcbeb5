"""How an execution ends: the first failure or the cancellation decides, and the last event reports it."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from anyio import CancelScope, Event, current_time

from headwater.errors import FIRST_ATTEMPT, ExecutionCancelled, ExecutionTimeoutError, HeadwaterError, StepError
from headwater.events.data import PipelineCancelled, PipelineComplete, PipelineFailure
from headwater.events.event import EventType
from headwater.running.failures import message_of
from headwater.running.nested.failure import step_error
from headwater.running.shared.service_levels import facts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from headwater.api.result import Status
    from headwater.events.data import EventData
    from headwater.events.streaming_context import StreamingContext
    from headwater.running.record import StepRecord
    from headwater.running.request import ExecutionRequest
    from headwater.running.shared.service_levels import ServiceLevels

__all__ = ["Outcome"]


class Outcome:
    """What is known of the end of an execution."""

    def __init__(
        self,
        request: ExecutionRequest,
        context: StreamingContext,
        unfinished: Callable[[], Sequence[str]],
    ) -> None:
        self.status: Status = "running"
        self.duration_s: float = 0.0
        self.done: Event = Event()
        self._request = request
        self._context = context
        self._unfinished = unfinished
        self.hung: Callable[[], str] = str  # what the steps left behind that did not stop, or nothing
        self._error: Exception | None = None
        self._cancelled = ExecutionCancelled()
        self._cancel_reason: str | None = None
        self.started_at: float = 0.0
        self._error_given = False
        self.scope: CancelScope = CancelScope()

    @property
    def cancelled(self) -> bool:
        """Whether the execution was cancelled before it ended."""
        return self._cancel_reason is not None

    @property
    def error(self) -> Exception | None:
        """The error that a program gets, or None."""
        if self._error is None and self.cancelled:
            return self._cancelled
        return self._error

    @property
    def failure(self) -> Exception | None:
        """What made the execution fail, or None when it was cancelled."""
        return self._error

    def give_error(self) -> Exception | None:
        """Return the error for the program, and note that it has it."""
        error = self.error
        self._error_given = self._error_given or error is not None
        return error

    def missed_failure(self) -> Exception | None:
        """Return the failure that the program was not given."""
        return self._error if self.status == "failed" and not self._error_given else None

    def begin(self) -> None:
        """Emit the first event."""
        self.started_at = perf_counter()
        self._context.emit(EventType.PIPELINE_START, None, self._request.start_data)

    def work_scope(self) -> CancelScope:
        """Return the scope of the work: cancelled with the execution, or when its time is over."""
        if self._request.timeout_s is not None:
            self.scope.deadline = current_time() + self._request.timeout_s
        return self.scope

    def expire(self) -> None:
        """Note that the time of the execution is over, unless it was cancelled."""
        if (timeout_s := self._request.timeout_s) is not None:
            self.fail(ExecutionTimeoutError(timeout_s, self.hung()))

    def fail(self, error: Exception) -> None:
        """Note what made the execution fail, unless something else ended it before."""
        if self.error is None:
            self._error = error

    def fail_step(self, step_id: str, error: Exception, attempt: int) -> None:
        """Note that a step failed on its own."""
        if self.scope.cancel_called:  # the step failed because it was cancelled
            self.expire()
        if self.error is None:
            self._error = step_error(step_id, error, attempt, self._request.mask)

    def cancel(self, reason: str) -> bool:
        """Note the reason of a cancellation; return whether it is the first one, and in time."""
        is_first = self.status == "running" and not self.cancelled
        if is_first:
            self._cancel_reason = reason
        return is_first

    def judge(self, levels: ServiceLevels | None, records: Mapping[str, StepRecord]) -> None:
        """Count the execution among those of its pipeline, and emit the objectives that these miss."""
        if levels is None:
            return
        plan = self._request.plan
        writers = {plan.edges[index].source or "" for index in plan.outputs}
        completed = None if self._error is None and self.cancelled else self._error is None
        levels.add(facts_of(records, writers, self.started_at, completed=completed))
        for breach in levels.breaches():
            self._context.emit(EventType.SLO_BREACHED, None, breach)

    def end(self) -> None:
        """Decide how the execution ended, and emit its last event."""
        self.duration_s = perf_counter() - self.started_at
        if self._error is not None:
            self.status = "failed"
            self._end(EventType.PIPELINE_ERROR, self._failure(self._error))
        elif self._cancel_reason is not None:
            self.status = "cancelled"
            if hung := self.hung():
                self._cancelled = ExecutionCancelled(f"the execution was cancelled; {hung}")
                self._cancel_reason = f"{self._cancel_reason}; {hung}"
            data = PipelineCancelled(self.duration_s, self._cancel_reason, tuple(self._unfinished()))
            self._end(EventType.PIPELINE_CANCELLED, data)
        else:
            self.status = "completed"
            self._end(EventType.PIPELINE_COMPLETE, PipelineComplete(self.duration_s))

    def _end(self, event_type: EventType, data: EventData) -> None:
        try:
            self._context.log.append_end(event_type, data)
        finally:
            self.done.set()

    def _failure(self, error: Exception) -> PipelineFailure:
        cause = error.__cause__ if isinstance(error, StepError) and error.__cause__ is not None else error
        return PipelineFailure(
            self.duration_s,
            type(cause).__name__,
            message_of(cause, self._request.mask),
            step_id=error.step_id if isinstance(error, StepError) else None,
            attempt=error.attempt if isinstance(error, StepError) else FIRST_ATTEMPT,
            unfinished=tuple(self._unfinished()),
            error=error.to_json() if isinstance(error, HeadwaterError) else None,
        )
