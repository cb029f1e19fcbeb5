"""Checks of a graph as a whole: no cycles, a policy wherever edges meet, and nothing that can stall."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from headwater.config.problems import Problems, quote
from headwater.graph.edges import PIPELINE_INPUT, PIPELINE_OUTPUT, Edge, EdgeReader, End
from headwater.graph.order import find_cycles, topological_order
from headwater.graph.stalls import find_stalls

if TYPE_CHECKING:
    from headwater.graph.graph import Graph

__all__ = ["check_merges", "check_order", "check_stalls"]

_MOST_NAMES = 20


def check_order(reader: EdgeReader, problems: Problems) -> tuple[list[str], bool]:
    """Sort the steps, and report the cycles that they are on.

    Args:
        reader: The steps and their edges.
        problems: Gets each cycle.

    Returns:
        Ids of the steps, writers before readers, and whether there are cycles; steps on and behind them come last.
    """
    pairs = [
        (edge.source.step, edge.target.step)
        for edge in reader.edges
        if edge.source is not PIPELINE_INPUT and edge.target is not PIPELINE_OUTPUT
    ]
    order = topological_order(reader.specs, pairs)
    if len(order) == len(reader.specs):
        return order, False
    first_edges = {(edge.source.step, edge.target.step): edge for edge in reversed(reader.edges)}
    for cycle in find_cycles(reader.specs, pairs):
        back = first_edges[cycle[-1], cycle[0]]
        message = f"the steps {_names([*cycle, cycle[0]])} form a cycle"
        problems.add("cycle", message, back.path, "a pipeline has no loops: remove one of these edges")
    sorted_steps = set(order)
    return order + [step for step in reader.specs if step not in sorted_steps], True


def _names(cycle: Sequence[str]) -> str:
    if len(cycle) <= _MOST_NAMES:
        return " -> ".join(map(quote, cycle))
    shown = " -> ".join(map(quote, cycle[: _MOST_NAMES - 1]))
    return f"{shown} -> ({len(cycle) - _MOST_NAMES} more) -> {quote(cycle[-1])}"


def check_merges(graph: Graph, reader: EdgeReader, problems: Problems) -> None:
    """Check the ports that several edges lead to.

    Args:
        graph: The steps and their edges.
        reader: What the edges were read with.
        problems: Gets edges that are written twice, ports without a policy, and policies without a port for them.
    """
    shared = {step: _shared_ports(edges, problems) for step, edges in graph.into.items() if len(edges) > 1}
    for step, ports in shared.items():
        for port, edges in ports.items():
            target = End(step, port)
            if step in graph.steps and graph.merge_policy(target) is None:
                _complain_of_missing_policy(target, edges, problems)
    for step in [step for step, spec in graph.specs.items() if spec.merge is not None]:
        if step in graph.steps and step not in reader.blamed:
            _check_policies(step, shared.get(step, {}), reader, problems)


def _shared_ports(edges: Sequence[Edge], problems: Problems) -> dict[str, list[Edge]]:
    """Return the ports that edges from several sources lead to."""
    by_port: dict[str, dict[End, Edge]] = {}
    for edge in edges:
        if by_port.setdefault(edge.target.port, {}).setdefault(edge.source, edge) is not edge:
            message = f"the edge '{edge}' is there already"
            problems.add("duplicate-edge", message, edge.path, "remove one of the two")
    return {port: list(sources.values()) for port, sources in by_port.items() if len(sources) > 1}


def _complain_of_missing_policy(target: End, edges: Sequence[Edge], problems: Problems) -> None:
    sources = ", ".join(str(edge.source) for edge in edges[:_MOST_NAMES])
    message = f"{len(edges)} edges lead to '{target}' (from {sources}) and nothing says how they merge"
    hint = f'give step {quote(target.step)} "merge": "interleave" (as items come) or "concat" (one after the other)'
    problems.add("merge-missing", message, edges[1].path, hint)


def _check_policies(step: str, shared: Collection[str], reader: EdgeReader, problems: Problems) -> None:
    merge = reader.specs[step].merge
    path = (*reader.place(step), "merge")
    if isinstance(merge, str) and not shared:
        message = f"step {quote(step)} has a merge policy, but no input with several edges"
        problems.add("merge-unused", message, path, "remove it")
    inputs = reader.ports(step).inputs.names
    for port in merge if isinstance(merge, dict) else ():
        if port not in inputs:
            message = f"step {quote(step)} has no input {quote(port)}, expected {', '.join(map(quote, inputs))}"
            problems.add("unknown-port", message, (*path, port), problems.did_you_mean(port, inputs), at_key=True)
        elif port not in shared:
            message = f"one edge at most leads to '{End(step, port)}', so there is nothing to merge"
            problems.add("merge-unused", message, (*path, port), "remove it", at_key=True)


def check_stalls(graph: Graph, problems: Problems) -> None:
    """Report steps that would wait for ever.

    Args:
        graph: A graph without cycles.
        problems: Gets each edge that would be read too late.
    """
    for stall in find_stalls(graph):
        message = (
            f"'{stall.later}' is read only after '{stall.first}' has ended, but both come from {quote(stall.tee)}:"
            " the first to fill up stops the other"
        )
        own = "give the branches sources of their own"
        merged = stall.first.target == stall.later.target
        hint = f'merge step {quote(stall.later.target.step)} by "interleave", or {own}' if merged else own
        problems.add("deadlock-risk", message, stall.later.path, hint)
