"""Plain functions that are fused into the segment upstream of them: loops over batches instead of channels and tasks.

On one thread a plain `def` never overlaps with its neighbors, so it needs neither a task nor a buffer of its own.
"""

from __future__ import annotations

from contextlib import closing
from itertools import chain, islice
from operator import length_hint
from time import perf_counter
from typing import TYPE_CHECKING, Any

from headwater.kinds.definition import Call
from headwater.running.attempt import Failure
from headwater.running.failures import STEP_ERRORS, exhausted
from headwater.running.hosts.turns import close_iterator
from headwater.streams.grammar import ANYTHING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from headwater.running.attempt import Attempt
    from headwater.running.hosts.turns import Slicer
    from headwater.running.record import StepRecord
    from headwater.streams.grammar import Checker

__all__ = ["Stage", "batches_through", "chained"]


class Stage:
    """One fused step in one execution."""

    __slots__ = (
        "_place",
        "addressed",
        "attempt",
        "call",
        "check",
        "expands",
        "failure",
        "record",
        "suspends",
    )

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

    def apply(self, batch: Sequence[Any], slicer: Slicer) -> list[Any]:
        """Return the results for the items: for fewer when a slice has passed, or when one fails (see `failure`)."""
        results: list[Any] = []
        values = map(self.call, batch)
        items = len(batch)
        started = perf_counter()
        try:
            if items > slicer.stride:
                ended = slicer.fill(results, values, items)
            else:
                results.extend(values)
                ended = len(results) < items
        except STEP_ERRORS as error:
            self.failure = Failure(self.attempt, error)
        else:
            if ended:  # `map` has taken a StopIteration of the function for its end
                self.failure = Failure(self.attempt, exhausted())
            items = len(results)
        results = self._checked_all(results)
        self._note(items, results, started)
        return results

    def parts(self, batch: Sequence[Any], size: int, slicer: Slicer) -> Generator[list[Any], None, None]:
        """Yield what the function yields for the items, at most `size` at a time; an empty part gives others a turn."""
        items, call = iter(batch), self.call
        opened: Iterable[Any] = ()

        def open_each() -> Iterator[Iterable[Any]]:
            nonlocal opened
            started = perf_counter()
            while some := list(islice(items, slicer.stride)):
                for item in some:
                    opened = call(item)
                    yield opened
                if slicer.is_over(started):
                    return

        results = chain.from_iterable(open_each())
        counted = 0
        try:
            while True:
                part: list[Any] = []
                started = perf_counter()
                try:
                    ended = slicer.fill(part, results, size)
                except STEP_ERRORS as error:
                    self.failure, ended = Failure(self.attempt, error), True
                part = self._checked_all(part)
                left = length_hint(items)
                self._note(len(batch) - left - counted, part, started)
                counted = len(batch) - left
                if ended and left and self.failure is None:
                    results, ended = chain.from_iterable(open_each()), False
                if part or not ended:
                    yield part
                if ended or self.failure is not None:
                    return
        finally:
            close_iterator(opened)

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


def batches_through(
    stages: Sequence[Stage], batch: list[Any], size: int, slicer: Slicer
) -> Generator[list[Any], None, None]:
    """Yield the results of a batch after all stages, in batches of at most `size` (or the length of `batch`).

    An empty batch comes where other tasks are to have a turn.
    """
    for index, stage in enumerate(stages):
        if stage.expands:
            with closing(stage.parts(batch, size, slicer)) as parts:
                for part in parts:
                    if part:
                        yield from batches_through(stages[index + 1 :], part, size, slicer)
                    else:
                        yield part
            break
        results = stage.apply(batch, slicer)
        while len(results) < len(batch) and stage.failure is None:
            yield from batches_through(stages[index + 1 :], results, size, slicer)
            batch = batch[len(results) :]
            results = stage.apply(batch, slicer)
        batch = results
    else:
        if batch:
            yield batch
    # A later stage has failed on an earlier item: it read only what the stages before it had made until they failed.
    for stage in reversed(stages):
        if stage.failure is not None:
            raise stage.failure


def chained(stages: Sequence[Stage], head: StepRecord) -> tuple[Callable[[Any], Any], Callable[[], None]]:
    """Return one function that runs an item of `head` through stages that do not expand; it raises `Failure`.

    The other one has each call timed from now on, as one of them may hold the event loop.
    """
    # Nothing is counted per item and stage: as many items leave each stage as reach the end of the segment.
    parts = [(stage.call, stage.check.expected, stage) for stage in stages]
    records = [head, *(stage.record for stage in stages)]  # those that may still have items to emit
    timed: list[StepRecord] = []
    emits_every_item = any(record.emits_every_item for record in records)

    def time_calls() -> None:
        records.append(head)
        timed.append(head)

    def through(item: Any) -> Any:
        if records:  # the first item comes here anyway, so it is timed
            item = _one_by_one(item, head, stages, is_timed=bool(timed) or not emits_every_item)
            records[:] = timed or [record for record in records if record.emits_next_item]
            return item
        stage: Any = None
        try:
            for call, expected, stage in parts:
                item = call(item)
                if not isinstance(item, expected):
                    item = stage.checked(item)
        except STEP_ERRORS as error:
            raise Failure(stage.attempt, error) from error
        return item

    return through, time_calls


def _one_by_one(item: Any, head: StepRecord, stages: Sequence[Stage], *, is_timed: bool) -> Any:
    """Return what the stages make of an item of `head`; each call is timed, and what it returns is emitted."""
    if head.emits_next_item:
        head.emit_output(item)
    for stage in stages:
        started = perf_counter() if is_timed else 0.0
        try:
            item = stage.one(item)
        except STEP_ERRORS as error:
            raise Failure(stage.attempt, error) from error
        if is_timed:
            stage.record.note_hold(perf_counter() - started, 1)
        if stage.record.emits_next_item:
            stage.record.emit_output(item)
    return item
