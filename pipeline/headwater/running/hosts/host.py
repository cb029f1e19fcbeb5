"""A step host: the steps of one segment in one execution, from their inbox to their outbox."""

from __future__ import annotations

from contextlib import aclosing
from time import perf_counter
from typing import TYPE_CHECKING, Any

from anyio import get_cancelled_exc_class, move_on_after

from headwater.errors import StreamBrokenError
from headwater.kinds.definition import Call, Placement
from headwater.running.failures import STEP_ERRORS, error_in, reason_of
from headwater.running.hosts.blocking import drive_blocking
from headwater.running.hosts.drivers import drive_batches, drive_frames, drive_items, drive_iterator, drive_workers
from headwater.running.hosts.inbox import Inbox, Skipped
from headwater.running.hosts.inline import admitted, drive_inline, items_of, iterated
from headwater.running.hosts.stages import Failure, Stage, batches_through, chained
from headwater.running.watch import Watched
from headwater.running.workers.processes import ProcessWorker
from headwater.running.workers.worker import AsyncWorker, ThreadWorker, Worker, entered
from headwater.streams.grammar import ANYTHING
from headwater.streams.meter import Meter
from headwater.streams.source import NOTHING, ReaderLeft

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headwater.graph.plan import PlannedStep
    from headwater.running.hosts.outbox import Outbox
    from headwater.running.record import StepRecord
    from headwater.running.scope import ExecutionScope

__all__ = ["StepHost"]

_UNIT_ITEMS = 64


