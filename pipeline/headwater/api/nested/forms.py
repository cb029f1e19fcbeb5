"""The ports of a step that runs a nested pipeline, from the plans of the pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from headwater.config.nested.pipeline_param import NestedForm
from headwater.config.policies.failure_specs import TimeoutSpec
from headwater.errors import ConfigError
from headwater.kinds.definition import Port
from headwater.kinds.outputs import Outputs
from headwater.streams.frames import StreamType

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from headwater.api.compiled import CompiledPipeline
    from headwater.graph.plan import Plan, PlannedEdge

__all__ = ["forms_of"]

_Header = TypeVar("_Header")
_Footer = TypeVar("_Footer")
_FRAMES = (StreamType(Any, _Header, _Footer), StreamType(Any, _Header), StreamType(Any, footer=_Footer))
"""What may flow around the steps inside that are mapped; the step around them binds the types."""


def forms_of(compiled: CompiledPipeline) -> tuple[NestedForm, ...]:
    """Return the ways to run a pipeline: for one value at each input, and for streams if it takes them differently."""
    timeout = compiled.loaded.spec.timeout or TimeoutSpec()
    forms: list[NestedForm] = []
    for plan in _plans(compiled):
        form = _form(plan, timeout)
        if not any(_has_same_ports(form.inputs, known.inputs) for known in forms):
            forms.append(form)
    return tuple(forms)


def _plans(compiled: CompiledPipeline) -> Iterator[Plan]:
    """Yield the plans for one value, then for streams: those whose header and footer come out again first."""
    yield compiled.plan(stream_input=False)
    try:
        plain = compiled.plan(stream_input=True)
    except ConfigError:  # it takes values alone
        return
    for frames in _FRAMES if len(plain.inputs) == 1 else ():
        try:
            plan = compiled.plan(stream_input=True, frames=frames)
        except ConfigError:  # a step inside needs a stream without them
            continue
        written = {getattr(plan.edges[index].type, name) for index in plan.outputs for name in ("header", "footer")}
        if written.isdisjoint({_Header, _Footer}):
            break
        yield plan
    yield plain


def _form(plan: Plan, timeout: TimeoutSpec) -> NestedForm:
    inputs = [_input(group.name, [plan.edges[index] for index in group.edges]) for group in plan.inputs]
    names = ["in"] if len(inputs) == 1 else [port.name for port in inputs]
    inputs = [_named(port, name) for port, name in zip(inputs, names, strict=True)]
    outputs = [_output(name, plan.edges[index]) for name, index in zip(plan.output_names, plan.outputs, strict=True)]
    if len(outputs) == 1:
        outputs = [_named(outputs[0], "out")]
        if not _may_be_skipped(plan):
            return NestedForm(plan, tuple(inputs), tuple(outputs), None, timeout.total_s, timeout.stall_s)
    outputs_type: Any = type("NestedOutputs", (Outputs,), {"__annotations__": {port.name: Any for port in outputs}})
    return NestedForm(plan, tuple(inputs), tuple(outputs), outputs_type, timeout.total_s, timeout.stall_s)


def _may_be_skipped(plan: Plan) -> bool:
    """Return whether one value may not reach the output of a pipeline, as its branch is not taken."""
    edge = plan.edges[plan.outputs[0]]
    if edge.streaming or edge.source is None:
        return edge.condition is not None and not edge.streaming
    writer = plan.step(edge.source)
    return edge.condition is not None or writer.skippable or writer.method.outputs_type is not None


def _input(name: str, edges: Sequence[PlannedEdge]) -> Port:
    """Return the port of an input; its readers inside check what comes, so the type of the first one is enough."""
    streaming = any(edge.streaming for edge in edges)
    first = next(edge for edge in edges if edge.streaming is streaming)
    return Port(_port_name(name), first.type, streaming, "stream" if streaming else "value")


def _output(name: str, edge: PlannedEdge) -> Port:
    return Port(_port_name(name), edge.type, edge.streaming)


def _named(port: Port, name: str) -> Port:
    return Port(name, port.type, port.streaming, port.style)


def _port_name(name: str) -> str:
    """Return the name of an input or output, such as `split.left`, as the name of a port."""
    return name.replace(".", "_")


def _has_same_ports(left: Iterable[Port], right: Iterable[Port]) -> bool:
    return [*map(_signature, left)] == [*map(_signature, right)]


def _signature(port: Port) -> tuple[str, bool, bool, bool]:
    return port.name, port.streaming, port.type.header is None, port.type.footer is None
