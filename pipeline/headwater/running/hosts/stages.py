"""Plain functions that are fused into the segment upstream of them: loops over batches instead of channels and tasks.

On one thread a plain `def` never overlaps with its neighbors, so it needs neither a task nor a buffer of its own.
"""

from __future__ import annotations

from itertools import chain, islice
from operator import length_hint
from time import perf_counter
from typing import TYPE_CHECKING, Any

from headwater.kinds.definition import Call
from headwater.running.attempt import Failure
from headwater.running.failures import STEP_ERRORS, exhausted
from headwater.streams.grammar import ANYTHING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from headwater.running.attempt import Attempt
    from headwater.running.record import StepRecord
    from headwater.streams.grammar import Checker

__all__ = ["Stage", "batches_through", "chained"]


class Stage:
    """One fused step in one execution."""

    __slots__ = ("_place", "addressed", "attempt", "call", "check", "expands", "failure", "record", "suspends")

    def __init__(self, attempt: Attempt, call: Callable[[Any], Any], items: Checker | None = None) -> None:
        step, record = attempt.step, attempt.record
        self.attempt: Attempt = attempt
        self.record: StepRecord = record
        self.call: Callable[[Any], Any] = call if items is None else _checking(call, items, record.place("item read"))
        self.addressed: bool = len(step.outputs) > 1
        self.check: Checker = ANYTHING if self.addressed else step.outputs[0].items
        self.expands: bool = step.method.call is Call.GENERATOR
        self.suspends: bool = step.method.call is Call.COROUTINE
        self.failure: Failure | None = None
        self._place = record.place("item" if self.expands else "result")

    def one(self, item: Any) -> Any:
        """Return the result for one item."""
        value = self.call(item)
        return value if isinstance(value, self.check.expected) else self.checked(value)

    async def one_later(self, item: Any) -> Any:
        """Return the result for one item of a coroutine function."""
        value = await self.call(item)
        return value if isinstance(value, self.check.expected) else self.checked(value)

    def checked(self, value: Any) -> Any:
        """Return a result as the declared type, or raise."""
        return self.check.check(value, self._place)

    def apply(self, batch: Sequence[Any]) -> list[Any]:
        """Return the results for all the items, or for those before the first that fails (see `failure`)."""
        results: list[Any] = []
        started = perf_counter()
        try:
            results.extend(map(self.call, batch))
        except STEP_ERRORS as error:
            self.failure = Failure(self.attempt, error)
        else:
            if len(results) < len(batch):  # `map` has taken a StopIteration of the function for its end
                self.failure = Failure(self.attempt, exhausted())
        results = self._checked_all(results)
        self._note(len(batch), results, started)
        return results

    def parts(self, batch: Sequence[Any], size: int) -> Iterator[list[Any]]:
        """Yield the items that the function yields for all the items, at most `size` at a time."""
        items = iter(batch)
        # A generator expression, as `map` would take a StopIteration of the function for its end.
        results = chain.from_iterable(self.call(item) for item in items)
        counted = 0
        while True:
            part: list[Any] = []
            started = perf_counter()
            try:
                part.extend(islice(results, size))
            except STEP_ERRORS as error:
                self.failure = Failure(self.attempt, error)
            ended = len(part) < size
            part = self._checked_all(part)
            taken = len(batch) - length_hint(items)
            self._note(taken - counted, part, started)
            counted = taken
            if part:
                yield part
            if ended or self.failure is not None:
                return

    def _checked_all(self, values: list[Any]) -> list[Any]:
        """Return values as the declared type; at the first wrong one the stage fails, and only those before it stay."""
        checked, error = self.check.check_all(values, self._place)
        if error is not None:
            self.failure = Failure(self.attempt, error)
        return checked

    def _note(self, items_in: int, results: list[Any], started: float) -> None:
        record = self.record
        record.items_in += items_in
        if not self.addressed:
            record.note_outputs(results)
        if len(results) <= 1:
            record.note_hold(perf_counter() - started, items_in)


def _checking(call: Callable[[Any], Any], items: Checker, place: str) -> Callable[[Any], Any]:
    """Return a function that checks its item before the call."""
    return lambda item: call(items.check(item, place))


def batches_through(stages: Sequence[Stage], batch: list[Any], size: int) -> Iterator[list[Any]]:
    """Yield the results of a batch after all stages, in batches of at most `size` (or the length of `batch`)."""
    for index, stage in enumerate(stages):
        if stage.expands:
            for part in stage.parts(batch, size):
                yield from batches_through(stages[index + 1 :], part, size)
            break
        batch = stage.apply(batch)
    else:
        if batch:
            yield batch
    # A later stage has failed on an earlier item: it read only what the stages before it had made until they failed.
    for stage in reversed(stages):
        if stage.failure is not None:
            raise stage.failure


def chained(stages: Sequence[Stage], head: StepRecord) -> Callable[[Any], Any]:
    """Return one function that runs an item of `head` through stages that do not expand; it raises `Failure`."""
    # Nothing is counted per item and stage: as many items leave each stage as reach the end of the segment.
    parts = [(stage.call, stage.check.expected, stage) for stage in stages]
    records = [head, *(stage.record for stage in stages)]  # those that may still have items to emit

    def through(item: Any) -> Any:
        if records:
            return through_and_emit(item)
        stage: Any = None
        try:
            for call, expected, stage in parts:
                item = call(item)
                if not isinstance(item, expected):
                    item = stage.checked(item)
        except STEP_ERRORS as error:
            raise Failure(stage.attempt, error) from error
        return item

    def through_and_emit(item: Any) -> Any:
        if head.emits_next_item:
            head.emit_output(item)
        for stage in stages:
            try:
                item = stage.one(item)
            except STEP_ERRORS as error:
                raise Failure(stage.attempt, error) from error
            if stage.record.emits_next_item:
                stage.record.emit_output(item)
        records[:] = [record for record in records if record.emits_next_item]
        return item

    return through
