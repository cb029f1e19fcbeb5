"""Attempts of steps that read or write streams: of the whole step, or for each item that makes a stream of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.errors import FIRST_ATTEMPT
from headwater.kinds.step_context import ITEM_INDEX
from headwater.running.attempt import Failure
from headwater.running.failures import STEP_ERRORS, broken_stream_of, interruption_in, is_stopped
from headwater.running.hosts.dispatch import Dispatch, drive_item
from headwater.running.hosts.inbox import Skipped
from headwater.running.policies.notes import count
from headwater.running.policies.pace_limits import at_pace
from headwater.running.policies.retries import is_worth_retrying, next_attempt
from headwater.running.policies.rewindable import KEPT_ITEMS
from headwater.running.policies.stand_ins import of_fallback, stand_in
from headwater.running.policies.time_limits import within
from headwater.streams.ends import ReaderLeft

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from headwater.graph.plan import StepPolicies
    from headwater.running.attempt import Attempt
    from headwater.running.host_scope import HostScope
    from headwater.running.hosts.inbox import Inbox
    from headwater.running.hosts.outbox import Outbox
    from headwater.running.policies.deliveries import Deliveries

__all__ = ["WholeAttempts"]


class WholeAttempts:
    """Runs a step again after a failure, as long as what it has read and written allows that."""

    def __init__(
        self,
        attempt: Attempt,
        policies: StepPolicies,
        scope: HostScope,
        *,
        inbox: Inbox,
        outbox: Outbox,
        ports: Sequence[Deliveries],
    ) -> None:
        self._first = attempt
        self._policies = policies
        self._inbox = inbox
        self._outbox = outbox
        self._ports = ports
        self._scope = scope
        self._record = attempt.record
        self._guard = attempt.guard(())
        self._unit: Any = None  # the item that an attempt is for; None for the whole step

    async def run(self, arguments: list[Any]) -> None:
        """Run the step to its end."""
        if self._first.step.mapped is not None:
            await at_pace(self._run_items(arguments), self._policies.timeout, self._ports)
            return

        async def once(attempt: Attempt) -> None:
            again = attempt is not self._first
            given = self._inbox.arguments_again(arguments) if again else arguments
            work = Dispatch([attempt], self._inbox, self._outbox).run(given)
            await at_pace(work, self._policies.timeout, self._ports)

        failure = await self._try(once, None)
        if failure is not None:
            await self._settle(failure, 0, arguments[0] if len(arguments) == 1 else [*arguments])

    async def _run_items(self, arguments: list[Any]) -> None:
        """Run the step for each item of its input; what it wrote for one stays, whatever happens to the next."""
        index = 0
        while batch := await self._inbox.mapped.take():
            self._record.items_in += len(batch)
            for item in batch:
                await self._run_item(arguments, item, index)
                index += 1
            await self._outbox.wait_writable()

    async def _run_item(self, arguments: list[Any], item: Any, index: int) -> None:
        ITEM_INDEX.set(index)
        for port in self._ports:
            port.mark()
        self._unit = item

        async def once(attempt: Attempt) -> None:
            await drive_item(attempt, arguments, item, self._outbox)

        failure = await self._try(once, index)
        if failure is not None:
            await self._settle(failure, index, item)

    async def _settle(self, failure: Failure, index: int, item: Any) -> None:
        """Put something in the place of what was not written; raise the failure where that is not asked for."""
        policies, record = self._policies, self._record
        if policies.on_error in {"fail", "fallback"} or interruption_in(failure.cause) is not None:
            raise failure
        for port in self._ports:
            port.mark()
        self._begin_again()
        number, error, mask = failure.attempt.number, failure.cause, self._scope.mask
        made = stand_in(policies, record, mask, error=error, item=item, index=index, number=number)
        await self._outbox.write(self._outbox.admit_all([made]))

    async def _try(self, once: Callable[[Attempt], Awaitable[None]], index: int | None) -> Failure | None:
        """Make attempts, and one with the fallback, until one succeeds; return the last failure."""
        number, failure = FIRST_ATTEMPT, await self._attempt(self._first, once)
        while failure is not None and self._may_repeat(number, failure):
            retry = self._policies.retry
            assert retry is not None  # noqa: S101 - or it was not tried again
            number = await next_attempt(retry, number, failure.cause, self._record, index)
            self._begin_again()
            failure = await self._attempt(self._first.numbered(number), once)
        fallback = self._first.fallback()
        if failure is None or fallback is None or self._delivered() or not self._inbox.can_begin_again:
            return failure
        if interruption_in(failure.cause) is not None:
            return failure
        count(self._record, "fallbacks")
        self._record.compensations += 1
        self._begin_again()
        last = await self._attempt(fallback, once)
        if last is not None:
            of_fallback(last.cause, failure.cause, self._scope.mask)
        return last

    async def _attempt(self, attempt: Attempt, once: Callable[[Attempt], Awaitable[None]]) -> Failure | None:
        """Make one attempt; return its failure."""
        try:
            await self._guarded(attempt, once)
            for port in self._ports:
                port.check_complete()
        except (ReaderLeft, Skipped):
            raise
        except Failure as failure:
            error: BaseException = failure.cause
        except STEP_ERRORS as raised:
            if is_stopped(raised):
                raise
            error = raised
        else:
            return None
        if broken_stream_of(error, self._scope.execution_id) is not None:
            raise error  # what it reads is broken, so another attempt would read the same
        return Failure(self._first.numbered(attempt.number), error)

    async def _guarded(self, attempt: Attempt, once: Callable[[Attempt], Awaitable[None]]) -> None:
        """Make one attempt when it may be made; a fallback may always."""
        limit_s = self._policies.timeout.attempt_s
        if self._guard is None or attempt.step is not self._first.step:
            await within(once(attempt), "attempt_s", limit_s)
            return
        left: Exception | None = None
        async with self._guard.call(self._unit):
            try:
                await within(once(attempt), "attempt_s", limit_s)
            except (ReaderLeft, Skipped) as error:  # which is not a failure
                left = error
        if left is not None:
            raise left

    def _may_repeat(self, number: int, failure: Failure) -> bool:
        """Return whether another attempt may follow; say on the error what forbids it."""
        retry = self._policies.retry
        if retry is None or number >= retry.attempts or not is_worth_retrying(retry, failure.cause):
            return False
        if self._delivered() and not self._policies.replays:
            failure.cause.add_note(
                "It was not tried again, as it had written items: "
                "a step that gives the same items for the same input can declare resume='replay'."
            )
            return False
        if not self._inbox.can_begin_again:
            failure.cause.add_note(f"It was not tried again, as it had read more than {KEPT_ITEMS:,} items.")
            return False
        return True

    def _delivered(self) -> int:
        """Return how many items were delivered that the next attempt would give again."""
        return sum(port.since_mark for port in self._ports)

    def _begin_again(self) -> None:
        for port in self._ports:
            port.begin_again()
