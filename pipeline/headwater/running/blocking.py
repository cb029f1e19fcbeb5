"""Steps that block: a plain generator or function that reads and writes streams from a worker thread."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from time import perf_counter
from typing import TYPE_CHECKING, Any

from headwater.errors import StreamConsumedError
from headwater.running.stages import Stage, batches_through
from headwater.running.threads import WorkerThread
from headwater.streams.meter import SLICE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from headwater.running.outbox import Outbox
    from headwater.running.record import StepRecord
    from headwater.streams.channel import Source

__all__ = ["BlockingItems", "drive_blocking"]



@dataclass(frozen=True, slots=True)
class _Take:
    """A thread asks for the next items of a source."""

    source: Source


@dataclass(frozen=True, slots=True)
class _Give:
    """A thread hands over what its step wrote."""

    values: list[Any]


class BlockingItems:
    """The items of a source as a blocking iterable, for the code of a step in a worker thread.

    Args:
        source: Where the items come from.
        label: What the stream is called in messages.
    """

    def __init__(self, source: Source, label: str) -> None:
        self._source = source
        self._label = label
        self._ask: Callable[[_Take | _Give], Any] | None = None

    def attach(self, ask: Callable[[_Take | _Give], Any]) -> None:
        """Give the way to ask the host; called in the thread, before the step's code."""
        self._ask = ask

    def __iter__(self) -> Iterator[Any]:
        if self._ask is None:
            msg = f"{self._label}: a stream is read once, and this one was read already; keep its items in a list"
            raise StreamConsumedError(msg)
        ask, self._ask = self._ask, None
        return self._items(ask)

    def _items(self, ask: Callable[[_Take | _Give], Any]) -> Iterator[Any]:
        while batch := ask(_Take(self._source)):
            yield from batch


async def drive_blocking(
    call: Callable[..., Any],
    arguments: Sequence[Any],
    outbox: Outbox,
    stages: Sequence[Stage],
    record: StepRecord,
    *,
    generator: bool,
    mapped: int | None,
    name: str,
) -> None:
    """Run a blocking function in a thread of its own, with its streams read and written from here.

    Args:
        call: The step's function.
        arguments: Its inputs; streams are `BlockingItems`.
        outbox: Where its frames go.
        stages: The fused steps after it.
        record: The numbers of the step.
        generator: Whether it yields its frames, rather than returning one value.
        mapped: Index of the argument over whose items it is called, or None.
        name: Name of the thread.
    """

    def target(ask: Callable[[_Take | _Give], Any]) -> None:
        for argument in arguments:
            if isinstance(argument, BlockingItems):
                argument.attach(ask)
        if generator:
            _give_frames(ask, _frames(call, arguments, mapped), outbox.capacity)
        else:
            ask(_Give([call(*arguments)]))

    async with WorkerThread[_Take | _Give](target, name) as thread:
        while (request := await thread.request()) is not None:
            if isinstance(request, _Give):
                items = outbox.admit_all(request.values)
                if stages:
                    record.note_outputs(items)
                for batch in batches_through(stages, items, outbox.capacity):
                    await outbox.write(batch)
                await outbox.room()
                thread.answer()
            else:
                thread.answer(await _taken(request.source))


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


def _give_frames(ask: Callable[[_Take | _Give], Any], frames: Iterator[Any], most: int) -> None:
    """Hand over what a generator yields about once per slice; what came before a failure goes first."""
    values: list[Any] = []
    since = perf_counter()
    try:
        for value in frames:
            values.append(value)
            if len(values) >= most or perf_counter() - since >= SLICE_S:
                ask(_Give(values))
                values, since = [], perf_counter()
    except Exception:
        ask(_Give(values))
        raise
    finally:
        if (close := getattr(frames, "close", None)) is not None:
            close()
    ask(_Give(values))
