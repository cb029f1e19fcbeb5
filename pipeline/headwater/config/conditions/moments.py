"""Dates and times in conditions: an operand in ISO 8601 is compared with a date or a time as what it writes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

__all__ = ["MOMENTS", "Moment"]

MOMENTS = (date, time)  # a datetime is a date


class Moment:
    """An operand that may be a date or a time; each reading of it is made once, when a value needs it."""

    __slots__ = ("_operand", "_readings")

    def __init__(self, operand: object) -> None:
        self._operand = operand
        self._readings: dict[type, Any] = {}

    def pair(self, value: date | time) -> tuple[Any, Any] | None:
        """Return a value and the operand as two that can be compared; None where that is not possible."""
        if isinstance(value, time):
            wanted = self._reading(time)
            return None if wanted is None or _is_aware(wanted) is not _is_aware(value) else (value, wanted)
        if not isinstance(value, datetime):
            if (day := self._reading(date)) is not None:
                return value, day
            value = datetime.combine(value, time())
        wanted = self._reading(datetime)
        if wanted is None:
            return None
        if _is_aware(value) and not _is_aware(wanted):
            wanted = wanted.replace(tzinfo=UTC)
        return (value, wanted) if _is_aware(value) is _is_aware(wanted) else None

    def equals(self, value: date | time) -> bool | None:
        """Return whether a value is equal to the operand; None where the two cannot be compared."""
        pair = self.pair(value)
        return None if pair is None else bool(pair[0] == pair[1])

    def _reading(self, kind: type) -> Any:
        """Return the operand as a value of a type; None if it is not one."""
        if kind not in self._readings:
            self._readings[kind] = _read(kind, self._operand)
        return self._readings[kind]


def _is_aware(moment: datetime | time) -> bool:
    return moment.utcoffset() is not None


def _read(kind: Any, operand: object) -> Any:
    if isinstance(operand, str):
        try:
            return kind.fromisoformat(operand)
        except ValueError:
            return None
    if kind is datetime and isinstance(operand, date) and not isinstance(operand, datetime):
        return datetime.combine(operand, time())
    if kind is date and isinstance(operand, datetime):
        return None
    return operand if isinstance(operand, kind) else None
