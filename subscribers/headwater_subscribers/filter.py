"""A subscriber that passes events that meet a condition on to another one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from headwater import Condition, EventType, StreamEvent, StreamSubscriber
from headwater.toolkit import EventFunction, event_filter
from headwater_subscribers.composed import ComposedSubscriber

__all__ = ["FilterSubscriber"]

_ENDS = frozenset(event_type for event_type in EventType if event_type.terminal)


class FilterSubscriber(ComposedSubscriber):
    """Pass only some events on to another subscriber: those that meet all given conditions.

    The terminal event always passes, and so does a `stream_gap`, unless the other subscriber itself does not want them.

    Args:
        inner: The receiver of the events: a subscriber, or a function of one event.
        types: Types of the events that pass; None for all.
        steps: Ids of the steps whose events pass, together with the events about the execution itself; None for all.
        where: A condition as documents have them, such as `{"field": "data.items_out", "ge": 1000}`, or a function of
            the event; None for all.

    Raises:
        ConfigError: `where` is not a valid condition; the error lists every problem.
        ValueError: A type is not known.
        TypeError: A string is given in place of a collection.

    Example:
        >>> failures: list[StreamEvent] = []
        >>> subscriber = FilterSubscriber(failures.append, where={"field": "event_type", "ends_with": "_error"})
    """

    def __init__(
        self,
        inner: StreamSubscriber | EventFunction,
        *,
        types: Collection[str] | None = None,
        steps: Collection[str] | None = None,
        where: Mapping[str, Any] | Callable[[StreamEvent], bool] | None = None,
    ) -> None:
        super().__init__(inner)
        event_filter(types, steps)  # raises here rather than when the execution starts
        self.types: Collection[str] | None = _both(None if types is None else _ENDS.union(types), self.types)
        self._wanted_steps = None if steps is None else frozenset(steps)
        self._test = where if where is None or callable(where) else Condition(where).test

    def choose(self, events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        """Return those events that pass.

        Args:
            events: Events in order, of types that are wanted.

        Returns:
            The events that pass, in order.
        """
        if self._wanted_steps is None and self._test is None:
            return events
        return [event for event in events if self._passes(event)]

    def _passes(self, event: StreamEvent) -> bool:
        if event.event_type.terminal or event.event_type is EventType.STREAM_GAP:
            return True
        if self._wanted_steps is not None and event.step_id is not None and event.step_id not in self._wanted_steps:
            return False
        return self._test is None or self._test(event)


def _both(types: Collection[str] | None, others: Collection[str] | None) -> Collection[str] | None:
    """Return the types that are in both; None stands for all."""
    if types is None or others is None:
        return others if types is None else types
    return frozenset(types).intersection(others)
