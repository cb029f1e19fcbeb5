"""The failure of a step inside a nested pipeline, as the error of the step around it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from headwater.causes import causes_of
from headwater.errors import StepError
from headwater.ids import PATH_SEPARATOR
from headwater.running.failures import message_of, reason_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["NestedStepError", "step_error"]


class NestedStepError(StepError):
    """Internal: a step of a nested pipeline failed; the error of the execution has the whole path.

    Policies that look at the error of a step see that of the step that failed: whether it may be retried, and when.
    """

    code: ClassVar[str] = StepError.code

    def __getattr__(self, name: str) -> Any:
        cause = self.__cause__
        if name in {"retryable", "retry_after_s"} and cause is not None:
            return getattr(cause, name)
        raise AttributeError(name)


def step_error(
    step_id: str,
    error: Exception,
    attempt: int,
    mask: Callable[[str], str],
    kind: type[StepError] = StepError,
) -> StepError:
    """Return the failure of a step as an error; that of a step inside its nested pipeline, with the path to it."""
    if isinstance(error, NestedStepError):
        inner = PATH_SEPARATOR.join((step_id, error.step_id))
        failure = kind(inner, error.message, attempt=error.attempt, path=(step_id, *error.path))
        failure.__cause__ = error.__cause__
    else:
        failure = kind(step_id, reason_of(error, mask), attempt=attempt)
        failure.__cause__ = error
    failure.causes = causes_of(failure, partial(message_of, mask=mask))
    return failure
