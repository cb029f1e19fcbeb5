"""Checks of the types of edges and of the choice for a step; each yields its faults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.annotations import describe
from headwater.config.problems import Fault
from headwater.graph.adaptation import fit_output, fit_port, modes_differ
from headwater.graph.plan import Adapter
from headwater.kinds.definition import Call, Placement
from headwater.types.fit import Fit, check

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from headwater.graph.adaptation import Flow
    from headwater.graph.choices import Arrival, Choice, ResolvedInput
    from headwater.graph.edges import Edge
    from headwater.graph.graph import Graph
    from headwater.kinds.definition import Method, Port
    from headwater.kinds.task import Task
    from headwater.streams.frames import StreamType

_MOST_NAMED = 10

__all__ = ["faults_of_choice", "faults_of_edges", "faults_of_outputs", "faults_of_several_tasks", "faults_of_task"]


def faults_of_task(graph: Graph, step_id: str) -> Iterator[Fault]:
    """Yield a fault when a step does not have the task that the document names."""
    task = graph.specs[step_id].task
    if task is None:
        return
    known = {method.task.name for method in graph.steps[step_id].definition.methods if method.task is not None}
    if task not in known:
        message = f"step {step_id!r} has no task {task!r}; it has {', '.join(sorted(known)) or 'none'}"
        yield Fault("unknown-task", message, (*graph.place(step_id), "task"))


def faults_of_several_tasks(graph: Graph, step_id: str, fitting: Sequence[Choice]) -> Iterator[Fault]:
    """Yield a fault when methods of several tasks fit, and the document names none."""
    names = dict.fromkeys(way.method.task.name for way in fitting if way.method.task is not None)
    if graph.specs[step_id].task is None and len(names) > 1:
        message = f"step {step_id!r} has several tasks that fit here: {', '.join(map(repr, names))}"
        hint = f'give the step "task": "{next(iter(names))}", or another of them'
        yield Fault("ambiguous-task", message, graph.place(step_id), hint)


def faults_of_outputs(graph: Graph, choices: Mapping[str, Choice]) -> Iterator[Fault]:
    """Yield a fault for each edge to the pipeline's output whose adapter does not fit."""
    for edge in graph.outputs:
        writer = choices.get(edge.source.step)
        if edge.spec.adapt is None or writer is None:
            continue
        flow = writer.outputs[edge.source.port]
        if fit_output(flow, edge.spec.adapt) is None:
            writes = _described(flow.type, streaming=flow.streaming)
            message = f"{edge.source} writes {writes}, which the adapter {edge.spec.adapt!r} cannot convert"
            yield Fault("no-adapter", message, edge.path, _rule_to_declare(flow, None, edge.spec.adapt))


def faults_of_edges(step_id: str, method: Method, arrivals: Iterable[Arrival]) -> Iterator[Fault]:
    """Yield a fault for each edge into a step that does not fit one of its methods."""
    for arrival in arrivals:
        if arrival.in_tuples and arrival.is_partly_known:
            continue
        for edge, flow in zip(arrival.edges, arrival.fed, strict=True):
            if fit_port(flow, arrival.port, method.task, edge.spec.adapt, {}) is None:
                yield _unfit(edge, flow, arrival, step_id, method.task)
                if arrival.in_tuples:  # the other edges are part of the same tuples
                    break


def faults_of_choice(
    graph: Graph, step_id: str, choice: Choice, edges: Mapping[str, Sequence[Edge]]
) -> Iterator[Fault]:
    """Yield a fault for each missing header or footer, and for what cannot be mapped or run in a process."""
    for given in choice.inputs:
        yield from _adapters(step_id, given, edges[given.port.name])
        if given.port.streaming:
            yield from _frames(step_id, given, edges[given.port.name])
    yield from _placing(graph, step_id, choice)
    yield from _mapping(graph, step_id, choice)


