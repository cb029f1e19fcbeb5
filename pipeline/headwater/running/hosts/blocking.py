"""Steps that block: a plain generator or function that reads and writes streams from a worker thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from time import perf_counter
from typing import TYPE_CHECKING, Any

from anyio import move_on_after

from headwater.errors import StreamConsumedError
from headwater.kinds.definition import Call
from headwater.running.failures import STEP_ERRORS
from headwater.running.hosts.drivers import write_slices
from headwater.running.hosts.turns import Slicer
from headwater.running.workers.threads import Released, WorkerThread
from headwater.streams.meter import SLICE_S

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator, Sequence

    from headwater.running.attempt import Attempt
    from headwater.running.hosts.outbox import Outbox
    from headwater.running.hosts.stages import Stage
    from headwater.streams.ends import Source

__all__ = ["BlockingItems", "drive_blocking"]


_STRAGGLERS_AFTER_S = 2 * SLICE_S


@dataclass(frozen=True, slots=True)
class _Take:
    """A thread asks for the next items of a source."""

    source: Source


@dataclass(frozen=True, slots=True)
class _Give:
    """A thread asks for the shelf to be emptied."""


_Request = _Take | _Give
_Ask = Callable[[_Request], Any]


class _Shelf:
    """What the step has yielded and the host has not fetched: the thread appends, the host fetches, also unasked."""

    __slots__ = ("values", "watched")

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.watched: bool = True

    def fetch(self) -> list[Any]:
        """Return and remove the values; the thread may append at the other end meanwhile."""
        fetched = self.values[:]
        del self.values[: len(fetched)]
        return fetched


class BlockingItems:
    """The items of a source as a blocking iterable, for the code of a step in a worker thread."""

    def __init__(self, source: Source, label: str) -> None:
        self._source = source
        self._label = label
        self._ask: _Ask | None = None

    def attach(self, ask: _Ask) -> None:
        """Set how to ask the host; called in the thread, before the step's code."""
        self._ask = ask

    def __iter__(self) -> Iterator[Any]:
        if self._ask is None:
            msg = f"{self._label}: a stream is read once, and this one was read already; keep its items in a list"
            raise StreamConsumedError(msg)
        ask, self._ask = self._ask, None
        return self._items(ask)

    def _items(self, ask: _Ask) -> Iterator[Any]:
        while batch := ask(_Take(self._source)):
            yield from batch


async def drive_blocking(attempt: Attempt, arguments: Sequence[Any], outbox: Outbox, stages: Sequence[Stage]) -> None:
    """Run a blocking function in a thread of its own, with its streams read and written from here."""
    step, record = attempt.step, attempt.record
    shelf = _Shelf()
    slicer = Slicer(outbox.capacity)
    call = attempt.call  # bound here: the deadline in its context is by the clock of the event loop

    def target(ask: _Ask) -> None:
        for argument in arguments:
            if isinstance(argument, BlockingItems):
                argument.attach(ask)
        if step.method.call is Call.GENERATOR:
            _give_frames(ask, _frames(attempt, arguments), shelf, outbox.capacity)
        else:
            shelf.values.append(call(*arguments))
            ask(_Give())

    async def deliver() -> bool:
        items = outbox.admit_all(shelf.fetch())
        if stages:
            record.note_outputs(items)
            await write_slices(items, stages, outbox, slicer)
        else:
            await outbox.write(items)
        return bool(items)

    async def serve(request: _Request) -> Any:
        return await _taken(request.source) if isinstance(request, _Take) else None

    async with WorkerThread[_Request](target, f"headwater {step.id}", serve, record.abandon) as thread:
        while (request := await _next_request(thread, shelf, deliver)) is not None:
            await deliver()
            thread.answer(await serve(request))


async def _next_request(
    thread: WorkerThread[_Request], shelf: _Shelf, deliver: Callable[[], Awaitable[bool]]
) -> _Request | None:
    """Return what the thread asks for next; items that it yielded before it fell silent are delivered meanwhile."""
    # `watched` is cleared before the last look: an item yielded after that look is one that the thread asks for.
    stragglers = True
    while stragglers:
        shelf.watched = True
        with move_on_after(_STRAGGLERS_AFTER_S):
            return await thread.request()
        shelf.watched = False
        stragglers = await deliver()
    return await thread.request()


async def _taken(source: Source) -> Any:
    """Return the next items, or the error to raise in the step's code."""
    try:
        return await source.take()
    except Exception as error:  # noqa: BLE001 - raised in the step's code, which may handle it
        return error


def _frames(attempt: Attempt, arguments: Sequence[Any]) -> Iterator[Any]:
    mapped = attempt.step.mapped
    if mapped is None:
        return iter(attempt.call(*arguments))
    call = attempt.call_of_item(arguments)
    return chain.from_iterable(call(item) for item in arguments[mapped])


def _give_frames(ask: _Ask, frames: Iterator[Any], shelf: _Shelf, most: int) -> None:
    """Put what a generator yields on the shelf, and ask for it to be fetched about once per slice."""
    values = shelf.values
    since = perf_counter()
    try:
        for value in frames:
            values.append(value)
            if len(values) >= most or not shelf.watched or perf_counter() - since >= SLICE_S:
                ask(_Give())
                since = perf_counter()
    except Released:
        raise
    except STEP_ERRORS:
        ask(_Give())
        raise
    finally:
        if (close := getattr(frames, "close", None)) is not None:
            close()
    ask(_Give())
