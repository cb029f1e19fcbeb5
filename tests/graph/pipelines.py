"""Small pipelines for the tests of graphs: definitions by their ports, documents by their edges."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from headwater.config.problems import Problems
from headwater.config.spec import EdgeSpec, PipelineSpec, StepSpec
from headwater.errors import Problem
from headwater.graph.build import build_graph
from headwater.graph.checks.deadlocks import check_deadlocks
from headwater.graph.graph import Graph
from headwater.graph.resolve import resolve
from headwater.kinds.definition import BoundStep, Call, Method, Origin, Placement, Port, StepDefinition
from headwater.kinds.task import Flavor
from headwater.streams.frames import StreamType


class NoParams(BaseModel):
    pass


def method(inputs: str = "", outputs: str = "out", *, flavor: Flavor = Flavor.STREAM_STREAM) -> Method:
    """Return a method with these ports of texts; an input that ends with `?` is optional."""

    def port(name: str, streaming: bool) -> Port:
        return Port(name.rstrip("?"), StreamType(str), streaming, required=not name.endswith("?"))

    return Method(
        function=print,
        name="",
        call=Call.ASYNC_GENERATOR,
        inputs=tuple(port(name, flavor.streams_in) for name in inputs.split()),
        outputs=tuple(port(name, flavor.streams_out) for name in outputs.split()),
        flavor=flavor,
    )


def kind(*methods: Method) -> StepDefinition:
    """Return a kind with these methods."""
    return StepDefinition("test.kind", methods, NoParams, Placement.INLINE, Origin("tests", "kind", "tests.py", 1))


STREAM, VALUE = Port("items", StreamType(str), streaming=True), Port("item", StreamType(str), streaming=False)
WHOLE = Port("table", StreamType(list[str]), streaming=False)

KINDS = {
    "source": kind(method()),
    "pass": kind(method("items")),
    "map": kind(method("item", flavor=Flavor.UNARY_UNARY)),
    "count": kind(method("items", flavor=Flavor.STREAM_UNARY)),
    "gather": kind(replace(method("items", flavor=Flavor.STREAM_UNARY), outputs=(WHOLE,))),
    "join": kind(method("left right")),
    "lookup": kind(replace(method("items"), inputs=(STREAM, WHOLE))),
    "scale": kind(replace(method("item"), inputs=(VALUE, replace(VALUE, name="by")), flavor=Flavor.UNARY_UNARY)),
    "option": kind(method("left right?")),
    "split": kind(method("items", "good bad")),
    "sink": kind(method("items", "")),
    "both": kind(method("text", flavor=Flavor.UNARY_UNARY), method("texts")),
}


def _edge(text: str) -> EdgeSpec:
    source, target = text.split(" -> ")
    return EdgeSpec(source, target)


def build(steps: str, edges: str | None = None, **document: Any) -> tuple[Graph, tuple[Problem, ...]]:
    """Build the graph of a document.

    Args:
        steps: Ids, each a name of `KINDS` with digits behind it; of another name it is a step that could not be bound.
        edges: Edges as a document has them, separated by commas; None for a chain.
        document: `output`, and `merge` by the id of a step.
    """
    merge: dict[str, Any] = document.get("merge", {})
    specs = [StepSpec(step, "test.kind", merge=merge.get(step)) for step in steps.split()]
    names = {spec.id: spec.id.rstrip("0123456789") for spec in specs}
    bound = {step: BoundStep(KINDS[name]) for step, name in names.items() if name in KINDS}
    written = None if edges is None else [_edge(edge) for edge in edges.split(", ") if edge]
    problems = Problems()
    graph = build_graph(PipelineSpec("test", specs, edges=written, output=document.get("output")), bound, problems)
    if not problems:
        streamed = [edge.index for edge in graph.inputs] if document.get("stream_input") else []
        choices = resolve(graph, problems, streamed=streamed)
        check_deadlocks(graph, choices, problems, stream_input=document.get("stream_input", False))
    return graph, problems.listed()
