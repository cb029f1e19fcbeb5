"""What a worker process says of an error, beside its message: enough to decide whether to try again."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Self

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from headwater.running.failures import said_by, seconds_said_by

__all__ = ["RaisedError"]


@dataclass(frozen=True, slots=True)
class RaisedError:
    """The classes of an error, and what it says about another attempt."""

    names: tuple[str, ...] = ()
    retryable: bool | None = None
    retry_after_s: float | None = None

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """Return what is known of an error."""
        retryable = said_by(error, "retryable")
        return cls(
            tuple(base.__name__ for base in type(error).__mro__),
            retryable if isinstance(retryable, bool) else None,
            seconds_said_by(error, "retry_after_s"),
        )

    @classmethod
    def from_note(cls, note: str) -> Self:
        """Return what a note says; nothing where it says something else."""
        try:
            return TypeAdapter(cls).validate_json(note)
        except ValidationError:
            return cls()

    def to_note(self) -> str:
        """Return it as a note of the error that crosses to the program."""
        return to_json(asdict(self), inf_nan_mode="null").decode()
