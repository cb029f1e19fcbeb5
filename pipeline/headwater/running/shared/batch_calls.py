"""Dynamic batches: items of callers that run at the same time share calls of a function of lists."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from anyio import CancelScope, Event, current_time
from anyio.lowlevel import checkpoint

from headwater.errors import HeadwaterError
from headwater.kinds.outputs import Failed
from headwater.running.failures import STEP_ERRORS, error_in, is_stopped
from headwater.running.shared.kept import Memory
from headwater.shapes import is_sequence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyio.abc import TaskGroup

__all__ = ["BatchError", "Batches", "ListCall", "Outcome"]

ListCall: TypeAlias = Callable[[list[Any]], Awaitable[Any]]

_QUIET_TURNS = 4
"""Turns of the event loop without another item, after which a batch that does not linger begins."""


class Outcome(Protocol):
    """The result for one item, or its error."""

    value: Any
    error: Exception | None


class BatchError(HeadwaterError):
    """A batch gave no result for an item: its function returned a wrong number of results, or was stopped."""


class _Place:
    """The place of one item, at which its caller waits."""

    __slots__ = ("arrived", "batch", "done", "error", "function", "item", "value")

    def __init__(self, function: ListCall, item: Any) -> None:
        self.function = function
        self.item = item
        self.arrived = current_time()
        self.batch: _Batch | None = None
        self.done = Event()
        self.value: Any = None
        self.error: Exception | None = None

    def fail(self, error: Exception) -> None:
        """Give its caller an error."""
        self.error = error
        self.done.set()


class _Batch:
    """One call, with the callers that wait for it."""

    def __init__(self, places: list[_Place]) -> None:
        self.places = places
        self.waiting = len(places)
        self.scope = CancelScope()
        self.ended = Event()
        for place in places:
            place.batch = self

    async def leave(self) -> None:
        """Note that a caller was cancelled; the last one cancels the call, and waits until nothing of it runs."""
        self.waiting -= 1
        if not self.waiting:
            self.scope.cancel()
            with CancelScope(shield=True):
                await self.ended.wait()

    async def run(self) -> None:
        """Call the function, and give each caller its result or error."""
        try:
            with self.scope:
                self._distribute(await self.places[0].function([place.item for place in self.places]))
        except STEP_ERRORS as error:
            if is_stopped(error):
                self.fail(BatchError("the batch was stopped before it had a result"))
                raise
            self.fail(error_in(error))
        finally:
            self.ended.set()

    def fail(self, error: Exception) -> None:
        """Give all callers one error."""
        for place in self.places:
            place.fail(error)

    def _distribute(self, results: Any) -> None:
        count = len(self.places)
        if not is_sequence(results):
            found = type(results).__name__
            self.fail(BatchError(f"expected a list with one result for each of {count} items, found a {found}"))
        elif len(results) != count:
            found = f"{len(results)} results for {count} items"
            self.fail(BatchError(f"found {found}, expected one for each; put Failed(error) where there is none"))
        else:
            for place, result in zip(self.places, results, strict=True):
                if isinstance(result, Failed):
                    place.fail(result.error)
                else:
                    place.value = result
                    place.done.set()


class Batches(Memory):
    """Collects items of concurrent callers, and calls a function with up to `size` of them, `calls` at a time.

    A call begins when `size` items wait, or when the first has waited for `linger_s`; with 0, it takes those that wait
    as soon as it may run. A caller that is cancelled takes its item back before the call, and disturbs no other later.
    """

    def __init__(self, group: TaskGroup, *, size: int, linger_s: float = 0, calls: int = 1) -> None:
        self._group = group
        self._size = size
        self._linger_s = linger_s
        self._calls = calls
        self._waiting: OrderedDict[_Place, None] = OrderedDict()
        self._is_full = Event()
        self._is_gathering = False
        self._running = 0

    @property
    def is_idle(self) -> bool:
        """Return whether no caller waits and nothing runs."""
        return not (self._waiting or self._is_gathering or self._running)

    async def call(self, function: ListCall, item: Any) -> Any:
        """Return the result for an item; the function is that of any caller whose item is in the batch."""
        [outcome] = await self.outcomes(function, [item])
        if outcome.error is not None:
            raise outcome.error
        return outcome.value

    async def outcomes(self, function: ListCall, items: Sequence[Any]) -> Sequence[Outcome]:
        """Return the result or the error of each of several items."""
        places = [_Place(function, item) for item in items]
        try:
            self._waiting.update(dict.fromkeys(places))
            if len(self._waiting) >= self._size:
                self._is_full.set()
            self._begin()
            for place in places:
                await place.done.wait()
        except BaseException:
            for place in places:
                self._waiting.pop(place, None)
            for place in places:
                if place.batch is not None and not place.done.is_set():
                    await place.batch.leave()
            raise
        return places

    def _begin(self) -> None:
        """Start a task that gathers the next batch, if there is none and it could run."""
        if self._waiting and not self._is_gathering and self._running < self._calls:
            self._is_gathering = True
            self._group.start_soon(self._run, name="batch")

    async def _run(self) -> None:
        try:
            await self._gather()
        except BaseException:
            self._stop()
            raise
        finally:
            self._is_gathering = False
        places = [self._waiting.popitem(last=False)[0] for _ in range(min(self._size, len(self._waiting)))]
        if not places:
            return
        self._running += 1
        self._begin()
        try:
            await _Batch(places).run()
        except BaseException:
            self._stop()
            raise
        finally:
            self._running -= 1
        self._begin()

    async def _gather(self) -> None:
        """Wait for more items, as long as the first of them may wait."""
        if self._linger_s and 0 < len(self._waiting) < self._size:
            self._is_full = Event()
            with CancelScope(deadline=next(iter(self._waiting)).arrived + self._linger_s):
                await self._is_full.wait()
        else:
            waiting = quiet = 0
            while quiet < _QUIET_TURNS and len(self._waiting) < self._size:  # callers that are ready add their items
                quiet = quiet + 1 if len(self._waiting) == waiting else 0
                waiting = len(self._waiting)
                await checkpoint()

    def _stop(self) -> None:
        """Leave no caller waiting when the group ends."""
        while self._waiting:
            self._waiting.popitem(last=False)[0].fail(BatchError("the batch was stopped before it began"))
