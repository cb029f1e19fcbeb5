"""Which segments are stopped: those that a failure does not reach, and those that write what nothing reads."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from anyio import CancelScope, Event

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterator, Sequence

    from headwater.graph.plan import Plan
    from headwater.running.hosts.host import StepHost

__all__ = ["Coordination"]


class Coordination:
    """Runs hosts and feeds in cancel scopes, and cancels those whose work has become pointless."""

    def __init__(
        self, plan: Plan, hosts: Sequence[StepHost], failed: Collection[str], left: Callable[[int], bool]
    ) -> None:
        self._plan = plan
        self._hosts = hosts
        self._failed = failed
        self._left = left
        self._unread: set[int] = set()  # edges whose reader has ended, also where their writing end does not know yet
        self._scopes = {host: CancelScope() for host in hosts}
        self._writers = {host.steps[-1].id: host for host in hosts}
        self._feeds = {group.edges: CancelScope() for group in plan.inputs}
        # For each writer, edges that are not known to be left: a pass over all of them for each reader that ends would
        # take quadratic time.
        self._read = {host: [*_edges_of(host)] for host in hosts}
        self._fed = {edges: [*edges] for edges in self._feeds}
        self._feed_of = {index: edges for edges in self._feeds for index in edges}
        self._news: Event | None = None  # set when something ends, where that is waited for

    @contextmanager
    def feed_scope(self, edges: tuple[int, ...]) -> Generator[None]:
        """Enter the scope in which the data for an input of the pipeline is written."""
        with self._feeds[edges]:
            yield
        del self._feeds[edges]
        self._announce()

    async def run_host(self, host: StepHost) -> None:
        """Run a host to its end, then stop what only wrote for it."""
        with self._scopes[host]:
            await host.run()
        del self._scopes[host]  # to cancel one that has ended would cost more than its other calls
        for given in host.steps[0].inputs:
            for index in given.edges:
                self.release(index)
        self._announce()

    async def stop(self, indexes: Sequence[int]) -> None:
        """Stop what writes only to some edges, near or far, and wait until all of it has ended."""
        hosts, feeds = self._writing_only(indexes)
        for index in indexes:
            self.release(index)
        # A failure stops more than that, and ends this wait.
        while not self._failed and not (hosts.isdisjoint(self._scopes) and feeds.isdisjoint(self._feeds)):
            if self._news is None or self._news.is_set():  # others may wait as well
                self._news = Event()
            await self._news.wait()

    def _writing_only(self, indexes: Sequence[int]) -> tuple[set[StepHost], set[tuple[int, ...]]]:
        """Return the hosts and feeds that write to nothing but some edges, or hosts that do."""
        left = self._unread.union(indexes)

        def is_left(index: int) -> bool:
            return index in left or self._left(index)

        hosts: set[StepHost] = set()
        for host in reversed(self._hosts):  # readers before writers
            edges = [*_edges_of(host)]
            if edges and all(map(is_left, edges)):
                hosts.add(host)
                left.update(index for given in host.steps[0].inputs for index in given.edges)
        return hosts, {edges for edges in self._feeds if all(map(is_left, edges))}

    def _announce(self) -> None:
        if self._news is not None:
            self._news.set()

    def release(self, index: int) -> None:
        """Stop what writes to an edge when all of its edges are left: it may be waiting for something else."""
        self._unread.add(index)
        feed = self._feed_of.get(index)
        if feed is not None and feed in self._feeds and self._are_left(self._fed[feed]):
            self._feeds[feed].cancel()
        writer = self._writers.get(self._plan.edges[index].source or "")
        if writer is None or self._failed:
            return
        if self._are_left(self._read[writer]):
            writer.unread = True
            if writer in self._scopes:
                self._scopes[writer].cancel()

    def _are_left(self, edges: list[int]) -> bool:
        """Return whether the readers of some edges have left, and forget edges at the end of the list that are."""
        while edges and (edges[-1] in self._unread or self._left(edges[-1])):
            edges.pop()
        return not edges

    def stop_others(self, step_id: str) -> None:
        """Cancel the hosts that do not read, near or far, from the step that failed; the others meet the break."""
        affected = self._downstream(step_id)
        for host, scope in self._scopes.items():
            if affected.isdisjoint(step.id for step in host.steps):
                if host.stopped_by is None:
                    host.stopped_by = step_id
                scope.cancel()

    def _downstream(self, step_id: str) -> set[str]:
        """Return a step (or `input`) and every step that reads from it, near or far."""
        found = {step_id}
        for step in self._plan.steps:  # in topological order, so one pass is enough
            writers = {self._plan.edges[index].source or "input" for given in step.inputs for index in given.edges}
            if not found.isdisjoint(writers):
                found.add(step.id)
        return found


def _edges_of(host: StepHost) -> Iterator[int]:
    """Yield the edges that a host writes."""
    return (index for output in host.steps[-1].outputs for index in output.edges)