class StepHost:
    """Runs one segment: its first step reads the inbox, the others are fused stages, the last writes the outbox.

    Args:
        steps: The steps of the segment, in order.
        inbox: The reading side of the first step.
        outbox: The writing side of the last step.
        scope: The execution.
    """

    def __init__(self, steps: Sequence[PlannedStep], inbox: Inbox, outbox: Outbox, scope: ExecutionScope) -> None:
        self.steps: tuple[PlannedStep, ...] = tuple(steps)
        self._head = steps[0]
        self._inbox = inbox
        self._outbox = outbox
        self._scope = scope
        self._records = [scope.record(step) for step in steps]
        self._chained = False
        self._waited_before_s = 0.0
        self.unread: bool = False  # set before it is cancelled because nobody reads what it writes

    async def run(self) -> None:
        """Run the segment to its end; a failure is told to the scope and to the readers, not raised."""
        try:
            if any(step.method.call.suspends for step in self.steps):
                await Watched(self._run_in_time(), self._note_stretch)
            else:  # plain code is measured call by call
                await self._run_in_time()
        except Skipped:
            self._skip()
        except ReaderLeft:
            self._end()
        except get_cancelled_exc_class():
            if self.unread:
                self._end()
            raise
        except Failure as failure:
            self._fail(failure.record, failure.cause)
        except STEP_ERRORS as error:
            self._fail_as(error)
        finally:
            self._outbox.fail(self._scope.broken(self._head.id, f"step {self._head.id!r} was cancelled"))
            await self._inbox.aclose()

    def _note_stretch(self, elapsed_s: float) -> None:
        self._records[0].note_hold(elapsed_s, 1)

    async def _run_in_time(self) -> None:
        if self._head.timeout_s is None:
            await self._run()
            return
        with move_on_after(self._head.timeout_s) as limit:
            await self._run()
        if limit.cancelled_caught:
            msg = f"the step did not end within its timeout of {self._head.timeout_s:g} s (timeout.total_s)"
            raise TimeoutError(msg)

    async def _run(self) -> None:
        if self._head.skippable and not await self._inbox.taken():
            raise Skipped
        arguments = await self._inbox.arguments()
        self._waited_before_s = self._inbox.wait_s
        meter = Meter(perf_counter())
        self._outbox.sink.meter = meter
        for record in self._records:
            record.meter = meter
            record.start()
        if (header := await self._inbox.header()) is not NOTHING:
            self._outbox.set_header(header)
        await self._drive(arguments)
        self._outbox.finish(self._inbox.footer)
        self._end()

    # ---- how the first step is called

    async def _drive(self, arguments: list[Any]) -> None:
        head = self._head
        call = self._scope.callable_of(head)
        stages = self._stages()
        if any(stage.suspends for stage in stages):
            await self._drive_inline(call, arguments, stages)
        elif head.placement is Placement.PROCESS:
            await self._drive_pool(self._process_workers(arguments), arguments, stages)
        elif head.placement is Placement.THREAD and (head.mapped is None or head.method.call is Call.GENERATOR):
            await self._drive_blocking(call, arguments, stages)
        elif head.mapped is not None:
            await self._drive_mapped(_of_item(call, arguments, head.mapped), stages)
        else:
            await self._drive_whole(call, arguments, stages)

    async def _drive_inline(self, call: Callable[..., Any], arguments: list[Any], stages: list[Stage]) -> None:
        head, record = self._head, self._records[0]
        if head.mapped is not None:
            stages = [self._stage(head, _of_item(call, arguments, head.mapped), proven=True), *stages]
            items = items_of(self._inbox.mapped)
        elif head.method.call is Call.ASYNC_GENERATOR:
            items = admitted(call(*arguments), self._outbox, record)
        else:
            items = iterated(iter(call(*arguments)), self._outbox, record)
        async with aclosing(items):
            await drive_inline(items, stages, self._outbox)

    async def _drive_whole(self, call: Callable[..., Any], arguments: list[Any], stages: list[Stage]) -> None:
        match self._head.method.call:
            case Call.ASYNC_GENERATOR:
                async with aclosing(call(*arguments)) as frames:
                    await drive_frames(frames, self._outbox, self._through(stages))
            case Call.GENERATOR:
                await drive_iterator(iter(call(*arguments)), self._outbox, stages, self._records[0])
            case Call.COROUTINE:
                await self._write_one(await call(*arguments), stages)
            case Call.PLAIN:
                await self._write_one(call(*arguments), stages)

    async def _drive_mapped(self, call: Callable[[Any], Any], stages: list[Stage]) -> None:
        head, source = self._head, self._inbox.mapped
        match head.method.call:
            case Call.PLAIN | Call.GENERATOR if head.placement is Placement.INLINE:
                await drive_batches(source, [self._stage(head, call, proven=True), *stages], self._outbox)
            case Call.COROUTINE if head.concurrency == 1:
                await drive_items(source, call, self._outbox, self._through(stages), self._records[0])
            case Call.ASYNC_GENERATOR:
                await self._drive_flat(call, stages)
            case Call.COROUTINE:
                workers: list[Worker] = [AsyncWorker(call) for _ in range(head.concurrency)]
                await self._drive_pool(workers, [None], stages, unit=1)
            case _:
                names = [f"headwater {head.id} {number}" for number in range(head.concurrency)]
                await self._drive_pool([ThreadWorker(call, name) for name in names], [None], stages)

    async def _drive_flat(self, call: Callable[[Any], Any], stages: list[Stage]) -> None:
        through = self._through(stages)
        while batch := await self._inbox.mapped.take():
            for item in batch:
                async with aclosing(call(item)) as frames:
                    await drive_frames(frames, self._outbox, through)
            await self._outbox.wait_writable()

    async def _drive_pool(
        self, workers: Sequence[Worker], arguments: list[Any], stages: list[Stage], *, unit: int = _UNIT_ITEMS
    ) -> None:
        async with entered(workers):
            if self._head.mapped is None:
                results, error = await workers[0].work([arguments])
                if error is not None:
                    raise error
                await self._write_one(results[0], stages)
            else:
                source, record = self._inbox.mapped, self._records[0]
                await drive_workers(source, workers, self._outbox, stages, record, unit=unit)

    async def _drive_blocking(self, call: Callable[..., Any], arguments: list[Any], stages: list[Stage]) -> None:
        head = self._head
        if head.mapped is not None:
            arguments = [*arguments]
            arguments[head.mapped] = self._inbox.blocking(head.mapped)
        await drive_blocking(
            call,
            arguments,
            self._outbox,
            stages,
            self._records[0],
            generator=head.method.call is Call.GENERATOR,
            mapped=head.mapped,
            name=f"headwater {head.id}",
        )

    def _process_workers(self, arguments: list[Any]) -> list[Worker]:
        count = 1 if self._head.mapped is None else self._head.concurrency
        return [ProcessWorker(self._head, arguments, self._scope) for _ in range(count)]

    async def _write_one(self, value: Any, stages: list[Stage]) -> None:
        values = self._outbox.admit_all([value])
        if stages:
            self._records[0].note_outputs(values)
        for batch in batches_through(stages, values, self._outbox.capacity):
            await self._outbox.write(batch)

    # ---- fused stages

    def _stages(self) -> list[Stage]:
        return [self._stage(step, self._scope.callable_of(step)) for step in self.steps[1:]]

    def _stage(self, step: PlannedStep, call: Callable[[Any], Any], *, proven: bool = False) -> Stage:
        planned = step.inputs[0]
        return Stage(
            self._scope.record(step),
            call,
            step.outputs[0].items if len(step.outputs) == 1 else ANYTHING,
            None if proven else planned.check,
            expands=step.method.call is Call.GENERATOR,
            suspends=step.method.call is Call.COROUTINE,
            addressed=len(step.outputs) > 1,
        )

    def _through(self, stages: list[Stage]) -> Callable[[Any], Any] | None:
        if not stages:
            return None
        self._chained = True
        return chained(stages, self._records[0])

    # ---- how it ends

    def emit_counts(self) -> None:
        """Tell how many items have gone through the steps so far."""
        self._count()
        for record in self._records:
            record.emit_counts()

    def _count(self) -> None:
        first, *others = self._records
        first.items_in = max(first.items_in, self._inbox.items_in)
        if self._chained:  # nothing expands, so as many items leave each step as reach the end
            for record in others:
                record.items_in = record.items_out = self._outbox.sink.written_items
        written = others[0].items_in if others else self._outbox.sink.written_items
        first.items_out = max(first.items_out, written)
        input_wait_s = self._inbox.wait_s - self._waited_before_s
        output_wait_s = self._outbox.sink.writer_wait_s
        for record in self._records:
            record.input_wait_s, record.output_wait_s = input_wait_s, output_wait_s

    def _end(self) -> None:
        self._count()
        for record in self._records:
            record.complete()

    def _skip(self) -> None:
        self._outbox.skip()
        for record in self._records:
            record.skip("its branch was not taken")

    def _fail_as(self, error: Exception | SystemExit) -> None:
        if isinstance(error, StreamBrokenError) and error.execution_id == self._scope.execution_id:
            suffering = self._records if self._scope.failed else ()  # no step fails because others were cancelled
            self._break(error, suffering)
        else:
            self._fail(self._records[0], error)

    def _fail(self, record: StepRecord, raised: Exception | SystemExit) -> None:
        """Note a failure of one of the steps, and break the stream for everyone after it."""
        error = error_in(raised)
        record.fail(error)
        text = self._scope.redact(reason_of(error))
        broken = self._scope.broken(record.step_id, f"step {record.step_id!r} failed: {text}")
        broken.__cause__ = error
        self._scope.fail(record, error)
        self._break(broken, self._records[self._records.index(record) + 1 :])

    def _break(self, error: StreamBrokenError, records: Sequence[StepRecord]) -> None:
        for record in records:
            record.fail(error)
        self._outbox.fail(error)


def _of_item(call: Callable[..., Any], arguments: Sequence[Any], mapped: int) -> Callable[[Any], Any]:
    """Return a function of the mapped input alone, with the other inputs bound."""
    if len(arguments) == 1:
        return call
    before, after = arguments[:mapped], arguments[mapped + 1 :]
    return lambda item: call(*before, item, *after)
