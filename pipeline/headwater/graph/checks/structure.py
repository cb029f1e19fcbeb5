"""Checks of the structure of a graph: no cycles, and a merge policy wherever several edges lead to one port."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from headwater.config.policies.merge_specs import MergeSpec
from headwater.config.problems import JsonPath, Problems, quote
from headwater.config.spec import MISSING, StepSpec
from headwater.graph.checks.topological_order import find_cycles, topological_order
from headwater.graph.edges import PIPELINE_INPUT, PIPELINE_OUTPUT, Edge, End
from headwater.graph.ports import EndLookup
from headwater.shapes import is_object

if TYPE_CHECKING:
    from headwater.graph.graph import Graph

__all__ = ["Loops", "check_merges", "check_order"]

Loops: TypeAlias = Mapping[str, int]
"""A number for the cycle that a step is on; a step is on one at most."""

_MOST_NAMES = 20


def check_order(specs: Mapping[str, StepSpec], edges: Sequence[Edge], problems: Problems) -> tuple[list[str], Loops]:
    """Return the steps, writers before readers, and the cycle that each is on; report the cycles.

    Steps on and behind cycles come last.
    """
    pairs = [
        (edge.source.step, edge.target.step)
        for edge in edges
        if edge.source is not PIPELINE_INPUT and edge.target is not PIPELINE_OUTPUT
    ]
    order = topological_order(specs, pairs)
    loops: dict[str, int] = {}
    if len(order) == len(specs):
        return order, loops
    first_edges = {(edge.source.step, edge.target.step): edge for edge in reversed(edges)}
    for number, cycle in enumerate(find_cycles(specs, pairs)):
        loops |= dict.fromkeys(cycle, number)
        back = first_edges[cycle[-1], cycle[0]]
        message = f"the steps {_names([*cycle, cycle[0]])} form a cycle"
        problems.add("cycle", message, back.path, "a pipeline has no loops: remove one of these edges")
    sorted_steps = set(order)
    return order + [step for step in specs if step not in sorted_steps], loops


def _names(cycle: Sequence[str]) -> str:
    if len(cycle) <= _MOST_NAMES:
        return " -> ".join(map(quote, cycle))
    shown = " -> ".join(map(quote, cycle[: _MOST_NAMES - 1]))
    return f"{shown} -> ({len(cycle) - _MOST_NAMES} more) -> {quote(cycle[-1])}"


def check_merges(graph: Graph, ends: EndLookup, loops: Loops, problems: Problems) -> None:
    """Report edges that are written twice, ports without a policy or of different methods, and unused policies."""
    shared = {step: _shared_ports(edges, problems) for step, edges in graph.into.items() if len(edges) > 1}
    for step in shared.keys() & graph.steps.keys():
        _check_methods(step, graph.into[step], ends, problems)
        if _names_only_ports(step, ends):
            _check_missing_policies(step, shared[step], graph, loops, problems)
    for step in [step for step, spec in graph.specs.items() if spec.merge is not None]:
        if step in graph.steps and step not in ends.reported:
            _check_policies(step, shared.get(step, {}), ends, problems)


def _shared_ports(edges: Sequence[Edge], problems: Problems) -> dict[str, list[Edge]]:
    """Return the ports that edges from several sources lead to."""
    by_port: dict[str, dict[End, Edge]] = {}
    for edge in edges:
        if by_port.setdefault(edge.target.port, {}).setdefault(edge.source, edge) is not edge:
            message = f"the edge '{edge}' already exists"
            problems.add("duplicate-edge", message, edge.path, "remove one of the two")
    return {port: list(sources.values()) for port, sources in by_port.items() if len(sources) > 1}


def _check_methods(step: str, edges: Sequence[Edge], ends: EndLookup, problems: Problems) -> None:
    """Report edges into ports that no method has together: the method that runs would not read all of them."""
    fed = dict.fromkeys(edge.target.port for edge in edges)
    if not any(fed.keys() <= set(names) for names in ends.ports[step].alternatives):
        first, other = (next(edge for edge in edges if edge.target.port == port) for port in list(fed)[:2])
        message = f"'{first.target}' and '{other.target}' are inputs of different methods, but only one method runs"
        hint = f"connect both edges to one of them, and give step {quote(step)} a merge policy"
        problems.add("exclusive-ports", message, other.path, hint)


def _names_only_ports(step: str, ends: EndLookup) -> bool:
    """Return whether a step has the ports of its merge policies; a wrong name may be meant for another port."""
    merge = ends.specs[step].merge
    return not isinstance(merge, dict) or merge.keys() <= set(ends.ports[step].inputs.names)


def _check_missing_policies(
    step: str, ports: Mapping[str, Sequence[Edge]], graph: Graph, loops: Loops, problems: Problems
) -> None:
    """Report ports that need a policy; edges that close a cycle do not count, as they must be removed anyway."""
    for port, edges in ports.items():
        target = End(step, port)
        staying = [
            edge for edge in edges if edge.source.step not in loops or loops[edge.source.step] != loops.get(step)
        ]
        if len(staying) > 1 and graph.merge(target) is None:
            sources = ", ".join(str(edge.source) for edge in staying[:_MOST_NAMES])
            message = f"{len(staying)} edges lead to '{target}' (from {sources}) and no policy says how they merge"
            policies = '"merge": "interleave" (as items come), "concat" (in turn), "zip", "latest" or "first"'
            problems.add("merge-missing", message, staying[1].path, f"give step {quote(step)} {policies}")


def _check_policies(step: str, shared: Collection[str], ends: EndLookup, problems: Problems) -> None:
    merge = ends.specs[step].merge
    path = (*ends.place(step), "merge")
    if problems.is_broken_inside(path):
        return
    for spec, place in _with_options(merge, path):
        _check_merge_options(spec, place, problems)
    if isinstance(merge, str | MergeSpec) and not shared:
        message = f"step {quote(step)} has a merge policy, but no input with several edges"
        problems.add("merge-unused", message, path, "remove it")
    inputs = ends.ports[step].inputs.names
    for port in merge if isinstance(merge, dict) else ():
        if port not in inputs:
            message = f"step {quote(step)} has no input {quote(port)}, expected {', '.join(map(quote, inputs))}"
            problems.add("unknown-port", message, (*path, port), problems.did_you_mean(port, inputs), at_key=True)
        elif port not in shared:
            message = f"at most one edge leads to '{End(step, port)}', so there is nothing to merge"
            problems.add("merge-unused", message, (*path, port), "remove it", at_key=True)


def _with_options(merge: object, path: JsonPath) -> Iterator[tuple[MergeSpec, JsonPath]]:
    """Yield the policies that are written as objects, with their places."""
    written = {path: merge} if not is_object(merge) else {(*path, port): policy for port, policy in merge.items()}
    return ((policy, place) for place, policy in written.items() if isinstance(policy, MergeSpec))


def _check_merge_options(spec: MergeSpec, path: JsonPath, problems: Problems) -> None:
    """Report options that the policy does not have."""
    if spec.unequal is not None and spec.policy != "zip":
        message = f"'unequal' is for the policy 'zip', found {quote(spec.policy)}"
        problems.add("merge-option", message, (*path, "unequal"), "remove it", at_key=True)
    if spec.pad is not MISSING and spec.unequal != "pad":
        message = "'pad' has no effect, as the edges are not padded"
        problems.add("merge-option", message, (*path, "pad"), 'set "unequal": "pad", or remove it', at_key=True)
