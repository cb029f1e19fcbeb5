"""The work of one execution: hosts joined by channels, or, where every edge is unary, steps called in turn."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from anyio import CancelScope

from headwater.errors import FIRST_ATTEMPT, StepError, StreamBrokenError
from headwater.running.attempt import Failure
from headwater.running.failures import reason_of
from headwater.running.feed import data_by_group, feed
from headwater.running.groups import open_group
from headwater.running.pulse import pulse
from headwater.running.unary import UnaryRun
from headwater.running.wiring import Wiring
from headwater.streams.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headwater.running.hosts.host import StepHost
    from headwater.running.order import EdgeFactory
    from headwater.running.scope import ExecutionScope
    from headwater.streams.ends import EdgeSource

__all__ = ["UnaryWork", "Work", "work_of"]


class Work(Protocol):
    """What an execution does between its first and its last event."""

    async def run(self, data: Any) -> None:
        """Do all of it; failures of steps are told to the scope."""
        ...

    def check_finished(self) -> None:
        """Raise when a step neither ended nor failed."""
        ...

    def output(self, index: int) -> EdgeSource:
        """Return the reading end of an edge to the pipeline's output."""
        ...

    def unfinished(self) -> tuple[str, ...]:
        """Return the ids of the steps that have not ended."""
        ...

    def close(self, error: Exception) -> None:
        """Break the outputs that have not ended."""
        ...


def work_of(scope: ExecutionScope, open_edge: EdgeFactory) -> Work:
    """Return the work for a plan.

    Args:
        scope: The execution.
        open_edge: Opens the edges of a plan with streams.
    """
    return UnaryWork(scope) if scope.plan.unary else StreamingWork(scope, open_edge)


class StreamingWork:
    """A task for every segment, edges between them.

    Args:
        scope: The execution.
        open_edge: Opens the edges.
    """

    def __init__(self, scope: ExecutionScope, open_edge: EdgeFactory) -> None:
        self._scope = scope
        self._wiring = Wiring(scope, open_edge)
        self._unread: set[int] = set()  # edges whose reader has ended, also where their writing end does not know yet
        self._hosts = self._wiring.hosts()
        self._scopes = {host.steps[0].id: CancelScope() for host in self._hosts}
        self._writers = {host.steps[-1].id: host for host in self._hosts}
        self._feeds = {group.edges: CancelScope() for group in scope.plan.inputs}
        for index in scope.plan.outputs:
            self.output(index).on_close = partial(self._release, index)

    async def run(self, data: Any) -> None:
        """Run every host to its end.

        Args:
            data: The pipeline's input, or None.
        """
        groups = data_by_group(self._scope.plan, data)
        self._scope.on_step_failed(self._stop_others)
        async with pulse(self._hosts if self._scope.emits_progress else ()), open_group() as group:
            for host in self._hosts:
                group.start_soon(self._run_host, host)
            for input_group, given in groups.items():
                group.start_soon(self._feed, input_group.edges, given)

    def unfinished(self) -> tuple[str, ...]:
        """Return the ids of the steps that have not ended."""
        return self._scope.unfinished()

    def output(self, index: int) -> EdgeSource:
        """Return the reading end of an edge to the pipeline's output."""
        return self._wiring.edge(index).source

    def close(self, error: Exception) -> None:
        """Break the outputs that have not ended."""
        for index in self._scope.plan.outputs:
            self._wiring.edge(index).sink.fail(_broken_by(error))

    def check_finished(self) -> None:
        """Raise when a step neither ended nor failed: its code raised a cancellation that nobody asked for."""
        unfinished = self._scope.unfinished()
        if unfinished and not self._scope.failed:
            msg = "it stopped without an end or an error; did it raise a cancellation of its own?"
            raise StepError(unfinished[0], msg)

    async def _run_host(self, host: StepHost) -> None:
        with self._scopes[host.steps[0].id]:
            await host.run()
        for given in host.steps[0].inputs:
            for index in given.edges:
                self._release(index)

    def _release(self, index: int) -> None:
        """Stop whoever writes to an edge when nobody reads any of its edges: it may be waiting for something else."""
        plan = self._scope.plan
        self._unread.add(index)
        for edges, feed_scope in self._feeds.items():
            if index in edges and self._left(edges):
                feed_scope.cancel()
        writer = self._writers.get(plan.edges[index].source or "")
        if writer is None or self._scope.failed:
            return
        if self._left([edge for output in writer.steps[-1].outputs for edge in output.edges]):
            writer.unread = True
            self._scopes[writer.steps[0].id].cancel()

    def _left(self, edges: Sequence[int]) -> bool:
        return all(index in self._unread or self._wiring.edge(index).sink.reader_left for index in edges)

    async def _feed(self, edges: tuple[int, ...], data: Any) -> None:
        streaming = any(self._scope.plan.edges[index].streaming for index in edges)
        sink = self._wiring.input_sink(edges)
        try:
            with self._feeds[edges]:
                await feed(data, sink, streaming=streaming)
        except Exception as error:  # noqa: BLE001 - whatever the program's iterable raises breaks the input
            self._scope.fail("input", error, FIRST_ATTEMPT)
            text = self._scope.redact(reason_of(error))
            message = f"the pipeline's input failed: {text}"
            sink.fail(StreamBrokenError(message, step_id="input", execution_id=self._scope.execution_id))

    def _stop_others(self, step_id: str) -> None:
        """Cancel the hosts that do not read, near or far, from the step that failed; those meet the break in turn."""
        affected = self._downstream(step_id)
        for host in self._hosts:
            if not affected.intersection(step.id for step in host.steps):
                self._scopes[host.steps[0].id].cancel()

    def _downstream(self, step_id: str) -> set[str]:
        found = {step_id}
        for step in self._scope.plan.steps:  # in topological order, so one pass is enough
            writers = {
                self._scope.plan.edges[index].source or "input" for given in step.inputs for index in given.edges
            }
            if not found.isdisjoint(writers):
                found.add(step.id)
        return found


