"""What steps acquire in `lifespan`: each once for its kind and params, and held by a task of its own."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from anyio import CancelScope, Event, sleep

from headwater.causes import causes_of
from headwater.errors import StepError
from headwater.events.notices import notice
from headwater.ids import PATH_SEPARATOR
from headwater.running.failures import STEP_ERRORS, error_in, interruption_in, is_stopped, message_of, reason_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

    from anyio.abc import TaskGroup

    from headwater.graph.plan import Plan, PlannedStep
    from headwater.kinds.step import Step

__all__ = ["Lifespans", "with_lifespan"]


_found: WeakKeyDictionary[Plan, Sequence[PlannedStep]] = WeakKeyDictionary()


def with_lifespan(plan: Plan) -> Sequence[PlannedStep]:
    """Return the steps of a plan that acquire something, those of nested pipelines by their paths; found once."""
    found = _found.get(plan)
    if found is None:
        found = _found[plan] = _with_lifespan(plan.steps)
    return found


def _with_lifespan(steps: Sequence[PlannedStep]) -> list[PlannedStep]:
    substeps = (substep for step in steps if step.policies is not None for substep in step.policies.substeps)
    found = [step for step in chain(steps, substeps) if step.bound.definition.has_lifespan]
    for step in steps:
        inner = () if step.nested is None else _with_lifespan(step.nested.steps)
        found += [replace(one, id=f"{step.id}{PATH_SEPARATOR}{one.id}") for one in inner]
    return found


class _Held:
    """A live instance of a step: a copy, so that a definition never holds a resource."""

    def __init__(self, step: PlannedStep, mask: Callable[[str], str]) -> None:
        self.step_id = step.id
        self.definition: Step = step.bound.instance
        self.live: Step = step.bound.instance.model_copy()
        self.mask = mask
        self.users: set[Callable[[Exception], None]] = set()
        self.ready = Event()
        self.release = Event()
        self.ended = Event()
        self.acquired = False
        self.scope = CancelScope()
        self.idle = CancelScope()
        self.error: Exception | None = None

    def is_for(self, step: PlannedStep) -> bool:
        """Return whether a step would acquire the same: it has the same kind and params."""
        instance = step.bound.instance
        return type(instance) is type(self.definition) and instance == self.definition

    def failure(self, step_id: str, error: Exception) -> StepError:
        """Return an error of the lifespan as the failure of a step."""
        failure = StepError(step_id, f"lifespan: {reason_of(error, self.mask)}")
        failure.__cause__ = error
        failure.causes = causes_of(failure, partial(message_of, mask=self.mask))
        return failure

    async def run(self) -> None:
        """Acquire, hold until the release, and release; an error is kept for those who wait."""
        try:
            with self.scope:
                async with self.live.lifespan():
                    self.acquired = True
                    self.scope.shield = True  # what is cancelled still uses it until it has ended
                    self.ready.set()
                    await self.release.wait()
        except STEP_ERRORS as error:
            if is_stopped(error):
                raise
            self.error = error_in(error)
        finally:
            self.ready.set()


class Lifespans:
    """The live instances of steps, in one event loop.

    Whoever runs an execution uses them; they are held until `aclose`, or until nothing has used them for `idle_s`.
    """

    def __init__(self, group: TaskGroup, idle_s: float | None = None) -> None:
        self._group = group
        self._idle_s = idle_s
        self._held: list[_Held] = []
        self._failures: list[StepError] = []

    @asynccontextmanager
    async def use(
        self, steps: Sequence[PlannedStep], mask: Callable[[str], str], broken: Callable[[Exception], None]
    ) -> AsyncGenerator[Mapping[str, Step], None]:
        """Yield the live instances by step id; raise a `StepError` when one cannot be acquired.

        An instance whose lifespan fails while it is used gives its error to `broken`.
        """
        async with AsyncExitStack() as stack:
            yield {step.id: await stack.enter_async_context(self._use(step, mask, broken)) for step in steps}

    @asynccontextmanager
    async def _use(
        self, step: PlannedStep, mask: Callable[[str], str], broken: Callable[[Exception], None]
    ) -> AsyncGenerator[Step, None]:
        held = next((one for one in self._held if one.is_for(step)), None) or self._start(step, mask)

        def user(error: Exception) -> None:
            broken(held.failure(step.id, error))

        held.users.add(user)
        held.idle.cancel()
        try:
            await held.ready.wait()
            if held.error is not None:
                raise held.failure(step.id, held.error)
            yield held.live
        finally:
            held.users.discard(user)
            self._left(held)

    def _start(self, step: PlannedStep, mask: Callable[[str], str]) -> _Held:
        held = _Held(step, mask)
        self._held.append(held)
        self._group.start_soon(self._hold, held, name=f"lifespan of {step.id}")
        return held

    async def _hold(self, held: _Held) -> None:
        try:
            await held.run()
            self._note_end(held)
            if held.error is not None and (interruption := interruption_in(held.error)) is not None:
                raise interruption from None
        finally:
            held.ended.set()

    def _note_end(self, held: _Held) -> None:
        if held in self._held:
            self._held.remove(held)  # it ended by itself, so the next execution acquires anew
        if held.error is None or not held.acquired:
            return
        if held.release.is_set():
            self._failures.append(held.failure(held.step_id, held.error))
            return
        if not held.users:
            notice("a lifespan failed while it was not used", step_id=held.step_id, error=held.mask(repr(held.error)))
        for user in [*held.users]:
            user(held.error)

    def _left(self, held: _Held) -> None:
        """Note that nothing may use an instance any more."""
        if held.users or held not in self._held:
            return
        if not held.ready.is_set():  # nothing waits for it any more
            self._held.remove(held)
            held.scope.cancel()
        elif self._idle_s is not None:
            held.idle = CancelScope()
            self._group.start_soon(self._release_idle, held, held.idle, self._idle_s)

    async def _release_idle(self, held: _Held, scope: CancelScope, idle_s: float) -> None:
        with scope:
            await sleep(idle_s)
            if not held.users and held in self._held:
                self._held.remove(held)
                held.release.set()

    async def aclose(self) -> None:
        """Release everything, the last one first; raise a `StepError` when a lifespan failed then."""
        with CancelScope(shield=True):
            while self._held:
                held = self._held.pop()
                held.idle.cancel()
                held.release.set()
                await held.ended.wait()
        if self._failures:
            failure, *others = self._failures
            self._failures = []
            for other in others:
                failure.add_note(f"then another error was raised: {other}")
            raise failure
