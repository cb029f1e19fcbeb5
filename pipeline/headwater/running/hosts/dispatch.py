"""How a segment is driven: the loop that fits the shape and the place of its first step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.graph.step_policies import unit_items
from headwater.kinds.definition import Call, Placement
from headwater.running.hosts.blocking import drive_blocking
from headwater.running.hosts.drivers import (
    drive_batches,
    drive_frames,
    drive_items,
    drive_iterator,
    drive_workers,
    write_slices,
)
from headwater.running.hosts.inline import Closing, admitted, drive_inline, items_of, iterated
from headwater.running.hosts.stages import Stage, chained
from headwater.running.hosts.turns import Slicer, WholeUnits
from headwater.running.policies.unit_checks import UnitChecks
from headwater.running.workers.worker import entered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headwater.running.attempt import Attempt
    from headwater.running.hosts.inbox import Inbox
    from headwater.running.hosts.outbox import Outbox

__all__ = ["Dispatch", "drive_item"]

_UNIT_ITEMS = 64


class Dispatch:
    """Drives one segment from its arguments to the end of its outbox."""

    def __init__(self, attempts: Sequence[Attempt], inbox: Inbox, outbox: Outbox) -> None:
        self._head, *self._fused = attempts
        self._step = self._head.step
        self._record = self._head.record
        self._inbox = inbox
        self._outbox = outbox
        self._stages: list[Stage] = []
        self._time_calls: Callable[[], None] | None = None
        self._is_held = False
        self.chained: bool = False
        self.counts_items: bool = False  # whether the first step runs as a stage, which counts the items it reads

    async def run(self, arguments: list[Any]) -> None:
        """Call the steps until there is no more input, or until the first of them returns."""
        step = self._step
        self._stages = [Stage(attempt, attempt.call, attempt.step.inputs[0].check) for attempt in self._fused]
        if any(stage.suspends for stage in self._stages):
            await self._run_inline(arguments)
        elif step.placement is Placement.PROCESS or (step.policies is not None and step.policies.of_units):
            await self._run_workers(arguments)
        elif step.placement is Placement.THREAD and (step.mapped is None or step.method.call is Call.GENERATOR):
            await self._run_blocking(arguments)
        elif step.mapped is not None:
            await self._run_mapped(arguments)
        else:
            await self._run_whole(arguments)

    async def _run_inline(self, arguments: list[Any]) -> None:
        stages, call = self._stages, self._head.call
        if self._step.mapped is not None:
            stages = [self._head_stage(arguments), *stages]
            items = items_of(self._inbox.mapped)
        elif self._step.method.call is Call.ASYNC_GENERATOR:
            items = admitted(call(*arguments), self._outbox, self._record)
        else:
            items = iterated(iter(call(*arguments)), self._outbox, self._record)
        async with Closing(items):
            await drive_inline(items, stages, self._outbox)

    async def _run_whole(self, arguments: list[Any]) -> None:
        match self._step.method.call:
            case Call.ASYNC_GENERATOR:
                async with Closing(self._head.call(*arguments)) as frames:
                    await drive_frames(frames, self._outbox, self._through())
            case Call.GENERATOR:
                await drive_iterator(iter(self._head.call(*arguments)), self._outbox, self._stages, self._head)
            case Call.COROUTINE | Call.PLAIN:
                await self._write_one(await self._head.value(arguments))

    async def _run_mapped(self, arguments: list[Any]) -> None:
        step, source = self._step, self._inbox.mapped
        match step.method.call:
            case Call.PLAIN | Call.GENERATOR if step.placement is Placement.INLINE:
                await drive_batches(source, [self._head_stage(arguments), *self._stages], self._outbox)
            case Call.COROUTINE if step.concurrency == 1:
                call = self._head.call_of_item(arguments)
                await drive_items(source, call, self._outbox, self._through(), self._record)
            case Call.ASYNC_GENERATOR:
                await self._run_flat(self._head.call_of_item(arguments))
            case _:
                await self._run_workers(arguments)

    async def _run_flat(self, call: Callable[[Any], Any]) -> None:
        through = self._through()
        while batch := await self._inbox.mapped.take():
            for item in batch:
                async with Closing(call(item)) as frames:
                    await drive_frames(frames, self._outbox, through)
            await self._outbox.wait_writable()

    async def _run_workers(self, arguments: list[Any]) -> None:
        workers = self._head.workers(arguments)
        async with entered(workers):
            if self._step.mapped is None:
                results: list[Any] = []
                if (error := await workers[0].work([arguments], results)) is not None:
                    raise error
                await self._write_one(results[0])
            else:
                unit = unit_items(self._step)
                slicer = Slicer(_UNIT_ITEMS) if unit is None else WholeUnits(unit)
                await drive_workers(self._inbox.mapped, workers, self._outbox, self._stages, self._head, slicer=slicer)

    async def _run_blocking(self, arguments: list[Any]) -> None:
        if (mapped := self._step.mapped) is not None:
            arguments = [*arguments]
            arguments[mapped] = self._inbox.blocking(mapped)
        await drive_blocking(self._head, arguments, self._outbox, self._stages)

    async def _write_one(self, value: Any) -> None:
        values = self._outbox.admit_all([value])
        if self._stages:
            self._record.note_outputs(values)
        await write_slices(values, self._stages, self._outbox, Slicer(self._outbox.capacity))

    def _head_stage(self, arguments: list[Any]) -> Stage:
        self.counts_items = True
        return Stage(self._head, self._head.call_of_item(arguments))  # its inbox has checked the items

    def _through(self) -> Callable[[Any], Any] | None:
        if not self._stages:
            return None
        self.chained = True
        through, self._time_calls = chained(self._stages, self._record)
        return through

    def note_hold(self, elapsed_s: float) -> None:
        """Report what held the event loop for long between two suspensions: one of the steps, named when it is known.

        At first it is known for a step alone. Later the calls of the others are timed, where they can be.
        """
        if self._record.held or any(stage.record.held for stage in self._stages):
            return
        is_first, self._is_held = not self._is_held, True
        if is_first or self._time_calls is not None:
            others = [stage.record.step_id for stage in self._stages] if is_first else ()
            self._record.note_hold(elapsed_s, 1, others)
        if is_first and self._time_calls is not None:
            self._time_calls()


async def drive_item(attempt: Attempt, arguments: Sequence[Any], item: Any, outbox: Outbox) -> None:
    """Write the stream that a step makes of one item."""
    step = attempt.step
    item = UnitChecks(step).unit(item)
    call = attempt.call_of_item(arguments)
    if step.method.call is Call.ASYNC_GENERATOR:
        async with Closing(call(item)) as frames:
            await drive_frames(frames, outbox, None)
    elif step.placement is Placement.THREAD and step.mapped is not None:
        given = [*arguments]
        given[step.mapped] = [item]
        await drive_blocking(attempt, given, outbox, ())
    else:
        await drive_iterator(iter(call(item)), outbox, (), attempt)