class UnaryWork:
    """Every edge is unary: steps are called as soon as they are ready.

    Args:
        scope: The execution.
    """

    def __init__(self, scope: ExecutionScope) -> None:
        self._scope = scope
        self._run = UnaryRun(scope)
        self._channels: dict[int, Channel] = {}
        self._error: Exception | None = None
        self._ended = False

    async def run(self, data: Any) -> None:
        """Run every step.

        Args:
            data: The pipeline's input, or None.
        """
        groups = data_by_group(self._scope.plan, data)
        try:
            await self._run.run({index: given for group, given in groups.items() for index in group.edges})
        except* Failure:
            pass  # the scope was told where it happened
        else:
            self._ended = True
            for index, channel in self._channels.items():
                self._fill(index, channel)

    def unfinished(self) -> tuple[str, ...]:
        """Return the ids of the steps that have not ended."""
        return self._run.unfinished()

    def values(self) -> dict[int, Any]:
        """Return the values at the pipeline's output, by the index of the edge; those not taken are left out."""
        return self._run.values()

    def output(self, index: int) -> EdgeSource:
        """Return the reading end of an edge to the pipeline's output; its channel is made on first use."""
        if index not in self._channels:
            channel = self._channels[index] = Channel(2, unary=True)
            if self._ended:
                self._fill(index, channel)
            elif self._error is not None:
                channel.fail(_broken_by(self._error))
        return self._channels[index]

    def close(self, error: Exception) -> None:
        """Break the outputs that have not ended."""
        self._error = error
        for channel in self._channels.values():
            channel.fail(_broken_by(error))

    def _fill(self, index: int, channel: Channel) -> None:
        values = self._run.values()
        if index in values:
            channel.put(values[index])
        channel.finish()

    def check_finished(self) -> None:
        """Do nothing: a step that is called either returns or raises."""


def _broken_by(error: Exception) -> StreamBrokenError:
    broken = StreamBrokenError(str(error))
    broken.__cause__ = error
    return broken
