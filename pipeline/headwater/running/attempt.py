"""One attempt: a single try of a step, with its function, its limits, its checks, its number and its error.

Streaming hosts and unary runs take whatever they call from here. A loop asks for a function once and calls it for every
item, so a step without policies pays for none. Those of single calls are around the worker that `workers` returns;
those of a whole step are around its attempts (`policies.whole_attempts`); the limit of all attempts is `in_time`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from headwater.config.policies.substeps import is_substep
from headwater.errors import StreamOrderError
from headwater.graph.step_policies import batch_of, workers_at_a_time
from headwater.kinds.definition import Call, Placement
from headwater.kinds.outputs import parts_of
from headwater.running.failures import error_in
from headwater.running.hosts.routed import not_connected
from headwater.running.policies.time_limits import StepTimeoutError, within
from headwater.running.policies.unit_checks import CheckingWorker, UnitChecks
from headwater.running.policies.unit_worker import PolicyWorker, UnitDoors
from headwater.running.shared.guards import Guard
from headwater.running.shared.unit_keys import UnitKeys
from headwater.running.workers.batch_worker import BatchWorker, DetachedScope, list_call
from headwater.running.workers.processes import ProcessWorker
from headwater.running.workers.worker import AsyncWorker, IndexedWorker, PlainWorker, ThreadWorker, Worker, entered
from headwater.streams.frames import is_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from headwater.graph.plan import PlannedOutput, PlannedStep
    from headwater.running.host_scope import HostScope
    from headwater.running.record import StepRecord
    from headwater.running.shared.batch_calls import ListCall
    from headwater.running.shared.step_memory import StepMemory

__all__ = ["Attempt", "Failure"]

Value = TypeVar("Value")


class Failure(Exception):  # noqa: N818 - a signal, not an error of its own
    """Internal: the function of a step raised `cause` in an attempt."""

    def __init__(self, attempt: Attempt, cause: BaseException) -> None:
        super().__init__(attempt.step.id)
        self.attempt: Attempt = attempt
        self.cause: Exception = error_in(cause)


class Attempt:
    """One try of a step in one execution."""

    __slots__ = ("_call", "_scope", "calls_aside", "error", "number", "record", "step")

    def __init__(self, step: PlannedStep, scope: HostScope, number: int | None = None) -> None:
        self.step: PlannedStep = step
        self.record: StepRecord = scope.record(step)
        self.number: int = self.record.attempt if number is None else number
        self.error: Exception | None = None
        self._scope = scope
        self._call: Callable[..., Any] | None = None
        self.calls_aside: Callable[[], bool] = bool  # whether workers call the function now; False without workers

    @property
    def call(self) -> Callable[..., Any]:
        """The function that takes the inputs alone; bound on first use, since its deadline counts from then."""
        call = self._call
        if call is None:
            call = self._call = self._scope.callable_of(self.step, self.number)
        return call

    def call_of_item(self, arguments: Sequence[Any]) -> Callable[[Any], Any]:
        """Return the function of one item of the mapped input, with the other inputs bound."""
        call, mapped = self.call, self.step.mapped
        if mapped is None:
            return lambda inputs: call(*inputs)
        if len(arguments) == 1:
            return call
        before, after = arguments[:mapped], arguments[mapped + 1 :]
        return lambda item: call(*before, item, *after)

    async def value(self, arguments: Sequence[Any]) -> Any:
        """Return the one value that the function makes in the event loop's own thread."""
        value = self.call(*arguments)
        return await value if self.step.method.call is Call.COROUTINE else value

    def numbered(self, number: int) -> Attempt:
        """Return another attempt of the same step."""
        return Attempt(self.step, self._scope, number)

    def fallback(self) -> Attempt | None:
        """Return the attempt of the step that stands in for this one."""
        policies = self.step.policies
        return None if policies is None or policies.fallback is None else Attempt(policies.fallback, self._scope)

    def workers(self, arguments: Sequence[Any]) -> list[Worker]:
        """Return what calls the function away from the step's own task, as many as may work at a time."""
        step, policies = self.step, self.step.policies
        numbers = [f" {number}" for number in range(workers_at_a_time(step))] if step.mapped is not None else [""]
        if policies is None or not policies.of_units:
            return [self.worker(arguments, f"headwater {step.id}{number}") for number in numbers]
        fallback, guard = self.fallback(), self.guard(arguments)
        workers: list[Worker] = []
        for number in numbers:
            name = f"headwater {step.id}{number}"
            doors = UnitDoors(
                record=self.record,
                mask=self._scope.mask,
                start=partial(self._later_worker, arguments, name),
                start_fallback=None if fallback is None else partial(fallback.worker, arguments, name),
                fail=lambda attempt, error: Failure(self.numbered(attempt), error),
                ports=None if step.mapped is not None else [given.port.name for given in step.inputs],
                is_process=step.placement is Placement.PROCESS and not step.method.batched,
                guard=guard,
            )
            workers.append(PolicyWorker(policies, doors))
        return workers

    def guard(self, arguments: Sequence[Any]) -> Guard | None:
        """Return what guards the calls of the step with what its policies remember; None without such policies."""
        memory, policies = self._scope.memory(self.step), self.step.policies
        if memory is None or policies is None or not policies.shared.guard:
            return None
        return Guard(policies.shared, memory, self.record, UnitKeys(self.step, arguments))

    def _later_worker(self, arguments: Sequence[Any], name: str, number: int) -> Worker:
        return self.numbered(number).worker(arguments, name)

    def worker(self, arguments: Sequence[Any], name: str) -> Worker:
        """Return what calls the function in this attempt."""
        step = self.step
        checks = UnitChecks(step) if step.policies is not None or is_substep(step.id) else None
        if (memory := self._scope.memory(step)) is not None and memory.batches is not None and checks is not None:
            call = self._list_call(memory, name)
            return BatchWorker(memory.batches, call, checks, is_mapped=step.mapped is not None)
        if step.placement is Placement.PROCESS:
            process = ProcessWorker(step, self.number, arguments, self._scope)
            return process if checks is None else CheckingWorker(process, checks)
        call = self.call_of_item(arguments)
        if checks is not None:
            call = checks.around(call)
        if step.placement is Placement.THREAD:
            return ThreadWorker(call, name, self.record.abandon)
        if step.nested is not None:
            return IndexedWorker(call)
        return AsyncWorker(call) if step.method.call is Call.COROUTINE else PlainWorker(call)

    def _list_call(self, memory: StepMemory, name: str) -> ListCall:
        """Return the function of a batch."""
        step, scope = self.step, self._scope
        if memory.pool is None:
            return list_call(step, self.call, name, self.record.abandon)
        batch = batch_of(step)
        is_shared = batch is not None and batch.across == "runner"
        worker_scope = DetachedScope(scope.allowed) if is_shared else scope
        return partial(memory.pool.call, partial(ProcessWorker, step, self.number, (), worker_scope))

    async def outputs(self, inputs: Sequence[Any]) -> dict[str, Any]:
        """Return the values that the step makes of one value for each input, by port, with all of them checked."""
        step = self.step
        if step.policies is None:
            value = await self.in_time(self._placed(UnitChecks(step).inputs(inputs)))
        else:  # which check it as well: what is wrong is one more reason for an attempt to fail
            value = await self.in_time(self._worked([*inputs]))
            if is_batch(value):
                return {}
        if step.method.outputs_type is None and len(step.outputs) == 1:
            return {step.outputs[0].name: _checked(step, step.outputs[0], value)}
        outputs = {output.name: output for output in step.outputs}
        return {
            port: _checked(step, _output(step, outputs, port), part) for port, part in parts_of(value, step.main_port)
        }

    async def _placed(self, inputs: list[Any]) -> Any:
        """Call the function where the step is placed."""
        return await (self.value(inputs) if self.step.placement is Placement.INLINE else self._worked(inputs))

    async def _worked(self, inputs: list[Any]) -> Any:
        """Call the function through a worker."""
        workers = self.workers([])
        results: list[Any] = []
        async with entered(workers):
            error = await workers[0].work([inputs], results)
        if error is not None:
            raise error
        return results[0]

    def in_time(self, work: Coroutine[Any, Any, Value]) -> Coroutine[Any, Any, Value]:
        """Return the attempt's work, which raises when its time is over."""
        limit_s = self.step.timeout_s
        return work if limit_s is None else within(work, "total_s", limit_s)

    def fail(self, raised: BaseException) -> Exception:
        """Emit that the step failed, and report it to the execution; return the error."""
        self.error = error = error_in(raised)
        if self.record.abandoned and isinstance(error, StepTimeoutError):
            error.note_hang()
        self.record.fail(error)
        self._scope.fail(self.step.id, error, self.number)
        return error


def _output(step: PlannedStep, outputs: Mapping[str, PlannedOutput], port: str) -> PlannedOutput:
    if port not in outputs:
        msg = f"step {step.id!r}: there is no output port {port!r}; its ports are {', '.join(outputs)}"
        raise StreamOrderError(msg)
    if outputs[port].unconnected:
        raise StreamOrderError(f"step {step.id!r}: {not_connected(port)}")
    return outputs[port]


def _checked(step: PlannedStep, output: PlannedOutput, value: Any) -> Any:
    return output.items.check(value, f"step {step.id!r} port {output.name!r}")
