"""A subscriber that passes a sample of frequent events on to another one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from headwater import EventType, StreamEvent, StreamSubscriber
from headwater.toolkit import EventFunction, event_filter
from headwater_subscribers.composed import ComposedSubscriber

__all__ = ["SampleSubscriber"]

_MANY_EXECUTIONS = 1000


@dataclass(slots=True)
class _Sample:
    """The sample of one execution so far."""

    random: Random
    allowance: float
    seen_s: float = 0.0
    left_out: int = 0
    counts: Counter[tuple[str | None, EventType]] = field(default_factory=Counter[tuple[str | None, EventType]])


class SampleSubscriber(ComposedSubscriber):
    """Pass a sample of outputs and progress on to another subscriber, and all other events.

    Nothing is left out in silence: an event that follows others which were left out has their number in its metadata
    as `sampled_out`. The terminal event is never left out, so the numbers add up.

    Args:
        inner: The receiver of the events: a subscriber, or a function of one event.
        every: Pass on the first event of each step and type, and then every `every`-th.
        fraction: Pass on this share of the events, chosen at random: more than 0 and at most 1.
        per_second: Pass on at most this many events per second, by the time at which they happened.
        types: Types of events that are sampled; all others are passed on.
        seed: The seed of the random choice; the same events give the same sample.

    Raises:
        ValueError: Not exactly one of `every`, `fraction` and `per_second` is given, it is out of its range, or a type
            is not known.
        TypeError: A string is given in place of a collection.

    Example:
        >>> seen: list[StreamEvent] = []
        >>> subscriber = SampleSubscriber(seen.append, every=2)
        >>> for seq in (1, 2, 3, 4):
        ...     _ = subscriber.on_event(StreamEvent(seq, EventType.STEP_OUTPUT, "e1", "read"))
        >>> [(event.seq, event.metadata) for event in seen]
        [(1, None), (3, {'sampled_out': 1})]
    """

    def __init__(
        self,
        inner: StreamSubscriber | EventFunction,
        *,
        every: int | None = None,
        fraction: float | None = None,
        per_second: float | None = None,
        types: Collection[str] = (EventType.STEP_OUTPUT, EventType.STEP_PROGRESS),
        seed: int = 0,
    ) -> None:
        super().__init__(inner)
        _check(every=every, fraction=fraction, per_second=per_second)
        event_filter(types, None)  # raises here rather than when the execution starts
        self._every = every
        self._fraction = fraction
        self._per_second = per_second
        self._sampled = {EventType(name) for name in types if not EventType(name).terminal}
        self._seed = seed
        self._samples: dict[str, _Sample] = {}

    def choose(self, events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        """Return the sample, and all events that are not sampled.

        Args:
            events: Events of one execution, in order.

        Returns:
            The events that are passed on, in order.
        """
        sample = self._sample(events[0].execution_id)
        chosen: list[StreamEvent] = []
        for event in events:
            if event.event_type in self._sampled and not self._takes(sample, event):
                sample.left_out += 1
            else:
                chosen.append(_counted(event, sample.left_out) if sample.left_out else event)
                sample.left_out = 0
        if events[-1].event_type.terminal:
            del self._samples[events[-1].execution_id]
        return chosen

    def _sample(self, execution_id: str) -> _Sample:
        sample = self._samples.get(execution_id)
        if sample is None:
            if len(self._samples) >= _MANY_EXECUTIONS:  # some of them must have been left before their end
                del self._samples[next(iter(self._samples))]
            allowance = max(self._per_second or 0.0, 1.0)
            sample = self._samples[execution_id] = _Sample(Random(self._seed), allowance)  # noqa: S311 - no secret
        return sample

    def _takes(self, sample: _Sample, event: StreamEvent) -> bool:
        if self._every is not None:
            key = event.step_id, event.event_type
            sample.counts[key] += 1
            return sample.counts[key] % self._every == 1 % self._every
        if self._fraction is not None:
            return sample.random.random() < self._fraction
        return _has_allowance(sample, event.time_s, self._per_second or 0.0)


def _has_allowance(sample: _Sample, now_s: float, per_second: float) -> bool:
    """Take one event from an allowance that grows with time, up to that of a second."""
    grown = sample.allowance + max(now_s - sample.seen_s, 0.0) * per_second
    sample.allowance = min(grown, max(per_second, 1.0))
    sample.seen_s = max(now_s, sample.seen_s)
    if sample.allowance < 1:
        return False
    sample.allowance -= 1
    return True


def _counted(event: StreamEvent, left_out: int) -> StreamEvent:
    """Return a copy, as others share the event, with the number of events that were left out before it."""
    return replace(event, metadata={**(event.metadata or {}), "sampled_out": left_out})


def _check(*, every: int | None, fraction: float | None, per_second: float | None) -> None:
    given = {
        name: value
        for name, value in (("every", every), ("fraction", fraction), ("per_second", per_second))
        if value is not None
    }
    if len(given) != 1:
        raise ValueError(f"exactly one of every, fraction and per_second is expected, but {len(given)} are given")
    ((name, value),) = given.items()
    if not value > 0 or (name == "fraction" and value > 1):
        most = " and at most 1" if name == "fraction" else ""
        raise ValueError(f"{name} is {value}, but it must be more than 0{most}")
