"""What a person wants to know of one step: how far it is, how fast, and whether others wait for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from headwater.display import countdown, quantity

__all__ = ["Pace", "State", "StepView"]

_SHORTEST_S = 0.4
"""Time that has to pass before a rate is measured again, in seconds."""

_TRUSTED_S = 1.0
"""Time a step has to run before what is left of it can be told, in seconds."""


class State(Enum):
    """Where a step or an execution stands; the value is how it is said."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    STOPPED = "stopped"


@dataclass(slots=True)
class Pace:
    """How many items per second go through a step at present.

    Args:
        time_s: When the items were counted that the next rate is measured from.
        count: How many they were.
        per_s: The rate, smoothed; None before there is one.

    Example:
        >>> pace = Pace(time_s=10.0)
        >>> pace.note(100, 12.0)
        >>> pace.per_s
        50.0
    """

    time_s: float
    count: int = 0
    per_s: float | None = None

    def note(self, count: int, time_s: float) -> None:
        """Take a count into account.

        Args:
            count: Items so far.
            time_s: When they were counted.
        """
        elapsed_s = time_s - self.time_s
        if elapsed_s >= _SHORTEST_S:
            per_s = (count - self.count) / elapsed_s
            self.per_s = per_s if self.per_s is None else (self.per_s + per_s) / 2
            self.time_s, self.count = time_s, count


@dataclass(slots=True)
class StepView:
    """One step as it stands; times are in seconds since 1970-01-01 UTC.

    Args:
        step_id: Its id.
        kind: Its registered name.
        sources: Ids of the steps it reads from.
        state: Where it stands.
        items_in: Items read; None when that is not known.
        items_out: Items written; None when that is not known.
        fraction: How much is done, from 0 to 1; None when that is not known.
        fraction_s: When that was told.
        message: What it last said of itself.
        started_s: When it started; None when it has not.
        duration_s: How long it ran; None when it has not ended.
        waits_s: When its waits were told.
        input_wait_s: How long it waited for input by then; None when that is not known.
        output_wait_s: How long it waited for room downstream by then.
        waits_for: What it waited for by then: `input`, `output`, or None for nothing.
        is_awaited: Whether others wait for it while it works.
        pace: How fast it is.
    """

    step_id: str
    kind: str = ""
    sources: tuple[str, ...] = ()
    state: State = State.WAITING
    items_in: int | None = None
    items_out: int | None = None
    fraction: float | None = None
    fraction_s: float = 0.0
    message: str = ""
    started_s: float | None = None
    duration_s: float | None = None
    waits_s: float = 0.0
    input_wait_s: float | None = None
    output_wait_s: float = 0.0
    waits_for: Literal["input", "output"] | None = None
    is_awaited: bool = False
    pace: Pace = field(default_factory=lambda: Pace(0.0))

    @property
    def count(self) -> int:
        """Items written, or read when those are more."""
        return max(self.items_in or 0, self.items_out or 0)

    @property
    def works(self) -> bool:
        """Whether the step runs and is known to wait for nobody."""
        return self.state is State.RUNNING and self.input_wait_s is not None and self.waits_for is None

    def elapsed_s(self, now_s: float) -> float | None:
        """Return how long the step has run, or ran.

        Args:
            now_s: The present.

        Returns:
            The time in seconds; None when it has not started.
        """
        if self.duration_s is not None or self.started_s is None:
            return self.duration_s
        return max(now_s - self.started_s, 0.0)

    def rate(self, now_s: float) -> str:
        """Return how many items per second go through the step at present, or went through it on the whole.

        Args:
            now_s: The present.

        Returns:
            Such as `52.0k/s`; empty when there is nothing to tell.
        """
        elapsed_s = self.elapsed_s(now_s)
        per_s = self.pace.per_s if self.state is State.RUNNING else None
        if per_s is None:
            per_s = self.count / elapsed_s if elapsed_s else 0.0
        return f"{quantity(per_s)}/s" if per_s else ""

    def counts(self) -> str:
        """Return the numbers of items in words, such as `12 in, 7 out`."""
        known = ((self.items_in or None, "in"), (self.items_out, "out"))  # that a source reads nothing goes unsaid
        return ", ".join(f"{quantity(count)} {way}" for count, way in known if count is not None)

    def busy(self, now_s: float) -> float | None:
        """Return which share of its time the step has worked, rather than waited for its neighbors.

        Args:
            now_s: The present.

        Returns:
            From 0 to 1; None when that is not known.
        """
        elapsed_s = self.elapsed_s(now_s)
        if self.input_wait_s is None or not elapsed_s:
            return None
        waited_s = self.input_wait_s + self.output_wait_s
        if self.waits_for is not None and self.started_s is not None:  # it has waited ever since it was last told of
            waited_s += max(self.started_s + elapsed_s - self.waits_s, 0.0)
        return min(max(1 - waited_s / elapsed_s, 0.0), 1.0)

    def left_s(self, now_s: float) -> float | None:
        """Return how long the step will take to its end, if it goes on as before.

        Args:
            now_s: The present.

        Returns:
            The time in seconds; None when that cannot be told, or not yet.
        """
        if self.state is not State.RUNNING or self.started_s is None or not self.fraction or self.fraction > 1:
            return None
        took_s = self.fraction_s - self.started_s
        if took_s < _TRUSTED_S:
            return None
        return max(took_s * (1 / self.fraction - 1) - max(now_s - self.fraction_s, 0.0), 0.0)

    def left(self, now_s: float) -> str:
        """Return what `left_s` does, in words.

        Args:
            now_s: The present.

        Returns:
            Such as `12 s left`; empty when that cannot be told.
        """
        left_s = self.left_s(now_s)
        return "" if left_s is None else countdown(left_s)

    def percent(self) -> str:
        """Return how much is done, such as `40%`; empty when that is not known, or goes without saying."""
        is_between = self.state in {State.RUNNING, State.STOPPED}
        return f"{self.fraction:.0%}" if is_between and self.fraction is not None else ""

    def note(self) -> str:
        """Return what the step last said of itself, such as `40% decoding`."""
        return " ".join(part for part in (self.percent(), self.message) if part)
