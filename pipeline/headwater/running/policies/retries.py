"""Whether a step that failed is tried again, and when."""

from __future__ import annotations

from random import random
from typing import TYPE_CHECKING

from anyio import sleep

from headwater.running.failures import interruption_in, said_by, seconds_said_by
from headwater.running.nested.failure import NestedStepError
from headwater.running.policies.notes import note_attempt, note_retry
from headwater.running.workers.processes import ProcessError

if TYPE_CHECKING:
    from headwater.config.policies.failure_specs import RetrySpec
    from headwater.running.record import StepRecord

__all__ = ["is_worth_retrying", "next_attempt", "pause_before"]

_TRANSIENT = frozenset(
    {"ConnectionError", "NetworkError", "Timeout", "TimeoutError", "TimeoutException", "TooSlowError"}
)
"""Names of the classes of connection and timeout errors, in Python and in libraries whose errors have other bases."""

_LONGEST_EXPONENT = 1_000


def is_worth_retrying(retry: RetrySpec, error: BaseException) -> bool:
    """Return whether an error is among those for which a step is tried again.

    Example:
        >>> from headwater.config.policies.failure_specs import RetrySpec
        >>> is_worth_retrying(RetrySpec(), ConnectionResetError()), is_worth_retrying(RetrySpec(), KeyError())
        (True, False)
    """
    if interruption_in(error) is not None:
        return False
    names = _names_of(error)
    return any(_is_transient(error, names) if name == "transient" else name in names for name in retry.on)


def _names_of(error: BaseException) -> set[str]:
    """Return the names of the classes of an error, and of what it stands for: a process or a nested step has failed."""
    names = {cls.__name__ for cls in type(error).__mro__}
    if isinstance(error, ProcessError):
        names.update(error.names)
    if isinstance(error, NestedStepError) and error.__cause__ is not None:
        names |= _names_of(error.__cause__)
    return names


def _is_transient(error: BaseException, names: set[str]) -> bool:
    """Return whether an error says that it may pass, or is known to."""
    says = said_by(error, "retryable")
    return says if isinstance(says, bool) else not _TRANSIENT.isdisjoint(names)


def pause_before(retry: RetrySpec, next_attempt: int, error: BaseException) -> float:
    """Return the seconds until the next attempt: what the error asks for, or longer each time."""
    if (asked_s := seconds_said_by(error, "retry_after_s")) is not None:
        return asked_s
    exponent = min(next_attempt - 2, _LONGEST_EXPONENT)
    try:
        pause_s = min(retry.backoff_s * retry.factor**exponent, retry.max_s)
    except OverflowError:
        pause_s = retry.max_s
    return pause_s * (1 - retry.jitter * random())  # noqa: S311 - spreads attempts, keeps no secret


async def next_attempt(retry: RetrySpec, number: int, error: Exception, record: StepRecord, index: int | None) -> int:
    """Wait until the next attempt of a step, or of the item with an index, is due, and return its number."""
    pause_s = pause_before(retry, number + 1, error)
    note_retry(record, number + 1, pause_s, error, index)
    await sleep(pause_s)
    if index is None:
        note_attempt(record, number + 1)
    return number + 1
