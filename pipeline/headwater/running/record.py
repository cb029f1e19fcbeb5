"""The numbers of one step in one execution, and the events that carry them."""

from __future__ import annotations

from time import perf_counter, time
from typing import TYPE_CHECKING, Any, Literal

from headwater.errors import FIRST_ATTEMPT, StreamBrokenError
from headwater.events.chunk import short_output
from headwater.events.data import (
    StepComplete,
    StepFailure,
    StepOutput,
    StepProgress,
    StepSkipped,
    StepStart,
)
from headwater.events.event import EventType
from headwater.events.notices import notice
from headwater.events.plain import owned, plain
from headwater.events.step_state import State
from headwater.running.failures import message_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from headwater.graph.plan import PlannedStep
    from headwater.running.nested.path_events import EventSink
    from headwater.streams.meter import Meter

__all__ = ["HOLD_S", "EmitItems", "StepRecord", "WaitsFor", "first_item_at", "with_tokens"]

EmitItems = Literal["none", "first", "sample", "all"]
"""Which items of an output are emitted as events."""

HOLD_S = 0.1
"""A step that holds the event loop for longer than this is reported, in seconds."""

_SAMPLE_ITEMS = 100
_TOKENS = frozenset(f"{kind}_tokens" for kind in ("input", "output", "cache_read", "cache_creation", "reasoning"))

WaitsFor = Literal["input", "output"] | None