def _adapters(step_id: str, given: ResolvedInput, edges: Sequence[Edge]) -> Iterator[Fault]:
    """Yield a fault for each edge that may be read in two ways, or else when merged edges need different adapters."""
    unclear = [
        (edge, fitting) for edge, fitting in zip(edges, given.fittings, strict=True) if fitting.rival is not None
    ]
    for edge, fitting in unclear:
        names = sorted(adapter.value for adapter in (fitting.adapter, fitting.rival) if adapter is not None)
        message = (
            f"port {given.port.name!r} of step {step_id!r} may read {edge.source} by {names[0]!r} or by {names[1]!r}"
        )
        hint = (
            f'write the edge as {{"from": "{edge.source}", "to": "{edge.target}", "adapt": "{names[0]}"}}, or the other'
        )
        yield Fault("ambiguous-adapter", message, edge.path, hint)
    first = given.fittings[0]
    other = next(
        (i for i, each in enumerate(given.fittings) if (each.adapter, each.rule) != (first.adapter, first.rule)), 0
    )
    if other and not unclear:
        adapters = f"{first.adapter.value!r} and {given.fittings[other].adapter.value!r}"
        message = (
            f"the edges merged at port {given.port.name!r} of step {step_id!r} need different adapters: {adapters}"
        )
        hint = "give the merged streams one type, or convert one of them in a step before"
        yield Fault("mixed-adapters", message, edges[other].path, hint)


def _unfit(edge: Edge, flow: Flow, arrival: Arrival, step_id: str, task: Task | None) -> Fault:
    port = arrival.port
    writes, reads = _described(flow.type, streaming=flow.streaming), _described(port.type, streaming=port.streaming)
    found = f"{edge.source} writes {writes}"
    if arrival.in_tuples:
        sources = [str(each.source) for each in arrival.edges]
        more = [f"{len(sources) - _MOST_NAMED} more"] if len(sources) > _MOST_NAMED else []
        named = f"{' and '.join([*sources[:_MOST_NAMED], *more])}"
        found = f"{named} together are tuples of {len(sources)} items" if more else f"{named} together are {writes}"
    message = f"{found}, but port {port.name!r} of step {step_id!r} reads {reads}"
    expected = port.type
    if flow.streaming and not port.streaming and task is not None and task.input_join is not None:
        expected = task.stream_input or expected
    if modes_differ(flow.type, expected):
        message += f", and {flow.type.mode}s are not {expected.mode}s"
        return Fault("mode-mismatch", message, edge.path, "declare a rule to_delta or to_snapshot on the stream type")
    if edge.spec.adapt is not None:
        message += f", which the adapter {edge.spec.adapt!r} cannot convert"
        return Fault("no-adapter", message, edge.path, _rule_to_declare(flow, task, edge.spec.adapt))
    return Fault("type-mismatch", message, edge.path, _missing_rule(flow, port, task))


def _missing_rule(flow: Flow, port: Port, task: Task | None) -> str:
    """Return what to do about types that do not match, with the rules of tasks that could be declared."""
    hint = "add a step between them that converts one into the other"
    if flow.streaming == port.streaming:
        return hint
    rule = "join" if flow.streaming else "split"
    rules = [
        f"{side}_{rule} of task {owner.name!r}"
        for side, owner in (("output", flow.task), ("input", task))
        if owner is not None and getattr(owner, f"{side}_{rule}") is None
    ]
    return f"declare {' or '.join(rules)}, or {hint}" if rules else hint


def _rule_to_declare(flow: Flow, task: Task | None, adapt: str) -> str:
    """Return what to do about an adapter that does not fit: declare the rule that is missing, or leave the choice."""
    if adapt in {"join", "split"}:
        rules = [f"output_{adapt} of task {flow.task.name!r}"] if flow.task is not None else []
        rules += [f"input_{adapt} of task {task.name!r}"] if task is not None else []
        if rules:
            return f"remove 'adapt', or declare {' or '.join(rules)}"
    return "remove 'adapt', or add a step between them that converts one into the other"


def _frames(step_id: str, given: ResolvedInput, edges: Sequence[Edge]) -> Iterator[Fault]:
    for part in ("header", "footer"):
        wanted = getattr(given.port.type, part)
        if wanted is not None:
            yield from _frame(step_id, given, edges, part, wanted)


