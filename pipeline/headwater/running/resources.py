"""What the steps of a pipeline acquire in `lifespan`, once, and share between its executions."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from anyio import CancelScope, Lock
from anyio.lowlevel import RunVar

from headwater.errors import StepError
from headwater.running.failures import STEP_ERRORS, error_in, is_stopped, reason_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

    from headwater.graph.plan import PlannedStep
    from headwater.kinds.step import Step

__all__ = ["Resources", "shared_resources"]


class Resources:
    """The live instances of the steps of one pipeline in one event loop.

    The first user acquires them, the last one releases them. A live instance is a copy, so that a definition never
    holds a resource.
    """

    def __init__(self, steps: Sequence[PlannedStep], mask: Callable[[str], str] = str) -> None:
        self._mask = mask
        self._steps = [step for step in steps if step.bound.definition.has_lifespan]
        self._users = 0
        self._lock = Lock()
        self._stack = AsyncExitStack()
        self._instances: dict[str, Step] = {}

    @asynccontextmanager
    async def use(self) -> AsyncGenerator[Mapping[str, Step], None]:
        """Hold the resources and yield the live instances by step id; raises a `StepError` when a lifespan fails."""
        if not self._steps:
            yield {}
            return
        await self._acquire()
        try:
            yield self._instances
        finally:
            with CancelScope(shield=True):
                await self._release()

    async def _acquire(self) -> None:
        async with self._lock:
            if not self._users:
                await self._enter()
            self._users += 1

    async def _enter(self) -> None:
        async with AsyncExitStack() as stack:
            for step in self._steps:
                live = step.bound.instance.model_copy()
                await stack.enter_async_context(self._lifespan(step.id, live))
                self._instances[step.id] = live
            self._stack = stack.pop_all()

    @asynccontextmanager
    async def _lifespan(self, step_id: str, live: Step) -> AsyncGenerator[None, None]:
        """Hold what one step acquires; an error in its lifespan is the failure of the step."""
        other: BaseException | None = None  # of another step, which could not acquire or release
        try:
            async with live.lifespan():
                try:
                    yield
                except BaseException as error:
                    other = error
                    raise
        except STEP_ERRORS as error:
            if error is not other:
                if is_stopped(error):
                    raise
                failure = StepError(step_id, f"lifespan: {reason_of(error_in(error), self._mask)}")
                if other is None:
                    raise failure from error
                other.add_note(f"then another error was raised: {failure}")
        if other is not None:
            raise other

    async def _release(self) -> None:
        async with self._lock:
            self._users -= 1
            if not self._users:
                self._instances = {}
                await self._stack.aclose()


_of_loop: RunVar[WeakKeyDictionary[Any, Resources]] = RunVar("headwater_resources")


def shared_resources(owner: object, steps: Sequence[PlannedStep], mask: Callable[[str], str] = str) -> Resources:
    """Return the resources of a pipeline in the running event loop, which are forgotten with their owner."""
    by_owner = _of_loop.get(None)
    if by_owner is None:
        by_owner = WeakKeyDictionary[Any, Resources]()
        _of_loop.set(by_owner)
    if owner not in by_owner:
        by_owner[owner] = Resources(steps, mask)
    return by_owner[owner]
