"""Refuses options of steps that would have no effect, and params that send items to a port which nothing reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headwater.config.problems import quote
from headwater.graph.adaptation import fit_output
from headwater.graph.edges import PIPELINE_OUTPUT
from headwater.graph.plan import Adapter
from headwater.kinds.definition import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from headwater.config.problems import Problems
    from headwater.config.spec import StepSpec
    from headwater.graph.choices import Choice
    from headwater.graph.edges import Edge
    from headwater.graph.graph import Graph
    from headwater.types.reads import NeededWhen

__all__ = ["check_edges", "check_needed_ports", "check_options"]


def check_options(graph: Graph, choices: Mapping[str, Choice], problems: Problems) -> None:
    """Refuse `concurrency` and `ordered` for steps that cannot work on several items at a time."""
    for step_id, choice in choices.items():
        if graph.specs[step_id].concurrency > 1 and not _is_of_items(choice):
            message = f"step {step_id!r} cannot work on several items at a time, so 'concurrency' has no effect"
            hint = "remove it; it is for a function that takes one value and returns one"
            problems.add("no-concurrency", message, (*graph.place(step_id), "concurrency"), hint)
        if not graph.specs[step_id].ordered and not _may_overtake(graph.specs[step_id], choice):
            message = f"step {step_id!r} works on one item at a time, so 'ordered' has no effect"
            hint = "set 'concurrency' to more than 1, or remove 'ordered'"
            problems.add("no-concurrency", message, (*graph.place(step_id), "ordered"), hint)


def check_edges(
    graph: Graph, choices: Mapping[str, Choice], streamed: Callable[[], Mapping[str, Choice]], problems: Problems
) -> None:
    """Refuse bounds of edges that have no effect; `streamed` gives the choices for an input of many items."""
    bounded = [edge for edge in graph.edges if edge.spec.has_bounds]
    for edge in bounded:
        for key in ("buffer", "buffer_bytes") if edge.spec.on_full == "latest" else ():
            if getattr(edge.spec, key) is not None:
                message = f"{key!r} has no effect, as one item waits at most where 'on_full' is 'latest'"
                hint = 'remove it, or set "on_full": "drop_oldest"'
                problems.add("edge-option", message, (*edge.path, key), hint, at_key=True)
    unary = [edge for edge in bounded if not _may_stream(edge, choices)]
    if unary and graph.inputs:
        later = streamed()
        unary = [edge for edge in unary if not _may_stream(edge, later)]
    for edge in unary:
        key = "on_full" if edge.spec.on_full is not None else "buffer_bytes"
        message = f"'{edge}' carries one value, which always fits, so {key!r} has no effect"
        problems.add("edge-option", message, (*edge.path, key), "remove it", at_key=True)


def _may_stream(edge: Edge, choices: Mapping[str, Choice]) -> bool:
    """Return whether an edge carries a stream, or may: that of the input depends on the data."""
    writer = choices.get(edge.source.step)
    if writer is None:
        return True
    flow = writer.outputs[edge.source.port]
    if edge.target is not PIPELINE_OUTPUT:
        return flow.streaming
    fitting = fit_output(flow, edge.spec.adapt)
    return fitting is None or flow.streaming is (fitting.adapter is Adapter.NONE)


def check_needed_ports(graph: Graph, choices: Mapping[str, Choice], problems: Problems) -> None:
    """Report side ports that are not connected although a param sends items to them."""
    needed: dict[int, list[tuple[str, NeededWhen]]] = {}  # by methods, which thousands of steps may share
    for step_id, choice in choices.items():
        method = choice.method
        if (ports := needed.get(id(method))) is None:
            ports = [(port.name, port.needed) for port in method.outputs if port.needed is not None]
            needed[id(method)] = ports
        for port, when in ports:
            bound = graph.steps[step_id]
            read = {edge.source.port for edge in graph.edges_out_of(step_id)}
            if bound.has_params and port not in read and bound.value(when.param) == when.value:
                message = f"{when.param} is {when.value}, but the port {quote(port)} of step {quote(step_id)}"
                hint = f"add an edge from {quote(f'{step_id}.{port}')}, name it in the output, or set {when.param}"
                path = (*graph.place(step_id), "params", when.param)
                problems.add("unread-output", f"{message} is not connected", path, hint)


def _is_of_items(choice: Choice) -> bool:
    returns_one = choice.method.call in {Call.PLAIN, Call.COROUTINE}
    return returns_one and any(not part.port.streaming for part in choice.inputs)


def _may_overtake(spec: StepSpec, choice: Choice) -> bool:
    """Return whether the result of an item may be there before that of an earlier one."""
    return choice.method.batched or (spec.concurrency > 1 and _is_of_items(choice))
