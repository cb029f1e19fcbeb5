"""The executions of a server: started for a caller, found by their ids, ended and let go."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from time import time
from typing import TYPE_CHECKING, Any, Final

import anyio

from headwater import HeadwaterError, StreamBrokenError
from headwater.toolkit import confined_to, notice
from headwater_server.access.rates import Quota
from headwater_server.executions.held import HeldExecution
from headwater_server.executions.kept_items import KeptItems
from headwater_server.executions.repeats import Repeats
from headwater_server.refusals import Refusal

if TYPE_CHECKING:
    from pathlib import Path

    from anyio.abc import TaskGroup

    from headwater import Execution, Pipeline, Runner, Stream
    from headwater_server.access.principal import Principal
    from headwater_server.executions.input_feed import InputFeed
    from headwater_server.settings import Limits

__all__ = ["Executions", "Start"]

_STOPPING: Final = "the server is stopping"


class Start:
    """What a caller asks to be run.

    `awaits_reader` makes the execution wait for a reader of its outputs, instead of dropping what is too much to keep.
    """

    def __init__(
        self,
        principal: Principal,
        name: str,
        pipeline: Pipeline,
        parameters: Mapping[str, Any],
        data: Any = None,
        *,
        feed: InputFeed | None = None,
        awaits_reader: bool = False,
    ) -> None:
        self.principal = principal
        self.name = name
        self.pipeline = pipeline
        self.parameters = parameters
        self.data = data
        self.feed = feed
        self.awaits_reader = awaits_reader


class Executions:
    """The executions of a server, while its block is open."""

    def __init__(self, runner: Runner, limits: Limits, files: Collection[Path], group: TaskGroup) -> None:
        self._runner = runner
        self._limits = limits
        self._files = files
        self._group = group
        self._all: dict[str, HeldExecution] = {}
        self._running: dict[str, HeldExecution] = {}
        self._ended: deque[HeldExecution] = deque()
        self._ended_events = self._ended_bytes = 0
        self._places = Quota("executions", per_caller=limits.executions_per_caller, total=limits.executions)
        self.repeats: Repeats = Repeats(limits.kept_executions)
        self._stopping = False
        self._idle = anyio.Event()

    @property
    def stopping(self) -> bool:
        """Whether nothing new is started any more."""
        return self._stopping

    @property
    def kept(self) -> int:
        """How many have ended and are kept."""
        return len(self._ended)

    @property
    def running(self) -> list[HeldExecution]:
        """Those that have not ended."""
        return list(self._running.values())

    def of(self, principal: Principal, execution_id: str) -> HeldExecution:
        """Return an execution of a caller; that of another is refused exactly as one that does not exist."""
        held = self._all.get(execution_id)
        if held is None or held.owner.name != principal.name:
            raise Refusal(404, "unknown-execution", "there is no such execution")
        return held

    def owned_by(self, principal: Principal) -> Iterator[HeldExecution]:
        """Yield the executions of a caller, the newest first."""
        self._let_go()
        return (held for held in reversed(self._all.values()) if held.owner.name == principal.name)

    async def start(self, start: Start) -> HeldExecution:
        """Start an execution that goes on by itself, and keep its outputs for readers."""
        execution, held = self._make(start)
        plan = execution.plan
        for name, index in zip(plan.output_names, plan.outputs, strict=True):
            held.outputs[name] = KeptItems(
                name,
                most=self._limits.kept_items,
                most_bytes=self._limits.kept_item_bytes,
                streaming=plan.edges[index].streaming,
                awaited=start.awaits_reader,
            )
        self._group.start_soon(self._run, execution, held)
        return held

    @asynccontextmanager
    async def attached(self, start: Start) -> AsyncGenerator[tuple[Execution, HeldExecution]]:
        """Start an execution whose outputs its caller reads in the block; it is cancelled when the block is left."""
        execution, held = self._make(start)
        try:
            with held.scope, confined_to(self._files):
                async with execution:
                    yield execution, held
        finally:
            await self._end(execution, held)
        if held.scope.cancelled_caught:
            raise StreamBrokenError(_STOPPING)

    async def drain(self, seconds: float) -> None:
        """Refuse new executions, give those that run some time, and cancel the rest."""
        self._stopping = True
        with anyio.move_on_after(seconds):
            while self._running:
                await self._idle.wait()
        for held in self.running:
            held.cancel(_STOPPING)
        with anyio.move_on_after(self._limits.send_s):
            while self._running:
                await self._idle.wait()
        for held in self.running:  # whose client does not read, or which still acquires what its steps need
            held.scope.cancel()
        while self._running:
            await self._idle.wait()

    def _make(self, start: Start) -> tuple[Execution, HeldExecution]:
        if self._stopping:
            raise Refusal(503, "stopping", f"{_STOPPING} and starts nothing new", headers={"retry-after": "5"})
        execution = self._runner.start(start.pipeline, start.data)
        held = HeldExecution(execution, start.principal, start.name, start.parameters, start.feed)
        held.place = self._places.take(start.principal.name)
        self._all[held.id] = self._running[held.id] = held
        return execution, held

    async def _run(self, execution: Execution, held: HeldExecution) -> None:
        try:
            with held.scope, confined_to(self._files):
                async with execution:
                    await self._collect(execution, held)
                    await execution.result(check=False)
        except Exception as error:  # noqa: BLE001 - one execution must not end the others
            notice("execution_failed", execution_id=held.id, error=f"{type(error).__name__}: {error}")
        finally:
            await self._end(execution, held)

    async def _collect(self, execution: Execution, held: HeldExecution) -> None:
        """Keep the outputs until they end, as long as the execution may take."""
        limit_s = self._limits.execution_s
        with anyio.move_on_after(limit_s) as scope:
            async with anyio.create_task_group() as group:
                group.start_soon(_watch, held)
                async with anyio.create_task_group() as keepers:
                    for name, kept in held.outputs.items():
                        keepers.start_soon(_keep, execution.outputs[name], kept)
                group.cancel_scope.cancel()
        if scope.cancelled_caught:
            execution.cancel(f"it took longer than the {limit_s:g} s that the server allows")

    async def _end(self, execution: Execution, held: HeldExecution) -> None:
        with anyio.CancelScope(shield=True):
            held.end(await execution.result(check=False))
        if held.place is not None:
            held.place.release()
        del self._running[held.id]
        self._ended.append(held)
        self._ended_events += held.log.last_seq - held.log.first_seq + 1
        self._ended_bytes += held.size_bytes
        self._let_go()
        idle, self._idle = self._idle, anyio.Event()
        idle.set()

    def _let_go(self) -> None:
        """Forget those that ended long ago, or that are too many."""
        limits, oldest_s = self._limits, time() - self._limits.kept_s
        while self._ended:
            first = self._ended[0]
            is_old = first.created_s + first.duration_s < oldest_s
            too_many = (
                len(self._ended) > limits.kept_executions
                or self._ended_events > limits.kept_events
                or self._ended_bytes > limits.kept_bytes
            )
            if not is_old and (not too_many or len(self._ended) == 1):
                return
            self._ended.popleft()
            self._ended_events -= first.log.last_seq - first.log.first_seq + 1
            self._ended_bytes -= first.size_bytes
            del self._all[first.id]
            self.repeats.forget(first)


async def _keep(stream: Stream[Any, Any, Any], kept: KeptItems) -> None:
    """Keep an output; its error is that of the execution, which is known from its result."""
    with suppress(HeadwaterError):
        kept.set_header(await stream.header())
        async for batch in stream.batches():
            await kept.add(batch)
        kept.footer = await stream.footer()


async def _watch(held: HeldExecution) -> None:
    """Let nothing wait for readers once the steps have ended."""
    while not held.log.closed:
        await held.log.wait_beyond(held.log.last_seq)
    if held.status != "completed":
        for kept in held.outputs.values():
            kept.stop_waiting()
