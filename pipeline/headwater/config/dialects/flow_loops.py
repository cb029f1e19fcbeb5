"""Paths that lead back: steps that run again and again become a pipeline inside of a `control.loop`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import networkx as nx

from headwater.config.dialects.flow_conditions import negated, prefixed
from headwater.config.dialects.flow_document import Flow, FlowPath
from headwater.config.dialects.flow_parameters import refuse_others
from headwater.config.dialects.references import UnknownReferenceError, converted

if TYPE_CHECKING:
    from headwater.config.problems import Problems

__all__ = ["Region", "check_limits", "found_loops"]

_LIMITS = {
    "max_iterations": ("max_iterations", "max_loops", "iterations"),
    "max_time_s": ("max_time_s", "max_loop_time_seconds", "max_time_seconds", "timeout_seconds", "max_time"),
    "delay_s": ("delay_s", "iteration_delay_seconds", "delay_seconds", "delay"),
}


@dataclass(frozen=True, slots=True)
class Region:
    """Steps that belong together: the whole document, or those of a loop."""

    ids: tuple[str, ...]
    start: str
    loops: tuple[Region, ...] = ()
    id: str = ""
    until: Any = None

    @property
    def is_loop(self) -> bool:
        """Whether it runs again and again."""
        return bool(self.id)

    def inner_paths(
        self, paths: Sequence[tuple[FlowPath, dict[str, Any] | None]]
    ) -> list[tuple[FlowPath, dict[str, Any] | None]]:
        """Return the paths inside of the loop, without those that lead back to its start."""
        inside = [(path, when) for path, when in paths if path.source in self.ids and path.target in self.ids]
        return [(path, when) for path, when in inside if path.target != self.start]

    def params(self, flow: Flow) -> dict[str, Any]:
        """Return when the loop ends, and its limits."""
        limits: dict[str, Any] = {}
        for name, keys in _LIMITS.items():
            value = next((flow.limits[key] for key in keys if key in flow.limits), None)
            with suppress(UnknownReferenceError):  # reported by `check_limits`
                limits |= {} if value is None else {name: converted(value, flow.steps)}
        return {"until": self.until, **limits}


def check_limits(flow: Flow, loops: Collection[Region], problems: Problems) -> None:
    """Report limits of loops that cannot be translated, and those without a loop."""
    if flow.limits and not loops:
        message = "there are limits of a loop, but no path leads back, so there is no loop"
        problems.add("cannot-import", message, flow.limits_path, at_key=True)
        return
    used = [next((key for key in keys if key in flow.limits), keys[0]) for keys in _LIMITS.values()]
    refuse_others(problems, "the limits of a loop", flow.limits, (*used, "description"), flow.limits_path)
    for key in used:
        value = flow.limits.get(key, 1)
        try:
            template = converted(value, flow.steps) if isinstance(value, str) else ""
        except UnknownReferenceError:
            template = ""
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number and not template.startswith("${"):
            message = "expected a number, or a reference to a parameter"
            problems.add("cannot-import", message, (*flow.limits_path, key))


def found_loops(flow: Flow, conditions: Mapping[int, dict[str, Any] | None], problems: Problems) -> tuple[Region, ...]:
    """Return the loops of a flow; one that has no counterpart is a problem."""
    graph = cast("Any", nx.DiGraph())
    graph.add_nodes_from(flow.steps)
    graph.add_edges_from((path.source, path.target) for path in flow.paths)
    regions: list[Region] = []
    components: list[Collection[str]] = list(nx.strongly_connected_components(graph))
    order = {step_id: index for index, step_id in enumerate(flow.steps)}
    for component in sorted(components, key=lambda ids: min(order[one] for one in ids)):
        ids = tuple(sorted(component, key=lambda one: order[one]))
        if any(graph.has_edge(one, one) for one in ids) or len(ids) > 1:
            region = _loop(flow, ids, conditions, problems)
            regions += [] if region is None else [region]
    return tuple(regions)


def _loop(
    flow: Flow, ids: tuple[str, ...], conditions: Mapping[int, dict[str, Any] | None], problems: Problems
) -> Region | None:
    inside = [(index, path) for index, path in enumerate(flow.paths) if path.source in ids and path.target in ids]
    entries = {path.target for path in flow.paths if path.source not in ids and path.target in ids}
    entries |= {flow.start} if flow.start in ids else set()
    place = inside[0][1].path
    if len(entries) != 1:
        names = ", ".join(map(repr, sorted(entries))) or "nowhere"
        problems.add("cannot-import", f"a loop that is entered at {names} has no counterpart", place)
        return None
    start = entries.pop()
    back = [(index, path) for index, path in inside if path.target == start]
    rest: Any = nx.DiGraph((path.source, path.target) for _, path in inside if path.target != start)
    if not nx.is_directed_acyclic_graph(rest):
        problems.add("cannot-import", f"the loop from {start!r} has another one inside of it", place)
        return None
    again: list[dict[str, Any]] = []
    for index, path in back:
        condition = conditions[index]
        if condition is None:
            message = f"the path from {path.source!r} back to {start!r} always holds, so the loop would never end"
            problems.add("cannot-import", message, path.path, hint="give it a condition")
            return None
        again.append(prefixed(condition, path.source))
    until = negated(again[0] if len(again) == 1 else {"any": again})
    name = f"{start}_loop"
    while name in flow.steps:
        name += "_"
    return Region(ids, start, id=name, until=until)
