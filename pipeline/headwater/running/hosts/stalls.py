"""Notices steps that wait for each other forever, which only the running pipeline can show.

A step that reads several streams may read them in any order, and what a plan cannot know is seen here. A party (a step
or the pipeline's input) is stuck when it waits at an edge and everything that could end the wait is stuck as well: the
reader of a full edge, the writers of empty ones. So nothing is stuck that waits for a program that may read an output,
for data from outside, or for anything but an edge, near or far.

The program is a party as well: it may wait for one output, or for events, while another output is full that it does
not read. That is resolved, not reported: the full output is collected until the program reads it.

Nothing is measured as items pass: the pulse looks at who waits where, and stops at once where no writer waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Protocol

from anyio import current_effective_deadline, current_time, get_current_task, get_running_tasks

from headwater.display import plural
from headwater.errors import DeadlockError
from headwater.events.step_state import State
from headwater.streams.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from headwater.graph.plan import Plan
    from headwater.running.hosts.host import StepHost
    from headwater.streams.ends import Ends
    from headwater.streams.waiter import Waiter

__all__ = ["ProgramWaits", "StallWatch"]

_LOOKS = 4
"""Looks at which the same parties must be stuck in the same waits."""

_MOST_NAMED = 6


class ProgramWaits(Protocol):
    """What the program that runs a pipeline waits for, and which outputs it cannot read meanwhile."""

    def awaits_events(self) -> bool:
        """Return whether it waits for events, or for the end."""
        ...

    def leaves(self, index: int) -> bool:
        """Return whether no task will read an output before what the program waits for has come."""
        ...

    def collect_full(self, index: int) -> None:
        """Collect an output until the program reads it."""
        ...


@dataclass(frozen=True, slots=True)
class _Wait:
    """A wait of one party at a waiter: as the reader of empty edges, or as the writer of a full one."""

    waiter: Waiter
    edges: Sequence[int]
    reads: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Party:
    """A step host, an input of the pipeline or the program, with the edges between which it stands."""

    name: str
    host: StepHost | None
    inputs: Sequence[Sequence[int]]
    outputs: Sequence[int]

    @property
    def reads_as_it_likes(self) -> bool:
        """Whether the code of the step itself may wait for items, perhaps with other tasks or timers beside that."""
        return self.host is not None and any(given.port.style == "stream" for given in self.host.steps[0].inputs)


@dataclass(frozen=True, slots=True)
class _Sleeper:
    """What a sleeping task knows of itself: when it fell asleep, by which time it wakes by itself, and its parent."""

    since: float | None
    deadline: float
    task: int
    parent: int | None


class StallWatch:
    """Looks at the waits of one execution from time to time."""

    def __init__(
        self,
        plan: Plan,
        hosts: Sequence[StepHost],
        edge: Callable[[int], Ends],
        program: ProgramWaits,
        stall_s: float | None = None,
    ) -> None:
        self._plan = plan
        self._program_waits = program
        self._program = _Party("the program", None, [[index] for index in plan.outputs], ())
        self._hosts = hosts
        self._edge = edge
        self._seen: dict[Waiter, float | None] = {}
        self._looks = 0
        self._sleepers: dict[Waiter, _Sleeper] = {}
        self._stall_s = stall_s
        self._still_since = 0.0
        self._moved_items = -1

    @cached_property  # most executions end before the first look
    def _channels(self) -> dict[int, Channel]:
        ends = {edge.index: self._edge(edge.index).sink for edge in self._plan.edges if not edge.fused}
        return {index: end for index, end in ends.items() if isinstance(end, Channel)}

    @cached_property
    def _parties(self) -> list[_Party]:
        inputs = [_Party("the input", None, (), group.edges) for group in self._plan.inputs]
        return [*map(_party_of, self._hosts), *inputs, self._program]

    @cached_property
    def _reader_of(self) -> dict[int, _Party]:
        return {index: party for party in self._parties[:-1] for edges in party.inputs for index in edges}

    @cached_property
    def _writer_of(self) -> dict[int, _Party]:
        return {index: party for party in self._parties for index in party.outputs}

    def look(self) -> None:
        """Resolve or report that parties wait for each other, and have done so in the same waits for several looks."""
        if not any(channel.writer.asleep_since for channel in self._channels.values()):
            self._looks = 0
            self._moved_items = -1
            return
        stuck = self._stuck()
        seen = {wait.waiter: self._since(wait.waiter) for waits in stuck.values() for wait in waits}
        self._looks = self._looks + 1 if seen == self._seen and seen else 0
        self._seen = seen
        if self._stall_s is not None:
            self._check_stall(stuck, self._stall_s)
        if self._looks < _LOOKS:
            self._sleepers.clear()
        elif not self._collects_full_outputs(stuck):
            stuck.pop(self._program, None)  # it only waits for the others
            if all(self._is_stuck_for_sure(party, waits) for party, waits in stuck.items()):
                raise DeadlockError(self._report(stuck))

    def _check_stall(self, stuck: Mapping[_Party, Sequence[_Wait]], limit_s: float) -> None:
        """Raise when nothing has moved for longer than the document allows, whatever the steps may do by themselves."""
        moved = sum(channel.written_items + channel.read_items for channel in self._channels.values())
        waiting = {party.host for party in stuck}
        goes_on = any(host.is_working or host not in waiting for host in self._hosts if not host.has_ended)
        if moved != self._moved_items or goes_on:
            self._moved_items, self._still_since = moved, current_time()
        elif current_time() - self._still_since >= limit_s:
            waits = {party: waits for party, waits in stuck.items() if party is not self._program}
            raise DeadlockError(f"nothing has moved for {limit_s:g} s (timeout.stall_s): {self._report(waits)}")

    def _collects_full_outputs(self, stuck: Mapping[_Party, Sequence[_Wait]]) -> bool:
        """Collect the full outputs that hold up what the program waits for; return whether there are any."""
        full = {index for waits in stuck.values() for wait in waits if not wait.reads for index in wait.edges}
        full.intersection_update(self._plan.outputs)
        for index in full:
            self._program_waits.collect_full(index)
        return bool(full)

    def _since(self, waiter: Waiter) -> float | None:
        """Return when a task fell asleep; one that was only woken to be asked has slept on."""
        sleeper = self._sleepers.get(waiter)
        return self._seen[waiter] if sleeper and sleeper.since == waiter.asleep_since else waiter.asleep_since

    def _stuck(self) -> dict[_Party, Sequence[_Wait]]:
        """Return the parties that wait, without those that something else may wake."""
        waiting = ((party, tuple(self._waits(party))) for party in self._parties)
        stuck: dict[_Party, Sequence[_Wait]] = {party: waits for party, waits in waiting if waits}
        emitters: list[_Party] = []  # each step that runs may cause the event that the program waits for
        if self._program_waits.awaits_events():
            stuck.setdefault(self._program, ())
            emitters = [party for party in self._parties if party.host is not None and not party.host.has_ended]
        depending: dict[_Party, list[_Party]] = {}
        awake: list[_Party] = []
        for party, waits in stuck.items():
            for waker in chain(self._wakers(waits), emitters if party is self._program else ()):
                if waker is None or waker not in stuck:
                    awake.append(party)
                else:
                    depending.setdefault(waker, []).append(party)
        for party in awake:  # it grows meanwhile
            if stuck.pop(party, None) is not None:
                awake += depending.get(party, ())
        return stuck

    def _waits(self, party: _Party) -> Iterator[_Wait]:
        channels = self._channels
        for edges in party.inputs:
            waiter = channels[edges[0]].reader if edges[0] in channels else None
            if waiter is not None and waiter.asleep_since is not None:
                unread = [index for index in edges if index not in channels or _is_awaited(channels[index])]
                yield _Wait(waiter, unread or edges, reads=True)
        for index in party.outputs:
            if index in channels and channels[index].writer.asleep_since is not None:
                yield _Wait(channels[index].writer, [index], reads=False)

    def _wakers(self, waits: Sequence[_Wait]) -> Iterator[_Party | None]:
        """Yield what may end some waits; None is outside of the execution."""
        for wait in waits:
            for index in wait.edges:
                if index not in self._channels:
                    yield None
                elif wait.reads:
                    yield self._writer_of.get(index)
                elif index in self._reader_of:
                    yield self._reader_of[index]
                else:
                    yield self._program if self._program_waits.leaves(index) else None

    def _is_stuck_for_sure(self, party: _Party, waits: Sequence[_Wait]) -> bool:
        """Return whether nothing in a party can end its waits, such as its own timers and tasks.

        The tasks in which the code of a step waits are asked: each is woken, and says on falling asleep what it knows.
        """
        host = party.host
        if host is None or host.records[0].state is State.WAITING:
            return True
        if host.is_working or not party.reads_as_it_likes:
            return not host.is_working
        if host.steps[0].timeout_s is not None:
            return False
        for wait in waits:
            if wait.waiter not in self._sleepers:
                self._ask(wait.waiter)
                return False
        this_task = get_current_task()
        parents = {task.parent_id for task in get_running_tasks()}
        return all(
            sleeper.parent == this_task.parent_id
            and sleeper.task not in parents
            and sleeper.deadline >= current_effective_deadline()
            for sleeper in (self._sleepers[wait.waiter] for wait in waits)
        )

    def _ask(self, waiter: Waiter) -> None:
        def answer() -> None:
            task = get_current_task()
            self._sleepers[waiter] = _Sleeper(
                waiter.asleep_since, current_effective_deadline(), task.id, task.parent_id
            )

        waiter.on_sleep = answer
        waiter.wake()

    def _report(self, stuck: Mapping[_Party, Sequence[_Wait]]) -> str:
        """Return what each party of a ring waits for."""
        ring = _ring({party: next(filter(None, self._wakers(waits))) for party, waits in stuck.items()})
        shown = [self._sentence(party, stuck[party][0]) for party in ring[:_MOST_NAMED]]
        more = [f"and {len(ring) - _MOST_NAMED} more"] if len(ring) > _MOST_NAMED else []
        hint = "read these edges at the same time, or give the full ones a larger buffer"
        return f"{'; '.join([*shown, *more])} ({hint})"

    def _sentence(self, party: _Party, wait: _Wait) -> str:
        edges = " or ".join(f"'{self._plan.edges[index].name}'" for index in wait.edges)
        if wait.reads:
            return f"{party.name} waits for an item of {edges}"
        full = self._plan.edges[wait.edges[0]]
        bounds = plural(full.capacity, "item")
        bounds += f", or {plural(full.capacity_bytes, 'byte')}" if full.capacity_bytes is not None else ""
        return f"{party.name} waits until {edges} is read, which is full ({bounds})"


def _party_of(host: StepHost) -> _Party:
    head, last = host.steps[0], host.steps[-1]
    outputs = [index for output in last.outputs for index in output.edges]
    return _Party(f"step {head.id!r}", host, [given.edges for given in head.inputs], outputs)


def _ring(waker_of: Mapping[_Party, _Party]) -> Sequence[_Party]:
    """Return a ring of parties: each waits for the next one, and the last for the first."""
    way = dict.fromkeys([next(iter(waker_of))])
    while (party := waker_of[next(reversed(way))]) not in way:
        way[party] = None
    ring = list(way)
    return ring[ring.index(party) :]


def _is_awaited(channel: Channel) -> bool:
    """Return whether a reader that sleeps may be waiting for this edge, not for another one of its port."""
    return not channel.ended and not channel.buffer