class StepRecord:
    """What is known of a step while it runs: state, attempt, counts and times."""

    # fmt: off
    __slots__ = (
        "_emit_items", "_emit_rows", "_pending_progress", "_progress_at", "_progress_interval_s", "abandoned",
        "attempt", "compensations", "emit", "first_output_at", "held", "input_wait_s", "items_aside", "items_in",
        "items_out", "mask", "meter", "offered_items", "output_wait_s", "policies", "started_at", "state", "step",
        "step_id", "tokens",
    )
    # fmt: on

    def __init__(
        self,
        step: PlannedStep,
        context: EventSink,
        emit_items: EmitItems,
        mask: Callable[[str], str],
        progress_interval_s: float = 0.0,
    ) -> None:
        self.step_id: str = step.id
        self.state: State = State.WAITING
        self.attempt: int = FIRST_ATTEMPT
        self.items_aside: dict[str, int] = {}
        self.policies: dict[str, int] = {}
        self.items_in: int = 0
        self.items_out: int = 0
        self.offered_items: int = 0
        self.compensations: int = 0
        self.abandoned: bool = False
        self.input_wait_s: float = 0.0
        self.output_wait_s: float = 0.0
        self.started_at: float = 0.0
        self.first_output_at: float | None = None
        self.meter: Meter | None = None
        self.step: PlannedStep = step
        self.emit: Callable[..., object] = context.emit
        self._emit_rows = context.emit_rows
        self._emit_items: EmitItems = emit_items
        self.mask: Callable[[str], str] = mask
        self.held: bool = False  # whether it was reported for holding the event loop
        self._progress_interval_s = progress_interval_s
        self._progress_at = float("-inf")
        self._pending_progress: tuple[float | None, str, Mapping[str, Any]] | None = None
        self.tokens: dict[str, int] = {}

    @property
    def emits_next_item(self) -> bool:
        """Whether the next item of the output may have to be emitted."""
        return self._emit_items in {"all", "sample"} or (self._emit_items == "first" and not self.offered_items)

    @property
    def emits_every_item(self) -> bool:
        """Whether items after the first have to be given to `emit_output`."""
        return self._emit_items in {"all", "sample"}

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to the step."""
        return self.state is not State.WAITING and self.state is not State.RUNNING

    def place(self, frame: str) -> str:
        """Return what a frame of the step is called in messages."""
        return f"step {self.step_id!r} {frame}"

    def start(self) -> None:
        """Note that the step runs."""
        self.state = State.RUNNING
        self.started_at = perf_counter()
        started = StepStart(kind=self.step.kind, flavor=self.step.flavor.name.lower())
        self.emit(EventType.STEP_START, self.step_id, started, self.attempt)

    def emit_output(self, item: Any, port: str = "out") -> bool:
        """Emit an item of the output if it is one of those to emit; True when subscribers lag."""
        index, self.offered_items = self.offered_items, self.offered_items + 1
        if (self._emit_items == "sample" and index % _SAMPLE_ITEMS) or (self._emit_items == "first" and index):
            return False
        shown = short_output(item, self.mask, port, index)
        place = None if type(shown) is StepOutput else index
        return self._emit_rows((EventType.STEP_OUTPUT, self.step_id, self.attempt, time(), shown, place), 1)

    def emit_outputs(self, items: Sequence[Any], port: str = "out") -> None:
        """Emit those of several items that are to be emitted."""
        for item in items if self.emits_every_item else items[:1]:
            self.emit_output(item, port)

    def note_output(self, item: Any) -> None:
        """Note an item of the output that does not reach a channel."""
        self.items_out += 1
        if self.emits_next_item:
            self.emit_output(item)

    def note_outputs(self, items: Sequence[Any]) -> None:
        """Note several items of the output that do not reach a channel."""
        if items and not self.items_out:
            self.first_output_at = perf_counter()
        self.items_out += len(items)
        if self.emits_next_item:
            self.emit_outputs(items)

    def note_progress(self, fraction: float | None, message: str, data: Mapping[str, Any]) -> bool:
        """Note the progress that the step reports, from any thread; True when it is time to emit it."""
        self._pending_progress = (fraction, message, owned(data) if data else data)
        return perf_counter() - self._progress_at >= self._progress_interval_s

    def emit_progress(self) -> None:
        """Emit the progress noted last, unless that was done."""
        if self._pending_progress is None:
            return
        (fraction, message, data), self._pending_progress = self._pending_progress, None
        self._progress_at = perf_counter()
        message, data = self.mask(message), data and plain(data, self.mask)
        progress = StepProgress(
            fraction=fraction,
            message=message,
            items_in=self.items_in,
            items_out=self.items_out,
            items_aside=self.items_aside.copy(),
            data=data,
        )
        self.emit(EventType.STEP_PROGRESS, self.step_id, progress, self.attempt)

    def emit_counts(self, waits_for: WaitsFor, waiting: Mapping[str, tuple[int, int]]) -> None:
        """Emit how many items have gone through, what the step waits for, and how full its edges are."""
        progress = StepProgress(
            items_in=self.items_in,
            items_out=self.items_out,
            input_wait_s=self.input_wait_s,
            output_wait_s=self.output_wait_s,
            waits_for=waits_for,
            items_aside=self.items_aside.copy(),
            waiting=waiting,
        )
        self.emit(EventType.STEP_PROGRESS, self.step_id, progress, self.attempt)

    def abandon(self, waited_s: float) -> None:
        """Report once that the code of the step did not return when it was stopped, and is left behind."""
        if not self.abandoned:
            self.abandoned = True
            self.emit(EventType.STEP_PROGRESS, self.step_id, _report_hang(self.step, waited_s), self.attempt)

    def note_hold(self, elapsed_s: float, items: int, others: Sequence[str] = ()) -> None:
        """Report once a step that held the event loop long for a single item: this one, or one of the others."""
        if elapsed_s > HOLD_S and items <= 1 and not self.held:
            self.held = not others
            _report_hold(self.step, elapsed_s, others)

    def complete(self) -> None:
        """Note that the step has completed."""
        if self.ended:
            return
        self.emit_progress()
        self.state, now = State.DONE, perf_counter()
        first_at, meter = first_item_at(self), self.meter
        complete = StepComplete(
            items_in=self.items_in,
            items_out=self.items_out,
            bytes_out=None,
            first_item_s=None if first_at is None else max(first_at - self.started_at, 0.0),
            largest_gap_s=None if meter is None else meter.largest_gap_s,
            duration_s=now - self.started_at,
            attempts=self.attempt,
            input_wait_s=self.input_wait_s,
            output_wait_s=self.output_wait_s,
            compensations=self.compensations,
            items_aside=self.items_aside.copy(),
            policies=self.policies.copy(),
        )
        self.emit(EventType.STEP_COMPLETE, self.step_id, complete, self.attempt)

    def fail(self, error: Exception, cause: str | None = None) -> None:
        """Note that the step failed, or suffers from the failure of another step, `cause`."""
        if self.ended:
            return
        self.emit_progress()
        self.state = State.FAILED
        if isinstance(error, StreamBrokenError) and error.step_id != self.step_id:
            cause = error.step_id
        message = message_of(error, self.mask)
        failure = StepFailure(error_type=type(error).__name__, message=message, cause_step_id=cause)
        self.emit(EventType.STEP_ERROR, self.step_id, failure, self.attempt)

    def skip(self, reason: str) -> None:
        """Note that the step does not run because its branch was not taken."""
        if self.ended:
            return
        self.state = State.SKIPPED
        self.emit(EventType.STEP_SKIPPED, self.step_id, StepSkipped(reason=reason), self.attempt)


def first_item_at(record: StepRecord) -> float | None:
    """Return when a step wrote its first item, on the clock of `started_at`; None when it has not."""
    meter = record.meter
    if record.first_output_at is None and meter is not None and meter.first_item_s is not None:
        return meter.started_s + meter.first_item_s
    return record.first_output_at


def _report_hold(step: PlannedStep, elapsed_s: float, others: Sequence[str]) -> None:
    held_s, hint = round(elapsed_s, 3), "mark it blocking=True or cpu=True"
    if others:
        notice(f"one of these steps holds the event loop; {hint}", step_ids=[step.id, *others], held_s=held_s)
    else:
        notice(f"step holds the event loop; {hint}", step_id=step.id, kind=step.kind, held_s=held_s)


def _report_hang(step: PlannedStep, waited_s: float) -> StepProgress:
    message = f"its code did not return within {waited_s:g} s after it was stopped, so its thread was abandoned"
    notice(f"step hangs: {message}", step_id=step.id, kind=step.kind)
    return StepProgress(message=message)


def with_tokens(data: Mapping[str, Any], sums: dict[str, int]) -> Mapping[str, Any]:
    """Return what a step reports with the sums of its tokens, so that no report that is passed over is lost."""
    for name in _TOKENS & data.keys():
        if isinstance(count := data[name], int):
            sums[name] = sums.get(name, 0) + count
    return {**data, **sums} if sums else data
