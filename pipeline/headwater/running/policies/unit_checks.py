"""The checks of one unit of work as part of the call: under policies, a wrong type is one more reason to fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.kinds.binding import default_of
from headwater.kinds.definition import Call
from headwater.kinds.outputs import parts_of
from headwater.running.failures import STEP_ERRORS, error_in, is_stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import Self

    from headwater.graph.plan import PlannedStep
    from headwater.running.workers.worker import Worker

__all__ = ["CheckingWorker", "UnitChecks"]


class UnitChecks:
    """Checks what a step takes and returns in one call."""

    __slots__ = ("_step",)

    def __init__(self, step: PlannedStep) -> None:
        self._step = step

    def inputs(self, values: Sequence[Any]) -> list[Any]:
        """Return one value for each input, checked."""
        step = self._step
        return [
            value
            if given.check is None or (given.skippable and value is default_of(step.method, given.port.name))
            else given.check.check(value, f"step {step.id!r} port {given.port.name!r}")
            for given, value in zip(step.inputs, values, strict=True)
        ]

    def unit(self, unit: Any) -> Any:
        """Return an item of the mapped input, or the values of all inputs, checked."""
        mapped = self._step.mapped
        if mapped is None:
            return self.inputs(unit)
        given = self._step.inputs[mapped]
        return (
            unit
            if given.check is None
            else given.check.check(unit, f"step {self._step.id!r} port {given.port.name!r}: item")
        )

    def result(self, value: Any) -> Any:
        """Return what the step returned, checked."""
        step = self._step
        if step.method.outputs_type is None:
            return step.outputs[0].items.check(value, f"step {step.id!r} port {step.outputs[0].name!r}")
        checks = {output.name: output.items for output in step.outputs}
        for port, part in parts_of(value, step.main_port):
            if port in checks:  # any other is refused where it is written
                checks[port].check(part, f"step {step.id!r} port {port!r}")
        return value

    def around(self, call: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return the function of a unit with its checks."""
        check_unit, check_result = self.unit, self.result
        if self._step.method.call is Call.COROUTINE:

            async def checked_later(unit: Any) -> Any:
                return check_result(await call(check_unit(unit)))

            return checked_later
        return lambda unit: check_result(call(check_unit(unit)))


class CheckingWorker:
    """Another worker, with the checks around it, for code that runs in another process."""

    def __init__(self, worker: Worker, checks: UnitChecks) -> None:
        self._worker = worker
        self._checks = checks

    async def __aenter__(self) -> Self:
        await self._worker.__aenter__()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._worker.__aexit__(exc_type, exc, traceback)

    async def work(self, items: list[Any], results: list[Any], first: int = 0) -> Exception | None:
        """Call the function with each item."""
        for number, item in enumerate(items):
            made: list[Any] = []
            try:
                error = await self._worker.work([self._checks.unit(item)], made, first + number)
                results += map(self._checks.result, made)
            except STEP_ERRORS as raised:
                if is_stopped(raised):
                    raise
                return error_in(raised)
            if error is not None:
                return error
        return None
