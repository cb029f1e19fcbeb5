"""Undoes what steps have done, after the execution has failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headwater.events.notices import notice
from headwater.running.attempt import Attempt
from headwater.running.failures import STEP_ERRORS, error_in, interruption_in, is_stopped, reason_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headwater.running.scope import ExecutionScope, Made

__all__ = ["compensate"]


async def compensate(made: Sequence[Made]) -> list[str]:
    """Run the compensations of the steps that have made their value, the last one first; return what failed with it.

    A step that has handed over its value has done its work, also when it was stopped before it was noted as done.
    """
    failures: list[str] = []
    for number, one in enumerate(reversed(made)):
        try:
            if (failure := await _compensate(one)) is not None:
                failures.append(failure)
        except BaseException:
            left = [other.step.id for other in made[: len(made) - number]]
            notice("compensations were cancelled, and these steps were not undone", step_ids=left)
            raise
    return failures


async def _compensate(one: Made) -> str | None:
    policies, scope = one.step.policies, one.scope
    if policies is None or policies.compensate is None:
        return None
    attempt = Attempt(policies.compensate, scope)
    attempt.record.start()
    try:
        await attempt.outputs([one.value])
    except STEP_ERRORS as error:
        if is_stopped(error):
            raise
        failure = _failed(attempt, error, scope)
        if (interruption := interruption_in(error)) is not None:
            raise interruption from None
        return failure
    attempt.record.items_in = attempt.record.items_out = 1
    attempt.record.complete()
    return None


def _failed(attempt: Attempt, error: BaseException, scope: ExecutionScope) -> str:
    attempt.record.fail(error_in(error))
    return f"step {attempt.step.id!r} failed, too: {reason_of(error, scope.mask)}"
