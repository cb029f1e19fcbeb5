"""The state of one step of an execution, as its events have it so far."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from headwater.errors import FIRST_ATTEMPT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headwater.events.data import StepComplete, StepFailure, StepOutput, StepProgress, StepRetry

__all__ = ["Pace", "State", "StepState", "Waits", "total"]

_MOST_WAITS: Final = 64
_MOST_RETRIES: Final = 64
_PACE_S: Final = 0.4  # a rate that is measured over less time jumps about
_TRUSTED_S: Final = 1.0  # an estimate of the time left that is made before is mostly wrong


def total(before: StepComplete | None, run: StepComplete) -> StepComplete:
    """Return the results of several runs of a step in a nested pipeline as one: sums, and the times of the last."""
    if before is None:
        return run
    added = ("items_in", "items_out", "duration_s", "input_wait_s", "output_wait_s", "compensations")
    sums = {name: getattr(before, name) + getattr(run, name) for name in added}
    sums |= {name: _added(getattr(before, name), getattr(run, name)) for name in ("items_aside", "policies")}
    return replace(run, **sums, attempts=max(before.attempts, run.attempts))


def _added(left: Mapping[str, int], right: Mapping[str, int]) -> dict[str, int]:
    return {name: left.get(name, 0) + right.get(name, 0) for name in (*left, *right)}


class State(Enum):
    """Where a step or an execution stands; the value is the word for it."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    STOPPED = "stopped"


class Waits(NamedTuple):
    """How long a step had waited in total, for input and for its readers, by a moment."""

    time_s: float
    input_wait_s: float = 0.0
    output_wait_s: float = 0.0


@dataclass(slots=True)
class Pace:
    """The present rate of a step, smoothed: None until two counts are far enough apart.

    Example:
        >>> pace = Pace(time_s=10.0)
        >>> pace.add(100, 12.0)
        >>> pace.per_s
        50.0
    """

    time_s: float = 0.0
    count: int = 0
    per_s: float | None = None

    def add(self, count: int, time_s: float) -> None:
        """Take into account how many items there were in total by a moment."""
        elapsed_s = time_s - self.time_s
        if elapsed_s >= _PACE_S:
            per_s = (count - self.count) / elapsed_s
            self.per_s = per_s if self.per_s is None else (self.per_s + per_s) / 2
            self.time_s, self.count = time_s, count