def _frame(step_id: str, given: ResolvedInput, edges: Sequence[Edge], part: str, wanted: Any) -> Iterator[Fault]:
    brought = [(edge, getattr(flow.type, part)) for edge, flow in zip(edges, given.flows, strict=True)]
    having = [(edge, written) for edge, written in brought if written is not None]
    place = f"port {given.port.name!r} of step {step_id!r}"
    if not having:
        message = f"{place} reads a {part} {describe(wanted)}, but {edges[0].source} writes none"
        yield Fault(f"{part}-mismatch", message, edges[0].path, f"connect a stream that has a {part}")
    elif given.policy == "first" and len(having) < len(edges):
        edge = next(edge for edge, written in brought if written is None)
        message = f"{place} reads a {part} {describe(wanted)}, but {edge.source} may be first and writes none"
        yield Fault(f"{part}-mismatch", message, edge.path, f"connect streams that all have a {part}")
    elif given.policy == "first":
        for edge, written in having:
            if check(written, wanted) is Fit.NO:
                message = f"{place} reads a {part} {describe(wanted)}, but {edge.source} writes {describe(written)}"
                yield Fault(f"{part}-mismatch", message, edge.path)
    elif len(having) > 1:
        message = f"{place} reads one {part}, but {len(having)} of the streams merged there have one"
        yield Fault(f"merged-{part}s", message, having[1][0].path, f"keep the {part} of one of them only")
    elif getattr(given.met.type, part) is None:
        message = (
            f"{place} reads a {part}, but its edges are left when the shortest ends, before the {part} of a longer one"
        )
        yield Fault(f"merged-{part}s", message, having[0][0].path, 'let "unequal" be "fail" or "pad"')
    elif check(having[0][1], wanted) is Fit.NO:
        edge, written = having[0]
        message = f"{place} reads a {part} {describe(wanted)}, but {edge.source} writes {describe(written)}"
        yield Fault(f"{part}-mismatch", message, edge.path)


def _placing(graph: Graph, step_id: str, choice: Choice) -> Iterator[Fault]:
    plain = choice.method.call is Call.PLAIN and all(given.port.style == "value" for given in choice.inputs)
    if choice.placement is Placement.PROCESS and not plain:
        message = (
            f"step {step_id!r} has cpu=True, but only a function of values that returns a value can run in a process"
        )
        yield Fault("cpu-streams", message, graph.place(step_id), "return a list, or mark it blocking=True")


def _mapping(graph: Graph, step_id: str, choice: Choice) -> Iterator[Fault]:
    mapped = [given for given in choice.inputs if given.adapter is Adapter.MAP]
    if len(mapped) > 1:
        names = " and ".join(repr(given.port.name) for given in mapped)
        message = f"step {step_id!r} would be mapped over two streams at once, on its ports {names}"
        hint = "give it one stream and values, or let it read both as Stream"
        yield Fault("several-mapped", message, graph.place(step_id), hint)
    streams = [given for given in choice.inputs if given.port.streaming]
    if mapped and streams:
        over, whole = mapped[0].port.name, streams[0].port.name
        message = (
            f"step {step_id!r} would be mapped over its port {over!r}, but it reads its port {whole!r} as one stream,"
            " which ends with the first item"
        )
        hint = f"give port {over!r} one value, or let the step read it as Stream as well"
        yield Fault("mapped-beside-stream", message, graph.place(step_id), hint)
    framed = [port for port in choice.method.outputs if port.type.header is not None or port.type.footer is not None]
    if mapped and framed:
        types = framed[0].type
        part = f"footer {describe(types.footer)}" if types.header is None else f"header {describe(types.header)}"
        message = (
            f"step {step_id!r} is mapped over a stream, so it would write a {part} for each item, but a stream has one"
        )
        hint = "let it read the whole stream as Stream, or write that as an item or to a port of its own"
        yield Fault("mapped-header", message, graph.place(step_id), hint)


def _described(types: StreamType, *, streaming: bool) -> str:
    return f"a stream of {describe(types.item)}" if streaming else f"one {describe(types.item)}"
