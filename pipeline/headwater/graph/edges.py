"""The edges of a pipeline and their ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from headwater.config.problems import JsonPath
from headwater.config.spec import EdgeSpec

__all__ = ["PIPELINE_INPUT", "PIPELINE_OUTPUT", "Edge", "End", "group_edges", "make_end"]


class End(NamedTuple):
    """One end of an edge: the id of a step and its port, or `input` or `output` without a port for the pipeline's own.

    In text, the port follows the id after a dot.
    """

    step: str
    port: str

    def __str__(self) -> str:
        return f"{self.step}.{self.port}" if self.port else self.step


make_end: Callable[[tuple[str, str]], End] = partial(tuple.__new__, End)  # pyright: ignore[reportUnknownMemberType]  # of any
"""Makes an end in half the time that `End` takes, where there may be 100,000."""

PIPELINE_INPUT = End("input", "")
"""Where the data that an execution is given enters."""

PIPELINE_OUTPUT = End("output", "")
"""Where the results of an execution leave."""


@dataclass(slots=True)  # not frozen, which would take three times as long for each of 50,000
class Edge:
    """What joins two ports; never changed."""

    index: int
    source: End
    target: End
    spec: EdgeSpec
    path: JsonPath

    def __str__(self) -> str:
        return f"{self.source} -> {self.target}"


def group_edges(edges: Iterable[Edge], into: dict[str, list[Edge]], out_of: dict[str, list[Edge]]) -> None:
    """Add edges, in their order, to those into and out of the steps that they join."""
    for edge in edges:
        into.setdefault(edge.target.step, []).append(edge)
        out_of.setdefault(edge.source.step, []).append(edge)
