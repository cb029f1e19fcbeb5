"""The work of an execution: hosts joined by edges, or, where every edge is unary, steps called in turn."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from headwater.errors import FIRST_ATTEMPT, StepError, StreamBrokenError
from headwater.running.coordination import Coordination
from headwater.running.failures import STEP_ERRORS, broken_by, error_in, interruption_in, is_stopped, reason_of
from headwater.running.feed import data_by_group, feed
from headwater.running.groups import open_group
from headwater.running.hosts.pulse import pulse
from headwater.running.hosts.stalls import StallWatch
from headwater.running.unary.unary_run import UnaryWork
from headwater.running.wiring import Wiring

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headwater.running.hosts.stalls import ProgramWaits
    from headwater.running.request import EdgeFactory
    from headwater.running.scope import ExecutionScope
    from headwater.streams.ends import EdgeSource

__all__ = ["Work", "work_of"]


class Work(Protocol):
    """What an execution does between its first and its last event."""

    async def run(self, data: Any) -> None:
        """Do all of it; failures of steps are reported, not raised."""
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


def work_of(scope: ExecutionScope, open_edge: EdgeFactory, program: ProgramWaits) -> Work:
    """Return the work for a plan: hosts joined by edges that `open_edge` opens, or steps called in turn."""
    return UnaryWork(scope) if scope.plan.unary else StreamingWork(scope, open_edge, program)


class StreamingWork:
    """A task for each segment, and edges between them."""

    def __init__(self, scope: ExecutionScope, open_edge: EdgeFactory, program: ProgramWaits) -> None:
        self._scope = scope
        self._program = program
        self._plan = scope.plan
        self._wiring = Wiring(scope, open_edge)
        self._hosts = self._wiring.hosts()
        self._coordination = Coordination(self._plan, self._hosts, scope.failed, self._left)
        self._on_failure, scope.on_failure = scope.on_failure, self._fail
        for index in self._plan.outputs:
            self.output(index).on_close = partial(self._coordination.release, index)
        for race, edges in self._wiring.races:
            race.stop_others = partial(self._stop_others, edges)

    async def run(self, data: Any) -> None:
        """Run every host to its end."""
        groups = data_by_group(self._plan, data)
        watch = StallWatch(self._plan, self._hosts, self._wiring.edge, self._program, self._scope.request.stall_s)
        hosts, queues = (self._hosts, self._wiring.queues()) if self._scope.emits_progress else ((), ())
        async with pulse(hosts, queues, watch.look), open_group() as group:
            self._scope.group = group
            for host in self._hosts:
                group.start_soon(self._coordination.run_host, host)
            feeds = [(input_group.edges, given) for input_group, given in groups.items()]
            for edges, given in feeds[1:]:
                group.start_soon(self._feed, edges, given)
            for edges, given in feeds[:1]:  # in this task, which would only wait
                await self._feed(edges, given)

    def unfinished(self) -> tuple[str, ...]:
        """Return the ids of the steps that have not ended."""
        return self._scope.unfinished()

    def output(self, index: int) -> EdgeSource:
        """Return the reading end of an edge to the pipeline's output."""
        return self._wiring.edge(index).source

    def close(self, error: Exception) -> None:
        """Break the outputs that have not ended."""
        for index in self._plan.outputs:
            self._wiring.edge(index).sink.fail(broken_by(error))

    def check_finished(self) -> None:
        """Raise when a step neither ended nor failed: its code raised a cancellation that nothing asked for."""
        unfinished = self._scope.unfinished()
        if unfinished and not self._scope.failed:
            msg = "it stopped without an end or an error; did it raise a cancellation of its own?"
            raise StepError(unfinished[0], msg)

    async def _feed(self, edges: tuple[int, ...], data: Any) -> None:
        """Give data to the readers of an input: whole to those that take one value, item by item to the others."""
        sinks = [
            (self._wiring.input_sink(part), streaming)
            for streaming in (False, True)
            if (part := [index for index in edges if self._plan.edges[index].streaming is streaming])
        ]
        try:
            with self._coordination.feed_scope(edges):
                for sink, streaming in sinks:
                    await feed(data, sink, streaming=streaming)
        except STEP_ERRORS as raised:  # whatever the program's iterable raises breaks the input
            if is_stopped(raised):
                raise
            error = error_in(raised)
            self._scope.fail("input", error, FIRST_ATTEMPT)
            message = f"the pipeline's input failed: {reason_of(error, self._scope.mask)}"
            for sink, _ in sinks:
                sink.fail(StreamBrokenError(message, step_id="input", execution_id=self._scope.execution_id))
            if (interruption := interruption_in(error)) is not None:
                raise interruption from None

    async def _stop_others(self, edges: Sequence[int], winner: int) -> None:
        await self._coordination.stop([index for place, index in enumerate(edges) if place != winner])

    def _left(self, index: int) -> bool:
        return self._wiring.edge(index).sink.reader_left

    def _fail(self, step_id: str, error: Exception, attempt: int) -> None:
        """Report a failure to the program first: what is stopped because of it must not look like the cause."""
        self._on_failure(step_id, error, attempt)
        self._coordination.stop_others(step_id)