@dataclass(slots=True)
class StepState:
    """One step of an execution. Times are in seconds since 1970-01-01 UTC; what no event reported is None.

    Attributes:
        step_id: Its id.
        kind: Its registered name; empty when no event named it.
        sources: Ids of the steps that it reads from.
        state: Where it stands.
        attempt: The number of the present attempt, from 1.
        items_in: Items read so far.
        items_out: Items written to the main output so far.
        items_aside: Items that did not go there, by where they went: a side port, or `skipped`.
        fraction: How much is done, from 0 to 1.
        fraction_s: When `fraction` was reported.
        message: What it last reported about itself.
        started_s: When it first started.
        attempt_s: When its present attempt started.
        first_item_s: When it wrote its first item.
        ended_s: When it ended.
        duration_s: How long its last attempt took.
        input_wait_s: How long it has waited for input.
        output_wait_s: How long it has waited for its readers.
        waits_for: What it waited for when its waits were last reported; None when it worked.
        waiting: How full its edges were where items waited, as last reported: their number and the most that may wait,
            by edges such as `words.out -> upper.text`.
        waits: Its waits over time, from its start on; at most 64 moments.
        retries: When attempts failed and were followed by another; the first 64.
        pace: The present rate.
        output: The last item that an event showed.
        retry: The last attempt that failed and was followed by another.
        failure: Why it failed, or which other failure stopped it.
        skip_reason: Why it was skipped.
        result: Its counts and times at the end; None when it has not completed.
        runs: How often it was started: once, but in a nested pipeline once for each item or iteration. Counts and
            results are then the sums over the runs that have completed.
        running: How many of these runs have not ended.
        is_outer: Whether steps of its nested pipeline were started.
    """

    step_id: str
    kind: str = ""
    sources: tuple[str, ...] = ()
    state: State = State.WAITING
    attempt: int = FIRST_ATTEMPT
    items_in: int | None = None
    items_out: int | None = None
    items_aside: Mapping[str, int] = field(default_factory=dict[str, int])
    fraction: float | None = None
    fraction_s: float = 0.0
    message: str = ""
    started_s: float | None = None
    attempt_s: float | None = None
    first_item_s: float | None = None
    ended_s: float | None = None
    duration_s: float | None = None
    input_wait_s: float | None = None
    output_wait_s: float = 0.0
    waits_for: Literal["input", "output"] | None = None
    waiting: Mapping[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    waits: list[Waits] = field(default_factory=list[Waits])
    retries: list[float] = field(default_factory=list[float])
    pace: Pace = field(default_factory=Pace)
    output: StepOutput | None = None
    retry: StepRetry | None = None
    failure: StepFailure | None = None
    skip_reason: str = ""
    result: StepComplete | None = None
    runs: int = 0
    running: int = 0
    is_outer: bool = False

    @property
    def count(self) -> int:
        """Items written, or read when those are more."""
        return max(self.items_in or 0, (self.items_out or 0) + sum(self.items_aside.values()))

    @property
    def works(self) -> bool:
        """Whether the step runs and did not wait for a neighbor when its waits were last reported."""
        return self.state is State.RUNNING and self.input_wait_s is not None and self.waits_for is None

    @property
    def outcome(self) -> str:
        """How the step ended: `done`, `failed`, `skipped`, `stopped` (also while it runs) or `not started`."""
        if self.failure is not None:
            return State.FAILED.value
        return {State.WAITING: "not started", State.RUNNING: "stopped"}.get(self.state, self.state.value)

    def elapsed_s(self, now_s: float) -> float | None:
        """Return how long the present attempt has run, or the last one ran.

        Args:
            now_s: The present time, in seconds since 1970-01-01 UTC.

        Returns:
            Seconds; None when there was no attempt.
        """
        if self.duration_s is not None or self.attempt_s is None:
            return self.duration_s
        return max(now_s - self.attempt_s, 0.0)

    def per_s(self, now_s: float) -> float:
        """Return how many items per second go through the step.

        Args:
            now_s: The present time, in seconds since 1970-01-01 UTC.

        Returns:
            The present rate while it runs, and the overall rate afterwards.
        """
        if self.state is State.RUNNING and self.pace.per_s is not None:
            return self.pace.per_s
        elapsed_s = self.elapsed_s(now_s)
        return self.count / elapsed_s if elapsed_s else 0.0

    def busy(self, now_s: float) -> float | None:
        """Return which share of its time the step worked rather than waited for its neighbors.

        Args:
            now_s: The present time, in seconds since 1970-01-01 UTC.

        Returns:
            A share from 0 to 1; None if unknown.
        """
        elapsed_s = self.elapsed_s(now_s)
        if self.input_wait_s is None or not elapsed_s:
            return None
        waited_s = self.input_wait_s + self.output_wait_s
        if self.waits_for is not None and self.attempt_s is not None and self.waits:  # it has waited ever since
            waited_s += max(self.attempt_s + elapsed_s - self.waits[-1].time_s, 0.0)
        return min(max(1 - waited_s / elapsed_s, 0.0), 1.0)

    def left_s(self, now_s: float) -> float | None:
        """Return how long the step will take to its end if it goes on as before.

        Args:
            now_s: The present time, in seconds since 1970-01-01 UTC.

        Returns:
            Seconds; None if unknown, or too early to say.
        """
        if self.state is not State.RUNNING or self.attempt_s is None or not self.fraction or self.fraction > 1:
            return None
        took_s = self.fraction_s - self.attempt_s
        if took_s < _TRUSTED_S:
            return None
        return max(took_s * (1 / self.fraction - 1) - max(now_s - self.fraction_s, 0.0), 0.0)

    def add_counts(self, progress: StepProgress) -> None:
        """Note how many items have gone through the step, and how many wait, where that was counted.

        Args:
            progress: Data of the event.
        """
        self.items_in = self.items_in if progress.items_in is None else progress.items_in
        self.items_out = self.items_out if progress.items_out is None else progress.items_out
        self.items_aside = self.items_aside if progress.items_aside is None else progress.items_aside
        self.waiting = self.waiting if progress.waiting is None else progress.waiting

    def add_retry(self, time_s: float, retry: StepRetry | None) -> None:
        """Note that an attempt failed and another follows.

        Args:
            time_s: When it failed.
            retry: Data of the event, or None.
        """
        if len(self.retries) < _MOST_RETRIES:
            self.retries.append(time_s)
        if retry is not None:
            self.retry, self.message = retry, ""

    def end(self, state: State, time_s: float) -> None:
        """Note that nothing more happens to the step.

        Args:
            state: How it ended.
            time_s: When it ended.
        """
        self.state, self.ended_s, self.waiting = state, time_s, {}

    def add_waits(self, time_s: float, input_wait_s: float = 0.0, output_wait_s: float = 0.0) -> None:
        """Note how long the step has waited by a moment.

        Args:
            time_s: The moment.
            input_wait_s: How long it has waited for input so far.
            output_wait_s: How long it has waited for its readers so far.
        """
        self.waits.append(Waits(time_s, input_wait_s, output_wait_s))
        if len(self.waits) > _MOST_WAITS:  # every second one still shows how it went; the first and the last stay
            del self.waits[1::2]
