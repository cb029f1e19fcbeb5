"""What all clients share: lines of events, the clock of pings, and the deadline for those that do not read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Final, Protocol, Self
from weakref import WeakKeyDictionary, WeakValueDictionary

import anyio

from headwater.toolkit import Bell, EventLog
from headwater_server.streaming.event_blocks import EventBlocks, Wanted
from headwater_server.streaming.event_forms import Form

__all__ = ["Broadcast", "Client", "Line"]

_TICK_S: Final = 1.0


class Client(Protocol):
    """What the broadcast watches: a client that is being sent something since a tick, or 0."""

    sending_since: int

    def shed(self) -> None:
        """Cut the connection of a client that does not read."""
        ...


class Line:
    """The events of a log in one form with one filter, and the clients that follow them.

    One task waits for news of the log, and wakes them: what is under way is gathered once, and not by each of them.
    """

    __slots__ = (
        "__weakref__",
        "_news",
        "blocks",
        "clients",
        "form",
        "listeners",
        "pings",
        "quiet_ticks",
        "scope",
        "wait",
    )

    def __init__(self, form: Form, blocks: EventBlocks) -> None:
        self.form: Form = form
        self.blocks: EventBlocks = blocks
        self.clients: int = 0
        self.pings: int = 0
        self.quiet_ticks: int = 0
        self.scope: anyio.CancelScope | None = None  # of the task that waits for news
        self.listeners: set[Callable[[], None]] = set()  # of clients that follow several lines
        self._news = Bell()
        self.wait: Callable[[], Awaitable[None]] = self._news.wait  # until there may be more, or a ping is due

    def ring(self) -> None:
        """Wake the clients."""
        self.quiet_ticks = 0
        self._news.ring()
        for wake in self.listeners:
            wake()

    def ping(self) -> None:
        """Let the clients send a ping."""
        self.pings += 1
        self.ring()

    async def relay(self, scope: anyio.CancelScope, seq: int) -> None:
        """Wake the clients whenever there is more that they want after a number, up to the terminal event."""
        log = self.blocks.log
        with scope:
            ended = False
            while not ended:
                await log.wait_beyond(seq)
                ended = log.closed
                if ended or self.blocks.waiting(seq):
                    self.ring()
                seq = log.last_seq


class Broadcast:
    """Sends events to the clients of a server; an asynchronous context manager around all of them.

    Args:
        send_s: How long a client may take to accept what it is sent.
        ping_s: After how much silence a ping is sent.
    """

    def __init__(self, *, send_s: float = 5.0, ping_s: float = 15.0) -> None:
        self.tick: int = 1
        self.stopping: bool = False
        self.on_stop: set[Callable[[], None]] = set()
        self.send_s: float = send_s
        self._tick_s = min(_TICK_S, send_s, ping_s)
        self._send_ticks = send_s / self._tick_s
        self._ping_ticks = ping_s / self._tick_s
        self._clients: set[Client] = set()
        self._followed: dict[Line, None] = {}
        self._lines: WeakKeyDictionary[EventLog, WeakValueDictionary[Any, Line]] = WeakKeyDictionary()
        self._stack = AsyncExitStack()
        self._group: anyio.abc.TaskGroup | None = None

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self._group = await stack.enter_async_context(anyio.create_task_group())
            stack.callback(self._group.cancel_scope.cancel)
            self._group.start_soon(self._sweep)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        self.stop()
        return await self._stack.__aexit__(error_type, error, traceback)

    def __len__(self) -> int:
        """Return how many clients there are."""
        return len(self._clients)

    def line(
        self, log: EventLog, form: Form, wanted: Wanted | None = None, present: Callable[[], object] | None = None
    ) -> Line:
        """Return the line for clients that want the same; it lasts as long as one of them.

        Args:
            log: The events.
            form: How they are encoded.
            wanted: Which of them are wanted; None for all.
            present: Returns the present state of the execution, for clients that missed events.
        """
        lines = self._lines.get(log)
        if lines is None:
            lines = self._lines[log] = WeakValueDictionary()
        line = lines.get((form, wanted))
        if line is None:
            line = lines[form, wanted] = Line(form, EventBlocks(log, form.encoder(log), wanted, present))
        return line

    def join(self, client: Client, lines: Iterable[Line] = ()) -> None:
        """Watch a client, and wake it by some lines, until it parts."""
        self._clients.add(client)
        for line in lines:
            self.follow(line)

    def part(self, client: Client, lines: Iterable[Line] = ()) -> None:
        """Watch a client no longer."""
        self._clients.discard(client)
        for line in lines:
            self.leave(line)

    def follow(self, line: Line) -> None:
        """Wake one more client by a line."""
        if self._group is None:
            raise RuntimeError("the broadcast has not been entered: use it with `async with`")
        line.clients += 1
        if line.clients == 1:
            self._followed[line] = None
            line.scope = anyio.CancelScope()
            self._group.start_soon(line.relay, line.scope, line.blocks.log.last_seq)

    def leave(self, line: Line) -> None:
        """Wake one client less by a line."""
        line.clients -= 1
        if not line.clients:
            del self._followed[line]
            if line.scope is not None:
                line.scope.cancel()

    def stop(self) -> None:
        """Let all streams end; whoever comes later gets only what there is."""
        self.stopping = True
        for line in self._followed:
            line.ring()
        for stop in list(self.on_stop):
            stop()

    async def _sweep(self) -> None:
        while True:
            await anyio.sleep(self._tick_s)
            self.tick += 1
            for client in self._clients:
                if client.sending_since and self.tick - client.sending_since > self._send_ticks:
                    client.shed()
            for line in self._followed:
                line.quiet_ticks += 1
                if line.quiet_ticks >= self._ping_ticks:
                    line.ping()
