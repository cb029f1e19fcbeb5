"""The topological order of steps, and the cycles that prevent one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["find_cycles", "strong_components", "topological_order"]

Pairs = Sequence[tuple[str, str]]
"""The writer and the reader of each edge."""


def topological_order(ids: Iterable[str], pairs: Pairs) -> list[str]:
    """Sort steps so that every writer stands before its readers (Kahn, "Topological sorting of large networks", 1962).

    Args:
        ids: Every step, in the order of the document, which is kept among steps that are ready together.
        pairs: Writer and reader of every edge.

    Returns:
        The sorted steps, without those on or after a cycle.

    Example:
        >>> topological_order(["c", "a", "b"], [("a", "b"), ("b", "c")])
        ['a', 'b', 'c']
    """
    waits = dict.fromkeys(ids, 0)
    readers: dict[str, list[str]] = {}
    for writer, reader in pairs:
        waits[reader] += 1
        readers.setdefault(writer, []).append(reader)
    order = [step for step, writers in waits.items() if not writers]
    for step in order:  # it grows meanwhile, as it is also the queue of the steps that are ready
        for reader in readers.get(step, ()):
            waits[reader] -= 1
            if not waits[reader]:
                order.append(reader)
    return order


def find_cycles(ids: Iterable[str], pairs: Pairs) -> list[list[str]]:
    """Find cycles among steps that have no step in common.

    It finds at least one if there is any, in linear time: there may be exponentially many. It does without networkx,
    whose import would take longer than refusing a broken document may.

    Args:
        ids: Every step.
        pairs: Writer and reader of every edge.

    Returns:
        The steps of each cycle, in the order of its edges.

    Example:
        >>> find_cycles("abc", [("a", "b"), ("b", "c"), ("c", "b")])
        [['b', 'c']]
    """
    stuck = dict.fromkeys(ids)
    for step in topological_order(stuck, pairs):
        del stuck[step]
    writer_of = {reader: writer for writer, reader in pairs if writer in stuck and reader in stuck}
    visits: dict[str, str] = {}
    walks = (_walk_back(step, writer_of, visits) for step in stuck if step not in visits)
    return [cycle for cycle in walks if cycle]


def _walk_back(start: str, writer_of: dict[str, str], visits: dict[str, str]) -> list[str]:
    """Go from reader to writer until a step repeats; if this walk visited it first, the steps between are a cycle."""
    step = start
    while step not in visits:
        visits[step] = start
        step = writer_of[step]
    if visits[step] != start:
        return []
    cycle = [step]
    while (step := writer_of[step]) != cycle[0]:
        cycle.append(step)
    return _from_first(cycle[::-1])


def _from_first(cycle: list[str]) -> list[str]:
    first = cycle.index(min(cycle))
    return cycle[first:] + cycle[:first]


def strong_components(arcs: Sequence[Sequence[int]]) -> dict[int, int]:
    """Return a number for each node that is on a cycle, the same for nodes that are on cycles with each other.

    This is Tarjan, "Depth-first search and linear graph algorithms", 1972, without recursion.

    Args:
        arcs: For each node, the nodes that arcs lead to; none leads to its own start.

    Returns:
        The number of the component of each node on a cycle.

    Example:
        >>> strong_components([[1], [2], [1], [0]])
        {2: 2, 1: 2}
    """
    components: dict[int, int] = {}
    numbers = [0] * len(arcs)  # from 1, in the order in which nodes are found
    least = [0] * len(arcs)  # the least number that each node leads back to
    closed = len(arcs) + 1
    path: list[int] = []  # nodes whose component is not closed
    found = 0
    for root in range(len(arcs)):
        ways = [] if numbers[root] else [(root, iter(arcs[root]))]
        while ways:
            node, following = ways[-1]
            if not numbers[node]:
                found += 1
                numbers[node] = least[node] = found
                path.append(node)
            for target in following:
                if not numbers[target]:
                    ways.append((target, iter(arcs[target])))
                    break
            else:
                ways.pop()
                least[node] = min(least[node], min((least[target] for target in arcs[node]), default=closed))
                if least[node] == numbers[node]:
                    component = _cut(path, node)
                    for member in component:
                        least[member] = closed
                    if len(component) > 1:
                        components.update(dict.fromkeys(component, numbers[node]))
    return components


def _cut(path: list[int], node: int) -> list[int]:
    """Remove and return the end of a path, from a node on."""
    end = [path.pop()]
    while end[-1] != node:
        end.append(path.pop())
    return end
