"""One attempt: a single try of a step, with its function, its limits, its checks, its number and its error.

Streaming hosts and unary runs take whatever they call from here. A loop asks for a function once and calls it for every
item. So there are two places for policies, and a step without any pays for neither: what wraps each call (of one item,
where the step is mapped) belongs to `Attempt.call`, what wraps the attempt from start to end to `Attempt.in_time`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from anyio import move_on_after

from headwater.errors import StreamOrderError
from headwater.kinds.binding import default_of
from headwater.kinds.definition import Call, Placement
from headwater.kinds.outputs import parts_of
from headwater.running.failures import error_in
from headwater.running.hosts.routed import not_connected
from headwater.running.workers.processes import ProcessWorker
from headwater.running.workers.worker import AsyncWorker, ThreadWorker, Worker, entered

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence

    from headwater.graph.plan import PlannedOutput, PlannedStep
    from headwater.running.host_scope import HostScope
    from headwater.running.record import StepRecord

__all__ = ["Attempt", "Failure", "in_time"]

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

    def __init__(self, step: PlannedStep, scope: HostScope) -> None:
        self.step: PlannedStep = step
        self.record: StepRecord = scope.record(step)
        self.number: int = self.record.attempt
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

    def workers(self, arguments: Sequence[Any]) -> list[Worker]:
        """Return what calls the function away from the step's own task, as many as may work at a time."""
        step = self.step
        numbers = [f" {number}" for number in range(step.concurrency)] if step.mapped is not None else [""]
        if step.placement is Placement.PROCESS:
            return [ProcessWorker(step, self.number, arguments, self._scope) for _ in numbers]
        call = self.call_of_item(arguments)
        if step.placement is Placement.THREAD:
            return [ThreadWorker(call, f"headwater {step.id}{number}") for number in numbers]
        return [AsyncWorker(call) for _ in numbers]

    async def outputs(self, inputs: Sequence[Any]) -> dict[str, Any]:
        """Return the values that the step makes of one value for each input, by port, with all of them checked."""
        step = self.step
        checked = [
            value
            if given.check is None or (given.skippable and value is default_of(step.method, given.port.name))
            else given.check.check(value, f"step {step.id!r} port {given.port.name!r}")
            for given, value in zip(step.inputs, inputs, strict=True)
        ]
        value = await self.in_time(self._placed(checked))
        if step.method.outputs_type is None:
            return {step.outputs[0].name: _checked(step, step.outputs[0], value)}
        outputs = {output.name: output for output in step.outputs}
        return {
            port: _checked(step, _output(step, outputs, port), part) for port, part in parts_of(value, step.main_port)
        }

    async def _placed(self, inputs: list[Any]) -> Any:
        """Call the function where the step is placed."""
        if self.step.placement is Placement.INLINE:
            return await self.value(inputs)
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
        return work if limit_s is None else in_time(work, limit_s, _step_expired)

    def fail(self, raised: BaseException) -> Exception:
        """Emit that the step failed, and report it to the execution; return the error."""
        self.error = error = error_in(raised)
        self.record.fail(error)
        self._scope.fail(self.step.id, error, self.number)
        return error


async def in_time(work: Awaitable[Value], limit_s: float | None, expired: Callable[[float], Exception]) -> Value:
    """Return the result of some work, or raise what `expired` makes of the limit when it has passed."""
    if limit_s is None:
        return await work
    with move_on_after(limit_s):
        return await work
    raise expired(limit_s)


def _step_expired(limit_s: float) -> Exception:
    return TimeoutError(f"the step did not end within its timeout of {limit_s:g} s (timeout.total_s)")


def _output(step: PlannedStep, outputs: Mapping[str, PlannedOutput], port: str) -> PlannedOutput:
    if port not in outputs:
        msg = f"step {step.id!r}: there is no output port {port!r}; its ports are {', '.join(outputs)}"
        raise StreamOrderError(msg)
    if outputs[port].unconnected:
        raise StreamOrderError(f"step {step.id!r}: {not_connected(port)}")
    return outputs[port]


def _checked(step: PlannedStep, output: PlannedOutput, value: Any) -> Any:
    return output.items.check(value, f"step {step.id!r} port {output.name!r}")
