"""Calls of functions that take several items at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anyio import CancelScope

from headwater.kinds.definition import Call, Placement
from headwater.kinds.outputs import Failed
from headwater.running.shared.kept import Memory
from headwater.running.workers.process_codec import FailedThere
from headwater.running.workers.processes import process_error
from headwater.running.workers.worker import ThreadWorker
from headwater.shapes import is_sequence

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from headwater.graph.plan import PlannedStep
    from headwater.running.policies.unit_checks import UnitChecks
    from headwater.running.shared.batch_calls import Batches, ListCall, Outcome
    from headwater.running.workers.inside import Enter
    from headwater.running.workers.worker import Worker

__all__ = ["BatchWorker", "DetachedScope", "WorkerPool", "list_call"]


def list_call(
    step: PlannedStep, call: Callable[[list[Any]], Any], name: str, report: Callable[[float], object]
) -> ListCall:
    """Return an asynchronous function of a list that calls the function of a step in the loop or in a thread."""
    if step.placement is Placement.THREAD:

        async def in_thread(items: list[Any]) -> Any:
            return await _result(ThreadWorker(call, name, report), items)

        return in_thread

    async def inline(items: list[Any]) -> Any:
        results = call(items)
        return await results if step.method.call is Call.COROUTINE else results

    return inline


async def _result(worker: Worker, items: list[Any]) -> Any:
    """Return the result of one call through a worker that is used for nothing else."""
    results: list[Any] = []
    async with worker:
        error = await worker.work([items], results)
    if error is not None:
        raise error
    return results[0]


class BatchWorker:
    """Puts items into batches, and keeps the results behind an item that failed for the next call."""

    def __init__(self, batches: Batches, call: ListCall, checks: UnitChecks, *, is_mapped: bool) -> None:
        self._batches = batches
        self._call = call
        self._checks = checks
        self._is_mapped = is_mapped
        self._known: dict[int, Outcome] = {}  # by the number of the item

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._known.clear()

    async def work(self, items: list[Any], results: list[Any], first: int = 0) -> Exception | None:
        """Append the result for each item; return the error of the first that fails."""
        if first not in self._known:
            checked: list[Any] = []
            refused = self._check(items, checked)
            outcomes = await self._batches.outcomes(self._call, checked)
            self._known = dict(enumerate(outcomes, first))
            if refused is not None:
                self._known[first + len(checked)] = refused
        for number in range(first, first + len(items)):
            outcome = self._known.pop(number, None)
            if outcome is None:  # behind an item that was refused before its batch
                return await self.work(items[number - first :], results, number)
            try:
                if outcome.error is not None:
                    return outcome.error
                results.append(self._checks.result(outcome.value))
            except Exception as error:  # noqa: BLE001 - whatever a check raises
                return error
        return None

    def _check(self, items: list[Any], checked: list[Any]) -> Outcome | None:
        """Append items with their checks, up to the first that is refused; return its error."""
        try:
            for item in items:
                unit = self._checks.unit(item)
                checked.append(unit if self._is_mapped else unit[0])
        except Exception as error:  # noqa: BLE001 - whatever a check raises
            return _Refused(error)
        return None


@dataclass(slots=True)
class _Refused:
    error: Exception | None
    value: Any = None


class WorkerPool(Memory):
    """Workers that are started when they are needed, and kept for the next batch."""

    def __init__(self) -> None:
        self._free: list[Worker] = []

    async def call(self, start: Callable[[], Worker], items: list[Any]) -> Any:
        """Return the results for a batch; a worker that failed or was stopped is not used again."""
        worker = self._free.pop() if self._free else await start().__aenter__()
        results: list[Any] = []
        try:
            error = await worker.work([items], results)
        except BaseException:
            await _end(worker)
            raise
        if error is not None:
            await _end(worker)
            raise error
        self._free.append(worker)
        return _read(results[0])

    async def aclose(self) -> None:
        """End the workers."""
        while self._free:
            await _end(self._free.pop())


def _read(results: Any) -> Any:
    """Return the results of a batch that came from a worker process."""
    if not is_sequence(results):
        return results
    return [Failed(process_error(one.message, one.known)) if isinstance(one, FailedThere) else one for one in results]


async def _end(worker: Worker) -> None:
    with CancelScope(shield=True):
        await worker.__aexit__(None, None, None)


@dataclass(frozen=True, slots=True)
class DetachedScope:
    """What a worker needs that belongs to no execution, as several share it; conforms to `WorkerScope`."""

    allowed: Collection[str]
    execution_id: str = ""
    path: str = ""
    key: str = ""

    def inside(self, step: PlannedStep) -> Sequence[Enter]:  # noqa: ARG002 - as the protocol has it
        """Return no contexts: those of one execution would be around the work of others."""
        return ()

    def progress(self, step: PlannedStep, fraction: float | None, message: str, data: Mapping[str, Any]) -> None:
        """Drop what a step without a context cannot report."""
