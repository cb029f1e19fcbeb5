"""Units of work under policies: one item of a mapped step, or the values of a step that takes values."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from anyio import move_on_after, sleep

from headwater.errors import FIRST_ATTEMPT
from headwater.kinds.step_context import FIRST_INDEX
from headwater.running.failures import STEP_ERRORS, error_in, interruption_in, is_stopped, reason_of
from headwater.running.policies.dead_letters import dead_letter
from headwater.running.policies.notes import count, note_attempt, note_retry, note_skipped_item
from headwater.running.policies.retries import is_worth_retrying, pause_before
from headwater.running.policies.time_limits import StepTimeoutError
from headwater.running.workers.threads import code_until
from headwater.streams.frames import Batch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from headwater.graph.plan import StepPolicies
    from headwater.running.record import StepRecord
    from headwater.running.shared.guards import Guard
    from headwater.running.workers.worker import Worker

__all__ = ["PolicyWorker", "UnitDoors"]

_Call: TypeAlias = Callable[[Any, list[Any]], Awaitable[Exception | None]]


class _GivenUp(Exception):  # noqa: N818 - a signal, not an error of its own
    """Internal: no further attempt is worth it; all that wait for the same result get the error."""

    def __init__(self, number: int, error: Exception) -> None:
        super().__init__(str(error))
        self.number = number
        self.error = error


class UnitDoors:
    """What a worker under policies needs of its step and execution."""

    __slots__ = ("fail", "guard", "is_mapped", "is_process", "mask", "ports", "record", "start", "start_fallback")

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
        guard: Guard | None = None,
    ) -> None:
        self.record: StepRecord = record
        self.mask: Callable[[str], str] = mask
        self.start: Callable[[int], Worker] = start  # a worker for an attempt, by its number
        self.start_fallback: Callable[[], Worker] | None = start_fallback
        self.fail: Callable[[int, Exception], Exception] = fail  # the failure of the step in an attempt
        self.ports: Sequence[str] | None = ports  # those whose values are one unit; None for the items of a mapped step
        self.is_mapped: bool = ports is None
        self.is_process: bool = is_process
        self.guard: Guard | None = guard  # what the executions of a runner share

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
        self._guard = doors.guard
        self._limit_s = policies.timeout.attempt_s
        self._one_by_one = doors.is_process or self._limit_s is not None or self._guard is not None
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
            FIRST_INDEX.set(first + done)
            if self._guard is not None and self._guard.keeps_results:
                failure = await self._look_up(self._guard, items[done], first + done, results)
                if failure is not None:
                    return failure
                done += 1
                continue
            made = len(results)
            part = items[done : done + 1] if self._one_by_one else items[done:]
            error = await self._first_attempts(part, results, first + done)
            done += len(results) - made
            if error is None:
                continue
            FIRST_INDEX.set(first + done)
            failure = await self._go_on(items[done], first + done, error, results)
            if failure is not None:
                return failure
            done += 1
        return None

    async def _first_attempts(self, items: list[Any], results: list[Any], first: int) -> Exception | None:
        if not self._one_by_one:
            FIRST_INDEX.set(None)
            return await (await self._ready()).work(items, results, first)
        return await self._guarded(items[0], self._first_attempt, results)

    async def _look_up(self, guard: Guard, item: Any, index: int, results: list[Any]) -> Exception | None:
        """Append the result of an equal item, or that of this one; return what makes the step fail."""

        async def make() -> list[Any]:
            made: list[Any] = []
            error = await self._guarded(item, self._first_attempt, made)
            number, last = await self._try_again(item, index, error, made)
            if last is not None:
                raise _GivenUp(number, last)
            return made

        try:
            results += await guard.result(item, make)
        except _GivenUp as given_up:  # by this worker, or by the one whose result it waited for
            return await self._settle(item, index, given_up.number, given_up.error, results)
        except Exception as error:  # noqa: BLE001 - the item has no key
            return await self._settle(item, index, FIRST_ATTEMPT, error, results)
        return None

    async def _guarded(self, item: Any, call: _Call, results: list[Any]) -> Exception | None:
        """Append the result of one call when it may be made; return its error, or that of a call that is refused."""
        if self._guard is None:
            return await call(item, results)
        try:
            async with self._guard.call(item):
                error = await call(item, results)
                if error is not None:
                    raise error
        except STEP_ERRORS as raised:
            if is_stopped(raised):
                raise
            return error_in(raised)
        return None

    async def _first_attempt(self, item: Any, results: list[Any]) -> Exception | None:
        worker = await self._ready()
        error = await self._call(worker, item, results)
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
        with move_on_after(self._limit_s) as scope, code_until(scope.deadline):
            error = await worker.work([item], made)
        if scope.cancel_called:  # also when the code caught its cancellation, and made something up
            return StepTimeoutError("attempt_s", self._limit_s)
        results += made
        return error

    async def _go_on(self, item: Any, index: int, error: Exception, results: list[Any]) -> Exception | None:
        """Try again while that is worth it; then do what the document says of an error."""
        number, last = await self._try_again(item, index, error, results)
        return None if last is None else await self._settle(item, index, number, last, results)

    async def _try_again(
        self, item: Any, index: int, error: Exception | None, results: list[Any]
    ) -> tuple[int, Exception | None]:
        """Make further attempts while they are worth it; return the number of the last one, and its error."""
        number, retry, last = FIRST_ATTEMPT, self._policies.retry, error
        while last is not None and retry is not None and number < retry.attempts and is_worth_retrying(retry, last):
            pause_s = pause_before(retry, number + 1, last)
            note_retry(self._record, number + 1, pause_s, last, index if self._doors.is_mapped else None)
            await sleep(pause_s)
            number += 1
            if not self._doors.is_mapped:
                note_attempt(self._record, number)
            last = await self._guarded(item, partial(self._later_attempt, number), results)
        return number, last

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
        if policies.on_error == "fail" or interruption_in(error) is not None:
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
            failure.add_note(f"It was raised by the fallback, after {reason_of(error, self._doors.mask)}.")
            return self._doors.fail(number, failure)
        record.compensations += 1
        return None

    async def _fall_back(self, item: Any, results: list[Any]) -> Exception | None:
        if self._doors.start_fallback is None:
            return None
        count(self._record, "fallbacks")
        async with self._doors.start_fallback() as worker:
            return await worker.work([item], results)
