"""The ports of a step that runs a nested pipeline, from the plans of the pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.config.nested.pipeline_param import NestedForm
from headwater.errors import ConfigError
from headwater.kinds.definition import Port
from headwater.kinds.outputs import Outputs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from headwater.api.compiled import CompiledPipeline
    from headwater.graph.plan import Plan, PlannedEdge

__all__ = ["forms_of"]


def forms_of(compiled: CompiledPipeline) -> tuple[NestedForm, ...]:
    """Return the ways to run a pipeline: for one value at each input, and for streams if it takes them differently."""
    timeout = compiled.loaded.spec.timeout
    timeout_s = None if timeout is None else timeout.total_s
    forms: list[NestedForm] = []
    for stream_input in (False, True):
        try:
            form = _form(compiled.plan(stream_input=stream_input), timeout_s)
        except ConfigError:  # it takes values alone
            continue
        if not any(_has_same_ports(form.inputs, known.inputs) for known in forms):
            forms.append(form)
    return tuple(forms)


def _form(plan: Plan, timeout_s: float | None) -> NestedForm:
    inputs = [_input(group.name, [plan.edges[index] for index in group.edges]) for group in plan.inputs]
    names = ["in"] if len(inputs) == 1 else [port.name for port in inputs]
    inputs = [_named(port, name) for port, name in zip(inputs, names, strict=True)]
    outputs = [_output(name, plan.edges[index]) for name, index in zip(plan.output_names, plan.outputs, strict=True)]
    if len(outputs) == 1:
        return NestedForm(plan, tuple(inputs), (_named(outputs[0], "out"),), None, timeout_s)
    outputs_type: Any = type("NestedOutputs", (Outputs,), {"__annotations__": {port.name: Any for port in outputs}})
    return NestedForm(plan, tuple(inputs), tuple(outputs), outputs_type, timeout_s)


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
    return [(port.name, port.streaming) for port in left] == [(port.name, port.streaming) for port in right]
