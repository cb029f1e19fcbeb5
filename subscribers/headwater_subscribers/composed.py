"""The base of subscribers that pass chosen events on to another one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Collection, Sequence

from headwater import StreamEvent, StreamSubscriber
from headwater.toolkit import EventFunction, Policy
from headwater_subscribers.callback import CallbackSubscriber

__all__ = ["ComposedSubscriber"]


class ComposedSubscriber(StreamSubscriber):
    """Pass chosen events on to another subscriber, with the lifespan, policy, deadline and filters of that one."""

    def __init__(self, inner: StreamSubscriber | EventFunction) -> None:
        receiver = inner if isinstance(inner, StreamSubscriber) else CallbackSubscriber(inner)
        self.types: Collection[str] | None = receiver.types
        self.steps: Collection[str] | None = receiver.steps
        self.policy: Policy = receiver.policy
        self.buffer_size: int | None = receiver.buffer_size
        self.send_deadline_s: float = receiver.send_deadline_s
        self.interval_s: float = receiver.interval_s
        self._inner = receiver
        # On the instance, so that the other one is served as if it were alone: in batches or one event at a time.
        one_by_one = getattr(receiver.on_events, "__func__", None) is StreamSubscriber.on_events
        object.__setattr__(self, *(("on_event", self._pass_one) if one_by_one else ("on_events", self._pass_several)))
        object.__setattr__(self, "lifespan", receiver.lifespan)

    @abstractmethod
    def choose(self, events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        """Return the events that the other subscriber receives."""

    def _pass_one(self, event: StreamEvent) -> Awaitable[None] | None:
        chosen = self.choose((event,))
        return self._inner.on_event(chosen[0]) if chosen else None

    def _pass_several(self, batch: Sequence[StreamEvent]) -> Awaitable[None] | None:
        chosen = self.choose(batch)
        return self._inner.on_events(chosen) if chosen else None
