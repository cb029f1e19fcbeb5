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
    from headwater.running.loop_calls import LoopCalls
    from headwater.running.work import Work

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
        self._waits = 0  # of the program, for something else than the items of an output

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
            explain, is_awaited = self._outcome.give_error, self._is_awaited
            self._opened = tuple(
                Outlet(name, plan.edges[index], self._work.output(index), explain, calls, is_awaited=is_awaited)
                for name, index in zip(plan.output_names, plan.outputs, strict=True)
            )
        return self._opened

    def _is_awaited(self) -> bool:
        return self._waits > 0

    @contextmanager
    def awaiting(self) -> Generator[None]:
        """Note that the program waits for something else than the items of an output."""
        self._waits += 1
        try:
            self._collect_unread()
            yield
        finally:
            self._waits -= 1

    def _collect_unread(self) -> None:
        """Collect from now on what would fill up while the program waits for something else."""
        if self._group is not None and not self._outcome.cancelled:  # the end comes by itself
            for outlet in self._opened:
                if outlet.await_end() and outlet.edge.streaming:
                    self._group.start_soon(outlet.collect)

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
