"""Units of work under policies: one item of a mapped step, or the values of a step that takes values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anyio import move_on_after, sleep

from headwater.errors import FIRST_ATTEMPT
from headwater.running.failures import STEP_ERRORS, error_in, interruption_in, is_stopped
from headwater.running.policies.dead_letters import dead_letter
from headwater.running.policies.notes import count, note_attempt, note_retry, note_skipped_item
from headwater.running.policies.retries import is_worth_retrying, pause_before
from headwater.running.policies.time_limits import StepTimeoutError
from headwater.streams.frames import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import Self

    from headwater.graph.plan import StepPolicies
    from headwater.running.record import StepRecord
    from headwater.running.workers.worker import Worker

__all__ = ["PolicyWorker", "UnitDoors"]


class UnitDoors:
    """What a worker under policies needs of its step and execution."""

    __slots__ = ("fail", "is_mapped", "is_process", "mask", "ports", "record", "start", "start_fallback")

    def __init__(
        self,
        *,
        record: StepRecord,
        mask: Callable[[str], str],
        start: Callable[[int], Worker],
        start_fallback: Callable[[], Worker] | None,
        fail: Callable[[int, Exception], Exception],
        ports: Sequence[str] | None,
        is_process: bool,
    ) -> None:
        self.record: StepRecord = record
        self.mask: Callable[[str], str] = mask
        self.start: Callable[[int], Worker] = start  # a worker for an attempt, by its number
        self.start_fallback: Callable[[], Worker] | None = start_fallback
        self.fail: Callable[[int, Exception], Exception] = fail  # the failure of the step in an attempt
        self.ports: Sequence[str] | None = ports  # those whose values are one unit; None for the items of a mapped step
        self.is_mapped: bool = ports is None
        self.is_process: bool = is_process

    def named(self, unit: Any) -> Any:
        """Return an item, the only value, or the values by port."""
        if self.ports is None:
            return unit
        return unit[0] if len(self.ports) == 1 else dict(zip(self.ports, unit, strict=True))


class PolicyWorker:
    """Calls a step's function through another worker, again where it fails, and puts something else in its place.

    What a worker did not end in time, or a process that ended, is replaced by a new one.
    """

    def __init__(self, policies: StepPolicies, doors: UnitDoors) -> None:
        self._policies = policies
        self._doors = doors
        self._record = doors.record
        self._limit_s = policies.timeout.attempt_s
        self._one_by_one = doors.is_process or self._limit_s is not None
        self._worker: Worker | None = None

    async def __aenter__(self) -> Self:
        await self._ready()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.__aexit__(exc_type, exc, traceback)

    async def work(self, items: list[Any], results: list[Any], first: int = 0) -> Exception | None:
        """Append a result for each item, nothing for one that is skipped; return what makes the step fail."""
        done = 0
        while done < len(items):
            made = len(results)
            error = await self._first_attempts(items[done : done + 1] if self._one_by_one else items[done:], results)
            done += len(results) - made
            if error is None:
                continue
            failure = await self._go_on(items[done], first + done, error, results)
            if failure is not None:
                return failure
            done += 1
        return None

    async def _first_attempts(self, items: list[Any], results: list[Any]) -> Exception | None:
        if not self._one_by_one:
            return await (await self._ready()).work(items, results)
        worker = await self._ready()
        error = await self._call(worker, items[0], results)
        if error is not None and (self._doors.is_process or isinstance(error, StepTimeoutError)):
            self._worker = None
            await worker.__aexit__(None, None, None)
        return error

    async def _ready(self) -> Worker:
        """Return the worker of first attempts, started anew when the last one is no longer of use."""
        if self._worker is None:
            worker = self._doors.start(FIRST_ATTEMPT)
            await worker.__aenter__()
            self._worker = worker
        return self._worker

    async def _call(self, worker: Worker, item: Any, results: list[Any]) -> Exception | None:
        """Append the result of one call; return its error, or that of a call that takes too long."""
        if self._limit_s is None:
            return await worker.work([item], results)
        made: list[Any] = []
        error: Exception | None = None
        with move_on_after(self._limit_s) as scope:
            error = await worker.work([item], made)
        if scope.cancelled_caught and not made:
            return StepTimeoutError("attempt_s", self._limit_s)
        results += made
        return error

    async def _go_on(self, item: Any, index: int, error: Exception, results: list[Any]) -> Exception | None:
        """Try again while that is worth it; then do what the document says of an error."""
        number, retry = FIRST_ATTEMPT, self._policies.retry
        last: Exception | None = error
        while last is not None and retry is not None and number < retry.attempts and is_worth_retrying(retry, last):
            pause_s = pause_before(retry, number + 1, last)
            note_retry(self._record, number + 1, pause_s, last, index if self._doors.is_mapped else None)
            await sleep(pause_s)
            number, error = number + 1, last
            if not self._doors.is_mapped:
                note_attempt(self._record, number)
            last = await self._later_attempt(number, item, results)
        if last is None:
            return None
        if interruption_in(last) is not None:
            return self._doors.fail(number, last)
        return await self._settle(item, index, number, last, results)

    async def _later_attempt(self, number: int, item: Any, results: list[Any]) -> Exception | None:
        try:
            async with self._doors.start(number) as worker:
                return await self._call(worker, item, results)
        except STEP_ERRORS as error:  # a process that cannot be started
            if is_stopped(error):
                raise
            return error_in(error)

    async def _settle(
        self, item: Any, index: int, number: int, error: Exception, results: list[Any]
    ) -> Exception | None:
        """Put something in the place of a result; return the failure where that is not asked for, or fails too."""
        policies, record = self._policies, self._record
        if policies.on_error == "fail":
            return self._doors.fail(number, error)
        if policies.on_error == "skip_item":
            note_skipped_item(record, index, error)
            results.append(Batch([]))
        elif policies.on_error == "dead_letter":
            unit, mask = self._doors.named(item), self._doors.mask
            letter = dead_letter(unit, error, mask, step_id=record.step_id, attempt=number, index=index)
            results.append(letter)
        elif policies.on_error == "value":
            count(record, "values")
            results.append(policies.value)
        elif (failure := await self._fall_back(item, results)) is not None:
            failure.__context__ = error
            return self._doors.fail(number, failure)
        record.compensations += 1
        return None

    async def _fall_back(self, item: Any, results: list[Any]) -> Exception | None:
        if self._doors.start_fallback is None:
            return None
        count(self._record, "fallbacks")
        async with self._doors.start_fallback() as worker:
            return await worker.work([item], results)
