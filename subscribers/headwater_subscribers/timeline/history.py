"""A subscriber that keeps when each step of an execution started, wrote its first item, waited and ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, groupby
from operator import attrgetter

from headwater import EventType, ExecutionState, PipelineCancelled, PipelineFailure, StreamEvent, StreamSubscriber
from headwater.toolkit import Policy, one_line

__all__ = ["Timeline", "TimelineSubscriber", "timeline_svg"]


class Timeline(ExecutionState):
    """The state of one execution, to be drawn over time. Its size depends on the number of steps alone.

    Example:
        >>> timeline = Timeline.from_events([StreamEvent(1, EventType.STEP_START, "e1", "count", time_s=5.0)])
        >>> timeline.steps["count"].started_s
        5.0
    """

    __slots__ = ()

    @classmethod
    def from_events(cls, events: Iterable[StreamEvent]) -> Timeline:
        """Make a timeline of events, live or read back from a file.

        Args:
            events: Events in order.

        Returns:
            The timeline of the execution among them that started last.
        """
        return cls().following(events)

    def following(self, events: Iterable[StreamEvent]) -> Timeline:
        """Take further events into account.

        Args:
            events: Events in order.

        Returns:
            This timeline, or that of an execution that has started since.
        """
        timeline = self
        for execution_id, group in groupby(events, key=attrgetter("execution_id")):
            own = iter(group)
            if timeline.execution_id not in {"", execution_id}:
                start = next((event for event in own if event.event_type is EventType.PIPELINE_START), None)
                if start is None:
                    continue
                timeline, own = Timeline(), chain((start,), own)
            timeline.apply(own)
        return timeline

    @property
    def failure(self) -> str:
        """Why the execution failed or was cancelled, in one line; empty when it did not."""
        if isinstance(self.end, PipelineFailure):
            return one_line(str(self.end))
        return one_line(self.end.reason) if isinstance(self.end, PipelineCancelled) else ""

    def svg(self) -> str:
        """Draw the timeline.

        Returns:
            A whole SVG 1.1 document (https://www.w3.org/TR/SVG11/) that needs no other file. It is light or dark as the
            reader prefers.
        """
        from headwater_subscribers.timeline.chart import draw_chart

        return draw_chart(self, self.failure)


class TimelineSubscriber(StreamSubscriber):
    """Keep the timeline of an execution, to be drawn at any time, also after a failure.

    When it receives the events of several executions, it shows the one that started last. It keeps steps rather than
    events, so its memory does not grow with the execution.

    Attributes:
        timeline: The timeline so far.

    Example:
        >>> from headwater import Pipeline, run_sync, step
        >>> @step("example.double")
        ... def double(number: int) -> int:
        ...     return 2 * number
        >>> subscriber = TimelineSubscriber()
        >>> result = run_sync(Pipeline("twice", steps={"double": double}), 21, subscribers=[subscriber])
        >>> subscriber.svg().startswith("<svg")
        True
    """

    policy: Policy = "coalesce"

    def __init__(self) -> None:
        self.timeline: Timeline = Timeline()

    def on_events(self, batch: Sequence[StreamEvent]) -> None:
        """Take events into account."""
        self.timeline = self.timeline.following(batch)

    def svg(self) -> str:
        """Draw the timeline so far.

        Returns:
            The SVG document that `Timeline.svg` returns.
        """
        return self.timeline.svg()


def timeline_svg(events: Iterable[StreamEvent]) -> str:
    """Draw the timeline of an execution: a row for each step, with its start, first item, waits, retries and end.

    Args:
        events: Events in order, such as those of `result.events`, or of a file that they were written to. Of several
            executions the one that started last is drawn.

    Returns:
        The SVG document that `Timeline.svg` returns.

    Example:
        >>> timeline_svg([StreamEvent(1, EventType.STEP_START, "e1", "count")])[:4]
        '<svg'
    """
    return Timeline.from_events(events).svg()
