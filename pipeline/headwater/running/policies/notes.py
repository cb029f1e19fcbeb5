"""What is counted and emitted of the failures that policies take care of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headwater.events.data import StepRetry, StepSkipped, StepStart
from headwater.events.event import EventType
from headwater.running.failures import message_of, reason_of

if TYPE_CHECKING:
    from headwater.running.record import StepRecord

__all__ = ["count", "note_attempt", "note_retry", "note_skipped_item"]


def count(record: StepRecord, what: str, times: int = 1) -> None:
    """Count something that a policy did."""
    record.policies[what] = record.policies.get(what, 0) + times


def note_retry(record: StepRecord, next_attempt: int, pause_s: float, error: Exception, index: int | None) -> None:
    """Note that a step, or one of its items, failed and is tried again after a pause."""
    count(record, "retries")
    message = message_of(error, record.mask)
    data = StepRetry(next_attempt, pause_s, type(error).__name__, message, index)
    record.emit(EventType.STEP_RETRY, record.step_id, data, record.attempt)


def note_attempt(record: StepRecord, number: int) -> None:
    """Note that another attempt of a whole step starts."""
    record.attempt, step = number, record.step
    started = StepStart(kind=step.kind, flavor=step.flavor.name.lower())
    record.emit(EventType.STEP_START, record.step_id, started, number)


def note_skipped_item(record: StepRecord, index: int, error: Exception) -> None:
    """Note that an item was left out because it failed."""
    record.items_aside["skipped"] = record.items_aside.get("skipped", 0) + 1
    data = StepSkipped(reason_of(error, record.mask), index)
    record.emit(EventType.STEP_SKIPPED, record.step_id, data, record.attempt)
