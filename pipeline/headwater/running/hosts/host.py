"""A step host: the life of one segment in one execution, from its inbox to its outbox."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from headwater.errors import StreamBrokenError
from headwater.events.step_state import State
from headwater.running.attempt import Attempt, Failure
from headwater.running.failures import (
    STEP_ERRORS,
    broken_stream_of,
    comes_from_stop,
    error_in,
    interruption_in,
    is_stopped,
    reason_of,
)
from headwater.running.hosts.dispatch import Dispatch
from headwater.running.hosts.inbox import Inbox, Skipped
from headwater.running.hosts.watch import Watched
from headwater.running.policies.pace_limits import at_pace
from headwater.running.policies.whole_attempts import WholeAttempts
from headwater.running.record import HOLD_S
from headwater.streams.ends import NOTHING, ReaderLeft
from headwater.streams.meter import Meter, Turn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headwater.graph.plan import PlannedStep
    from headwater.running.host_scope import HostScope
    from headwater.running.hosts.outbox import Outbox
    from headwater.running.policies.deliveries import Deliveries
    from headwater.running.record import StepRecord

__all__ = ["StepHost"]


class StepHost:
    """Runs one segment: its first step reads the inbox, the others are fused stages, the last writes the outbox."""

    def __init__(
        self,
        steps: Sequence[PlannedStep],
        inbox: Inbox,
        outbox: Outbox,
        scope: HostScope,
        ports: Sequence[Deliveries] = (),
    ) -> None:
        self.steps: tuple[PlannedStep, ...] = tuple(steps)
        self.unread: bool = False
        self.stopped_by: str | None = None  # the step whose failure stops this host
        self._inbox = inbox
        self._outbox = outbox
        self._scope = scope
        self._attempts = [Attempt(step, scope) for step in steps]
        self._head = self._attempts[0]
        self.records: list[StepRecord] = [attempt.record for attempt in self._attempts]
        self._dispatch = Dispatch(self._attempts, inbox, outbox)
        self._ports = ports
        policies = self.steps[0].policies
        if policies is not None and policies.repeats_whole and self.steps[0].mapped is None:
            inbox.keep(lambda: policies.replays or not any(port.delivered for port in ports))
        self._waited_before_s = 0.0
        self._turn: Turn | None = None

    @property
    def is_working(self) -> bool:
        """Whether workers call the step's function, beside what the host waits for."""
        return self._head.calls_aside()

    @property
    def has_ended(self) -> bool:
        """Whether nothing more happens to its steps."""
        return all(record.ended for record in self.records)

    async def run(self) -> None:
        """Run the segment to its end; a failure is reported to the scope and to the readers, not raised."""
        try:
            work = self._run()
            if any(step.method.call.suspends for step in self.steps):
                self._turn = Turn()
                await Watched(work, self._turn, self._dispatch.note_hold, longer_than_s=HOLD_S)
            else:  # its calls are measured one by one
                await work
        except Skipped:
            self._skip()
        except ReaderLeft:  # nothing reads on, so what was written is all that was asked for
            self._end()
        except Failure as failure:
            self._fail(failure.attempt, failure.cause)
        except STEP_ERRORS as error:
            if not is_stopped(error):
                self._fail_as(error)
            else:
                if self.unread:
                    self._end()
                raise
        finally:  # does nothing to an outbox that has ended
            self._outbox.fail(self._cancelled())
            await self._inbox.aclose()

    async def _run(self) -> None:
        await self._head.in_time(self._work())  # a step whose time was over has not ended, whatever its code returns
        self._outbox.finish(self._inbox.footer)
        self._end()

    async def _work(self) -> None:
        arguments = await self._inbox.arguments()  # values are waited for before the step counts as started
        self._waited_before_s = self._inbox.statistics().reader_wait_s
        meter = Meter(perf_counter(), self._turn)
        self._outbox.sink.meter = meter
        for record in self.records:
            record.meter = meter
            record.start()
        if (header := await self._inbox.header()) is not NOTHING:
            self._outbox.set_header(header)
        await self._drive(arguments)

    async def _drive(self, arguments: list[Any]) -> None:
        """Call the steps until there is no more input, as their policies say."""
        policies = self.steps[0].policies  # a step with policies runs alone
        if policies is None:
            await self._dispatch.run(arguments)
        elif policies.of_units:
            await at_pace(self._dispatch.run(arguments), policies.timeout, self._ports)
        else:
            whole = WholeAttempts(
                self._head, policies, self._scope, inbox=self._inbox, outbox=self._outbox, ports=self._ports
            )
            await whole.run(arguments)

    def count(self) -> None:
        """Bring the records up to what the channels have counted."""
        first, *others = self.records
        given = self._inbox.statistics()
        if not self._dispatch.counts_items:
            first.items_in = max(first.items_in, given.read_items)
        output = self._outbox.sink.statistics()
        if self._dispatch.chained:  # nothing expands, so as many items leave each step as reach the end
            for record in others:
                record.items_in = record.items_out = output.written_items
        written = others[0].items_in if others else output.written_items
        first.items_out = max(first.items_out, written)
        self._outbox.note_aside(first.items_aside)
        input_wait_s = given.reader_wait_s - self._waited_before_s
        output_wait_s = output.writer_wait_s
        for record in self.records:
            record.input_wait_s, record.output_wait_s = input_wait_s, output_wait_s

    def _end(self) -> None:
        self._inbox.acknowledge()
        self.count()
        self.records[0].items_in = max(self.records[0].items_in, self._inbox.statistics().read_items)
        for record in self.records:
            if record.state is State.WAITING:
                record.skip("nothing reads its output any more")
            record.complete()

    def _skip(self) -> None:
        self._outbox.skip()
        for record in self.records:
            record.skip("its branch was not taken")

    def _fail_as(self, error: BaseException) -> None:
        if isinstance(error, StreamBrokenError) and error.execution_id == self._scope.execution_id:
            # Without a failure the break comes from a cancellation, and nothing fails because of that.
            self._break(error, self.records if self._scope.failed and self.stopped_by is None else ())
        else:
            self._fail(self._head, error)

    def _fail(self, attempt: Attempt, raised: BaseException) -> None:
        """Note the failure of a step, and break the stream for everything after it."""
        if self._scope.failed and comes_from_stop(raised):
            attempt.record.fail(error_in(raised), self.stopped_by or min(self._scope.failed))
            return
        origin = broken_stream_of(raised, self._scope.execution_id)
        if origin is not None and self._scope.failed:
            attempt.record.fail(error_in(raised), origin.step_id)
            self._break(origin, self.records)
            return
        error = attempt.fail(raised)
        broken = self._broken(attempt, f"failed: {reason_of(error, self._scope.mask)}")
        broken.__cause__ = error
        self._break(broken, self.records[self.steps.index(attempt.step) + 1 :])
        if (interruption := interruption_in(error)) is not None:
            raise interruption

    def _break(self, error: StreamBrokenError, records: Sequence[StepRecord]) -> None:
        for record in records:
            record.fail(error)
        self._outbox.fail(error)

    def _cancelled(self) -> StreamBrokenError:
        """Return the error for readers of a host that was cancelled: it names the step that failed, if one did."""
        execution_id, failed = self._scope.execution_id, self.stopped_by
        if failed is not None:
            return StreamBrokenError(f"step {failed!r} failed", step_id=failed, execution_id=execution_id)
        return self._broken(self._head, "was cancelled")

    def _broken(self, attempt: Attempt, end: str) -> StreamBrokenError:
        step_id = attempt.step.id
        return StreamBrokenError(f"step {step_id!r} {end}", step_id=step_id, execution_id=self._scope.execution_id)
