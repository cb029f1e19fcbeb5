"""Units of work under policies: one item of a mapped step, or the values of a step that takes values."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from headwater.errors import FIRST_ATTEMPT
from headwater.running.failures import STEP_ERRORS, error_in, interruption_in, is_stopped
from headwater.running.policies.notes import count
from headwater.running.policies.retries import is_worth_retrying, next_attempt
from headwater.running.policies.stand_ins import of_fallback, stand_in
from headwater.running.policies.time_limits import StepTimeoutError, within

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
            failure = await self._go_on(items[done], first + done, error, results)
            if failure is not None:
                return failure
            done += 1
        return None

    async def _first_attempts(self, items: list[Any], results: list[Any], first: int) -> Exception | None:
        if not self._one_by_one:
            return await (await self._ready()).work(items, results, first)
        return await self._guarded(items[0], partial(self._first_attempt, first), results)

    async def _look_up(self, guard: Guard, item: Any, index: int, results: list[Any]) -> Exception | None:
        """Append the result of an equal item, or that of this one; return what makes the step fail."""

        async def make() -> list[Any]:
            made: list[Any] = []
            error = await self._guarded(item, partial(self._first_attempt, index), made)
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

    async def _first_attempt(self, index: int, item: Any, results: list[Any]) -> Exception | None:
        worker = await self._ready()
        error = await self._call(worker, index, item, results)
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

    async def _call(self, worker: Worker, index: int, item: Any, results: list[Any]) -> Exception | None:
        """Append the result of one call; return its error, or that of a call that takes too long."""
        made: list[Any] = []
        try:
            error = await within(worker.work([item], made, index), "attempt_s", self._limit_s)
        except StepTimeoutError as expired:
            return expired
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
            number = await next_attempt(retry, number, last, self._record, index if self._doors.is_mapped else None)
            last = await self._guarded(item, partial(self._later_attempt, number, index), results)
        return number, last

    async def _later_attempt(self, number: int, index: int, item: Any, results: list[Any]) -> Exception | None:
        try:
            async with self._doors.start(number) as worker:
                return await self._call(worker, index, item, results)
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
        if policies.on_error == "fallback":
            failure = await self._fall_back(item, index, results)
            if failure is not None:
                return self._doors.fail(number, of_fallback(failure, error, self._doors.mask))
            record.compensations += 1
            return None
        unit, mask = self._doors.named(item), self._doors.mask
        results.append(stand_in(policies, record, mask, error=error, item=unit, index=index, number=number))
        return None

    async def _fall_back(self, item: Any, index: int, results: list[Any]) -> Exception | None:
        if self._doors.start_fallback is None:
            return None
        count(self._record, "fallbacks")
        async with self._doors.start_fallback() as worker:
            return await worker.work([item], results, index)
