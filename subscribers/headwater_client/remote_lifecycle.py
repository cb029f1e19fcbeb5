"""The life of an execution on a server, as a client sees it: what runs here while it runs there, and how it ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, cast

import anyio

from headwater import HeadwaterError, StreamingContext
from headwater.toolkit import LoopCalls
from headwater_client.client_errors import ServerError, ServerUnreachableError, UnknownExecutionError
from headwater_client.remote_events import copy_events
from headwater_client.remote_outputs import RemoteOutputs
from headwater_client.sent_input import SentInput

if TYPE_CHECKING:
    from types import TracebackType

    from anyio.abc import TaskGroup

    from headwater import StreamSubscriber
    from headwater.toolkit import EventFunction
    from headwater_client.starting import Begin

__all__ = ["RemoteLifecycle", "Status"]

Status = str

_LEAVE_S: Final = 10.0
"""How long leaving the block waits for the server to end the execution."""

_ENDS: Final = {"pipeline_complete": "completed", "pipeline_error": "failed", "pipeline_cancelled": "cancelled"}


class RemoteLifecycle:
    """Starts an execution on a server, stops it, and knows how it ended."""

    def __init__(self, begin: Begin) -> None:
        self.ended: Mapping[str, Any] | None = None  # its form after the end
        self.error: Exception | None = None
        self._begin = begin
        self._context: StreamingContext | None = None
        self._outputs: RemoteOutputs | None = None
        self._group: TaskGroup | None = None
        self._calls: LoopCalls | None = None
        self._input: SentInput | None = None
        self._error_given = False
        self._lost: ServerError | None = None
        self._ending = anyio.Lock()
        self._cancel_reason: str | None = None
        self._cancelling = anyio.Event()
        self._cancelled = anyio.Event()
        self._copied = anyio.Event()
        self._waits: set[anyio.CancelScope] = set()
        self._shields: list[anyio.CancelScope] = []

    @property
    def context(self) -> StreamingContext:
        """The events that have arrived."""
        if self._context is None:
            raise RuntimeError("the execution was not started; enter it first: async with client.start(...)")
        return self._context

    @property
    def outputs(self) -> RemoteOutputs:
        """The outputs."""
        if self._outputs is None:
            raise RuntimeError("the execution was not started; enter it first: async with client.start(...)")
        return self._outputs

    @property
    def status(self) -> Status:
        """`running`, `completed`, `failed` or `cancelled`, as it is known here."""
        if self.ended is not None:
            return str(self.ended["state"])
        if self._context is None or not (log := self._context.log).closed:
            return "running"
        return _ENDS[log.read(after=log.last_seq - 1)[-1].event_type]

    async def start(self, item: Any, subscribers: Sequence[StreamSubscriber | EventFunction]) -> None:
        """Begin, and have everything that arrives taken."""
        if self._group is not None:
            raise RuntimeError("the execution was started before; start another one with Client.start")
        form = await self._begin.begin()
        connection, execution_id = self._begin.connection, str(form["id"])
        self._context = context = StreamingContext(execution_id)
        context.claim()
        self._calls = LoopCalls()
        await context.__aenter__()
        self._group = group = await anyio.create_task_group().__aenter__()
        for subscriber in subscribers:
            context.subscribe(subscriber)
        self._outputs = RemoteOutputs(connection, execution_id, group, self._explain)
        self._outputs.add(form["outputs"], item)
        for work in (self._copy, self._cancel_on_request):
            group.start_soon(self._shielded, work)
        if self._begin.is_owner:
            self._outputs.begin()
        if (data := self._begin.streamed) is not None:
            self._input = SentInput(connection, f"/executions/{execution_id}/input", data)
            group.start_soon(self._send, self._input)
        if self._cancel_reason is not None:
            self._cancelling.set()

    async def stop(
        self, exc_type: type[BaseException] | None, _exc: BaseException | None, _traceback: TracebackType | None
    ) -> Exception | None:
        """Cancel what still runs, and wait until it has ended; return the failure that the program missed."""
        group = cast("TaskGroup", self._group)
        is_reachable = not isinstance(self._lost, ServerUnreachableError | UnknownExecutionError)
        if self._begin.is_owner and self.ended is None and is_reachable:
            cause = "before the execution ended" if exc_type is None else f"by {exc_type.__name__}"
            self.cancel(f"the block was left {cause}")
            with anyio.move_on_after(_LEAVE_S, shield=True), suppress(ServerError):
                await self._cancelled.wait()
                await self._copied.wait()
                if self.status == "failed":
                    await self.wait_ended()
        for scope in (group.cancel_scope, *self._shields):
            scope.cancel()
        try:
            await group.__aexit__(None, None, None)
        finally:
            self._end_waits()
            if self.context.log.closed:
                await self.context.__aexit__(None, None, None)
            else:  # the end is not known here, so none is emitted
                await self.context.delivery.abandon()
        if self._error_given or not self._begin.is_owner or exc_type is not None:
            return None
        return self._lost or (self.error if self.status == "failed" else None)

    def cancel(self, reason: str) -> None:
        """Stop the execution, unless it has ended; callable in any thread."""
        if self._cancel_reason is None and self.ended is None:
            self._cancel_reason = reason
            if self._calls is not None:
                self._calls.run(self._cancelling.set)
                self._calls.wake()

    def give_error(self) -> Exception | None:
        """Return the error of the execution for the program, and note that it has it."""
        self._error_given = self._error_given or self.error is not None
        return self.error

    async def wait_ended(self) -> Mapping[str, Any]:
        """Return the form of the execution after its end."""
        execution_id = self.context.execution_id
        async with self._ending:
            while self.ended is None:
                self._raise_lost()
                form = await self._begin.connection.request(
                    "GET", f"/executions/{execution_id}", headers={"prefer": "wait=30"}, execution_id=execution_id
                )
                if form["state"] != "running" and (form["state"] == "completed" or form["error"] is not None):
                    self._set_ended(form)
        return self.ended

    async def wait_copied(self) -> None:
        """Wait until the last event has arrived."""
        await self._copied.wait()
        self._raise_lost()

    @contextmanager
    def awaiting_events(self) -> Generator[None]:
        """Let what the program does not read not stop what it waits for; end the wait when nothing more arrives."""
        self._raise_lost()
        with anyio.CancelScope() as scope, self.outputs.awaiting():
            self._waits.add(scope)
            try:
                yield
            finally:
                self._waits.discard(scope)
        if scope.cancelled_caught:
            self._raise_lost()
            raise ServerError(f"the block of execution {self.context.execution_id} was left before its last event")

    def _raise_lost(self) -> None:
        if self._lost is not None:
            self._error_given = True
            raise self._lost

    async def _explain(self) -> Exception | None:
        await self.wait_ended()
        return self.give_error()

    def _set_ended(self, form: Mapping[str, Any]) -> None:
        self.ended = form
        if form["error"] is not None:
            self.error = HeadwaterError.from_json(form["error"])
            if self._input is not None and self._input.error is not None:
                self.error.__cause__ = self._input.error

    async def _shielded(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do what goes on when the program is cancelled, as the execution has to be cancelled, too."""
        with anyio.CancelScope(shield=True) as scope:
            self._shields.append(scope)
            await work()

    async def _copy(self) -> None:
        try:
            await copy_events(self._begin.connection, self.context)
        except ServerError as error:
            self._lose(error)
        finally:
            self._copied.set()

    async def _send(self, sent: SentInput) -> None:
        try:
            await sent.send()
        except HeadwaterError as error:
            self._lose(error if isinstance(error, ServerError) else ServerError(str(error)))
            self.cancel(f"the input could not be sent: {error}")

    async def _cancel_on_request(self) -> None:
        await self._cancelling.wait()
        execution_id, reason = self.context.execution_id, {"reason": self._cancel_reason}
        with suppress(ServerError):  # one that has ended, or is out of reach
            path = f"/executions/{execution_id}/cancel"
            await self._begin.connection.request("POST", path, json=reason, execution_id=execution_id)
        self._cancelled.set()

    def _lose(self, error: ServerError) -> None:
        """Note that nothing more arrives from the server, and end what waits for it."""
        self._lost = self._lost or error
        self._end_waits()

    def _end_waits(self) -> None:
        for scope in self._waits:
            scope.cancel()
