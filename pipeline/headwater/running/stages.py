"""Plain functions that are fused into the segment upstream of them: batch loops instead of channels and tasks.

On one thread a plain `def` could never overlap with its neighbors, so it needs neither a task nor a buffer of its own.
"""

from __future__ import annotations

from itertools import chain, islice
from time import perf_counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from headwater.running.record import StepRecord
    from headwater.streams.grammar import Checker

__all__ = ["Failure", "Stage", "batches_through", "chained"]


class Failure(Exception):  # noqa: N818 - carries a step's error through the engine, it is none of its own
    """A step's function raised `cause`; tells which step of a segment it was."""

    def __init__(self, record: StepRecord, cause: Exception) -> None:
        super().__init__(record.step_id)
        self.record = record
        self.cause = cause


class Stage:
    """One fused step in one execution.

    Args:
        record: The numbers of the step.
        call: The step's function of one item.
        output: Check of what it returns, or of each item that it yields.
        items: Check of the items before the call; None when the plan has proven the edge.
        expands: Whether the function yields any number of items for each.
        suspends: Whether the function is a coroutine function, fused because the document says `inline`.
    """

    __slots__ = ("_call", "_check", "_expected", "_items", "expands", "failure", "record", "suspends")

    def __init__(
        self,
        record: StepRecord,
        call: Callable[[Any], Any],
        output: Checker,
        items: Checker | None,
        *,
        expands: bool = False,
        suspends: bool = False,
    ) -> None:
        self.record = record
        self.expands = expands
        self.suspends = suspends
        self.failure: Failure | None = None
        self._call = call
        self._expected = output.expected
        self._check = output
        self._items = items

    def one(self, item: Any) -> Any:
        """Return the result for one item."""
        if self._items is not None:
            item = self._items.check(item, self.record.place("item read"))
        return self._checked_result(self._call(item))

    async def one_later(self, item: Any) -> Any:
        """Return the result for one item of a coroutine function."""
        if self._items is not None:
            item = self._items.check(item, self.record.place("item read"))
        return self._checked_result(await self._call(item))

    def _checked_result(self, value: Any) -> Any:
        return value if isinstance(value, self._expected) else self._check.check(value, self.record.place("result"))

    def apply(self, batch: Sequence[Any]) -> list[Any]:
        """Return the results for all the items, or for those before the first that fails (see `failure`)."""
        results: list[Any] = []
        append, call, expected = results.append, self._call, self._expected
        started = perf_counter()
        try:
            for item in batch if self._items is None else self._checked(batch):
                value = call(item)
                if not isinstance(value, expected):
                    value = self._check.check(value, self.record.place("result"))
                append(value)
        except Exception as error:  # noqa: BLE001 - whatever a step raises is the step's failure
            self.failure = Failure(self.record, error)
        self._note(len(batch), results, started)
        return results

    def parts(self, batch: Sequence[Any], size: int) -> Iterator[list[Any]]:
        """Yield the items that the function yields for all the items, at most `size` at a time."""
        results = self._expanded(batch)
        while True:
            part: list[Any] = []
            started = perf_counter()
            try:
                part.extend(islice(results, size))
            except Exception as error:  # noqa: BLE001 - whatever a step raises is the step's failure
                self.failure = Failure(self.record, error)
            self._note(0, part, started)
            if part:
                yield part
            if len(part) < size:
                return

    def _expanded(self, batch: Sequence[Any]) -> Iterator[Any]:
        expected, check, record = self._expected, self._check, self.record
        items = batch if self._items is None else self._checked(batch)
        for value in chain.from_iterable(map(self._call, self._counted(items))):
            yield value if isinstance(value, expected) else check.check(value, record.place("item"))

    def _counted(self, items: Any) -> Iterator[Any]:
        for item in items:
            self.record.items_in += 1
            yield item

    def _checked(self, batch: Sequence[Any]) -> Iterator[Any]:
        place = self.record.place("item read")
        for item in batch:
            yield self._items.check(item, place) if self._items is not None else item

    def _note(self, items_in: int, results: list[Any], started: float) -> None:
        record = self.record
        record.items_in += items_in
        record.note_outputs(results)
        if len(results) <= 1:
            record.note_hold(perf_counter() - started, items_in)


def batches_through(stages: Sequence[Stage], batch: list[Any], size: int) -> Iterator[list[Any]]:
    """Yield what comes of a batch after all the stages, in batches of at most `size` (or the length of `batch`).

    Args:
        stages: The fused steps, in order.
        batch: Items for the first of them.
        size: Most items that a stage which expands may make at a time.

    Raises:
        Failure: A stage failed; everything before the item that it failed on was yielded.
    """
    for index, stage in enumerate(stages):
        if stage.expands:
            for part in stage.parts(batch, size):
                yield from batches_through(stages[index + 1 :], part, size)
            break
        batch = stage.apply(batch)
    else:
        if batch:
            yield batch
    for stage in reversed(stages):
        if stage.failure is not None:
            raise stage.failure


def chained(stages: Sequence[Stage], head: StepRecord) -> Callable[[Any], Any]:
    """Return one function of one item that runs it through stages that do not expand.

    Args:
        stages: The fused steps, in order; none of them expands.
        head: The numbers of the step that writes the item.

    Returns:
        A function that raises `Failure` when a stage fails.
    """

    def through(item: Any) -> Any:
        head.note_output(item)
        for stage in stages:
            try:
                item = stage.one(item)
            except Exception as error:
                raise Failure(stage.record, error) from error
            stage.record.items_in += 1
            stage.record.note_output(item)
        return item

    return through
