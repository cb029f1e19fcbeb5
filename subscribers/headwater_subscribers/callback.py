"""A subscriber that calls a function."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Literal, overload

from headwater import StreamEvent, StreamSubscriber
from headwater.toolkit import EventFunction, Policy

__all__ = ["CallbackSubscriber"]

BatchFunction = Callable[[Sequence[StreamEvent]], Awaitable[None] | None]


class CallbackSubscriber(StreamSubscriber):
    """Call a plain or an async function with the events.

    Args:
        callback: Called with each event, or with each batch of events.
        types: Types of the events it receives; None for all.
        steps: Ids of the steps whose events it receives; None for all.
        batch: Whether it receives sequences of events as they come, rather than one event at a time.
        policy: What happens when it lags.
        buffer_size: By how many events it may lag; None for the default of the context.
        send_deadline_s: How long an async call may take.

    Example:
        >>> failures: list[StreamEvent] = []
        >>> subscriber = CallbackSubscriber(failures.append, types={"step_error"})
    """

    @overload
    def __init__(
        self,
        callback: EventFunction,
        *,
        types: Collection[str] | None = None,
        steps: Collection[str] | None = None,
        batch: Literal[False] = False,
        policy: Policy = "wait",
        buffer_size: int | None = None,
        send_deadline_s: float = 5.0,
    ) -> None: ...

    @overload
    def __init__(
        self,
        callback: BatchFunction,
        *,
        types: Collection[str] | None = None,
        steps: Collection[str] | None = None,
        batch: Literal[True],
        policy: Policy = "wait",
        buffer_size: int | None = None,
        send_deadline_s: float = 5.0,
    ) -> None: ...

    def __init__(
        self,
        callback: Callable[..., Awaitable[None] | None],
        *,
        types: Collection[str] | None = None,
        steps: Collection[str] | None = None,
        batch: bool = False,
        policy: Policy = "wait",
        buffer_size: int | None = None,
        send_deadline_s: float = 5.0,
    ) -> None:
        if not callable(callback):
            raise TypeError(f"expected a function of one event, found {type(callback).__name__}")
        self.types = types
        self.steps = steps
        self.policy: Policy = policy
        self.buffer_size: int | None = buffer_size
        self.send_deadline_s = send_deadline_s
        # On the instance, in the place of the method that calls it: one call less for each event.
        object.__setattr__(self, "on_events" if batch else "on_event", callback)
