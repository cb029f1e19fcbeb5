"""Limits of the time to the first item of a step, and between two of its items."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyio import CancelScope, current_time, get_cancelled_exc_class, sleep

from headwater.running.failures import STEP_ERRORS, is_stopped
from headwater.running.groups import open_group
from headwater.running.policies.time_limits import StepTimeoutError
from headwater.streams.ends import ReaderLeft

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from headwater.config.policies.failure_specs import StepTimeoutSpec
    from headwater.running.policies.deliveries import Deliveries

__all__ = ["at_pace"]


async def at_pace(work: Awaitable[None], limits: StepTimeoutSpec, ports: Sequence[Deliveries]) -> None:
    """Do the work of a step that writes items, or raise when the next of them does not come in time."""
    if limits.first_item_s is None and limits.idle_s is None:
        await work
        return
    ending: BaseException | None = None
    pace = _Pace(limits, ports)
    try:
        async with open_group() as group:
            group.start_soon(pace.watch)
            with pace.scope:
                try:
                    await work
                except STEP_ERRORS as error:
                    if is_stopped(error):
                        raise
                    ending = error  # raised after the group, which could put it in a group of its own
            group.cancel_scope.cancel()
    except get_cancelled_exc_class():
        if ending is None:
            raise
    if pace.expired is not None and not isinstance(ending, ReaderLeft):  # also when the code caught its cancellation
        raise pace.expired from ending
    if ending is not None:
        raise ending


class _Pace:
    """Looks at what a step has written when its time may be over, and stops it then."""

    def __init__(self, limits: StepTimeoutSpec, ports: Sequence[Deliveries]) -> None:
        self._limits = limits
        self._ports = ports
        self._began_s = current_time()
        self._before = sum(port.delivered for port in ports)
        self.scope = CancelScope()
        self.expired: StepTimeoutError | None = None

    async def watch(self) -> None:
        """Wait until the time for the next item is over."""
        while True:
            limit, limit_s, since_s = self._next()
            if limit_s is None:
                if limit == "idle_s":
                    return
                limit_s, since_s = self._limits.idle_s or 0.0, current_time()  # no limit for the first one: look later
            elif current_time() >= since_s + limit_s:
                self.expired = StepTimeoutError(limit, limit_s)
                self.scope.cancel()
                return
            await sleep(max(since_s + limit_s - current_time(), 0))

    def _next(self) -> tuple[str, float | None, float]:
        """Return the limit for the next item, and since when it counts; waiting for room does not count."""
        if sum(port.delivered for port in self._ports) == self._before:
            since_s = current_time() if any(port.waits for port in self._ports) else self._began_s
            return "first_item_s", self._limits.first_item_s, since_s
        waits = any(port.waits for port in self._ports)
        return "idle_s", self._limits.idle_s, current_time() if waits else max(port.last_s for port in self._ports)
