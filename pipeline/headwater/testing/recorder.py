"""A subscriber that keeps the events, with assertions on them that read well."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from headwater.events.event import EventType
from headwater.events.state import ExecutionState
from headwater.events.subscriber import StreamSubscriber

if TYPE_CHECKING:
    from headwater.events.event import StreamEvent

__all__ = ["EventRecorder"]

_SHOWN_EVENTS = 50


class EventRecorder(StreamSubscriber):
    """A subscriber that keeps every event, for assertions.

    What an assertion expects is written `TYPE` or `TYPE STEP`, such as `"pipeline_start"` or `"step_error fetch"`.

    Args:
        types: Types of the events to keep; None for all.
        steps: Ids of the steps whose events to keep; None for all.

    Attributes:
        events: The events, in order.

    Example:
        >>> from headwater import Pipeline, run_sync, step
        >>> @step("example.same")
        ... def same(number: int) -> int:
        ...     return number
        >>> recorder = EventRecorder()
        >>> _ = run_sync(Pipeline("same", steps={"same": same}), 1, subscribers=[recorder])
        >>> recorder.assert_order("pipeline_start", "step_start same", "step_complete same", "pipeline_complete")
        >>> recorder.assert_none("step_error")
        >>> recorder.assert_complete()
    """

    def __init__(self, types: Collection[str] | None = None, steps: Collection[str] | None = None) -> None:
        self.types = types
        self.steps = steps
        self.events: list[StreamEvent] = []

    def __repr__(self) -> str:
        return f"<EventRecorder: {len(self.events)} events>"

    async def on_events(self, batch: Sequence[StreamEvent]) -> None:
        """Keep the events.

        Args:
            batch: Events in order.
        """
        self.events += batch

    @property
    def state(self) -> ExecutionState:
        """The execution and its steps as the events so far have them: counts, waits, retries, failures, outputs."""
        state = ExecutionState()
        state.apply(self.events)
        return state

    @property
    def types_seen(self) -> list[str]:
        """The types of the events, in order."""
        return [event.event_type.value for event in self.events]

    def of(self, event_type: EventType | str, step_id: str | None = None) -> list[StreamEvent]:
        """Return the events of one type.

        Args:
            event_type: The type.
            step_id: The step they are about; None for any.

        Returns:
            The events, in order.
        """
        return [event for event in self.events if event.event_type == event_type and step_id in {None, event.step_id}]

    def happened_before(self, first: EventType | str, second: EventType | str) -> bool:
        """Return whether the first event of one type came before the first event of another.

        Args:
            first: The type expected first.
            second: The type expected after it.

        Returns:
            True when both happened in this order.
        """
        firsts, seconds = self.of(first), self.of(second)
        return bool(firsts and seconds) and firsts[0].seq < seconds[0].seq

    def assert_order(self, *expected: str) -> None:
        """Assert that events came in this order; others may come between them.

        Args:
            *expected: What is expected, each as `TYPE` or `TYPE STEP`.

        Raises:
            AssertionError: One of them did not come, or not after the one before it; the message lists the events.
            ValueError: There is no such type of event.
        """
        events = iter(self.events)
        patterns = [_Expected.read(text) for text in expected]
        for place, pattern in enumerate(patterns):
            if not any(pattern.fits(event) for event in events):
                after = f" after '{patterns[place - 1]}'" if place else ""
                raise AssertionError(
                    f"expected '{pattern}'{after}, but it did not come; the events are:\n{self._listed()}"
                )

    def assert_some(self, expected: str, *, count: int | None = None) -> list[StreamEvent]:
        """Assert that something happened.

        Args:
            expected: What is expected, as `TYPE` or `TYPE STEP`.
            count: How many times; None for at least once.

        Returns:
            The events, for a closer look at their data.

        Raises:
            AssertionError: It did not happen, or not that many times; the message lists the events.
            ValueError: There is no such type of event.
        """
        pattern = _Expected.read(expected)
        found = [event for event in self.events if pattern.fits(event)]
        if not found if count is None else len(found) != count:
            wanted = "at least once" if count is None else f"{count} times"
            raise AssertionError(
                f"expected '{pattern}' {wanted}, found {len(found)}; the events are:\n{self._listed()}"
            )
        return found

    def assert_none(self, *unexpected: str) -> None:
        """Assert that something did not happen.

        Args:
            *unexpected: What must not have come, each as `TYPE` or `TYPE STEP`.

        Raises:
            AssertionError: It happened; the message lists the events.
            ValueError: There is no such type of event.
        """
        for text in unexpected:
            self.assert_some(text, count=0)

    def assert_complete(self) -> None:
        """Assert that the events are those of one whole execution.

        Then they are numbered from 1 without a gap, the first is `pipeline_start`, and the last is the only terminal
        one.

        Raises:
            AssertionError: The events are those of several executions, or filtered, or the execution has not ended.
        """
        faults = list(self._faults())
        if faults:
            raise AssertionError(f"{'; '.join(faults)}; the events are:\n{self._listed()}")

    def _faults(self) -> Iterator[str]:
        if [event.seq for event in self.events] != list(range(1, len(self.events) + 1)):
            yield "the numbers of the events are not 1, 2, 3 and so on"
        if len({event.execution_id for event in self.events}) > 1:
            yield "the events are of several executions"
        if not self.events or self.events[0].event_type is not EventType.PIPELINE_START:
            yield "the first event is not pipeline_start"
        terminal = [index for index, event in enumerate(self.events, 1) if event.event_type.terminal]
        if terminal != [len(self.events)]:
            yield f"expected one terminal event, as the last; found {len(terminal)}"

    def _listed(self) -> str:
        """Return the events as lines, up to a number that can be read."""
        lines = [f"  {event.seq} {event.event_type.value} {event.step_id or ''}".rstrip() for event in self.events]
        hidden = len(lines) - _SHOWN_EVENTS
        return "\n".join(lines[:_SHOWN_EVENTS] + [f"  and {hidden} more"] * (hidden > 0)) or "  none"


class _Expected(NamedTuple):
    """What an assertion expects."""

    event_type: EventType
    step_id: str

    @classmethod
    def read(cls, text: str) -> _Expected:
        name, _, step_id = text.strip().partition(" ")
        return cls(EventType(name), step_id.strip())

    def __str__(self) -> str:
        return f"{self.event_type} {self.step_id}".rstrip()

    def fits(self, event: StreamEvent) -> bool:
        return event.event_type is self.event_type and self.step_id in {"", event.step_id}
