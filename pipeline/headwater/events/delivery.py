"""Delivery: the tasks that give the events of a log to its subscribers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, Self

import anyio
from anyio.abc import TaskGroup
from anyio.lowlevel import current_token

from headwater.events.backpressure import Backpressure
from headwater.events.log import EventLog
from headwater.events.notices import notice
from headwater.events.plain import short_repr
from headwater.events.subscription import LostSubscriber, Subscription

__all__ = ["GRACE_S", "Delivery"]

GRACE_S: Final = 1.0
"""How long an execution that has ended waits for subscribers that may miss events, in seconds."""


class Delivery:
    """Serves the subscriptions of one log, in tasks of its own, while it is entered."""

    __slots__ = (
        "_log",
        "_quick",
        "_quick_runs",
        "_quick_scope",
        "_tasks",
        "loop",
        "lost",
        "pressure",
        "start",
        "subscriptions",
    )

    def __init__(self, log: EventLog) -> None:
        self.subscriptions: list[Subscription] = []
        self.lost: list[LostSubscriber] = []
        self.pressure: Backpressure = Backpressure(log, self.subscriptions)
        self.pressure.served = False
        self._log = log
        self._tasks: TaskGroup | None = None
        self._quick: list[Subscription] = []  # those that one task serves, as none of their calls has to be waited for
        self._quick_runs = False
        self._quick_scope: anyio.CancelScope | None = None
        self.loop: object = None  # which it was entered in
        self.start: Callable[[], object] | None = None  # has a task enter it, when there is something to deliver

    @property
    def entered(self) -> bool:
        """Whether subscriptions are served."""
        return self._tasks is not None

    async def __aenter__(self) -> Self:
        self.loop = current_token()
        self.pressure.served = True
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        for subscription in self.subscriptions:
            self.begin(subscription)
        return self

    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self.deliver_all()
        finally:
            self.pressure.served = False
            tasks, self._tasks = self._tasks, None
            if tasks is not None:  # without the error, which goes on as it is rather than inside a group
                await tasks.__aexit__(None, None, None)

    def add(self, subscription: Subscription) -> None:
        """Serve one more subscription."""
        self.subscriptions.append(subscription)
        self.begin(subscription)

    def begin(self, subscription: Subscription) -> None:
        """Serve a subscription; before the delivery is entered, only note it."""
        tasks = self._tasks
        if tasks is None:
            if self.start is not None:
                start, self.start = self.start, None
                start()
            return
        if not subscription.quick:
            tasks.start_soon(self._serve, subscription)
            return
        self._quick.append(subscription)
        if not self._quick_runs:
            self._quick_runs = True
            tasks.start_soon(self._serve_quick, tasks)

    def replay(self, subscription: Subscription) -> None:
        """Deliver what a log that has ended holds; what has to be waited for is left to those who await it."""
        pending = None
        try:
            while subscription.plain and pending is None and not subscription.ended:
                pending = subscription.deliver()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a subscriber raises is its failure, not the program's
            self._lose(subscription.lost(error))
            return
        if not subscription.ended:
            subscription.rest = self._serve(subscription, pending)

    async def _serve(self, subscription: Subscription, pending: Awaitable[object] | None = None) -> None:
        try:
            self._lose(await subscription.run(pending))
        finally:
            self.remove(subscription)

    async def _serve_quick(self, tasks: TaskGroup) -> None:
        """Serve many with one wake-up; one that returns something to wait for is given a task of its own."""
        try:
            with anyio.CancelScope(shield=True) as self._quick_scope:
                while self._quick:
                    await self._log.wait_beyond(min(subscription.cursor for subscription in self._quick))
                    for subscription in self._quick.copy():
                        self._serve_now(tasks, subscription)
        finally:
            self._quick_runs = False
            for subscription in self._quick.copy():
                self.remove(subscription)

    def _serve_now(self, tasks: TaskGroup, subscription: Subscription) -> None:
        try:
            pending = None if subscription.ended else subscription.deliver()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a subscriber raises is its failure, not the execution's
            self.remove(subscription)
            self._lose(subscription.lost(error))
            return
        if pending is not None:
            if subscription in self._quick:  # or it left in this very call, which must be ended all the same
                self._quick.remove(subscription)
            tasks.start_soon(self._serve, subscription, pending)
        elif subscription.ended:
            self.remove(subscription)

    def _lose(self, lost: LostSubscriber | None) -> None:
        if lost is not None:
            self.lost.append(lost)
            _report(self._log.execution_id, lost)

    def remove(self, subscription: Subscription) -> None:
        """Serve a subscription no more."""
        if subscription in self._quick:
            self._quick.remove(subscription)
        if subscription in self.subscriptions:
            self.subscriptions.remove(subscription)
            self.pressure.delivered()

    async def abandon(self) -> None:
        """Stop without the terminal event, which does not come: deliver what there is, and end all subscriptions."""
        with anyio.move_on_after(GRACE_S, shield=True):
            while any(subscription.cursor < self._log.last_seq for subscription in self.subscriptions):
                await self.pressure.wait_delivered()
        for subscription in self.subscriptions.copy():
            subscription.detach()
            self.remove(subscription)
        if self._quick_scope is not None:
            self._quick_scope.cancel()
        await self.__aexit__(None, None, None)

    async def deliver_all(self) -> None:
        """Wait until every subscriber has received everything; when cancelled, for one send deadline at most.

        One that may miss events has a grace for those that wait, and then gets a gap for them and the last event.
        """
        try:
            if any(subscription.terms.policy == "drop_oldest" for subscription in self.subscriptions):
                with anyio.move_on_after(GRACE_S):
                    await self._all_delivered()
                for subscription in self.subscriptions:
                    if subscription.terms.policy == "drop_oldest":
                        subscription.buffer_size = 1
            await self._all_delivered()
        except anyio.get_cancelled_exc_class():
            grace_s = max((subscription.terms.send_deadline_s for subscription in self.subscriptions), default=0.0)
            with anyio.move_on_after(grace_s, shield=True):
                await self._all_delivered()
            for subscription in self.subscriptions:
                subscription.cancel()
            raise

    async def _all_delivered(self) -> None:
        while self.subscriptions:
            await self.pressure.wait_delivered()


def _report(execution_id: str, lost: LostSubscriber) -> None:
    notice(
        "subscriber_lost",
        execution_id=execution_id,
        subscriber=getattr(lost.subscriber, "__qualname__", type(lost.subscriber).__qualname__),
        reason=lost.reason,
        error=short_repr(lost.error),
    )
