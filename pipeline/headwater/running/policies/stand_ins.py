"""What is written in the place of a result, where the document asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.causes import declared_code
from headwater.kinds.outputs import ERRORS_PORT, To
from headwater.running.failures import reason_of
from headwater.running.policies.notes import count, note_skipped_item
from headwater.streams.frames import Batch

if TYPE_CHECKING:
    from collections.abc import Callable

    from headwater.graph.plan import StepPolicies
    from headwater.running.record import StepRecord

__all__ = ["of_fallback", "stand_in"]


def stand_in(
    policies: StepPolicies,
    record: StepRecord,
    mask: Callable[[str], str],
    *,
    error: Exception,
    item: Any,
    index: int,
    number: int,
) -> Any:
    """Return what to write for an item that failed: nothing, a value, or a letter to the port `errors`."""
    record.compensations += 1
    if policies.on_error == "skip_item":
        note_skipped_item(record, index, error)
        return Batch([])
    if policies.on_error == "value":
        count(record, "values")
        return policies.value
    letter = {
        "item": item,
        "error": reason_of(error, mask),
        "code": declared_code(error) or type(error).__name__,
        "attempt": number,
        "step_id": record.step_id,
        "index": index,
    }
    return To(ERRORS_PORT, letter)


def of_fallback(failure: Exception, error: Exception, mask: Callable[[str], str]) -> Exception:
    """Return the failure of a fallback, with what made it necessary."""
    failure.__context__ = error
    failure.add_note(f"It was raised by the fallback, after {reason_of(error, mask)}.")
    return failure
