"""All outputs of an execution together."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from anyio import get_current_task

from headwater.api.outlet import Outlet
from headwater.running.unary.unary_run import UnaryWork

if TYPE_CHECKING:
    from collections.abc import Generator

    from anyio import Event
    from anyio.abc import TaskGroup

    from headwater.api.outcome import Outcome
    from headwater.graph.plan import Plan
    from headwater.running.work import Work
    from headwater.toolkit.loop_calls import LoopCalls

__all__ = ["Outlets"]


class Outlets:
    """The outputs of an execution."""

    def __init__(self, plan: Plan, outcome: Outcome) -> None:
        self._plan = plan
        self._outcome = outcome
        self._work: Work | None = None
        self._opened: tuple[Outlet, ...] = ()
        self._calls: LoopCalls | None = None
        self._group: TaskGroup | None = None
        self._waits: list[int] = []  # the tasks of the program that wait for something else than an output

    def attach(self, work: Work, group: TaskGroup, calls: LoopCalls) -> None:
        """Let the outputs be those of some work; the outputs of a unary plan are opened only to be read."""
        self._work, self._group, self._calls = work, group, calls
        if not self._plan.unary:
            self.open()
        if self._waits:
            self._collect_unread()

    def open(self) -> tuple[Outlet, ...]:
        """Return the outputs, or none before there is work."""
        plan, calls = self._plan, self._calls
        if not self._opened and self._work is not None and calls is not None:
            explain, is_awaited = self._outcome.give_error, self.awaits_events
            self._opened = tuple(
                Outlet(name, plan.edges[index], self._work.output(index), explain, calls, is_awaited=is_awaited)
                for name, index in zip(plan.output_names, plan.outputs, strict=True)
            )
        return self._opened

    def awaits_events(self) -> bool:
        """Return whether a task of the program waits for something else than the items of an output."""
        return bool(self._waits)

    def leaves(self, index: int) -> bool:
        """Return whether no task reads an output, or one that waits for events or for another output."""
        outlet = self._outlet(index)
        others = [other.waiting_reader for other in self._opened if other is not outlet]
        return outlet.reader is None or outlet.reader in self._waits or outlet.reader in others

    def collect_full(self, index: int) -> None:
        """Collect an output until the program reads it; stop it when its reader has left."""
        outlet = self._outlet(index)
        if self._group is not None and outlet.suspend():
            self._group.start_soon(outlet.collect)

    @contextmanager
    def awaiting(self) -> Generator[None]:
        """Note that the program waits for something else than the items of an output."""
        task_id = get_current_task().id
        self._waits.append(task_id)
        try:
            self._collect_unread()
            yield
        finally:
            self._waits.remove(task_id)

    def _collect_unread(self) -> None:
        """Collect from now on what would fill up while the program waits for something else."""
        if self._group is not None and not self._outcome.cancelled:  # the end comes by itself
            for outlet in self._opened:
                if outlet.await_end() and outlet.edge.streaming:
                    self._group.start_soon(outlet.collect)

    def _outlet(self, index: int) -> Outlet:
        return next(outlet for outlet in self._opened if outlet.edge.index == index)

    async def collect(self, done: Event) -> None:
        """Wait for the end; meanwhile, collect what the program does not read."""
        this_task = get_current_task().id
        for outlet in self._opened:
            outlet.let_go(this_task)
        if not done.is_set():
            with self.awaiting():
                await done.wait()
        for outlet in self._opened:
            outlet.stream.claim()
            await outlet.collect()

    @property
    def frames(self) -> tuple[Any, Any]:
        """The header and the footer of the only output, or None for each."""
        return self._opened[0].frames if len(self._opened) == 1 else (None, None)

    @property
    def value(self) -> Any:
        """What `Result.output` is: the value of the only output, or those of several by their names."""
        names, values = self._plan.output_names, self._values()
        return values.get(names[0]) if len(names) == 1 else values

    def _values(self) -> dict[str, Any]:
        """Return the value of each output, without those whose branch was not taken."""
        if isinstance(self._work, UnaryWork) and not self._opened:
            values, plan = self._work.values(), self._plan
            named = zip(plan.output_names, plan.outputs, strict=True)
            return {name: values[index] for name, index in named if index in values}
        return {outlet.name: outlet.value for outlet in self._opened if not outlet.skipped}
