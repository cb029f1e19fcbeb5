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
from headwater.running.hosts.drivers import Slicer, write_slices
from headwater.running.workers.threads import WorkerThread
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
    """A thread asks for a place for what is on the shelf."""


_Request = _Take | _Give
_Ask = Callable[[_Request], Any]


class _Shelf:
    """What the step has yielded and nobody has fetched: the thread appends, the host fetches, also unasked.

    Attributes:
        watched: Whether the host looks by itself after a while; otherwise the thread asks for each item.
    """

    __slots__ = ("values", "watched")

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.watched: bool = True

    def fetch(self) -> list[Any]:
        """Return what is there; the thread may append meanwhile, at the other end."""
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
        """Give the way to ask the host; called in the thread, before the step's code."""
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
    step, record, call = attempt.step, attempt.record, attempt.call
    shelf = _Shelf()
    slicer = Slicer(outbox.capacity)

    def target(ask: _Ask) -> None:
        for argument in arguments:
            if isinstance(argument, BlockingItems):
                argument.attach(ask)
        if step.method.call is Call.GENERATOR:
            _give_frames(ask, _frames(call, arguments, step.mapped), shelf, outbox.capacity)
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

    async with WorkerThread[_Request](target, f"headwater {step.id}") as thread:
        while (request := await _next_request(thread, shelf, deliver)) is not None:
            await deliver()
            thread.answer(await _taken(request.source) if isinstance(request, _Take) else None)


async def _next_request(
    thread: WorkerThread[_Request], shelf: _Shelf, deliver: Callable[[], Awaitable[bool]]
) -> _Request | None:
    """Return what the thread asks for next; items that it has yielded before it fell silent are not kept waiting.

    The thread is told that nobody looks any more before the last look, so that no item falls between the two.
    """
    stragglers = True
    while stragglers:
        shelf.watched = True
        with move_on_after(_STRAGGLERS_AFTER_S):
            return await thread.request()
        shelf.watched = False
        stragglers = await deliver()
    return await thread.request()


async def _taken(source: Source) -> Any:
    """Return the next items, or the error that the step is to see."""
    try:
        return await source.take()
    except Exception as error:  # noqa: BLE001 - raised in the step's code, which may handle it
        return error


def _frames(call: Callable[..., Any], arguments: Sequence[Any], mapped: int | None) -> Iterator[Any]:
    if mapped is None:
        return iter(call(*arguments))
    before, after = arguments[:mapped], arguments[mapped + 1 :]
    return chain.from_iterable(call(*before, item, *after) for item in arguments[mapped])


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
    except STEP_ERRORS:
        ask(_Give())
        raise
    finally:
        if (close := getattr(frames, "close", None)) is not None:
            close()
    ask(_Give())
