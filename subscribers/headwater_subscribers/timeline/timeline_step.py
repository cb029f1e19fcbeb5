"""One step in the time of its execution."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from headwater_subscribers.console.view import State

__all__ = ["Look", "StepSpan"]

_MOST_LOOKS: Final = 64


@dataclass(frozen=True, slots=True)
class Look:
    """How long a step had waited by a moment.

    Args:
        time_s: The moment, in seconds since 1970-01-01 UTC.
        input_wait_s: How long it had waited for input since it started.
        output_wait_s: How long it had waited for room downstream since it started.
    """

    time_s: float
    input_wait_s: float = 0.0
    output_wait_s: float = 0.0


@dataclass(slots=True)
class StepSpan:
    """One step in the time of its execution. All times are in seconds since 1970-01-01 UTC.

    Args:
        step_id: Its id.
        kind: Its registered name.
        state: Where it stands.
        started_s: When it started first; None when it has not.
        first_item_s: When it wrote its first item; None when it has not, or when that is not told.
        ended_s: When it ended; None when it has not.
        items_in: Items read; None when that is not known.
        items_out: Items written; None when that is not known.
        looks: How long it had waited, at moments in order: the first is its start. There are at most 64.
        retries: When an attempt failed and another followed, for the first 64.
        message: Why it failed or was skipped, in one line.
    """

    step_id: str
    kind: str = ""
    state: State = State.WAITING
    started_s: float | None = None
    first_item_s: float | None = None
    ended_s: float | None = None
    items_in: int | None = None
    items_out: int | None = None
    looks: list[Look] = field(default_factory=list[Look])
    retries: list[float] = field(default_factory=list[float])
    message: str = ""

    def look(self, look: Look) -> None:
        """Note how long the step has waited.

        Args:
            look: The present moment.
        """
        self.looks.append(look)
        if len(self.looks) > _MOST_LOOKS:  # every second one will do; the first is kept
            del self.looks[1::2]

    def retry(self, time_s: float) -> None:
        """Note that an attempt failed and another follows.

        Args:
            time_s: When.
        """
        if len(self.retries) < _MOST_LOOKS:
            self.retries.append(time_s)

    def end(self, state: State, time_s: float) -> None:
        """Note that nothing more happens to the step.

        Args:
            state: How it ended.
            time_s: When.
        """
        self.state = state
        self.ended_s = time_s
