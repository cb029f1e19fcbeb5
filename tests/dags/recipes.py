"""Recipes of random pipelines, as data, and the documents that they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

__all__ = ["MAPPED", "REPLAYED", "SOURCES", "SPREADING", "THROUGH", "Node", "Recipe", "recipes"]

SOURCES = ("dags.source", "dags.source_again", "dags.thread_source")
MAPPED = ("dags.plain", "dags.later", "dags.thread")
SPREADING = ("dags.spread", "dags.spread_again", "dags.plain_spread")
THROUGH = ("dags.through", "dags.through_again", "dags.thread_through")
REPLAYED = frozenset(
    {"dags.source_again", "dags.thread_source", "dags.spread_again", "dags.plain_spread", "dags.through_again"}
)
MERGES = ("interleave", "concat", "zip")


@dataclass(frozen=True)
class Node:
    """A step: its kind and params, the nodes that it reads, and what its document says beside that."""

    kind: str
    params: dict[str, int]
    reads: tuple[int, ...] = ()
    merge: str | None = None
    attempts: int = 1
    on_error: Any = "fail"
    concurrency: int = 1
    when: tuple[int | None, ...] = ()  # by edge: an item passes if it is at least this
    buffers: tuple[int, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """A pipeline: nodes, each after those that it reads."""

    nodes: tuple[Node, ...]
    cancel_at: int | None = field(default=None)  # the number of the event at which it is cancelled

    def document(self) -> dict[str, Any]:
        """Return the document of the pipeline; what nothing reads is its output."""
        steps, edges, read = [], [], set[int]()
        for place, node in enumerate(self.nodes):
            steps.append(_step(place, node))
            for source, when, buffer in zip(node.reads, node.when, node.buffers, strict=True):
                read.add(source)
                condition = {} if when is None else {"when": {"ge": when}}
                edges.append({"from": f"n{source}", "to": f"n{place}", "buffer": buffer, **condition})
        output = [f"n{place}" for place in range(len(self.nodes)) if place not in read]
        output += [f"n{place}.errors" for place, node in enumerate(self.nodes) if node.on_error == "dead_letter"]
        return {"name": "random", "steps": steps, "edges": edges, "output": output}


def _step(place: int, node: Node) -> dict[str, Any]:
    step: dict[str, Any] = {"id": f"n{place}", "kind": node.kind, "params": node.params}
    if node.merge is not None:
        step["merge"] = {"policy": "zip", "unequal": "pad", "pad": 0} if node.merge == "zip" else node.merge
    if node.attempts > 1:
        step["retry"] = {"attempts": node.attempts, "backoff_s": 0}
    if node.on_error != "fail":
        step["on_error"] = node.on_error
    if node.concurrency > 1:
        step["concurrency"] = node.concurrency
    return step


@st.composite
def _nodes(draw: st.DrawFn, place: int, streams: list[int], values: list[int], mapped: Sequence[str]) -> Node:
    """Draw a node that may read the nodes before it, of which some write streams and some one value."""
    kinds = ["source"]
    if streams:
        kinds += ["mapped", "mapped", "spread", "through", "total"] + (["merged"] if len(streams) > 1 else [])
    if values:
        kinds += ["of value"]
    kind = draw(st.sampled_from(kinds)) if place else "source"
    attempts = draw(st.sampled_from([1, 1, 2, 3]))
    times = draw(st.sampled_from([0, 0, 0, 0, 0, 1, 1, 2, 9]))
    if kind == "source":
        params = {"first": draw(st.integers(0, 50)), "items": draw(st.integers(0, 12))}
        params |= {"at": draw(st.integers(0, 12)), "times": times}
        return Node(draw(st.sampled_from(SOURCES)), params, attempts=attempts)
    if kind == "merged":
        reads = draw(st.lists(st.sampled_from(streams), min_size=2, max_size=2, unique=True))
        merge = draw(st.sampled_from(MERGES))
        if merge == "zip":
            return Node("dags.pair", {}, tuple(reads), "zip", **draw(_edges(2, conditions=False)))
        return draw(_mapped(tuple(reads), merge, attempts=attempts, times=times, kinds=mapped))
    source = draw(st.sampled_from(values if kind == "of value" else streams))
    if kind in {"mapped", "of value"}:
        return draw(_mapped((source,), None, attempts=attempts, times=times, kinds=mapped))
    if kind == "spread":
        params = {"bad": draw(st.integers(0, 5)), "times": times, "at": draw(st.integers(0, 2))}
        on_error = draw(st.sampled_from(["fail", "fail", "skip_item", "dead_letter"]))
        spread = draw(st.sampled_from(SPREADING))
        return Node(spread, params, (source,), None, attempts, on_error, **draw(_edges(1)))
    if kind == "through":
        params = {"at": draw(st.integers(0, 12)), "times": times}
        return Node(draw(st.sampled_from(THROUGH)), params, (source,), None, attempts, **draw(_edges(1)))
    on_error = draw(st.sampled_from(["fail", {"value": 7}]))
    return Node("dags.total", {"times": times}, (source,), None, attempts, on_error, **draw(_edges(1)))


@st.composite
def _mapped(
    draw: st.DrawFn, reads: tuple[int, ...], merge: str | None, *, attempts: int, times: int, kinds: Sequence[str]
) -> Node:
    policies: list[Any] = ["fail", "fail", "skip_item", "dead_letter", {"value": 7}]
    policies.append({"fallback": {"kind": "dags.negative"}})
    return Node(
        draw(st.sampled_from(kinds)),
        {"bad": draw(st.integers(0, 5)), "times": times},
        reads,
        merge,
        attempts,
        draw(st.sampled_from(policies)),
        draw(st.sampled_from([1, 1, 3])),
        **draw(_edges(len(reads))),
    )


@st.composite
def _edges(draw: st.DrawFn, size: int, *, conditions: bool = True) -> dict[str, Any]:
    thresholds = st.sampled_from([None, None, None, 3, 20]) if conditions else st.none()
    when = draw(st.tuples(*[thresholds] * size))
    buffers = draw(st.tuples(*[st.sampled_from([1, 2, 256])] * size))
    return {"when": when, "buffers": buffers}


@st.composite
def recipes(draw: st.DrawFn, *, most: int = 9, mapped: Sequence[str] = MAPPED) -> Recipe:
    """Draw a pipeline of a few steps, which may be cancelled at one of its events."""
    nodes: list[Node] = []
    streams: list[int] = []
    values: list[int] = []
    for place in range(draw(st.integers(1, most))):
        node = draw(_nodes(place, streams, values, mapped))
        nodes.append(node)
        of_value = bool(node.reads) and node.reads[0] in values
        (values if node.kind == "dags.total" or of_value else streams).append(place)
    cancel_at = draw(st.one_of(st.none(), st.none(), st.integers(1, 40)))
    return Recipe(tuple(nodes), cancel_at)
